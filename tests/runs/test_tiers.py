"""Runs at a service tier, against a loopback server that bills calls at the tier they ask for, or at another one."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, completion, conversation, error, page
from quick import QUICK

from asyncgen.command.main import main

MODEL = "google/gemini-3-flash-preview"
ENDPOINTS = f"/models/{MODEL}/endpoints"
JOURNAL = Path("data/nanochat.jsonl.journal")
USUAL, FLEX = {"prompt": "0.0000005", "completion": "0.000003"}, {"prompt": "0.00000025", "completion": "0.0000015"}
PAGES = {
    "/models": page({"data": [{"id": MODEL, "pricing": USUAL}]}),
    ENDPOINTS: page({"data": {"endpoints": [{"tag": "a", "pricing": USUAL}, {"tag": "a/flex", "pricing": FLEX}]}}),
}


def good(call: Call, tier: str | None, cost: float | None = None) -> Reply:
    text = json.loads(conversation(f"{call.scenario} ({call.number})").body)["choices"][0]["message"]["content"]
    told: dict[str, Any] = {} if cost is None else {"cost": cost}
    return completion(text, service_tier=tier, **told)


def as_asked(call: Call) -> Reply:
    tier = call.body.get("service_tier", "default")
    return good(call, tier, 0.001 if tier == "flex" else 0.002)


def generate(provider: FakeProvider, *flags: str) -> int:
    asked = ["generate", "--provider", "openrouter", "--base-url", provider.base_url, "-c", "4", *flags]
    return main(asked, QUICK)


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line, parse_float=Decimal) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def test_calls_ask_for_the_tier_and_the_one_that_is_billed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(as_asked, pages=PAGES) as provider:
        assert generate(provider, "-n", "10", "--tier", "flex") == 0
        assert {call.body["service_tier"] for call in provider.calls} == {"flex"}
        assert "billed at flex: 100.0%" in capsys.readouterr().err
        assert [entry["tier"] for entry in entries("done")] == ["flex"] * 10
        assert generate(provider, "-n", "20") == 0, "the same conversations at another price"
        assert not any("service_tier" in call.body for call in provider.calls[10:])
        said = capsys.readouterr().err
        assert "billed at" not in said, "the usual tier is nothing to tell"
        assert "the last run was at tier flex, this one is at default: another price, or another wait" in said
        assert generate(provider, "-n", "20") == 0
        assert "the last run was" not in capsys.readouterr().err
        assert main(["status", "data/nanochat.jsonl"]) == 0
        assert "tier     billed at flex: 50.0%, default: 50.0%" in capsys.readouterr().out
        assert main(["status", "data/nanochat.jsonl", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["tiers"] == {"flex": 10, "default": 10}
        assert main(["report", "data/nanochat.jsonl"]) == 0
        assert "billed at flex: 50.0%, default: 50.0%" in Path("data/nanochat.jsonl.report.html").read_text()


def test_a_recipe_may_name_the_tier_and_a_flag_another_one() -> None:
    with FakeProvider(as_asked, pages=PAGES) as provider:
        assert generate(provider, "-n", "1", "--param", "service_tier=flex") == 0
        assert generate(provider, "-n", "2", "--param", "service_tier=flex", "--tier", "priority") == 0
        assert [call.body["service_tier"] for call in provider.calls] == ["flex", "priority"]


def test_calls_billed_at_another_tier_are_warned_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda call: good(call, "flex" if call.number % 2 else "default"), pages=PAGES) as provider:
        assert generate(provider, "-n", "10", "--tier", "flex") == 0
    said = capsys.readouterr().err
    assert said.count("asked for at tier flex, a call was served, and is billed, at default") == 1
    assert "billed at default: 50.0%, flex: 50.0%" in said


def test_a_tier_that_no_answer_tells_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda call: good(call, None if call.number else "flex"), pages=PAGES) as provider:
        assert generate(provider, "-n", "4", "--tier", "flex") == 0
    assert "billed at a tier not told: 75.0%, flex: 25.0%" in capsys.readouterr().err


def test_a_model_that_is_not_sold_at_the_tier_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(as_asked, pages=PAGES) as provider:
        assert generate(provider, "-n", "1", "--tier", "priority") == 0
        assert f"{MODEL} is not listed at tier priority: its calls may be served, and billed" in capsys.readouterr().err
        assert generate(provider, "-n", "2", "--tier", "flex") == 0
        assert "not listed" not in capsys.readouterr().err
    with FakeProvider(as_asked, pages={"/models": PAGES["/models"]}) as silent:
        assert generate(silent, "-n", "3", "--tier", "flex") == 0
        assert "not listed" not in capsys.readouterr().err, "who tells nothing lists nothing"


def test_calls_at_a_tier_are_priced_by_its_own_card() -> None:
    with FakeProvider(lambda call: good(call, "flex"), pages=PAGES) as provider:  # 100 tokens in, 20 out
        assert generate(provider, "-n", "2", "--tier", "flex") == 0
        assert {entry["cost"] for entry in entries("done")} == {Decimal("0.000055")}
        assert generate(provider, "-n", "4") == 0
        assert [entry["cost"] for entry in entries("done")[2:]] == [Decimal("0.00011")] * 2
        assert generate(provider, "-n", "5", "--tier", "flex", "--price-in", "1", "--price-out", "1") == 0
        assert entries("done")[4]["cost"] == Decimal("0.00012"), "a price that is given stands"


@pytest.mark.parametrize("refusal", [429, 503])
def test_a_tier_without_capacity_is_waited_for_and_fails_nothing(refusal: int) -> None:
    def script(call: Call) -> Reply:
        return error(refusal, "Resource Unavailable") if call.number % 3 == 1 else as_asked(call)

    with FakeProvider(script, pages=PAGES) as provider:
        assert generate(provider, "-n", "20", "--tier", "flex", "--retries", "0") == 0
    assert not entries("failed")
    assert len(entries("done")) == 20


def test_a_tier_that_is_refused_stops_the_run_with_nothing_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda _: error(400, "Unsupported service_tier: flex"), pages=PAGES) as provider:
        assert generate(provider, "-n", "20", "--tier", "flex") == 1
        assert len(provider.calls) == 1
    assert "service_tier is flex: leave --tier out, or choose a --model that is sold at that tier" in (
        capsys.readouterr().err
    )
    assert not entries("failed")


def test_what_calls_cost_at_one_tier_says_nothing_of_another_in_a_budget() -> None:
    """Both ways: a cheap past must not overspend, and a dear one must not hold back."""
    with FakeProvider(as_asked, pages=PAGES) as provider:
        assert generate(provider, "-n", "10", "--tier", "flex") == 0  # $0.01
        assert generate(provider, "-n", "100", "--budget", "0.0305") == 1  # $0.002 each: ten more
        assert len(provider.calls) == 20
        assert generate(provider, "-n", "100", "--budget", "0.0405", "--tier", "flex") == 1  # $0.001 each: ten more
        assert len(provider.calls) == 30
    spent = sum(entry["cost"] for entry in entries("done"))
    assert spent == Decimal("0.040")


def test_calls_lost_at_one_tier_are_reckoned_at_what_they_cost_there() -> None:
    def script(call: Call) -> Reply:
        return Reply(abort=True) if call.number == 5 else as_asked(call)

    with FakeProvider(script, pages=PAGES) as provider:
        assert generate(provider, "-n", "10") == 0  # $0.02, and one lost at $0.002
        assert len(entries("lost")) == 1
        assert generate(provider, "-n", "100", "--budget", "0.0255", "--tier", "flex") == 1
        assert len(provider.calls) == 11 + 3
