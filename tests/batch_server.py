"""The offline engine with its batches, in a thread of its own, misbehaving as its knobs or a test's script say."""

import json
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web
from server_thread import ServerThread

from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.server import create_app

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Script = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
FREE = Knobs()


class BatchServer(ServerThread):
    """`script` stands before every request that is no live call: it may pass it on.

    `asked`: method and path of each of these, in order.
    """

    def __init__(self, live: Knobs = FREE, script: Script | None = None, **knobs: Any) -> None:
        super().__init__()
        self._knobs = replace(live, batches=BatchKnobs(**knobs))
        self._script = script
        self.asked: list[str] = []

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
        self.go_down()
        self.come_back()

    def books(self, event: str) -> list[dict[str, Any]]:
        """What has happened there, of one kind."""
        with urllib.request.urlopen(self.base_url.replace("/v1", "/ledger/batches"), timeout=30) as answer:
            entries = [json.loads(line) for line in answer.read().splitlines()]
        return [entry for entry in entries if entry["event"] == event]

    def _make_app(self) -> web.Application:
        app = create_app(self._knobs)
        app.middlewares.append(self._before)
        return app

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
