"""Lines that a person's doing adds to a small file beside an output, each on disk before it is believed."""

import contextlib
from pathlib import Path

from asyncgen.errors import OutputError
from asyncgen.output.files import AppendFile, sync_directory


def append_lines(path: Path, lines: bytes) -> None:
    """All or none; they are on disk when this returns. Raises OutputError."""
    try:
        with contextlib.closing(AppendFile(path)) as file:
            file.synced -= len(file.read_behind(b""))
            file.cut()  # what stands behind the last newline was never confirmed, and would spoil the next line
            try:
                file.append(lines)
                file.sync()
            except OSError:
                file.cut()
                raise
        sync_directory(path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
