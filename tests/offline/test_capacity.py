"""The capacity model under a virtual clock."""

from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.errors import ConfigError
from asyncgen.offline.capacity import ASSUMED_COMPLETION, Capacity, Limit, Refusal
from asyncgen.offline.knobs import Knobs, Prices
from asyncgen.offline.ledger import Ledger

PRICE = Decimal("0.5")
MILLION = 1_000_000
gaps = st.lists(st.floats(min_value=0.0, max_value=5.0), min_size=1, max_size=200)


def capacity_of(knobs: Knobs) -> Capacity:
    return Capacity(knobs, Ledger())


def refused(capacity: Capacity, now: float, prompt_tokens: int = 1, max_tokens: int | None = 1) -> Refusal:
    outcome = capacity.admit(now, prompt_tokens, max_tokens)
    assert isinstance(outcome, Refusal)
    return outcome


def admitted(capacity: Capacity, now: float, prompt_tokens: int = 1, max_tokens: int | None = 1) -> Decimal:
    outcome = capacity.admit(now, prompt_tokens, max_tokens)
    assert isinstance(outcome, Decimal)
    return outcome


def count_admitted(capacity: Capacity, now: float, tries: int) -> int:
    """How many get a place or a token at one moment; all of them stay."""
    count = 0
    for _ in range(tries):
        if isinstance(capacity.admit(now, 1, 1), Decimal):
            capacity.begin(now)
            count += 1
    return count


# ---- places


def test_a_server_without_limits_admits_everything() -> None:
    capacity = capacity_of(Knobs())
    assert count_admitted(capacity, 0.0, 500) == 500
    assert admitted(capacity, 0.0, MILLION, None) == 0


def test_a_place_is_free_again_when_a_call_ends() -> None:
    capacity = capacity_of(Knobs(max_concurrent=3))
    assert count_admitted(capacity, 0.0, 10) == 3
    assert refused(capacity, 1.0) == Refusal(Limit.CONCURRENCY)
    capacity.end(1.0)
    assert count_admitted(capacity, 1.0, 10) == 1


def test_with_a_queue_a_call_is_admitted_before_it_has_a_place() -> None:
    capacity = capacity_of(Knobs(max_concurrent=1, queue=True))
    capacity.begin(0.0)
    assert not capacity.has_place(0.0)
    admitted(capacity, 0.0)


# ---- limits per minute


@given(gaps, st.integers(1, 600))
def test_no_stretch_of_time_sees_more_calls_than_the_limit_and_one_burst(gaps: list[float], limit: int) -> None:
    capacity = capacity_of(Knobs(requests_per_minute=limit))
    times = [now for now in accumulate(gaps) if isinstance(capacity.admit(now, 1, 1), Decimal)]
    burst = max(1.0, limit / 60)
    for first, start in enumerate(times):
        for number, end in enumerate(times[first:], start=1):
            assert number <= burst + (end - start) * limit / 60 + 1e-6


@given(gaps, st.integers(1, 600))
def test_the_wait_of_a_refusal_is_exact(gaps: list[float], limit: int) -> None:
    capacity = capacity_of(Knobs(requests_per_minute=limit))
    for now in accumulate(gaps):
        outcome = capacity.admit(now, 1, 1)
        if isinstance(outcome, Refusal):
            assert outcome.reason is Limit.REQUESTS_PER_MINUTE
            assert 0 < outcome.wait <= 60 / limit + 1e-6
            if outcome.wait > 1e-3:
                refused(capacity, now + outcome.wait * 0.9)
            admitted(capacity, now + outcome.wait + 1e-6)
            return


def test_a_second_of_calls_may_come_at_once_and_an_idle_hour_saves_no_more() -> None:
    capacity = capacity_of(Knobs(requests_per_minute=600))
    assert count_admitted(capacity, 0.0, 100) == 10
    assert refused(capacity, 0.0) == Refusal(Limit.REQUESTS_PER_MINUTE, wait=0.1, limit=600, remaining=0)
    assert count_admitted(capacity, 0.5, 100) == 5
    assert count_admitted(capacity, 3600.0, 100) == 10


