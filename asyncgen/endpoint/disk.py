"""Files that go to an endpoint or come from one: their owner's alone, and whole when they have their name.

What a disk says is an OutputError here: it is no word of a connection's, and repeating a call mends nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from asyncgen.errors import OutputError

CHUNK = 2**20  # bytes of a file in memory
OWNER_ONLY = 0o600


class FilePart(NamedTuple):
    """The first `size` bytes of a file as a part of a body, with another byte for each newline."""

    path: Path
    size: int
    line_end: bytes = b"\n"


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{error.filename or path}: cannot be used ({error.strerror})") from None


def file_part(path: Path, line_end: bytes = b"\n", *, but: int = 0) -> FilePart:
    """A whole file, without so many bytes at its end."""
    with on_disk(path):
        return FilePart(path, path.stat().st_size - but, line_end)


def append(path: Path, data: bytes, *, anew: bool = False) -> None:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
    with on_disk(path), os.fdopen(os.open(path, flags, OWNER_ONLY), "wb") as file:
        file.write(data)


def part_of(path: Path) -> Path:
    """Where a file is written that is to have that name."""
    return path.with_name(f".{path.name}.part")


def name_whole(part: Path, path: Path) -> None:
    """Give a file its name when it has reached the disk: who finds that name, after whatever crash, finds all of it."""
    with on_disk(path):
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
