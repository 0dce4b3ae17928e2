"""Money over whole runs of `generate`, against a loopback server whose own ledger of costs is the truth."""

import json
import random
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, conversation, error, page
from quick import QUICK

from asyncgen.command.main import main
from asyncgen.endpoint import presets as endpoint

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
KEY = "sk-or-v1-marker-0a1b2c3d"
PRICES = ("--price-in", "2", "--price-out", "5")
PRICED = Decimal("0.0003")  # of the fake's 100 prompt and 20 completion tokens


def generate(provider: FakeProvider, *flags: str) -> int:
    return main(["generate", "--base-url", provider.base_url, "--concurrency", "8", *flags], QUICK)


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line, parse_float=Decimal) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def lines() -> int:
    return OUTPUT.read_bytes().count(b"\n") if OUTPUT.exists() else 0


def good(call: Call, **usage: Any) -> Reply:
    content: str = json.loads(conversation(f"{call.scenario} (call {call.number})").body)["choices"][0]["message"][
        "content"
    ]
    return completion(content, **usage)


class Ledger:
    """A script that bills calls at random costs, some with replies that are no use and some whose answer is lost."""

    def __init__(self, seed: int, *, faults: float = 0.3) -> None:
        self._random = random.Random(seed)
        self._faults = faults
        self.costs: list[Decimal] = []

    @property
    def billed(self) -> Decimal:
        return sum(self.costs, Decimal(0))

    def __call__(self, call: Call) -> Reply:
        cost = Decimal(self._random.randint(100, 400)) / 100_000
        self.costs.append(cost)
        fate = self._random.random() / self._faults if self._faults else 1
        if fate < 0.4:
            return completion("no JSON", cost=float(cost))
        if fate < 0.8:
            return Reply(abort=True)
        if fate < 1:
            self.costs.pop()
            return error(500)
        return good(call, cost=float(cost))


# ---- the budget


