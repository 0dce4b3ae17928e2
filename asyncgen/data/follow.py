"""An output and its journal read side by side while a run may be writing both.

Journal before output, because a line is journalled before it is written. What is read comes in pieces of a few
milliseconds; nothing is kept of a line but what waits for its other half.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from asyncgen.conversation import Conversation, digest_conversation
from asyncgen.data.growing import GrowingFile, ReplacedError
from asyncgen.data.scenarios import Plan, Plans
from asyncgen.data.state import Report, asked_model, describe_filter, make_report
from asyncgen.errors import ConfigError
from asyncgen.output.journal import Done, Header, Kept, Step, decode_entry
from asyncgen.output.ledger import Ledger, Totals
from asyncgen.output.match import Lines, Unpaired
from asyncgen.output.paths import OutputPaths
from asyncgen.output.scan import read_line

_BATCH = 256  # lines of a piece
_AHEAD = 4096  # journal entries that are read before their lines; fewer at first, for lines to be there at once


class Call(msgspec.Struct, frozen=True):
    """What the journal says of the call that made a line; `model` is the one that was asked for if none is named."""

    model: str | None
    finish_reason: str | None
    asks: int
    plan: Plan | None


class Made(msgspec.Struct, frozen=True):
    """Which index a line was made for, and by which call; neither of a line that was kept."""

    index: int | None
    call: Call | None


class Line(msgspec.Struct, frozen=True):
    """`number`: counted from 1. `start`, `size`: bytes. `digest`: None of what is no conversation.

    `made`: None as long as no entry is known.
    """

    number: int
    start: int
    size: int
    digest: bytes | None
    made: Made | None


@dataclass(slots=True)
class Piece:
    """What was read: further lines, and lines of earlier pieces whose entry has come since."""

    lines: list[Line] = field(default_factory=list)
    late: list[tuple[int, Made]] = field(default_factory=list)


class Follower:
    """`lines`: how many have been read, up to the byte `offset`.

    `strange`: those that are no conversation, `unknown`: without an entry so far. `unreadable`: lines of the journal
    that are no entry. `notes`: what a reader should know of the files.
    """

    def __init__(self, paths: OutputPaths) -> None:
        self.plans = Plans(paths.journal)
        self.lines = self.offset = self.strange = self.unknown = self.unreadable = 0
        self.notes: dict[str, None] = {}
        self._output, self._journal = GrowingFile(paths.output), GrowingFile(paths.journal)
        self._ledger, self._claimed = Ledger(), Lines()
        self._waiting: Unpaired[Made, int] = Unpaired()
        self._ready: deque[tuple[int, bytes]] = deque()
        self._plan: Plan | None = None
        self._model: str | None = None
        self._indices = range(0)

    def close(self) -> None:
        self._output.close()
        self._journal.close()

    @property
    def size(self) -> int:
        """Bytes there are to read."""
        return self._output.size

    @property
    def has_journal(self) -> bool:
        return self._journal.size > 0

    def look(self) -> None:
        """See how far the files have come. Raises ReplacedError, and OSError when the output is gone."""
        self._output.look()  # its size before the journal's: none of these lines is then unknown to the journal
        had_journal = self.has_journal
        self._journal.look()
        if self.has_journal and not had_journal and self.lines:
            raise ReplacedError  # lines that were read before there was a journal have not waited for it

    def read(self) -> Piece | None:
        """Some more of what there was at the last look; None when there is no more."""
        piece = Piece()
        is_ahead = len(self._waiting.entries) - len(self._waiting.lines) >= min(_AHEAD, 1 + self.lines)
        is_more = (not is_ahead and self._read_entries(piece)) or self._read_lines(piece) or self._read_entries(piece)
        return piece if is_more else None

    def read_between(self, start: int, stop: int) -> bytes:
        return self._output.read_between(start, stop)

    def digest_of(self, conversation: Conversation) -> bytes:
        """As the journal has it."""
        return digest_conversation(conversation, self._ledger.line_hash)

    def report(self) -> tuple[Report, Totals]:
        """As `status` has it, of what has been read."""
        return make_report(self._ledger, self._claimed), self._ledger.totals

    def _read_entries(self, piece: Piece) -> bool:
        lines = self._journal.read_lines()
        for _, line in lines:
            try:
                entry = decode_entry(line)
            except ValueError:
                self.unreadable += 1
                continue
            match entry:
                case Done():
                    self._ledger.totals.add(entry)
                    self._ledger.failed.pop(entry.index, None)
                    if entry.index in self._indices:  # an index beyond it is damage
                        call = Call(entry.model or self._model, entry.finish_reason, entry.asks, self._plan)
                        self._expect(piece, entry.digest, Made(entry.index, call))
                case Step():
                    self._ledger.totals.add(entry)
                case Kept():
                    self._expect(piece, entry.digest, Made(None, None))
                case _:
                    self._ledger.add(entry)
                    if isinstance(entry, Header):
                        self._begin_run(entry)
        return bool(lines)

    def _begin_run(self, header: Header) -> None:
        self._indices = max(self._indices, header.indices, key=len)
        self._claimed.first = self._ledger.first
        self._model = asked_model(header)
        self.notes.update((f"filtered {describe_filter(each)}", None) for each in header.filtered)
        try:
            self._plan = self.plans.of(header)
        except ConfigError as error:
            self._plan = None
            self.notes[str(error)] = None

    def _expect(self, piece: Piece, digest: str, made: Made) -> None:
        line = self._waiting.add_entry(bytes.fromhex(digest), made)
        if line is not None:
            self.unknown -= 1
            self._claimed.claim(made.index)
            piece.late.append((line, made))

    def _read_lines(self, piece: Piece) -> bool:
        if not self._ready:
            self._ready.extend(self._output.read_lines())
        if not self._ready:
            last, offset = self._output.read_unfinished(), self._output.offset
            if last and read_line(last) is not None:  # it lacks nothing but its newline
                self._output.take_unfinished(last)
                self._ready.append((offset, last))
        for _ in range(min(_BATCH, len(self._ready))):
            self.lines += 1
            start, line = self._ready.popleft()
            self.offset = start + len(line)
            conversation = read_line(line)
            digest = None if conversation is None else self.digest_of(conversation)
            made = self._waiting.add_line(digest, self.lines) if digest and self.has_journal else None
            if made is not None:
                self._claimed.claim(made.index)
            elif digest is None:
                self.strange += 1
            elif self.has_journal:
                self.unknown += 1
            piece.lines.append(Line(self.lines, start, len(line), digest, made))
        return bool(piece.lines)
