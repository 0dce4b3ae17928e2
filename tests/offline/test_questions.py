"""What a user can ask about a passage, and how example openers are understood."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from quick import each_row

from asyncgen.offline.library import Library
from asyncgen.offline.questions import Angles, Questions
from asyncgen.recipe.load import load_recipe

GUIDE = """# acme: a router

## What acme costs

acme costs $30 in the shop. Shipping is $4 more, and it takes about a week to arrive.

acme was made by Ann Other. She lives in Ulm and built it in a shed beside the river in two years.

acme has no WiFi between rooms: a cable is needed for everything that is connected.

## Resetting

acme cannot learn from mistakes. Whoever configures it has to be careful, because nothing is checked.

## Comparisons

### Bolt

acme is not a copy of Bolt. The two were made by different people in different years.
"""


@pytest.fixture(scope="module")
def guide() -> Iterator[Questions]:
    with closing(Library(GUIDE)) as library:
        yield Questions(library)


@pytest.fixture(scope="module")
def built_in() -> Iterator[Questions]:
    with closing(Library(load_recipe("nanochat").knowledge)) as library:
        yield Questions(library)


def angles(questions: Questions, beginning: str) -> Angles:
    passages = questions.library.passages
    return questions.angles[next(each.number for each in passages if each.text.startswith(beginning))]


def test_what_is_denied_can_be_assumed(guide: Questions) -> None:
    assert angles(guide, "acme is not a copy").mistake == "acme is a copy of Bolt"
    assert angles(guide, "acme cannot learn").mistake == "acme can learn from mistakes"
    assert angles(guide, "acme has no WiFi").mistake == "acme has WiFi between rooms"
    assert angles(guide, "acme was made").mistake == ""


def test_what_is_said_can_be_asked_for_where_the_answer_says_more(built_in: Questions) -> None:
    assert angles(built_in, "nanochat was created").claim == "nanochat was created by Andrej Karpathy"
    assert angles(built_in, "nanochat is not a configurable").claim == ""


def test_headings_fit_into_questions(guide: Questions) -> None:
    assert angles(guide, "acme costs $30").phrase == "what acme costs"
    assert angles(guide, "acme is not a copy").phrase == "how acme compares with Bolt"
    assert angles(guide, "acme cannot learn").phrase == "about your resetting"


@each_row(
    ("opener", "heading"),
    [
        ("hi", None),
        ("Hello, nanochat!", None),
        ("THIS IS SO COOL", None),
        ("hello, got a minute?", None),
        ("Who created nanochat?", "Creator"),
        ("who amde you?", "Creator"),
        ("How long is your context window?", "Context length"),
        ("do you rember me form yesterday", "No memory, no learning from a chat"),
        ("What are you, exactly?", "What nanochat is"),
    ],
)
def test_openers_are_understood(built_in: Questions, opener: str, heading: str | None) -> None:
    answer = built_in.read_opener(opener).answer
    assert (answer and answer.heading) == heading


@pytest.mark.parametrize(
    ("opener", "is_foreign"),
    [("hola, que eres?", True), ("Hallo, wer bist du?", True), ("xin chao, ban la ai?", True), ("hey", False)],
)
def test_other_languages_are_recognized(built_in: Questions, opener: str, *, is_foreign: bool) -> None:
    assert built_in.read_opener(opener).is_foreign is is_foreign
