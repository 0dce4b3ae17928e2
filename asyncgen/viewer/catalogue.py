"""What `view` knows of every line, in columns of a few bytes each: 37 for a line of the built-in recipe.

It is built in slices of some milliseconds and goes on as the files grow, journal before output, because a line is
journalled before it is written. All of it belongs to one thread: a request waits for the end of a slice, and nothing
is locked.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeAlias

from asyncgen.conversation import Conversation, digest_conversation
from asyncgen.data.dataset import NO_JOURNAL
from asyncgen.data.dropped import append_mark, dropped_path, read_dropped
from asyncgen.data.growing import GrowingFile, ReplacedError
from asyncgen.data.state import Report, make_report
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError
from asyncgen.output.journal import Done, Header, Kept, decode_entry
from asyncgen.output.ledger import Ledger, Totals
from asyncgen.output.match import Lines, read_line
from asyncgen.output.paths import OutputPaths
from asyncgen.viewer.findings import Findings
from asyncgen.viewer.scenes import NONE, Run, Scenes, Value

SLICE = 0.05  # seconds
_BATCH = 256  # lines between two looks at the clock
_AHEAD = 4096  # journal entries that are read before their lines; fewer at first, for lines to be there at once

_TWO_BYTES = 2**16 - 1

DROPPED, STRANGE = 1, 2  # flags of a line; STRANGE: it is no conversation


class Call(NamedTuple):
    """What the journal says of the call that made a line; `model` is the one that was asked for if none is named."""

    model: str | None = None
    finish_reason: str | None = None
    asks: int = 1


Made: TypeAlias = tuple[int, int, tuple[int, ...]]  # index, number of the call, scenario

_UNKNOWN: Made = (-1, 0, ())


@dataclass(slots=True)
class Columns:
    """By position, which is the number of the line less one. `ends`: where the line ends."""

    ends: "array[int]" = field(default_factory=lambda: array("Q"))
    indices: "array[int]" = field(default_factory=lambda: array("i"))
    calls: "array[int]" = field(default_factory=lambda: array("I"))
    digests: "array[int]" = field(default_factory=lambda: array("I"))  # the first four bytes
    flags: bytearray = field(default_factory=bytearray)
    scenes: list["array[int]"] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.flags)

    def widen(self, most: Sequence[int]) -> None:
        """Room for a scenario; `most`: by slot, the highest number there may be."""
        for slot, number in enumerate(most):
            if slot == len(self.scenes):
                self.scenes.append(array("H", bytes(2 * len(self))))
            if number > _TWO_BYTES and self.scenes[slot].typecode == "H":
                self.scenes[slot] = array("I", self.scenes[slot])

    def set_scene(self, position: int, numbers: Sequence[int]) -> None:
        for column, number in zip(self.scenes, numbers, strict=False):
            column[position] = number


class Catalogue:
    """`generation` changes when the files are not those that were read, `version` with any line that was known before.

    What `advance` raises, others do not have to expect: OSError when the output is gone, ConfigError when marks cannot
    be read.
    """

    def __init__(self, paths: OutputPaths, *, clock: Callable[[], float] = monotonic) -> None:
        self.paths = paths
        self.generation = 0
        self.version = 0
        self._clock = clock
        self._dropped: set[bytes] = set()
        self._marked: tuple[int, int, int] | None = None
        self._begin()

    def _begin(self) -> None:
        self.columns = Columns()
        self.scenes = Scenes()
        self.calls = [Call()]
        self.findings = Findings(self.paths)
        self.is_whole = False
        self.notes: dict[str, None] = {}
        self._call_numbers = {self.calls[0]: 0}
        self._output, self._journal = GrowingFile(self.paths.output), GrowingFile(self.paths.journal)
        self._ledger, self._lines = Ledger(), Lines()
        self._run: Run | None = None
        self._model: str | None = None
        self._num = 0
        self._expected: dict[bytes, list[Made]] = {}  # entries whose line has not been read yet
        self._strangers: dict[bytes, list[int]] = {}  # lines whose entry has not been read yet
        self._ready: deque[tuple[int, bytes]] = deque()
        self._unknown = self._unreadable = 0
        self._is_stale = False

    def close(self) -> None:
        self._output.close()
        self._journal.close()

    def _begin_anew(self) -> None:
        self.close()
        self.generation += 1
        self.version += 1
        self._begin()

    # ---- growing

    def advance(self) -> bool:
        """Read on for a slice; False when there was nothing more to read. Raises OSError and ConfigError."""
        try:
            self._look()
            until = self._clock() + SLICE
            while self._step():
                if self._clock() >= until:
                    return True
        except ReplacedError:
            self._begin_anew()
            return True
        self.is_whole = True
        self._take_findings()
        return False

    def _look(self) -> None:
        if self._is_stale:
            raise ReplacedError
        self._output.look()  # its size before the journal's: none of these lines is then unknown to the journal
        had_journal = self._journal.size > 0
        self._journal.look()
        if self._journal.size and not had_journal and len(self.columns):
            raise ReplacedError  # lines that were read before there was a journal have not waited for it
        self._take_marks()

    def _step(self) -> bool:
        is_ahead = len(self._expected) - len(self._strangers) >= min(_AHEAD, 1 + len(self.columns))
        return (not is_ahead and self._read_entries()) or self._read_lines() or self._read_entries()

    def _read_entries(self) -> bool:
        lines = self._journal.read_lines()
        for _, line in lines:
            try:
                entry = decode_entry(line)
            except ValueError:
                self._unreadable += 1
                continue
            match entry:
                case Done():
                    self._ledger.totals.add(entry)
                    self._ledger.failed.pop(entry.index, None)
                    if entry.index < self._num:  # an index beyond it is damage
                        scene = () if self._run is None else self._run.draw(entry.index)
                        self._expect(entry.digest, (entry.index, self._number_call(entry), scene))
                case Kept():
                    self._expect(entry.digest, _UNKNOWN)
                case _:
                    self._ledger.add(entry)
                    if isinstance(entry, Header):
                        self._begin_run(entry)
        return bool(lines)

    def _begin_run(self, header: Header) -> None:
        self._num = max(self._num, header.num)
        asked_for = header.request.get("model")
        self._model = OFFLINE if header.provider == OFFLINE else asked_for if isinstance(asked_for, str) else None
        try:
            self._run = self.scenes.begin_run(header)
        except ConfigError as error:
            self._run = None
            self.notes[f"{self.paths.journal.name}: {error}"] = None
        self.columns.widen([len(values.listed) for values, _ in self.scenes.slots])

    def _number_call(self, entry: Done) -> int:
        call = Call(entry.model or self._model, entry.finish_reason, entry.asks)
        if call not in self._call_numbers:
            self._call_numbers[call] = len(self.calls)
            self.calls.append(call)
        return self._call_numbers[call]

    def _expect(self, digest: str, made: Made) -> None:
        key = bytes.fromhex(digest)
        if key in self._strangers:
            position = self._strangers[key].pop(0)
            if not self._strangers[key]:
                del self._strangers[key]
            self._settle(position, made)
            self._unknown -= 1
            self.version += 1
        else:
            self._expected.setdefault(key, []).append(made)

    def _read_lines(self) -> bool:
        if not self._ready:
            self._ready.extend(self._output.read_lines() or self._read_last())
        taken = [self._ready.popleft() for _ in range(min(_BATCH, len(self._ready)))]
        for offset, line in taken:
            self._add(offset + len(line), read_line(line))
        return bool(taken)

    def _read_last(self) -> Iterator[tuple[int, bytes]]:
        """A last line that lacks nothing but its newline."""
        line, offset = self._output.read_unfinished(), self._output.offset
        if line and read_line(line) is not None:
            self._output.take_unfinished(line)
            yield offset, line

    def _add(self, end: int, conversation: Conversation | None) -> None:
        digest = b"" if conversation is None else self._digest(conversation)
        columns, position = self.columns, len(self.columns)
        columns.ends.append(end)
        columns.indices.append(-1)
        columns.calls.append(0)
        columns.digests.append(_key(digest))
        for column in columns.scenes:
            column.append(NONE)
        columns.flags.append(STRANGE if conversation is None else DROPPED if digest in self._dropped else 0)
        if not digest or not self._journal.size:
            return
        if made := self._expected.get(digest):
            self._settle(position, made.pop(0))
            if not made:
                del self._expected[digest]
        else:
            self._strangers.setdefault(digest, []).append(position)
            self._unknown += 1

    def _settle(self, position: int, made: Made) -> None:
        index, call, scene = made
        self._lines.claim(None if index < 0 else index)
        self.columns.indices[position] = index
        self.columns.calls[position] = call
        self.columns.set_scene(position, scene)

    # ---- what comes from beside the output

    def _take_findings(self) -> None:
        """An audit that was written meanwhile."""
        if self.findings.look():
            self.version += 1

    def _take_marks(self) -> None:
        """Marks may have been made here, by another viewer, or deleted by hand."""
        state = _state(dropped_path(self.paths))
        if state == self._marked:
            return
        self._marked = state
        now = read_dropped(self.paths)
        changed = now ^ self._dropped
        self._dropped = now
        for position, digest in self._find(changed):
            flags = self.columns.flags[position] & ~DROPPED
            self.columns.flags[position] = flags | DROPPED if digest in now else flags
            self.version += 1

    def _find(self, digests: set[bytes]) -> Iterator[tuple[int, bytes]]:
        """All lines with one of these conversations."""
        keys = set(map(_key, digests))
        for position, key in enumerate(self.columns.digests) if keys else ():
            if key in keys and (conversation := self.read(position)) is not None:
                digest = self._digest(conversation)
                if digest in digests:
                    yield position, digest

    def mark(self, positions: Iterable[int], *, is_dropped: bool) -> list[int]:
        """Mark the conversations there, and with them all that are equal; those whose mark was another one.

        Raises OutputError and ConfigError.
        """
        self._take_marks()
        changed: dict[int, bytes] = {}
        for position in positions:
            has_other_mark = self.columns.flags[position] == (0 if is_dropped else DROPPED)
            if has_other_mark and (conversation := self.read(position)) is not None:
                changed[position] = self._digest(conversation)
        if changed:
            append_mark(self.paths, *dict.fromkeys(changed.values()), is_dropped=is_dropped)
            self._take_marks()
        return list(changed)

    # ---- asking

    def __len__(self) -> int:
        """How many lines have been read."""
        return len(self.columns)

    @property
    def size(self) -> int:
        """Bytes there are to read."""
        return self._output.size

    def begin_of(self, position: int) -> int:
        return self.columns.ends[position - 1] if position else 0

    def read_between(self, start: int, stop: int) -> bytes:
        return self._output.read_between(start, stop)

    def read(self, position: int) -> Conversation | None:
        """None for a line that is no conversation, or not the one any more that was read."""
        conversation = read_line(self.read_between(self.begin_of(position), self.columns.ends[position]))
        if conversation is not None and _key(self._digest(conversation)) == self.columns.digests[position]:
            return conversation
        self._is_stale |= not self.columns.flags[position] & STRANGE
        return None

    def _digest(self, conversation: Conversation) -> bytes:
        return digest_conversation(conversation, self._ledger.line_hash)

    def scenario(self, position: int) -> dict[str, list[Value]]:
        return self.scenes.describe([column[position] for column in self.columns.scenes])

    def report(self) -> tuple[Report, Totals]:
        """As `status` has it, of what has been read."""
        return make_report(self._ledger, self._lines), self._ledger.totals

    def describe(self) -> list[str]:
        """What a reader should know of the files."""
        notes = list(self.notes)
        if not self._journal.size:
            notes.append(NO_JOURNAL)
        if strange := self.columns.flags.count(STRANGE):
            notes.append(f"lines that are no conversation: {strange:,}")
        if self.is_whole and self._unknown:
            notes.append(f"lines that the journal does not know: {self._unknown:,}")
        if self._unreadable:
            notes.append(f"lines of the journal that cannot be read: {self._unreadable:,}")
        return notes


def _key(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big")


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes with the content of a file; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
