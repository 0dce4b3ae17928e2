"""Ctrl-C, SIGTERM and SIGHUP: drain, then cancel, then end.

All three signals climb the same ladder, except that a hang-up which nohup has switched off stays off. The handlers are
the event loop's, so nothing is ever raised in the middle of a write; they are taken down when the run is over.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from asyncgen.stop import Stop

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_STATUS = 130


class Interrupts:
    """Counts the signals of a run. `say` shows a line; `end` gives the terminal back and says the last words."""

    def __init__(self, stop: Stop, *, grace: float, say: Callable[[str], None], end: Callable[[], None]) -> None:
        self._stop = stop
        self._grace = grace
        self._say = say
        self._end = end
        self.count = 0

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals inside the block, which must be in the task that a second one shall cancel."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        signals = [each for each in SIGNALS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
        for number in signals:
            loop.add_signal_handler(number, self._climb, task)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
                if self.count:  # the process is about to end; another Ctrl-C now would only break its last words
                    signal.signal(number, signal.SIG_IGN)

    def _climb(self, task: "asyncio.Task[object] | None") -> None:
        self.count += 1
        if self.count == 1:
            self._stop.request()
            self._say(f"Stopping: calls under way get {self._grace:g} s to arrive. Ctrl-C again cancels them.")
        elif self.count == 2 and task is not None:  # noqa: PLR2004
            self._say("Cancelling calls; what has arrived is being saved. Ctrl-C again ends at once.")
            task.cancel()
        else:
            self._end()
            os._exit(EXIT_STATUS)
