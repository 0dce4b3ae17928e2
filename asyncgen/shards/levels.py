"""Runs of one plan tell each other how many calls they have in flight, so that one endpoint serves all of them alike.

From refusals alone a run learns what the others leave, and who came first has most. So each of them writes what it has
into a file beside its shard, now and then, and goes half of the way to what is fair by the files of all. One that
stands still is that of a run that has ended; no clock is compared with another machine's.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from asyncgen.output.paths import OutputPaths
from asyncgen.pacing.levels import Level, fair_share
from asyncgen.runs.open import Beside
from asyncgen.runs.run import Run
from asyncgen.threads import thread_beside

FOLDER = "levels"  # beside the shards: of runs that are alive, so that thousands of other files need not be listed
EVERY = 5.0  # seconds from one look to the next
STILL = 4  # looks at a file that does not change, and its run has ended


class _Told(msgspec.Struct, frozen=True):
    """`levels`: by model and address, as runs may ask different ones."""

    count: int
    levels: Mapping[str, Level]


@contextlib.contextmanager
def levelled(beside: Beside, paths: OutputPaths, say: Callable[[str], None]) -> Iterator[Callable[[Run], None]]:
    """For the length of a run, and of what else goes on `beside` it."""
    with beside(paths, say) as follow:
        teller = Teller(paths.output.parent / FOLDER / f"{paths.output.stem}.json")

        def follow_both(run: Run) -> None:
            follow(run)
            teller.run = run

        with teller.kept_up():
            yield follow_both


@dataclass(slots=True)
class _Seen:
    """What another run has told, and for how many looks it has been the same."""

    told: _Told
    still: int


class Teller:
    """Tells what its run has, and the run what is fair. `path`: of its own file; others stand beside it."""

    def __init__(self, path: Path) -> None:
        self.run: Run | None = None
        self._path = path
        self._count = 0
        self._seen: dict[str, _Seen] = {}
        self._is_first = True

    @contextlib.contextmanager
    def kept_up(self) -> Iterator[None]:
        """Raises OutOfMemoryError when there is no thread to look with."""

        def tell_on(ended: threading.Event) -> None:
            while not ended.wait(EVERY):
                self.tell()

        try:
            with thread_beside("levels", tell_on, patience=EVERY):
                yield
        finally:
            with contextlib.suppress(OSError):  # others may have theirs in the folder
                self._path.unlink(missing_ok=True)
                self._path.parent.rmdir()

    def tell(self) -> None:
        """Once, unless the run is not being executed."""
        if (run := self.run) is None or (own := run.ask_from_thread(run.limiters.levels, EVERY)) is None:
            return
        self._count += 1
        with contextlib.suppress(OSError):  # who cannot write is not seen, that is all
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_bytes(msgspec.json.encode(_Told(self._count, own)))
        run.call_from_thread(partial(run.limiters.share, self._share(own)))

    def _share(self, own: Mapping[str, Level]) -> dict[str, float]:
        """What is fair, by model and address."""
        others = self._look()
        shares = {}
        for key, level in own.items():
            levels = [level, *(each.levels[key] for each in others if key in each.levels)]
            if (fair := fair_share(levels)) is not None:
                shares[key] = fair
        return shares

    def _look(self) -> list[_Told]:
        """What runs tell that are alive."""
        seen: dict[str, _Seen] = {}
        with contextlib.suppress(OSError):
            for path in self._path.parent.iterdir():
                if path != self._path:
                    with contextlib.suppress(OSError, ValueError):  # it has ended, or writes this moment
                        told, before = msgspec.json.decode(path.read_bytes(), type=_Told), self._seen.get(path.name)
                        if before is None:  # what was there before us may be of long ago
                            seen[path.name] = _Seen(told, STILL if self._is_first else 0)
                        else:
                            is_still = before.told.count == told.count
                            seen[path.name] = _Seen(told, before.still + 1 if is_still else 0)
        self._seen, self._is_first = seen, False
        return [each.told for each in seen.values() if each.still < STILL]
