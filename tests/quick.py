"""What keeps `make test` quick: timings that are too short to be felt, and of many long cases a few."""

from collections.abc import Iterable
from typing import Any

import pytest

from asyncgen.timings import Timings

# Long enough to come in their order.
QUICK = Timings(
    first_backoff=0.002,
    longest_backoff=0.02,
    hint_spread=0.002,
    pause_spread=0.01,
    first_probe=0.01,
    longest_probe=0.02,
    frame=0.01,
    plain_line=0.01,
    first_look=0.02,
    longest_look=0.05,
    look_up=0.02,
    longest_look_up=0.2,
    gather=0.002,
)


def first(number: int, cases: Iterable[object]) -> list[Any]:
    """So many of the cases are quick ones; the others are run by `make check` alone."""
    return [pytest.param(case, marks=() if place < number else pytest.mark.slow) for place, case in enumerate(cases)]
