"""The engine as an aiohttp application: routes, faults on the wire, a ledger of what was served.

A refusal (400, 401, 402, 422, 429) is answered at once, as gateways do; everything else holds a place for the latency
asked for. A handler that waits is ended by its client's leaving or by the server's end, whichever comes first.
"""

import asyncio
import socket
import struct
import time
from collections import OrderedDict

from aiohttp import web

from asyncgen.offline.author import Author, digest_request
from asyncgen.offline.brief import Message
from asyncgen.offline.capacity import Capacity, Refusal
from asyncgen.offline.knobs import Fate, Fates, Fault, Knobs
from asyncgen.offline.ledger import NO_ANSWER, Ledger
from asyncgen.offline.protocol import (
    Answer,
    BadRequestError,
    ChatRequest,
    Dialect,
    UnexpectedFieldsError,
    count_tokens,
    encode_completion,
    encode_conversation,
    encode_detail,
    encode_error,
    encode_models,
    read_request,
)
from asyncgen.offline.refusal import name_wait, tell
from asyncgen.offline.turns import Turns

_MAX_BODY = 64 * 1024 * 1024  # bytes; a knowledge base may be far larger than aiohttp's default of 1 MiB
_PREFIXES_KEPT = 64
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST instead of FIN

_WRONG_SCHEMAS = (
    '{"conversation": [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hi!"}]}',
    '{"messages": "Hello! Hi!"}',
    '{"messages": ["Hello!", "Hi!"]}',
    '[{"speaker": "user", "text": "Hello!"}, {"speaker": "assistant", "text": "Hi!"}]',
)
_CANNED_REQUEST = ChatRequest(messages=(), model="offline", seed=None, max_tokens=1024, prompt_tokens=1)
_CANNED_CONTENT = encode_conversation(
    [Message("user", "Hello!"), Message("assistant", "Hello! What would you like to know? " * 100)]
)

CALLS = web.AppKey("calls", Ledger)


def create_app(knobs: Knobs = Knobs()) -> web.Application:  # noqa: B008 - frozen
    """The engine with its own state; `app[CALLS]` has the figures of `GET /ledger`."""
    service = _Service(knobs)
    app = web.Application(client_max_size=_MAX_BODY)
    app[CALLS] = service.ledger
    for path in ("/v1/chat/completions", "/chat/completions"):
        app.router.add_post(path, service.answer)
        app.router.add_route("*", path, refuse_method)
    for path in ("/v1/models", "/models"):
        app.router.add_get(path, list_models)
        app.router.add_route("*", path, refuse_method)
    app.router.add_get("/ledger", service.show_ledger)
    app.router.add_route("*", "/{path:.*}", refuse_path)
    app.on_shutdown.append(service.end_calls)
    app.on_cleanup.append(service.close)
    return app


