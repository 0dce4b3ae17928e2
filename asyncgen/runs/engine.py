"""Starts the offline engine as a process of its own, for as long as a run lasts.

It gets a session of its own, so that the terminal's Ctrl-C drains the run instead of killing its far end. What ends it
is its standard input: the pipe closes however this process ends, by return, by signal or by kill -9.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from asyncgen.errors import FatalError
from asyncgen.timings import USUAL, Timings

# `python -m asyncgen.offline`, from wherever this package is, installed or not.
_PROGRAM = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module('asyncgen.offline', run_name='__main__')"
)


@contextlib.asynccontextmanager
async def offline_engine(on_death: Callable[[], None], timings: Timings = USUAL) -> AsyncIterator[str]:
    """The engine's base URL. Raises FatalError when it does not start; calls `on_death` should it end by itself."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # without it a user's own json.py in the working directory would be imported
            *("-c", _PROGRAM, str(Path(__file__).parents[2]), "--exit-with-stdin", "--batches"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise FatalError(f"the offline engine did not start: {error.strerror}") from error
    try:
        url = await _read_url(process, timings)
        watching = asyncio.create_task(_watch(process, on_death), name="engine")
        try:
            yield url
        finally:
            watching.cancel()
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(timings.engine_end):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _watch(process: asyncio.subprocess.Process, on_death: Callable[[], None]) -> None:
    await process.wait()
    on_death()


async def _read_url(process: asyncio.subprocess.Process, timings: Timings) -> str:
    if process.stdout is None:
        raise RuntimeError("started without a pipe")
    try:
        async with asyncio.timeout(timings.engine_start):
            url = (await process.stdout.readline()).decode().strip()
    except TimeoutError:
        url = ""
    if not url:
        raise FatalError("the offline engine did not start; `asyncgen serve` shows why")
    return url
