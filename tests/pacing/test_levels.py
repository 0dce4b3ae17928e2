"""How runs that share an endpoint divide it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.levels import Level, fair_share

LEVELS = st.lists(
    st.builds(Level, aim=st.integers(0, 500), most=st.integers(0, 500), is_refused=st.booleans()), min_size=2
)


@given(LEVELS)
def test_together_they_have_what_they_have_now(levels: list[Level]) -> None:
    fair = fair_share(levels)
    if not any(each.is_refused for each in levels):
        assert fair is None
    else:
        assert fair is not None
        now = sum(min(each.aim, each.most) for each in levels)
        assert sum(min(fair, each.most) for each in levels) == pytest.approx(now)


def test_who_is_alone_or_refused_nothing_shares_nothing() -> None:
    assert fair_share([Level(9, 256, is_refused=True)]) is None
    assert fair_share([Level(200, 256, is_refused=False), Level(8, 256, is_refused=False)]) is None


def test_who_wants_less_leaves_the_rest_to_the_others() -> None:
    assert fair_share([Level(60, 256, True), Level(120, 256, False), Level(20, 20, False)]) == 90


def test_a_limit_goes_half_of_the_way_down_at_once_and_up_with_answers() -> None:
    high, low = Concurrency(256), Concurrency(256)
    for concurrency in (high, low):
        settle(concurrency, 100)
    high.share(50.0)
    assert high.limit == 75
    low.share(150.0)
    assert (low.limit, low.aim) == (95, 125)
    assert answered(low, seconds=8) >= 125


def test_who_is_near_enough_to_its_share_or_at_a_ceiling_below_it_stays_there() -> None:
    concurrency = Concurrency(256)
    settle(concurrency, 100)
    concurrency.share(98.0)
    assert concurrency.limit == 95
    narrow = Concurrency(8)
    narrow.share(100.0)
    assert narrow.limit == 8


def settle(concurrency: Concurrency, capacity: int) -> None:
    """Have it refused as if so many were served."""
    while concurrency.limit < capacity + 10:
        concurrency.succeeded(0.0, concurrency.start(), sent=0.0, is_saturated=True)
    while concurrency.limit > capacity:
        concurrency.overloaded(concurrency.start(), in_flight=capacity, is_hinted=False)
    assert concurrency.limit == 95 * capacity // 100


def answered(concurrency: Concurrency, *, seconds: int) -> int:
    """The limit, when as many calls as it allows have been answered in each of some seconds."""
    start = concurrency.latest_cut
    for second in range(seconds):
        for _ in range(concurrency.limit):
            concurrency.succeeded(start + second, concurrency.start(), sent=start + second - 1, is_saturated=True)
    return concurrency.limit
