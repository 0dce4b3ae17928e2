"""A chat-completions endpoint on a real loopback socket, in a thread of its own, that answers as a test scripts it."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web
from server_thread import ServerThread


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
    """A good answer whose conversation contains `text`, as nearly every endpoint gives it."""
    messages = [{"role": "user", "content": f"Hello, {text}?"}, {"role": "assistant", "content": f"It is {text}."}]
    return completion(json.dumps({"messages": messages}), total_tokens=120)


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


class FakeProvider(ServerThread):
    """`calls` is the ledger of what arrived, `release` lets held replies go.

    A script that takes its time is awaited.

    `pages`: what GET answers, by path (`/models`, `/key`); any other path is a 404. `asked`: the paths, in order.
    """

    def __init__(
        self,
        script: Callable[[Call], Reply | Awaitable[Reply]] = always_good,
        *,
        pages: Mapping[str, Reply] | None = None,
    ) -> None:
        super().__init__()
        self._script = script
        self._pages = {} if pages is None else pages
        self.asked: list[str] = []
        self.calls: list[Call] = []
        self.most_at_once = 0
        self._at_once = 0
        self._released = asyncio.Event()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        super().__exit__(kind, error, trace)

    def _make_app(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_get("/v1/{page:.+}", self._show)
        return app

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


def leave_as_killed(provider: FakeProvider, calls: int, run: Callable[[], object]) -> None:
    """Leave in the working folder what `run` has left on disk when so many calls have arrived.

    A kill leaves the same, and takes a process, whose start takes longer than most tests. For a moment at which the
    run does nothing but wait: its last calls are to be held.
    """

    def look() -> None:
        provider.wait_for_calls(calls)
        shutil.copytree(folder, left)
        provider.release()

    folder = Path.cwd()
    left = folder.with_name(f"{folder.name}-killed")
    with ThreadPoolExecutor(1) as beside:
        looked = beside.submit(look)
        run()
        looked.result()
    for path in folder.iterdir():
        path.unlink()
    shutil.copytree(left, folder, dirs_exist_ok=True)


async def _break_off(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    with suppress(ConnectionResetError):  # whoever asked may have gone
        await response.prepare(request)
        await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
