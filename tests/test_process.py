"""Real processes and real signals: what a person does to a run, and what is left of it.

Signals are sent when the provider has seen so many requests, never after a sleep.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, error

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
TIMEOUT = 40


def held(call: Call) -> Reply:
    """The first call, on which all others wait, is answered at once; the others when the provider is released."""
    return replace(always_good(call), hold=call.number > 0)


def start(*flags: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "asyncgen", "generate", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "asyncgen", "generate", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, shown = process.communicate(timeout=TIMEOUT)
    return process.returncode, shown


def wait_for_text(process: subprocess.Popen[str], text: str) -> str:
    """Read stderr up to the line that contains `text`."""
    seen = ""
    assert process.stderr is not None
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came: {seen}")


def lines() -> list[Any]:
    text = OUTPUT.read_bytes()
    assert text == b"" or text.endswith(b"\n")
    return [json.loads(line) for line in text.decode().split("\n")[:-1]]


def indices(kind: str) -> list[int]:
    entries = (json.loads(line) for line in JOURNAL.read_bytes().splitlines())
    return sorted(entry["index"] for entry in entries if entry["type"] == kind)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(held) as provider:
        yield provider


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
    ids=lambda number: number.name,
)
def test_the_first_signal_drains_and_the_same_command_goes_on(provider: FakeProvider, number: signal.Signals) -> None:
    flags = ("-n", "40", "-c", "8", "--base-url", provider.base_url)
    process = start(*flags)
    provider.wait_for_calls(9)
    process.send_signal(number)
    shown = wait_for_text(process, "Stopping")
    assert "Ctrl-C again" in shown
    provider.release()
    status, shown = finish(process)
    assert status == 130
    assert "asyncgen generate -n 40" in shown, "the command that goes on"
    assert len(lines()) == len(provider.calls) == 9, "what was being paid for has arrived, nothing else was sent"
    assert run(*flags).returncode == 0
    assert len(provider.calls) == 40
    assert indices("done") == list(range(40))


@pytest.mark.slow
def test_the_second_signal_cancels_saves_and_counts_what_may_be_billed(provider: FakeProvider) -> None:
    process = start("-n", "40", "-c", "8", "--base-url", provider.base_url)
    provider.wait_for_calls(9)
    process.send_signal(signal.SIGINT)
    wait_for_text(process, "Stopping")
    process.send_signal(signal.SIGINT)
    status, _ = finish(process)
    assert status == 130
    assert len(lines()) == 1
    assert indices("lost") == list(range(1, 9))


@pytest.mark.slow
def test_the_third_signal_ends_at_once() -> None:
    with FakeProvider(held) as provider:
        # Stopped by the first, the process cannot get round to cancelling before the other two have arrived.
        process = start("-n", "40", "-c", "8", "--base-url", provider.base_url)
        provider.wait_for_calls(9)
        process.send_signal(signal.SIGINT)
        wait_for_text(process, "Stopping")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        status, _ = finish(process)
    assert status == 130


@pytest.mark.slow
def test_grace_is_the_longest_that_a_drain_takes(provider: FakeProvider) -> None:
    process = start("-n", "40", "-c", "8", "--grace", "0", "--base-url", provider.base_url)
    provider.wait_for_calls(9)
    process.send_signal(signal.SIGINT)
    status, _ = finish(process)
    assert status == 130
    assert indices("lost") == list(range(1, 9))


@pytest.mark.slow
def test_backoffs_end_with_the_first_signal() -> None:
    with FakeProvider(lambda _: error(429, "wait", Retry_After="3000")) as provider:
        process = start("-n", "40", "-c", "8", "--base-url", provider.base_url)
        provider.wait_for_calls(1)
        process.send_signal(signal.SIGINT)
        status, _ = finish(process)
    assert status == 130
    assert indices("failed") == []


@pytest.mark.slow
@pytest.mark.parametrize("kills", [{40}, {40, 80, 120}])
def test_a_killed_run_goes_on_and_loses_no_line(kills: set[int]) -> None:
    killed: list[subprocess.Popen[str]] = []

    def script(call: Call) -> Reply:
        if call.number in kills:
            killed[-1].kill()
        return always_good(call)

    with FakeProvider(script) as provider:
        flags = ("-n", "150", "-c", "8", "--base-url", provider.base_url)
        counted = 0
        while True:
            killed.append(start(*flags))
            status, _ = finish(killed[-1])
            if status == 0:
                break
            assert status == -signal.SIGKILL
            now = OUTPUT.read_bytes().count(b"\n") if OUTPUT.exists() else 0
            assert now >= counted
            counted = now
    assert len(killed) == len(kills) + 1
    conversations = {json.dumps(line) for line in lines()}
    assert len(lines()) == len(conversations) == 150
    assert set(indices("done")) == set(range(150))


@pytest.mark.slow
def test_two_runs_on_one_output_are_refused_and_the_holder_is_named(provider: FakeProvider) -> None:
    flags = ("-n", "4", "--base-url", provider.base_url)
    first = start(*flags)
    provider.wait_for_calls(4)
    second = run(*flags)
    assert second.returncode == 2
    assert f"is being written by process {first.pid}" in second.stderr
    provider.release()
    assert finish(first)[0] == 0
    assert len(provider.calls) == 4


@pytest.mark.slow
def test_without_a_key_the_offline_engine_answers_and_says_so() -> None:
    done = run("-n", "30")
    assert done.returncode == 0
    assert "OFFLINE" in done.stderr
    assert len(Path("data/nanochat.offline.jsonl").read_text().splitlines()) == 30


@pytest.mark.slow
def test_the_offline_engine_ends_with_a_parent_that_is_killed() -> None:
    process = start("-n", "100000", "-c", "4")
    output = Path("data/nanochat.offline.jsonl")
    wait_for_text(process, "OFFLINE")
    engine = _child_of(process.pid)
    process.kill()
    finish(process)
    _wait_until_gone(engine)
    assert output.exists()


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def _wait_until_gone(pid: int) -> None:
    """A pidfd becomes readable when its process has ended."""

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], TIMEOUT)[0], "the engine outlived its parent"
    finally:
        os.close(descriptor)


@pytest.mark.slow
def test_a_terminal_that_goes_away_does_not_stop_a_run() -> None:
    with FakeProvider() as provider:
        process = start("-n", "200", "-c", "4", "--base-url", provider.base_url)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        assert process.wait(timeout=TIMEOUT) == 0
    assert len(lines()) == 200
