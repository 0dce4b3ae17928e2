"""Work shared by processes, with the results in the order of the tasks, whoever did them.

Each process makes its function once, from what it is sent, and is then given task by task. A few tasks for each are
under way at a time, so memory depends on how many processes there are and not on how many tasks. They are made anew
and not forked: a fork of a process with a thread in it may hang. A signal of the terminal is for the one that asks.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from asyncgen.errors import ConfigError

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 3  # tasks under way for each process
_ENDING = {signal.SIGTERM, signal.SIGHUP}
_made: list[Callable[[Any], Any]] = []  # of this process


def map_in_order(
    make: Callable[..., Callable[[Task], Result]], parts: Sequence[object], tasks: Iterable[Task], *, jobs: int
) -> Generator[Result]:
    """What `make(*parts)` gives for each task, by so many processes; with one there is no other than this.

    Raises ConfigError when one of them ends before its time.
    """
    if jobs == 1:
        yield from map(make(*parts), tasks)
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (make, parts))
    waiting: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            # What is started now never sees a Ctrl-C, and would leave a trace without all that it is to be sent.
            held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_ENDING})
            try:
                waiting.append(pool.submit(_work, task))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)
            if len(waiting) == AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ConfigError(
            "one of the processes of the audit was ended, perhaps for want of memory; run it again with --jobs 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(make: Callable[..., Callable[[Any], Any]], parts: Sequence[object]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)  # with which the pool ends those that are left of it
    _made.append(make(*parts))


def _end_with_parent() -> None:
    """One that was killed leaves nobody behind."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _work(task: Any) -> Any:
    return _made[0](task)
