"""How far a pass over an output has come: a bar on a terminal, nothing without one."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from asyncgen.screen.rows import plain_console

# What is being done, how much of it, and of how much in all: 0 if nobody knows.
Advance: TypeAlias = Callable[[str, int, int], None]


def unseen(_what: str, _done: int, _of: int) -> None:
    """For those who show nothing."""


@contextlib.contextmanager
def shown_progress() -> Iterator[Advance]:
    """A bar on stderr for as long as the block lasts; it leaves nothing behind."""
    if not sys.stderr.isatty():
        yield unseen
        return
    console = plain_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        current = ""

        def advance(what: str, done: int, of: int) -> None:
            nonlocal current
            if what != current:
                progress.reset(task, description=what)
                current = what
            progress.update(task, completed=done, total=of or None)

        yield advance
