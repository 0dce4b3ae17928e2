"""Conversations that are looked at before they are written: what is asked again, with what words, and what it costs."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bakery import GOOD, LEAK, is_second, number_of, talk, write_recipe
from fake_provider import Call, FakeProvider, Reply, completion, error
from quick import each_row

from asyncgen.command.main import main

OUTPUT = Path("x.jsonl")


@pytest.fixture(autouse=True)
def _recipe() -> None:
    write_recipe("[repair]\n")


def leaky(call: Call) -> Reply:
    """n2 leaks at first, and is mended when told."""
    return talk(LEAK if number_of(call) == "n2" and not is_second(call) else GOOD, cost=0.25)


def generate(provider: FakeProvider, *more: str) -> int:
    base = ["generate", "--base-url", provider.base_url, "--recipe", "recipe.toml", "-n", "4", "-o", "x.jsonl"]
    return main([*base, "--quiet", *more])


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in Path("x.jsonl.journal").read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def answers() -> set[str]:
    return {json.loads(line)[1]["content"] for line in OUTPUT.read_text("utf-8").splitlines()}


def test_what_has_a_fault_is_asked_for_once_more_with_the_evidence_and_all_of_it_is_counted() -> None:
    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
    (again,) = filter(is_second, provider.calls)
    prompt, first, told = again.body["messages"]
    assert prompt["content"].startswith("n2")
    assert (first["role"], told["role"]) == ("assistant", "user")
    assert LEAK in first["content"]
    assert "According to the knowledge base" in told["content"]
    assert answers() == {GOOD}
    assert len(provider.calls) == 5
    assert len(entries("step")) == 1
    assert sum(each["cost"] for each in (*entries("step"), *entries("done"))) == 1.25


def test_what_cannot_be_mended_is_kept_as_a_reject_and_the_index_fails() -> None:
    with FakeProvider(lambda call: talk(LEAK if number_of(call) == "n2" else GOOD)) as provider:
        assert generate(provider, "--reasks", "1") == 3
        assert len(provider.calls) == 3 + 1 + 2
    assert len(OUTPUT.read_bytes().splitlines()) == 3
    assert {each["reason"] for each in entries("failed")} == {"prompt-leak"}
    rejects = [json.loads(line) for line in Path("x.jsonl.rejects").read_bytes().splitlines()]
    assert [each["reason"] for each in rejects] == ["prompt-leak"] * 2


def test_without_the_table_nothing_is_looked_at_and_of_rules_only_the_named_ones() -> None:
    write_recipe("")
    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
        assert len(provider.calls) == 4
        write_recipe('[repair]\nrules = ["control-token"]\n')
        assert generate(provider, "--overwrite") == 0
        assert len(provider.calls) == 8
    assert answers() == {LEAK, GOOD}


def test_a_later_run_goes_on_with_the_first_version_and_does_not_pay_for_it_again() -> None:
    def refuses_second(call: Call) -> Reply:
        return error(400, "not this one") if is_second(call) else leaky(call)

    with FakeProvider(refuses_second) as provider:
        assert generate(provider) == 3
    assert len(entries("step")) == 1
    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
        assert len(provider.calls) == 1
        assert is_second(provider.calls[0])
    assert answers() == {GOOD}


def test_a_changed_repair_is_another_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
        write_recipe("")
        assert generate(provider) == 2
    assert "repair has changed" in capsys.readouterr().err


@each_row(
    ("table", "told"),
    [
        ('rules = ["near-duplicate"]', "repair.rules"),
        ("rules = []", "repair.rules"),
        ('rules = "truncated"', "repair.rules"),
        ("below = {grounded = 1}", "repair.below: expected it only beside judge = true"),
        ("judge = true\nbelow = {ground = 1}", "did you mean grounded?"),
        ("judge = true\nbelow = {grounded = 2}", "repair.below.grounded"),
    ],
)
def test_what_cannot_be_looked_for_in_one_conversation_is_refused(
    capsys: pytest.CaptureFixture[str], table: str, told: str
) -> None:
    write_recipe(f"[repair]\n{table}\n")
    assert main(["check", "recipe.toml"]) != 0
    captured = capsys.readouterr()
    assert told in " ".join((captured.out + captured.err).split())


def test_an_example_of_a_first_message_that_was_copied_is_asked_for_in_other_words() -> None:
    examples = '[[dimension]]\nname = "opener"\npick = 1\n[dimension.groups]\na = ["how hot do you bake bread"]\n'
    write_recipe(f"{examples}[repair]\n")
    Path("user.md").write_text("{number} {knowledge} {opener}", "utf-8")

    def copies(call: Call) -> Reply:
        return talk(GOOD, user="Bread?" if is_second(call) else "How hot do you bake bread?")

    with FakeProvider(copies) as provider:
        assert generate(provider) == 0
        assert len(provider.calls) == 8
        assert "copied-opener" in provider.calls[-1].body["messages"][-1]["content"]


# ---- with a judge

CRITERIA = "\n".join(f'{name} = ""' for name in ("unswayed", "first-person", "limits", "no-flattery", "persona"))
JUDGE = f"""
[repair]
judge = true
[judge]
model = "judge"
[judge.questions]
{CRITERIA}
follow-up = ""
opener = ""
natural = ""
"""
FALSE = "Bread is baked at 180 degrees."


def verdict(*, holds: bool, **usage: object) -> Reply:
    claim = {"text": "180", "sentence": GOOD, "verdict": "supported" if holds else "contradicted"}
    asked = {"grounded": {"evidence": "at 180 degrees", "holds": holds}}
    return completion(json.dumps({"claims": [claim], "questions": asked}), **usage)  # type: ignore[arg-type]


def is_judge(call: Call) -> bool:
    return bool(call.body["model"] == "judge")


def shown(call: Call) -> str:
    """What a judge is to judge."""
    return str(call.body["messages"][-1]["content"])


def stubborn(call: Call) -> Reply:
    """n1 is false at first, n2 always."""
    if is_judge(call):
        return verdict(holds=FALSE not in shown(call), cost=0.125)
    false = number_of(call) == "n2" or (number_of(call) == "n1" and not is_second(call))
    return talk(FALSE if false else GOOD, cost=0.25)


def test_a_judge_reads_what_the_rules_have_passed_and_its_evidence_is_what_is_mended() -> None:
    write_recipe(JUDGE)
    with FakeProvider(stubborn) as provider:
        assert generate(provider) == 3
        calls = [*provider.calls]
    with FakeProvider(stubborn) as provider:
        assert generate(provider) == 3
        assert len(provider.calls) == 4, "what was rejected begins anew"
    verdicts = [call for call in calls if is_judge(call)]
    assert len(calls) == 6 + 6
    assert {json.dumps(call.body["messages"][0]) for call in verdicts} == {json.dumps(verdicts[0].body["messages"][0])}
    (again,) = [call for call in calls if is_second(call) and number_of(call) == "n1" and not is_judge(call)]
    told = again.body["messages"][-1]["content"]
    assert "claims, contradicted: 180 (known is: Bread is baked at 220 degrees.)" in told
    assert 'knowledge, with every figure, date and name told of the right thing?": at 180 degrees' in told
    assert answers() == {GOOD}
    assert len(OUTPUT.read_bytes().splitlines()) == 3
    rejects = [json.loads(line) for line in Path("x.jsonl.rejects").read_bytes().splitlines()]
    assert {(each["reason"], FALSE in each["text"], "contradicted" in each["text"]) for each in rejects} == {
        ("judged", True, True)
    }
    assert all(each.get("model") != "judge" for each in entries("done")), "who wrote it, not who judged it"
    paid = sum(each.get("cost", 0) for kind in ("step", "done", "rejected") for each in entries(kind))
    assert paid == 8 * 0.25 + 8 * 0.125


@pytest.mark.slow
@pytest.mark.parametrize(("held", "calls"), [("first verdict", 8), ("second version", 12), ("second verdict", 16)])
def test_killed_at_any_step_a_run_goes_on_and_pays_nothing_twice(held: str, calls: int) -> None:
    write_recipe(JUDGE)

    def step(call: Call) -> str:
        if is_judge(call):
            return "first verdict" if FALSE in shown(call) else "second verdict"
        return "second version" if is_second(call) else "first version"

    def mends(call: Call) -> Reply:
        return verdict(holds=FALSE not in shown(call)) if is_judge(call) else talk(GOOD if is_second(call) else FALSE)

    def holds(call: Call) -> Reply:
        return replace(mends(call), hold=step(call) == held)

    with FakeProvider(holds) as provider:
        base = ["--base-url", provider.base_url, "--recipe", "recipe.toml", "-n", "4", "-o", "x.jsonl", "--no-adaptive"]
        process = subprocess.Popen([sys.executable, "-m", "asyncgen", "generate", *base], stderr=subprocess.DEVNULL)
        provider.wait_for_calls(calls)
        process.kill()
        process.wait()
        provider.release()
        assert generate(provider) == 0
        asked = Counter(map(step, provider.calls))
    assert asked.pop(held) == 8, "what was under way when it was killed"
    assert set(asked.values()) == {4}
    assert answers() == {GOOD}
    assert len(entries("step")) == 12


def test_what_the_judge_has_said_is_known_afterwards_and_not_paid_for_again() -> None:
    write_recipe(JUDGE)
    with FakeProvider(stubborn) as provider:
        assert generate(provider) == 3
        asked = len(provider.calls)
        judge = ["judge", "x.jsonl", "--base-url", provider.base_url, "--quiet"]
        for path in Path().glob("x.jsonl.grades.jsonl*"):  # as after a merge of shards
            path.unlink()
        assert main(judge) == 0
        assert len(provider.calls) == asked
        grades = [json.loads(line) for line in Path("x.jsonl.grades.jsonl").read_bytes().splitlines()]
        assert [each["model"] for each in grades] == ["judge"], "equal conversations have one grade"
        assert grades[0]["judgement"]["questions"]["grounded"]["holds"]
        OUTPUT.write_text(OUTPUT.read_text("utf-8").replace("How hot?", "How hot, then?", 1), "utf-8")
        assert main(judge) == 0
        assert len(provider.calls) == asked + 1, "an edited line is judged again"


def test_of_sides_that_are_written_apart_the_answers_are_written_again() -> None:
    def apart(call: Call) -> Reply:
        if is_judge(call):
            return verdict(holds=FALSE not in shown(call))
        if "Write what a user types" in str(call.body["messages"][0]["content"]):
            return completion(json.dumps({"messages": [{"role": "user", "content": "How hot?"}]}))
        again = call.body["messages"][-1]["content"].startswith("This conversation cannot be used")
        return completion(json.dumps({"messages": [{"role": "assistant", "content": GOOD if again else FALSE}]}))

    write_recipe(f'[talk]\nusers = "apart"\n{JUDGE}')
    with FakeProvider(apart) as provider:
        assert generate(provider) == 0
        assert len(provider.calls) == 4 * 5
    assert answers() == {GOOD}
    write_recipe(f'[talk]\nusers = "turn by turn"\n{JUDGE}')
    with FakeProvider(apart) as provider:
        assert generate(provider, "--overwrite") == 2


def test_the_offline_engine_which_quotes_is_not_asked_for_another_language(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    sentences = "".join(f"The oven number {number} of the bakery is heated to 220 degrees.\n\n" for number in range(9))
    (documents / "bread.md").write_text(f"# Bread\n\n{sentences}", "utf-8")
    assert main(["init", "crumb", "--from", str(documents), "--language", "de,en"]) == 0
    with Path("crumb", "recipe.toml").open("a", encoding="utf-8") as recipe:
        recipe.write("\n[repair]\n")
    offline = ["--provider", "offline", "--recipe", "crumb", "-n", "12", "-o", "x.jsonl"]
    assert main(["generate", "--quiet", *offline]) == 0
    assert len(OUTPUT.read_text("utf-8").splitlines()) == 12
