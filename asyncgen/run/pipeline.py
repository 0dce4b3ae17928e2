"""Producer, slots, workers, writer, stop: who owns which task, and what happens to it in the end.

The producer takes a slot before it starts the task of an index, and the slot comes back when the task is gone, so
memory depends on the slots and not on the number of indices. A fatal answer never travels through the task group,
where it would cancel calls that are being paid for: it requests a stop, the calls under way get the grace period, and
the writer outlives them all.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from asyncgen.errors import FatalError, OutOfMemoryError, RejectedError
from asyncgen.run import events
from asyncgen.run.desk import Desk, Unit
from asyncgen.run.verdict import Verdict
from asyncgen.stop import Stop, StopRequestedError


class RecordWriter(Protocol):
    """What the pipeline needs of `output.Writer`."""

    async def run(self) -> None: ...
    async def save_rest(self) -> int: ...
    def close(self) -> None: ...


class Pipeline:
    """Makes every index of an iterable: one task each, `slots` of them alive at a time."""

    def __init__(
        self,
        make: Callable[[Unit], Awaitable[None]],
        desk: Desk,
        writer: RecordWriter,
        stop: Stop,
        *,
        verdict: Verdict,
    ) -> None:
        self._make = make
        self._desk = desk
        self._writer = writer
        self._stop = stop
        self._verdict = verdict

    async def run(self, indices: Iterable[int], *, slots: int, grace: float, answered: asyncio.Event) -> None:
        """Return when every index is written, failed, or abandoned because of a stop.

        The first index goes alone, until it is made or `answered` is set: what is wrong with the endpoint shows after
        one call, and what is right warms its prompt cache for all others. Should it only fail, another one is asked
        beside it, and so on: it may be the index's own fault.

        After a stop, tasks under way have `grace` seconds to end by themselves. Cancelled from outside, however often,
        what has arrived is saved before CancelledError goes on. Raises OutputError, in an exception group, when the
        disk fails.
        """
        free = asyncio.Semaphore(slots)
        async with asyncio.TaskGroup() as group:
            drained = group.create_task(self._writer.run(), name="writer")
            try:
                async with _grace_after(self._stop, grace), asyncio.TaskGroup() as workers:
                    for index in indices:
                        await free.acquire()
                        if self._stop.is_set():
                            break
                        task = workers.create_task(self._produce(index), name=f"index-{index}")
                        # In a done callback, because a task cancelled before its first step runs no `finally`.
                        task.add_done_callback(lambda _: free.release())
                        if not answered.is_set():
                            await _first_of(task, answered, self._verdict.doubt)
                            self._verdict.doubt.clear()
                    self._verdict.everything_is_begun = True
            finally:
                self._desk.settle()
                self._writer.close()
                await _outlast(asyncio.create_task(self._save(drained), name="saving"))

    async def _save(self, drained: asyncio.Task[None]) -> None:
        """Let the writer end; if it has failed, what the calls have cost is worth another try."""
        await asyncio.wait({drained})
        if not drained.cancelled() and drained.exception() is not None:
            self._desk.emit(events.Unrecorded(await self._writer.save_rest()))

    async def _produce(self, index: int) -> None:
        unit = self._desk.open(index)
        try:
            await self._make(unit)
        except StopRequestedError:
            self._desk.abandon()
        except FatalError as error:
            self._desk.abandon(error)
        except MemoryError:  # of one large answer; what is left is enough to end in order
            self._desk.abandon(OutOfMemoryError("an answer did not fit into memory; lower --concurrency"))
        except RejectedError as error:
            self._desk.fail(unit, error)
        finally:
            self._desk.close(unit)


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
