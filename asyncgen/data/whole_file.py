"""Files that appear whole or not at all: written beside their name, synced, then renamed.

Several are renamed together, after all of them are synced, so that a split never leaves one half of itself behind.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from asyncgen.denied import explain
from asyncgen.errors import OutputError
from asyncgen.output.append_file import sync_directory


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Raises OutputError when it cannot be written."""
    with whole_files([path]) as (file,):
        yield file


@contextlib.contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Open files, readable by their owner only, that take these names when the block ends well.

    Raises OutputError when one cannot be written; what bore its name before is then untouched.
    """
    try:
        with contextlib.ExitStack() as stack:  # inside: a file that could not be written cannot be closed either
            parts = [_Beside(path, stack) for path in paths]
            yield [each.file for each in parts]
            for each in parts:
                each.finish()
            for each in parts:
                each.rename()
            for folder in {path.parent for path in paths}:
                sync_directory(folder)
    except OSError as error:
        raise OutputError(f"{paths[0]}: cannot be written: {explain(error)}") from error


class _Beside:
    """A file under another name in the same folder, removed unless it is renamed."""

    def __init__(self, path: Path, stack: contextlib.ExitStack) -> None:
        self._path = path
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)  # owner-only
        self._part = Path(name)
        stack.callback(self._part.unlink, missing_ok=True)
        self.file = stack.enter_context(os.fdopen(descriptor, "wb"))

    def finish(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()

    def rename(self) -> None:
        self._part.replace(self._path)
