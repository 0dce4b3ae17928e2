"""The calls of batches: OpenAI's, whose requests are a file, and OpenRouter's, whose requests are in the call itself.

Which of the two a create is, its body says; a batch is told in the form that it was made in.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from asyncgen.offline.batch import Batch, Status
from asyncgen.offline.batch_intake import Intake
from asyncgen.offline.batch_knobs import BatchFates, BatchKnobs, CreateFault
from asyncgen.offline.batch_work import Worker
from asyncgen.offline.engine import PROVIDER, Engine
from asyncgen.offline.files import CHUNK, FileRoutes, FileStore
from asyncgen.offline.ledger import Books
from asyncgen.offline.protocol import encode
from asyncgen.offline.wire import GATEWAY, ApiError, Handler, html_answer, json_answer, read_page, reset, told

Routes: TypeAlias = dict[tuple[str, str], Handler]

_BETA = "/api/beta"  # where OpenRouter had its batches at first
_NO_FILTERS = frozenset({Status.FINALIZING, Status.CANCELLING})  # for a filter they are in_progress
_FILTERS = frozenset(Status) - _NO_FILTERS


class BatchRoutes:
    """All batches there are, newest last, and the tasks that work them off. Close it."""

    def __init__(self, engine: Engine, knobs: BatchKnobs) -> None:
        self._knobs = knobs
        self._fates = BatchFates(knobs, engine.knobs.seed)
        self._files = FileStore()
        self._books = Books(self._files.new_path)
        self._worker = Worker(engine, self._files, knobs, self._books)
        self._intake = Intake(self._files, knobs)
        self._batches: dict[str, Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._creates = 0
        self._made = 0
        self._calls = 0
        self._last_made = float("-inf")

    def add_routes(self, router: web.UrlDispatcher, prefixes: tuple[str, ...]) -> None:
        files = FileRoutes(self._files, self._knobs)
        of_files: Routes = {
            ("GET", "/files"): files.list_all,
            ("GET", "/files/{id}"): files.show,
            ("GET", "/files/{id}/content"): files.download,
            ("DELETE", "/files/{id}"): files.delete,
        }
        of_batches: Routes = {
            ("GET", "/batches"): self.list_all,
            ("GET", "/batches/{id}"): self.show,
            ("POST", "/batches/{id}/cancel"): self.cancel,
            ("DELETE", "/batches/{id}"): self.delete,
        }
        repeatable = dict.fromkeys(prefixes, of_files | of_batches) | {_BETA: of_batches}
        for prefix, routes in repeatable.items():
            router.add_post(f"{prefix}/batches", self._guard(self.create))
            for (method, path), handler in routes.items():
                failing = self._failing(handler, self._knobs.gateway_errors)
                router.add_route(method, prefix + path, self._guard(failing))
        for prefix in prefixes:
            uploading = self._failing(files.upload, self._knobs.upload_errors)
            router.add_post(f"{prefix}/files", self._guard(uploading))
        router.add_get("/ledger/batches", self.show_books)

    async def close(self, _: web.Application) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._books.close()
        self._files.close()

    async def create(self, request: web.Request) -> web.StreamResponse:
        unfinished = sum(not each.is_over for each in self._batches.values())
        if self._knobs.max_unfinished is not None and unfinished >= self._knobs.max_unfinished:
            message = f"Too many unfinished batches: at most {self._knobs.max_unfinished} are taken."
            raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, message, "rate_limit_error", code="batch_limit_exceeded")
        batch = await self._intake.read(request)
        self._creates += 1
        fault = self._fates.draw_create(self._creates)
        if fault is CreateFault.UNMADE:
            batch.lines.unlink()
        else:
            self._begin(batch, is_answered=fault is None)
        if fault is CreateFault.LOST:
            reset(request)
            return web.Response()
        if fault:
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "The engine failed on purpose.", "server_error")
        return json_answer(batch.describe(self._knobs), HTTPStatus.ACCEPTED if batch.is_inline else HTTPStatus.OK)

    def _begin(self, batch: Batch, *, is_answered: bool) -> None:
        batch.number = self._made
        self._made += 1
        self._last_made = time.monotonic()
        self._batches[batch.id] = batch
        self._books.write(
            event="created",
            batch=batch.id,
            form="inline" if batch.is_inline else "files",
            model=batch.model,
            metadata=batch.metadata,
            input_file_id=batch.input_file_id,
            at=batch.created_at,
            answered=is_answered,
        )
        task = asyncio.create_task(self._worker.work_off(batch), name=batch.id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def show(self, request: web.Request) -> web.StreamResponse:
        batch = self._named(request)
        described = batch.describe(self._knobs)
        if batch.is_inline and batch.is_over:
            since = time.time() - batch.stamps[batch.status]
            if self._knobs.gone_after is not None and since >= self._knobs.gone_after:
                raise ApiError(HTTPStatus.GONE, f"Batch job {batch.id} is not kept any more")
            if since < self._knobs.withheld:
                error = {"code": HTTPStatus.PAYMENT_REQUIRED, "message": "Add credits to unlock the results."}
                return json_answer({**described, "error": error}, HTTPStatus.PAYMENT_REQUIRED)
        if batch.rows and (batch.status is Status.COMPLETED or self._knobs.partial_results):
            return await _send_results(request, described, batch.rows)
        return json_answer(described)

    async def list_all(self, request: web.Request) -> web.StreamResponse:
        if self._knobs.no_list:
            raise ApiError(HTTPStatus.NOT_FOUND, "Batches are not listed here.")
        known = (each for each in reversed(self._batches.values()) if self._is_visible(each))
        if request.path.startswith(GATEWAY):
            known = (each for each in known if each.is_inline and _is_asked_for(each, request))
        page = read_page(request, [each.describe(self._knobs) for each in known], repeats=self._knobs.repeated_pages)
        return json_answer(page)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        batch = self._named(request)
        if batch.is_inline:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if batch.is_over:
            raise ApiError(HTTPStatus.CONFLICT, f"Cannot cancel a batch with status '{batch.status}'.")
        if not batch.cancelling.is_set():
            batch.turn(Status.CANCELLING)
            batch.cancelling.set()
        return json_answer(batch.describe(self._knobs))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        batch = self._named(request)
        if not batch.is_inline:
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "A batch cannot be deleted here.")
        if not batch.is_over:
            raise ApiError(HTTPStatus.CONFLICT, f"The batch is {batch.status}: it can be deleted when it has ended.")
        del self._batches[batch.id]
        if batch.rows:
            batch.rows.unlink()
        upstream = {"provider": PROVIDER, "status": "deleted"}
        return json_answer(
            {"id": batch.id, "object": "batch", "deletion": {"openrouter": "deleted", "upstream": upstream}}
        )

    async def show_books(self, _: web.Request) -> web.StreamResponse:
        path = self._books.flush()
        return web.FileResponse(path, headers={"Content-Type": "application/x-ndjson"}) if path else web.Response()

    # ---- faults

    def _guard(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if self._knobs.beta_only and request.path.startswith("/api/v1/batches"):
                return html_answer(HTTPStatus.NOT_FOUND)
            if self._knobs.forbidden:
                message = "Batches are not available for your plan."
                raise ApiError(HTTPStatus.FORBIDDEN, message, "permissions_error", code="not_available_for_plan")
            return await handler(request)

        return told(handle)

    def _failing(self, handler: Handler, share: float) -> Handler:
        """One that may be called again, and fails now and then."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self._calls += 1
            is_down = time.monotonic() - self._last_made < self._knobs.outage
            if is_down or self._fates.draw("call", self._calls) < share:
                return html_answer(HTTPStatus.BAD_GATEWAY)
            return await handler(request)

        return handle

    def _is_visible(self, batch: Batch) -> bool:
        return time.time() - batch.created_at >= self._knobs.hidden

    def _named(self, request: web.Request) -> Batch:
        """Raises ApiError."""
        name = request.match_info["id"]
        batch = self._batches.get(name)
        if batch is None or not self._is_visible(batch):
            if name.startswith("batch-"):
                raise ApiError(HTTPStatus.NOT_FOUND, f"Batch job {name} not found")
            raise ApiError(HTTPStatus.NOT_FOUND, f"No batch found with id '{name}'.", code="batch_not_found")
        return batch


