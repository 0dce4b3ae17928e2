"""Figures of agreement: those of a textbook, and what holds for any answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.measures.agreement import measure_agreement, measure_by_question

ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def answers(*, both: int, first: int, second: int, neither: int) -> list[tuple[bool, bool]]:
    counts = {(True, True): both, (True, False): first, (False, True): second, (False, False): neither}
    return [pair for pair, count in counts.items() for _ in range(count)]


def test_two_readers_of_fifty_grants_agree_as_the_textbook_has_it() -> None:
    found = measure_agreement(answers(both=20, first=5, second=10, neither=15))
    assert (found.compared, found.agreed) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.balanced == pytest.approx((20 / 25 + 15 / 25) / 2)


def test_a_judge_who_always_says_yes_is_right_in_most_cases_and_worth_nothing() -> None:
    found = measure_agreement(answers(both=90, first=0, second=10, neither=0))
    assert (found.agreed, found.balanced) == (0.9, 0.5)
    assert found.kappa == pytest.approx(0)


def test_where_everybody_says_the_same_the_figures_say_nothing() -> None:
    found = measure_agreement(answers(both=7, first=0, second=0, neither=0))
    assert (found.agreed, found.kappa, found.balanced) == (1, None, None)


@given(ANSWERS)
def test_kappa_is_the_same_from_both_sides_and_never_above_the_agreement(pairs: list[tuple[bool, bool]]) -> None:
    found, other = measure_agreement(pairs), measure_agreement([(second, first) for first, second in pairs])
    assert 0 <= found.agreed <= 1
    assert found.kappa is None or found.kappa <= found.agreed + 1e-12
    assert found.kappa == pytest.approx(other.kappa)


@given(ANSWERS)
def test_who_repeats_every_answer_agrees_with_all_of_them(pairs: list[tuple[bool, bool]]) -> None:
    found = measure_agreement([(first, first) for first, _ in pairs])
    assert found.agreed == 1
    assert found.kappa in (None, 1)
    assert found.balanced in (None, 1)


def test_each_question_has_figures_of_its_own() -> None:
    found = measure_by_question([("a", True, True), ("b", True, False), ("a", False, True)])
    assert {name: (each.compared, each.agreed) for name, each in found.items()} == {"a": (2, 0.5), "b": (1, 0)}
