"""Lines of JSON in a small file beside an output, which a person may edit and a person's doing adds to.

A last line that lacks only its newline is one, as an editor may leave it; one that is not whole is being written.
"""

import contextlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import msgspec

from asyncgen.denied import explain
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.append_file import AppendFile, sync_directory
from asyncgen.output.paths import torn_path


def read_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, line) of each whole line; none of a file that is not there. Raises ConfigError."""
    offset = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                begin = len(BOM_UTF8) if number == 1 and line.startswith(BOM_UTF8) else 0
                if line.endswith(b"\n") or _is_whole(line[begin:]):
                    yield number, offset + begin, line[begin:]
                offset += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def append_lines(path: Path, lines: bytes) -> None:
    """All or none; they are on disk when this returns. Raises OutputError."""
    try:
        with contextlib.closing(AppendFile(path)) as file:
            if last := file.read_behind(b""):
                if _is_whole(last):
                    lines = b"\n" + lines
                else:
                    with torn_path(path).open("ab") as torn:
                        torn.write(last + b"\n")
                    file.synced -= len(last)
                    file.cut()  # it was never confirmed, and would spoil the next line
            try:
                file.append(lines)
                file.sync()
            except OSError:
                file.cut()
                raise
        sync_directory(path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {explain(error)}") from error


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line.removeprefix(BOM_UTF8))
    except (ValueError, RecursionError):
        return False
    return True
