"""A journal folded entry by entry: every index, every total, in at most forty bytes an index.

What lies before the newest mark is trusted, and damage there is refused with file, line and byte.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec

from asyncgen.conversation import BLAKE2B, LineHash
from asyncgen.endpoint.tiers import BATCH, DEFAULT, count_tier, describe_tiers
from asyncgen.errors import ConfigError
from asyncgen.output.batches import Batches
from asyncgen.output.journal import (
    DIGEST_SIZE,
    NEWEST_VERSION,
    UNANSWERED,
    Assigned,
    Batched,
    Call,
    Collected,
    Done,
    Entry,
    Failed,
    Header,
    Kept,
    Lost,
    Mark,
    OfIndex,
    Step,
    Stepped,
    Submitted,
    Submitting,
    Unused,
    Uploaded,
    checksum,
    entry_or_none,
)

USUAL_TIER, IN_BATCHES = frozenset({DEFAULT}), frozenset({BATCH})


@dataclass(slots=True)
class Uncertain:
    """What a budget must know of calls that were asked for at the same service tier, or in batches.

    `dearest`: the highest cost of one. `unpriced`: those that were answered and whose cost is unknown. `lost`: those
    that may have been billed without an answer.
    """

    dearest: Decimal | None = None
    unpriced: int = 0
    lost: int = 0


@dataclass(slots=True)
class Totals:
    """Sums over the entries of all runs.

    `cost` is None as long as that of no call is known. `tiers`: answered calls by the service tier that is billed, None
    where it was not told. `uncertain`: of calls by the tiers that their run has asked for, mostly one, or of batches.
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    tiers: Counter[str | None] = field(default_factory=Counter)
    uncertain: defaultdict[frozenset[str], Uncertain] = field(default_factory=lambda: defaultdict(Uncertain))
    rejected: Counter[str] = field(default_factory=Counter)
    _asked: frozenset[str] = USUAL_TIER

    @property
    def unpriced(self) -> int:
        return sum(each.unpriced for each in self.uncertain.values())

    @property
    def lost(self) -> int:
        return sum(each.lost for each in self.uncertain.values())

    @property
    def unsure(self) -> Decimal:
        """What calls of unknown cost are reckoned at: each at the dearest one of its tier."""
        return sum(
            ((each.unpriced + each.lost) * (each.dearest or Decimal(0)) for each in self.uncertain.values()), Decimal(0)
        )

    def add(self, entry: Entry) -> None:
        if isinstance(entry, Call | Collected):
            self.prompt_tokens += entry.prompt_tokens or 0
            self.cached_tokens += entry.cached_tokens or 0
            self.completion_tokens += entry.completion_tokens or 0
            if entry.cost is not None:
                self.cost = (self.cost or Decimal(0)) + entry.cost
        match entry:
            case Header():
                self._asked = entry.tiers
            case Call():
                self._add_call(entry)
            case Failed():
                self.calls += entry.status is not None
            case Lost():
                self._uncertain(entry).lost += 1
            case Collected():
                self.uncertain[IN_BATCHES].lost += entry.lost
            case _:
                pass

    def _add_call(self, call: Done | Step | Unused) -> None:
        self.calls += 1
        uncertain = self._uncertain(call)
        if call.cost is not None:
            uncertain.dearest = call.cost if uncertain.dearest is None else max(uncertain.dearest, call.cost)
        elif isinstance(call, Unused) and call.reason in UNANSWERED:
            uncertain.lost += 1
        else:
            uncertain.unpriced += 1
        count_tier(self.tiers, call.tier or (BATCH if call.batch else None))
        if isinstance(call, Unused):
            self.rejected[call.reason] += 1

    def _uncertain(self, entry: Done | Step | Unused | Lost) -> Uncertain:
        return self.uncertain[self._asked if entry.batch is None else IN_BATCHES]


