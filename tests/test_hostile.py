"""Servers that break every rule, against whole runs: what becomes of an index, what is kept, what was sent.

Unless a row says otherwise the first call is answered well, the first attempt of the second index meets the fault, and
everything after it is answered well again.
"""

import asyncio
import gzip
import json
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fake_provider import completion, conversation
from quick import QUICK
from raw_server import (
    Act,
    RawServer,
    Request,
    flood,
    hang,
    response,
    send,
    send_and_close,
    send_and_reset,
    trickle,
)

from asyncgen.command.main import main
from asyncgen.endpoint.client import MAX_BODY

pytestmark = pytest.mark.slow

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
REJECTS = Path("data/nanochat.jsonl.rejects")

GOOD = conversation("bread").body
GOOD_ACT = send(response(GOOD))
PLAIN = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Outcome:
    """What a run left. `kept`: why replies are in the rejects file; `lost`: why calls count as lost."""

    status: int
    calls: int
    done: list[int]
    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def rejects() -> list[dict[str, Any]]:
    return [json.loads(line) for line in REJECTS.read_bytes().splitlines()]


def reasons(found: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["reason"] for each in found)


def generate(server: RawServer, number: int, *flags: str) -> Outcome:
    settings = ("-n", str(number), "--concurrency", "1", "--quiet")
    status = main(["generate", "--base-url", server.base_url, *settings, *flags], QUICK)
    check_lines()
    assert reasons(rejects()) == reasons(entries("rejected")), "what is journalled as kept is kept"
    return Outcome(
        status,
        len(server.requests),
        sorted(entry["index"] for entry in entries("done")),
        reasons(rejects()),
        reasons(entries("lost")),
        reasons(entries("failed")),
    )


def check_lines() -> None:
    """Nothing but whole conversations is in the output, one for each index that is done."""
    lines = OUTPUT.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(entries("done"))
    assert all(isinstance(message["content"], str) for line in lines for message in json.loads(line))


def second_call(act: Act) -> Callable[[Request], Act]:
    return lambda request: act if request.number == 1 else GOOD_ACT


def chunked(*chunks: bytes) -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


# ---- the wire

