import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.pacing.reach import Reach


def queue(reach: Reach, *, places: int, seconds: float, waves: int) -> Reach:
    """A call that goes alone, then a crowd that all left at once and are served in turn."""
    reach.answered(seconds, 0.0)
    for wave in range(2, waves + 2):
        for _ in range(places):
            reach.answered(wave * seconds, seconds)
    return reach


def test_until_answers_tell_a_few_places_are_taken_for_granted() -> None:
    reach = Reach(300.0, 256, 4)
    assert reach.limit == math.inf
    reach.answered(5.0, 0.0)
    assert reach.limit == 4 * 59


@pytest.mark.parametrize("places", [1, 2, 8])
def test_a_queue_is_served_in_about_half_the_deadline(places: int) -> None:
    reach = queue(Reach(300.0, 256, 4), places=places, seconds=5.0, waves=40)
    assert 0.4 * 300 <= reach.limit / places * 5.0 <= 0.6 * 300


def test_a_deadline_missed_while_others_are_answered_shortens_the_queue() -> None:
    reach = queue(Reach(60.0, 256, 4), places=1, seconds=5.0, waves=2)
    before = reach.limit
    for _ in range(20):
        reach.timed_out(65.0, 5.0)
    assert 1 <= reach.limit < before / 5


def test_silence_is_no_queue() -> None:
    reach = queue(Reach(60.0, 256, 4), places=8, seconds=5.0, waves=4)
    before = reach.limit
    for _ in range(100):
        reach.timed_out(200.0, 140.0)
    assert reach.limit == before


def test_after_an_outage_what_was_taken_for_granted_is_in_reach_again() -> None:
    reach = queue(Reach(60.0, 256, 4), places=1, seconds=25.0, waves=2)
    for _ in range(20):
        reach.timed_out(85.0, 25.0)
    assert reach.limit < 4
    reach.resume()
    assert reach.limit == 4


def test_one_call_that_hangs_among_many_answers_changes_nothing() -> None:
    reach = queue(Reach(60.0, 256, 4), places=256, seconds=5.0, waves=11)
    reach.timed_out(65.0, 5.0)
    assert reach.limit >= 256


@pytest.mark.parametrize("timeout", [7.0, math.inf])
def test_without_a_deadline_that_leaves_time_to_wait_there_is_no_limit(timeout: float) -> None:
    assert queue(Reach(timeout, 256, 4), places=1, seconds=5.0, waves=10).limit == math.inf


@given(
    ends=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 400), st.booleans()), max_size=200),
    timeout=st.floats(0.01, 1000),
)
def test_whatever_ends_when_the_limit_is_above_0(ends: list[tuple[float, float, bool]], timeout: float) -> None:
    reach, now = Reach(timeout, 8, 4), 0.0
    for seconds, took, is_answered in ends:
        now += seconds
        (reach.answered if is_answered else reach.timed_out)(now, now - took)
        assert reach.limit > 0
