"""A job with a step between two calls, and what a kill leaves of it: what has been answered is never asked again."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import two_calls
from fake_provider import Call, FakeProvider, Reply, completion, conversation, error, leave_as_killed
from quick import QUICK

from asyncgen.command.main import main

OUTPUT = Path("x.jsonl")
JOURNAL = Path("x.jsonl.journal")
NUM = 12
RECIPE = """
name = "two-calls"
knowledge = "knowledge.md"
[request]
model = "fake"
[prompt]
user = "user.md"
[[dimension]]
name = "number"
values = {values}
"""


def is_polish(call: Call) -> bool:
    return call.scenario.startswith("Polish ")


def answer(call: Call) -> Reply:
    if is_polish(call):
        return conversation(call.scenario.removeprefix("Polish draft of "))
    return completion(f"draft of {call.scenario}", cost=0.25)


def held_polish(call: Call) -> Reply:
    """Drafts are made, and whoever polishes them does not answer."""
    return replace(answer(call), hold=is_polish(call))


def write_recipe() -> None:
    Path("recipe.toml").write_text(RECIPE.format(values=[f"n{number}" for number in range(NUM)]), "utf-8")
    Path("knowledge.md").write_text("Bread is baked.", "utf-8")
    Path("user.md").write_text("{number} {knowledge}", "utf-8")


def flags(provider: FakeProvider, *more: str) -> list[str]:
    command = ["generate", "--base-url", provider.base_url, "--recipe", "recipe.toml", "-n", str(NUM), "-o", "x.jsonl"]
    return [*command, *more]


def finish(provider: FakeProvider, *more: str) -> int:
    return two_calls.main(flags(provider, *more), QUICK)


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def asked(provider: FakeProvider) -> Counter[str]:
    """How often each thing was asked."""
    return Counter(call.scenario for call in provider.calls)


def test_each_index_is_asked_twice_and_its_line_comes_from_the_second_call() -> None:
    write_recipe()
    with FakeProvider(answer) as provider:
        assert finish(provider) == 0
    assert set(asked(provider).values()) == {1}
    assert len(provider.calls) == 2 * NUM
    assert sorted(entry["index"] for entry in entries("step")) == list(range(NUM))
    contents = {json.loads(line)[1]["content"] for line in OUTPUT.read_text().splitlines()}
    assert contents == {f"It is n{number} Bread is baked.." for number in range(NUM)}


def test_killed_between_the_calls_an_index_goes_on_with_the_second_one() -> None:
    write_recipe()

    def held(call: Call) -> Reply:
        return replace(answer(call), hold=is_polish(call) or call.scenario.startswith(("n7 ", "n8 ", "n9 ")))

    with FakeProvider(held) as provider:
        leave_as_killed(provider, 2 * NUM - 3, lambda: finish(provider, "--concurrency", "16", "--no-adaptive"))
        steps = entries("step")
        assert len(steps) == NUM - 3, "a step is on disk before anything is asked with it"
        assert finish(provider) == 0
    drafts = {call: number for call, number in asked(provider).items() if not call.startswith("Polish ")}
    assert {call for call, number in drafts.items() if number > 1} == {
        f"{each} Bread is baked." for each in ("n7", "n8", "n9")
    }
    assert sorted(entry["index"] for entry in entries("done")) == list(range(NUM))
    assert len(OUTPUT.read_bytes().splitlines()) == NUM


def test_bad_replies_are_asked_for_again_where_the_index_is() -> None:
    write_recipe()
    seen: Counter[str] = Counter()

    def clumsy(call: Call) -> Reply:
        asked = call.scenario.splitlines()[0]
        seen[asked] += 1
        return completion("no") if seen[asked] == 1 else answer(call)

    with FakeProvider(clumsy) as provider:
        assert finish(provider) == 0
    assert set(seen.values()) == {2}
    assert {entry["ask"] for entry in entries("step")} == {2}
    assert {entry["asks"] for entry in entries("done")} == {2}


def test_what_was_asked_in_another_way_is_not_gone_on_with() -> None:
    write_recipe()
    with FakeProvider(held_polish) as provider:
        leave_as_killed(provider, 2, lambda: finish(provider, "-n", "1"))
        (step,) = entries("step")
        Path("knowledge.md").write_text("Bread is bought.", "utf-8")
        assert finish(provider) == 0
    assert step["text"].endswith("Bread is baked.")
    polished = [call.scenario for call in provider.calls if is_polish(call)][1:]
    assert len(polished) == NUM
    assert all(each.endswith("Bread is bought.") for each in polished)


def test_an_output_holds_what_one_job_makes(capsys: pytest.CaptureFixture[str]) -> None:
    write_recipe()
    with FakeProvider(answer) as provider:
        assert finish(provider) == 0
        assert main(flags(provider, "-n", "20")) == 2
    assert "polished conversations" in capsys.readouterr().err


def test_a_failed_index_keeps_its_step() -> None:
    write_recipe()

    def stubborn(call: Call) -> Reply:
        return error(400, "not this one") if "n3" in call.scenario and is_polish(call) else answer(call)

    with FakeProvider(stubborn) as provider:
        assert finish(provider) == 3
        assert finish(provider) == 3
    assert asked(provider)["n3 Bread is baked."] == 1
    assert asked(provider)["Polish draft of n3 Bread is baked."] == 2
