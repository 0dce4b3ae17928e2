from pathlib import Path

import msgspec
import pytest
from batch_script import KEY, PAGE, batches_of, lines_in, refuses, run, says
from raw_server import Act, hang, response, send, send_and_close

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.rows import read_row
from asyncgen.endpoint.batches.rules import OPENROUTER
from asyncgen.errors import (
    AsyncgenError,
    BatchTooLargeError,
    NotFoundError,
    NotYetError,
    RequestRejectedError,
    ServerError,
    TransientError,
    UncertainCreateError,
)
from asyncgen.recipe.recipe import JsonValue

REQUESTS = b'{"custom_id":"a-0-1","body":{"n":1}}\n{"custom_id":"a-1-1","body":{"n":2}}\n'
MADE = {"id": "batch-1700000000-abc", "object": "batch", "status": "validating", "results": None, "error": None}
NO_ROUTE = send(response(b"<!DOCTYPE html><title>Not Found | OpenRouter</title>", "404 Not Found"))
ONLY: dict[str, JsonValue] = {"provider": {"only": ["google-vertex"]}}
WHOLE = {
    **MADE,
    "status": "completed",
    "request_counts": {"total": 2, "completed": 1, "failed": 1},
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.00123, "is_byok": False},
    "results": [
        {"id": "1", "custom_id": "a-1-1", "response": {"status_code": 200, "body": {"choices": []}}, "error": None},
        {"id": "google-a-0-1", "custom_id": "a-0-1", "response": None, "error": {"type": "x", "message": "no"}},
    ],
}


@pytest.fixture
def requests_file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(REQUESTS)
    return path


async def create(batches: BatchApi, requests: Path) -> Batch:
    return await batches.create(requests, None, model="google/m", label="k7f3q", fields=ONLY)


def test_the_requests_are_in_the_call_behind_all_that_is_said_of_them(requests_file: Path) -> None:
    async def scenario() -> None:
        async with batches_of(OPENROUTER, says(MADE, "202 Accepted")) as (batches, server):
            assert await batches.upload(requests_file, "any") is None
            assert (await create(batches, requests_file)).id == MADE["id"]
        (request,) = server.requests
        assert request.line == "POST /v1/batches HTTP/1.1"
        sent = msgspec.json.decode(request.body)
        assert list(sent)[-1] == "requests"
        assert sent == {
            "endpoint": "/v1/chat/completions",
            "model": "google/m",
            "completion_window": "24h",
            **ONLY,
            "requests": [msgspec.json.decode(line) for line in REQUESTS.splitlines()],
        }

    run(scenario())


def test_many_requests_are_one_array_though_no_chunk_of_them_ends_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    line = msgspec.json.encode({"custom_id": "x", "body": {"text": "a\n" * 20_000}}) + b"\n"
    path.write_bytes(line * 101)

    async def scenario() -> None:
        async with batches_of(OPENROUTER, says(MADE)) as (batches, server):
            await create(batches, path)
        assert msgspec.json.decode(server.requests[0].body)["requests"] == [msgspec.json.decode(line)] * 101

    run(scenario())


def test_where_the_newer_address_is_a_page_the_older_one_is_asked_from_then_on(requests_file: Path) -> None:
    async def scenario() -> None:
        acts = [NO_ROUTE, says(MADE, "202 Accepted"), says(MADE)]
        async with batches_of(OPENROUTER, *acts) as (batches, server):
            await create(batches, requests_file)
            await batches.get("b")
        lines = [request.line for request in server.requests]
        assert lines == [
            "POST /v1/batches HTTP/1.1",
            "POST /beta/batches HTTP/1.1",
            "GET /beta/batches/b HTTP/1.1",
        ]

    run(scenario())


