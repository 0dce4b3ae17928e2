import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.pacing.outage import CERTAIN, Outage
from asyncgen.timings import USUAL

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from simulation import (  # the benchmark's, which is a script's neighbour and no package
    BAD_GATEWAY,
    BLANK,
    BUSY,
    HANG,
    NO_CONNECTION,
    RESET,
    Down,
    Fault,
    Latency,
    Run,
    Slots,
    constant,
    refusal,
    ten,
)


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


# ---- what it does to a run, in simulation

KINDS = {
    "503": [BUSY],
    "429": [refusal()],
    "502": [BAD_GATEWAY],
    "resets": [RESET],
    "refused connections": [NO_CONNECTION],
    "blanks": [BLANK],
    "hangs": [HANG],
    "a mix": [BUSY, RESET, BAD_GATEWAY, NO_CONNECTION],
    "a mix with hangs": [BUSY, RESET, BAD_GATEWAY, NO_CONNECTION, BLANK, HANG],
    "hints": [refusal(2.0)],
}


def run_through(
    down: Down,
    *,
    in_flight: int,
    latency: Latency = constant,
    seconds: float = 45.0,
    seed: int = 0,
    adaptive: bool = True,
) -> Run:
    endpoint = Slots(100_000, random=Random(seed))
    run = Run(endpoint, ceiling=in_flight, latency=latency, down=[down], seed=seed, adaptive=adaptive)
    return run.go(down.end + seconds)


@pytest.mark.parametrize("faults", KINDS.values(), ids=KINDS)
def test_an_outage_of_any_kind_sees_what_was_in_flight_and_a_trickle(faults: Sequence[Fault]) -> None:
    run = run_through(Down(10, 30, faults), in_flight=256, seconds=0)
    assert run.calls(10, 30) <= 2 * 256
    assert run.calls(15, 30) <= 30
    assert run.given_up == 0


@pytest.mark.parametrize("faults", KINDS.values(), ids=KINDS)
def test_with_a_fixed_limit_an_outage_of_any_kind_is_met_with_single_probes_too(faults: Sequence[Fault]) -> None:
    run = run_through(Down(10, 30, faults), in_flight=32, seconds=0, adaptive=False)
    assert run.calls(15, 30) <= 30


def test_a_fixed_limit_that_is_too_high_is_no_outage() -> None:
    run = Run(Slots(20), ceiling=64, latency=constant, adaptive=False).go(10)
    assert run.share_used(5) >= 0.95


def test_fifteen_seconds_of_resets_cost_little_more_than_what_was_in_flight() -> None:
    run = run_through(Down(10, 25, [RESET], cuts=True), in_flight=256, seconds=0)
    assert len(run.failed) <= 256 + 60


@pytest.mark.parametrize(
    ("down", "in_flight"),
    [
        pytest.param(Down(10, 20, [NO_CONNECTION], cuts=True), 50, id="gone for 10 s"),
        pytest.param(Down(10, 30, [NO_CONNECTION], cuts=True), 100, id="gone for 20 s"),
        pytest.param(Down(10, 13, [NO_CONNECTION], cuts=True), 8, id="a gateway started again"),
        *(
            pytest.param(Down(10, 30, faults), 50, id=f"20 s of {kind}")
            for kind, faults in KINDS.items()
            if HANG not in faults
        ),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_what_was_served_before_an_outage_is_served_soon_after(down: Down, in_flight: int, seed: int) -> None:
    run = run_through(down, in_flight=in_flight, seconds=20, seed=seed)
    before = run.answers_per_second(down.start - 2, down.start)
    assert run.seconds_to_rate(0.9 * before, down.end, over=2) <= 15


def test_after_an_outage_with_slow_answers_it_takes_three_of_them() -> None:
    down = Down(60, 80, [BUSY])
    run = run_through(down, in_flight=50, latency=ten)
    before = run.answers_per_second(50, 60)
    assert run.seconds_to_rate(0.9 * before, down.end, over=10) <= 30


def test_a_limit_that_was_found_is_found_again_after_an_outage() -> None:
    run = Run(Slots(40, 1.0), ceiling=256, latency=constant, down=[Down(40, 60, [BAD_GATEWAY], cuts=True)]).go(90)
    assert run.share_used(75) >= 0.9
    assert run.refused_per_1000(61) <= 20


def test_a_server_that_hangs_is_given_up_after_a_deadline_and_the_time_given() -> None:
    run = Run(Slots(100_000), ceiling=64, latency=constant, down=[Down(5, 1e9, [HANG])]).go(10_000)
    assert run.now <= 1.1 * (300 + 600)


def test_short_named_waits_are_not_given_up_before_the_time_given_and_long_ones_survive() -> None:
    short = Run(Slots(100_000), ceiling=16, latency=constant, down=[Down(5, 1e9, [refusal(1.0)])]).go(10_000)
    assert 600 <= short.now < 650
    quota = Run(Slots(100_000), ceiling=4, latency=constant, number=60, down=[Down(5, 8 * 3600, [refusal(3600.0)])])
    assert len(quota.go(12 * 3600).answered) == 60
