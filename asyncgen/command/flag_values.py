"""Kinds of values that flags take beside the settings of a run, each with the sentence for what is none."""

import argparse
from collections.abc import Callable

from asyncgen.runs.values import number_or_nan
from asyncgen.shards.choice import ShardChoice


def portion(text: str) -> float:
    """A part of one, also in percent; NaN where it is none."""
    return number_or_nan(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def limit(text: str) -> tuple[str, float]:
    """RULE=RATE, the rate as a share or in percent."""
    rule, equals, rate = text.partition("=")
    number = portion(rate)
    if not (rule and equals and 0 <= number <= 1):
        raise argparse.ArgumentTypeError(f"expected RULE=RATE with a rate such as 0.01 or 1%, got {text!r}")
    return rule, number


def similarity(text: str) -> float:
    number = portion(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a similarity above 0, 1 at most, got {text!r}")
    return number


def between(least: int, most: int) -> Callable[[str], int]:
    """A whole number in plain digits."""

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) else -1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected {least} to {most}, got {text!r}")
        return number

    return parse


port = between(0, 65535)
jobs = between(1, 999)  # processes


def share(text: str) -> float:
    number = portion(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, or in percent, got {text!r}")
    return number


def score(text: str) -> tuple[str, float]:
    """QUESTION=SCORE."""
    name, equals, least = text.partition("=")
    number = portion(least)
    if not (name and equals and 0 < number <= 1):
        raise argparse.ArgumentTypeError(f"expected QUESTION=SCORE with a score above 0, 1 at most, got {text!r}")
    return name, number


def condition(text: str) -> tuple[str, str]:
    """DIMENSION=TEXT."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected DIMENSION=TEXT, got {text!r}")
    return name, value


def shard_choice(text: str) -> ShardChoice:
    try:
        return ShardChoice.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
