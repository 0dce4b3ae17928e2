"""The one coroutine that writes: it takes all that has arrived, and writes and syncs it as one batch.

A batch is what has arrived while it was gathered, or during the write before. It is one hop to a thread: a hop costs
more than the write.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import aiofiles.os

from asyncgen.errors import OutputError
from asyncgen.output.append_file import NO_SPACE, SideFileLostError
from asyncgen.output.files import Files, Record
from asyncgen.threads import start_worker
from asyncgen.timings import USUAL, Timings

NO_SPACE_PATIENCE = 30  # tries, a second apart


class Writer:
    """Takes records from any number of tasks and writes them in batches; `run` is its only consumer.

    A record is handed over without waiting, so that no cancellation can come between: how many wait for their turn is
    bounded where calls are sent, by the limiter. Half of `capacity` is written without waiting for more. `on_taken` is
    called with each batch before it is written and `on_written` after its sync, `on_full` after each try with the
    seconds in which space must be free, None when it was, and `on_loss` when a side file has gone.
    """

    def __init__(
        self,
        files: Files,
        *,
        capacity: int,
        on_written: Callable[[Sequence[Record]], None],
        on_taken: Callable[[Sequence[Record]], None] = lambda _: None,
        on_full: Callable[[int | None], None],
        on_loss: Callable[[OutputError], None] = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timings: Timings = USUAL,
    ) -> None:
        self._files = files
        self._gather_for = timings.gather
        self._half = max(1, capacity // 2)
        self._on_written = on_written
        self._on_taken = on_taken
        self._on_full = on_full
        self._on_loss = on_loss
        self._sleep = sleep
        self._pending: list[tuple[Record, asyncio.Future[None] | None]] = []
        self._untold: Sequence[Record] = ()
        self._due = 0.0  # when what waits has gathered for long enough, on the loop's clock
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._closing = False
        self._error: OutputError | None = None
        self._thread = start_worker("writer")

    def put_nowait(self, record: Record) -> None:
        self._add(record, None)

    def put_synced(self, record: Record) -> asyncio.Future[None]:
        """Hand over a record; what is returned is done when it is on disk. OutputError tells that it will never be."""
        if self._error is not None:
            raise self._error
        synced = asyncio.get_running_loop().create_future()
        self._add(record, synced)
        return synced

    def _add(self, record: Record, synced: asyncio.Future[None] | None) -> None:
        if not self._pending:
            self._due = asyncio.get_running_loop().time() + self._gather_for
        self._pending.append((record, synced))
        self._arrived.set()
        if len(self._pending) >= self._half:
            self._enough.set()

    def close(self) -> None:
        """Let `run` write what is queued and end."""
        self._closing = True
        self._arrived.set()
        self._enough.set()

    async def run(self) -> None:
        """Write until closed. Raises OutputError when the disk fails: then there is `save_rest`."""
        while True:
            await self._arrived.wait()
            if not self._closing:  # what arrives until it is due goes along
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due):
                        await self._enough.wait()
            if not self._pending:  # only `close` wakes this up without a record
                break
            await self._write()
        await self._hop(self._files.append_mark)
        self._thread.shutdown()

    async def save_rest(self) -> int:
        """After `run` has failed: journal what calls have cost or may have. Of how many records that was impossible."""
        queued, self._pending = [record for record, _ in self._pending], []
        try:
            await self._hop(lambda: self._files.append_rest(self._untold, queued))
        except (OSError, OutputError, MemoryError):
            return len(self._untold) + len(queued)
        finally:
            self._thread.shutdown()
        return 0

    async def _write(self) -> None:
        taken, self._pending = self._pending, []
        if not self._closing:
            self._arrived.clear()
            self._enough.clear()
        records = [record for record, _ in taken]
        self._on_taken(records)
        try:
            await self._append(records)
        except OutputError as error:
            self._error = error
            self._untold = () if self._files.has_journalled(records) else records
            for _, synced in (*taken, *self._pending):
                if synced is not None and not synced.done():
                    synced.set_exception(error)
                    synced.exception()  # its task may be gone; then nobody else would look at it
            raise
        for _, synced in taken:
            if synced is not None and not synced.done():
                synced.set_result(None)
        self._on_written(records)

    async def _append(self, records: Sequence[Record]) -> None:
        for tries_left in reversed(range(NO_SPACE_PATIENCE + 1)):
            try:
                await self._hop(lambda: self._files.append_batch(records))
            except OSError as error:
                if error.errno not in NO_SPACE or not tries_left:
                    lines = sum(bool(record.line) for record in (*records, *(record for record, _ in self._pending)))
                    raise OutputError(
                        f"{self._files.output.path.parent}: {error.strerror}; "
                        f"conversations that could not be saved: {lines}"
                    ) from error
                self._on_full(tries_left)
                await self._sleep(1)
            except MemoryError as error:
                raise OutputError(f"{self._files.output.path}: no memory to write with; lower --concurrency") from error
            else:
                self._on_full(None)
                return

    async def _hop(self, work: Callable[[], None]) -> None:
        try:
            await aiofiles.os.wrap(work)(executor=self._thread)
        except SideFileLostError as loss:  # what there was to do is done
            self._on_loss(loss)
