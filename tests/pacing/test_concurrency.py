from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.pacing.concurrency import PATIENCE, REFUSED_IN_TRIAL, START, Concurrency
from asyncgen.pacing.pause import HURRY, JITTER, MAX_PAUSE, Gate
from asyncgen.timings import USUAL


def grown(limit: int, *, ceiling: int = 1000) -> Concurrency:
    """A controller that has doubled up to a limit, with everything that was sent answered."""
    concurrency = Concurrency(ceiling)
    while concurrency.limit < limit:
        concurrency.succeeded(1.0, concurrency.start(), sent=0.0, is_saturated=True)
    return concurrency


def cut(concurrency: Concurrency, *, served: int) -> Concurrency:
    """The same, after its search has met a limit."""
    tickets = [concurrency.start() for _ in range(concurrency.limit)]
    for others, ticket in zip(reversed(range(served, len(tickets))), tickets[served:], strict=True):
        refuse(concurrency, ticket, in_flight=others)
    return concurrency


def refuse(concurrency: Concurrency, ticket: int, *, in_flight: int, is_hinted: bool = False) -> bool:
    return concurrency.overloaded(ticket, in_flight=in_flight, is_hinted=is_hinted)


# ---- how it decides


def test_the_limit_doubles_while_answers_come_and_somebody_waits() -> None:
    concurrency = Concurrency(256)
    for ticket in [concurrency.start() for _ in range(START)]:
        concurrency.succeeded(1.0, ticket, sent=0.0, is_saturated=True)
    assert concurrency.limit == 2 * START
    for ticket in [concurrency.start() for _ in range(START)]:
        concurrency.succeeded(2.0, ticket, sent=1.0, is_saturated=False)
    assert concurrency.limit == 2 * START


def test_a_burst_of_refusals_is_one_event_and_leaves_95_percent_of_what_was_served() -> None:
    concurrency = grown(256)
    tickets = [concurrency.start() for _ in range(256)]
    for others, ticket in zip(range(255, 199, -1), tickets[200:], strict=True):
        refuse(concurrency, ticket, in_flight=others)
    assert concurrency.limit == 190


def test_answers_between_two_refusals_of_an_event_do_not_deepen_the_cut() -> None:
    concurrency = grown(100)
    tickets = [concurrency.start() for _ in range(100)]
    for others, ticket in zip(range(99, 94, -1), tickets[:5], strict=True):
        refuse(concurrency, ticket, in_flight=others)
    for ticket in tickets[6:40]:
        concurrency.succeeded(1.5, ticket, sent=1.0, is_saturated=True)
    refuse(concurrency, tickets[5], in_flight=60)
    assert concurrency.limit == 90  # 95 % of 94, rounded up


def test_the_limit_that_was_refused_at_1_stays_1() -> None:
    concurrency = Concurrency(256)
    tickets = [concurrency.start() for _ in range(START)]
    for others, ticket in zip(range(START - 1, 0, -1), tickets[1:], strict=True):
        refuse(concurrency, ticket, in_flight=others)
    refuse(concurrency, tickets[0], in_flight=0)
    assert concurrency.limit == 1


def test_a_long_silence_is_no_evidence() -> None:
    concurrency = grown(100)
    cut(concurrency, served=90)
    before = concurrency.limit
    concurrency.succeeded(1.0, concurrency.start(), sent=1.0, is_saturated=True)
    concurrency.succeeded(10_000.0, concurrency.start(), sent=9_999.0, is_saturated=True)
    assert concurrency.limit <= before + 1


def test_answers_to_requests_from_before_a_cut_do_not_raise_the_limit() -> None:
    concurrency = grown(100)
    answered = [concurrency.start() for _ in range(100)]
    cut(concurrency, served=95)
    before = concurrency.limit
    for ticket in answered:
        concurrency.succeeded(100.0, ticket, sent=1.0, is_saturated=True)
    assert concurrency.limit == before


def test_a_search_grows_with_time_from_the_first_answer_on() -> None:
    concurrency = Concurrency(256)
    assert concurrency.grow(100.0, START) > 0, "nothing is known yet"
    concurrency.succeeded(100.0, concurrency.start(), sent=99.0, is_saturated=False)
    now = 100.0
    while concurrency.is_growing:
        now += concurrency.grow(now, concurrency.limit)
    assert concurrency.limit == 256
    assert now - 100.0 < 2.0


