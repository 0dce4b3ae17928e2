"""Who is served now: the places of a server, and the queue in front of them, first come first served.

A place is handed over by the call that leaves it, so that a newcomer cannot slip in before one that waits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncgen.offline.capacity import Capacity


class Turns:
    """Without a queue in front, an admitted call finds its place free and never waits here."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """A place for as long as the block lasts."""
        loop = asyncio.get_running_loop()
        if not self._waiting and self._capacity.has_place(loop.time()):
            self._capacity.begin(loop.time())
        else:
            turn = loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # the place had been handed over already
                    self._end()
                raise
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        now = asyncio.get_running_loop().time()
        self._capacity.end(now)
        while self._waiting and self._capacity.has_place(now):
            turn = self._waiting.popleft()
            if not turn.done():
                self._capacity.begin(now)
                turn.set_result(None)
