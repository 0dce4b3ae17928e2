"""Judging an output: which lines, how they are asked for, what becomes of every kind of reply, and of a kill."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, completion, leave_as_killed
from hypothesis import given
from hypothesis import strategies as st
from quick import QUICK

from asyncgen.command.commands import build_parser
from asyncgen.command.main import main
from asyncgen.errors import BadReplyError
from asyncgen.jobs.judgement import parse_judgement

PARSER = build_parser()
OUTPUT = Path("x.jsonl")
GRADES = Path("x.jsonl.grades.jsonl")
JOURNAL = Path("x.jsonl.grades.jsonl.journal")
KNOWLEDGE = "Bread is baked at 220 degrees.\nCake is baked at 180 degrees."
RECIPE = """
name = "bakery"
knowledge = "knowledge.md"
[request]
model = "writer"
[prompt]
system = "system.md"
user = "user.md"
[[dimension]]
name = "topic"
values = ["bread"]
[judge]
model = "judge"
questions = {persona = "", follow-up = "", opener = "", natural = "", first-person = "", limits = "", no-flattery = ""}
"""
ASKED = ["grounded", "unswayed"]
LEAVES = st.none() | st.booleans() | st.text()
ANY = st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each))


@pytest.fixture(autouse=True)
def _recipe() -> None:
    Path("recipe.toml").write_text(RECIPE, "utf-8")
    Path("knowledge.md").write_text(KNOWLEDGE, "utf-8")
    Path("system.md").write_text("{knowledge}", "utf-8")
    Path("user.md").write_text("{topic}", "utf-8")


def write_lines(numbers: Sequence[int]) -> None:
    OUTPUT.write_text("".join(line(number) for number in numbers), "utf-8")


def line(number: int) -> str:
    turns = [{"role": "user", "content": f"n{number}, how hot?"}, {"role": "assistant", "content": "220 degrees."}]
    return json.dumps(turns) + "\n"


def judgement(*, claims: Sequence[Mapping[str, str]] = (), **answers: bool) -> str:
    questions = {name: {"evidence": "because", "holds": answers.get(name, True)} for name in ASKED}
    return json.dumps({"claims": claims, "questions": questions})


def yes(_: Call) -> Reply:
    return completion(judgement())


def asked(provider: FakeProvider) -> Counter[str]:
    """How often each conversation was asked about, by its name."""
    return Counter(name_of(call) for call in provider.calls)


def name_of(call: Call) -> str:
    return call.scenario.partition("[1] user: ")[2].partition(",")[0]


def command(provider: FakeProvider, *more: str) -> list[str]:
    return ["judge", "x.jsonl", "--base-url", provider.base_url, "--recipe", "recipe.toml", *more]


def judge(provider: FakeProvider, *more: str) -> int:
    given = PARSER.parse_args([*command(provider, *more), "--quiet"])
    given.timings = QUICK
    status: int = given.run(given, "again")
    return status


def grades() -> list[dict[str, Any]]:
    return [json.loads(each) for each in GRADES.read_text("utf-8").splitlines()]


def test_every_conversation_is_asked_about_once_with_the_knowledge_in_the_constant_part() -> None:
    write_lines(range(6))

    def answer(call: Call) -> Reply:
        claim = {"text": "It is 220.", "sentence": "Cake is baked at 180 degrees.", "verdict": "contradicted"}
        return completion(judgement(claims=[claim], grounded=name_of(call) != "n3"))

    with FakeProvider(answer) as provider:
        assert judge(provider) == 0
    assert asked(provider) == Counter({f"n{number}": 1 for number in range(6)})
    (system,) = {call.body["messages"][0]["content"] for call in provider.calls}
    assert KNOWLEDGE in system
    assert "- grounded: " in system
    assert "- persona: " not in system, "a recipe may leave questions out"
    (body,) = {json.dumps(call.body["response_format"]["json_schema"]["schema"]) for call in provider.calls}
    assert [*json.loads(body)["properties"]["questions"]["properties"]] == ASKED
    assert {call.body["model"] for call in provider.calls} == {"judge"}
    found = [each["judgement"]["questions"]["grounded"]["holds"] for each in grades()]
    assert Counter(found) == Counter({True: 5, False: 1})
    assert {each["judgement"]["claims"][0]["verdict"] for each in grades()} == {"contradicted"}


def test_a_sample_is_the_same_however_the_lines_lie_and_a_larger_one_holds_the_smaller() -> None:
    numbers = list(range(60))
    write_lines(numbers)
    with FakeProvider(yes) as provider:
        assert judge(provider, "--sample", "10") == 0
        assert len(provider.calls) == 10
        random.Random(1).shuffle(numbers)
        write_lines(numbers)
        assert judge(provider, "--sample", "10") == 0
        assert len(provider.calls) == 10, "nothing has changed but the order"
        assert judge(provider, "--sample", "25") == 0
        assert len(provider.calls) == 25
        assert judge(provider, "--sample", "5") == 0
        assert len(provider.calls) == 25
    assert set(asked(provider).values()) == {1}
    assert len({each["digest"] for each in grades()}) == 25


def test_a_line_that_was_edited_is_judged_again_and_equal_lines_are_judged_once() -> None:
    write_lines([1, 2, 3, 2])
    with FakeProvider(yes) as provider:
        assert judge(provider) == 0
        assert asked(provider) == Counter({"n1": 1, "n2": 1, "n3": 1})
        write_lines([3, 1, 9])
        assert judge(provider) == 0
        assert asked(provider) == Counter({"n1": 1, "n2": 1, "n3": 1, "n9": 1})
        write_lines([3, 1, 2])
        assert judge(provider) == 0, "a line that comes back has its grade"
    assert len(provider.calls) == 4


def test_killed_a_run_goes_on_and_nothing_is_paid_twice() -> None:
    write_lines(range(12))

    def held(call: Call) -> Reply:
        return replace(yes(call), hold=call.number >= 7)

    with FakeProvider(held) as provider:
        line = [sys.executable, "-m", "asyncgen", *command(provider, "--concurrency", "12", "--no-adaptive")]
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        provider.wait_for_calls(12)
        process.kill()
        process.wait()
        before = {each["digest"] for each in grades()}
        provider.release()
        write_lines(range(11, -1, -1))
        count = len(provider.calls)
        assert judge(provider) == 0
    assert len(provider.calls) - count == 12 - len(before)
    assert len({each["digest"] for each in grades()}) == len(grades()) == 12


def test_asked_twice_the_second_time_in_reverse_and_a_kill_between_them_costs_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_lines(range(4))

    def is_second(call: Call) -> bool:
        system = call.body["messages"][0]["content"]
        return bool(system.index("- unswayed: ") < system.index("- grounded: "))

    def held(call: Call) -> Reply:
        return replace(completion(judgement(grounded=not is_second(call))), hold=is_second(call))

    with FakeProvider(held) as provider:
        leave_as_killed(provider, 8, lambda: judge(provider, "--twice"))
        assert judge(provider, "--twice") == 0
        assert Counter(map(is_second, provider.calls)) == Counter({False: 4, True: 8})
        assert main(command(provider, "--twice", "--overwrite")) == 0
    assert "grounded 4 0.0 %" in " ".join(capsys.readouterr().out.split())
    first = {each["judgement"]["questions"]["grounded"]["holds"] for each in grades()}
    second = {each["again"]["questions"]["grounded"]["holds"] for each in grades()}
    assert (first, second) == ({True}, {False})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Good.", "not-json"),
        ("[]", "wrong-shape"),
        ('{"claims": []}', "wrong-shape"),
        (judgement().replace("unswayed", "swayed"), "wrong-shape"),
        (judgement().replace('"holds": true', '"holds": "yes"'), "wrong-shape"),
        (judgement(claims=[{"text": "a", "sentence": " ", "verdict": "supported"}]), "wrong-shape"),
        (judgement(claims=[{"text": "a", "sentence": "b", "verdict": "likely"}]), "wrong-shape"),
        (judgement(claims=[{"text": "", "sentence": "b", "verdict": "supported"}]), "wrong-shape"),
        (judgement()[:-3], "not-json"),
    ],
)
def test_what_is_no_whole_judgement_is_kept_and_asked_for_again(text: str, reason: str) -> None:
    write_lines([1])
    with FakeProvider(lambda call: completion(judgement() if call.number else text)) as provider:
        assert judge(provider) == 0
        assert len(provider.calls) == 2
    assert len(grades()) == 1
    (reject,) = Path(f"{GRADES}.rejects").read_text("utf-8").splitlines()
    assert json.loads(reject)["reason"] == reason


def test_a_question_too_many_is_no_judgement_and_a_fence_around_one_does_no_harm() -> None:
    with pytest.raises(BadReplyError, match="not asked"):
        parse_judgement(judgement(), ["grounded"])
    assert parse_judgement(f"```json\n{judgement()}\n```", ASKED).questions["grounded"].holds


@given(st.text() | ANY.map(json.dumps))
def test_no_text_is_a_judgement_by_chance(text: str) -> None:
    with pytest.raises(BadReplyError):
        parse_judgement(text, ASKED)


def test_the_end_of_a_cut_off_judgement_is_told_as_such() -> None:
    with pytest.raises(BadReplyError) as caught:
        parse_judgement(judgement()[:-3], ASKED, finish_reason="length")
    assert caught.value.reason == "cut-off"


def test_other_questions_or_another_judge_are_refused_and_overwrite_keeps_what_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_lines([1, 2])
    with FakeProvider(yes) as provider:
        assert judge(provider) == 0
        assert main(command(provider, "--model", "other")) == 2
        assert 'model: "judge" -> "other"' in capsys.readouterr().err
        Path("knowledge.md").write_text("Bread is bought.", "utf-8")
        assert main(command(provider)) == 2
        assert "knowledge has changed" in capsys.readouterr().err
        assert judge(provider, "--overwrite") == 0
        assert main(command(provider, "--twice")) == 2
        assert "other settings: judged once there, --twice here. Run it as before" in capsys.readouterr().err
        assert len(provider.calls) == 4
    assert len(grades()) == 2
    assert len(list(Path().glob(f"{GRADES}.bak-*"))) == 1


def test_who_judges_what_he_has_written_is_warned(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda call: completion(json.dumps(json.loads(line(call.number))))) as provider:
        base = ["--base-url", provider.base_url, "--recipe", "recipe.toml"]
        assert main(["generate", *base, "-n", "1", "-o", "x.jsonl", "--quiet"]) == 0
    Path("x.jsonl").write_bytes(Path("x.jsonl").read_bytes() * 2)
    with FakeProvider(yes) as provider:
        assert main(["judge", "x.jsonl", "--base-url", provider.base_url]) == 0
        told = capsys.readouterr().err
        assert "has written itself" not in told
        assert "1 different conversation in 2 lines: what repeats another is judged once" in told
        assert main(["judge", "x.jsonl", "--base-url", provider.base_url, "--model", "writer", "--overwrite"]) == 0
    assert "writer judges what it has written itself" in capsys.readouterr().err
    assert "topic: bread" in provider.calls[0].scenario


@pytest.mark.parametrize("left_out", ["{}", "[]"])
def test_where_a_schema_is_refused_the_form_is_asked_for_in_words(left_out: str) -> None:
    write_lines([1])

    def strict(call: Call) -> Reply:
        asked_for = call.body.get("response_format", {}).get("type")
        if asked_for == "json_schema" or (asked_for and left_out == "[]"):
            return Reply(400, b'{"error": {"message": "response_format is not supported"}}')
        return yes(call)

    with FakeProvider(strict) as provider:
        assert judge(provider) == 0
    last = provider.calls[-1]
    assert last.body.get("response_format") == ({"type": "json_object"} if left_out == "{}" else None)
    assert last.scenario.endswith("with nothing else.")
    assert '"messages"' not in last.scenario


def test_offline_the_whole_command_runs_and_says_that_it_is_no_judge(capsys: pytest.CaptureFixture[str]) -> None:
    base = ["--provider", "offline", "--quiet"]
    assert main(["generate", *base, "-n", "5", "-o", "x.jsonl"]) == 0
    capsys.readouterr()
    assert main(["judge", "x.jsonl", *base, "--sample", "3"]) == 0
    assert "no model and no judge" in capsys.readouterr().err
    assert len(grades()) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "calls"), [([], 5), (["--twice"], 10)])
def test_in_batches_every_conversation_is_asked_about_as_often_as_live(flags: list[str], calls: int) -> None:
    write_lines(range(5))
    base = ["judge", "x.jsonl", "--recipe", "recipe.toml", "--provider", "offline", "--quiet", "--batch"]
    assert main([*base, *flags]) == 0
    assert len(grades()) == 5
    entries = [json.loads(each) for each in JOURNAL.read_text("utf-8").splitlines()]
    assert sum(each["type"] in {"done", "step"} for each in entries) == calls


@pytest.mark.slow
def test_in_batches_a_line_that_was_edited_is_judged_again_whichever_was_the_first() -> None:
    base = ["judge", "x.jsonl", "--recipe", "recipe.toml", "--provider", "offline", "--quiet", "--batch"]
    write_lines(range(3))
    assert main(base) == 0
    write_lines(range(10, 13))
    assert main(base) == 0
    assert len({each["digest"] for each in grades()}) == 6


def test_the_engines_grades_give_way_to_a_models_only_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines([1])
    assert main(["judge", "x.jsonl", "--recipe", "recipe.toml", "--provider", "offline"]) == 0
    with FakeProvider(yes) as provider:
        assert main(command(provider)) == 2
        assert "--overwrite starts anew" in capsys.readouterr().err
        assert main(command(provider, "--overwrite")) == 0
    assert "1 different conversation by fake" in capsys.readouterr().out


def test_without_recipe_or_conversations_there_is_nothing_to_judge(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines([])
    assert main(["judge", "x.jsonl", "--provider", "offline", "--recipe", "recipe.toml"]) == 2
    assert "no conversation to judge" in capsys.readouterr().err
    write_lines([1])
    assert main(["judge", "x.jsonl", "--provider", "offline"]) == 2
    assert "--recipe" in capsys.readouterr().err
    assert not GRADES.exists()


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ('questions = {Grounded = "Is it?"}', "judge.questions.Grounded"),
        ('questions = {claims = "Is it?"}', "judge.questions.claims"),
        ('questions = {grounded = "  "}', "judge.questions.grounded"),
        ('model = " "', "judge.model"),
        ("question = {}", "did you mean questions"),
    ],
)
def test_a_recipe_is_told_what_is_wrong_in_its_table(
    capsys: pytest.CaptureFixture[str], table: str, named: str
) -> None:
    Path("recipe.toml").write_text(f"{RECIPE.partition('[judge]')[0]}[judge]\n{table}\n", "utf-8")
    assert main(["check", "recipe.toml"]) != 0
    captured = capsys.readouterr()
    assert named in captured.out + captured.err
