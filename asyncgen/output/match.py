"""What an earlier run left: which indices are done, which lines nobody knows, and what must be refused.

Everything is decided before anything is changed. Behind the newest mark nothing is trusted, not even what looks whole:
a disk that failed a sync may show it and not have it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from asyncgen.conversation import (
    Conversation,
    LineHash,
    NotAConversationError,
    decode_line,
    digest_conversation,
)
from asyncgen.errors import ConfigError
from asyncgen.output.changes import START_ANEW, has_one_place
from asyncgen.output.grades import digest_grade
from asyncgen.output.journal import CONVERSATIONS, JUDGEMENTS, Header, Mark
from asyncgen.output.ledger import Ledger, read_journal, refuse_damage
from asyncgen.output.mend import Patch, is_line_start, patch_journal, patch_rejects, read_from, size_of
from asyncgen.output.paths import OutputPaths

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
    `missing`: how many indices once had a line and have none now. `unknown`: line number and digest of whole lines
    that no entry accounts for.
    """

    first: int = 0
    done: bytearray = field(default_factory=bytearray)
    kept: int = 0
    missing: int = 0
    unknown: list[tuple[int, bytes]] = field(default_factory=list)

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


def match_lines(ledger: Ledger, digests: Iterable[tuple[int, bytes]]) -> Lines:
    return fold_pairs(pair_lines(ledger, digests), ledger.first)


def fold_pairs(pairs: Iterable[Pair], first: int) -> Lines:
    lines = Lines(first)
    for entry, line in pairs:
        if entry is None:
            lines.unknown += [] if line is None else [line]
        elif line is None:
            lines.missing += entry[0] is not None
        else:
            lines.claim(entry[0])
    lines.unknown.sort()
    return lines


def pair_lines(ledger: Ledger, digests: Iterable[tuple[int, bytes]]) -> Iterator[Pair]:
    """Pair entries and lines, each counted, so that two equal conversations serve two indices.

    Both come in the same order unless someone has edited the output, so they are read side by side and only what has
    no partner yet is held. What has none in the end comes last, beside None.
    """
    waiting: Waiting[JournalledLine, NumberedLine] = Waiting()
    for entry, line in zip_longest(ledger.conversations(), digests):
        if entry is not None and line is not None and entry[1] == line[1]:
            yield entry, line
            continue
        if line is not None and (made := waiting.add_line(line[1], line)) is not None:
            yield made, line
        if entry is not None and (found := waiting.add_entry(entry[1], entry)) is not None:
            yield entry, found
    for entries in waiting.entries.values():
        yield from ((entry, None) for entry in entries)
    for unknown in waiting.lines.values():
        yield from ((None, line) for line in unknown)


