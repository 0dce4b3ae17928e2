"""What every summary is made of: rows of a label and a value, and the commands that come next."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asyncgen.program import program
from asyncgen.text import one_line, printable

LABEL_WIDTH = 9  # columns


def plain_console(*, stderr: bool = False) -> Console:
    """Prints text as it is: what looks like markup in it is the user's, a model's or a server's."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def labelled_grid(rows: Mapping[str, str] | Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows.items() if isinstance(rows, Mapping) else rows:
        table.add_row(label, Text(printable(value)))
    return table


def tally_grid(rows: Iterable[tuple[str, str, str]]) -> Table:
    """Rows of a label, a count and a text."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for label, count, text in rows:
        table.add_row(label, count, one_line(text))
    return table


def labelled(label: str, value: Text) -> Text:
    return Text.assemble((f"{label:<{LABEL_WIDTH}}", "dim"), value)


def print_copied(console: Console, label: str, value: str) -> None:
    """A row to be copied: no line break of ours may enter it."""
    console.print(labelled(label, Text(one_line(value))), soft_wrap=True)


def export_line(output: Path, *, is_parted: bool = False) -> str:
    """What makes of an output, or of the parts it was filtered into, what trainers load."""
    target = output.with_name(f"{output.stem}.messages{'' if is_parted else '.jsonl'}")
    return command_line("export", output, "-o", target)


def command_line(command: str, *arguments: str | Path) -> str:
    """A command of ours as it is typed here."""
    words = [near(each) if isinstance(each, Path) else each for each in arguments]
    return f"{program()} {shlex.join([command, *words])}"


def near(path: Path) -> str:
    """A path as one types it: without what leads to this folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