@pytest.mark.parametrize("seed", range(4))
def test_a_budget_is_kept_over_resumes_lost_calls_and_replies_of_no_use(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(seed)
    dearest, before = Decimal("0.004"), 0
    with FakeProvider(ledger) as provider:
        for budget in ("0.03", "0.03", "0.07"):
            before = len(provider.calls)
            assert generate(provider, "-n", "300", "--budget", budget) == 1
            said = capsys.readouterr().err
            assert f"the budget of ${budget}00 is used up" in said
            assert "higher --budget" in said
            # Only what was in flight when the first costs came in can have been more than was reserved for it.
            assert ledger.billed <= Decimal(budget) + 8 * dearest
            assert not entries("failed")
        assert len(provider.calls) - before > 5, "the higher budget went on"
    known = sum((entry["cost"] for kind in ("done", "rejected") for entry in entries(kind)), Decimal(0))
    lost = len(entries("lost"))
    assert known <= ledger.billed <= known + lost * dearest
    assert known >= Decimal("0.03")


def test_equal_costs_use_the_budget_up_to_the_last_call() -> None:
    with FakeProvider(lambda call: good(call, cost=0.001)) as provider:
        assert generate(provider, "-n", "100", "--budget", "0.025") == 1
        assert len(provider.calls) == lines() == 25
        assert generate(provider, "-n", "100", "--budget", "0.025") == 1
        assert len(provider.calls) == 25
        assert generate(provider, "-n", "100", "--budget", "0.04") == 1
        assert len(provider.calls) == 40
        assert generate(provider, "-n", "100", "--budget", "0.1") == 0
    assert len(provider.calls) == lines() == 100


def test_a_budget_spent_by_earlier_runs_stops_before_anything_is_sent_or_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(lambda call: good(call, cost=0.001)) as provider:
        generate(provider, "-n", "20")
        before = JOURNAL.read_bytes()
        capsys.readouterr()
        assert generate(provider, "-n", "30", "--budget", "0.02") == 1
    assert len(provider.calls) == 20
    assert JOURNAL.read_bytes() == before
    said = capsys.readouterr().err
    assert "$0.0200 spent over all runs" in said
    next_command = re.search("asyncgen generate .*", said)
    assert next_command is not None
    assert "--budget 0.04" in next_command[0]


def test_with_everything_made_a_spent_budget_is_no_trouble() -> None:
    with FakeProvider(lambda call: good(call, cost=0.001)) as provider:
        generate(provider, "-n", "20")
        assert generate(provider, "-n", "20", "--budget", "0.01") == 0


def test_the_budget_of_an_output_set_aside_is_not_held_against_the_new_one() -> None:
    with FakeProvider(lambda call: good(call, cost=0.001)) as provider:
        generate(provider, "-n", "20")
        assert generate(provider, "-n", "20", "--budget", "0.02", "--overwrite") == 0


def test_calls_under_way_when_the_budget_ends_are_finished_whatever_the_grace() -> None:
    with FakeProvider(lambda call: good(call, cost=0.001)) as provider:
        assert generate(provider, "-n", "100", "--budget", "0.02", "--grace", "0") == 1
    assert lines() == len(provider.calls) == 20
    assert not entries("lost")


def test_the_budget_also_holds_for_costs_computed_from_prices(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider() as provider:
        assert generate(provider, "-n", "100", "--budget", "0.003", *PRICES) == 1
    assert len(provider.calls) == 10
    assert {entry["cost"] for entry in entries("done")} == {PRICED}
    assert "the budget of $0.0030 is used up" in capsys.readouterr().err


def test_a_budget_where_no_call_tells_its_cost_ends_after_one_and_then_before_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider() as provider:
        assert generate(provider, "-n", "100", "--budget", "5") == 2
        assert (len(provider.calls), lines()) == (1, 1)
        shown = capsys.readouterr().err
        assert "--price-in" in shown
        assert "\nnext " not in shown  # it would end in the same way
        before = JOURNAL.read_bytes()
        assert generate(provider, "-n", "100", "--budget", "5") == 2
        assert len(provider.calls) == 1
        assert JOURNAL.read_bytes() == before
        assert generate(provider, "-n", "10", "--budget", "5", *PRICES) == 0
    assert len(provider.calls) == 10


def test_a_budget_for_a_provider_that_reports_no_cost_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider() as provider:
        assert generate(provider, "--provider", "vllm", "-n", "100", "--budget", "5") == 2
    assert not provider.calls
    assert not OUTPUT.parent.exists()
    assert "--budget: vllm reports no cost" in capsys.readouterr().err


def test_the_bill_of_a_key_of_ones_own_counts_against_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    details = {"upstream_inference_cost": 0.01}
    with FakeProvider(lambda call: good(call, cost=0, is_byok=True, cost_details=details)) as provider:
        assert generate(provider, "-n", "40", "--budget", "0.1") == 1
    assert len(provider.calls) == lines() == 10
    assert "$0.1000 spent over all runs" in capsys.readouterr().err


def test_zeros_for_a_written_reply_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda call: good(call, prompt_tokens=0, completion_tokens=0, cost=0)) as provider:
        assert generate(provider, "-n", "40", "--budget", "0.1", *PRICES) == 2
    assert len(provider.calls) == lines() == 1
    assert "reports neither its cost nor its tokens" in capsys.readouterr().err


@pytest.mark.parametrize("prices", [(), PRICES])
def test_free_answers_at_first_do_not_open_the_budget(prices: tuple[str, ...]) -> None:
    with FakeProvider(lambda call: good(call, cost=0.04 if call.number > 2 else 0)) as provider:
        assert generate(provider, "-n", "100", "--budget", "0.1", *prices) == 1
    assert len(provider.calls) == 5


def test_a_page_before_the_first_answer_does_not_end_a_run_with_a_budget() -> None:
    portal = Reply(body=b"<html>")
    with FakeProvider(lambda call: good(call, cost=0.001) if call.number else portal) as provider:
        assert generate(provider, "-n", "3", "--budget", "1") == 0
        assert generate(provider, "-n", "4", "--budget", "1") == 0
    assert [entry["reason"] for entry in entries("rejected")] == ["no-answer"]


# ---- what is counted


def test_a_computed_cost_is_marked_in_the_journal_and_a_reported_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    script: dict[int, Any] = {0: {"cost": 0.5}, 1: {"prompt_tokens_details": {"cached_tokens": 80}}}

    def answer(call: Call) -> Reply:
        return completion("no JSON") if call.number == 2 else good(call, **script.get(call.number, {}))

    with FakeProvider(answer) as provider:
        assert generate(provider, "-n", "3", "-c", "1", *PRICES, "--price-cached", "0.5") == 0
    costs = [(entry["type"], entry["cost"], entry.get("priced")) for entry in entries("done") + entries("rejected")]
    assert costs == [
        ("done", Decimal("0.5"), None),
        ("done", Decimal("0.00018"), True),
        ("done", PRICED, True),
        ("rejected", PRICED, True),
    ]
    said = capsys.readouterr().err
    assert "$0.5008 in this run   $0.5008 in all   $0.00012 saved by caching" in said
    main(["status", str(OUTPUT), "--json"])
    assert '"cost_usd":0.50078,' in capsys.readouterr().out


def test_a_cost_known_in_part_is_told_as_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda call: good(call, **({"cost": 0.25} if call.number else {}))) as provider:
        generate(provider, "-n", "3")
    assert "at least $0.5000 in all" in capsys.readouterr().err
    main(["status", str(OUTPUT)])
    assert "at least $0.50: that of 1 call is unknown" in " ".join(capsys.readouterr().out.split())


def test_a_cost_nobody_tells_is_unknown_and_that_of_the_offline_engine_no_question(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "3")
    assert "cost     unknown in all" in capsys.readouterr().err
    assert main(["generate", "-n", "2", "--provider", "offline"]) == 0
    assert "cost     free\n" in capsys.readouterr().err


# ---- a provider that lists its prices


def price_list(**pricing: str) -> Reply:
    return page({"data": [{"id": "google/gemini-3-flash-preview", "pricing": pricing}]})