class Waiting(Generic[E, L]):
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


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run left in one output. Nothing has been changed yet; `patches` would make it whole."""

    header: Header
    ledger: Ledger
    lines: Lines
    patches: tuple[Patch, ...]


def read_earlier(paths: OutputPaths, *, adopt: bool = False, is_part: bool = False) -> Earlier | None:
    """What an earlier run left, or None when no run has begun on this output.

    `adopt`: whole lines that nobody knows are kept instead of refused. `is_part`: nobody may ask for that. Raises
    ConfigError, having changed nothing, for a journal without its output and damage before the newest mark, and
    LineError for lines that somebody has to look at.
    """
    if not paths.journal.is_file():
        return None
    journal = read_journal(paths.journal)
    if not journal.ledger.headers:
        if size_of(paths.output):  # this is no run that was killed inside its first header
            refuse_damage(paths.journal, journal.damage)
        return None
    anew = "" if adopt else f"; {START_ANEW}"
    what = journal.ledger.line_hash, journal.ledger.headers[-1].kind
    scan = _Scan(paths.output, journal.mark, *what, anew=anew)
    lines = match_lines(journal.ledger, scan.digests())
    # An output that was empty when it was last marked may be empty now, whatever was about to be written.
    had_lines = journal.mark is not None and journal.mark.output and journal.trusted_conversations
    if had_lines and not lines.known:
        raise ConfigError(
            f"{paths.output}: no conversation that {paths.journal.name} knows is there any more: put the file back, or "
            f"choose another --output{anew}"
        )
    if lines.unknown and not adopt:
        again = _Scan(paths.output, journal.mark, *what)
        it = "it" if len(lines.unknown) == 1 else "all of it"
        has_no_place = is_part or has_one_place(journal.ledger.headers[-1])
        instead = "" if has_no_place else f", or keep {it} with --append"
        raise LineError(f"{paths.output}: {_describe_unknown(lines.unknown, again.digests())}{instead}")
    patches = (
        patch_journal(paths.journal, journal),
        scan.patch(),
        patch_rejects(paths.rejects, journal.mark),
    )
    return Earlier(journal.ledger.headers[-1], journal.ledger, lines, tuple(filter(None, patches)))


def describe_lost_journal(paths: OutputPaths) -> str | None:
    """What is to be said of an output that no run is known of; None where there is nothing."""
    if not size_of(paths.output):
        return None
    return f"has lines and no journal that tells of them ({paths.journal.name}): put that back"


def read_status(paths: OutputPaths) -> tuple[Ledger, Lines]:
    """Ledger and lines for a report, tolerant of whatever a run in progress is writing.

    Raises ConfigError only when the journal cannot be read, or is none.
    """
    try:
        journal = read_journal(paths.journal)
    except OSError as error:
        raise ConfigError(f"{paths.journal}: {error.strerror}; status reads the journal beside an output") from error
    ledger = journal.ledger
    if not ledger.headers and (lost := describe_lost_journal(paths)) is not None:
        raise ConfigError(f"{paths.output} {lost}")
    kind = ledger.headers[-1].kind if ledger.headers else CONVERSATIONS
    scan = _Scan(paths.output, journal.mark, ledger.line_hash, kind, tolerant=True)
    return ledger, match_lines(ledger, scan.digests())


def adopt_lines(path: Path, line_hash: LineHash) -> tuple[list[bytes], Patch | None]:
    """The digests of all lines of an output that has no journal, and what makes its end whole.

    Raises ConfigError when a line is no conversation.
    """
    scan = _Scan(path, None, line_hash)
    digests = [digest for _, digest in scan.digests()]
    if scan.unfinished is not None:
        raise ConfigError(f"{path}: the last line (byte {scan.unfinished}) is unfinished; complete it or delete it")
    return digests, scan.patch()


class LineError(ConfigError):
    """A line that is no run's, or none at all: who deletes it can go on."""


class _Scan:
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

    def digests(self) -> Iterator[tuple[int, bytes]]:
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


def _describe_unknown(unknown: Sequence[NumberedLine], lines: Iterable[NumberedLine]) -> str:
    """What to do with lines that no entry accounts for. `lines`: all of the output, to find what some are copies of."""
    numbers, digests = {number for number, _ in unknown}, {digest for _, digest in unknown}
    originals: dict[bytes, int] = {}
    for number, digest in lines:
        if digest in digests and number not in numbers:
            originals.setdefault(digest, number)
    told = []
    if strange := [number for number, digest in unknown if digest not in originals]:
        told.append(f"{_numbers(strange, 'was', 'were')} not made here, or edited by hand: delete what should go")
    if copies := [number for number, digest in unknown if digest in originals]:
        of = sorted({originals[digest] for _, digest in unknown if digest in originals})
        repeat = _numbers(copies, "repeats", "repeat")
        told.append(f"{repeat} {_numbers(of)}, word for word: delete {'it' if len(copies) == 1 else 'them'}")
    return "; ".join(told)


def _numbers(numbers: Sequence[int], one: str = "", many: str = "") -> str:
    """A phrase such as `lines 7, 9 and 4 more were`."""
    if len(numbers) == 1:
        return f"line {numbers[0]} {one}".rstrip()
    shown = numbers[:5]
    rest = len(numbers) - len(shown)
    return f"lines {', '.join(map(str, shown))}{f' and {rest} more' if rest else ''} {many}".rstrip()


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
