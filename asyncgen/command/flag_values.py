"""Kinds of values that flags take beside the settings of a run, each with the sentence for what is none."""

import argparse

from asyncgen.runs.values import number_or_nan
from asyncgen.shards.choice import Choice

MAX_PORT = 65535
MAX_JOBS = 999  # processes


def limit(text: str) -> tuple[str, float]:
    """RULE=RATE, the rate as a share or in percent."""
    rule, equals, rate = text.partition("=")
    number = number_or_nan(rate.removesuffix("%")) / (100 if rate.endswith("%") else 1)
    if not (rule and equals and 0 <= number <= 1):
        raise argparse.ArgumentTypeError(f"expected RULE=RATE with a rate such as 0.01 or 1%, got {text!r}")
    return rule, number


def similarity(text: str) -> float:
    number = number_or_nan(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a similarity above 0, 1 at most, got {text!r}")
    return number


def jobs(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_JOBS)) else 0
    if not 1 <= number <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"expected 1 to {MAX_JOBS}, got {text!r}")
    return number


def share(text: str) -> float:
    number = number_or_nan(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, got {text!r}")
    return number


def score(text: str) -> tuple[str, float]:
    """QUESTION=SCORE."""
    name, equals, least = text.partition("=")
    number = number_or_nan(least)
    if not (name and equals and 0 < number <= 1):
        raise argparse.ArgumentTypeError(f"expected QUESTION=SCORE with a score above 0, 1 at most, got {text!r}")
    return name, number


def condition(text: str) -> tuple[str, str]:
    """DIMENSION=TEXT."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected DIMENSION=TEXT, got {text!r}")
    return name, value


def shard_choice(text: str) -> Choice:
    try:
        return Choice.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len("65535") else -1
    if not 0 <= number <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"expected 0 to {MAX_PORT}, got {text!r}")
    return number
