"""How long calls may only fail: times in a table, no clock."""

import pytest

from asyncgen.errors import (
    ConnectionFailedError,
    NoAnswerError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TransientError,
)
from asyncgen.runs.patience import DAY, Patience
from asyncgen.timings import USUAL

GIVE_UP = 600.0


def failing() -> TransientError:
    return ServerError("broken", status=500)


def worn(*failures: tuple[float, TransientError], has_worked: bool = True, give_up: float = GIVE_UP) -> Patience:
    patience = Patience(give_up, has_worked=has_worked)
    for now, error in failures:
        patience.wear(error, now)
    return patience


def is_over(*failures: tuple[float, TransientError], has_worked: bool = True) -> bool:
    return worn(*failures, has_worked=has_worked).left(failures[-1][0]) <= 0


@pytest.mark.parametrize(
    "error", [failing(), ConnectionFailedError("no connection"), NoAnswerError("blank"), TimedOutError("late")]
)
def test_an_endpoint_that_has_never_answered_is_given_half_a_minute(error: TransientError) -> None:
    assert not is_over((0, error), (USUAL.fruitless - 1, error), has_worked=False)
    assert is_over((0, error), (USUAL.fruitless, error), has_worked=False)
    assert not is_over((0, error), (USUAL.fruitless, error))
    assert is_over((0, error), (GIVE_UP, error))


def test_one_that_says_not_now_is_there() -> None:
    loading = RateLimitedError("loading the model", status=503)
    assert not is_over((0, loading), (USUAL.fruitless * 2, loading), has_worked=False)
    assert is_over((0, loading), (GIVE_UP, loading), has_worked=False)


def test_a_server_that_hangs_is_given_up_after_the_time_and_not_after_so_many_calls() -> None:
    late = TimedOutError("late", maybe_billed=True)
    assert is_over((300, late), (600, late), (900, late))


def test_the_first_call_may_take_as_long_as_it_likes() -> None:
    assert worn((GIVE_UP * 2, failing())).failing_seconds == 0


def test_an_answer_begins_the_time_anew() -> None:
    patience = worn((0, failing()), (599, failing()))
    patience.restore()
    patience.wear(failing(), 601)
    assert patience.left(601) == GIVE_UP
    assert patience.failing_seconds == 0


def test_a_long_wait_that_was_named_is_no_failing() -> None:
    hour = RateLimitedError("later", retry_after=3600.0)
    assert worn((0, failing()), (1, hour), (3602, failing())).failing_seconds == 2


@pytest.mark.parametrize(
    ("seconds", "least", "most"),
    [(1.0, GIVE_UP, GIVE_UP + 60), (60.0, GIVE_UP, GIVE_UP + 120), (3600.0, DAY, DAY + GIVE_UP + 2 * 3600)],
)
def test_named_waits_that_never_end_are_borne_for_the_time_given_and_long_ones_for_a_day(
    seconds: float, least: float, most: float
) -> None:
    patience, now = Patience(GIVE_UP, has_worked=True), 0.0
    while patience.trouble is None or patience.left(now) > 0:
        patience.wear(RateLimitedError("later", retry_after=seconds), now)
        patience.wear(RateLimitedError("later", retry_after=seconds), now + 0.5)
        now += seconds + 1.0
    assert least <= now <= most