class _Service:
    """Answers chat requests: one application's worth of state."""

    def __init__(self, knobs: Knobs) -> None:
        self.ledger = Ledger()
        self._knobs = knobs
        self._retry_after = None if knobs.no_retry_after else knobs.retry_after
        self._dialect = Dialect(
            json_schema=not knobs.no_json_schema,
            response_format=not knobs.no_response_format,
            unknown_fields=not knobs.strict_fields,
        )
        self._fates = Fates(knobs)
        self._capacity = Capacity(knobs, self.ledger)
        self._turns = Turns(self._capacity)
        self._author = Author()
        self._prefixes: OrderedDict[str, None] = OrderedDict()
        self._canned = self._encode(_CANNED_REQUEST, "canned", _CANNED_CONTENT, cached_tokens=0)
        self._tasks: set[asyncio.Task[object] | None] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        sequence = self.ledger.calls
        self.ledger.calls += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            return await self._answer(request, sequence)
        except asyncio.CancelledError:
            self.ledger.statuses[NO_ANSWER] += 1
            raise
        finally:
            self._tasks.discard(task)

    async def show_ledger(self, _: web.Request) -> web.Response:
        return _json_response(200, self.ledger.encode(_now()))

    async def end_calls(self, _: web.Application) -> None:
        for task in self._tasks:
            if task is not None:
                task.cancel()

    async def close(self, _: web.Application) -> None:
        self._author.close()

    async def _answer(self, request: web.Request, sequence: int) -> web.StreamResponse:
        body = await request.read()
        fate = self._fates.draw(sequence)
        if refusal := self._refuse(sequence, fate):
            return refusal
        try:
            chat = _CANNED_REQUEST if self._knobs.canned else read_request(body, self._dialect)
        except UnexpectedFieldsError as error:
            return self._respond(422, encode_detail(str(error)))
        except BadRequestError as error:
            return self._fail(400, str(error), "invalid_request_error")
        reserve = self._capacity.admit(_now(), chat.prompt_tokens, chat.max_tokens)
        if isinstance(reserve, Refusal):
            return self._respond(*tell(reserve, self._retry_after, time.time()))
        try:
            async with self._turns.taken():
                return await self._serve(request, chat, fate, sequence)
        finally:
            self._capacity.release(reserve)

    async def _serve(self, request: web.Request, chat: ChatRequest, fate: Fate, sequence: int) -> web.StreamResponse:
        if fate.latency:
            await asyncio.sleep(fate.latency)
        if fate.fault is Fault.HANGS:
            await asyncio.get_running_loop().create_future()
        if fate.fault is Fault.RESETS:
            self.ledger.statuses[NO_ANSWER] += 1
            if request.transport is not None:
                connection = request.transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                request.transport.abort()
            return web.Response()
        if fate.fault is Fault.SERVER_ERRORS:
            return self._fail(500, "The engine failed on purpose.", "server_error")
        answer = self._complete(chat, fate.fault, sequence)
        self._capacity.settle(answer.completion_tokens, answer.cost)
        if fate.fault is Fault.TRUNCATED:
            self.ledger.statuses[200] += 1
            return await _send_half(request, answer.body)
        self.ledger.answered += 1
        return self._respond(200, answer.body)

    def _refuse(self, sequence: int, fate: Fate) -> web.Response | None:
        knobs = self._knobs
        if knobs.unauthorized_after is not None and sequence >= knobs.unauthorized_after:
            return self._fail(401, "Invalid API key.", "authentication_error")
        if knobs.no_money_after is not None and sequence >= knobs.no_money_after:
            return self._fail(402, "Insufficient credits. Add more credits to go on.", "insufficient_quota")
        if fate.fault is Fault.RATE_LIMITED:
            message = "Too many requests, slow down."
            return self._fail(429, message, "rate_limit_error", name_wait(self._retry_after))
        return None

    def _fail(self, status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> web.Response:
        return self._respond(status, encode_error(status, message, kind), headers)

    def _respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
        self.ledger.statuses[status] += 1
        return _json_response(status, body, headers)

    def _complete(self, chat: ChatRequest, fault: Fault | None, sequence: int) -> Answer:
        if self._knobs.canned:
            return self._canned
        digest = digest_request(chat.messages, chat.seed)
        content = encode_conversation(self._author.write(chat.messages, digest))
        if fault is Fault.MALFORMED:
            content = f"Here is the conversation:\n{content[: len(content) * 2 // 3]}"
        elif fault is Fault.WRONG_SCHEMA:
            content = _WRONG_SCHEMAS[sequence % len(_WRONG_SCHEMAS)]
        elif fault is Fault.EMPTY:
            content = ""
        prefix, cached_tokens = chat.messages[0].content, 0
        if prefix in self._prefixes:  # an earlier request began with it
            cached_tokens = count_tokens(len(prefix.encode("utf-8", "surrogatepass")))
        self._prefixes[prefix] = None
        self._prefixes.move_to_end(prefix)
        if len(self._prefixes) > _PREFIXES_KEPT:
            self._prefixes.popitem(last=False)
        return self._encode(chat, digest.hex(), content, cached_tokens=cached_tokens)

    def _encode(self, chat: ChatRequest, name: str, content: str, *, cached_tokens: int) -> Answer:
        return encode_completion(
            chat, f"gen-offline-{name}", content, cached_tokens=cached_tokens, prices=self._knobs.prices
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _json_response(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
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


async def list_models(_: web.Request) -> web.Response:
    return _json_response(200, encode_models())


async def refuse_method(request: web.Request) -> web.Response:
    return _json_response(405, encode_error(405, f"{request.method} is not allowed here.", "invalid_request_error"))


async def refuse_path(request: web.Request) -> web.Response:
    return _json_response(404, encode_error(404, f"There is nothing at {request.path}.", "not_found_error"))