@pytest.fixture
def openrouter(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    """OpenRouter, on loopback: its preset with the fake's address."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    pages = {"/models": price_list(prompt="0.000002", completion="0.000005", input_cache_read="0.0000005")}
    return FakeProvider(lambda call: good(call, prompt_tokens_details={"cached_tokens": 80}), pages=pages)


def run_openrouter(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, *flags: str) -> int:
    preset = endpoint.PROVIDERS["openrouter"]
    monkeypatch.setitem(endpoint.PROVIDERS, "openrouter", replace(preset, base_url=provider.base_url))
    return main(["generate", "-n", "5", "-c", "2", *flags], QUICK)


def test_listed_prices_stand_in_for_a_cost_that_is_not_reported(
    openrouter: FakeProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with openrouter as provider:
        assert run_openrouter(provider, monkeypatch, "--budget", "1") == 0
    assert provider.asked == ["/models"]
    assert [entry["cost"] for entry in entries("done")] == [Decimal("0.00018")] * 5
    said = capsys.readouterr().err
    assert "$0.00090 in all   $0.00060 saved by caching" in said
    assert KEY not in said + JOURNAL.read_text()


@pytest.mark.parametrize(
    "models", [error(500), Reply(body=b"<html>"), Reply(abort=True), page({"data": [{"id": 7}]})], ids=str
)
def test_a_run_needs_no_price_list(models: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    with FakeProvider(lambda call: good(call, cost=0.001), pages={"/models": models}) as provider:
        assert run_openrouter(provider, monkeypatch, "--budget", "1") == 0
    assert [entry["cost"] for entry in entries("done")] == [Decimal("0.001")] * 5


def test_other_endpoints_are_not_asked_for_prices() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "2")
    assert provider.asked == []


@pytest.mark.parametrize(
    ("model", "is_marked"),
    [("anthropic/claude-sonnet-4.5", True), ("google/gemini-3-flash-preview", False), ("openai/anthropic", False)],
)
def test_only_models_that_need_it_get_a_mark_where_the_cache_ends(
    model: str, monkeypatch: pytest.MonkeyPatch, *, is_marked: bool
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    with FakeProvider() as provider:
        assert run_openrouter(provider, monkeypatch, "--model", model) == 0
        custom = FakeProvider()
        with custom:
            assert generate(custom, "-n", "1", "--model", model, "-o", "other.jsonl") == 0
    system, user = provider.calls[0].body["messages"]
    plain = custom.calls[0].body["messages"][0]["content"]
    assert isinstance(plain, str)
    assert isinstance(user["content"], str)
    part = {"type": "text", "text": plain, "cache_control": {"type": "ephemeral"}}
    assert system == {"role": "system", "content": [part] if is_marked else plain}


# ---- replies that are cut off


def test_a_second_cut_off_in_a_row_fails_the_index_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    hopeless: set[str] = set()

    def script(call: Call) -> Reply:
        if call.number == 3:
            hopeless.add(call.scenario)
        if call.scenario not in hopeless:
            return always_good(call)
        return completion("" if call.number == 3 else '{"messages": [', finish_reason="length", cost=0.01)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "6", "-c", "1") == 3
    assert sum(call.scenario in hopeless for call in provider.calls) == 2
    (failed,) = entries("failed")
    assert failed["reason"] == "cut-off"
    assert "cut off twice in a row" in failed["message"]
    assert [entry["reason"] for entry in entries("rejected")] == ["only-thinking", "cut-off"]
    assert "--param max_tokens=N" in failed["message"]
    assert capsys.readouterr().err.count("--param max_tokens=N") == 1


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "refusal", "sensitive", "guardrail_intervened"])
def test_a_blank_answer_that_was_filtered_in_any_words_fails_its_index_at_once(reason: str) -> None:
    with FakeProvider(
        lambda call: completion(None, finish_reason=reason) if call.number == 2 else always_good(call)
    ) as provider:
        assert generate(provider, "-n", "5", "-c", "1") == 3
    assert len(provider.calls) == 5
    assert [entry["reason"] for entry in entries("failed")] == ["content-filtered"]


def test_a_cut_off_after_another_fault_is_asked_again() -> None:
    script = [
        completion('{"messages"', finish_reason="length"),
        completion("no JSON"),
        completion('{"messages"', finish_reason="length"),
        conversation("whole"),
    ]
    with FakeProvider(lambda call: script[call.number]) as provider:
        assert generate(provider, "-n", "1") == 0
    assert len(provider.calls) == 4


def test_refusal_moderation_and_length_each_have_a_reason_of_their_own() -> None:
    replies = [
        error(400, "This model's maximum context length is 2048 tokens"),
        Reply(403, json.dumps({"error": {"code": 403, "message": "no", "metadata": {"reasons": ["hate"]}}}).encode()),
        Reply(body=json.dumps({"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}).encode()),
    ]
    with FakeProvider(lambda call: replies[call.number] if call.number < 3 else always_good(call)) as provider:
        assert generate(provider, "-n", "5", "-c", "1") == 3
    assert sorted(entry["reason"] for entry in entries("failed")) == ["content-filtered", "refused", "too-long"]
