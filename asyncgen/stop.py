"""The one way a run is told to end early, in two steps that never go back.

`request` asks for a drain: no new index, waits end, calls under way may finish. It is an event with a reason and
not an exception, because raising through the tasks would cancel calls that are being paid for.
"""

import asyncio
from collections.abc import Callable

from asyncgen.errors import FatalError


class Stop:
    """An event that remembers why: the fatal error that asked for it, or None when a person did."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.error: FatalError | None = None
        self._callbacks: list[Callable[[], None]] = []

    def when_requested(self, callback: Callable[[], None]) -> None:
        """Call it once, at once, when a stop is requested."""
        self._callbacks.append(callback)

    def request(self, error: FatalError | None = None) -> None:
        """Ask for a drain; the first reason is kept."""
        if not self._event.is_set():
            self.error = error
            self._event.set()
            for callback in self._callbacks:
                callback()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()

    async def sleep(self, seconds: float) -> None:
        """Sleep for that long, or until a stop is requested, whichever is first."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return


class StopRequestedError(Exception):
    """This index is given up because the run stops: abandoned, not failed. A later run makes it."""
