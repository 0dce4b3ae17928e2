"""What the limit and the outage do to a run, in simulation: hours of calls, in seconds of the processor's time.

A tracer would make minutes of these seconds, for lines that other tests run as well: coverage is not measured here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean

import pytest
from quick import first

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from simulation import (  # the benchmark's, which is a script's neighbour and no package
    BAD_GATEWAY,
    BLANK,
    BUSY,
    HANG,
    NO_CONNECTION,
    RESET,
    Bucket,
    Down,
    Endpoint,
    Fault,
    Latency,
    Queue,
    Run,
    Slots,
    Window,
    constant,
    five,
    long_tail,
    refusal,
    share_endpoint,
    ten,
    uniform,
)

pytestmark = pytest.mark.no_cover

HINTS = pytest.mark.parametrize("retry_after", [0.0, 1.0], ids=["bare", "hinted"])


# ---- what the limit reaches


@HINTS
@pytest.mark.parametrize(
    ("capacity", "latency", "warm_up", "seconds"),
    [
        (1, uniform, 120, 400),
        pytest.param(1, long_tail, 120, 400, marks=pytest.mark.slow),
        (20, constant, 20, 120),
        pytest.param(20, long_tail, 20, 200, marks=pytest.mark.slow),
        pytest.param(200, uniform, 20, 70, marks=pytest.mark.slow),
        pytest.param(200, long_tail, 20, 70, marks=pytest.mark.slow),
    ],
)
def test_a_limit_on_concurrency_is_used_and_seldom_touched(
    capacity: int, latency: Latency, warm_up: float, seconds: float, retry_after: float
) -> None:
    run = Run(Slots(capacity, retry_after), ceiling=256, latency=latency).go(seconds)
    assert run.share_used(warm_up) >= 0.88
    assert run.refused_per_1000(warm_up) <= 20
    assert run.seconds_to_share(0.9) <= 15


@pytest.mark.slow
def test_a_limit_of_2000_is_found_within_seconds() -> None:
    run = Run(Slots(2000, 1.0), ceiling=4000).go(22)
    assert run.seconds_to_share(0.9) <= 15
    assert run.share_used(12) >= 0.85
    assert run.refused_per_1000(12) <= 20


@pytest.mark.parametrize(
    ("endpoint", "latency"),
    [
        (Bucket(10, 10), constant),
        pytest.param(Bucket(10, 10), uniform, marks=pytest.mark.slow),
        pytest.param(Bucket(100, 100), long_tail, marks=pytest.mark.slow),
        (Window(600, 60), long_tail),
        pytest.param(Window(100, 10), uniform, marks=pytest.mark.slow),
        pytest.param(Window(1000, 10), uniform, marks=pytest.mark.slow),
    ],
)
def test_a_limit_on_the_rate_is_used_and_seldom_touched(endpoint: Endpoint, latency: Latency) -> None:
    run = Run(endpoint, ceiling=256, latency=latency).go(150)
    assert run.share_used(60) >= 0.88
    assert run.refused_per_1000(60) <= 25


@pytest.mark.slow
@HINTS
@pytest.mark.parametrize("latency", [constant, long_tail])
def test_capacity_that_drops_and_comes_back_is_found_again(latency: Latency, retry_after: float) -> None:
    run = Run(Slots(200, retry_after, changes=((30, 20), (60, 200))), ceiling=256, latency=latency).go(90)
    assert run.share_used(40, 60) >= 0.7
    assert run.share_used(75) >= 0.85
    assert run.refused_per_1000() <= 30


@pytest.mark.slow
@pytest.mark.parametrize(("retry_after", "learnt"), [(0.0, 40.0), (1.0, 60.0)])
@pytest.mark.parametrize("latency", [constant, long_tail])
def test_refusals_at_random_do_not_drive_the_limit_down(latency: Latency, retry_after: float, learnt: float) -> None:
    run = Run(Slots(256, retry_after, moody=0.1), ceiling=256, latency=latency).go(learnt + 15)
    assert run.share_used(learnt) >= 0.9
    assert run.lowest_limit(learnt) >= 200


@pytest.mark.slow
@pytest.mark.parametrize("retry_after", [1.0, 0.0])
def test_a_limit_is_found_among_refusals_at_random(retry_after: float) -> None:
    run = Run(Slots(50, retry_after, moody=0.05), ceiling=256, latency=uniform).go(120)
    assert run.share_used(80) >= 0.85
    assert run.refused_per_1000(80) <= 120


def test_an_endpoint_that_never_refuses_is_given_the_ceiling_within_seconds() -> None:
    run = Run(Slots(10_000), ceiling=256, latency=uniform).go(9)
    assert run.concurrency.limit == 256


def test_a_fixed_limit_is_not_moved_by_refusals() -> None:
    run = Run(Slots(20), ceiling=64, adaptive=False).go(2)
    assert run.refused
    assert run.trace == [(0.0, 64)]


@pytest.mark.slow
def test_steady_hinted_refusals_do_not_hold_the_limit_at_1_once_the_endpoint_recovers() -> None:
    run = Run(Slots(0, 1.0, changes=((120, 200),)), ceiling=256, latency=uniform).go(200)
    assert run.share_used(180) >= 0.85


# ---- several runs at one endpoint


@pytest.mark.parametrize(
    ("runs", "capacity", "seconds", "least", "retry_after"),
    [
        (3, 40, 50.0, 0.3, 0.0),
        pytest.param(4, 100, 50.0, 0.3, 0.0, marks=pytest.mark.slow),
        pytest.param(4, 100, 50.0, 0.3, 1.0, marks=pytest.mark.slow),
        pytest.param(8, 400, 200.0, 0.5, 0.0, marks=pytest.mark.slow),
    ],
)
def test_runs_that_share_a_capacity_use_it_and_leave_each_other_room(
    runs: int, capacity: int, seconds: float, least: float, retry_after: float
) -> None:
    endpoint = Slots(capacity, retry_after)
    all_of_them = share_endpoint(
        endpoint, [(2.0 * each, seconds) for each in range(runs)], ceiling=min(256, 3 * capacity), latency=uniform
    )
    start = seconds / 2
    assert endpoint.share_used(start, seconds) >= (0.8 if retry_after else 0.9)
    fair = capacity / runs
    shares = [run.answers_per_second(start, seconds) / fair for run in all_of_them]
    assert min(shares) >= least
    assert max(shares) <= 1.8
    assert sum(run.refused_per_1000(start) for run in all_of_them) / runs <= 60


@pytest.mark.parametrize("kind", first(0, [(uniform, 0.0), (uniform, 1.0), (long_tail, 0.0), (five, 0.0), (five, 1.0)]))
@pytest.mark.parametrize("joins", [14.0, 60.0])
def test_runs_that_tell_each_other_their_levels_share_a_capacity_evenly(
    kind: tuple[Latency, float], joins: float
) -> None:
    latency, retry_after = kind
    endpoint = Slots(400, retry_after)
    spans = [(2.0 * each, 160.0) for each in range(7)]
    runs = share_endpoint(endpoint, [*spans, (joins, 160.0)], ceiling=256, latency=latency, told_every=5.0)
    assert endpoint.share_used(100.0, 160.0) >= (0.85 if retry_after else 0.95)
    shares = [run.answers_per_second(100.0, 160.0) for run in runs]
    assert min(shares) >= 0.75 * mean(shares)
    assert max(shares) <= 1.33 * mean(shares)


# ---- how soon


def seconds_of_waves(number: int, *, at_once: int, latency: float) -> float:
    """The least a run can take: a first call, then full waves."""
    return latency + -(-(number - 1) // at_once) * latency


@pytest.mark.parametrize(
    ("number", "retry_after", "moody", "times"),
    [
        pytest.param(1000, 0.0, 0.0, 1.2, id="nothing refused"),
        pytest.param(100, 0.0, 0.0, 1.3, id="a small run"),
        pytest.param(1000, 1.0, 0.03, 1.3, id="3 % refused, with a hint"),
        pytest.param(1000, 0.0, 0.1, 1.3, id="10 % refused, without"),
    ],
)
@pytest.mark.parametrize("seed", first(1, range(5)))
def test_a_run_is_at_full_speed_at_once(number: int, retry_after: float, moody: float, times: float, seed: int) -> None:
    endpoint = Slots(100_000, retry_after, moody=moody, random=Random(seed))
    run = Run(endpoint, ceiling=256, latency=five, number=number, seed=seed).go()
    assert len(run.answered) == number
    assert run.now <= times * seconds_of_waves(number, at_once=256, latency=5.0)


@pytest.mark.parametrize("latency", first(1, [five, constant, uniform]))
def test_a_refused_probe_pauses_nobody_else(latency: Latency) -> None:
    run = Run(Slots(40, 1.0), ceiling=256, latency=latency).go(120)
    assert run.share_used(20) >= 0.9
    assert run.refused_per_1000(20) <= 20


@pytest.mark.parametrize("retry_after", [0.0, 1.0, 5.0])
def test_a_gateway_with_two_places_serves_at_nearly_its_speed(retry_after: float) -> None:
    run = Run(Slots(2, retry_after), ceiling=256, latency=lambda _: 2.0, number=30).go()
    assert run.now <= 1.3 * 32


# ---- a queue


@pytest.mark.parametrize("timeout", first(1, [60.0, 300.0]))
@pytest.mark.parametrize("seconds", first(1, [5.0, 1.0, 30.0]))
@pytest.mark.parametrize("slots", first(2, [1, 4, 2, 8]))
def test_a_queue_is_never_longer_than_its_deadline(slots: int, seconds: float, timeout: float) -> None:
    run = Run(Queue(slots), ceiling=256, latency=lambda _: seconds, timeout=timeout).go(900)
    assert run.share_used(60) >= 0.95
    if timeout > 2 * seconds:  # else who waits at all is late
        assert [ended for ended in run.failed if ended - timeout > 60] == []
    if timeout > 2 * seconds and slots >= 4:  # as many as are taken for granted
        assert run.failed == []


@pytest.mark.parametrize("wastes", [False, True], ids=["forgets", "serves"])
@pytest.mark.parametrize("slots", [1, 2, 4])
def test_a_server_known_to_have_one_place_loses_no_call(slots: int, *, wastes: bool) -> None:
    run = Run(Queue(slots, wastes=wastes), ceiling=256, latency=five, timeout=60.0, places=1).go(600)
    assert run.failed == []
    assert run.share_used(10) >= 0.95


# ---- an outage

KINDS = {
    "503": [BUSY],
    "429": [refusal()],
    "hints": [refusal(2.0)],
    "502": [BAD_GATEWAY],
    "resets": [RESET],
    "refused connections": [NO_CONNECTION],
    "blanks": [BLANK],
    "hangs": [HANG],
    "a mix": [BUSY, RESET, BAD_GATEWAY, NO_CONNECTION],
    "a mix with hangs": [BUSY, RESET, BAD_GATEWAY, NO_CONNECTION, BLANK, HANG],
}
EVERY_KIND = pytest.mark.parametrize("faults", first(2, KINDS.values()), ids=KINDS)


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


@EVERY_KIND
@pytest.mark.parametrize("in_flight", first(1, [64, 256]))
def test_an_outage_of_any_kind_sees_what_was_in_flight_and_a_trickle(in_flight: int, faults: Sequence[Fault]) -> None:
    run = run_through(Down(10, 30, faults), in_flight=in_flight, seconds=0)
    assert run.calls(10, 30) <= 2 * in_flight
    assert run.calls(15, 30) <= 30
    assert run.given_up == 0


@EVERY_KIND
def test_with_a_fixed_limit_an_outage_of_any_kind_is_met_with_single_probes_too(faults: Sequence[Fault]) -> None:
    run = run_through(Down(10, 30, faults), in_flight=32, seconds=0, adaptive=False)
    assert run.calls(15, 30) <= 30


def test_a_fixed_limit_that_is_too_high_is_no_outage() -> None:
    run = Run(Slots(10), ceiling=32, latency=constant, adaptive=False).go(6)
    assert run.share_used(3) >= 0.95


@pytest.mark.parametrize("in_flight", first(1, [64, 256]))
def test_fifteen_seconds_of_resets_cost_little_more_than_what_was_in_flight(in_flight: int) -> None:
    run = run_through(Down(10, 25, [RESET], cuts=True), in_flight=in_flight, seconds=0)
    assert len(run.failed) <= in_flight + 60


@pytest.mark.parametrize(
    ("down", "in_flight"),
    [
        pytest.param(Down(10, 20, [NO_CONNECTION], cuts=True), 50, id="gone for 10 s"),
        pytest.param(Down(10, 30, [NO_CONNECTION], cuts=True), 100, id="gone for 20 s"),
        pytest.param(Down(10, 13, [NO_CONNECTION], cuts=True), 8, id="a gateway started again"),
        *(
            pytest.param(Down(10, 30, faults), 50, id=f"20 s of {kind}", marks=pytest.mark.slow)
            for kind, faults in KINDS.items()
            if HANG not in faults
        ),
    ],
)
@pytest.mark.parametrize("seed", first(1, range(2)))
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
