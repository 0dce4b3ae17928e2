"""Lines of an output replaced by those that a repair has made, each in its place, the old ones kept as rejects.

A repair is a run with an output and a journal of its own, beside the output that it repairs. When it has ended, what
its journal has of calls and their cost goes into the output's, under the index that each was about; the output changes
in one piece, or not at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from asyncgen.answered import Usage
from asyncgen.data.dataset import Dataset, read_entries
from asyncgen.data.marked import MarkedJournal
from asyncgen.errors import ConfigError
from asyncgen.output.append_file import COPIED_AT_ONCE, copy_onto
from asyncgen.output.batches import tidy
from asyncgen.output.earlier import read_earlier
from asyncgen.output.journal import Collected, Done, Entry, Header, Lost, Step, Unused, as_unused, encode_entry
from asyncgen.output.keys import Keys
from asyncgen.output.ledger import Ledger, Totals, read_journal
from asyncgen.output.lock import locked
from asyncgen.output.mend import mend
from asyncgen.output.paths import OutputPaths
from asyncgen.output.rejects import Reject, encode_reject, read_rejects
from asyncgen.output.swap import swapped

REPLACED = "repaired"  # what a call was for that led nowhere


@dataclass(frozen=True, slots=True)
class Old:
    """A line that may be replaced. `reason`: why."""

    number: int
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class _New:
    """The line that replaces one. `index`, `offset`: in the repair; `digest`: as the output's journal has it."""

    old: Old
    index: int
    offset: int
    digest: str


def repair_paths(output: OutputPaths) -> OutputPaths:
    """Where the lines of a repair stand until it has ended."""
    return OutputPaths(output.output.with_name(f"{output.output.name}.repair.jsonl"))


def name_repair(repair: OutputPaths, ledger: Ledger) -> str:
    """By which an output's journal knows that a repair has ended."""
    with repair.journal.open("rb") as file:
        return blake2b(file.readline() + ledger.keys, digest_size=8).hexdigest()


def take_up(repair: OutputPaths, keys: Keys, say: Callable[[str], None]) -> None:
    """Make whole what a stopped repair has left, as its next run would. Raises ConfigError where there is none."""
    with locked(repair, say=say):
        if (earlier := read_earlier(repair)) is None:
            raise ConfigError(f"--take: no repair of it was stopped: there is no {repair.journal.name}")
        if earlier.ledger.batches.open:
            raise ConfigError("--take: batches of it are under way: let it collect them first, with --cancel at least")
        mend(earlier.patches)
    keys.settle(bytes(earlier.ledger.keys))


def clear(repair: OutputPaths) -> None:
    """Remove the files of a repair that has ended; the journal last, which tells that it has."""
    tidy(repair.batches)
    for path in (*reversed(repair.all), repair.lock):
        if path != repair.journal:
            path.unlink(missing_ok=True)
    repair.journal.unlink(missing_ok=True)


def replace_lines(dataset: Dataset, repair: OutputPaths, lines: Mapping[int, Old], header: Header) -> int:
    """How many were. `lines`: by the repair's indices; `header`: what it has asked for, as one of the output's runs.

    Raises ConfigError for a file that has changed, OutputError when it cannot be written.
    """
    paths, made = dataset.paths, Dataset.open(repair.output)
    new = {each.old.number: each for each in _find_new(dataset, made, lines)}
    with swapped(paths) as parts, made.open_lines() as theirs, dataset.open_lines() as ours:
        copy_onto(paths.rejects, parts.rejects)
        for reject in read_rejects(repair.rejects):
            if (old := lines.get(reject.index)) is not None:
                parts.rejects.write(encode_reject(msgspec.structs.replace(reject, index=old.index)))
        for number, line in enumerate(ours, 1):
            if number <= len(dataset):
                dataset.check_line(number, line)
            if number not in new:
                parts.output.write(line)
                continue
            parts.output.write(made.read_line(theirs, new[number].offset).rstrip(b"\0\n") + b"\n")
            kept = line.decode("utf-8", "replace").rstrip("\0\n")
            parts.rejects.write(encode_reject(Reject(new[number].old.index, 1, new[number].old.reason, kept)))
        offset = read_journal(paths.journal).tail_offset
        with paths.journal.open("rb") as journal:
            while chunk := journal.read(min(COPIED_AT_ONCE, offset - parts.journal.tell())):
                parts.journal.write(chunk)
            marked = MarkedJournal(parts.journal, size=offset, behind=journal.read())
        marked.add(encode_entry(msgspec.structs.replace(header, repair=name_repair(repair, made.ledger))))
        digests = {each.index: each.digest for each in new.values()}
        for entry in _told(repair, {index: old.index for index, old in lines.items()}, digests):
            marked.add(encode_entry(entry))
        if dataset.header is not None and dataset.header.asked != header.asked:
            # What it was made with stays what it goes on with; what it was merged of, it no longer is.
            marked.add(encode_entry(msgspec.structs.replace(dataset.header, merged=0)))
        marked.finish(output=parts.output.tell(), rejects=parts.rejects.tell())
    return len(new)


def _find_new(dataset: Dataset, made: Dataset, lines: Mapping[int, Old]) -> Iterator[_New]:
    for record in made.records():
        if record.index is not None and (old := lines.get(record.index)) is not None:
            yield _New(old, record.index, record.offset, dataset.digest_of(record.conversation).hex())


def _told(repair: OutputPaths, indices: Mapping[int, int], made: Mapping[int, str]) -> Iterator[Entry]:
    """What the journal of a repair tells, under the output's indices. `made`: digests of lines as the output has them.

    What has not come to a line leads nowhere. What was asked for lines that are gone has no index any more, and still
    its cost.
    """
    lost, homeless = 0, Totals()
    for entry in read_entries(repair.journal):
        match entry:
            case Done() | Step() | Unused() | Lost() if entry.index not in indices:
                lost += isinstance(entry, Lost)
                homeless.add(entry)
            case Done() | Step() if entry.index not in made:
                yield as_unused(entry, REPLACED, index=indices[entry.index])
            case Step():
                yield msgspec.structs.replace(entry, index=indices[entry.index], text="")
            case Done():
                yield msgspec.structs.replace(entry, index=indices[entry.index], digest=made[entry.index])
            case Unused() | Lost():
                yield msgspec.structs.replace(entry, index=indices[entry.index])
            case Collected():
                yield entry
            case _:
                pass
    usage = Usage(homeless.prompt_tokens, homeless.cached_tokens, homeless.completion_tokens, homeless.cost)
    if lost or usage != Usage(0, 0, 0, None):
        yield Collected(*msgspec.structs.astuple(usage), label=REPLACED, status=REPLACED, lost=lost)
