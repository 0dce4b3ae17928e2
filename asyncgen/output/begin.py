"""How a run begins on its output: start anew, go on, keep what is there, set it aside, or refuse.

All decisions are taken before the first byte is written, so that a refusal leaves everything as it was. The header
is on disk before the output exists, and both before the first call.
"""

import shutil
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import msgspec

from asyncgen.denied import explain
from asyncgen.errors import ConfigError, OutputError
from asyncgen.money.price import format_cost
from asyncgen.output.append_file import AppendFile, sync_directory
from asyncgen.output.batches import USED_UP
from asyncgen.output.changes import (
    MADE_AGAIN,
    START_ANEW,
    check_batches,
    check_none_is_under_way,
    check_same_kind,
    differences,
    elsewhere,
    has_one_place,
)
from asyncgen.output.earlier import Earlier, adopt_lines, read_earlier
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import ARRAYS, FORGOTTEN, NOT_MADE, OBJECTS, Collected, Header, Kept, Step, encode_entry
from asyncgen.output.keys import Keys
from asyncgen.output.ledger import Ledger, read_journal
from asyncgen.output.match import Lines
from asyncgen.output.mend import Patch, discard, mend, patch_rejects
from asyncgen.output.paths import OutputPaths, torn_path
from asyncgen.output.rejects import NO_OUTPUT, PUT_BACK, read_rejects
from asyncgen.timings import USUAL

_KEPT_APART = NO_OUTPUT.encode()  # in a line of the rejects
BYTES_EXPECTED = 6000  # of output and journal, for a conversation


