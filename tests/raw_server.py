"""A server that says, byte for byte, what no HTTP library would let it say, in a thread of its own as `fake_provider`.

An act writes one answer. One that returns leaves the connection open; one that raises ConnectionResetError closes it.
"""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from multidict import CIMultiDict

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]

PAUSE = 0.01  # seconds between two drops of a trickle: far below any deadline
PART = b" " * 2**16


@dataclass(frozen=True)
class Request:
    """`number` counts from 0, as does `position`, which is the same for requests with the same scenario.

    `is_repeat`: its scenario was asked for before; `is_reuse`: so was something else on its connection.
    """

    number: int
    position: int
    is_repeat: bool
    is_reuse: bool
    scenario: str
    line: str
    headers: CIMultiDict[str]
    body: bytes


def one_after_the_other(*acts: Act) -> Callable[[Request], Act]:
    """A script for so many requests."""
    left = iter(acts)
    return lambda _: next(left)


class RawServer:
    """Use as a context manager, which brings a thread, or as an asynchronous one, which does not.

    `requests` is what has arrived, `connections` how many were opened; `one_has_closed`: of those.
    """

    def __init__(self, script: Callable[[Request], Act], *, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self.one_has_closed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="raw-server", daemon=True)
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _open(self) -> None:
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._listening.sockets[0].getsockname()[1]
        self.base_url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    async def _close(self) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._script(await self._read(reader, is_reuse=False))(writer)
                while True:
                    await self._script(await self._read(reader, is_reuse=True))(writer)
        finally:
            writer.close()
            self.one_has_closed.set()

    async def _read(self, reader: asyncio.StreamReader, *, is_reuse: bool) -> Request:
        line, headers, body = await read_request(reader)
        messages = json.loads(body).get("messages") if body.startswith(b"{") else None
        scenario = messages[-1]["content"] if messages else ""
        earlier = list(dict.fromkeys(request.scenario for request in self.requests))
        is_repeat = scenario in earlier
        position = earlier.index(scenario) if is_repeat else len(earlier)
        self.requests.append(Request(len(self.requests), position, is_repeat, is_reuse, scenario, line, headers, body))
        return self.requests[-1]


async def read_request(reader: asyncio.StreamReader) -> tuple[str, CIMultiDict[str], bytes]:
    line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers: CIMultiDict[str] = CIMultiDict()
    for each in filter(None, rest):
        headers.add(*each.split(": ", 1))
    return line, headers, await reader.readexactly(int(headers.get("Content-Length", "0")))


def response(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """A whole answer; `length` is what it says of itself, true unless given."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(*parts: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return act


def send_and_close(data: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        raise ConnectionResetError

    return act


def send_and_reset(data: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise ConnectionResetError

    return act


def trickle(head: bytes, drop: bytes) -> Act:
    """One drop after another, and never an end."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(PAUSE)

    return act


def flood(head: bytes) -> Act:
    """As much as the reader takes, until it hangs up."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(PART)
            await writer.drain()

    return act


async def hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()
