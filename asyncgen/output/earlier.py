"""What an earlier run left in an output: read whole, and what must be refused, before anything is changed.

Behind the newest mark nothing is trusted, not even what looks whole: a disk that failed a sync may show it and not have
it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncgen.conversation import LineHash
from asyncgen.errors import ConfigError
from asyncgen.output.changes import has_one_place
from asyncgen.output.journal import CONVERSATIONS, Header
from asyncgen.output.ledger import DamagedJournalError, Ledger, read_journal, refuse_damage
from asyncgen.output.match import Lines, NumberedLine, match_lines
from asyncgen.output.mend import Patch, patch_journal, patch_rejects, size_of
from asyncgen.output.paths import OutputPaths
from asyncgen.output.scan import LineError, Scan


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run left in one output. Nothing has been changed yet; `patches` would make it whole."""

    header: Header
    ledger: Ledger
    lines: Lines
    patches: tuple[Patch, ...]


def read_earlier(paths: OutputPaths, *, adopt: bool = False, is_part: bool = False, anew: str = "") -> Earlier | None:
    """What an earlier run left, or None when no run has begun on this output.

    `adopt`: whole lines that nobody knows are kept instead of refused. `is_part`: nobody may ask for that. `anew`: how
    to begin without what is there, where that may be. Raises ConfigError, having changed nothing, for a journal without
    its output and damage before the newest mark, and LineError for lines that somebody has to look at.
    """
    if not paths.journal.is_file():
        return None
    or_anew = f"; {anew}" if anew else ""
    try:
        journal = read_journal(paths.journal)
        if not journal.ledger.headers and size_of(paths.output):  # no run that was killed inside its first header
            refuse_damage(paths.journal, journal.damage)
    except DamagedJournalError as error:
        raise ConfigError(f"{error}{or_anew}") from error
    if not journal.ledger.headers:
        return None
    has_no_place = is_part or has_one_place(journal.ledger.headers[-1])
    what = journal.ledger.line_hash, journal.ledger.headers[-1].kind
    scan = Scan(paths.output, journal.mark, *what, anew="" if adopt else or_anew)
    lines = match_lines(journal.ledger, scan.digests())
    # An output that was empty when it was last marked may be empty now, whatever was about to be written.
    had_lines = journal.mark is not None and journal.mark.output and journal.trusted_conversations
    if had_lines and not lines.known:
        raise ConfigError(
            f"{paths.output}: no conversation that {paths.journal.name} knows is there any more: put the file back"
            f"{', or choose another --output' if anew and not has_no_place else ''}{'' if adopt else or_anew}"
        )
    if lines.unknown and not adopt:
        again = Scan(paths.output, journal.mark, *what)
        it = "it" if len(lines.unknown) == 1 else "all of it"
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
    scan = Scan(paths.output, journal.mark, ledger.line_hash, kind, tolerant=True)
    return ledger, match_lines(ledger, scan.digests())


def adopt_lines(path: Path, line_hash: LineHash) -> tuple[list[bytes], Patch | None]:
    """The digests of all lines of an output that has no journal, and what makes its end whole.

    Raises ConfigError when a line is no conversation.
    """
    scan = Scan(path, None, line_hash)
    digests = [digest for _, digest in scan.digests()]
    if scan.unfinished is not None:
        raise ConfigError(f"{path}: the last line (byte {scan.unfinished}) is unfinished; complete it or delete it")
    return digests, scan.patch()


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
