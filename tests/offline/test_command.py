"""The offline engine as a process: what it prints, what ends it."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from itertools import chain
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from asyncgen.errors import ConfigError
from asyncgen.offline.__main__ import main
from asyncgen.offline.batch_knobs import BatchKnobs, batch_flag
from asyncgen.offline.command import add_serve_arguments, read_batch_knobs, serve
from asyncgen.offline.knobs import Knobs

COMMAND = [sys.executable, "-m", "asyncgen.offline"]


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_serve_arguments(parser)
    return parser.parse_args(arguments)


@contextmanager
def started(*flags: str, folder: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running engine and its base URL; `folder`: for what is temporary."""
    with subprocess.Popen(
        [*COMMAND, *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | ({"TMPDIR": str(folder)} if folder else {}),
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def answers(url: str) -> bool:
    with urlopen(f"{url}/models") as response:
        return b"offline" in response.read()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status and what it wrote to stderr."""
    assert process.stderr is not None
    status = process.wait(20)
    return status, process.stderr.read()


def call_that_hangs(url: str) -> socket.socket:
    """A request under way: sent whole, never answered."""
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    connection = socket.create_connection((host, int(port)))
    body = b'{"messages": [{"role": "user", "content": "hi"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_every_knob_has_a_flag_with_its_default() -> None:
    flags = parse()
    defaults = {each.name: getattr(Knobs(), each.name) for each in fields(Knobs)}
    assert {name: getattr(flags, name) or None for name in defaults} == {
        name: value or None for name, value in defaults.items()
    }
    assert read_batch_knobs(flags) is None
    assert read_batch_knobs(parse("--batches")) == BatchKnobs()


def test_a_knob_of_batches_without_batches_is_a_mistake() -> None:
    for each in fields(BatchKnobs):
        value = [] if not each.metadata["unit"] else ["1"]
        with pytest.raises(ConfigError, match=f"{batch_flag(each.name)}: needs --batches"):
            serve(parse(batch_flag(each.name), *value))


def test_amounts_of_money_are_read_exactly() -> None:
    flags = parse("--price-in", "0.1", "--balance", "1e-3")
    assert (flags.price_in, flags.balance) == (Decimal("0.1"), Decimal("0.001"))


@pytest.mark.parametrize("amount", ["$5", "", "nan", "inf"])
def test_an_amount_that_is_none_is_a_usage_error(amount: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("--balance", amount)
    assert f"--balance: expected an amount in USD, got {amount!r}" in capsys.readouterr().err


def test_it_ends_when_its_input_is_closed_even_with_a_request_under_way() -> None:
    with started("--exit-with-stdin", "--hangs", "1") as (process, url):
        assert answers(url)
        assert process.stdin is not None
        with call_that_hangs(url) as connection:
            assert answers(url)
            process.stdin.close()
            assert ended(process) == (0, "")
            assert connection.recv(100) == b""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_trace(number: signal.Signals) -> None:
    with started() as (process, url):
        assert answers(url)
        process.send_signal(number)
        assert ended(process) == (0, "")


def test_it_ends_with_a_parent_that_is_killed() -> None:
    parent = textwrap.dedent(
        f"""
        import subprocess, sys
        child = subprocess.Popen({[*COMMAND, "--exit-with-stdin"]!r}, stdin=subprocess.PIPE, start_new_session=True)
        child.wait()
        """
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert answers(url)
        process.kill()
        assert process.stdout.read() == ""  # ends when the engine, which holds the other end, has ended
    with pytest.raises(OSError, match="refused"):
        answers(url)


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"--port: cannot listen on 127\.0\.0\.1:{port}: address already in use"):
            serve(parse("--port", str(port)))


def test_what_batches_left_on_disk_goes_with_the_engine(tmp_path: Path) -> None:
    with started("--exit-with-stdin", "--batches", folder=tmp_path) as (process, url):
        assert not list(tmp_path.iterdir())
        request = b'{"custom_id": "a", "body": {"messages": [{"role": "user", "content": "hi"}]}}'
        create = b'{"endpoint": "/v1/chat/completions", "model": "m", "requests": [%s]}' % request
        with urlopen(f"{url}/batches", create) as response:
            assert response.status == 202
        assert list(tmp_path.iterdir())
        assert process.stdin is not None
        process.stdin.close()
        assert ended(process) == (0, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("form", ["files", "inline"])
def test_a_batch_is_never_in_memory(form: str, tmp_path: Path) -> None:
    """100 MB of requests, of which each has 32 KB."""

    def requests() -> Iterator[bytes]:
        message = {
            "role": "user",
            "content": f"<knowledge>\n{'Cheese is round. ' * 1_900}\n</knowledge>\nTopic: cheese",
        }
        for number in range(3_100):
            body = {"model": "m", "messages": [message], "max_tokens": 20}
            line = {"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            yield json.dumps(line).encode()

    def post(path: str, content_type: str, body: Iterable[bytes]) -> str:
        request = Request(f"{url}{path}", method="POST", headers={"Content-Type": content_type}, data=body)
        with urlopen(request) as response:
            return str(json.load(response)["id"])

    def most_memory() -> int:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    with started("--batches", "--exit-with-stdin", folder=tmp_path) as (process, url):
        assert answers(url)
        before = most_memory()
        if form == "files":
            fields = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            head = fields + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
            lines = (line + b"\n" for line in requests())
            file_id = post("/files", "multipart/form-data; boundary=b", chain([head], lines, [b"\r\n--b--\r\n"]))
            asked = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            batch_id = post("/batches", "application/json", [json.dumps(asked).encode()])
        else:
            listed = (b"," * bool(number) + line for number, line in enumerate(requests()))
            head = b'{"endpoint": "/v1/chat/completions", "model": "m", "requests": ['
            batch_id = post("/batches", "application/json", chain([head], listed, [b"]}"]))
        batch = {"status": ""}
        while batch["status"] != "completed":
            with urlopen(f"{url}/batches/{batch_id}") as response:
                batch = json.load(response)
        assert most_memory() - before < 20_000_000
        assert process.stdin is not None
        process.stdin.close()
        assert ended(process) == (0, "")


def test_a_usage_error_is_a_sentence_and_exit_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["asyncgen.offline", "--port", "70000"])
    assert main() == 2
    assert capsys.readouterr() == ("", "--port: expected 0 to 65535, got 70000\n")
