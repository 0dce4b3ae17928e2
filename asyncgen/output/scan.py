"""One pass over an output, line by line: what is whole, what is torn, and by which digest the journal knows it."""

from collections.abc import Iterator
from pathlib import Path

from asyncgen.conversation import (
    Conversation,
    LineHash,
    NotAConversationError,
    decode_line,
    digest_conversation,
)
from asyncgen.errors import ConfigError
from asyncgen.output.grades import digest_grade
from asyncgen.output.journal import CONVERSATIONS, JUDGEMENTS, Mark
from asyncgen.output.match import NumberedLine
from asyncgen.output.mend import Patch, is_line_start, read_from


class LineError(ConfigError):
    """A line that is no run's, or none at all: who deletes it can go on."""


class Scan:
    """One pass over the output. `mark`: the newest one, None when there is no journal or nothing has been written.

    When the user has edited the file the mark no longer falls on the start of a line. Then every line is taken as it
    is, and only a last one without its newline is treated as torn. `anew`: how to begin without it, if one may.
    """

    def __init__(
        self,
        path: Path,
        mark: Mark | None,
        line_hash: LineHash,
        kind: str = CONVERSATIONS,
        *,
        tolerant: bool = False,
        anew: str = "",
    ) -> None:
        self._path = path
        self._line_hash = line_hash
        self._kind = kind
        self._mark = mark.output if mark is not None and is_line_start(path, mark.output) else None
        self._tolerant = tolerant
        self._anew = anew
        self._behind: list[tuple[bytes, bool]] = []
        self._newline_lacks_at: int | None = None
        self.unfinished: int | None = None

    def digests(self) -> Iterator[NumberedLine]:
        """(line number, digest) of each conversation. Raises ConfigError for a damaged line before the mark."""
        for number, offset, line in _lines(self._path):
            digest = digest_line(line, self._kind, self._line_hash)
            if self._mark is not None and offset >= self._mark:
                self._behind.append((line, digest is not None))
            elif digest is None and line.strip():
                if not line.endswith(b"\n"):
                    self.unfinished = offset
                elif not self._tolerant:
                    what = self._kind.removesuffix("s")
                    raise LineError(
                        f"{self._path}: line {number} (byte {offset}) is not a {what}: mend or delete it{self._anew}"
                    )
            elif not line.endswith(b"\n"):
                self._newline_lacks_at = offset + len(line.rstrip(b"\0"))
            if digest is not None:
                yield number, digest

    def patch(self) -> Patch | None:
        """What makes the end whole; call it after `digests` has run out."""
        if self.unfinished is not None:
            return Patch(self._path, self.unfinished, b"", read_from(self._path, self.unfinished))
        if self._newline_lacks_at is not None:
            return Patch(self._path, self._newline_lacks_at, b"\n", read_from(self._path, self._newline_lacks_at))
        if self._mark is None or not self._behind:
            return None
        whole = b"".join(line.rstrip(b"\0\n") + b"\n" for line, is_whole in self._behind if is_whole)
        return Patch(self._path, self._mark, whole, b"".join(line for line, _ in self._behind))


def digest_line(line: bytes, kind: str, line_hash: LineHash) -> bytes | None:
    """By which the journal knows a line of an output of that kind; None when it is not whole."""
    if kind == JUDGEMENTS:
        try:
            return digest_grade(line.rstrip(b"\0"))
        except ValueError:
            return None
    conversation = read_line(line)
    return None if conversation is None else digest_conversation(conversation, line_hash)


def read_line(line: bytes) -> Conversation | None:
    """The conversation of a line, None when it is not whole."""
    # A page that never reached the disk reads as zeros. In a line they may join two into a plausible one; at the end of
    # the file it is only the newline that is not there.
    line = line.rstrip(b"\0")
    if b"\0" in line:
        return None
    try:
        return decode_line(line)
    except NotAConversationError:
        return None


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, line) of each line, the last perhaps without its newline; none for a file that is not there."""
    if not path.is_file():
        return
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield number, offset, line
            offset += len(line)
