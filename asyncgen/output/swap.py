"""An output in which lines are replaced: journal, output and rejects change as one.

Each is written whole under another name, and synced. Then the journal takes its name, by which it is done, and the
others follow. Who finds them after a kill knows by the journal's other name, which is made first and goes first,
whether they are to take theirs or to be dropped.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from asyncgen.denied import explain
from asyncgen.errors import OutputError
from asyncgen.output.append_file import sync_directory
from asyncgen.output.journal import Mark, entry_or_none
from asyncgen.output.paths import OutputPaths, next_path

_MOST_OF_A_MARK = 1000  # bytes, far more than one has


class Parts(NamedTuple):
    """What is to stand in each file from its beginning on."""

    journal: BinaryIO
    output: BinaryIO
    rejects: BinaryIO


@contextmanager
def swapped(paths: OutputPaths) -> Iterator[Parts]:
    """Files that take the names of the output's, all of them or none, when the block ends well. Raises OutputError."""
    settle(paths)
    try:
        with ExitStack() as stack:
            journal, output, rejects = (_open(each, stack) for each in (paths.journal, paths.output, paths.rejects))
            yield Parts(journal, output, rejects)
            for file in (rejects, output, journal):
                file.flush()
                os.fsync(file.fileno())
        sync_directory(paths.output.parent)
        _take_name(paths.journal)
        settle(paths)
    except OSError as error:
        raise OutputError(f"{error.filename or paths.output}: cannot be replaced: {explain(error)}") from error
    finally:
        if next_path(paths.journal).exists():
            settle(paths)


def settle(paths: OutputPaths) -> None:
    """End what a kill has interrupted: all names are taken where the journal's is, else none. Raises OutputError."""
    others = [each for each in (paths.output, paths.rejects) if next_path(each).exists()]
    try:
        if next_path(paths.journal).exists():
            for each in others:
                next_path(each).unlink()
            sync_directory(paths.output.parent)
            next_path(paths.journal).unlink()
        elif others and (mark := _last_mark(paths.journal)) is not None:
            for path, size in ((paths.output, mark.output), (paths.rejects, mark.rejects)):
                if path in others and next_path(path).stat().st_size == size:  # a stranger's has another
                    _take_name(path)
    except OSError as error:
        raise OutputError(f"{error.filename or paths.output}: cannot be replaced: {explain(error)}") from error


def _last_mark(journal: Path) -> Mark | None:
    """The mark that a journal ends with."""
    if not journal.is_file():
        return None
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - _MOST_OF_A_MARK))
        entry = entry_or_none(file.read().rpartition(b"\n")[0].rpartition(b"\n")[2])
    return entry if isinstance(entry, Mark) else None


def _open(path: Path, stack: ExitStack) -> BinaryIO:
    """The other name is on disk before the next one is made."""
    file = stack.enter_context(next_path(path).open("wb"))
    next_path(path).chmod(0o600)
    if path.exists():
        shutil.copymode(path, next_path(path))
    sync_directory(path.parent)
    return file


def _take_name(path: Path) -> None:
    next_path(path).replace(path)
    sync_directory(path.parent)
