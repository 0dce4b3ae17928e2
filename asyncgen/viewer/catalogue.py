"""All lines of an output in a store, which goes on as the files grow, with marks and findings from beside it.

It is built in slices of some milliseconds. All of it belongs to one thread: a request waits for the end of a slice,
and nothing is locked.
"""

from collections.abc import Callable, Iterable
from time import monotonic

from asyncgen.conversation import Conversation
from asyncgen.data.dataset import NO_JOURNAL
from asyncgen.data.dropped import append_mark, dropped_path, read_dropped
from asyncgen.data.follow import Follower
from asyncgen.data.growing import ReplacedError
from asyncgen.output.paths import OutputPaths
from asyncgen.output.scan import read_line
from asyncgen.recipe.scenario import Drawn
from asyncgen.stamp import Stamp, read_stamp
from asyncgen.viewer.findings import Findings
from asyncgen.viewer.labelling import Labelling
from asyncgen.viewer.store import Known, Store

SLICE = 0.05  # seconds


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
        self.labelling = Labelling(paths)
        self._marked: Stamp | None = None
        self._begin()

    def _begin(self) -> None:
        self.follower = Follower(self.paths)
        self.store = Store(self.follower.plans)
        self.findings = Findings(self.paths)
        self.is_whole = False
        self._is_stale = False

    def close(self) -> None:
        self.follower.close()
        self.store.close()

    # ---- growing

    def advance(self) -> bool:
        """Read on for a slice; False when there was nothing more to do. Raises OSError and ConfigError."""
        until = self._clock() + SLICE
        try:
            if self._is_stale:
                raise ReplacedError  # noqa: TRY301 - as if the follower had found it
            self.follower.look()
            self._take_marks()
            while (piece := self.follower.read()) is not None:
                self._is_stale = True  # unless it is stored
                self.store.add(piece, self._dropped)
                self._is_stale = False
                self.version += bool(piece.late)
                if self._clock() >= until:
                    return True
        except ReplacedError:
            self.close()
            self.generation += 1
            self.version += 1
            self._begin()
            return True
        self.is_whole = True
        if (audit := self.findings.look()) is not None:
            self.store.take_findings(audit)
            self.version += 1
        return self.store.add_index()

    def _take_marks(self) -> None:
        """Marks may have been made here, by another viewer, or deleted by hand."""
        if (stamp := read_stamp(dropped_path(self.paths))) == self._marked:
            return
        before, self._dropped = self._dropped, read_dropped(self.paths)
        self._marked = stamp
        if len(self):
            self.store.mark(self._dropped - before, is_dropped=True)
            self.store.mark(before - self._dropped, is_dropped=False)
            self.version += 1

    def mark(self, lines: Iterable[int], *, is_dropped: bool) -> list[int]:
        """Mark the conversations there, and with them all that are equal; those whose mark was another one.

        Raises OutputError and ConfigError.
        """
        self._take_marks()
        changed = {
            known.line: known.digest
            for known in map(self.store.get, lines)
            if known.digest is not None and known.is_dropped != is_dropped and self.read(known) is not None
        }
        if changed:
            append_mark(self.paths, *dict.fromkeys(changed.values()), is_dropped=is_dropped)
            self._take_marks()
        return list(changed)

    # ---- asking

    def __len__(self) -> int:
        """How many lines have been read."""
        return self.follower.lines

    def read(self, known: Known) -> Conversation | None:
        """None for a line that is no conversation, or not the one any more that was read."""
        conversation = read_line(self.follower.read_between(known.start, known.start + known.size))
        if conversation is not None and self.follower.digest_of(conversation) == known.digest:
            return conversation
        self._is_stale |= known.digest is not None
        return None

    def scenario(self, known: Known) -> dict[str, Drawn]:
        if known.index is None or known.call is None or known.call.plan is None:
            return {}
        return known.call.plan.scenario(known.index)

    def describe(self) -> list[str]:
        """What a reader should know of the files."""
        follower = self.follower
        notes = list(follower.notes)
        if not follower.has_journal:
            notes.append(NO_JOURNAL)
        if follower.strange:
            notes.append(f"lines that are no conversation: {follower.strange:,}")
        if self.is_whole and follower.unknown:
            notes.append(f"lines that the journal does not know: {follower.unknown:,}")
        if follower.unreadable:
            notes.append(f"lines of the journal that cannot be read: {follower.unreadable:,}")
        if self.labelling.problem is not None:
            notes.append(self.labelling.problem)
        return notes
