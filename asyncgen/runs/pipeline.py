"""Slots, writer, stop: who owns which task, and what happens to it in the end.

Each slot is a task that makes one index after another, all slots from one iterator, so memory depends on the slots and
not on the number of indices. A slot begins when a place would stay free otherwise: as many are alive as there are calls
in flight, one that waits for the next place, and those that wait for something else meanwhile. A fatal answer never
travels through the task group, where it would cancel calls that are being paid for: it requests a stop, the calls under
way get the grace period, and the writer outlives them all.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, pairwise

from asyncgen.errors import FatalError, OutOfMemoryError, RejectedError
from asyncgen.runs import events
from asyncgen.runs.desk import Desk, Unit
from asyncgen.stop import Stop, StopRequestedError

NONE_LEFT = -1
NO_MEMORY = "an answer did not fit into memory; lower --concurrency"


@dataclass(slots=True)
class Pipeline:
    """Makes every index of an iterable.

    `make` is to have `begin_slot` called when a place would stay free. `before_each`: awaited before one is begun.
    """

    make: Callable[[Unit], Awaitable[None]]
    desk: Desk
    before_each: Callable[[], Awaitable[None]] | None = None
    _slots_left: int = 0
    _is_one_coming: bool = False
    _create_slot: Callable[[], object] = lambda: None

    async def run(
        self,
        indices: Iterable[int],
        *,
        slots: int,
        grace: float,
        answered: Sequence[asyncio.Event],
        make_most: Callable[[Iterator[int]], Awaitable[Iterator[Unit]]] | None = None,
    ) -> None:
        """Return when every index is written, failed, or abandoned because of a stop.

        The first index goes alone, until it is made or one of `answered` is set, where there are any: what is wrong
        with the endpoint shows after one call, and what is right warms its prompt cache for all others. Should it only
        fail, another one is asked beside it, and so on: it may be the index's own fault. Then up to `slots` of them are
        made side by side: all, or what is left by `make_most`, which makes indices in some other way.

        After a stop, tasks under way have `grace` seconds to end by themselves. Cancelled from outside, however often,
        what has arrived is saved before CancelledError goes on. Raises OutputError, in an exception group, when the
        disk fails.
        """
        begun = self._begin_each(indices)
        units: Iterator[Unit] = map(self.desk.open, begun)
        async with asyncio.TaskGroup() as group:
            drained = group.create_task(self.desk.writer.run(), name="writer")
            try:
                async with _grace_after(self.desk.stop, grace), asyncio.TaskGroup() as workers:
                    while answered and not any(each.is_set() for each in answered):
                        if (unit := next(units, None)) is None:
                            break
                        task = workers.create_task(self._produce((unit,)), name=f"index-{unit.index}")
                        await _first_of(task, *answered, self.desk.verdict.doubt)
                        self.desk.verdict.doubt.clear()
                    if make_most is not None:
                        units = await self._rest_of(make_most(begun))
                    self._create_slot = lambda: workers.create_task(self._fill_slot(units), name="slot")
                    self._slots_left = slots
                    self.begin_slot()
            finally:
                self.desk.settle()
                self.desk.writer.close()
                await _outlast(asyncio.create_task(self._save(drained), name="saving"))

    def begin_slot(self) -> None:
        """Make another index beside those under way, if so many may be; one begins after the other."""
        if self._slots_left and not self._is_one_coming:
            self._slots_left -= 1
            self._is_one_coming = True
            self._create_slot()

    def is_one_coming(self) -> bool:
        """Whether a slot is about to begin."""
        return self._is_one_coming

    async def _fill_slot(self, units: Iterable[Unit]) -> None:
        self._is_one_coming = False
        await self._produce(units)
        self._slots_left = 0  # there is nothing left to be made

    async def _save(self, drained: asyncio.Task[None]) -> None:
        """Let the writer end; if it has failed, what the calls have cost is worth another try."""
        await asyncio.wait({drained})
        if not drained.cancelled() and drained.exception() is not None:
            self.desk.emit(events.Unrecorded(await self.desk.writer.save_rest()))

    def _begin_each(self, indices: Iterable[int]) -> Iterator[int]:
        """The indices, until a stop; of the last one it is known at once that it is."""
        for index, following in pairwise(chain(indices, (NONE_LEFT,))):
            if self.desk.stop.is_set():
                return
            self.desk.verdict.everything_is_begun = following == NONE_LEFT
            yield index

    async def _rest_of(self, making: Awaitable[Iterator[Unit]]) -> Iterator[Unit]:
        try:
            return await making
        except FatalError as error:  # which would cancel calls that are under way
            self.desk.stop.request(error)
        return iter(())

    async def _produce(self, units: Iterable[Unit]) -> None:
        """What one task makes, one index after another."""
        for unit in units:
            try:
                if self.before_each is not None:
                    await self.before_each()
                await self.make(unit)
            except StopRequestedError:
                self.desk.abandon()
            except FatalError as error:
                self.desk.abandon(error)
            except MemoryError:  # of one large answer; what is left is enough to end in order
                self.desk.abandon(OutOfMemoryError(NO_MEMORY))
            except RejectedError as error:
                self.desk.fail(unit, error)
            finally:
                self.desk.close(unit)


async def _first_of(task: asyncio.Task[None], *events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait({task, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def _outlast(task: asyncio.Task[None]) -> None:
    """Wait for a task to end, however often this is cancelled meanwhile; the cancellation goes on then."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


@asynccontextmanager
async def _grace_after(stop: Stop, grace: float) -> AsyncIterator[None]:
    """Cancel the block `grace` seconds after a stop is requested; that cancellation ends here."""

    async def start_countdown() -> None:
        await stop.wait()
        deadline.reschedule(asyncio.get_running_loop().time() + grace)

    try:
        async with asyncio.timeout(None) as deadline:
            countdown = asyncio.create_task(start_countdown(), name="grace")
            try:
                yield
            finally:
                countdown.cancel()
    except TimeoutError:  # not suppress(): since 3.12 that empties exception groups too
        return