NEVER_ENDING = {
    "silence": hang,
    "whitespace for ever": trickle(PLAIN, b" "),
    "chunks of whitespace for ever": trickle(CHUNKED, b"1\r\n \r\n"),
    "headers drop by drop": trickle(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
    "a body drop by drop": trickle(response(GOOD[:20], length=2**20), b"x"),
    "interim answers for ever": trickle(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a length that is too long": send(response(GOOD, length=len(GOOD) + 1)),
}


async def send_a_bomb(writer: asyncio.StreamWriter) -> None:
    await send(response(gzip.compress(b" " * 2 * MAX_BODY), "200 OK", "Content-Encoding: gzip"))(writer)


LOST = {
    "closed": send_and_close(b""),
    "reset": send_and_reset(b""),
    "a length that is too long, then the end": send_and_close(response(GOOD, length=len(GOOD) + 1)),
    "a length that is too short": send(response(GOOD, length=len(GOOD) - 5)),
    "a negative length": send_and_close(response(GOOD, length=-5)),
    "two lengths": send_and_close(response(GOOD, "200 OK", "Content-Length: 3")),
    "a length and chunks": send_and_close(response(GOOD, "200 OK", "Transfer-Encoding: chunked")),
    "a chunk size that is none": send_and_close(CHUNKED + b"zz\r\n"),
    "chunks without the last": send_and_close(chunked(GOOD)[: -len(b"0\r\n\r\n")]),
    "a gzip bomb": send_a_bomb,
    "gzip that is none": send_and_close(response(GOOD, "200 OK", "Content-Encoding: gzip")),
    "brotli nobody asked for": send(response(GOOD, "200 OK", "Content-Encoding: br")),
    "zstd nobody asked for": send(response(GOOD, "200 OK", "Content-Encoding: zstd")),
    "a body without end": flood(PLAIN),
    "a body of a gigabyte": flood(response(b"", length=2**30)),
    "a header of 100 KB": send_and_close(response(GOOD, "200 OK", f"X-Long: {'a' * 100_000}")),
    "twenty thousand headers": send_and_close(response(GOOD, "200 OK", *["X-More: 1"] * 20_000)),
    "a NUL in a header": send_and_close(response(GOOD, "200 OK", "X-Null: a\0b")),
    "HTTP/0.9": send_and_close(GOOD),
    "another protocol": send_and_close(b"SSH-2.0-OpenSSH_9.6\r\n"),
}

ASKED_AGAIN = {
    "204": send(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "101": send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "a status nobody knows": send(response(b"", "999 Odd")),
    "an error in a list": send(response(b'[{"error": {"code": 503, "message": "busy"}}]')),
}

PAID_FOR = {
    "an end that comes early, without a length": send_and_close(PLAIN + GOOD[:-5]),
    "garbage behind the JSON": send(response(GOOD + b"garbage")),
    "two documents": send(response(GOOD + GOOD)),
}

UNREADABLE = {
    "HTML": send(response(b"<html><title>Sign in</title></html>", "200 OK", "Content-Type: text/html")),
    "bytes": send(response(b"\x1f\x8b\x08\x00" * 10)),
    "a stream that breaks off": send(response(b'data: {"choices": [{"delta": {"content": "{"}}]}\n\n')),
    "JSON of no known shape": send(response(b'{"reply": {"to": "nobody"}}')),
}

READ = {
    "an event stream": send(
        response(b"data: " + GOOD + b"\n\ndata: [DONE]\n\n", "200 OK", "Content-Type: text/event-stream")
    ),
    "deflate": send(response(zlib.compress(GOOD), "200 OK", "Content-Encoding: deflate")),
    "an encoding that is none": send(response(GOOD, "200 OK", "Content-Encoding: x-none")),
    "a byte order mark": send(response(b"\xef\xbb\xbf" + GOOD)),
    "an interim answer": send(b"HTTP/1.1 100 Continue\r\n\r\n", response(GOOD)),
    "HTTP/1.0": send_and_close(b"HTTP/1.0 200 OK\r\n\r\n" + GOOD),
    "chunk extensions and trailers": send(
        CHUNKED + b'3;x="y"\r\n   \r\n%x\r\n%s\r\n0\r\nX-Trailer: a\r\n\r\n' % (len(GOOD), GOOD)
    ),
    "a header of 9 KB": send(response(GOOD, "200 OK", f"X-Long: {'a' * 9000}")),
    "an answer to nobody behind it": send(response(GOOD) + response(b"surprise")),
    "a minute of whitespace, shortened": send(response(b" \n" * 5000 + GOOD)),
}


def rows(table: Mapping[str, Act]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("act", table.values(), ids=table)


@rows(NEVER_ENDING)
def test_an_answer_that_never_ends_is_lost_at_the_deadline_and_asked_for_again(act: Act) -> None:
    with RawServer(second_call(act)) as server:
        outcome = generate(server, 2, "--timeout", "0.8")
    assert outcome == Outcome(0, 3, [0, 1], lost=Counter(timeout=1))


@rows(LOST)
def test_an_answer_that_cannot_be_read_is_lost_and_asked_for_again(act: Act) -> None:
    with RawServer(second_call(act)) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 3, [0, 1], lost=Counter(connection=1))


@rows(ASKED_AGAIN)
def test_what_is_no_answer_is_asked_for_again_and_nothing_counts_as_lost(act: Act) -> None:
    with RawServer(second_call(act)) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 3, [0, 1])


@rows(PAID_FOR)
def test_what_is_no_whole_answer_but_may_be_paid_for_is_kept(act: Act) -> None:
    with RawServer(second_call(act)) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 3, [0, 1], kept=Counter({"no-answer": 1}))
    assert "It is bread." in rejects()[0]["text"]


@rows(UNREADABLE)
def test_what_cannot_be_read_is_kept_and_asked_for_again(act: Act) -> None:
    with RawServer(second_call(act)) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 3, [0, 1], kept=Counter({"no-answer": 1}))


@rows(READ)
def test_a_good_answer_in_an_odd_form_is_taken_at_the_first_call(act: Act) -> None:
    with RawServer(second_call(act)) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 2, [0, 1])


def test_an_empty_answer_counts_as_lost() -> None:
    with RawServer(second_call(send(response(b"")))) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 3, [0, 1], lost=Counter({"no-answer": 1}))


