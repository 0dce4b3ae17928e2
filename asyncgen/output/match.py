"""The output's lines against the journal's entries: which indices are done, and which lines nobody knows. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Generic, TypeAlias, TypeVar

from asyncgen.output.ledger import Ledger

JournalledLine: TypeAlias = tuple[int | None, bytes]  # index and digest
NumberedLine: TypeAlias = tuple[int, bytes]  # line number and digest
Pair: TypeAlias = tuple[JournalledLine | None, NumberedLine | None]
E = TypeVar("E")
L = TypeVar("L")
T = TypeVar("T")


@dataclass(slots=True)
class Lines:
    """The output's lines against the journal's entries.

    `first`: the lowest index. `done`: one byte an index from there on, 1 where its newest conversation is a line.
    `missing`: how many indices once had a line and have none now. `moved`: those of them whose line serves a lower
    index with the same conversation, and which. `unknown`: line number and digest of whole lines that no entry
    accounts for.
    """

    first: int = 0
    done: bytearray = field(default_factory=bytearray)
    kept: int = 0
    missing: int = 0
    moved: dict[int, int] = field(default_factory=dict)
    unknown: list[NumberedLine] = field(default_factory=list)

    def is_done(self, index: int) -> bool:
        return 0 <= (place := index - self.first) < len(self.done) and self.done[place] == 1

    @property
    def known(self) -> int:
        """How many lines the journal accounts for."""
        return self.kept + self.count_done()

    def count_done(self, num: int | None = None) -> int:
        """How many indices are done; of the first `num`, if given."""
        return self.done.count(1, 0, num)

    def claim(self, index: int | None) -> None:
        if index is None:
            self.kept += 1
            return
        place = index - self.first
        if place >= len(self.done):
            self.done.extend(bytes(place + 1 - len(self.done)))
        self.done[place] = 1

    def move(self, index: int, lower: int) -> None:
        self.done[index - self.first] = 0
        self.claim(lower)
        self.moved[index] = lower


def match_lines(ledger: Ledger, digests: Iterable[NumberedLine]) -> Lines:
    return fold_pairs(pair_lines(ledger, digests), ledger)


def fold_pairs(pairs: Iterable[Pair], ledger: Ledger) -> Lines:
    lines = Lines(ledger.first)
    missing: dict[bytes, list[int]] = {}
    for entry, line in pairs:
        if entry is None:
            lines.unknown += [] if line is None else [line]
        elif line is not None:
            lines.claim(entry[0])
        elif entry[0] is not None:
            lines.missing += 1
            missing.setdefault(entry[1], []).append(entry[0])
    lines.unknown.sort()
    _serve_lowest(lines, ledger, missing)
    return lines


def _serve_lowest(lines: Lines, ledger: Ledger, missing: Mapping[bytes, Sequence[int]]) -> None:
    """Of equal conversations of which some are gone, those of the lowest indices are there: a run of fewer wants them.

    Whichever is gone, nobody can tell, and what is taken for gone is made, and paid for, once more.
    """
    served: dict[bytes, list[int]] = {}
    for index, digest in ledger.conversations() if missing else ():
        if index is not None and digest in missing and lines.is_done(index):
            served.setdefault(digest, []).append(index)
    for digest, indices in served.items():
        lowest = sorted([*indices, *missing[digest]])[: len(indices)]
        for index, lower in zip(sorted({*indices} - {*lowest}), sorted({*lowest} - {*indices}), strict=True):
            lines.move(index, lower)


def pair_lines(ledger: Ledger, digests: Iterable[NumberedLine]) -> Iterator[Pair]:
    """Pair entries and lines, each counted, so that two equal conversations serve two indices.

    Both come in the same order unless someone has edited the output, so they are read side by side and only what has
    no partner yet is held. What has none in the end comes last, beside None.
    """
    unpaired: Unpaired[JournalledLine, NumberedLine] = Unpaired()
    for entry, line in zip_longest(ledger.conversations(), digests):
        if entry is not None and line is not None and entry[1] == line[1]:
            yield entry, line
            continue
        if line is not None and (made := unpaired.add_line(line[1], line)) is not None:
            yield made, line
        if entry is not None and (found := unpaired.add_entry(entry[1], entry)) is not None:
            yield entry, found
    while unpaired.entries:
        yield from ((entry, None) for entry in unpaired.entries.popitem()[1])
    for unknown in unpaired.lines.values():
        yield from ((None, line) for line in unknown)


class Unpaired(Generic[E, L]):
    """Entries and lines that have no partner yet, by digest: each is counted, and one added takes one that waits."""

    def __init__(self) -> None:
        self.entries: dict[bytes, list[E]] = {}
        self.lines: dict[bytes, list[L]] = {}

    def add_entry(self, digest: bytes, entry: E) -> L | None:
        """The line that has waited for it."""
        if digest in self.lines:
            return _take(self.lines, digest)
        self.entries.setdefault(digest, []).append(entry)
        return None

    def add_line(self, digest: bytes, line: L) -> E | None:
        """The entry that has waited for it."""
        if digest in self.entries:
            return _take(self.entries, digest)
        self.lines.setdefault(digest, []).append(line)
        return None


def _take(waiting: dict[bytes, list[T]], digest: bytes) -> T:
    taken = waiting[digest].pop()
    if not waiting[digest]:
        del waiting[digest]
    return taken
