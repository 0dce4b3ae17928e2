import argparse
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.did_you_mean import did_you_mean
from asyncgen.runs.values import MOST, seed, whole


@each_row(
    ("text", "number"),
    [
        ("1", 1),
        ("20000", 20_000),
        (" 7", 7),
        ("1_000", 1000),
        ("20,000", 20_000),
        ("1,000,000", 1_000_000),
        ("20k", 20_000),
        ("20K", 20_000),
        ("1m", 1_000_000),
        ("1.5M", 1_500_000),
        ("0.001k", 1),
        ("1_500k", 1_500_000),
    ],
)
def test_whole_numbers_from_the_minimum_on_are_taken(text: str, number: int) -> None:
    assert whole(1)(text) == number


@each_row(
    "text",
    [
        "0",
        "-3",
        "1.5",
        "1e3",
        "",
        "many",
        "nan",
        "20.000",
        "1,5",
        "1,0000",
        "1.0001k",
        "k",
        "2 k",
        "1__0",
        "_1",
        "\u0663",
        "0k",
    ],
)
def test_everything_else_is_told_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number of 1 or more, got"):
        whole(1)(text)


def test_thousands_of_digits_are_no_number() -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        whole(1)("1" * 5000)


def test_a_number_that_no_clock_could_count_to_is_told_the_limit() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"{MOST:,} at most"):
        whole(1)(str(MOST + 1))


@given(st.integers(1, MOST))
def test_a_number_reads_the_same_with_and_without_separators(number: int) -> None:
    assert whole(0)(str(number)) == whole(0)(f"{number:,}") == whole(0)(f"{number:_}") == number


@given(st.integers(-sys.maxsize, sys.maxsize))
def test_a_seed_may_be_negative(number: int) -> None:
    assert seed(str(number)) == number


@each_row("text", ["x", "1.5", "--1", "9" * 30, ""])
def test_what_is_no_seed_is_told_so(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number"):
        seed(text)


@each_row(
    ("word", "hint"),
    [
        ("--nun", "; did you mean --num?"),
        ("--save_metadata", "; did you mean --save-metadata?"),
        ("--NUM", "; did you mean --num?"),
        ("N", "; did you mean -n?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_what_is_nearly_a_flag_is_told_which(word: str, hint: str) -> None:
    assert did_you_mean(word, ("--num", "-n", "--save-metadata")) == hint