def _is_asked_for(batch: Batch, request: web.Request) -> bool:
    """Whether OpenRouter's filters let it pass. Raises ApiError."""
    query = request.query
    statuses = query.getall("status", [])
    if wrong := [each for each in statuses if each not in _FILTERS]:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"'status' cannot be {wrong[0]!r}", param="status")
    after, before = (_read_time(query.get(name)) for name in ("created_after", "created_before"))
    if (after is not None and batch.created_at <= after) or (before is not None and batch.created_at >= before):
        return False
    status = Status.IN_PROGRESS if batch.status in _NO_FILTERS else batch.status
    return not statuses or status in statuses


def _read_time(text: str | None) -> float | None:
    """Seconds since the epoch, from those or from ISO 8601. Raises ApiError."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"{text!r} is no timestamp") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


async def _send_results(request: web.Request, described: Mapping[str, object], rows: Path) -> web.StreamResponse:
    """The object with its results, from the disk."""
    head, tail = encode({**described, "results": []}).split(b'"results":[', 1)
    head += b'"results":['
    response = web.StreamResponse()
    response.content_type = "application/json"
    with rows.open("rb") as source, suppress(ConnectionResetError):  # nobody is there any more, and may ask again
        response.content_length = len(head) + source.seek(0, os.SEEK_END) + len(tail)
        await response.prepare(request)
        await response.write(head)
        source.seek(0)
        while chunk := source.read(CHUNK):
            await response.write(chunk)
        await response.write(tail)
    return response
