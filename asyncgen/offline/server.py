"""The engine as an aiohttp application: routes, faults on the wire, counts of what was served.

A refusal (401, 402, 429) is answered at once, as gateways do; everything else takes the latency asked for. A handler
that waits is ended by its client's leaving or by the server's end, whichever comes first.
"""

import asyncio
import socket
import struct
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from aiohttp import web

from asyncgen.offline.brief import Message
from asyncgen.offline.knobs import Fate, Fates, Fault, Knobs
from asyncgen.offline.protocol import (
    BadRequestError,
    ChatRequest,
    count_tokens,
    encode_completion,
    encode_conversation,
    encode_error,
    encode_models,
    read_request,
)
from asyncgen.offline.writer import Writer, digest_request

_MAX_BODY = 64 * 1024 * 1024  # bytes; a knowledge base may be far larger than aiohttp's default of 1 MiB
_PREFIXES_KEPT = 64
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST instead of FIN

_WRONG_SCHEMAS = (
    '{"conversation": [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hi!"}]}',
    '{"messages": "Hello! Hi!"}',
    '{"messages": ["Hello!", "Hi!"]}',
    '[{"speaker": "user", "text": "Hello!"}, {"speaker": "assistant", "text": "Hi!"}]',
)
_CANNED = encode_completion(
    ChatRequest(messages=(), model="offline", seed=None, max_tokens=None, prompt_tokens=1),
    "gen-offline-canned",
    encode_conversation(
        [Message("user", "Hello!"), Message("assistant", "Hello! What would you like to know? " * 100)]
    ),
    cached_tokens=0,
)
NO_ANSWER = 0  # counted where a status would be


@dataclass(slots=True)
class Calls:
    """What a server has seen: calls of the chat endpoint, and how they ended by status; 0 is no answer at all."""

    seen: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


CALLS = web.AppKey("calls", Calls)


def create_app(knobs: Knobs = Knobs()) -> web.Application:  # noqa: B008 - frozen
    """The engine with its own state; `app[CALLS]` counts."""
    service = _Service(knobs)
    app = web.Application(client_max_size=_MAX_BODY)
    app[CALLS] = service.calls
    for path in ("/v1/chat/completions", "/chat/completions"):
        app.router.add_post(path, service.answer_canned if knobs.canned else service.answer)
        app.router.add_route("*", path, _refuse_method)
    for path in ("/v1/models", "/models"):
        app.router.add_get(path, _list_models)
        app.router.add_route("*", path, _refuse_method)
    app.router.add_route("*", "/{path:.*}", _refuse_path)
    app.on_shutdown.append(service.end_waiting)
    app.on_cleanup.append(service.close)
    return app


class _Service:
    """Answers chat requests: one application's worth of state."""

    def __init__(self, knobs: Knobs) -> None:
        self.calls = Calls()
        self._knobs = knobs
        self._fates = Fates(knobs)
        self._writer = Writer()
        self._prefixes: OrderedDict[str, None] = OrderedDict()
        self._waiting: set[asyncio.Task[object]] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        sequence = self.calls.seen
        self.calls.seen += 1
        body = await request.read()
        fate = self._fates.draw(sequence)
        if refusal := self._refuse(sequence, fate):
            return refusal
        await self._wait(fate)
        if fate.fault is Fault.RESETS:
            return self._reset(request)
        if fate.fault is Fault.SERVER_ERRORS:
            return self._fail(500, "The engine failed on purpose.", "server_error")
        try:
            chat = read_request(body)
        except BadRequestError as error:
            return self._fail(400, str(error), "invalid_request_error")
        completion = self._complete(chat, fate.fault, sequence)
        self.calls.statuses[200] += 1
        if fate.fault is Fault.TRUNCATED:
            return await _send_half(request, completion)
        return _respond(200, completion)

    async def answer_canned(self, request: web.Request) -> web.StreamResponse:
        fate = self._fates.draw(self.calls.seen)
        self.calls.seen += 1
        await request.read()
        await self._wait(fate)
        self.calls.statuses[200] += 1
        return _respond(200, _CANNED)

    async def end_waiting(self, _: web.Application) -> None:
        for task in self._waiting:
            task.cancel()

    async def close(self, _: web.Application) -> None:
        self._writer.close()

    def _refuse(self, sequence: int, fate: Fate) -> web.Response | None:
        knobs = self._knobs
        if knobs.unauthorized_after is not None and sequence >= knobs.unauthorized_after:
            return self._fail(401, "Invalid API key.", "authentication_error")
        if knobs.no_money_after is not None and sequence >= knobs.no_money_after:
            return self._fail(402, "Insufficient credits. Add more credits to go on.", "insufficient_quota")
        if fate.fault is Fault.RATE_LIMITED:
            headers = {"Retry-After": f"{knobs.retry_after:g}"}
            return self._fail(429, "Too many requests, slow down.", "rate_limit_error", headers)
        return None

    def _fail(self, status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> web.Response:
        self.calls.statuses[status] += 1
        return _respond(status, encode_error(status, message, kind), headers)

    async def _wait(self, fate: Fate) -> None:
        if not fate.latency and fate.fault is not Fault.HANGS:
            return
        task = asyncio.current_task()
        if task is not None:
            self._waiting.add(task)
        try:
            await asyncio.sleep(fate.latency)
            if fate.fault is Fault.HANGS:
                self.calls.statuses[NO_ANSWER] += 1
                await asyncio.get_running_loop().create_future()
        finally:
            self._waiting.discard(task)

    def _reset(self, request: web.Request) -> web.Response:
        self.calls.statuses[NO_ANSWER] += 1
        if request.transport is not None:
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            request.transport.abort()
        return web.Response()

    def _complete(self, chat: ChatRequest, fault: Fault | None, sequence: int) -> bytes:
        digest = digest_request(chat.messages, chat.seed)
        content = encode_conversation(self._writer.write(chat.messages, digest))
        if fault is Fault.MALFORMED:
            content = f"Here is the conversation:\n{content[: len(content) * 2 // 3]}"
        elif fault is Fault.WRONG_SCHEMA:
            content = _WRONG_SCHEMAS[sequence % len(_WRONG_SCHEMAS)]
        elif fault is Fault.EMPTY:
            content = ""
        return encode_completion(chat, f"gen-offline-{digest.hex()}", content, self._count_cached(chat))

    def _count_cached(self, chat: ChatRequest) -> int:
        """Tokens of the first message, if an earlier request began with it."""
        prefix = chat.messages[0].content
        if prefix in self._prefixes:
            self._prefixes.move_to_end(prefix)
            return count_tokens(len(prefix.encode("utf-8", "surrogatepass")))
        self._prefixes[prefix] = None
        if len(self._prefixes) > _PREFIXES_KEPT:
            self._prefixes.popitem(last=False)
        return 0


def _respond(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def _send_half(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of the body under a header that announces all of it, then the end of the connection."""
    response = web.StreamResponse()
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _list_models(_: web.Request) -> web.Response:
    return _respond(200, encode_models())


async def _refuse_method(request: web.Request) -> web.Response:
    return _respond(405, encode_error(405, f"{request.method} is not allowed here.", "invalid_request_error"))


async def _refuse_path(request: web.Request) -> web.Response:
    return _respond(404, encode_error(404, f"There is nothing at {request.path}.", "not_found_error"))