@pytest.mark.parametrize(
    ("acts", "kind"),
    [
        ([NO_ROUTE, NO_ROUTE], NotFoundError),
        ([refuses("413 Payload Too Large", "too large")], BatchTooLargeError),
        ([refuses("400 Bad Request", "does not have a :batch endpoint")], RequestRejectedError),
        ([refuses("422 Unprocessable Entity", "duplicate custom_id a-0-1")], RequestRejectedError),
        ([send(PAGE)], UncertainCreateError),
        ([send_and_close(b"")], UncertainCreateError),
        ([says({"ok": True}, "202 Accepted")], UncertainCreateError),
    ],
)
def test_what_is_not_made_is_told_by_kind(acts: list[Act], kind: type[AsyncgenError], requests_file: Path) -> None:
    async def scenario() -> None:
        async with batches_of(OPENROUTER, *acts) as (batches, server):
            with pytest.raises(kind):
                await create(batches, requests_file)
        assert len(server.requests) == len(acts)

    run(scenario())


def test_a_poll_reads_all_but_the_results_which_are_fetched_as_lines(tmp_path: Path) -> None:
    async def scenario() -> None:
        answer = send(response(msgspec.json.format(msgspec.json.encode(WHOLE), indent=2)))
        async with batches_of(OPENROUTER, answer, answer) as (batches, _):
            batch = await batches.get("b")
            await batches.fetch_rows(batch, tmp_path / "rows")
        assert (batch.status, batch.is_over, batch.total, batch.finished) == ("completed", True, 2, 2)
        assert str(batch.usage.cost) == "0.00123"
        assert lines_in(tmp_path / "rows") == WHOLE["results"]

    run(scenario())
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_many_results_are_as_many_lines(tmp_path: Path) -> None:
    rows = [{"custom_id": str(number), "response": {"status_code": 200, "body": "x" * 2000}} for number in range(5000)]

    async def scenario() -> None:
        async with batches_of(OPENROUTER, says({**WHOLE, "results": rows})) as (batches, _):
            await batches.fetch_rows(Batch("b", "completed"), tmp_path / "rows")
        assert lines_in(tmp_path / "rows") == rows

    run(scenario())


def test_a_document_that_only_a_tolerant_reader_takes_is_read(tmp_path: Path) -> None:
    row = b'{"custom_id":"a","response":{"status_code":200,"body":"x\x01y"}}'
    odd = b'\xef\xbb\xbf{"id":"b","status":"completed","results":[%s]}' % row

    async def scenario() -> None:
        async with batches_of(OPENROUTER, send(response(odd))) as (batches, _):
            await batches.fetch_rows(Batch("b", "completed"), tmp_path / "rows")
        (line,) = (tmp_path / "rows").read_bytes().splitlines()
        read = read_row(line)
        assert read is not None
        assert read.body == b"x\x01y"

    run(scenario())


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled", "in_progress"])
def test_only_a_completed_batch_has_results(status: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with batches_of(OPENROUTER, says({**MADE, "status": status})) as (batches, _):
            await batches.fetch_rows(Batch("b", status), tmp_path / "rows")
        assert (tmp_path / "rows").read_bytes() == b""

    run(scenario())


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (says({**MADE, "status": "completed"}), NotYetError),
        (refuses("404 Not Found", "Batch job b not found"), NotYetError),
        (send(PAGE), ServerError),
        (send(response(b"<html>fine</html>")), TransientError),
        (send(response(b"")), TransientError),
        (send(response(b'{"id":"b","results":{}')), TransientError),
        (send_and_close(response(b'{"id":"b","results":[{', length=500)), TransientError),
        (says({}), TransientError),
        (says([]), TransientError),
    ],
)
def test_results_that_do_not_come_may_be_asked_for_again(act: Act, kind: type[AsyncgenError], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with batches_of(OPENROUTER, act) as (batches, _):
            with pytest.raises(kind):
                await batches.fetch_rows(Batch("b", "completed"), tmp_path / "rows")

    run(scenario())


def test_what_a_poll_tells_has_lost_the_key() -> None:
    async def scenario() -> None:
        told = {**MADE, "status": "failed", "error": {"code": 400, "message": f"Bearer {KEY} may not, and {KEY}"}}
        async with batches_of(OPENROUTER, says(told)) as (batches, _):
            batch = await batches.get("b")
        assert KEY not in repr(batch)
        assert batch.has_failed
        assert batch.faults[0].message

    run(scenario())


def test_there_is_nothing_to_cancel_by() -> None:
    async def scenario() -> None:
        async with batches_of(OPENROUTER, hang) as (batches, server):
            assert not await batches.cancel("b")
        assert server.requests == []

    run(scenario())
