"""A client of the offline engine's files and batches, for its tests."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.server import create_app

Client = TestClient[Request, Application]
Answer = tuple[int, Any]

URL = "/v1/chat/completions"
INLINE = "/api/v1/batches"
OVER = ("failed", "completed", "expired", "cancelled")
DAY = 24 * 3_600
PRICED = Knobs(price_in=Decimal("1.5"), price_out=Decimal(7))


def run(test: Callable[[Client], Awaitable[None]], live: Knobs = Knobs(), **knobs: Any) -> None:  # noqa: B008 - frozen
    async def main() -> None:
        app = create_app(replace(live, batches=BatchKnobs(**knobs)))
        async with TestClient(TestServer(app)) as client:
            await test(client)

    asyncio.run(main())


def body(number: int = 0, **fields: Any) -> dict[str, object]:
    knowledge = (
        "<knowledge>\nCheese from Gouda is round. It is made of milk and it keeps for a long time.\n</knowledge>"
    )
    messages = [
        {"role": "system", "content": knowledge},
        {"role": "user", "content": f"Topic: cheese {number}\nDynamic: 2-turn"},
    ]
    return {"model": "m", "messages": messages} | fields


def line(number: int, **changes: object) -> dict[str, object]:
    return {"custom_id": f"c{number}", "method": "POST", "url": URL, "body": body(number)} | changes


def lines(number: int) -> bytes:
    return b"".join(json.dumps(line(each)).encode() + b"\n" for each in range(number))


async def call(client: Client, method: str, path: str, **options: Any) -> Answer:
    async with client.request(method, path, **options) as response:
        text = await response.text()
        is_json = response.content_type == "application/json" and text
        return response.status, json.loads(text) if is_json else text


async def upload(client: Client, content: bytes, filename: str = "in.jsonl", **fields: str) -> Answer:
    form = aiohttp.FormData({"purpose": "batch"} | fields)
    form.add_field("file", content, filename=filename)
    return await call(client, "POST", "/v1/files", data=form)


async def create(client: Client, content: bytes, **fields: object) -> Answer:
    _, file = await upload(client, content)
    asked = {"input_file_id": file["id"], "endpoint": URL, "completion_window": "24h"}
    return await call(client, "POST", "/v1/batches", json=asked | fields)


async def create_inline(client: Client, number: int, path: str = INLINE, **fields: Any) -> Answer:
    requests = [{"custom_id": f"c{each}", "body": body(each)} for each in range(number)]
    return await call(client, "POST", path, json={"endpoint": URL, "model": "m"} | fields | {"requests": requests})


async def ended(client: Client, batch_id: str, path: str = "/v1/batches") -> dict[str, Any]:
    while True:
        status, batch = await call(client, "GET", f"{path}/{batch_id}")
        assert status == 200
        if batch["status"] in OVER:
            return dict(batch)
        await asyncio.sleep(0)


async def made(client: Client, content: bytes, **fields: object) -> dict[str, Any]:
    """A batch of these lines, when it has ended."""
    status, batch = await create(client, content, **fields)
    assert (status, batch["status"]) == (200, "validating")
    return await ended(client, batch["id"])


async def made_inline(client: Client, number: int, **fields: Any) -> dict[str, Any]:
    status, batch = await create_inline(client, number, **fields)
    assert (status, batch["status"], batch["results"]) == (202, "validating", None)
    return await ended(client, batch["id"], INLINE)


async def download(client: Client, file_id: str | None) -> list[Any]:
    if not file_id:
        return []
    status, text = await call(client, "GET", f"/v1/files/{file_id}/content")
    assert status == 200
    return [json.loads(each) for each in text.splitlines()]


async def rows(client: Client, batch: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    return await download(client, batch["output_file_id"]), await download(client, batch["error_file_id"])


async def books(client: Client, event: str) -> list[dict[str, Any]]:
    async with client.get("/ledger/batches") as response:
        entries = [json.loads(each) for each in (await response.text()).splitlines()]
    return [each for each in entries if each["event"] == event]


def names(found: list[Any]) -> list[str]:
    return [each["custom_id"] for each in found]
