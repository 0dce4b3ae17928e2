"""All shards as one output, with a journal for the whole.

The journal is those of the shards one after another, each call as it stands there, under headers that speak of the
whole; one that says nothing new is left out. So totals are the sums of what all machines have paid, and who goes on
with the output finds it as if one run had made it. Lines keep the order of the shards. One shard is looked at at a
time, and what is not whole in any of them is found before anything takes its name.
"""

import mmap
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import msgspec

from asyncgen.data.marked import MarkedJournal
from asyncgen.data.whole_file import whole_files
from asyncgen.errors import ConfigError
from asyncgen.output.append_file import copy_onto
from asyncgen.output.earlier import Earlier, describe_lost_journal, read_earlier
from asyncgen.output.journal import BATCHES_VERSION, Header, decode_entry, encode_entry, entry_or_none
from asyncgen.output.lock import locked
from asyncgen.output.paths import OutputPaths, check_length
from asyncgen.output.scan import LineError
from asyncgen.screen.bar import Advance, unseen
from asyncgen.shards.places import Shards
from asyncgen.shards.plan import ShardFolder, ShardPlan

_MARK, _RUN = b'{"type":"mark",', b'{"type":"run",'

Remedy: TypeAlias = Literal["its next run", "anew", "by hand"]


class _NotWholeError(Exception):
    """Nothing is to be written."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a shard cannot be merged, and what helps: its next run, making it anew, or a hand that deletes lines."""

    text: str
    remedy: Remedy = "its next run"


@dataclass(slots=True)
class Merged:
    """What came of it. By shard: `obstacles`, why nothing was written; `failed`, indices that have no line."""

    lines: int = 0
    obstacles: dict[int, Obstacle] = field(default_factory=dict)
    failed: dict[int, list[int]] = field(default_factory=dict)

    def raise_obstacles(self) -> None:
        if self.obstacles:
            raise _NotWholeError


def merge(
    shards: Shards,
    plan: ShardPlan,
    output: Path,
    *,
    progress: Advance = unseen,
    say: Callable[[str], None] = lambda _: None,
) -> Merged:
    """Raises ConfigError for an output that is something else, OutputError when it cannot be written.

    `say`: told why it takes time, if it does.
    """
    paths, merged = OutputPaths.of(output), Merged()
    _check_target(paths, shards, plan)
    for number in (number for number in range(len(plan)) if not shards.is_begun(number)):
        with shards.at_hand(number, paths.output.parent) as shard:
            merged.obstacles[number] = _unbegun(shard)
    if merged.obstacles:  # known at once, where looking at the others may take an hour
        return merged
    # The output last: while it is not there, what is beside it can be made again.
    targets = (paths.rejects, paths.journal, paths.output)
    with suppress(_NotWholeError), locked(paths, say=say), whole_files(targets) as (rejects, journal, lines):
        writer = _Writer(plan, journal)
        for number in range(len(plan)):
            progress("merging", number, len(plan))
            try:
                with shards.at_hand(number, paths.output.parent) as shard:
                    earlier = _inspect(plan, number, shard, merged)
                    if earlier is not None and not merged.obstacles:
                        asides = [*shards.asides(number)]
                        writer.add_journal(shard.journal, [journal for _, journal, _ in asides])
                        copy_onto(shard.output, lines)
                        copy_onto(shard.rejects, rejects)
                        rejects.writelines(kept for _, _, kept in asides)
                        merged.lines += earlier.lines.known
            except ConfigError as error:
                remedy: Remedy = "by hand" if isinstance(error, LineError) else "anew"
                merged.obstacles[number] = Obstacle(f"cannot be used: {error}", remedy)
        merged.raise_obstacles()
        writer.entries.finish(output=lines.tell(), rejects=rejects.tell())
    return merged


