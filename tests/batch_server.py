"""The offline engine with its batches, in a thread of its own, misbehaving as its knobs or a test's script say."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from held_port import hold_port

from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.server import create_app

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Script = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
FREE = Knobs()


class BatchServer:
    """Use as a context manager. `script` stands before every request that is no live call: it may pass it on.

    `asked`: method and path of each of these, in order.
    """

    def __init__(self, live: Knobs = FREE, script: Script | None = None, **knobs: Any) -> None:
        self._knobs = replace(live, batches=BatchKnobs(**knobs))
        self._script = script
        self.asked: list[str] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="batch-server", daemon=True)

    def __enter__(self) -> Self:
        self._held, self._port = hold_port()
        self._thread.start()
        self._runner = self._run(self._start())
        self.base_url = f"http://127.0.0.1:{self._port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._runner.cleanup())
        self._run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._held.close()

    @property
    def inline_url(self) -> str:
        """Where batches are as OpenRouter has them."""
        return self.base_url.replace("/v1", "/api/v1")

    def wait_for(self, asked: str) -> None:
        """Block until a request has come that begins so."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(each.startswith(asked) for each in self.asked), timeout=30):
                raise TimeoutError(f"{self.asked}: no {asked}")

    def forget(self) -> None:
        """Become another server at the same address, which knows nothing."""
        self._run(self._runner.cleanup())
        self._runner = self._run(self._start())

    def books(self, event: str) -> list[dict[str, Any]]:
        """What has happened there, of one kind."""
        with urllib.request.urlopen(self.base_url.replace("/v1", "/ledger/batches"), timeout=30) as answer:
            entries = [json.loads(line) for line in answer.read().splitlines()]
        return [entry for entry in entries if entry["event"] == event]

    async def _end_all(self) -> None:
        """Connections that came in while the port was being closed, too."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for each in tasks:
            each.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    async def _start(self) -> web.AppRunner:
        app = create_app(self._knobs)
        app.middlewares.append(self._before)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, reuse_port=True).start()
        return runner

    @web.middleware
    async def _before(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith(("/chat/completions", "/ledger/batches")):
            return await handler(request)
        with self._changed:
            self.asked.append(f"{request.method} {request.path}")
            self._changed.notify_all()
        return await (handler(request) if self._script is None else self._script(request, handler))


def refusal(status: int, message: str, code: str | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "code": code, "type": "error"}}, status=status)
