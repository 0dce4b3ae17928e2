import asyncio
import contextlib
import gzip
import inspect
import os
import shutil
import socket
import ssl
import subprocess
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import uvloop
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from quick import each_row
from raw_server import (
    PAUSE,
    Act,
    RawServer,
    hang,
    one_after_the_other,
    read_request,
    response,
    send,
    send_and_close,
    send_and_reset,
    trickle,
)
from yarl import URL

from asyncgen import __version__, errors
from asyncgen.endpoint import connector
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.client import MAX_BODY, Client, translate
from asyncgen.endpoint.presets import PROVIDERS, Endpoint, Provider
from asyncgen.endpoint.secret import Secret
from asyncgen.errors import (
    AsyncgenError,
    ConfigError,
    ConnectionFailedError,
    FatalError,
    NoAnswerError,
    RateLimitedError,
    RedirectedError,
    TimedOutError,
)
from asyncgen.timings import USUAL, Timings

KEY = "sk-marker-0a1b2c3d"
PAYLOAD = (b'{"model": "m", ', b'"messages": []}')
ANSWER = msgspec.json.encode({"id": "r1", "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]})
GOOD = response(ANSWER)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = 30.0  # a deadline no test is to reach
SHORT = 0.25  # one that is to be reached; half of it must be enough to connect to loopback


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def run(scenario: Coroutine[object, object, None]) -> None:
    """On the loop that a run uses: its exceptions are not always asyncio's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario)


def serving(*acts: Act, tls: ssl.SSLContext | None = None) -> RawServer:
    """In the loop of the test."""
    return RawServer(one_after_the_other(*acts), tls=tls)


@asynccontextmanager
async def client_of(
    url: str,
    *,
    timeout: float = LONG,  # noqa: ASYNC109 - the client's own
    key: str | None = KEY,
    headers: dict[str, str] | None = None,
    max_body: int = MAX_BODY,
    timings: Timings = USUAL,
) -> AsyncIterator[Client]:
    secrets = {name: Secret(value) for name, value in (headers or {}).items()}
    endpoint = Endpoint(Provider("custom", ""), url, Secret(key) if key else None, secrets)
    async with Client(endpoint, connections=4, timeout=timeout, max_body=max_body, timings=timings) as client:
        yield client


async def complete(url: str, *, timeout: float = LONG, max_body: int = MAX_BODY) -> Completion:  # noqa: ASYNC109
    async with client_of(url, timeout=timeout, max_body=max_body) as client:
        return await client.complete(PAYLOAD)


async def failure_at(url: str, *, timeout: float = LONG, max_body: int = MAX_BODY) -> AsyncgenError:  # noqa: ASYNC109
    """The error of one call; it must be free of the key, and of any object of aiohttp."""
    with pytest.raises(AsyncgenError) as caught:
        await complete(url, timeout=timeout, max_body=max_body)
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert KEY not in f"{error} {error!r} {error.args!r} {vars(error)!r}"
    return error


def check_lost(error: AsyncgenError, words: str) -> None:
    """A fault of the wire after the request was sent."""
    assert isinstance(error, ConnectionFailedError)
    assert error.maybe_billed
    assert words in str(error)


# ---- what is sent, and good answers


def test_a_request_is_sent_once_with_its_key_and_answered() -> None:
    async def scenario() -> None:
        async with serving(send(GOOD)) as server:
            completion = await complete(server.base_url)
        assert (completion.text, completion.request_id) == ("hello", "r1")
        (request,) = server.requests
        assert (request.line, request.body) == ("POST /v1/chat/completions HTTP/1.1", b"".join(PAYLOAD))
        assert request.headers.getall("Authorization") == [f"Bearer {KEY}"]
        assert request.headers.getall("Content-Type") == ["application/json"]
        assert request.headers["User-Agent"] == f"asyncgen/{__version__}"
        assert "Cookie" not in request.headers

    run(scenario())


def test_a_recipes_header_replaces_ours_instead_of_standing_beside_it() -> None:
    async def scenario() -> None:
        headers = {"X-Title": "mine", "AUTHORIZATION": "Basic abc"}
        async with serving(send(GOOD)) as server, client_of(server.base_url, headers=headers) as client:
            await client.complete(PAYLOAD)
        sent = server.requests[0].headers
        assert (sent.getall("X-Title"), sent.getall("Authorization")) == (["mine"], ["Basic abc"])

    run(scenario())


def test_without_a_key_no_credentials_are_sent_not_even_those_of_netrc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {KEY}\ndefault login me password {KEY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    async def scenario() -> None:
        async with serving(send(GOOD)) as server, client_of(server.base_url, key=None) as client:
            await client.complete(PAYLOAD)
        assert "Authorization" not in server.requests[0].headers

    run(scenario())


def test_cookies_are_not_kept() -> None:
    async def scenario() -> None:
        acts = [send(response(ANSWER, "200 OK", "Set-Cookie: a=b")), send(GOOD)]
        async with serving(*acts) as server, client_of(server.base_url) as client:
            await client.complete(PAYLOAD)
            await client.complete(PAYLOAD)
        assert "Cookie" not in server.requests[1].headers

    run(scenario())


@pytest.mark.parametrize(
    "act",
    [
        send(response(b" \n" * 500 + ANSWER + b"\n")),
        send(CHUNKED, b"3;x=y\r\n   \r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(ANSWER), ANSWER)),
        send(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", GOOD),
        send_and_close(b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER),
        send(response(gzip.compress(ANSWER), "200 OK", "Content-Encoding: gzip")),
        send(response(ANSWER, "200 OK", "Content-Type: text/html")),
        send(response(b"\xef\xbb\xbf" + ANSWER)),
    ],
    ids=["whitespace", "chunked", "1xx", "http-1.0", "gzip", "text-html", "bom"],
)  # fmt: skip
def test_a_good_answer_is_read_in_whatever_form_it_comes(act: Act) -> None:
    async def scenario() -> None:
        async with serving(act) as server:
            assert (await complete(server.base_url)).text == "hello"

    run(scenario())


def test_ten_megabytes_are_an_answer() -> None:
    body = b" " * 10 * 2**20 + ANSWER

    async def scenario() -> None:
        async with serving(send(response(body))) as server:
            assert (await complete(server.base_url)).text == "hello"

    run(scenario())


def test_an_error_of_the_endpoint_is_classified_with_its_headers() -> None:
    async def scenario() -> None:
        async with serving(send(response(b"{}", "429 Too Many Requests", "Retry-After: 7"))) as server:
            error = await failure_at(server.base_url)
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == 7
        assert f"127.0.0.1:{server.port} answered 429" in str(error)

    run(scenario())


# ---- the deadline


@pytest.mark.slow
@pytest.mark.parametrize(
    "act",
    [
        hang,
        trickle(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        trickle(CHUNKED, b"1\r\n \r\n"),
        trickle(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    ],
    ids=["silence", "headers", "body", "chunks", "1xx"],
)
def test_one_deadline_covers_the_whole_call_whatever_trickles_in(act: Act) -> None:
    async def scenario() -> None:
        async with serving(act) as server:
            error = await failure_at(server.base_url, timeout=SHORT)
            check_lost(error, f"127.0.0.1:{server.port}: no answer within 0.25 s")

    run(scenario())


def test_a_connection_that_is_never_accepted_was_not_billed() -> None:
    """A listener whose queue is full drops what comes, like a host that is not there."""

    async def scenario() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            waiting = [socket.socket() for _ in range(3)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(address)
            error = await failure_at(f"http://127.0.0.1:{address[1]}/v1", timeout=SHORT)
            for each in waiting:
                each.close()
        assert isinstance(error, ConnectionFailedError)
        assert (str(error), error.maybe_billed) == (f"127.0.0.1:{address[1]}: no connection in time", False)

    run(scenario())


def test_a_cancelled_call_stays_cancelled_and_its_connection_is_not_used_again() -> None:
    async def scenario() -> None:
        reached = asyncio.Event()

        async def act(writer: asyncio.StreamWriter) -> None:
            reached.set()
            await hang(writer)

        async with serving(act, send(GOOD)) as server, client_of(server.base_url) as client:
            call = asyncio.create_task(client.complete(PAYLOAD))
            await reached.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert (await client.complete(PAYLOAD)).text == "hello"
            assert server.connections == 2

    run(scenario())


# ---- connections that break


@each_row(
    ("act", "words"),
    [
        (send_and_close(b""), "closed the connection without an answer"),
        (send_and_reset(b""), "the connection broke (Connection reset by peer)"),
        (send_and_close(b"HTTP/1.1 200 OK\r\nContent-"), "closed the connection without an answer"),
        (send_and_close(response(ANSWER, length=len(ANSWER) + 1)), "the answer broke off"),
        (send_and_close(response(b"", length=10)), "the answer broke off"),
        (send_and_close(CHUNKED + b"5\r\n{"), "the answer broke off"),
        (send_and_close(response(b"{}", "200 OK", "Content-Encoding: gzip")), "the answer broke off"),
        (send_and_close(CHUNKED + b"zz\r\n"), "the answer "),
        (send_and_close(b"SSH-2.0-OpenSSH_9.6\r\n"), "the answer is not HTTP as it should be"),
        (send_and_close(response(ANSWER, "200 OK", "X-L: " + "a" * 2**17)), "the answer is not HTTP as it should be"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_off_may_have_been_billed(act: Act, words: str) -> None:
    async def scenario() -> None:
        async with serving(act) as server:
            check_lost(await failure_at(server.base_url), words)

    run(scenario())


def test_a_body_that_breaks_in_its_midst_is_not_waited_for() -> None:
    """Its head and a part of it have been read when the rest turns out to be none."""

    async def break_in_the_midst(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"1\r\n{\r\n")
        await asyncio.sleep(PAUSE)
        await send(b"zz\r\n")(writer)
        await hang(writer)

    async def scenario() -> None:
        async with serving(break_in_the_midst) as server:
            check_lost(await failure_at(server.base_url), "the answer broke off")

    run(scenario())


@pytest.mark.parametrize("error", [MemoryError(), aiohttp.ClientPayloadError()])
def test_an_answer_for_which_there_is_no_memory_is_no_fault_of_the_endpoint(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp tells of it as it is, or as of a body that broke off."""

    async def read(_: object, __: object) -> bytes:
        raise error from MemoryError()

    async def scenario() -> None:
        async with serving(send(GOOD)) as server, client_of(server.base_url) as client:
            with pytest.raises(MemoryError) as raised:
                await client.complete(PAYLOAD)
            assert raised.value.args == (), "it has been sent"

    monkeypatch.setattr(Client, "_read", read)
    run(scenario())


def test_a_reset_in_the_body_may_have_been_billed() -> None:
    async def scenario() -> None:
        async with serving(send_and_reset(response(b'{"choices"', length=500))) as server:
            check_lost(await failure_at(server.base_url), f"127.0.0.1:{server.port}: ")

    run(scenario())


def test_a_body_without_a_length_that_is_cut_is_no_answer() -> None:
    async def scenario() -> None:
        async with serving(send_and_close(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ANSWER[:-5])) as server:
            error = await failure_at(server.base_url)
        assert isinstance(error, NoAnswerError)
        assert error.maybe_billed

    run(scenario())


def test_a_refused_connection_was_not_billed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def scenario() -> None:
            error = await failure_at(f"http://127.0.0.1:{port}/v1")
            assert isinstance(error, ConnectionFailedError)
            assert str(error) == f"127.0.0.1:{port}: no connection (Connection refused)"
            assert not error.maybe_billed

        run(scenario())


def test_a_name_that_is_not_found_was_not_billed() -> None:
    host = ".".join(["a" * 60] * 5)  # too long to be asked for, so that no name server is

    async def scenario() -> None:
        error = await failure_at(f"http://{host}/v1")
        assert isinstance(error, ConnectionFailedError)
        assert (str(error), error.maybe_billed) == (f"{host}: name not found", False)

    run(scenario())


def test_of_several_addresses_one_that_answers_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken IPv6 is the usual case."""
    addresses = ("::1", "127.0.0.2", "127.0.0.1")
    look_up = uvloop.Loop.getaddrinfo

    async def look_up_all(loop: uvloop.Loop, host: str, port: int, **options: int) -> list[object]:
        names = addresses if host == "several.example" else (host,)
        return [info for name in names for info in await look_up(loop, name, port, **{**options, "family": 0})]

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", look_up_all)

    async def scenario() -> None:
        async with serving(send(GOOD)) as server:
            assert (await complete(f"http://several.example:{server.port}/v1")).text == "hello"
        assert server.connections == 1

    run(scenario())


def test_a_connection_the_server_closed_in_between_is_not_used_again() -> None:
    async def scenario() -> None:
        async with serving(send_and_close(GOOD), send(GOOD)) as server, client_of(server.base_url) as client:
            await client.complete(PAYLOAD)
            await server.one_has_closed.wait()
            for _ in range(3):
                await asyncio.sleep(0)
            assert (await client.complete(PAYLOAD)).text == "hello"
        assert (server.connections, len(server.requests)) == (2, 2)

    run(scenario())


def test_a_good_connection_is_used_again() -> None:
    async def scenario() -> None:
        async with serving(*[send(GOOD)] * 3) as server, client_of(server.base_url) as client:
            for _ in range(3):
                await client.complete(PAYLOAD)
        assert (server.connections, len(server.requests)) == (1, 3)

    run(scenario())


# ---- answers that nobody has asked for


def answering(text: str) -> bytes:
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    return response(msgspec.json.encode({"id": text, "choices": [choice]}))


@pytest.mark.parametrize("late", [answering("late"), answering("late") * 2, answering("late")[:100]])
def test_what_comes_with_an_answer_unasked_is_not_the_next_ones(late: bytes) -> None:
    async def scenario() -> None:
        acts = [send(answering("first") + late), send(answering("second"))]
        async with serving(*acts) as server, client_of(server.base_url) as client:
            assert (await client.complete(PAYLOAD)).text == "first"
            assert (await client.complete(PAYLOAD)).text == "second"
        assert server.connections == 2

    run(scenario())


@each_row("turns", [0, 1, 2, 10])
@each_row("late", [answering("late"), answering("late") * 2, answering("late")[:100], b""])
def test_a_connection_on_which_something_arrives_between_two_requests_is_not_used_again(
    late: bytes, turns: int
) -> None:
    """Read by the event loop already, or not yet; nothing is the end of the connection."""

    async def scenario() -> None:
        connections: list[int] = []

        async def first(writer: asyncio.StreamWriter) -> None:
            connections.append(writer.get_extra_info("socket").fileno())
            await send(answering("first"))(writer)

        async with serving(first, send(answering("second"))) as server, client_of(server.base_url) as client:
            assert (await client.complete(PAYLOAD)).text == "first"
            if late:
                os.write(connections[0], late)
            else:
                with socket.socket(fileno=os.dup(connections[0])) as copy:
                    copy.shutdown(socket.SHUT_WR)
            for _ in range(turns):
                await asyncio.sleep(0)
            assert (await client.complete(PAYLOAD)).text == "second"
        assert server.connections == 2

    run(scenario())


def test_an_endpoint_caught_answering_unasked_gets_a_new_connection_for_each_request() -> None:
    """What comes unasked while a request is out could not be told from its answer."""

    async def scenario() -> None:
        connections: list[int] = []

        async def first(writer: asyncio.StreamWriter) -> None:
            connections.append(writer.get_extra_info("socket").fileno())
            await send(answering("first"))(writer)

        acts = [first, *(send(answering(text)) for text in "abc")]
        async with serving(*acts) as server, client_of(server.base_url) as client:
            await client.complete(PAYLOAD)
            os.write(connections[0], answering("late"))
            for _ in range(10):
                await asyncio.sleep(0)
            assert [(await client.complete(PAYLOAD)).text for _ in "abc"] == list("abc")
        assert server.connections == 4

    run(scenario())


def test_a_connection_that_lags_an_answer_behind_is_found_by_letting_it_rest() -> None:
    """Each answer but the first comes when its request is out already and the next one's is waited for."""

    async def scenario() -> None:
        connections: list[asyncio.StreamWriter] = []
        asked, late = 0, b""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked, late
            connections.append(writer)
            with contextlib.suppress(asyncio.IncompleteReadError):
                while True:
                    await read_request(reader)
                    asked += 1
                    if writer is connections[0]:
                        writer.write(late or answering("1"))
                        late = answering(f"late {asked}")
                    else:
                        if late:
                            connections[0].write(late)
                            late = b""
                        writer.write(answering(str(asked)))
            writer.close()

        async with (
            await asyncio.start_server(accept, "127.0.0.1", 0) as listening,
            client_of(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1") as client,
        ):
            texts = [(await client.complete(PAYLOAD)).text for _ in range(9)]
            assert texts[connector.REST_EVERY :] == [str(number) for number in range(connector.REST_EVERY + 1, 10)]

    run(scenario())


def test_a_server_that_takes_no_other_connection_is_asked_on_the_one_there_is() -> None:
    async def scenario() -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listening.close()
            with contextlib.suppress(asyncio.IncompleteReadError):
                while True:
                    await read_request(reader)
                    writer.write(GOOD)
            writer.close()

        listening = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with client_of(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1") as client:
            for _ in range(2 * connector.REST_EVERY + 2):
                assert (await client.complete(PAYLOAD)).text == "hello"

    run(scenario())


def test_an_answer_that_comes_before_its_request_is_sent_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = aiohttp.TCPConnector.connect

    async def connect_and_wait(*arguments: Any) -> aiohttp.connector.Connection:
        connection = await connect(*arguments)
        while connection.protocol is None or not connection.protocol.should_close:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect_and_wait)

    def speak_first(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(answering("unasked"))
            while connection.recv(1000):
                pass

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            speaking = asyncio.create_task(asyncio.to_thread(speak_first, listener))
            async with client_of(f"http://127.0.0.1:{listener.getsockname()[1]}/v1") as client:
                with pytest.raises(ConnectionFailedError) as caught:
                    await client.complete(PAYLOAD)
                assert not caught.value.maybe_billed
            await speaking

    run(scenario())


# ---- calls that never left


@pytest.mark.parametrize("way", ["tls", "proxy", "name"])
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_call_that_never_left_was_not_billed(
    way: str,
    is_cancelled: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handshake, a CONNECT, a name that is never answered, whether the deadline ends it or a stop."""

    async def look_up_for_ever(*_: object, **__: object) -> list[object]:
        return await asyncio.Future()

    async def scenario() -> None:
        async with serving(hang) as silent:
            url = f"https://127.0.0.1:{silent.port}/v1"
            if way == "proxy":
                monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{silent.port}")
                url = "https://a.example/v1"
            elif way == "name":
                monkeypatch.setattr(uvloop.Loop, "getaddrinfo", look_up_for_ever)
                url = "https://a.example/v1"
            async with client_of(url, timeout=LONG if is_cancelled else SHORT) as client:
                call = asyncio.create_task(client.complete(PAYLOAD))
                if is_cancelled:
                    await asyncio.sleep(0.02)
                    call.cancel()
                    with pytest.raises(asyncio.CancelledError, match=errors.NOT_SENT):
                        await call
                    return
                with pytest.raises(ConnectionFailedError, match="no connection in time") as caught:
                    await call
                assert not caught.value.maybe_billed

    run(scenario())


def test_a_call_cancelled_after_it_left_says_nothing_of_not_being_sent() -> None:
    async def scenario() -> None:
        reached = asyncio.Event()

        async def act(writer: asyncio.StreamWriter) -> None:
            reached.set()
            await hang(writer)

        async with serving(act) as server, client_of(server.base_url) as client:
            call = asyncio.create_task(client.complete(PAYLOAD))
            await reached.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert errors.NOT_SENT not in caught.value.args

    run(scenario())


# ---- keys: what is sent, said and kept


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_where_a_key_is_wanted_and_none_was_sent_its_variable_is_named(status: str) -> None:
    async def scenario() -> None:
        for key, is_said in ((None, True), (KEY, False)):
            async with (
                serving(send(response(b"who?", status))) as server,
                client_of(server.base_url, key=key) as client,
            ):
                with pytest.raises(AsyncgenError, match="who") as caught:
                    await client.complete(PAYLOAD)
            assert ("No key was sent: put it into ASYNCGEN_API_KEY" in str(caught.value)) is is_said

    run(scenario())


def test_who_has_answered_without_a_key_is_not_said_to_want_one() -> None:
    async def scenario() -> None:
        acts = [send(GOOD), send(response(b"who?", "403 Forbidden"))]
        async with serving(*acts) as server, client_of(server.base_url, key=None) as client:
            await client.complete(PAYLOAD)
            with pytest.raises(AsyncgenError, match="who") as caught:
                await client.complete(PAYLOAD)
        assert "No key was sent" not in str(caught.value)

    run(scenario())


def test_what_a_model_wrote_is_data_and_what_a_server_says_is_not() -> None:
    async def scenario() -> None:
        choice = {"message": {"content": f"It is {KEY}."}, "finish_reason": "stop"}
        answer = msgspec.json.encode({"id": f"r-{KEY}", "model": KEY, "choices": [choice]})
        acts = [send(response(answer)), send(response(KEY.encode(), "400 Bad Request", f"X-Request-Id: {KEY}"))]
        async with serving(*acts) as server, client_of(server.base_url) as client:
            completion = await client.complete(PAYLOAD)
            assert completion.text == f"It is {KEY}."
            assert (completion.request_id, completion.model) == ("r-[redacted]", "[redacted]")
            with pytest.raises(AsyncgenError, match="answered 400") as caught:
                await client.complete(PAYLOAD)
            assert KEY not in f"{caught.value} {vars(caught.value)}"
            assert (caught.value.__cause__, caught.value.__context__) == (None, None)

    run(scenario())


def test_a_query_goes_behind_the_path() -> None:
    async def scenario() -> None:
        async with (
            serving(send(GOOD), send(response(b"{}"))) as server,
            client_of(f"{server.base_url}?api-version=2024-10-21") as client,
        ):
            await client.complete(PAYLOAD)
            await client.get("/models")
        lines = [request.line.split()[1] for request in server.requests]
        assert lines == ["/v1/chat/completions?api-version=2024-10-21", "/v1/models?api-version=2024-10-21"]

    run(scenario())


@pytest.mark.parametrize("host", ["localhost", "gpu.localhost", "a.b.LOCALHOST", "0.0.0.0"])
def test_names_in_localhost_are_this_machine_whatever_a_name_server_says(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    look_up = uvloop.Loop.getaddrinfo

    async def look_up_one(loop: uvloop.Loop, host: str, port: int, **options: int) -> list[object]:
        asked.append(host)
        return list(await look_up(loop, host, port, **options))

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", look_up_one)

    async def scenario() -> None:
        async with serving(send(GOOD)) as server:
            assert (await complete(f"http://{host}:{server.port}/v1")).text == "hello"
        assert set(asked) <= {"localhost", "127.0.0.1", "0.0.0.0"}

    run(scenario())


# ---- what can be done without


def test_a_page_is_asked_for_with_the_key_and_read() -> None:
    async def scenario() -> None:
        async with serving(send(response(b'{"data": []}'))) as server, client_of(server.base_url) as client:
            assert await client.get("/models") == b'{"data": []}'
        (request,) = server.requests
        assert (request.line, request.body) == ("GET /v1/models HTTP/1.1", b"")
        assert request.headers["Authorization"] == f"Bearer {KEY}"

    run(scenario())


@each_row(
    "act",
    [
        send(response(b"{}", "404 Not Found")),
        send(response(b"{}", "500 Internal Server Error")),
        send(response(b"", "302 Found", "Location: https://elsewhere.example/")),
        send_and_close(b""),
        send_and_reset(response(b"{}", length=100)),
        send_and_close(b"no HTTP\r\n\r\n"),
        send(response(b"x" * 2000)),
        hang,
        trickle(response(b"", length=10**6), b" "),
    ],
    ids=["404", "500", "redirect", "closed", "reset", "no HTTP", "too long", "hangs", "trickles"],
)
def test_a_page_that_does_not_come_is_no_error(act: Act) -> None:
    async def scenario() -> None:
        async with (
            serving(act) as server,
            client_of(server.base_url, max_body=1000, timings=Timings(page=0.05)) as client,
        ):
            assert await client.get("/key") is None

    run(scenario())


def test_a_page_of_nobody_is_no_error() -> None:
    async def scenario() -> None:
        async with serving() as server:
            pass
        async with client_of(server.base_url) as client:
            assert await client.get("/models") is None

    run(scenario())


def test_a_client_that_is_not_open_is_a_bug() -> None:
    async def scenario() -> None:
        client = Client(Endpoint(PROVIDERS["vllm"], "http://127.0.0.1:1/v1"), connections=1, timeout=1)
        with pytest.raises(RuntimeError, match="not open"):
            await client.complete(PAYLOAD)

    run(scenario())


# ---- sizes


@pytest.mark.parametrize("body", [b" " * 5000, b"{}" + b" " * 100], ids=["far", "just"])
def test_a_body_beyond_the_cap_is_cut_and_its_connection_closed(body: bytes) -> None:
    async def scenario() -> None:
        answers = send(response(body)), send(response(b""))
        async with serving(*answers) as server, client_of(server.base_url, max_body=101) as client:
            with pytest.raises(ConnectionFailedError, match="an answer of more than 101 bytes") as caught:
                await client.complete(PAYLOAD)
            assert caught.value.maybe_billed
            with pytest.raises(NoAnswerError):  # what is left of the first answer is not the second one
                await client.complete(PAYLOAD)

    run(scenario())


def test_a_bomb_is_cut_at_the_cap_before_it_fills_the_memory() -> None:
    size = 64 * 2**20
    bomb = gzip.compress(bytes(size), compresslevel=1)

    async def scenario() -> None:
        async with serving(send(response(bomb, "200 OK", "Content-Encoding: gzip"))) as server:
            tracemalloc.start()
            try:
                error = await failure_at(server.base_url, max_body=2**20)
                check_lost(error, "an answer of more than 1,048,576 bytes")
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert peak < size / 8

    run(scenario())


# ---- redirects


@each_row("status", [301, 302, 303, 307, 308])
def test_a_redirect_stops_the_run_and_nothing_reaches_the_other_host(status: int) -> None:
    async def scenario() -> None:
        async with serving() as other:
            location = f"Location: http://localhost:{other.port}/v1/chat/completions"
            async with serving(send(response(b"", f"{status} Moved", location))) as server:
                error = await failure_at(server.base_url)
            assert isinstance(error, RedirectedError)
            assert f"127.0.0.1:{server.port} answered {status}, a redirect to localhost" in str(error)
            assert other.connections == 0

    run(scenario())


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's context with a certificate that nobody trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem"
    names = ("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([openssl, *command.split(), *names], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_nobody_vouches_for_stops_the_run(certificate: ssl.SSLContext) -> None:
    async def scenario() -> None:
        async with serving(tls=certificate) as server:
            error = await failure_at(server.base_url)
        assert type(error) is FatalError
        assert str(error) == (
            f"127.0.0.1:{server.port}: its certificate is not trusted (self-signed certificate); if a company "
            "vouches for it, set SSL_CERT_FILE to a file that holds the company's CA certificate"
        )
        assert server.requests == []

    run(scenario())


def answer_hello(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(data)
        writer.close()

    return accept


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", FatalError, "no TLS connection (wrong version number); is the address"),
        (b"\x15\x03\x03\x00\x02\x02\x28", FatalError, "no TLS connection (sslv3 alert handshake failure)"),
        (b"\x15\x03\x03\x00\x02\x02\x50", ConnectionFailedError, "no connection (tlsv1 alert internal error)"),
        (b"", ConnectionFailedError, "no connection ("),
    ],
    ids=["plain-http", "handshake-failure", "internal-error", "closed"],
)
def test_a_tls_connection_that_fails_is_wrong_for_good_or_a_bad_hour(
    data: bytes, kind: type[AsyncgenError], words: str
) -> None:
    async def scenario() -> None:
        async with await asyncio.start_server(answer_hello(data), "127.0.0.1", 0) as listening:
            error = await failure_at(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
        assert type(error) is kind
        assert words in str(error)
        assert not getattr(error, "maybe_billed", False)

    run(scenario())


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff?"],
    ids=["plain-http", "handshake-failure", "broken-record"],
)
def test_where_answers_came_before_a_failed_handshake_is_one_bad_connection(
    data: bytes, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A balancer, one of whose machines is wrong; before any answer it is the address that is."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    connections = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 2:
            await answer_hello(data)(reader, writer)
            return
        await writer.start_tls(certificate)
        await read_request(reader)
        writer.write(response(ANSWER, "200 OK", "Connection: close"))
        writer.close()

    async def scenario() -> None:
        async with (
            await asyncio.start_server(accept, "127.0.0.1", 0) as listening,
            client_of(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1") as client,
        ):
            assert (await client.complete(PAYLOAD)).text == "hello"
            with pytest.raises(ConnectionFailedError, match=r"no connection \(") as caught:
                await client.complete(PAYLOAD)
            assert not caught.value.maybe_billed
            assert (await client.complete(PAYLOAD)).text == "hello"

    run(scenario())


@pytest.mark.parametrize("kind", [aiohttp.ClientConnectorCertificateError, aiohttp.ClientHttpProxyError])
def test_where_answers_came_before_another_certificate_or_a_proxys_no_is_one_bad_connection(
    kind: type[Exception],
) -> None:
    theirs = next(error for error, _, _ in EXCEPTIONS if type(error) is kind)
    assert type(translate(theirs, "a.example", 30, has_left=False)) is FatalError
    assert type(translate(theirs, "a.example", 30, has_left=False, has_answered=True)) is ConnectionFailedError


# ---- proxies


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ("407 Proxy Authentication Required", FatalError, "the proxy refused to connect (status 407)"),
        ("403 Forbidden", FatalError, "the proxy refused to connect (status 403)"),
        ("502 Bad Gateway", ConnectionFailedError, "no connection (status 502)"),
        ("429 Too Many Requests", ConnectionFailedError, "no connection (status 429)"),
    ],
)
def test_a_proxy_that_does_not_connect_never_sees_the_key(
    answer: str, kind: type[AsyncgenError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving(send(response(b"", answer))) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:{KEY[3:]}@127.0.0.1:{proxy.port}")
            error = await failure_at("https://a.example/v1")
        assert type(error) is kind
        assert f"a.example: {words}" in str(error)
        assert KEY[3:] not in str(error)
        (request,) = proxy.requests
        assert request.line == "CONNECT a.example:443 HTTP/1.1"
        assert "Authorization" not in request.headers
        assert request.headers["Proxy-Authorization"].startswith("Basic ")

    run(scenario())


def test_a_proxy_that_is_not_there_was_not_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused.getsockname()[1]}")

        async def scenario() -> None:
            error = await failure_at("https://a.example/v1")
            assert isinstance(error, ConnectionFailedError)
            assert str(error) == "a.example: the proxy cannot be reached (Connection refused)"
            assert not error.maybe_billed

        run(scenario())


def test_a_plain_request_goes_through_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with serving(send(GOOD)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            async with client_of("http://a.example/v1", key=None) as client:
                assert (await client.complete(PAYLOAD)).text == "hello"
        assert proxy.requests[0].line == "POST http://a.example/v1/chat/completions HTTP/1.1"

    run(scenario())


# ---- every exception of the client

HEADERS = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {KEY}"}))
WHERE = ConnectionKey("a.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
REQUEST = RequestInfo(URL("https://a.example/v1"), "POST", HEADERS, URL("https://a.example/v1"))
BROKEN = OSError(104, "Connection reset by peer")
NOT_SENT, SENT = False, True

EXCEPTIONS: list[tuple[Exception, type[AsyncgenError], bool]] = [
    (aiohttp.ClientError(KEY), ConnectionFailedError, SENT),
    (aiohttp.ClientConnectionError(KEY), ConnectionFailedError, SENT),
    (aiohttp.ClientConnectionResetError(104, "reset"), ConnectionFailedError, SENT),
    (aiohttp.ClientOSError(32, "Broken pipe"), ConnectionFailedError, SENT),
    (aiohttp.ClientConnectorError(WHERE, BROKEN), ConnectionFailedError, NOT_SENT),
    (aiohttp.ClientConnectorDNSError(WHERE, socket.gaierror(-2, "unknown")), ConnectionFailedError, NOT_SENT),
    (aiohttp.ClientProxyConnectionError(WHERE, BROKEN), ConnectionFailedError, NOT_SENT),
    (aiohttp.ClientSSLError(WHERE, BROKEN), ConnectionFailedError, NOT_SENT),
    (aiohttp.ClientConnectorSSLError(WHERE, ssl.SSLError(1, "wrong")), FatalError, NOT_SENT),
    (aiohttp.ClientConnectorCertificateError(WHERE, ssl.CertificateError("wrong")), FatalError, NOT_SENT),
    (aiohttp.ClientPayloadError(KEY), ConnectionFailedError, SENT),
    (aiohttp.UploadAbortedError(KEY), ConnectionFailedError, SENT),
    (aiohttp.ServerConnectionError(KEY), ConnectionFailedError, SENT),
    (aiohttp.ServerDisconnectedError(KEY), ConnectionFailedError, SENT),
    (aiohttp.ServerTimeoutError(KEY), TimedOutError, SENT),
    (aiohttp.SocketTimeoutError(KEY), TimedOutError, SENT),
    (aiohttp.ConnectionTimeoutError(KEY), ConnectionFailedError, NOT_SENT),
    (aiohttp.ServerFingerprintMismatch(b"a", b"b", "a.example", 443), ConnectionFailedError, SENT),
    (aiohttp.ClientResponseError(REQUEST, (), status=400, message=KEY, headers=HEADERS), ConnectionFailedError, SENT),
    (aiohttp.ContentTypeError(REQUEST, (), status=400, message=KEY, headers=HEADERS), ConnectionFailedError, SENT),
    (
        aiohttp.WSServerHandshakeError(REQUEST, (), status=400, message=KEY, headers=HEADERS),
        ConnectionFailedError,
        SENT,
    ),
    (aiohttp.TooManyRedirects(REQUEST, (), status=400, message=KEY, headers=HEADERS), ConnectionFailedError, SENT),
    (aiohttp.ClientHttpProxyError(REQUEST, (), status=400, message=KEY, headers=HEADERS), FatalError, NOT_SENT),
    (aiohttp.RedirectClientError(KEY), ConnectionFailedError, SENT),
    (aiohttp.InvalidURL(f"https://{KEY}"), ConfigError, NOT_SENT),
    (aiohttp.InvalidUrlClientError(f"https://{KEY}"), ConfigError, NOT_SENT),
    (aiohttp.InvalidUrlRedirectClientError(f"https://{KEY}"), ConfigError, NOT_SENT),
    (aiohttp.NonHttpUrlClientError(KEY), ConnectionFailedError, SENT),
    (aiohttp.NonHttpUrlRedirectClientError(KEY), ConnectionFailedError, SENT),
]
OTHERS: list[tuple[Exception, type[AsyncgenError], bool]] = [
    (TimeoutError(), TimedOutError, SENT),
    (BROKEN, ConnectionFailedError, SENT),
    (OSError(KEY), ConnectionFailedError, SENT),
    (ssl.SSLError(1, KEY), ConnectionFailedError, SENT),
    (UnicodeError(KEY), ConfigError, NOT_SENT),
    (ValueError(KEY), ConfigError, NOT_SENT),
]


@each_row(("theirs", "kind", "sent"), [*EXCEPTIONS, *OTHERS])
def test_an_exception_of_theirs_becomes_ours_without_its_words(
    theirs: Exception,
    kind: type[AsyncgenError],
    sent: bool,  # noqa: FBT001
) -> None:
    ours = translate(theirs, "a.example", 30, has_left=sent)
    assert type(ours) is kind
    assert getattr(ours, "maybe_billed", False) is sent
    assert str(ours).startswith("a.example: ")
    assert KEY not in f"{ours} {ours!r} {vars(ours)}"


def test_no_exception_of_the_client_is_forgotten() -> None:
    def classes() -> Iterator[type[Exception]]:
        for each in vars(aiohttp).values():
            if inspect.isclass(each) and issubclass(each, aiohttp.ClientError):
                yield each

    assert {type(error) for error, _, _ in EXCEPTIONS} == set(classes())