def test_a_lone_refusal_neither_ends_a_search_nor_is_for_all() -> None:
    concurrency = grown(100)
    for _ in range(30):
        assert not refuse(concurrency, concurrency.start(), in_flight=99, is_hinted=True)
        for ticket in [concurrency.start() for _ in range(9)]:
            concurrency.succeeded(2.0, ticket, sent=1.0, is_saturated=True)
    assert concurrency.limit > 300


def test_a_refused_probe_takes_the_limit_back_and_its_hint_is_its_own() -> None:
    concurrency = cut(grown(100), served=60)
    now = 2.0
    while concurrency.limit <= 60:
        now += 1
        concurrency.succeeded(now, concurrency.start(), sent=now - 1, is_saturated=True)
    assert not refuse(concurrency, concurrency.start(), in_flight=60, is_hinted=True)
    assert concurrency.limit == 57
    assert refuse(concurrency, concurrency.start(), in_flight=56, is_hinted=True), "at a level that was being served"
    answered, refused = concurrency.start(), concurrency.start()
    concurrency.succeeded(now, answered, sent=now, is_saturated=True)
    assert refuse(concurrency, refused, in_flight=56, is_hinted=True), "as it was the last time"


def test_a_hint_is_a_calls_own_where_the_request_behind_a_refused_probe_was_answered() -> None:
    concurrency = cut(grown(100), served=60)
    now = 1.0
    while (before := concurrency.limit) <= 57:
        now += 1
        concurrency.succeeded(now, concurrency.start(), sent=now - 1, is_saturated=True)
    assert not refuse(concurrency, concurrency.start(), in_flight=56, is_hinted=True), "of a capacity that is shared"
    assert concurrency.limit < before, "which asks for room all the same"
    assert refuse(concurrency, concurrency.start(), in_flight=53, is_hinted=True), "refused again at once"


def test_after_an_outage_the_limit_comes_back_to_what_it_was_and_no_further() -> None:
    concurrency = cut(grown(100), served=60)
    concurrency.succeeded(2.0, concurrency.start(), sent=1.0, is_saturated=True)
    before = concurrency.limit
    concurrency.resume(10.0)
    assert concurrency.limit == START
    now = 10.0
    while concurrency.is_growing:
        now += concurrency.grow(now, concurrency.limit)
    assert concurrency.limit == before
    assert now < 12.0


def test_a_second_outage_on_the_way_back_forgets_nothing() -> None:
    concurrency = cut(grown(100), served=60)
    concurrency.succeeded(2.0, concurrency.start(), sent=1.0, is_saturated=True)
    before = concurrency.limit
    for now in (10.0, 20.0):
        concurrency.resume(now)
        concurrency.succeeded(now, concurrency.start(), sent=now, is_saturated=False)
    assert concurrency.goal == before


def test_a_limit_cut_far_without_an_answer_in_between_was_cut_by_an_outage() -> None:
    concurrency = cut(grown(100), served=60)
    concurrency.succeeded(2.0, concurrency.start(), sent=1.0, is_saturated=True)
    before = concurrency.limit
    tickets = [concurrency.start() for _ in range(before)]
    for others, ticket in zip(reversed(range(before)), tickets, strict=True):
        refuse(concurrency, ticket, in_flight=others, is_hinted=True)
    assert concurrency.limit == 1
    concurrency.succeeded(30.0, concurrency.start(), sent=29.0, is_saturated=True)
    assert concurrency.goal == before


def test_hinted_refusals_that_no_cut_ends_are_not_taken_for_load() -> None:
    concurrency = grown(100)
    cut(concurrency, served=90)
    lowest = 100
    for event in range(PATIENCE + 1 + REFUSED_IN_TRIAL):
        for _ in range(10):
            concurrency.succeeded(event, concurrency.start(), sent=event, is_saturated=True)
        refuse(concurrency, concurrency.start(), in_flight=89, is_hinted=True)
        lowest = min(lowest, concurrency.limit)
    assert lowest < 30
    assert concurrency.limit > 80


def test_the_mean_latency_follows_the_answers() -> None:
    concurrency = Concurrency(8)
    for ticket in [concurrency.start() for _ in range(200)]:
        concurrency.succeeded(3.0, ticket, sent=0.0, is_saturated=False)
    assert concurrency.latency == pytest.approx(3.0)


