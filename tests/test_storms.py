"""An endpoint's bad hour over real HTTP, shortened: what it costs, and that it costs no index."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, conversation, error
from quick import QUICK
from raw_server import RawServer, response, send

from asyncgen.command.main import main

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")


def generate(provider: FakeProvider, number: int, *flags: str) -> int:
    return main(["generate", "--base-url", provider.base_url, "-n", str(number), "--concurrency", "16", *flags], QUICK)


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def check_whole(number: int) -> None:
    assert OUTPUT.read_bytes().count(b"\n") == number
    assert sorted(entry["index"] for entry in entries("done")) == list(range(number))
    assert entries("failed") == []


@pytest.mark.slow
def test_a_429_storm_pauses_the_run_and_costs_no_index() -> None:
    def script(call: Call) -> Reply:
        return error(429, "slow down", retry_after_ms="50") if 20 <= call.number < 60 else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, 100, "--retries", "0") == 0
    check_whole(100)
    assert len(provider.calls) == 140


@pytest.mark.slow
def test_a_5xx_storm_is_met_with_probes_and_costs_no_index() -> None:
    def script(call: Call) -> Reply:
        return error(503 if call.number % 2 else 500) if 20 <= call.number < 90 else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, 100, "--retries", "3") == 0
    check_whole(100)


def test_every_fifth_call_failing_for_ever_still_completes() -> None:
    with FakeProvider(lambda call: error(502) if call.number % 5 == 2 else always_good(call)) as provider:
        assert generate(provider, 150) == 0
    check_whole(150)


@pytest.mark.slow
def test_a_server_that_lets_calls_queue_beyond_their_deadline_costs_calls_and_no_index(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slot = asyncio.Lock()

    async def answer_in_turn(writer: asyncio.StreamWriter) -> None:
        async with slot:
            await asyncio.sleep(0.02)
        await send(response(conversation("bread").body))(writer)

    with RawServer(lambda request: answer_in_turn) as server:
        flags = ("--base-url", server.base_url, "-n", "20", "--concurrency", "8", "--timeout", "0.1")
        assert main(["generate", *flags], QUICK) == 0
    check_whole(20)
    lost = len(entries("lost"))
    assert lost
    assert len(server.requests) == 20 + lost
    assert f"lost     {lost} call" in capsys.readouterr().err


@pytest.mark.slow
def test_a_network_that_goes_down_and_comes_back_costs_no_index() -> None:
    with FakeProvider() as provider:

        def fail_for_a_while() -> None:
            provider.wait_for_calls(60)
            provider.go_down()
            threading.Event().wait(0.5)  # an outage has to last: many times the longest wait between two probes
            provider.come_back()

        outage = threading.Thread(target=fail_for_a_while)
        outage.start()
        assert generate(provider, 400, "--retries", "3", "--give-up", "20") == 0
        outage.join()
    check_whole(400)


@pytest.mark.slow
def test_an_endpoint_that_never_comes_back_stops_the_run_and_leaves_everything_pending(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(lambda call: always_good(call) if call.number < 10 else error(500, "broken")) as provider:
        assert generate(provider, 200, "--give-up", "0.3") == 1
    assert entries("failed") == []
    assert len(entries("done")) >= 9
    said = capsys.readouterr().err
    assert "--give-up" in said
    assert "broken" in said
    assert "asyncgen generate" in said, "the command that goes on"


def in_flight_budget(_: Call) -> Reply:
    body = {
        "error": {
            "code": 402,
            "message": "In-flight budget exhausted",
            "metadata": {"reason": "in_flight_budget_exhausted", "limit_source": "openrouter_in_flight_budget"},
        }
    }
    return Reply(402, json.dumps(body).encode(), {"Retry-After-Ms": "50"})


def test_a_402_for_money_held_by_calls_in_flight_is_only_waited_for() -> None:
    def script(call: Call) -> Reply:
        return in_flight_budget(call) if 10 <= call.number < 20 else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, 50) == 0
    check_whole(50)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("Insufficient credits", "dd credits"),
        ("This request requires more credits. You requested up to 8192 tokens, but can only afford 100", "max_tokens"),
    ],
    ids=["empty", "too dear"],
)
def test_a_402_that_waiting_does_not_cure_stops_the_run(
    words: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider(lambda call: error(402, words) if call.number >= 10 else always_good(call)) as provider:
        assert generate(provider, 100) == 1
    assert advice in capsys.readouterr().err
    assert entries("failed") == []
    assert len(provider.calls) <= 10 + 16
