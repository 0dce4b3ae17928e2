"""A shard of object storage, made on this disk by an ordinary run, and published beside it.

Before the run looks at its files they are fetched, unless they are here; while it goes on, what it has made is put as a
further part every minute, and once more in the end. The first part is put at once: from then on a run that was taken
for dead cannot put another. Who finds one there stops, and what his calls have cost is put aside, where it counts.

A storage that cannot be written to keeps no run from going on, as long as the disk takes what it makes.
"""

import contextlib
import io
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from hashlib import blake2b

from asyncgen.conversation import XXH3, LineHash, digest_conversation
from asyncgen.errors import FatalError, OutputError
from asyncgen.output.journal import Done, Entry, Header, OfIndex, Step, as_unused, encode_entry, entry_or_none
from asyncgen.output.paths import OutputPaths
from asyncgen.output.rejects import Reject, encode_reject
from asyncgen.output.scan import read_line
from asyncgen.output.swap import swapped
from asyncgen.runs.run import Run
from asyncgen.shards.claim import ShardTakenError, claimed
from asyncgen.shards.parts import LARGEST, Head, Position, find_cut, read_pieces, read_range, write_pieces
from asyncgen.shards.store import StorageError
from asyncgen.shards.stored import StoredShard
from asyncgen.text import quantity
from asyncgen.threads import thread_beside

EVERY = 60.0  # seconds from one part to the next
LAST_TRIES = 5  # when the run has ended, twice as long apart each time
SUPERSEDED = "superseded"  # reason of a call whose index another run has made


class UnpublishedError(StorageError):
    """What was made is on this machine alone; whoever has started it may do so again later."""

    exit_status = 4


@contextlib.contextmanager
def published(
    shard: StoredShard,
    paths: OutputPaths,
    say: Callable[[str], None],
    *,
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Callable[[Run], None]]:
    """Hold a shard for the length of a run on `paths`, which are locked. What it gives is told the run.

    Raises ShardTakenError, StorageError, and ConfigError for parts that are damaged.
    """
    with claimed(shard, paths, say, patience=patience, sleep=sleep) as lease:
        shard.look()
        publisher = Publisher(shard, paths, fetch(shard, paths, lease.run, say), lease.run, say)
        try:
            with thread_beside("publisher", publisher.go_on):
                yield publisher.follow
        except BaseException:
            with contextlib.suppress(FatalError):  # what has ended the run is to be told
                publisher.publish()
            raise
        publisher.finish(sleep)


def fetch(shard: StoredShard, paths: OutputPaths, run: str, say: Callable[[str], None]) -> Position:
    """Have the files of a shard as its parts have them, and how far they are; what is here and goes on there stays."""
    newest = shard.newest
    if newest is None:
        return Position()
    if (position := Position.of_files(paths, newest)) is not None:
        return position
    say(f"{shard.path}: fetching {quantity(shard.parts, 'part')}")
    position, shared, is_same = Position(), [0, 0, 0], [True, True, True]
    known: set[int] = set()  # entries, by their hash
    is_begun = paths.journal.exists()
    with swapped(paths) as files:
        for pieces in shard.pieces(position):
            for place, (path, piece) in enumerate(zip(paths.data, pieces, strict=True)):
                is_same[place] &= read_range(path, shared[place], len(piece)) == piece
                shared[place] = position.ends[place] if is_same[place] else shared[place]
            known.update(map(hash, pieces[1].splitlines(keepends=True)) if is_begun else ())
            write_pieces((files.output, files.journal, files.rejects), pieces)
        if is_begun and (count := put_aside(shard, paths, shared, run, known)):
            say(f"{shard.path}: calls made here and not published before another run went on, put aside: {count:,}")
    return position


def put_aside(
    shard: StoredShard, paths: OutputPaths, begins: Sequence[int], run: str, known: Container[int] = ()
) -> int:
    """Have the calls counted, and their replies kept, that are in no part and never will be; how many these are.

    `known`: hashes of entries that are in one, where that may be.
    """
    count = 0
    with paths.journal.open("rb") as file:
        header = _read_entry(file.readline())
    line_hash = header.line_hash if isinstance(header, Header) else XXH3
    while True:
        sizes = [path.stat().st_size if path.exists() else 0 for path in paths.data]
        ends = find_cut(paths, begins, LARGEST) or [max(each) for each in zip(sizes, begins, strict=True)]
        places = zip(paths.data, begins, ends, strict=True)
        lines, journal, rejects = (read_range(path, begin, end - begin) for path, begin, end in places)
        journal = b"".join(entry for entry in io.BytesIO(journal) if hash(entry) not in known)
        journal, rejects = supersede((lines, journal, rejects), line_hash)
        begins = ends
        if journal:
            name = shard.name_of_aside(blake2b(journal + rejects, digest_size=16).hexdigest())
            head, content = Position().make_part([b"", journal, rejects], run)
            if shard.store.put_if_absent(name, content):  # or that was done when the run was overtaken
                count += head.sums.calls
        if all(begin >= size for begin, size in zip(begins, sizes, strict=True)):
            return count


