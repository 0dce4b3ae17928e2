"""Knowledge bases as passages, and their ranking."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from asyncgen.offline.library import Library
from asyncgen.recipe.load import load_recipe

GUIDE = """# acme: a router

## Basics

acme is a router with **four** ports. It costs $30.

acme was made by Ann Other. She lives in Ulm and built it in a shed beside the river in two years.

acme has no WiFi between rooms: a cable is needed for everything that is connected.

acme cannot learn from mistakes. Whoever configures it has to be careful, because nothing is checked.

## What acme costs

acme costs $30 in the shop. Shipping is $4 more, and it takes about a week to arrive.

## Comparisons

### Bolt

acme is not a copy of Bolt. The two were made by different people in different years.

## Resetting

The reset button is on the back. Steps:

1. Hold it.
2. Count to ten.

| Lamp | Meaning |
|---|---|
| red | off |

```
acme --reset
```
"""


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with closing(Library(GUIDE)) as opened:
        yield opened


@pytest.fixture(scope="module")
def built_in() -> Iterator[Library]:
    with closing(Library(load_recipe("nanochat").knowledge)) as opened:
        yield opened


def test_passages_are_plain_text_without_markdown(library: Library) -> None:
    texts = [each.text for each in library.passages]
    assert texts[0] == "acme is a router with four ports."
    assert "Steps: Hold it." in texts
    assert not any(mark in text for text in texts for mark in ("**", "|", "```", "#"))


def test_every_passage_is_a_quotation(built_in: Library) -> None:
    plain = " ".join(load_recipe("nanochat").knowledge.split())
    assert all(each.text in plain for each in built_in.passages)
    assert max(len(each.text) for each in built_in.passages) <= 700


def test_a_passage_knows_its_headings(library: Library) -> None:
    bolt = next(each for each in library.passages if "copy of Bolt" in each.text)
    assert (bolt.chapter, bolt.heading) == ("Comparisons", "Bolt")


def test_the_same_passage_twice_is_one() -> None:
    with closing(Library("A fact that is long enough to stand alone.\n\n" * 2)) as library:
        assert len(library.passages) == 1


def test_the_best_passage_comes_first_and_chance_words_do_not_count(built_in: Library) -> None:
    ranked = built_in.rank("rotary position embeddings (RoPE) instead of learned positions")
    assert "RoPE" in ranked[0].heading
    assert len(ranked) < 10


@pytest.mark.parametrize("query", ["", "the of and", '"* OR NEAR(', "xyzzy", "²", "'' -- \0"])
def test_a_query_that_says_nothing_ranks_nothing(library: Library, query: str) -> None:
    assert library.rank(query) == ()


def test_the_name_is_what_passages_begin_with(library: Library, built_in: Library) -> None:
    assert (library.name, built_in.name) == ("acme", "nanochat")


def test_english_is_recognized(library: Library) -> None:
    assert library.is_english
    with closing(Library("Die Bibliothek öffnet um neun Uhr und schließt abends.")) as german:
        assert not german.is_english


def test_of_several_texts_the_one_with_most_known_words_is_found(library: Library) -> None:
    assert library.most_known(["write a chat", "the reset button", "someone in a hurry"]) == "the reset button"
    assert library.most_known(["xyzzy"]) == library.most_known([]) == ""