def test_a_call_that_is_refused_uses_no_limit_up() -> None:
    capacity = capacity_of(Knobs(requests_per_minute=120, tokens_per_minute=60_000))
    admitted(capacity, 0.0, 1000)
    for _ in range(3):
        assert refused(capacity, 0.0, 1000).reason is Limit.TOKENS_PER_MINUTE
    admitted(capacity, 0.0, 0)
    for _ in range(3):
        assert refused(capacity, 0.4, 0).reason is Limit.REQUESTS_PER_MINUTE
    admitted(capacity, 1.0, 1000)


def test_the_prompt_is_reserved_and_the_completion_is_a_debt() -> None:
    capacity = capacity_of(Knobs(tokens_per_minute=60_000))
    admitted(capacity, 0.0, 600)
    assert refused(capacity, 0.0, 600) == Refusal(Limit.TOKENS_PER_MINUTE, wait=0.2, limit=60_000, remaining=400)
    capacity.settle(2400, None)
    assert refused(capacity, 0.0, 600).remaining == 0
    assert refused(capacity, 0.0, 600).wait == pytest.approx(2.6)
    admitted(capacity, 2.6, 600)


def test_a_prompt_larger_than_the_burst_waits_for_a_full_bucket_and_for_its_own_tokens_afterwards() -> None:
    capacity = capacity_of(Knobs(tokens_per_minute=60_000))
    admitted(capacity, 0.0, 6000)
    assert refused(capacity, 0.0, 6000).wait == pytest.approx(6.0)
    admitted(capacity, 6.0, 6000)


# ---- the window with a tenth of the capacity


@pytest.mark.parametrize(("places", "left"), [(200, 20), (15, 1), (1, 1)])
def test_a_tenth_of_the_places_but_always_one_is_left_in_the_window(places: int, left: int) -> None:
    def places_at(seconds: float) -> int:
        capacity = capacity_of(Knobs(max_concurrent=places, drop_capacity_after=10.0, drop_capacity_for=5.0))
        admitted(capacity, 1000.0)  # the window is counted from the first call
        return count_admitted(capacity, 1000.0 + seconds, 500)

    assert [places_at(seconds) for seconds in (9.9, 10.0, 14.9, 15.0)] == [places, left, left, places]


def test_calls_that_are_running_when_the_window_begins_are_finished_first() -> None:
    capacity = capacity_of(Knobs(max_concurrent=20, drop_capacity_after=1.0))
    assert count_admitted(capacity, 0.0, 20) == 20
    for _ in range(18):
        capacity.end(2.0)
        refused(capacity, 2.0)
    capacity.end(2.0)
    admitted(capacity, 2.0)


def test_a_limit_per_minute_is_a_tenth_in_the_window() -> None:
    capacity = capacity_of(Knobs(requests_per_minute=600, drop_capacity_after=10.0, drop_capacity_for=10.0))
    steps = [count_admitted(capacity, second / 2, 100) for second in range(60)]
    assert sum(steps[:20]) == 10 + 95
    assert sum(steps[20:40]) == 5 + 9  # of the half second before it, and of nine and a half at a tenth
    assert sum(steps[40:]) == 1 + 95


def test_the_wait_is_told_at_the_pace_of_the_window() -> None:
    capacity = capacity_of(Knobs(requests_per_minute=60, drop_capacity_after=0.0, drop_capacity_for=60.0))
    admitted(capacity, 0.0)
    assert refused(capacity, 0.0).wait == pytest.approx(10.0)
    admitted(capacity, 10.0)


# ---- money


def test_a_cost_is_exact() -> None:
    assert Prices(Decimal("0.1"), Decimal("0.3")).cost(3, 7) == Decimal("0.0000024")


@given(st.decimals(0, 100, places=4), st.decimals(0, 100, places=4), st.integers(0, 10**6), st.integers(0, 10**5))
def test_what_is_affordable_can_be_paid_and_one_token_more_cannot(
    prompt: Decimal, completion: Decimal, tokens: int, amount: int
) -> None:
    prices = Prices(prompt, completion)
    affordable = prices.affordable(tokens, Decimal(amount))
    assert affordable >= 0
    if affordable:
        assert prices.cost(tokens, affordable) <= amount < prices.cost(tokens, affordable + 1)