def supersede(pieces: Sequence[bytes], line_hash: LineHash) -> tuple[bytes, bytes]:
    """Journal and rejects of calls whose conversations are of no use: what they have cost and brought."""
    lines, journal, rejects = pieces
    entries = [entry for entry in map(_read_entry, io.BytesIO(journal)) if isinstance(entry, OfIndex)]
    made = {entry.digest: entry for entry in entries if isinstance(entry, Done)}
    for line in io.BytesIO(lines):
        conversation = read_line(line)
        done = None if conversation is None else made.get(digest_conversation(conversation, line_hash).hex())
        if done is not None:
            rejects += encode_reject(Reject(done.index, done.asks, SUPERSEDED, line.decode().rstrip("\n")))
    for step in entries:
        if isinstance(step, Step):
            rejects += encode_reject(Reject(step.index, step.ask, SUPERSEDED, step.text))
    unused = (
        as_unused(entry, SUPERSEDED, index=entry.index) if isinstance(entry, Done | Step) else entry
        for entry in entries
    )
    return b"".join(map(encode_entry, unused)), rejects


def _read_entry(line: bytes) -> Entry | None:
    return entry_or_none(line) if line.endswith(b"\n") else None


class Publisher:
    """Puts parts until the run has ended. `say`: where there is no run yet, or none any more."""

    def __init__(
        self,
        shard: StoredShard,
        paths: OutputPaths,
        position: Position,
        run: str,
        say: Callable[[str], None],
    ) -> None:
        self._shard = shard
        self._paths = paths
        self._position = position
        self._published = self._begin = list(position.ends)
        self._run_id = run
        self._say = say
        self._run: Run | None = None
        self._part: tuple[Head, bytes] | None = None  # that is under way
        self._is_told = False  # that another run has the shard

    def follow(self, run: Run) -> None:
        self._run = run

    def publish(self) -> None:
        """Put all that can be put. Raises ShardTakenError, StorageError, and OutputError for changed files."""
        while (part := self._part or self._next_part()) is not None:
            head, content = self._part = part
            name = self._shard.name_of_part(head.number)
            if not self._shard.store.put_if_absent(name, content):
                there = self._shard.head(name)
                if there.run != self._run_id:  # and not one that was put and never confirmed
                    raise ShardTakenError(
                        f"{self._shard.path}: another run has put part {head.number}, and makes the rest; what was "
                        f"made here since part {head.number - 1} is of no use"
                    )
            self._published = head.ends
            self._part = None

    def _next_part(self) -> tuple[Head, bytes] | None:
        position = self._position
        if not self._paths.journal.exists() or (ends := find_cut(self._paths, position.ends, LARGEST)) is None:
            return None
        return position.make_part(read_pieces(self._paths, position.ends, ends), self._run_id)

    def go_on(self, ended: threading.Event) -> None:
        """Publish now and then, in a thread of its own."""
        failures = 0
        while not ended.wait(min(EVERY, 2.0**failures) if failures or self._published == self._begin else EVERY):
            try:
                self.publish()
            except ShardTakenError as error:
                self._is_told = True
                if (run := self._run) is not None:
                    run.call_from_thread(partial(run.stop.request, error))
                return
            except (StorageError, OutputError) as error:
                if not failures:
                    self._tell(f"{error}. The run goes on, on this disk; it is tried again")
                failures += 1
            else:
                if failures:
                    self._tell(f"{self._shard.path}: published again")
                failures = 0

    def _tell(self, text: str) -> None:
        if (run := self._run) is not None:
            run.call_from_thread(partial(run.say, text))

    def finish(self, sleep: Callable[[float], None]) -> None:
        """Publish the rest, or put it aside. Raises what stands in the way of that."""
        for tries_left in reversed(range(LAST_TRIES)):
            try:
                self.publish()
                break
            except ShardTakenError:
                if count := put_aside(self._shard, self._paths, self._published, self._run_id):
                    self._say(
                        f"{self._shard.path}: calls of this run that are of no use, put aside and counted: {count:,}"
                    )
                if self._is_told:
                    return
                raise
            except StorageError as error:
                if not tries_left:
                    raise UnpublishedError(
                        f"{error}. What is not published is whole, in {self._paths.output}: the same line publishes it"
                    ) from error
                sleep(2.0 ** (LAST_TRIES - 1 - tries_left))
        size = self._paths.journal.stat().st_size if self._paths.journal.exists() else 0
        if size > self._published[1]:
            raise UnpublishedError(
                f"{self._paths.output}: its end could not be marked, so it is not published: the same line does that"
            )
        if self._published != self._begin:
            self._say(f"{self._shard.path}: all that is made is published, up to part {self._position.number}")