@dataclass(frozen=True, slots=True)
class Start:
    """A run that may begin.

    `kept`: digests of lines to be journalled as kept; `set_aside`: what is to be renamed; `forgotten`: batches that are
    given up; `keys`: what indices stand for, unless they stand for themselves.
    """

    paths: OutputPaths
    header: Header
    earlier: Earlier | None = None
    kept: Sequence[bytes] = ()
    patches: Sequence[Patch] = ()
    set_aside: Sequence[Path] = ()
    forgotten: Sequence[Collected] = ()
    keys: Keys | None = None

    @property
    def indices(self) -> Sequence[int]:
        """All that is to be made, in order."""
        return self.header.indices if self.keys is None else self.keys.indices

    def count_done(self) -> int:
        """How many of them are made."""
        if self.keys is None:
            return self.lines.count_done(self.header.num)
        return sum(map(self.lines.is_done, self.indices))

    @property
    def lines(self) -> Lines:
        return Lines(self.header.first) if self.earlier is None else self.earlier.lines

    @property
    def ledger(self) -> Ledger:
        """Of earlier runs; an empty one where there were none."""
        return Ledger() if self.earlier is None else self.earlier.ledger

    @property
    def steps(self) -> dict[int, list[Step]]:
        """What has been answered for indices under way; nothing of what was asked otherwise."""
        if self.earlier is None or self.earlier.header.asked != self.header.asked:
            return {}
        return self.earlier.ledger.steps

    def pending(self, *, without: Container[int] = ()) -> Iterator[int]:
        """The indices still to be made and not out in a batch, in order."""
        lines, header, batches = self.lines, self.header, self.ledger.batches.open
        out = bytearray(header.num if batches else 0)
        for batch in batches.values():
            for index, told in zip(batch.indices, batch.told, strict=True):
                out[index - header.first] = told != USED_UP
        return (
            index
            for index in self.indices
            if not (lines.is_done(index) or (out and out[index - header.first]) or index in without)
        )

    def notes(self) -> list[str]:
        """What the user should know about the output before anything is spent."""
        output, num, done = self.paths.output, len(self.indices), self.count_done()
        notes = [
            f"{patch.path}: its end from byte {patch.offset} on was not whole; what was cut off is in "
            f"{torn_path(patch.path).name}"
            for patch in self.patches
            if patch.cuts
        ]
        if self.set_aside:
            notes.append(f"what was at {output} is kept, renamed to .bak-TIME")
        if (free := shutil.disk_usage(output.parent).free) < (num - done) * BYTES_EXPECTED:
            notes.append(f"{output.parent} has only {free / 1e6:,.0f} MB free, which may not be enough")
        if 0 < done < num:
            notes.append(f"{output}: {done:,} of {num:,} are there, {num - done:,} to make")
        if missing := self._count_missing():
            spent = self.ledger.totals.cost
            each = None if spent is None else spent / (self.lines.count_done() + self.lines.missing)
            cost = "" if each is None else f" (about {format_cost(each * missing)})"
            notes.append(f"made earlier, not in the file (deleted, or lost in a crash), made again: {missing:,}{cost}")
            if kept := self._count_kept_apart():
                notes.append(
                    f"{kept:,} of them kept in {self.paths.rejects.name} with the reason {NO_OUTPUT}: {PUT_BACK}"
                )
        if self.kept:
            notes.append(f"lines not made here that are kept: {len(self.kept):,}")
        earlier = None if self.earlier is None else self.earlier.header
        if earlier is not None and earlier.base_url != self.header.base_url:
            notes.append(f"earlier runs asked {earlier.base_url or 'another address'}")
        if earlier is not None and earlier.tiers != self.header.tiers:
            before, after = (" and ".join(sorted(each.tiers)) for each in (earlier, self.header))
            notes.append(f"the last run was at tier {before}, this one is at {after}: another price, or another wait")
        return notes

    def _count_missing(self) -> int:
        """How many of the indices that are to be made once had a line and have none now."""
        is_done, is_made = self.lines.is_done, self.ledger.is_made
        return sum(is_made(index) and not is_done(index) for index in (self.indices if self.lines.missing else ()))

    def _count_kept_apart(self) -> int:
        """How many indices without a line have one among the rejects, from a run whose output was taken away."""
        rejects = read_rejects(self.paths.rejects, telling=_KEPT_APART)
        indices = {each.index for each in rejects if each.reason == NO_OUTPUT}
        return sum(not self.lines.is_done(index) for index in indices)

    def open(self, clock: Callable[[], float] = USUAL.clock) -> Files:
        """Set aside, mend, write the header, and open the files. Raises OutputError."""
        time = datetime.fromtimestamp(clock(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        try:
            for path in self.set_aside:  # the output last: while it is there, a run goes on with it or is refused
                path.rename(path.with_name(f"{path.name}.bak-{time}"))
                # Synced, or the power may take back any of them, and old rejects stand beside a new run.
                sync_directory(path.parent)
            mend(self.patches)
            entries = b"".join(encode_entry(Kept(digest=digest.hex())) for digest in self.kept)
            entries += b"".join(map(encode_entry, self.forgotten))
            entries += b"".join(map(encode_entry, () if self.keys is None else self.keys.entries()))
            if self.earlier is None:
                with closing(AppendFile(self.paths.journal)) as journal:
                    journal.append(encode_entry(self.header))
                    journal.sync()
            else:
                entries = encode_entry(self.header) + entries
            files = Files(self.paths)
            try:
                sync_directory(self.paths.output.parent)
                if entries:
                    files.append_batch([Record(entries)])
                files.append_mark()
            except BaseException:
                files.close()
                raise
        except OSError as error:
            raise OutputError(f"{error.filename or self.paths.output}: {explain(error)}") from error
        return files


def prepare(
    paths: OutputPaths,
    header: Header,
    *,
    append: bool = False,
    overwrite: bool = False,
    allow_changed: bool = False,
    collects: bool = False,
    forget: Sequence[str] = (),
    keys: Keys | None = None,
    is_part: bool = False,
) -> Start:
    """Look at what is there and decide. Writes nothing; raises ConfigError for every refusal.

    `collects`: the run looks after batches that are out. `forget`: labels of batches that are not waited for any more.
    `keys`: what is to be made, where it is not numbered. `is_part`: of several outputs, to which nothing is added.
    """
    try:
        check_ordinary(paths)
        if overwrite:
            check_none_is_under_way(_under_way(paths.journal, forget))
            aside = [path for path in (paths.batches, *reversed(paths.all)) if path.exists()]
            return Start(paths, _number(header, keys), set_aside=aside, keys=keys)
        if (earlier := read_earlier(paths, adopt=append, is_part=is_part, anew=START_ANEW)) is None:
            first = _prepare_first(paths, _number(header, keys), append=append, is_part=is_part)
            return replace(first, keys=keys)
    except OSError as error:
        raise ConfigError(f"{error.filename or paths.output}: {error.strerror}") from error
    if earlier.lines.known or earlier.header.filtered:
        check_same_kind(paths, earlier.header, header)
        if (changed := differences(earlier.header, header)) and not allow_changed:
            mix = "" if MADE_AGAIN in header.digests else ", or mix both with --allow-changed"
            raise ConfigError(
                f"{paths.output} was made with other settings: {'; '.join(changed)}. Run it as before, "
                f"{elsewhere(header)}{mix}"
            )
    header = _number(header, keys, bytes(earlier.ledger.keys))
    forgotten = _forget(earlier.ledger, forget)
    batches = earlier.ledger.batches
    forgotten += _forget(earlier.ledger, [label for label in batches.open if label not in batches.under_way], NOT_MADE)
    check_batches(earlier.ledger.batches, earlier.header, header, collects=collects)
    kept = [digest for _, digest in earlier.lines.unknown]
    header = msgspec.structs.replace(header, line_hash=earlier.ledger.line_hash)
    return Start(paths, header, earlier, kept, earlier.patches, forgotten=forgotten, keys=keys)


def _number(header: Header, keys: Keys | None, assigned: bytes = b"") -> Header:
    """The header of a run whose indices stand for keys, those of earlier runs for what they have stood for."""
    if keys is None:
        return header
    keys.settle(assigned)
    return msgspec.structs.replace(header, num=keys.num)


def _under_way(journal: Path, forget: Sequence[str]) -> set[str]:
    """Labels of batches that somebody still waits for; of a journal that nobody can read, none."""
    try:
        ledger = read_journal(journal).ledger
    except (OSError, ConfigError):
        return set()
    return ledger.batches.under_way.keys() - set(forget)


def _forget(ledger: Ledger, labels: Sequence[str], status: str = FORGOTTEN) -> list[Collected]:
    """The entries with which batches are given up; their lines may be billed all the same, once they were made."""
    entries = []
    for label in labels:
        if (batch := ledger.batches.open.get(label)) is None:
            known = ", ".join(ledger.batches.open) or "none"
            raise ConfigError(f"--forget-batch {label}: no such batch is under way; there are: {known}")
        lost = batch.untold if status == FORGOTTEN else 0
        entries.append(Collected(label=label, status=status, missing=batch.untold, lost=lost))
        ledger.add(entries[-1])
    return entries


def _prepare_first(paths: OutputPaths, header: Header, *, append: bool, is_part: bool) -> Start:
    """A run on an output without a journal, or with one that is only the beginning of a header."""
    kept: Sequence[bytes] = ()
    patches = [discard(paths.journal), patch_rejects(paths.rejects, None)]
    if paths.output.exists() and paths.output.stat().st_size:
        if not append:
            instead = ", choose another --output, or --append to keep its lines and add to them"
            raise ConfigError(
                f"{paths.output} exists and has no journal ({paths.journal.name}): put that back if there was one"
                f"{'' if is_part or has_one_place(header) else instead}; {START_ANEW}"
            )
        kept, patch = adopt_lines(paths.output, header.line_hash)
        patches.append(patch)
        with paths.output.open("rb") as file:  # the first line tells: nobody mixes formats and trains on the result
            found = OBJECTS if file.readline().lstrip().startswith(b"{") else ARRAYS
        if found != header.line_format:
            raise ConfigError(
                f"{paths.output} holds {found}, this run would write {header.line_format} (see --save-metadata)"
            )
    return Start(paths, header, kept=kept, patches=[patch for patch in patches if patch])


def check_ordinary(paths: OutputPaths) -> None:
    """Raises ConfigError for anything but a file of its own in the place of one of an output's files."""
    if paths.output.is_dir():
        raise ConfigError(f"--output: {paths.output} is a folder; name a file in it")
    if paths.batches.is_symlink() or (paths.batches.exists() and not paths.batches.is_dir()):
        raise ConfigError(f"{paths.batches} is no folder of its own: move it away")
    for path in paths.all:
        if path.is_symlink():  # the output's own name is resolved
            raise ConfigError(f"{path} is a link, not a file of its own: move it away")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path} is no ordinary file: move it away")
    for one, other in combinations(filter(Path.exists, paths.all), 2):
        if one.samefile(other):
            raise ConfigError(f"{one} and {other} are one file: remove one of the names")
