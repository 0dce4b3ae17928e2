"""A chat-completions endpoint that does next to nothing: it counts the bytes of a request and sends back fixed ones.

An `asyncio.Protocol` on uvloop, without an HTTP library, so that on a core of its own it stays several times ahead of
every client that is measured against it. Prints its base URL, and ends when standard input is closed.
"""

import argparse
import asyncio
import json
import sys
import threading
from functools import partial
from typing import cast

import uvloop

ANSWER = "It runs on nanochat's own pipeline, and the figures are in the repository. " * 12
MESSAGES = [{"role": role, "content": ANSWER} for role in ("user", "assistant") * 2]
USAGE = {
    "prompt_tokens": 8088,
    "completion_tokens": 900,
    "total_tokens": 8988,
    "cost": 0.00321,
    "prompt_tokens_details": {"cached_tokens": 7900},
}
COMPLETION = {
    "id": "gen-1763800000-AbCdEfGhIjKlMnOpQrSt",
    "provider": "Example",
    "model": "example/model",
    "object": "chat.completion",
    "created": 1763800000,
    "choices": [
        {
            "logprobs": None,
            "finish_reason": "stop",
            "native_finish_reason": "STOP",
            "index": 0,
            "message": {"role": "assistant", "content": json.dumps({"messages": MESSAGES}), "refusal": None},
        }
    ],
    "usage": USAGE,
}
BODY = json.dumps(COMPLETION).encode()
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Connection: keep-alive\r\nServer: wire\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


class Endpoint(asyncio.Protocol):
    """One connection: requests one after the other, each answered `latency` seconds after its last byte."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._head = b""
        self._body_left = 0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's classes do not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        if self._body_left:
            self._body_left -= len(data)
        else:
            head, end, body = (self._head + data).partition(END_OF_HEAD)
            if not end:
                self._head = head
                return
            self._head = b""
            self._body_left = _content_length(head) - len(body)
        if self._body_left <= 0:
            self._answer()

    def _answer(self) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(RESPONSE)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.find(LENGTH)
    return 0 if start < 0 else int(lowered[start + len(LENGTH) :].split(b"\r\n", 1)[0])


async def serve(latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Endpoint, latency), "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)  # noqa: T201
    closed = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(closed.set)), daemon=True).start()
    await closed.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    uvloop.run(serve(parser.parse_args().latency))
