"""The calls about batches, held against the offline engine, which knows nothing of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from batch_script import run

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.forms import open_batches
from asyncgen.endpoint.batches.rows import Row, read_row, request_line
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import PROVIDERS, Endpoint, Provider
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BatchQueueFullError,
    BatchTooLargeError,
    NoAnswerError,
    NotRunError,
    NotYetError,
    RequestRejectedError,
    ServerError,
    TransientError,
    UncertainCreateError,
)
from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.server import create_app

KNOWLEDGE = "<knowledge>\nCheese from Gouda is round. It is made of milk and it keeps for a long time.\n</knowledge>"
SYSTEM = f'{KNOWLEDGE}\nReturn an object with "messages".'
FORMS = ("files", "inline")
IDS = [f"k7f3q-{number:06d}-1" for number in range(12)]


@asynccontextmanager
async def engine(form: str, **knobs: Any) -> AsyncIterator[BatchApi]:
    async with TestServer(create_app(Knobs(batches=BatchKnobs(**knobs)))) as server:
        preset = PROVIDERS["openrouter"] if form == "inline" else Provider("custom", "")
        base = f"http://127.0.0.1:{server.port}/{'api/' if form == 'inline' else ''}v1"
        endpoint = Endpoint(preset, base)
        async with Client(endpoint, connections=4, timeout=30) as client:
            yield open_batches(endpoint, client, Path("look"))


def write_requests(batches: BatchApi, folder: Path) -> Path:
    path = folder / "requests.jsonl"
    with path.open("wb") as file:
        for number, custom_id in enumerate(IDS):
            user = {"role": "user", "content": f"Topic: cheese {number}\nDynamic: 2-turn"}
            body = {"model": "m", "stream": False, "messages": [{"role": "system", "content": SYSTEM}, user]}
            file.write(request_line(custom_id, (msgspec.json.encode(body),), batches.rules))
    return path


async def create(batches: BatchApi, folder: Path) -> Batch:
    requests = write_requests(batches, folder)
    file_id = await batches.upload(requests, "k7f3q.jsonl")
    return await batches.create(requests, file_id, model="m", label="k7f3q", fields={})


async def end_of(batches: BatchApi, batch: Batch) -> Batch:
    while not batch.is_over:
        await asyncio.sleep(0)
        batch = await batches.get(batch.id)
    return batch


async def rows_of(batches: BatchApi, folder: Path) -> tuple[Batch, list[Row | None]]:
    batch = await end_of(batches, await create(batches, folder))
    to = folder / "rows.jsonl"
    await batches.fetch_rows(batch, to)
    return batch, [read_row(line) for line in to.read_bytes().splitlines()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "knobs", [{}, {"shuffled": True, "string_bodies": True, "wrong_counts": True}, {"without_usage": 1.0}]
)
def test_what_goes_in_comes_out(form: str, knobs: dict[str, Any], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(form, **knobs) as batches:
            batch, rows = await rows_of(batches, tmp_path)
            texts = [batches.classify(row).text for row in rows if row is not None]
        assert sorted(row.custom_id for row in rows if row is not None) == IDS
        assert all("messages" in text for text in texts)
        assert (batch.label, bool(batch.file_id)) == (("k7f3q", True) if form == "files" else (None, False))

    run(scenario())
    assert not Path("look").exists()


@pytest.mark.parametrize("absent_ids", ["null", "missing", "empty"])
def test_a_batch_of_failures_alone_has_their_rows(absent_ids: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("files", failed=1.0, absent_ids=absent_ids) as batches:
            batch, rows = await rows_of(batches, tmp_path)
            assert (batch.status, len(batch.files), len(rows)) == ("completed", 1, len(IDS))
            for row in rows:
                assert row is not None
                with pytest.raises(ServerError):
                    batches.classify(row)

    run(scenario())


def test_an_expired_batch_gives_what_was_paid_for_and_names_the_rest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("files", expired=0.5) as batches:
            batch, rows = await rows_of(batches, tmp_path)
            kinds: Counter[str] = Counter()
            for row in rows:
                assert row is not None
                try:
                    batches.classify(row)
                except NotRunError:
                    kinds["not run"] += 1
                else:
                    kinds["done"] += 1
        assert batch.status == "expired"
        assert kinds.total() == len(IDS)
        assert kinds["done"]
        assert kinds["not run"]

    run(scenario())


@pytest.mark.parametrize("form", FORMS)
def test_rows_that_are_missing_or_cannot_be_read_spoil_no_other(form: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(form, missing=0.3, unreadable=0.0 if form == "inline" else 0.3) as batches:
            _, rows = await rows_of(batches, tmp_path)
        good = {row.custom_id for row in rows if row is not None}
        assert good < set(IDS)
        assert good

    run(scenario())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("knob", ["lost", "errored"])
def test_a_batch_whose_create_was_lost_is_found_in_the_list(form: str, knob: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(form, **{knob: 1.0}) as batches:
            requests = write_requests(batches, tmp_path)
            file_id = await batches.upload(requests, "k7f3q.jsonl")
            with pytest.raises(UncertainCreateError):
                await batches.create(requests, file_id, model="m", label="k7f3q", fields={})
            (found,) = [batch async for batch in batches.list_since(0.0)]
            found = await end_of(batches, found)  # until then, few count all their requests
        if form == "files":
            assert (found.label, found.file_id) == ("k7f3q", file_id)
        else:
            assert (found.model, found.total) == ("m", len(IDS))
        assert found.created_at is not None

    run(scenario())


def test_a_list_whose_pages_repeat_ends_and_proves_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("files", repeated_pages=True) as batches:
            await create(batches, tmp_path)
            with pytest.raises(NoAnswerError):
                assert len([batch async for batch in batches.list_since(0.0)]) == 1

    run(scenario())


@pytest.mark.parametrize(
    ("form", "knobs", "kind"),
    [
        ("files", {"max_bytes": 1000}, BatchTooLargeError),
        ("inline", {"max_bytes": 1000}, BatchTooLargeError),
        ("files", {"forbidden": True}, AccessDeniedError),
        ("inline", {"forbidden": True}, AccessDeniedError),
        ("files", {"late_files": 60.0}, NotYetError),
        ("files", {"max_unfinished": 0}, BatchQueueFullError),
        ("inline", {"max_unfinished": 0}, BatchQueueFullError),
        ("inline", {"refused_models": "m"}, RequestRejectedError),
    ],
)
def test_what_is_refused_is_told_by_kind(
    form: str, knobs: dict[str, Any], kind: type[AsyncgenError], tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with engine(form, **knobs) as batches:
            with pytest.raises(kind):
                await create(batches, tmp_path)

    run(scenario())


def test_a_queue_that_is_full_shows_only_when_the_batch_has_failed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("files", queued_tokens=10) as batches:
            batch = await end_of(batches, await create(batches, tmp_path))
        assert batch.has_failed
        assert [fault.is_queue_full for fault in batch.faults] == [True]

    run(scenario())


def test_the_line_that_fails_a_whole_batch_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("files", rejected=0.2) as batches:
            batch, rows = await rows_of(batches, tmp_path)
        assert (batch.has_failed, rows) == (True, [])
        assert all(fault.line and 1 <= fault.line <= len(IDS) for fault in batch.faults)

    run(scenario())


def test_a_batch_that_has_failed_gives_its_reason_in_either_form(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("inline", rejected=0.2) as batches:
            batch, rows = await rows_of(batches, tmp_path)
        assert (batch.has_failed, rows) == (True, [])
        assert batch.faults[0].message

    run(scenario())


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_visible_yet_is_waited_for(form: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(form, hidden=60.0) as batches:
            batch = await create(batches, tmp_path)
            with pytest.raises(NotYetError):
                await batches.get(batch.id)
            assert [each async for each in batches.list_since(0.0)] == []

    run(scenario())


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_hour_of_polls_and_downloads_may_be_waited_out(form: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(form, gateway_errors=1.0) as batches:
            batch = await create(batches, tmp_path)
            with pytest.raises(TransientError):
                await batches.get(batch.id)
            with pytest.raises(TransientError):
                await batches.fetch_rows(Batch(batch.id, "completed", files=("file-1",)), tmp_path / "rows")

    run(scenario())


def test_the_form_of_openrouter_is_found_at_its_older_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("inline", beta_only=True) as batches:
            _, rows = await rows_of(batches, tmp_path)
        assert len(rows) == len(IDS)

    run(scenario())


def test_a_batch_is_cancelled_where_that_is_possible(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine("files", stuck=1.0) as batches:
            batch = await create(batches, tmp_path)
            assert await batches.cancel(batch.id)
            assert (await end_of(batches, batch)).status == "cancelled"
            assert await batches.cancel(batch.id)
        async with engine("inline") as batches:
            assert not await batches.cancel((await create(batches, tmp_path)).id)

    run(scenario())
