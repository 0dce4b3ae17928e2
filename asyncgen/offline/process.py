"""The engine as a process: listening, the line that says where, and the three ways to end.

It ends on SIGINT, on SIGTERM, or, if asked to, when its standard input is closed. The last is how a parent takes it
along: the pipe closes however the parent ends, kill -9 included.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading

import uvloop

from asyncgen.listening import listening
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.server import create_app
from asyncgen.threads import start_thread

_STDIN = 0
_BACKLOG = 4096  # connections; a client opens all of its own at once


def run_server(knobs: Knobs, port: int, *, exit_with_stdin: bool) -> None:
    """Serves until told to end; the base URL is one line on stdout. Raises FatalError when it cannot."""
    uvloop.run(_serve(knobs, port, exit_with_stdin=exit_with_stdin))


async def _serve(knobs: Knobs, port: int, *, exit_with_stdin: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(create_app(knobs), port, backlog=_BACKLOG) as address:
        if exit_with_stdin:
            _stop_with_stdin(stop)
        try:
            print(f"{address}/v1", flush=True)  # noqa: T201 - what was asked for
        except BrokenPipeError:  # the parent is gone already; a second flush at exit would print a trace
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        await stop.wait()


def _stop_with_stdin(stop: asyncio.Event) -> None:
    """A thread, because a pipe, a terminal, a file and a closed descriptor can all be read until they end."""
    loop = asyncio.get_running_loop()

    def read_to_end() -> None:
        with contextlib.suppress(OSError):
            while os.read(_STDIN, 65536):
                pass
        with contextlib.suppress(RuntimeError):  # the loop ended first
            loop.call_soon_threadsafe(stop.set)

    start_thread(threading.Thread(target=read_to_end, name="stdin", daemon=True))
