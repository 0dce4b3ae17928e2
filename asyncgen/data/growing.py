"""The whole lines of a file that may be growing, each once, in pieces.

Only what ends in a newline is a line, because the rest of it may still be on its way. A file that has become shorter,
or whose name now leads to another one, is not the file that was read: who reads it has to begin anew.
"""

import os
from pathlib import Path
from typing import BinaryIO

PIECE = 256 * 1024  # bytes


class ReplacedError(Exception):
    """What has been read of the file is not in it any more."""


class GrowingFile:
    """`offset`: how much has been read. `size`: what was there at the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.size = 0
        self._file: BinaryIO | None = None
        self._identity = (0, 0)
        self._lacks_newline = False

    def look(self) -> None:
        """Bring `size` up to date. Raises ReplacedError, and OSError; a file not there yet is an empty one."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            if self._file is not None:
                raise
            return
        if self._file is None:
            self._file = self.path.open("rb")
            self._identity = (status.st_dev, status.st_ino)
        if (status.st_dev, status.st_ino) != self._identity or status.st_size < self.offset:
            raise ReplacedError
        if self.offset and not self._lacks_newline and os.pread(self._file.fileno(), 1, self.offset - 1) != b"\n":
            raise ReplacedError  # an edit in place hardly ever leaves the end of a line where it was
        self.size = status.st_size

    def read_lines(self) -> list[tuple[int, bytes]]:
        """The next lines with their offsets, about a piece of them; none when there is no more before `size`."""
        if self._file is None or self.offset >= self.size:
            return []
        self._file.seek(self.offset)
        if self._lacks_newline:
            if self._file.read(1) != b"\n":
                raise ReplacedError
            self.offset += 1
            self._lacks_newline = False
        lines = []
        for line in self._file.readlines(min(PIECE, self.size - self.offset)):
            if not line.endswith(b"\n"):
                break
            lines.append((self.offset, line))
            self.offset += len(line)
        return lines

    def read_unfinished(self) -> bytes:
        """What stands behind the last newline."""
        if self._file is None or self._lacks_newline:
            return b""
        return os.pread(self._file.fileno(), max(self.size - self.offset, 0), self.offset)

    def take_unfinished(self, line: bytes) -> None:
        """Count this as read: it is a line that only lacks its newline."""
        self.offset += len(line)
        self._lacks_newline = True

    def read_between(self, start: int, stop: int) -> bytes:
        return b"" if self._file is None else os.pread(self._file.fileno(), stop - start, start)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
