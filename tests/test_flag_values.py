import argparse

import pytest

from asyncgen.flag_values import whole


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("20000", 20_000), (" 7", 7), ("1_000", 1000)])
def test_whole_numbers_from_the_minimum_on_are_taken(text: str, number: int) -> None:
    assert whole(1)(text) == number


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "1e3", "", "many", "nan"])
def test_everything_else_is_told_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number of 1 or more, got"):
        whole(1)(text)
