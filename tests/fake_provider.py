"""A chat-completions endpoint on a real loopback socket, in a thread of its own, that answers as a test scripts it.

The thread is what lets `main([...])`, which runs an event loop of its own, talk to it in the same process.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from held_port import hold_port


@dataclass(frozen=True)
class Call:
    """A request as it came in. `number` counts from 0; `scenario` is its last message."""

    number: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def scenario(self) -> str:
        text: str = self.body["messages"][-1]["content"]
        return text


@dataclass(frozen=True)
class Reply:
    """What to answer.

    `abort`: cut the connection instead. `breaks_off`: cut it in the middle of the body. `hold`: wait until the provider
    is released.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    abort: bool = False
    breaks_off: bool = False
    hold: bool = False


def conversation(text: str) -> Reply:
    """A good answer whose conversation contains `text`."""
    messages = [{"role": "user", "content": f"Hello, {text}?"}, {"role": "assistant", "content": f"It is {text}."}]
    return completion(json.dumps({"messages": messages}))


def completion(
    content: str | None,
    *,
    finish_reason: str = "stop",
    request_id: str = "gen-1",
    service_tier: str | None = None,
    **usage: object,
) -> Reply:
    """A 200 whose message has this content."""
    told: dict[str, object] = {} if service_tier is None else {"service_tier": service_tier}
    body = {
        **told,
        "id": request_id,
        "model": "fake",
        "choices": [{"finish_reason": finish_reason, "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, **usage},
    }
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def error(status: int, message: str = "no", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": {"message": message, "code": status}}).encode(), named)


def page(document: object) -> Reply:
    """A 200 with that JSON."""
    return Reply(body=json.dumps(document).encode())


def always_good(call: Call) -> Reply:
    return conversation(f"{call.scenario} (call {call.number})")


class FakeProvider:
    """Use as a context manager; `calls` is the ledger of what arrived, `release` lets held replies go.

    A script that takes its time is awaited.

    `pages`: what GET answers, by path (`/models`, `/key`); any other path is a 404. `asked`: the paths, in order.
    """

    def __init__(
        self,
        script: Callable[[Call], Reply | Awaitable[Reply]] = always_good,
        *,
        pages: Mapping[str, Reply] | None = None,
    ) -> None:
        self._script = script
        self._pages = {} if pages is None else pages
        self.asked: list[str] = []
        self.calls: list[Call] = []
        self.most_at_once = 0
        self._at_once = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-provider", daemon=True)

    def __enter__(self) -> Self:
        self._held, self._port = hold_port()
        self._thread.start()
        self._runner = self._run(self._start())
        self.base_url = f"http://127.0.0.1:{self._port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._run(self._runner.cleanup())
        self._run(self._hear_ends())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._held.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    async def _hear_ends(self) -> None:
        """A connection that came in while the port was being closed ends when its client does."""
        for _ in range(3):
            await asyncio.sleep(0)

    def go_down(self) -> None:
        """Close the port and every connection, as a server does that is killed."""
        self._run(self._runner.cleanup())

    def come_back(self) -> None:
        """Listen again, at the same address."""
        self._runner = self._run(self._start())

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_get("/v1/{page:.+}", self._show)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, reuse_port=True).start()
        return runner

    def wait_for_calls(self, number: int) -> None:
        """Block until that many requests have arrived."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.calls) >= number, timeout=30):
                raise TimeoutError(f"{len(self.calls)} calls, expected {number}")

    def release(self) -> None:
        """Let held replies, and all later ones, go."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        path = f"/{request.match_info['page']}"
        self.asked.append(path)
        reply = self._pages.get(path, error(404))
        if reply.hold:
            await self._released.wait()
        if reply.abort and request.transport is not None:
            request.transport.abort()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        with self._changed:
            call = Call(len(self.calls), dict(request.headers), body)
            self.calls.append(call)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
        try:
            scripted = self._script(call)
            reply = scripted if isinstance(scripted, Reply) else await scripted
            if reply.hold:
                await self._released.wait()
            if reply.abort and request.transport is not None:
                request.transport.abort()
            if reply.breaks_off:
                return await _break_off(request, reply)
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        finally:
            with suppress(RuntimeError), self._changed:
                self._at_once -= 1


async def _break_off(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    with suppress(ConnectionResetError):  # whoever asked may have gone
        await response.prepare(request)
        await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
