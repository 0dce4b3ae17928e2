"""A web application of ours, for programs on this machine."""

import contextlib
import os
from collections.abc import AsyncIterator

from aiohttp import web

from asyncgen.errors import ConfigError

HOST = "127.0.0.1"
SHUTDOWN = 1.0  # seconds for answers that are being sent; what waits is ended at once


@contextlib.asynccontextmanager
async def listening(app: web.Application, port: int, *, backlog: int = 128) -> AsyncIterator[str]:
    """Serve for the length of the block, which is given the address. Raises ConfigError for a port that is taken."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port, backlog=backlog).start()
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise ConfigError(f"--port: cannot listen on {HOST}:{port}: {reason}; 0 takes a free port") from error
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