class Ledger:
    """The fold of a journal: its runs, its totals, and per index what its newest entry says.

    Twenty-four bytes an index, because a million of them must fit beside everything else: digests and indices in the
    order of the journal, and for each index from the first one on the position of its newest digest. Replies are held
    of those indices alone that are under way, or whose last one an open batch may have to bring once more.
    """

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.totals = Totals()
        self.failed: dict[int, str] = {}
        self.forms: dict[tuple[str, str], Stepped] = {}
        self.steps: dict[int, list[Step]] = {}
        self.batches = Batches()
        self.keys = bytearray()  # see `Keys`, of all indices
        self._indices = array("i")
        self._digests = bytearray()
        self._newest = array("i")

    def add(self, entry: Entry) -> None:
        if not isinstance(entry, OfIndex) or self.batches.is_new(entry):
            self.totals.add(entry)
        match entry:
            case Done():
                self._add_done(entry)
            case Step() | Unused():
                self._follow(entry)
            case Header():
                self._begin(entry)
            case Kept():
                self._add_digest(-1, entry.digest)
            case Failed():
                self.failed[entry.index] = entry.reason
            case Assigned():
                self.keys += bytes.fromhex("".join(entry.keys))
            case Stepped():
                self.forms[entry.base_url, entry.model] = entry
            case Submitting() | Uploaded() | Submitted() | Collected():
                self._add_batched(entry)

    def add_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.add(entry)

    def _begin(self, header: Header) -> None:
        if self.headers and self.headers[-1].asked != header.asked:
            self.steps.clear()
        self.headers.append(header)

    def _follow(self, entry: Step | Unused) -> None:
        if isinstance(entry, Step):
            self.steps.setdefault(entry.index, []).append(entry)
        elif entry.ends:
            self.steps.pop(entry.index, None)

    def _add_done(self, entry: Done) -> None:
        self.failed.pop(entry.index, None)
        if entry.batch not in self.batches.open:
            self.steps.pop(entry.index, None)
        self._add_digest(entry.index, entry.digest)
        place = entry.index - self.first
        self._newest.extend([-1] * (place + 1 - len(self._newest)))
        self._newest[place] = len(self._indices) - 1

    def _add_batched(self, entry: Batched) -> None:
        if isinstance(entry, Collected):  # its lines are on disk, so that it need not bring any of them again
            for index in self.batches.made_in(entry.label):
                self.steps.pop(index, None)
        self.batches.add(entry)

    def _add_digest(self, index: int, digest: str) -> None:
        self._indices.append(index)
        self._digests += bytes.fromhex(digest)

    def conversations(self) -> Iterator[tuple[int | None, bytes]]:
        """(index, digest) of every line the output should hold, in journal order; index None for kept lines."""
        first = self.first
        for position, index in enumerate(self._indices):
            if index < 0 or self._newest[index - first] == position:
                digest = bytes(self._digests[position * DIGEST_SIZE : (position + 1) * DIGEST_SIZE])
                yield (None if index < 0 else index), digest

    def describe_tiers(self) -> str:
        """At which service tiers its calls are billed; empty where all are at the usual one, and were to be."""
        is_asked = any(header.tiers != USUAL_TIER for header in self.headers)
        return describe_tiers(self.totals.tiers, is_asked=is_asked)

    @property
    def made(self) -> int:
        """How many indices have a conversation, whether or not it is still a line."""
        return len(self._newest) - self._newest.count(-1)

    def is_made(self, index: int) -> bool:
        """Whether the index has a conversation."""
        return 0 <= (place := index - self.first) < len(self._newest) and self._newest[place] >= 0

    @property
    def first(self) -> int:
        """The lowest index there can be."""
        return self.headers[0].first if self.headers else 0

    @property
    def line_hash(self) -> LineHash:
        return self.headers[0].line_hash if self.headers else BLAKE2B

    def __len__(self) -> int:
        """How many conversations the entries account for, superseded ones included."""
        return len(self._indices)


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as read: the ledger of all whole entries, and the newest mark (None before the first batch).

    `tail`: the whole lines from the mark's own on, at `tail_offset`; none of them, the mark included, is known to be on
    disk. `trusted_conversations`: how many conversations the entries before the mark account for. `damage`: line number
    and offset of the first line of the tail that is no entry.
    """

    ledger: Ledger
    mark: Mark | None
    tail: bytes
    trusted_conversations: int
    damage: tuple[int, int] | None

    @property
    def tail_offset(self) -> int:
        return 0 if self.mark is None else self.mark.journal


def read_journal(path: Path) -> Journal:
    """Read and fold a journal, which may be growing meanwhile.

    A mark is written when all before it has been synced: where a whole one does not fit, no crash is to blame. Raises
    DamagedJournalError for damage before the newest mark, and ConfigError for a journal of a newer asyncgen.
    """
    ledger, mark = Ledger(), None
    behind: list[Entry] = []
    tail: list[bytes] = []
    damage: tuple[int, int] | None = None
    begin = (1, 0)  # line number and offset of the tail
    offset = trusted = version = 0
    indices = range(0)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break  # torn, or still being written: what is read next would be the rest of this line
            entry = _plausible(line, indices)
            if isinstance(entry, Mark):
                refuse_damage(path, damage)
                has_check = entry.check is not None or version > 1
                if entry.journal != offset or (has_check and entry.check != checksum(b"".join(tail))):
                    refuse_damage(path, begin, last=number)
                ledger.add_all(behind)
                mark, behind, tail, trusted, begin = entry, [], [line], len(ledger), (number, offset)
            elif entry is None:
                _refuse_newer(path, line)
                damage = damage or (number, offset)
            else:
                if isinstance(entry, Header):
                    _refuse_newer(path, line)
                    indices = max(indices, entry.indices, key=len)
                    version = max(version, entry.version)
                behind.append(entry)
                tail.append(line)
            offset += len(line)
    ledger.add_all(behind)
    return Journal(ledger, mark, b"".join(tail), trusted, damage)


class DamagedJournalError(ConfigError):
    """What else helps is for who reads it to add."""


def refuse_damage(path: Path, damage: tuple[int, int] | None, *, last: int | None = None) -> None:
    """`last`: the line up to which the damage may lie, where that is not known more closely."""
    if damage is None:
        return
    where = f"line {damage[0]} (byte {damage[1]})"
    if last is not None:
        where = f"{where}, or one behind it up to line {last},"
    raise DamagedJournalError(f"{path}: {where} is damaged; restore the file from a backup")


def _plausible(line: bytes, indices: range) -> Entry | None:
    """The entry, when its index is one that a run so far could have had, of whose `indices` these are the most."""
    entry = entry_or_none(line)
    if isinstance(entry, Header):
        return None if indices and entry.first != indices.start else entry
    return None if isinstance(entry, OfIndex) and entry.index not in indices else entry


class _Version(msgspec.Struct, tag_field="type", tag="run"):
    """All that can be expected of a header of any version."""

    version: int
    asyncgen: str = "of another version"


_version_decoder = msgspec.json.Decoder(_Version)


def _refuse_newer(path: Path, line: bytes) -> None:
    try:
        header = _version_decoder.decode(line)
    except (ValueError, RecursionError):
        return
    if header.version > NEWEST_VERSION:
        raise ConfigError(f"{path}: written by asyncgen {header.asyncgen}, a newer one than this; update asyncgen")
