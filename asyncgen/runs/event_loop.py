"""The event loop that a run is executed in."""

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import uvloop

from asyncgen.threads import NO_THREAD, start_worker

T = TypeVar("T")


def in_event_loop(main: Coroutine[Any, Any, T]) -> T:
    """With garbage seldom collected: what lives before a run lives through it, and the run itself makes few cycles.

    A collection every 700 objects looks at every task in flight: a tenth of all CPU time with 64 of them.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        with event_loop() as runner:
            return runner.run(main)
    finally:
        main.close()  # if it was not begun
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def event_loop() -> Iterator[asyncio.Runner]:
    """A loop whose threads, for names to be looked up and files, are there before anything is sent.

    Raises OutOfMemoryError when the system gives none.
    """
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop, debug=False)
    try:
        runner.get_loop().set_default_executor(start_worker("names and files", threads=2))
        yield runner
    finally:
        with suppress(*NO_THREAD):  # to wait for its threads it starts another one; they end without that, too
            runner.close()
