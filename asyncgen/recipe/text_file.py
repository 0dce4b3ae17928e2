"""Text of a file or a pipe, or why there is none: what has no end, is no UTF-8 or is too large is not read."""

import io
import os
import stat
from pathlib import Path

MOST_BYTES = 16 * 1024 * 1024  # of a recipe's file or a knowledge base


class UnreadableError(Exception):
    """Why a file is no text that can be used, as the end of a sentence. `line`: 0 where none is at fault."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def read_file(path: Path) -> str:
    """The whole text, without a byte order mark, with line feeds only."""
    content = read_bytes(path, MOST_BYTES)
    try:
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is not UTF-8 (byte {error.start}): save it as UTF-8") from error


def read_bytes(path: Path, most: int) -> bytes:
    """All of a file or a pipe that has at most so many."""
    try:
        # A pipe that nobody writes to would keep `open` waiting.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
                raise UnreadableError("is no ordinary file")
            os.set_blocking(file.fileno(), True)
            content = file.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnreadableError("cannot be read: no path holds a NUL") from error
    if len(content) > most:
        raise UnreadableError(f"is larger than {most:,} bytes, more than any model reads")
    return content


def strip_blank_lines(text: str) -> str:
    lines = text.split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return "\n".join(lines[filled[0] : filled[-1] + 1]) if filled else ""
