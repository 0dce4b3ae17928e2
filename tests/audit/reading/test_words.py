import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.audit.reading.words import WordNumbers, hash_shingles, split_sentences, split_words

PRINT_SHINGLES = """
from asyncgen.audit.reading.words import WordNumbers, hash_shingles, split_words
print(list(hash_shingles(WordNumbers().number(split_words("one two three four naïve")), 3)))
"""


@each_row(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("don't; 'quoted' x0_lambda", ["dont", "quoted", "x0_lambda"]),
        ("don’t “say” it — ever…", ["dont", "say", "it", "ever"]),
        ("1,384,124,976 at 3.04 h", ["1", "384", "124", "976", "at", "3", "04", "h"]),
        ("NAÏVE Übung", ["naïve", "übung"]),
        ("你好吗 nanochat", ["你", "好", "吗", "nanochat"]),
        ("a\u00a0b\u2003c", ["a", "b", "c"]),
        ("?! ... --", []),
        ("", []),
    ],
)
def test_words_are_lower_case_and_without_punctuation(text: str, words: list[str]) -> None:
    assert [word.decode() for word in split_words(text)] == words


@given(st.text())
def test_sentences_hold_the_words_of_the_text(text: str) -> None:
    assert [word for sentence in split_sentences(text) for word in sentence] == split_words(text)


def test_a_lone_surrogate_is_no_reason_to_stop() -> None:
    assert split_words("before \ud800 after")[0] == b"before"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is 1.5. Two? Three!", [["one", "is", "1", "5"], ["two"], ["three"]]),
        ("In short: it is llm.c\nand more", [["in", "short"], ["it", "is", "llm", "c"], ["and", "more"]]),
        ('He said "no." Then he left.', [["he", "said", "no"], ["then", "he", "left"]]),
    ],
)
def test_a_sentence_ends_at_its_mark_at_a_colon_or_at_a_line(text: str, sentences: list[list[str]]) -> None:
    assert [[word.decode() for word in sentence] for sentence in split_sentences(text)] == sentences


def test_shingles_are_the_same_in_every_process() -> None:
    outputs = {
        subprocess.check_output([sys.executable, "-c", PRINT_SHINGLES], env={"PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@given(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12), st.integers(1, 4))
def test_shingles_are_equal_where_the_words_are(words: list[bytes], size: int) -> None:
    runs = [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
    shingles = list(hash_shingles(WordNumbers().number(words), size))
    assert len(shingles) == len(runs)
    assert len(set(shingles)) == len(set(runs)) == len(set(zip(shingles, runs, strict=True)))


def test_what_is_known_of_words_is_bounded_and_forgetting_changes_nothing() -> None:
    words = [b"%d" % (number % 5) for number in range(50)]
    forgetful = WordNumbers(most_known=3)
    assert forgetful.number(words) == WordNumbers().number(words)
    assert len(forgetful._numbers) <= 3
