"""Kinds of values that the settings of a run take, each with the sentence for what is none.

They are read from text, as flags have it. argparse shows the message of its ArgumentTypeError as it is.
"""

import argparse
import math
import re
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

MOST = 10**15  # of anything that is counted: exact as a float, and no more digits than a person reads
_MAX_AMOUNT = 20  # characters of a sum, so that products of it stay exact
_MOST_DOLLARS = 10**9
_SUFFIXES = {"": 1, "k": 1_000, "m": 1_000_000}
# 20000, 20_000, 20,000; with a suffix also 1.5m. Without one there is no point: some write 20.000 for 20,000.
_WHOLE = re.compile(r"(\d+(?:_\d+)*|\d{1,3}(?:,\d{3})+)(?:(\.\d+)?([km])|)", re.ASCII | re.IGNORECASE)
_MOST_CHARACTERS = 40


def whole(minimum: int) -> Callable[[str], int]:
    """A whole number from `minimum` on, also written as 20k, 1.5m, 20_000 or 20,000."""

    def parse(text: str) -> int:
        number = _read_whole(text)
        if number is None or not minimum <= number <= MOST:
            limit = f"{minimum} or more" if number is None or number < minimum else f"{MOST:,} at most"
            raise argparse.ArgumentTypeError(f"expected a whole number of {limit}, got {text!r}")
        return number

    return parse


def seed(text: str) -> int:
    """Any whole number that a journal can hold."""
    number = _read_whole(text.removeprefix("-"))
    if number is None or number > sys.maxsize:
        raise argparse.ArgumentTypeError(f"expected a whole number, {sys.maxsize} at most, got {text!r}")
    return -number if text.startswith("-") else number


def _read_whole(text: str) -> int | None:
    match = _WHOLE.fullmatch(text.strip()) if len(text) <= _MOST_CHARACTERS else None
    if match is None:
        return None
    digits = re.sub("[_,]", "", match[1]) + (match[2] or "")
    number = Decimal(digits) * _SUFFIXES[(match[3] or "").lower()]
    return int(number) if number == int(number) else None


def variable(text: str) -> tuple[str, str]:
    """A name and what stands for it, which is one line."""
    name, is_set, value = text.partition("=")
    if not is_set or not name or not value.isprintable():
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE on one line, got {text!r}")
    return name, value.strip()


def seconds(text: str) -> float:
    return _read_float(text, least=0.001, what="seconds above 0")


def seconds_or_none(text: str) -> float:
    return _read_float(text, least=0, what="seconds, 0 or more")


def temperature(text: str) -> float:
    return _read_float(text, least=0, what="a temperature, 0 or more")


def _read_float(text: str, *, least: float, what: str) -> float:
    number = number_or_nan(text)
    if not least <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return number


def number_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def budget(text: str) -> Decimal:
    return _read_dollars(text, least=Decimal("0.000001"), what="US dollars above 0")


def price(text: str) -> Decimal:
    return _read_dollars(text, least=Decimal(0), what="US dollars, 0 or more")


def _read_dollars(text: str, *, least: Decimal, what: str) -> Decimal:
    try:
        amount = Decimal(text) if len(text) <= _MAX_AMOUNT else Decimal("nan")
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and least <= amount <= _MOST_DOLLARS):
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return amount
