"""An endpoint with batches whose every answer is given, and the client's calls to it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import uvloop
from raw_server import Act, RawServer, one_after_the_other, response, send

from asyncgen.endpoint.batches.batch import BatchApi
from asyncgen.endpoint.batches.forms import batches_by
from asyncgen.endpoint.batches.rules import BatchRules
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint, Provider
from asyncgen.endpoint.secret import Secret
from asyncgen.timings import USUAL

KEY = "sk-marker-0a1b2c3d"
LONG = 30.0  # a deadline no test is to reach
PAGE = response(b"<html><title>Bad gateway</title></html>", "502 Bad Gateway")


def run(scenario: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario)


def says(document: object, status: str = "200 OK", *headers: str) -> Act:
    return send(response(msgspec.json.encode(document), status, *headers))


def refuses(status: str, message: str, code: str | None = None) -> Act:
    return says({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}, status)


@asynccontextmanager
async def batches_of(
    rules: BatchRules,
    *acts: Act,
    base: str = "/v1",
    timeout: float = LONG,  # noqa: ASYNC109 - the client's own
) -> AsyncIterator[tuple[BatchApi, RawServer]]:
    async with RawServer(one_after_the_other(*acts)) as server:
        endpoint = Endpoint(Provider("custom", ""), server.base_url.removesuffix("/v1") + base, Secret(KEY))
        async with Client(endpoint, connections=4, timeout=timeout, timings=USUAL) as client:
            yield batches_by(rules, client, Path("look")), server


def lines_in(path: Path) -> list[object]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
