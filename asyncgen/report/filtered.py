"""What a filter has kept and dropped, in a terminal."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from asyncgen.audit.filter import Result
from asyncgen.data.dataset import Dataset
from asyncgen.screen.rows import command_line, export_line, plain_console, print_copied
from asyncgen.text import one_line


def print_filter(dataset: Dataset, result: Result, clean: Path) -> None:
    """What went where and why. `clean`: where the lines that stay were asked for, in one file or in parts."""
    console = plain_console()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("input", f"{result.lines:,}", one_line(str(dataset.paths.output)))
    for reason, count in result.dropped.items():
        table.add_row("dropped", f"{count:,}", reason)
    for path, count in result.kept.items():
        table.add_row("written", f"{count:,}", one_line(str(path)))
    console.print(table)
    console.print(Text(f"{sum(result.kept.values()):,} of {result.lines:,} lines kept", style="bold"))
    print_copied(console, "next", command_line("audit", next(iter(result.kept))))
    print_copied(console, "next", export_line(clean, is_parted=len(result.kept) > 1))
