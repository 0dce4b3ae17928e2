"""An HTTP server in a thread of its own, to which `main([...])` and its event loop can talk in the same process.

Its port stays the test's own while the server is down: given to another process, the server could not come back.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import uvloop
from aiohttp import web


class ServerThread:
    """Use as a context manager. `_changed`: told of whatever the test may wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)

    def _make_app(self) -> web.Application:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._held = socket.socket()  # bound and not listened at: who connects is refused,
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # and who listens so gets the calls
        self._held.bind(("127.0.0.1", 0))
        self._port = self._held.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self._port}/v1"
        self._thread.start()
        self.come_back()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_down()
        self._run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._held.close()

    def go_down(self) -> None:
        """Close the port and every connection, as a server does that is killed."""
        self._run(self._runner.cleanup())

    def come_back(self) -> None:
        """Listen again, at the same address."""
        self._runner = web.AppRunner(self._make_app(), access_log=None, shutdown_timeout=0.1)
        self._run(self._listen())

    async def _listen(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_port=True).start()

    async def _end_all(self) -> None:
        """Connections that came in while the port was being closed, too."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for each in tasks:
            each.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)
