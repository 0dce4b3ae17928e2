"""Ctrl-C, SIGTERM and SIGHUP: drain, then cancel, then end.

All three signals climb the same ladder, except that a hang-up which nohup has switched off stays off. A thread waits
for them, so that the last step needs nothing of the rest of the process: a disk, a name look-up or a loop that is being
closed may hang as it likes. The first two steps are the event loop's to take, so nothing is ever raised in the middle
of a write.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from asyncgen.stop import Stop
from asyncgen.threads import NO_THREAD, start_thread

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_STATUS = 130
LAST_WORDS = 0.5  # seconds that a terminal gets to take them


class Interrupts:
    """Counts the signals of a run.

    `say` shows a line; `end` gives the terminal back and says the last words. `calls`: how many are under way.
    """

    def __init__(
        self,
        stop: Stop,
        *,
        grace: float,
        say: Callable[[str], None],
        end: Callable[[], None],
        calls: Callable[[], int] = lambda: 1,
    ) -> None:
        self._calls = calls
        self._stop = stop
        self._grace = grace
        self._say = say
        self._end = end
        self._target: tuple[asyncio.AbstractEventLoop, asyncio.Task[object]] | None = None
        self._is_over = False
        self._ending = threading.Lock()  # the thread that is woken up to end has not ended by itself meanwhile
        self.count = 0

    @contextlib.contextmanager
    def received(self) -> Iterator[None]:
        """Wait for signals during the block, which encloses the event loop from its making to its end.

        Raises OutOfMemoryError when there is no thread to do so.
        They are blocked in this thread, and in those that are started from it. One that has come to a thread which was
        there before is passed on by its handler.
        """
        numbers = [each for each in SIGNALS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
        handlers = [signal.signal(each, lambda *_: self._receive()) for each in numbers]
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        thread = threading.Thread(target=self._wait, args=(numbers,), name="signals", daemon=True)
        try:
            start_thread(thread)
            try:
                yield
            finally:
                with self._ending:
                    self._is_over = True
                    signal.pthread_kill(thread.ident or 0, numbers[0])
                thread.join()
        finally:
            for number, handler in zip(numbers, handlers, strict=True):
                # After one, the process is about to end; another would only break its last words.
                signal.signal(number, _leave if self.count else handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Let the first signal drain, and the second one cancel the task that runs the block."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("not in a task")
        self._target = asyncio.get_running_loop(), task
        try:
            yield
        finally:
            self._target = None

    def _wait(self, numbers: list[signal.Signals]) -> None:
        while True:
            signal.sigwait(numbers)
            with self._ending:
                if self._is_over:
                    return
            self._receive()

    def _receive(self) -> None:
        self.count += 1
        target = self._target
        if target is None:  # nothing has begun yet, or all is saved
            _leave()
        loop, task = target
        if self.count > 2:  # noqa: PLR2004
            words = threading.Thread(target=self._end, name="last words", daemon=True)
            with contextlib.suppress(*NO_THREAD):  # then there are none
                words.start()
                words.join(LAST_WORDS)
            _leave()
        with contextlib.suppress(RuntimeError):  # the loop has been closed this moment
            loop.call_soon_threadsafe(self._stop_in_order, task, self.count)

    def _stop_in_order(self, task: "asyncio.Task[object]", count: int) -> None:
        if count == 1:
            self._stop.request()
            calls = (
                f": calls under way get {self._grace:g} s to arrive. Ctrl-C again cancels them" if self._calls() else ""
            )
            self._say(f"Stopping{calls}.")
        else:
            self._say("Cancelling calls; what has arrived is being saved. Ctrl-C again ends at once.")
            task.cancel()


def _leave(*_: object) -> NoReturn:
    os._exit(EXIT_STATUS)
