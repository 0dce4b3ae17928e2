import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.measures.diversity import TRACKED, Diversity, StockCheck, Wordings
from asyncgen.audit.results import Counted
from asyncgen.audit.rules import Finding
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.scenario import Drawn

PRINT_RESULT = """
import msgspec
from test_diversity import add_all
answers = [f"the same words again and again {number % 7} and a bit more" for number in range(50)]
print(msgspec.json.encode(add_all(["hi", answer] for answer in answers).result()))
"""


def make_subject(number: int, contents: Sequence[str], scenario: Mapping[str, Drawn] | None = None) -> Subject:
    """The user speaks first, then both in turn."""
    roles = ("user", "assistant") * len(contents)
    conversation = tuple(Message(role, content) for role, content in zip(roles, contents, strict=False))
    return Subject(Record(number, 0, conversation, number), scenario, "any")


def add(diversity: Diversity, subject: Subject, wordings: Wordings = Wordings()) -> None:  # noqa: B008 - it keeps nothing
    diversity.add(subject, wordings.read(subject))


def add_all(conversations: Iterable[Sequence[str]], knowledge: str = "", *, tracked: int = TRACKED) -> Diversity:
    diversity, wordings = Diversity(tracked=tracked), Wordings(knowledge)
    for number, contents in enumerate(conversations, start=1):
        add(diversity, make_subject(number, contents), wordings)
    return diversity


def spell(number: int) -> str:
    """Six words that no other number has in a run of four."""
    return " ".join(f"{word}{number}" for word in ("a", "b", "c", "d", "e", "f"))


def texts(counted: Iterable[Counted]) -> list[tuple[str, int]]:
    return [(each.text, each.lines) for each in counted]


# ---- openers


def test_openers_are_counted_whatever_their_case_and_punctuation() -> None:
    openers = add_all([["Hello!"], ["hello"], ["HELLO..."], ["hi there"]]).result().openers
    assert texts(openers.top) == [("hello", 3), ("hi there", 1)]
    assert (openers.different, openers.is_exact, openers.error) == (2, True, 0)
    assert openers.top[0].share == 0.75


def test_an_opener_that_stands_out_is_a_finding_on_each_of_its_lines() -> None:
    diversity = add_all([["Tell me everything!"] if number % 10 == 0 else [spell(number)] for number in range(400)])
    findings = list(diversity.repeated_openers())
    assert [finding.line for finding in findings] == list(range(1, 400, 10))
    assert findings[0] == Finding("repeated-opener", 1, 0, "10.0% of the lines begin with: tell me everything")


@pytest.mark.parametrize("offered", [12, 30, 200])
def test_a_recipes_own_openers_are_fine_when_they_are_used_evenly(offered: int) -> None:
    assert not list(add_all([[f"opener {number % offered}"] for number in range(4_000)]).repeated_openers())


def test_one_of_a_recipes_openers_used_much_more_than_the_others_is_a_finding() -> None:
    diversity = add_all([[f"opener {number % 50}" if number % 4 else "opener 7"] for number in range(2_000)])
    lines = [finding.line for finding in diversity.repeated_openers()]
    assert lines == [number + 1 for number in range(2_000) if number % 4 == 0 or number % 50 == 7]


def test_an_opener_that_all_lines_share_is_a_finding() -> None:
    assert len(list(add_all([["hi"]] * 20).repeated_openers())) == 20


def test_a_handful_of_lines_says_nothing_about_openers() -> None:
    assert not list(add_all([["hi"]] * 9).repeated_openers())


def test_long_openers_with_one_beginning_are_told_apart() -> None:
    beginning = "word " * 100
    diversity = add_all([[f"{beginning}{number}"] for number in range(100)])
    assert diversity.result().openers.different == 100
    assert not list(diversity.repeated_openers())


def test_a_conversation_without_a_user_or_without_words_has_no_opener() -> None:
    diversity = Diversity()
    add(diversity, Subject(Record(1, 0, (Message("assistant", "hello"),), None), None, "any"))
    add(diversity, make_subject(2, ["?!"]))
    assert diversity.result().openers.top == []
    assert diversity.result().lines == 2


# ---- phrases


def test_a_phrase_counts_once_for_a_conversation_and_by_role() -> None:
    result = add_all([["i have a question", "let me see now. Let me see now."]] * 3).result()
    assert texts(result.roles["user"].phrases) == [("i have a question", 3)]
    assert texts(result.roles["assistant"].phrases)[0] == ("let me see now", 3)


def test_a_longer_run_is_listed_once_and_not_with_each_of_its_shifts() -> None:
    result = add_all([["hi", "one two three four five six seven eight nine ten"]] * 2).result()
    assert texts(result.roles["assistant"].phrases) == [("one two three four", 2)]


def test_a_run_that_is_rarer_than_its_neighbour_is_listed_too() -> None:
    answers = ["one two three four"] * 8 + ["one two three four five"] * 4
    result = add_all([["hi", answer] for answer in answers]).result()
    assert texts(result.roles["assistant"].phrases) == [("one two three four", 12), ("two three four five", 4)]


def test_what_the_knowledge_base_says_is_no_phrase() -> None:
    knowledge = "It was trained on one node, in four hours."
    answers = [["hi", f"It was trained on one node. {spell(number)} would you like to know"] for number in range(30)]
    result = add_all(answers, knowledge).result()
    assert texts(result.roles["assistant"].phrases) == [("would you like to", 30)]
    assert result.stock == []


