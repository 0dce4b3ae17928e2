"""The engine as an aiohttp application: routes, faults on the wire, a ledger of what was served.

A refusal (400, 401, 402, 422, 429) is answered at once, as gateways do; everything else holds a place for the latency
asked for. A handler that waits is ended by its client's leaving or by the server's end, whichever comes first.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from asyncgen.offline.batches import BatchRoutes
from asyncgen.offline.capacity import Refusal
from asyncgen.offline.engine import Engine
from asyncgen.offline.knobs import Fate, Fault, Knobs
from asyncgen.offline.ledger import NO_ANSWER, Ledger
from asyncgen.offline.protocol import ChatRequest, encode_error, encode_models
from asyncgen.offline.refusal import Told
from asyncgen.offline.turns import Turns
from asyncgen.offline.wire import json_response, reset

_MAX_BODY = 64 * 1024 * 1024  # bytes; a knowledge base may be far larger than aiohttp's default of 1 MiB
_PREFIXES = ("/v1", "", "/api/v1")  # the last one as OpenRouter has it

CALLS = web.AppKey("calls", Ledger)


def create_app(knobs: Knobs = Knobs()) -> web.Application:  # noqa: B008 - frozen
    """The engine with its own state; `app[CALLS]` has the figures of `GET /ledger`."""
    engine = Engine(knobs)
    service = _Service(engine)
    app = web.Application(client_max_size=_MAX_BODY)
    app[CALLS] = engine.ledger
    for prefix in _PREFIXES:
        app.router.add_post(f"{prefix}/chat/completions", service.answer)
        app.router.add_route("*", f"{prefix}/chat/completions", refuse_method)
        app.router.add_get(f"{prefix}/models", list_models)
        app.router.add_route("*", f"{prefix}/models", refuse_method)
    if knobs.batches:
        batches = BatchRoutes(engine, knobs.batches)
        batches.add_routes(app.router, _PREFIXES)
        app.on_cleanup.append(batches.close)
    app.router.add_get("/ledger", service.show_ledger)
    app.router.add_route("*", "/{path:.*}", refuse_path)
    app.on_shutdown.append(service.end_calls)
    app.on_cleanup.append(service.close)
    return app


class _Service:
    """Answers chat requests: one application's worth of state."""

    def __init__(self, engine: Engine) -> None:
        self.ledger = engine.ledger
        self._engine = engine
        self._turns = Turns(engine.capacity)
        self._tasks: set[asyncio.Task[object] | None] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        engine = self._engine
        sequence, fate = engine.draw()
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            chat = engine.open(await request.read(), sequence, fate)
            if isinstance(chat, Told):
                return self._respond(*chat)
            if told := engine.refuse_tier(chat, sequence):
                return self._respond(*told)
            reserve = engine.capacity.admit(_now(), chat.prompt_tokens, chat.max_tokens, chat.service_tier)
            if isinstance(reserve, Refusal):
                return self._respond(*engine.refuse(reserve))
            try:
                async with self._turns.taken():
                    return await self._serve(request, chat, fate, sequence)
            finally:
                engine.capacity.release(reserve)
        except asyncio.CancelledError:
            self.ledger.statuses[NO_ANSWER] += 1
            raise
        finally:
            self._tasks.discard(task)

    async def show_ledger(self, _: web.Request) -> web.Response:
        return json_response(200, self.ledger.encode(_now()))

    async def end_calls(self, _: web.Application) -> None:
        for task in self._tasks:
            if task is not None:
                task.cancel()

    async def close(self, _: web.Application) -> None:
        self._engine.close()

    async def _serve(self, request: web.Request, chat: ChatRequest, fate: Fate, sequence: int) -> web.StreamResponse:
        engine = self._engine
        if fate.latency:
            await asyncio.sleep(fate.latency)
        if fate.fault is Fault.HANGS:
            await asyncio.get_running_loop().create_future()
        if fate.fault is Fault.RESETS:
            self.ledger.statuses[NO_ANSWER] += 1
            reset(request)
            return web.Response()
        if fate.fault is Fault.SERVER_ERRORS:
            return self._respond(*Told.of(500, "The engine failed on purpose.", "server_error"))
        answer = engine.complete(chat, fate.fault, sequence)
        engine.capacity.settle(answer.completion_tokens, answer.cost)
        if fate.fault is Fault.TRUNCATED:
            self.ledger.statuses[200] += 1
            return await _send_half(request, answer.body)
        self.ledger.answered += 1
        return self._respond(200, answer.body)

    def _respond(self, status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
        self.ledger.statuses[status] += 1
        return json_response(status, body, headers)


def _now() -> float:
    return asyncio.get_running_loop().time()


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
    return json_response(200, encode_models())


async def refuse_method(request: web.Request) -> web.Response:
    return json_response(405, encode_error(405, f"{request.method} is not allowed here.", "invalid_request_error"))


async def refuse_path(request: web.Request) -> web.Response:
    return json_response(404, encode_error(404, f"There is nothing at {request.path}.", "not_found_error"))