Event = tuple[str, float, int, bool]
events = st.lists(
    st.tuples(
        st.sampled_from(["start", "succeeded", "overloaded", "grow", "resume", "lost"]),
        st.floats(0, 100),
        st.integers(0, 1000),
        st.booleans(),
    ),
    max_size=300,
)


def play(concurrency: Concurrency, script: list[Event]) -> list[tuple[str, int]]:
    """Each event, with the limit after it."""
    now, under_way, history = 0.0, list[tuple[int, float]](), []
    for kind, seconds, pick, flag in script:
        now += seconds
        if kind == "start" or not under_way:
            under_way.append((concurrency.start(), now))
            continue
        ticket, sent = under_way.pop(pick % len(under_way))
        if kind == "succeeded":
            concurrency.succeeded(now, ticket, sent=sent, is_saturated=flag)
        elif kind == "overloaded":
            concurrency.overloaded(ticket, in_flight=len(under_way), is_hinted=flag)
        elif kind == "grow" and concurrency.is_growing:
            concurrency.grow(now, len(under_way))
        elif kind == "resume":
            concurrency.resume(now)
        history.append((kind, concurrency.limit))
    return history


@given(ceiling=st.integers(1, 300), script=events)
def test_the_limit_stays_between_1_and_the_ceiling(ceiling: int, script: list[Event]) -> None:
    concurrency = Concurrency(ceiling)
    assert all(1 <= limit <= ceiling for _, limit in play(concurrency, script))
    assert concurrency.latency >= 0


@given(script=events)
def test_without_adaptation_the_limit_is_constant(script: list[Event]) -> None:
    assert {limit for _, limit in play(Concurrency(40, adaptive=False), script)} <= {40}


@given(served=st.integers(1, 200), refused=st.integers(5, 200), answered=st.integers(0, 200))
def test_an_event_cuts_once_however_many_are_refused_and_answered(served: int, refused: int, answered: int) -> None:
    concurrency = grown(served + refused, ceiling=400)
    tickets = [concurrency.start() for _ in range(served + refused)]
    in_flight = served + refused
    for number in range(refused):
        in_flight -= 1
        refuse(concurrency, tickets[number], in_flight=in_flight)
        if number < min(answered, served - 1):
            in_flight -= 1
            concurrency.succeeded(2.0, tickets[refused + number], sent=1.0, is_saturated=True)
    assert concurrency.limit <= served
    assert concurrency.limit >= 0.95 * (served - min(answered, served - 1))


# ---- the gate


def test_the_gate_is_open_and_sets_no_pace_until_somebody_asks_for_a_pause() -> None:
    gate = Gate(Random(0))
    for _ in range(100):
        assert gate.wait(1.0) == 0
        gate.enter(1.0, limit=1, latency=60)


def test_the_pause_that_ends_last_counts() -> None:
    gate = Gate(Random(0))
    gate.pause(10.0, 5.0)
    gate.pause(11.0, 1.0)
    assert gate.wait(12.0) == 3.0
    assert gate.wait(15.0) == 0


def test_no_pause_is_longer_than_an_hour() -> None:
    gate = Gate(Random(0))
    gate.pause(0.0, 1e9)
    assert gate.wait(0.0) == MAX_PAUSE


def leave(gate: Gate, number: int, *, now: float, limit: int, latency: float) -> list[float]:
    times = []
    for _ in range(number):
        now += gate.wait(now)
        gate.enter(now, limit, latency)
        times.append(now)
    return times


@given(seed=st.integers(), limit=st.integers(10, 500), latency=st.floats(0.01, 60))
def test_after_a_pause_a_full_limit_comes_back_spread_over_a_window(seed: int, limit: int, latency: float) -> None:
    gate = Gate(Random(seed))
    gate.pause(0.0, 5.0)
    times = leave(gate, limit, now=1.0, limit=limit, latency=latency)
    assert times[0] == 5.0
    assert times[-1] - 5.0 >= min(USUAL.pause_spread, latency / HURRY) * (1 - JITTER) * (limit - 2) / limit - 0.02


def test_a_late_timer_costs_no_throughput() -> None:
    gate = Gate(Random(0))
    gate.pause(0.0, 1.0)
    now, left = 10.0, 0
    while now < 11.0:
        while gate.wait(now) == 0:
            gate.enter(now, limit=2000, latency=1.0)
            left += 1
        now += 0.005
    assert left >= 2000