# The peak of the process itself: what wait4 tells begins with the size of the process that forked it.
TELL_PEAK = """
import sys
from asyncgen.command.main import main
from asyncgen.endpoint.client import MAX_BODY
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(*(line.split()[1] for line in file if line.startswith("VmHWM")))
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_body_without_end_does_not_fill_the_memory() -> None:
    with RawServer(second_call(flood(PLAIN))) as server:
        command = [sys.executable, "-c", TELL_PEAK, "generate", "--base-url", server.base_url, "-n", "2", "-c", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert reasons(entries("lost")) == Counter(connection=1)
    assert int(done.stdout) < 2**18, "KiB: the 32 MiB of an answer and what Python needs anyway are half of this"


@pytest.mark.parametrize("break_off", [send_and_close, send_and_reset], ids=["closed", "reset"])
def test_an_answer_that_breaks_off_at_any_byte_costs_no_index(break_off: Callable[[bytes], Act]) -> None:
    answer = response(GOOD)
    cuts = range(0, len(answer), 7)

    def script(request: Request) -> Act:
        is_spared = request.is_repeat or request.position == 0
        return GOOD_ACT if is_spared else break_off(answer[: cuts[request.position - 1]])

    with RawServer(script) as server:
        outcome = generate(server, 1 + len(cuts))
    everything = list(range(1 + len(cuts)))
    assert outcome == Outcome(0, 1 + 2 * len(cuts), everything, lost=Counter(connection=len(cuts)))


def test_a_connection_closed_after_every_answer_costs_nothing() -> None:
    with RawServer(lambda _: send_and_close(response(GOOD, "200 OK", "Connection: close"))) as server:
        outcome = generate(server, 5)
    assert outcome == Outcome(0, 5, [0, 1, 2, 3, 4])
    assert server.connections == 5


def test_a_connection_gone_stale_is_replaced() -> None:
    """The server hangs up when a second request comes on a connection."""

    def script(request: Request) -> Act:
        return send_and_close(b"") if request.is_reuse else GOOD_ACT

    with RawServer(script) as server:
        outcome = generate(server, 3)
    assert (outcome.status, outcome.done) == (0, [0, 1, 2])
    assert outcome.lost == Counter(connection=outcome.calls - 3), "it may have been served before it was dropped"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_stops_the_run_and_the_other_host_sees_nothing(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASYNCGEN_API_KEY", "sk-marker-0a1b2c3d")
    with RawServer(lambda _: GOOD_ACT) as other:
        away = send(response(b"", f"{status} Moved", f"Location: http://localhost:{other.port}/v1?secret=1"))
        with RawServer(lambda _: away) as server:
            outcome = generate(server, 3)
        assert (other.connections, other.requests) == (0, [])
    assert outcome == Outcome(1, 1, [])
    said = capsys.readouterr().err
    assert "a redirect to localhost." in said
    assert "secret" not in said


def test_a_server_that_only_breaks_rules_stops_the_run_and_leaves_everything_pending(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RawServer(lambda _: send_and_close(response(GOOD[:-1], length=len(GOOD)))) as server:
        outcome = generate(server, 5, "--give-up", "0.3")
    assert outcome == Outcome(1, outcome.calls, [], lost=Counter(connection=outcome.calls))
    said = capsys.readouterr().err
    assert "the answer broke off" in said
    assert "asyncgen generate" in said, "the command that goes on"


# ---- replies

MESSAGES = '[{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "%s"}]'
DEEP = "[" * 100_000
DIGITS = "9" * 5000


def saying(text: str) -> str:
    """A reply as its server's JSON decoder sees it; `text` stands inside a JSON string."""
    return '{"messages": ' + MESSAGES % text + "}"


GOOD_REPLIES = {
    "U+2028 and U+2029": (saying("one\u2028two\u2029three"), "one\ntwo\nthree"),
    "an escaped U+2028": (saying(r"one\u2028two"), "one\ntwo"),
    "a raw newline": (saying("one\ntwo"), "one\ntwo"),
    "a raw tab": (saying("one\ttwo"), "one\ttwo"),
    "duplicate keys, the last counts": ('{"messages": [1], ' + saying("yes")[1:], "yes"),
    "5,000 digits beside it": (f'{{"n": {DIGITS}, ' + saying("yes")[1:], "yes"),
    "1e999 beside it": ('{"n": 1e999, ' + saying("yes")[1:], "yes"),
    "NaN beside it": ('{"n": NaN, ' + saying("yes")[1:], "yes"),
    "a fence": (f"```json\n{saying('yes')}\n```", "yes"),
    "blanks around it": (f"\n\n \ufeff{saying('yes')}\n\n", "yes"),
    "prose before it": (f"Here you are: {saying('yes')}", "yes"),
    "prose behind it": (f"{saying('yes')} I hope this helps.", "yes"),
    "an extra brace": (saying("yes") + "}", "yes"),
    "a bare list": (MESSAGES % "yes", "yes"),
}

