"""Conversations whose sides are written by calls of their own, over real sockets."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, completion, leave_as_killed
from hypothesis import given
from hypothesis import strategies as st
from quick import QUICK, each_row

from asyncgen.command.main import main
from asyncgen.recipe.load import load_recipe, read_recipe
from asyncgen.recipe.talk import count_messages

OUTPUT = Path("x.jsonl")
JOURNAL = Path("x.jsonl.journal")
NUM = 8
RECIPE = """
name = "bakery"
description = "otto, a baker who answers"
knowledge = "knowledge.md"
[request]
model = "big"
{talk}
[prompt]
system = "system.md"
user = "user.md"
[[dimension]]
name = "topic"
values = {topics}
[[dimension]]
name = "length"
values = ["a talk of 4 messages"]
[[dimension]]
name = "facts"
statements = "facts.md"
"""
SECRET = "Rye ferments for 12 hours."
Answer = Callable[[Call], Reply]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_recipe(talk: str, more: str = "") -> None:
    topics = [f"bread {number}" for number in range(NUM)]
    Path("recipe.toml").write_text(RECIPE.format(talk=f"[talk]\n{talk}", topics=topics) + more, "utf-8")
    Path("knowledge.md").write_text(SECRET, "utf-8")
    Path("system.md").write_text("You write a talk. <knowledge>\n{knowledge}\n</knowledge>", "utf-8")
    Path("user.md").write_text("Topic: {topic} Length: {length} Tell: {facts}", "utf-8")
    Path("facts.md").write_text(f"- {SECRET}", "utf-8")


def flags(provider: FakeProvider, *more: str) -> list[str]:
    command = ["generate", "--base-url", provider.base_url, "--recipe", "recipe.toml", "-n", str(NUM), "-o", "x.jsonl"]
    return [*command, "--quiet", *more]


def run(provider: FakeProvider, *more: str) -> int:
    return main(flags(provider, *more), QUICK)


def text_of(call: Call) -> str:
    return json.dumps(call.body["messages"])


def lines() -> list[Any]:
    return [json.loads(line) for line in OUTPUT.read_text().splitlines()]


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def messages(role: str, *contents: str) -> Reply:
    return completion(json.dumps({"messages": [{"role": role, "content": each} for each in contents]}))


# ---- apart


def is_answering(call: Call) -> bool:
    return "written already" in text_of(call)


def apart(call: Call) -> Reply:
    if not is_answering(call):
        topic = re.findall(r"bread \d", call.scenario)[0]
        return messages("user", f"what of {topic}?", "and then?")
    said = re.findall(r"1\. (.*)\n2\. (.*)", call.scenario)[0]
    return messages("assistant", *(f"re {each}" for each in said))


def test_apart_the_user_is_written_without_knowledge_and_answered_with_it() -> None:
    write_recipe('users = "apart"')
    with FakeProvider(apart) as provider:
        assert run(provider) == 0
    first, second = (
        [each for each in provider.calls if is_answering(each) is answering] for answering in (False, True)
    )
    assert len(first) == len(second) == NUM
    assert all(SECRET not in text_of(each) and "bread" in text_of(each) for each in first)
    assert all(SECRET in text_of(each) for each in second)
    assert sorted(each[0]["content"] for each in lines()) == [f"what of bread {number}?" for number in range(NUM)]
    assert {tuple(message["role"] for message in each) for each in lines()} == {("user", "assistant") * 2}
    assert lines()[0][1]["content"] == f"re {lines()[0][0]['content']}"


@each_row(
    ("users", "codes", "told"),
    [
        ("apart", '"fr"', "Language: French"),
        ("turn by turn", '["es"]', "Language: Spanish"),
        ("turn by turn", '["de", "fr"]', "Language: {language}"),
    ],
)
def test_both_sides_are_told_the_language_of_a_recipe(users: str, codes: str, told: str) -> None:
    write_recipe(f'users = "{users}"')
    Path("recipe.toml").write_text(f"language = {codes}\n{Path('recipe.toml').read_text()}", "utf-8")
    if "{" in told:
        Path("user.md").write_text("{topic} {length} {facts} {language}", "utf-8")
    talk = load_recipe(".").talk
    assert talk is not None
    assert talk.user.count("Language: ") == 1
    assert f"\n{told}\n" in talk.user
    assert ("Language" in talk.assistant) == ("{" not in told)


def test_apart_a_reply_with_both_sides_is_taken_for_its_own() -> None:
    write_recipe('users = "apart"')
    both = [{"role": each, "content": f"{each} says"} for each in ("user", "assistant")]
    with FakeProvider(lambda _: completion(json.dumps({"messages": both}))) as provider:
        assert run(provider) == 0
    assert lines() == [both] * NUM


def test_apart_answers_that_are_not_one_for_each_message_are_asked_for_again() -> None:
    write_recipe('users = "apart"')
    seen: Counter[str] = Counter()

    def clumsy(call: Call) -> Reply:
        if not is_answering(call):
            return apart(call)
        seen[call.scenario] += 1
        return messages("assistant", "one alone") if seen[call.scenario] == 1 else apart(call)

    with FakeProvider(clumsy) as provider:
        assert run(provider) == 0
    assert {each["reason"] for each in entries("rejected")} == {"too-few-messages"}
    assert len(entries("step")) == NUM, "what the user says is asked for once"


def test_apart_killed_between_the_calls_nothing_is_asked_twice() -> None:
    write_recipe('users = "apart"')

    def held(call: Call) -> Reply:
        return replace(apart(call), hold=is_answering(call))

    with FakeProvider(held) as provider:
        leave_as_killed(provider, 2 * NUM, lambda: run(provider, "-c", "16", "--no-adaptive"))
        assert run(provider) == 0
        asked = Counter(text_of(each) for each in provider.calls if not is_answering(each))
    assert set(asked.values()) == {1}
    assert len(lines()) == NUM


# ---- turn by turn


def turn(call: Call) -> Reply:
    return completion(f"message {len(call.body['messages'])} after {call.scenario[-20:]}")


def is_user(call: Call) -> bool:
    return "You are the user" in call.body["messages"][0]["content"]


def test_turn_by_turn_two_sides_talk_and_each_sees_the_other_as_the_user() -> None:
    write_recipe('users = "turn by turn"\nmessages = "length"\nmodel = "small"')
    with FakeProvider(turn) as provider:
        assert run(provider, "-n", "1") == 0
    (talk,) = lines()
    assert [each["role"] for each in talk] == ["user", "assistant"] * 2
    roles = [[each["role"] for each in call.body["messages"]] for call in provider.calls]
    assert roles == [
        ["system", "user"],
        ["system", "user"],
        ["system", "user", "assistant", "user"],
        ["system", "user", "assistant", "user"],
    ]
    assert provider.calls[3].body["messages"][1:] == talk[:3]
    assert [each["content"] for each in provider.calls[2].body["messages"][2:]] == [
        each["content"] for each in talk[:2]
    ]
    assert [call.body["model"] for call in provider.calls] == ["small", "big", "small", "big"]
    assert [SECRET in text_of(call) for call in provider.calls] == [False, True, False, True]
    assert not [call for call in provider.calls if "response_format" in call.body]
    assert len(entries("step")) == 3


def test_turn_by_turn_a_message_that_is_cut_off_is_asked_for_again_where_the_talk_is() -> None:
    write_recipe('users = "turn by turn"\nmessages = 2')
    cut: list[int] = []

    def clumsy(call: Call) -> Reply:
        if is_user(call) or cut:
            return turn(call)
        cut.append(call.number)
        return replace(completion("this is c", finish_reason="length"))

    with FakeProvider(clumsy) as provider:
        assert run(provider, "-n", "1") == 0
    assert [is_user(each) for each in provider.calls] == [True, False, False]
    assert [each["reason"] for each in entries("rejected")] == ["cut-off"]


@given(st.text(max_size=200))
def test_a_talk_has_an_even_number_of_messages_whatever_a_value_says(text: str) -> None:
    write_recipe('users = "turn by turn"\nmessages = "length"')
    talk = load_recipe("recipe.toml").talk
    assert talk is not None
    count = count_messages(talk, {"length": text})
    assert 2 <= count <= 40
    assert count % 2 == 0


# ---- both


def test_another_way_of_talking_is_another_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    write_recipe('users = "apart"')
    with FakeProvider(apart) as provider:
        assert run(provider) == 0
        write_recipe('users = "turn by turn"\nmessages = 2')
        assert run(provider, "-n", "20") == 2
    assert "talk has changed" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--batch"]])
@pytest.mark.parametrize("users", ["apart", "turn by turn"])
def test_offline_it_runs_whole_live_and_in_batches(users: str, more: list[str]) -> None:
    write_recipe(f'users = "{users}"')
    command = ["generate", "--provider", "offline", "--recipe", ".", "-n", "6", "-o", "x.jsonl", "--quiet"]
    assert main([*command, *more], QUICK) == 0
    assert len(lines()) == 6


@each_row(
    ("talk", "told"),
    [
        ('users = "alone"', "talk.users: expected"),
        ('users = "apart"\nmessages = 4', 'talk.messages: expected it only beside users = "turn by turn"'),
        ('users = "apart"\nassistant = "system.md"', "talk.assistant: expected it only beside"),
        ('users = "turn by turn"\nmessages = "facts"', "talk.messages: expected a number in every value of facts"),
        ('users = "turn by turn"\nmessages = "nothing"', "talk.messages: expected a number, or a dimension"),
        ('users = "turn by turn"\nmessages = 5', "talk.messages: expected an even number, since rules.ends_with is"),
        (
            'users = "turn by turn"\n[rules]\nmin_messages = 6',
            "expected at least 6, which is rules.min_messages, got 4",
        ),
        (
            'users = "turn by turn"\nmessages = "length"\n[rules]\nmin_messages = 6',
            "which is rules.min_messages, got 'a talk of 4 messages' of length",
        ),
        ('users = "turn by turn"\nuser = "gone.md"', "talk.user cannot be read"),
        ('users = "turn by turn"\n[repair]', "repair: expected none beside"),
    ],
)
def test_what_is_wrong_with_a_talk_is_told(talk: str, told: str) -> None:
    write_recipe(talk)
    Path("facts.md").write_text("- Rye ferments.")
    recipe, problems = read_recipe("recipe.toml")
    assert recipe is None
    assert [True for each in problems if told in str(each)], [str(each) for each in problems]


def test_models_that_share_the_work_are_refused_beside_a_talk() -> None:
    write_recipe('users = "apart"', '[[models]]\nmodel = "one"\n[[models]]\nmodel = "two"\n')
    Path("recipe.toml").write_text(Path("recipe.toml").read_text().replace('model = "big"', "temperature = 1"))
    recipe, problems = read_recipe("recipe.toml")
    assert recipe is None
    assert [True for each in problems if "expected no [[models]] beside it" in str(each)]


# ---- repaired


LEAK = "According to the knowledge base, bread is baked."


def is_told(call: Call) -> bool:
    return "cannot be used as it is" in text_of(call)


def repair(provider: FakeProvider) -> int:
    return main(["repair", "x.jsonl", "--base-url", provider.base_url, "--yes", "--quiet"], QUICK)


def test_apart_the_answers_are_written_again_with_the_evidence_and_the_user_says_the_same() -> None:
    def leaky(call: Call) -> Reply:
        if not is_answering(call):
            return apart(call)
        return messages("assistant", "It bakes." if is_told(call) else LEAK, "fine")

    write_recipe('users = "apart"')
    with FakeProvider(leaky) as provider:
        assert run(provider, "-n", "2") == 0
        before, asked = lines(), len(provider.calls)
        assert repair(provider) == 0
        again = provider.calls[asked:]
    assert [LEAK in text_of(call) and is_told(call) for call in again] == [True, True]
    assert [line[::2] for line in lines()] == [line[::2] for line in before]
    assert LEAK not in OUTPUT.read_text()


@pytest.mark.parametrize(("leak_at", "calls"), [(1, 3), (3, 1), (2, 2)])
def test_turn_by_turn_a_talk_is_written_again_from_where_its_fault_is(leak_at: int, calls: int) -> None:
    def leaky(call: Call) -> Reply:
        said = len(call.body["messages"]) - (2 if is_user(call) else 1)
        return completion(LEAK) if said == leak_at and not is_told(call) and not has_leaked else turn(call)

    has_leaked = False
    write_recipe('users = "turn by turn"\nmessages = 4')
    with FakeProvider(leaky) as provider:
        assert run(provider, "-n", "1") == 0
        (before,), asked, has_leaked = lines(), len(provider.calls), True
        assert repair(provider) == 0
        again = provider.calls[asked:]
    (after,) = lines()
    assert before[leak_at]["content"] == LEAK
    assert (len(again), after[:leak_at]) == (calls, before[:leak_at])
    assert LEAK not in str(after)
    if leak_at % 2:
        assert [is_told(call) for call in again] == [True] + [False] * (calls - 1)
        assert again[0].body["messages"][-3:-1] == before[leak_at - 1 : leak_at + 1]