def test_phrases_are_counted_by_value_and_by_group_of_the_first_two_single_dimensions() -> None:
    diversity = Diversity()
    scenario: dict[str, Drawn] = {
        "examples": (("a", "hi"), ("b", "hey")),
        "topic": (("history", "the first release"),),
        "persona": (("", "a teacher"),),
        "dynamic": (("", "short"),),
    }
    for number in (1, 2):
        add(diversity, make_subject(number, ["hi", "let me see now"], scenario))
    add(diversity, make_subject(3, ["hi", "let me see now"]))
    by_value = diversity.result().by_value
    phrase = [Counted(text="let me see now", lines=2, share=1.0)]
    assert by_value == {"topic": {"history": phrase}, "persona": {"a teacher": phrase}}


def test_values_without_end_are_bounded() -> None:
    diversity = Diversity()
    for number in range(60):
        add(diversity, make_subject(number + 1, ["hi", "let me see now"], {"topic": (("", f"value {number}"),)}))
    assert list(diversity.result().by_value["topic"]) == [f"value {number}" for number in range(50)]


def test_phrases_without_end_are_bounded_and_the_error_is_told() -> None:
    texts = [f"let me see now {spell(number)}" for number in range(500)]
    side = add_all([["hi", each] for each in texts], tracked=50).result().roles["assistant"]
    assert side.phrases[0].text == "let me see now"
    assert side.error > 0
    assert 500 - side.error <= side.phrases[0].lines <= 500


# ---- stock phrases


@pytest.mark.parametrize(
    "answer",
    [
        "That is a great point, {}.",
        "Great question! {}.",
        "{} and that is why it has to be so.",
    ],
)
def test_a_phrase_in_many_answers_is_a_finding_on_each_of_them(answer: str) -> None:
    conversations = [
        ["hi", "ok", "go on", answer.format(spell(number))] if number % 10 == 0 else ["hi", f"{spell(number)}."]
        for number in range(200)
    ]
    diversity = add_all(conversations)
    check = StockCheck(diversity.stock()).check
    assert check is not None
    subjects = [make_subject(number, contents) for number, contents in enumerate(conversations, start=1)]
    found = [finding for subject in subjects for finding in check(subject)]
    assert [(finding.rule, finding.line, finding.message) for finding in found] == [
        ("stock-phrase", line, 3) for line in range(1, 200, 10)
    ]
    assert diversity.result().stock[0].lines == 20


@pytest.mark.parametrize(
    "answer",
    [
        "Yes. {}.",  # one word is an answer
        "1. {}.",
        "{} as it were {}.",  # too short in the middle of a sentence
    ],
)
def test_a_short_common_answer_is_no_stock_phrase(answer: str) -> None:
    diversity = add_all([["hi", answer.format(spell(number), spell(-number))] for number in range(200)])
    assert diversity.stock() == frozenset()
    assert diversity.result().stock == []


def test_what_the_user_repeats_is_no_stock_phrase() -> None:
    assert add_all([["tell me all about it right now", spell(number)] for number in range(200)]).stock() == frozenset()


def test_a_phrase_in_one_of_thirty_answers_is_no_stock_phrase() -> None:
    conversations = [
        ["hi", f"Great question! {spell(number)}" if number % 30 == 0 else spell(number)] for number in range(600)
    ]
    assert add_all(conversations).stock() == frozenset()


# ---- distinct-n and compression


def test_distinct_n_is_exact_for_a_small_file() -> None:
    side = add_all([["a b a b"], ["a"]]).result().roles["user"]
    assert side.is_exact
    assert [(each.words, each.different, each.total) for each in side.distinct] == [(1, 2, 5), (2, 3, 4), (3, 3, 3)]
    assert side.distinct[0].ratio == 2 / 5


def test_distinct_n_of_a_larger_file_is_that_of_a_sample_of_one_size() -> None:
    side = add_all([[f"{spell(number)} " * 200] for number in range(100)]).result().roles["user"]
    assert not side.is_exact
    assert side.distinct[0].total == 100_000


def test_repeated_texts_compress_better() -> None:
    varied = add_all([[spell(number * 7919)] for number in range(50)]).result().roles["user"].compression
    repeated = add_all([[spell(1)]] * 50).result().roles["user"].compression
    assert varied is not None
    assert repeated is not None
    assert repeated > 3 * varied


def test_nothing_at_all_has_a_result() -> None:
    result = Diversity().result()
    assert result.lines == 0
    assert result.roles["assistant"].compression is None
    assert [each.ratio for each in result.roles["user"].distinct] == [0, 0, 0]
    assert not list(Diversity().repeated_openers())
    assert Diversity().stock() == frozenset()


# ---- any file


@given(st.lists(st.lists(st.text(max_size=40), min_size=1, max_size=4), max_size=8))
def test_any_texts_have_a_result_with_shares_from_0_to_1(conversations: list[list[str]]) -> None:
    diversity = add_all(conversations)
    result = diversity.result()
    listed = [*result.openers.top, *result.stock, *(each for side in result.roles.values() for each in side.phrases)]
    assert all(0 < each.share <= 1 for each in listed)
    assert all(0 <= each.ratio <= 1 for side in result.roles.values() for each in side.distinct)
    assert list(diversity.repeated_openers()) == []


@pytest.mark.slow
def test_the_result_is_the_same_in_every_process() -> None:
    def measure(seed: str) -> bytes:
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        return subprocess.check_output([sys.executable, "-c", PRINT_RESULT], env=env)

    assert measure("1") == measure("2")