BAD_REPLIES = {
    "a lone surrogate": (saying(r"half \ud800 of it"), "charset"),
    "a raw lone surrogate": (saying("half \ud800 of it"), "charset"),
    "an escaped NUL": (saying(r"a\u0000b"), "control-characters"),
    "a raw NUL": (saying("a\0b"), "control-characters"),
    "raw control characters": (saying("a\x1b[31m\x07b"), "control-characters"),
    "a C1 control": (saying("a\x9b31mb"), "control-characters"),
    "NaN for a content": ('{"messages": [{"role": "user", "content": NaN}]}', "wrong-shape"),
    "5,000 digits for a content": (f'{{"messages": [{{"role": "user", "content": {DIGITS}}}]}}', "wrong-shape"),
    "100,000 open brackets": (DEEP, "not-json"),
    "100,000 brackets": (DEEP + "]" * 100_000, "not-json"),
    "100,000 brackets beside it": (f'{{"n": {DEEP}{"]" * 100_000}, ' + saying("yes")[1:], "not-json"),
    "two objects": (saying("yes") + saying("no"), "not-json"),
    "cut off": (saying("yes")[:-9], "not-json"),
    "a trailing comma": (saying("yes")[:-1] + ",}", "not-json"),
    "single quotes": (saying("yes").replace('"', "'"), "not-json"),
    "prose": ("I am sorry, I cannot answer in JSON.", "not-json"),
    "an empty object": ("{}", "wrong-shape"),
    "no messages": ('{"messages": []}', "too-few-messages"),
    "two users": (saying("yes").replace("assistant", "user"), "roles"),
    "an empty turn": (saying(" "), "empty-content"),
}


def second_index(act: Act) -> Callable[[Request], Act]:
    """Every ask of the second index is answered so."""
    return lambda request: act if request.position == 1 else GOOD_ACT


@pytest.mark.parametrize(("text", "content"), GOOD_REPLIES.values(), ids=GOOD_REPLIES)
def test_an_odd_reply_that_holds_a_conversation_is_taken_at_the_first_call(text: str, content: str) -> None:
    with RawServer(second_index(send(response(completion(text).body)))) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 2, [0, 1])
    assert [json.loads(line)[-1]["content"] for line in OUTPUT.read_bytes().splitlines()].count(content) == 1


@pytest.mark.parametrize(("text", "reason"), BAD_REPLIES.values(), ids=BAD_REPLIES)
def test_a_reply_that_holds_no_conversation_is_kept_as_often_as_it_came(text: str, reason: str) -> None:
    with RawServer(second_index(send(response(completion(text).body)))) as server:
        outcome = generate(server, 3, "--reasks", "1")
    assert outcome == Outcome(3, 4, [0, 2], kept=Counter({reason: 2}), failed=Counter({reason: 1}))
    kept = text.replace("\ud800", "\ufffd")
    assert [each["text"] for each in rejects()] == [kept, kept]
    assert [(each["index"], each["ask"]) for each in rejects()] == [(1, 1), (1, 2)]


# ---- answers around a reply

CHOICES = f'"choices": [{{"finish_reason": "stop", "message": {{"content": {json.dumps(saying("yes"))}}}}}]'

ODD_ANSWERS = {
    "NaN": f'{{"usage": {{"cost": NaN, "prompt_tokens": -Infinity}}, {CHOICES}}}',
    "1e999": f'{{"usage": {{"cost": 1e999, "prompt_tokens": 1e999}}, {CHOICES}}}',
    "duplicate keys": f'{{"choices": [], "choices": null, {CHOICES}}}',
    "raw control characters": f'{{"id": "a\x1b]0;b\x07\0", {CHOICES}}}',
    "a lone surrogate": f'{{"id": "\\ud800", "model": "\\udfff", {CHOICES}}}',
    "unknown fields": f'{{"x": [1, {{"y": null}}], {CHOICES}}}',
    "counts that are none": f'{{"usage": {{"prompt_tokens": "many", "completion_tokens": -3, "cost": ""}}, {CHOICES}}}',
}

NO_ANSWERS = {
    "100,000 brackets": (f'{{"x": {DEEP}{"]" * 100_000}, {CHOICES}}}', Counter({"no-answer": 1})),
    "5,000 digits": (f'{{"usage": {{"prompt_tokens": {DIGITS}}}, {CHOICES}}}', Counter({"no-answer": 1})),
    "no UTF-8": ('{"id": "\udcff", ' + CHOICES + "}", Counter({"no-answer": 1})),
    "choices null": ('{"choices": null}', Counter()),
    "only thinking": ('{"choices": [{"message": {"content": null, "reasoning_content": "hm"}}]}', Counter()),
    "an error in a choice": (
        '{"choices": [{"error": {"code": 502}, "message": {"content": "half"}}]}',
        Counter({"server-error": 1}),
    ),
}


@pytest.mark.parametrize("document", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_an_odd_answer_with_a_good_reply_is_taken_at_the_first_call(document: str) -> None:
    with RawServer(second_index(send(response(document.encode())))) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 2, [0, 1])


@pytest.mark.parametrize(("document", "kept"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_an_answer_without_a_reply_is_asked_for_again(document: str, kept: Counter[str]) -> None:
    with RawServer(second_call(send(response(document.encode("utf-8", "surrogateescape"))))) as server:
        outcome = generate(server, 2)
    assert outcome == Outcome(0, 3, [0, 1], kept=kept)
