"""How many requests may be in flight.

A place is held around one HTTP attempt only, never while an index waits, so a backing-off index costs nobody a
place. Retries are served before first attempts: an index that has already waited should not queue again behind the
whole rest of the run.
"""

import asyncio
from collections import deque
from types import TracebackType


class Limiter:
    """Hands out at most `limit` places."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0
        self._first: deque[asyncio.Future[None]] = deque()
        self._again: deque[asyncio.Future[None]] = deque()

    def place(self, *, again: bool) -> "_Place":
        """An async context manager that holds one place; `again` says that this is a retry."""
        return _Place(self, self._again if again else self._first)

    async def _acquire(self, queue: "deque[asyncio.Future[None]]") -> None:
        if self.in_flight < self.limit:  # nobody waits while a place is free
            self.in_flight += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        queue.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # cancelled after the place was given, before this task could run
                self._release()
            raise

    def _release(self) -> None:
        self.in_flight -= 1
        while self.in_flight < self.limit and (queue := self._again or self._first):
            waiter = queue.popleft()
            if not waiter.cancelled():
                self.in_flight += 1
                waiter.set_result(None)


class _Place:
    __slots__ = ("_limiter", "_queue")

    def __init__(self, limiter: Limiter, queue: "deque[asyncio.Future[None]]") -> None:
        self._limiter = limiter
        self._queue = queue

    async def __aenter__(self) -> None:
        await self._limiter._acquire(self._queue)  # noqa: SLF001  # the two halves of one mechanism

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter._release()  # noqa: SLF001
