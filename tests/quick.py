"""What keeps `make test` quick: timings too short to be felt, a few of many long cases, many short ones in a test."""

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

import pytest

from asyncgen.timings import Timings

Row = type(pytest.param())  # a named tuple

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


def each_row(
    names: str | Sequence[str], rows: Iterable[Any], ids: Iterable[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """One test of many rows, for those that take less time than a test takes to be begun; the rows that fail are told.

    Like `pytest.mark.parametrize`, but that the rows share a folder, so that it is for tests that write nothing.
    """
    columns = [names] if isinstance(names, str) else list(names)
    cases = []
    for row, label in zip_longest(rows, ids):
        values, marks, told = row if isinstance(row, Row) else (row if len(columns) > 1 else (row,), (), label)
        assert not marks, "a marked row is a test of its own"
        named = dict(zip(columns, values, strict=True))
        cases.append((named, told or reprlib.repr(named)))

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)
        others = [parameter for name, parameter in signature.parameters.items() if name not in columns]

        @functools.wraps(test)
        def try_each(**others: object) -> None:
            failures: list[BaseException] = []
            for values, told in cases:
                try:
                    test(**others, **values)
                except BaseException as error:
                    error.add_note(f"row: {told}")
                    if not isinstance(error, AssertionError | BaseExceptionGroup | pytest.fail.Exception):
                        raise
                    failures.append(error)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(cases)} rows", failures)

        try_each.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return try_each

    return decorate
