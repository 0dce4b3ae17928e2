"""How much a test looks at that could look at everything: with many examples at all positions, here and there with few.

`make check` chooses the one, `make test` the other (the profiles of hypothesis in `conftest.py`).
"""

from itertools import count

from hypothesis import settings

THOROUGH = 60  # examples a property in `make check`
STRIDE = 7  # prime, so that a period in what is swept does not hide it


def at_most(examples: int) -> settings:
    """For a property whose examples take long; there are never more than of any other."""
    return settings(max_examples=min(examples, settings().max_examples), deadline=None)


def sweep(stop: int) -> range:
    """Of the positions from 0 up to `stop`."""
    return range(0, stop, _stride())


def sweep_on() -> "count[int]":
    """Of the positions from 0 on, of which nobody knows how many there are."""
    return count(0, _stride())


def at_least(few: int, many: int) -> int:
    """`many` in `make check`, `few` where as much is promised of them."""
    return many if _is_thorough() else few


def _stride() -> int:
    return 1 if _is_thorough() else STRIDE


def _is_thorough() -> bool:
    return settings().max_examples >= THOROUGH
