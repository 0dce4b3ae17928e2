import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.pacing.outage import CERTAIN, Outage
from asyncgen.timings import USUAL


def down() -> Outage:
    """An outage that began at second 0, with tickets 0 to 23."""
    outage = Outage()
    for ticket in range(int(CERTAIN)):
        outage.failed(0, ticket)
    assert outage.wait(0) > 0
    return outage


def probes(outage: Outage, *, start: float, end: float) -> list[float]:
    times, now = [], start
    while (now := now + outage.wait(now)) < end:
        outage.enter(now)
        times.append(now)
    return times


def test_everybody_leaves_freely_until_failures_are_too_dense_for_chance() -> None:
    outage = Outage()
    for ticket in range(int(CERTAIN) - 1):
        outage.failed(1.0, ticket)
    assert outage.wait(1.0) == 0
    outage.failed(1.0, int(CERTAIN) - 1)
    assert outage.wait(1.0) == USUAL.first_probe


def test_in_an_outage_probes_leave_at_intervals_that_grow() -> None:
    times = probes(down(), start=0, end=20)
    assert 8 <= len(times) <= 15
    assert times[0] == USUAL.first_probe
    assert times[-1] - times[-2] == USUAL.longest_probe


def test_the_order_in_which_calls_break_off_does_not_matter() -> None:
    outage = Outage()
    for ticket in reversed(range(100, 100 + int(CERTAIN))):
        outage.failed(1.0, ticket)
    assert outage.wait(1.0) > 0


@given(st.permutations(range(100, 100 + 2 * int(CERTAIN))))
def test_calls_that_left_together_may_fail_in_any_order(tickets: list[int]) -> None:
    outage = Outage()
    for ticket in tickets:
        outage.failed(1.0, ticket)
    assert outage.wait(1.0) > 0


def test_calls_that_hang_among_calls_that_fail_do_not_hide_an_outage() -> None:
    outage = Outage()
    for ticket in range(100):
        if ticket % 4:
            outage.failed(1.0, ticket)
    assert outage.wait(1.0) > 0


@pytest.mark.parametrize("share", [2, 3, 5, 20])
def test_failures_among_calls_that_go_well_are_no_outage(share: int) -> None:
    outage = Outage()
    for ticket in range(10_000):
        if ticket % share == 0:
            outage.failed(ticket, ticket)
            assert outage.wait(ticket) == 0


def test_an_answer_to_a_call_from_before_the_outage_does_not_end_it() -> None:
    outage = Outage()
    for ticket in range(100, 124):
        outage.failed(1.0, ticket)
    assert not outage.succeeded(99)
    assert outage.wait(1.0) > 0
    assert outage.succeeded(124)
    assert outage.wait(1.0) == 0


def test_an_outage_that_goes_on_after_one_answer_is_known_after_a_few_failures() -> None:
    outage = down()
    assert outage.succeeded(24)
    for ticket in (25, 26, 27):
        outage.failed(5.0, ticket)
    assert outage.wait(5.0) > 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.floats(0, 100)), max_size=200))
def test_nobody_ever_waits_longer_than_the_longest_interval(events: list[tuple[bool, int, float]]) -> None:
    outage, now = Outage(), 0.0
    for is_good, ticket, seconds in events:
        now += seconds
        if is_good:
            outage.succeeded(ticket)
        else:
            outage.failed(now, ticket)
        outage.enter(now + outage.wait(now))
        assert 0 <= outage.wait(now) <= 2 * USUAL.longest_probe
