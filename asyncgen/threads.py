"""Threads of our own: those of a run are there before anything is paid for, or it does not begin.

A system that is short of memory, or of places for processes, gives no further one. An executor that starts its thread
with the first piece of work would then raise when there is something to save, and do that piece should a thread come
later.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from asyncgen.errors import OutOfMemoryError

NO_THREAD = (RuntimeError, MemoryError)  # what Python raises when the system gives none


def start_thread(thread: threading.Thread) -> None:
    """Raises OutOfMemoryError when the system gives none."""
    try:
        thread.start()
    except NO_THREAD as error:
        raise _no_thread(thread.name) from error


@contextlib.contextmanager
def thread_beside(name: str, work: Callable[[threading.Event], None], patience: float | None = None) -> Iterator[None]:
    """Have `work` done beside the block, in a thread that no signal reaches; the event says that the block has ended.

    `patience`: seconds in which it is to end then, where a file system that hangs must not hold up the end. Raises
    OutOfMemoryError when the system gives no thread.
    """
    ended = threading.Event()

    def run() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the threads of the block
        work(ended)

    thread = threading.Thread(target=run, name=name, daemon=True)
    start_thread(thread)
    try:
        yield
    finally:
        ended.set()
        thread.join(patience)


def start_worker(name: str, threads: int = 1) -> ThreadPoolExecutor:
    """An executor all of whose threads are there. Raises OutOfMemoryError when the system gives none."""
    executor, barrier = ThreadPoolExecutor(threads, name), threading.Barrier(threads)
    try:
        for _ in range(threads):
            executor.submit(barrier.wait)  # so that each finds the others busy, and is a thread of its own
    except NO_THREAD as error:
        barrier.abort()
        raise _no_thread(name) from error
    return executor


def _no_thread(name: str) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"the system gives no further thread (for {name}): free some memory, or raise the limits of memory (ulimit -v) "
        "and of processes (ulimit -u)"
    )
