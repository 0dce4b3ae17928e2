import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import PER_LINE
from quick import each_row
from sweep import sweep

from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrase, Phrases, PlainText, either, literal_phrase, read_phrases
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import PHRASE_RULES

SETS = {"pages": "pages? | documents?", "my-pages": "my {pages}"}
SPOKEN = [(rule, "phrases") for rule in PHRASE_RULES]
SPOKEN += [("role-confusion", side) for side in ("user", "assistant", "user-named", "assistant-named")]


@pytest.mark.parametrize("text", ["THE TOKEN", "\u0130\u0130 The Token"])
def test_a_pattern_in_lower_case_finds_what_is_written_in_any_case_where_it_stands(text: str) -> None:
    found = either(read_phrases(["the token"], SETS)).search(text)
    assert found is not None
    assert text[slice(*found.span())].lower() == "the token"


def matches(phrase: str, text: str) -> bool:
    return any(Phrases(read_phrases([phrase], SETS)).find(PlainText(text)))


@each_row(
    ("phrase", "text"),
    [
        ("the knowledge base", "It is in The  Knowledge-base, I think."),
        ("the knowledge base", "the\nknowledge base"),
        ("the [own | given] knowledge", "the knowledge, the given knowledge"),
        ("(says? | tells) nothing", "They say nothing."),
        ("according to {my-pages}", "According to my document, yes."),
        ("i was * told", "I was never told."),
        ("from ** words", "from all those many words"),
        ("from ** words", "from words"),
        ("turn # of #", "turn 3 of 12"),
        ("as an ai ... i cannot", "As an AI that lives in a box, I cannot."),
        ("thanks ..., bob .", "Thanks for it all, Bob."),
        ("^ topic", "Fine. Topic one"),
        ("an ai .", "I am an AI, yes."),
        ("help ?", "You want help?"),
        ("the context !(window | of)", "the context is set"),
        ("program* to", "programmed to"),
        ("don't know", "I don\u2019t know."),
        ("für alle", "für alle"),
        ("für alle", "fuer alle"),
        ("the rules & (reply | answer)", "My answer keeps to the rules."),
        ("note :", "A note : this."),
    ],
)
def test_a_phrase_is_found(phrase: str, text: str) -> None:
    assert matches(phrase, text)


@each_row(
    ("phrase", "text"),
    [
        ("the knowledge base", "the knowledge bases"),
        ("the knowledge base", "bathe knowledge base"),
        ("the knowledge base", "the knowledge. Base it on that."),
        ("the prompt", "the prompt's end"),
        ("i was * told", "I was told."),
        ("from ** words", "from one two three four words"),
        ("turn # of #", "turn three of four"),
        ("as an ai ... i cannot", "As an AI. I cannot."),
        ("thanks ..., bob .", "Thanks to Bob."),
        ("^ topic", "a topic"),
        ("an ai .", "an AI model"),
        ("the context !(window | of)", "the context window is small"),
        ("the rules & (reply | answer)", "The rules are short. Reply!"),
    ],
)
def test_what_is_no_such_phrase_is_not(phrase: str, text: str) -> None:
    assert not matches(phrase, text)


@each_row("phrase", ["the (own", "the own)", "* **", "[maybe]", "*ly"])
def test_what_no_text_could_be_asked_for_is_no_phrase(phrase: str) -> None:
    with pytest.raises(ValueError, match=re.escape(phrase)):
        read_phrases([phrase], SETS)


@given(st.lists(st.sampled_from(["a*b", "(c", "d|e", "{f}", "g?", "h!"]), min_size=1, max_size=4))
def test_a_literal_phrase_means_its_characters(words: list[str]) -> None:
    phrase, text = literal_phrase(" ".join(words)), "  ".join(words)
    assert phrase.pattern.search(text)
    assert phrase.may_be_in(set(split_words(text)))


def all_phrases() -> list[Phrase]:
    return [phrase for rule, key in SPOKEN for phrase in language.phrases(rule, key, "nanochat")]


def search(phrase: Phrase, read: PlainText) -> re.Match[str] | None:
    return next(filter(None, (phrase.search(read.text, *span) for span in read.spans)), None)


def test_a_phrase_is_found_wherever_it_stands() -> None:
    every = all_phrases()
    phrases = list(map(every.__getitem__, sweep(len(every))))
    by_words = Phrases(phrases)
    cases = (each for rule in (*PHRASE_RULES, "role-confusion") for each in PER_LINE[rule].positives)
    texts = list(dict.fromkeys(message.content for case in cases for message in case.conversation))
    for text in map(texts.__getitem__, sweep(len(texts))):
        read = PlainText(text)
        found = [match.span() for each in phrases if (match := search(each, read))]
        assert [match.span() for match in by_words.find(read)] == found, text


@given(st.lists(st.sampled_from(["a", "b", ".", "?", "!", '"', " ", ":", "\n", "\v", "\u00e4", "\u4f60"])))
def test_a_stretch_is_one_of_the_words_and_one_of_the_text(pieces: list[str]) -> None:
    read = PlainText("".join(pieces))
    words = [split_words(read.text[start:end]) for start, end in read.spans]
    assert [frozenset([*each, *map(b"%b %b".__mod__, pairwise(each))]) for each in words] == read.stretches
    assert read.words == split_words(read.text)


def test_phrases_are_in_lower_case_as_texts_are() -> None:
    assert [each.source for each in all_phrases() if re.search(r"(?<!\\)[A-Z]", each.source)] == []


@pytest.mark.parametrize("text", ["as an ai " * 500, "the user asks " * 500, "i " * 2000])
def test_a_text_that_repeats_itself_is_read_in_a_moment(text: str) -> None:
    every = all_phrases()
    for place in sweep(len(every)):
        every[place].pattern.search(text)
