"""What a filter has kept and dropped, in a terminal."""

from pathlib import Path

from rich.text import Text

from asyncgen.audit.filter import Result
from asyncgen.data.dataset import Dataset
from asyncgen.output.paths import OutputPaths
from asyncgen.report.status import pending_rows
from asyncgen.screen.rows import command_line, export_line, plain_console, print_copied, tally_grid
from asyncgen.text import quantity


def print_filter(dataset: Dataset, result: Result, clean: Path, *, unjudged: int = 0) -> None:
    """What went where and why. `clean`: where the lines that stay were asked for, in one file or in parts.

    `unjudged`: lines of which no judge has said anything, where that was asked for.
    """
    console = plain_console()
    rows = [("input", f"{result.lines:,}", str(dataset.paths.output))]
    rows += pending_rows(dataset)
    rows += [("dropped", f"{count:,}", reason) for reason, count in result.dropped.items()]
    if unjudged:
        rows.append(
            ("not judged", f"{unjudged:,}", "of the input, which stay as far as nothing else speaks against them")
        )
    rows += [("written", f"{count:,}", str(path)) for path, count in result.kept.items()]
    console.print(tally_grid(rows))
    console.print(Text(f"{sum(result.kept.values()):,} of {quantity(result.lines, 'line')} kept", style="bold"))
    print_copied(console, "next", command_line("audit", next(iter(result.kept))))
    is_parted = len(result.kept) > 1
    # CLEAN stands for its parts where no file has that name.
    if is_parted and OutputPaths.of(clean).output.exists():
        for path in result.kept:
            print_copied(console, "next", export_line(path))
    else:
        print_copied(console, "next", export_line(clean, is_parted=is_parted))
