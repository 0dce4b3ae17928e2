"""What is wrong while calls only fail: told, and the end of the run when that has gone on for too long."""

import asyncio
import time
from collections.abc import Callable

from asyncgen.errors import EndpointDownError, TimedOutError, TransientError
from asyncgen.runs import events
from asyncgen.runs.advice import with_advice
from asyncgen.runs.counts import Counts
from asyncgen.runs.events import Event
from asyncgen.runs.patience import Patience
from asyncgen.stop import Stop
from asyncgen.timings import Timings

TIMEOUTS_SAID_AT = 3  # calls cut off by --timeout


class Trouble:
    """Of one run. What is said of it is said once, as long as nothing else is wrong in between."""

    def __init__(
        self, patience: Patience, counts: Counts, emit: Callable[[Event], None], stop: Stop, timings: Timings
    ) -> None:
        self._patience = patience
        self._counts = counts
        self._emit = emit
        self._stop = stop
        self._timings = timings
        self._is_said = False
        self._said = ""
        self._end: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """To be called whenever a call has ended."""
        counts, patience = self._counts, self._patience
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if patience.trouble is None:
            if counts.trouble is not None:
                self._emit(events.Troubled(None))
            return
        self._emit(events.Troubled(with_advice(patience.trouble, has_worked=not patience.is_new_here)))
        left = patience.left(time.monotonic())
        if left <= 0:
            self._lose_patience()
            return
        self._end = asyncio.get_running_loop().call_later(left, self._lose_patience_if_idle)
        is_time = patience.failing_seconds >= self._timings.trouble_said_after
        if patience.is_new_here and is_time and not self._is_said:
            self._is_said = True
            self._say("no answer yet", counts.trouble or "", is_in_frame=True)

    def retried(self, error: TransientError) -> None:
        """A call is made again."""
        if isinstance(error, TimedOutError) and self._counts.retries[error.reason] == TIMEOUTS_SAID_AT:
            self._say(f"{TIMEOUTS_SAID_AT} calls, which may be billed", with_advice(error))

    def _lose_patience_if_idle(self) -> None:
        if not self._counts.in_flight:  # otherwise it is for that call to tell
            self._lose_patience()

    def _lose_patience(self) -> None:
        patience = self._patience
        why = "it has never answered" if patience.is_new_here else "--give-up"
        told = f"calls have only failed for {patience.seconds:g} s ({why}). The last time: {self._counts.trouble}"
        self._stop.request(EndpointDownError(told))

    def _say(self, what: str, trouble: str, *, is_in_frame: bool = False) -> None:
        if trouble != self._said:
            self._said = trouble
            self._emit(events.Said(f"{what}: {trouble}", is_in_frame))
