"""Files of any size on the wire: what they take of memory and time, and what breaks on the way."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from batch_script import KEY, LONG, batches_of, run
from raw_server import PAUSE, Act, hang, response

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.files import FileBatches
from asyncgen.endpoint.batches.inline import InlineBatches
from asyncgen.endpoint.batches.rules import OPENAI, OPENROUTER
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.disk import FilePart
from asyncgen.endpoint.presets import Endpoint, Provider
from asyncgen.endpoint.secret import Secret
from asyncgen.errors import (
    AsyncgenError,
    BatchTooLargeError,
    ConnectionFailedError,
    OutputError,
    TimedOutError,
    UncertainCreateError,
)
from asyncgen.timings import Timings

SIZE = 32 * 2**20
MOST = 8 * 2**20  # bytes in memory on the way
SHORT = 0.25
LINE = b"x" * 1023 + b"\n"
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jsonl"
    path.write_bytes(LINE * (SIZE // len(LINE)))
    return path


@asynccontextmanager
async def client_at(
    answering: Answering,
    *,
    timeout: float = LONG,  # noqa: ASYNC109 - the client's own
) -> AsyncIterator[Client]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await answering(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(Provider("custom", ""), f"http://127.0.0.1:{port}/v1", Secret(KEY))
    async with Client(endpoint, connections=2, timeout=timeout, timings=Timings(transfer=LONG)) as client:
        yield client
    server.close()


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(SIZE // 2**16):
        await reader.readexactly(2**16)
    writer.write(response(b'{"id":"file-1","status":"validating"}'))
    await writer.drain()


async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(response(b"", length=SIZE))
    for _part in range(SIZE // 2**16):
        writer.write(LINE * 64)
        await writer.drain()


def peak_of(scenario: Callable[[], Awaitable[None]]) -> int:
    async def traced() -> None:
        tracemalloc.start()
        await scenario()

    try:
        run(traced())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_file_takes_no_memory_on_its_way_up_in_either_form(large: Path) -> None:
    async def scenario() -> None:
        async with client_at(swallow) as client:
            assert await FileBatches(client, OPENAI).upload(large, "large.jsonl") == "file-1"
            batches = InlineBatches(client, OPENROUTER, Path("look"))
            batch = await batches.create(large, None, model="m", label="k", fields={})
            assert batch.id == "file-1"

    assert peak_of(scenario) < MOST


def test_a_large_file_takes_no_memory_on_its_way_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with client_at(pour) as client:
            batch = Batch("b", "completed", files=("out",))
            await FileBatches(client, OPENAI).fetch_rows(batch, tmp_path / "rows")

    assert peak_of(scenario) < MOST
    assert (tmp_path / "rows").stat().st_size == SIZE


def test_who_stops_reading_is_given_up_long_before_the_whole_time_of_a_transfer(large: Path) -> None:
    async def scenario() -> None:
        async def deaf(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async with client_at(deaf, timeout=SHORT) as client:
            with pytest.raises(ConnectionFailedError) as caught:
                await FileBatches(client, OPENAI).upload(large, "large.jsonl")
        assert isinstance(caught.value, TimedOutError)
        assert caught.value.maybe_billed

    run(scenario())


@pytest.mark.slow
def test_a_slow_way_up_and_down_is_waited_for_while_it_moves(large: Path, tmp_path: Path) -> None:
    """For three times as long as an answer may take."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def sip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            end = loop.time() + 3 * SHORT
            for _ in range(SIZE // 2**18):
                await reader.readexactly(2**18)
                if loop.time() < end:
                    await asyncio.sleep(PAUSE)
            writer.write(response(b'{"id":"file-1"}'))
            await writer.drain()

        async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            end = loop.time() + 3 * SHORT
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while loop.time() < end:
                writer.write(b"400\r\n" + LINE + b"\r\n")
                await writer.drain()
                await asyncio.sleep(PAUSE)
            writer.write(b"0\r\n\r\n")

        async with client_at(sip, timeout=SHORT) as client:
            assert await FileBatches(client, OPENAI).upload(large, "large.jsonl") == "file-1"
        async with client_at(drip, timeout=SHORT) as client:
            await FileBatches(client, OPENAI).fetch_rows(Batch("b", "completed", files=("out",)), tmp_path / "rows")

    run(scenario())


def test_who_stops_sending_is_given_up_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def begin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(response(LINE, length=SIZE))
            await asyncio.Event().wait()

        async with client_at(begin, timeout=SHORT) as client:
            batch = Batch("b", "completed", files=("out",))
            with pytest.raises(TimedOutError):
                await FileBatches(client, OPENAI).fetch_rows(batch, tmp_path / "rows")

    run(scenario())


async def refuse_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As an edge does: it answers, reads a while, and hangs up."""
    writer.write(response(b"<html><title>413</title></html>", "413 Request Entity Too Large", "Connection: close"))
    await writer.drain()
    while await reader.read(2**16):
        pass


def test_a_file_that_is_refused_while_it_is_sent_is_too_large(large: Path) -> None:
    async def scenario() -> None:
        async with client_at(refuse_at_once) as client:
            with pytest.raises(BatchTooLargeError):
                await FileBatches(client, OPENAI).upload(large, "large.jsonl")
            with pytest.raises(BatchTooLargeError):
                await InlineBatches(client, OPENROUTER, Path("look")).create(
                    large, None, model="m", label="k", fields={}
                )

    run(scenario())


def test_a_batch_whose_requests_broke_off_on_their_way_may_exist(large: Path) -> None:
    async def scenario() -> None:
        async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read(2**16)

        async with client_at(hang_up) as client:
            with pytest.raises(UncertainCreateError):
                await InlineBatches(client, OPENROUTER, Path("look")).create(
                    large, None, model="m", label="k", fields={}
                )

    run(scenario())


async def upload(batches: BatchApi, path: Path) -> None:
    await batches.upload(path, "a.jsonl")


async def create(batches: BatchApi, path: Path) -> None:
    await batches.create(path, None, model="m", label="k", fields={})


def failure(act: Act, call: Callable[[BatchApi, Path], Awaitable[None]], path: Path) -> AsyncgenError:
    caught: list[AsyncgenError] = []

    async def scenario() -> None:
        async with batches_of(OPENAI if call is upload else OPENROUTER, act) as (batches, server):
            with pytest.raises(AsyncgenError) as error:
                await call(batches, path)
            caught.append(error.value)
            assert server.requests == []

    run(scenario())
    return caught[0]


@pytest.mark.parametrize("call", [upload, create])
def test_a_file_of_requests_that_is_gone_is_named_and_nothing_is_sent(
    call: Callable[[BatchApi, Path], Awaitable[None]], tmp_path: Path
) -> None:
    error = failure(hang, call, tmp_path / "gone.jsonl")
    assert isinstance(error, OutputError)
    assert "gone.jsonl: cannot be used (No such file or directory)" in str(error)


def test_a_full_disk_is_not_a_connection_that_broke() -> None:
    async def scenario() -> None:
        async with client_at(pour) as client:
            with pytest.raises(OutputError, match="No space left on device"):
                await client.send("GET", "/files/out/content", to=Path("/dev/full"))

    run(scenario())


def test_a_file_that_becomes_shorter_while_it_is_sent_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    path.write_bytes(LINE)

    async def scenario() -> None:
        async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            while await reader.read(2**16):
                pass

        async with client_at(wait) as client:
            with pytest.raises(ConnectionFailedError):
                await client.send("POST", "/files", [FilePart(path, 2 * len(LINE))])

    run(scenario())
