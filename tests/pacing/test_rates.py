import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.pacing.rates import MINUTE, Pacer


def test_without_a_figure_nobody_waits() -> None:
    pacer = Pacer(None)
    for _ in range(100):
        pacer.take(0)
    assert pacer.wait(0) == 0


@given(
    st.integers(1, 10_000),
    st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=200),
)
def test_no_minute_ever_holds_more_than_the_figure(per_minute: int, idle: list[float]) -> None:
    pacer, now, sends = Pacer(per_minute), 0.0, []
    for seconds in idle:
        now += seconds
        now += pacer.wait(now)
        pacer.take(now)
        sends.append(now)
    for start in sends:
        assert sum(start <= sent < start + MINUTE - 1e-6 for sent in sends) <= per_minute


@given(st.lists(st.tuples(st.integers(1, 600), st.floats(0.1, 90)), min_size=1, max_size=12))
def test_a_pace_that_changes_allows_as_many_as_it_adds_up_to_and_one(paces: list[tuple[int, float]]) -> None:
    pacer, now, sends, allowed = Pacer(None), 0.0, 0, 0.0
    for per_minute, seconds in paces:
        pacer.change(now, per_minute)
        end = now + seconds
        allowed += per_minute * seconds / MINUTE
        while now + pacer.wait(now) < end:
            now += pacer.wait(now)
            pacer.take(now)
            sends += 1
        now = end
    assert allowed - 1e-6 <= sends <= allowed + 1 + 1e-6


@pytest.mark.parametrize(("estimate", "used"), [(100, 100), (100, 900), (900, 100)])
def test_tokens_are_settled_by_what_a_call_took(estimate: float, used: float) -> None:
    pacer, now, taken = Pacer(6000), 0.0, 0.0
    for _ in range(500):
        now += pacer.wait(now)
        pacer.take(now, estimate)
        pacer.take(now, used - estimate)
        taken += used
    assert taken / (now / MINUTE) == pytest.approx(6000, rel=0.05)


def test_idle_time_is_not_saved_up() -> None:
    pacer = Pacer(60)
    pacer.take(0)
    pacer.take(1000)
    assert pacer.wait(1000) == pytest.approx(1)