def test_calls_in_flight_hold_what_they_may_cost_until_they_end() -> None:
    capacity = capacity_of(Knobs(price_in=PRICE, price_out=PRICE, in_flight_budget=Decimal(1)))
    first = admitted(capacity, 0.0, 900_000, 300_000)
    assert first == Decimal("0.6")
    assert refused(capacity, 0.0, 900_000, 300_000) == Refusal(Limit.IN_FLIGHT_BUDGET)
    assert admitted(capacity, 0.0, 700_000, 100_000) == Decimal("0.4")
    capacity.release(first)
    admitted(capacity, 0.0, 900_000, 300_000)


@pytest.mark.parametrize("max_tokens", [None, 0, -5])
def test_without_a_usable_max_tokens_a_fixed_length_is_assumed(max_tokens: int | None) -> None:
    capacity = capacity_of(Knobs(price_out=Decimal(1), in_flight_budget=Decimal(1)))
    assert admitted(capacity, 0.0, 1, max_tokens) == Decimal(ASSUMED_COMPLETION) / MILLION


def test_a_call_that_alone_exceeds_the_budget_is_not_told_to_wait() -> None:
    capacity = capacity_of(Knobs(price_in=PRICE, price_out=PRICE, in_flight_budget=Decimal(1)))
    expected = Refusal(Limit.ONE_REQUEST, limit=MILLION, remaining=800_000)
    assert refused(capacity, 0.0, 1_200_000, MILLION) == expected


def test_a_balance_is_spent_by_what_was_charged() -> None:
    capacity = capacity_of(Knobs(price_in=Decimal(1), price_out=Decimal(1), balance=Decimal(1)))
    capacity.release(admitted(capacity, 0.0, 500_000, 500_000))
    capacity.settle(100_000, Decimal("0.6"))
    assert refused(capacity, 0.0, 300_000, 200_000) == Refusal(Limit.ONE_REQUEST, limit=200_000, remaining=100_000)
    admitted(capacity, 0.0, 300_000, 100_000)
    capacity.settle(100_000, Decimal("0.4"))
    assert refused(capacity, 0.0) == Refusal(Limit.BALANCE)


# ---- the ledger


def test_busy_seconds_are_calls_in_flight_summed_over_time() -> None:
    ledger = Ledger()
    for now, change in [(10.0, 1), (11.0, 1), (13.0, -1), (14.0, 1), (14.5, -1), (16.5, -1)]:
        (ledger.begin if change > 0 else ledger.end)(now)
    assert (ledger.busy_seconds, ledger.in_flight, ledger.most_in_flight) == (1 + 4 + 1 + 1 + 2, 0, 2)


def test_an_encoded_ledger_counts_calls_under_way_up_to_now() -> None:
    ledger = Ledger(calls=2, cost=Decimal("0.0000012"))
    ledger.statuses[200] += 1
    ledger.begin(5.0)
    assert b'"cost":0.0000012' in ledger.encode(7.5)
    assert msgspec.json.decode(ledger.encode(7.5)) == {
        "calls": 2,
        "lines": 0,
        "statuses": {"200": 1},
        "answered": 0,
        "in_flight": 1,
        "most_in_flight": 1,
        "busy_seconds": 2.5,
        "cost": 0.0000012,
    }


# ---- knobs


@each_row(
    ("build", "message"),
    [
        (lambda: Knobs(max_concurrent=0), "--max-concurrent: expected 1 or more, got 0"),
        (lambda: Knobs(requests_per_minute=-1), "--requests-per-minute: expected 0 or more"),
        (lambda: Knobs(queue=True), "--queue: needs --max-concurrent"),
        (lambda: Knobs(drop_capacity_after=1.0), "--drop-capacity-after: needs one of --max-concurrent, --requests"),
        (lambda: Knobs(balance=Decimal(1)), "--balance: needs --price-in or --price-out"),
        (lambda: Knobs(in_flight_budget=Decimal(1)), "--in-flight-budget: needs --price-in or --price-out"),
        (lambda: Knobs(price_in=Decimal(-1)), "--price-in: expected 0 or more"),
        (lambda: Knobs(canned=True, strict_fields=True), "--strict-fields: --canned reads no request"),
    ],
)
def test_knobs_that_could_not_do_anything_are_refused(build: Callable[[], Knobs], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