def _check_target(paths: OutputPaths, shards: Shards, plan: ShardPlan) -> None:
    """Raises ConfigError for what is no earlier merge of these shards: it would be lost."""
    check_length(paths.output)
    if not paths.output.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {paths.output.parent}; make it first")
    if paths.output.is_dir():
        raise ConfigError(f"--output: {paths.output} is a folder; name a file in it")
    if isinstance(shards, ShardFolder) and any(shard.owns(paths.output) for _, shard in shards.shards(plan)):
        raise ConfigError(f"--output: {paths.output} belongs to a shard; choose another file")
    if paths.journal.is_file():
        header = _newest_header(paths.journal)
        if header is not None and header.merged == len(plan) and header.asked == plan.header.asked:
            return
    elif not paths.output.exists():
        return
    raise ConfigError(
        f"--output: {paths.output} is there, and is not what a merge of these shards has written, or has been gone on "
        "with since: choose another file"
    )


def _newest_header(journal: Path) -> Header | None:
    with journal.open("rb") as file:
        if not journal.stat().st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            begin = content.rfind(b"\n" + _RUN) + 1
            entry = entry_or_none(content[begin : content.find(b"\n", begin) + 1])
    return entry if isinstance(entry, Header) else None


def _inspect(plan: ShardPlan, number: int, paths: OutputPaths, merged: Merged) -> Earlier | None:
    """What is in a shard; what lacks in it is noted. Raises ConfigError for one that cannot be used."""
    earlier = read_earlier(paths, is_part=True)
    if earlier is None:
        merged.obstacles[number] = _unbegun(paths)
        return None
    _check_headers(plan, number, earlier.ledger.headers)
    lines, failed = earlier.lines, earlier.ledger.failed
    missing = [index for index in plan.indices(number) if not lines.is_done(index)]
    if earlier.ledger.batches.under_way:
        merged.obstacles[number] = Obstacle("has batches under way")
    elif pending := [index for index in missing if index not in failed]:
        merged.obstacles[number] = Obstacle(f"lacks {len(pending):,} of {len(plan.indices(number)):,}")
    elif earlier.patches:
        merged.obstacles[number] = Obstacle("was ended while it wrote, which its next run mends")
    elif missing:
        merged.failed[number] = missing
    return earlier


def _unbegun(paths: OutputPaths) -> Obstacle:
    lost = describe_lost_journal(paths)
    return Obstacle("has not been begun") if lost is None else Obstacle(f"{lost}, or make the shard anew", "anew")


def _check_headers(plan: ShardPlan, number: int, headers: Sequence[Header]) -> None:
    """Raises ConfigError for a shard of another plan."""
    for header in headers:
        if header.indices != plan.indices(number):
            raise ConfigError(f"it holds indices {header.first} to {header.indices.stop - 1}, and is another shard")
        if header.filtered:
            raise ConfigError("lines of it have been left out by a filter")
        plan.check(header)


class _Writer:
    """The journal of the whole, from those of the shards."""

    def __init__(self, plan: ShardPlan, file: BinaryIO) -> None:
        self.entries = MarkedJournal(file)
        self._plan = plan
        self._story: Header | None = None

    def add_journal(self, path: Path, asides: Iterable[bytes]) -> None:
        """`asides`: entries that come first, so that what the shard itself says of an index is the newest."""
        with path.open("rb") as file:
            self._add_header(decode_entry(file.readline()))
            for line in chain(*map(BytesIO, asides), file):
                if line.startswith(_RUN):
                    self._add_header(decode_entry(line))
                elif not line.startswith(_MARK):
                    self.entries.add(line)

    def _add_header(self, entry: object) -> None:
        if not isinstance(entry, Header):
            return
        plan = self._plan
        header = msgspec.structs.replace(entry, version=BATCHES_VERSION, first=0, num=plan.num, merged=len(plan))
        story = msgspec.structs.replace(header, started="", asyncgen="", recipe="")
        if story != self._story:
            self._story = story
            self.entries.add(encode_entry(header))
