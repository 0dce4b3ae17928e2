"""A console for whatever a run says, on a terminal or off one."""

from typing import TextIO, cast

from rich.console import Console

from asyncgen.screen.printer import Printer

MAX_UNSAID = 100  # messages kept while the terminal takes none


def make_console(output: Printer, width: int | None = None) -> Console:
    return Console(file=cast("TextIO", output), width=width, markup=False, emoji=False, highlight=False)
