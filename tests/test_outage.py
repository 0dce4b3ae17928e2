from hypothesis import given
from hypothesis import strategies as st

from asyncgen.outage import MAX_WAITS, Outage


def fail(outage: Outage, *times: float) -> None:
    for time in times:
        outage.failed(time, sent=time)


def test_retries_are_free_until_failures_outweigh_successes() -> None:
    outage = Outage(600)
    fail(outage, 1, 2, 3, 4)
    assert outage.may_retry(retries_in_flight=10)
    fail(outage, 5)
    assert not outage.may_retry(retries_in_flight=10)


def test_one_retry_at_a_time_may_always_go() -> None:
    outage = Outage(600)
    fail(outage, *range(100))
    assert outage.may_retry(retries_in_flight=0)
    assert not outage.may_retry(retries_in_flight=1)


@given(st.integers(1, 200))
def test_one_failure_in_five_never_holds_retries_back(rounds: int) -> None:
    outage = Outage(600)
    for number in range(rounds):
        outage.failed(number, sent=number)
        for _ in range(4):
            outage.succeeded(number)
    assert outage.may_retry(retries_in_flight=10)


def test_an_endpoint_that_comes_back_is_trusted_again() -> None:
    outage = Outage(600)
    fail(outage, *range(100))
    for _ in range(11):
        outage.succeeded(100)
    assert outage.may_retry(retries_in_flight=10)
    assert not outage.is_hopeless


def test_calls_that_only_fail_are_hopeless_after_the_time_given() -> None:
    outage = Outage(60)
    fail(outage, 0, 30, 59.9)
    assert not outage.is_hopeless
    fail(outage, 60)
    assert outage.is_hopeless


def test_one_success_begins_the_time_anew() -> None:
    outage = Outage(60)
    fail(outage, 0, 59)
    outage.succeeded(59)
    fail(outage, 60, 110)
    assert not outage.is_hopeless


def test_time_in_which_a_call_merely_runs_does_not_count() -> None:
    outage = Outage(60)
    fail(outage, 0)
    outage.failed(900, sent=10)
    assert outage.failing_seconds == 10


def test_a_wait_the_provider_named_does_not_count() -> None:
    outage = Outage(60)
    fail(outage, 0)
    outage.told_to_wait(1, 3600)
    outage.failed(3602, sent=3602)
    assert not outage.is_hopeless


def test_named_waits_without_end_are_hopeless() -> None:
    outage = Outage(60)
    now = 0.0
    for _ in range(MAX_WAITS + 1):
        assert not outage.is_hopeless
        outage.told_to_wait(now, 60)
        outage.told_to_wait(now + 0.1, 60)
        now += 61
    assert outage.is_hopeless


def test_being_throttled_takes_nothing_from_other_retries() -> None:
    outage = Outage(600)
    for time in range(100):
        outage.throttled(time, sent=time)
    assert outage.may_retry(retries_in_flight=10)
