from hypothesis import given
from hypothesis import strategies as st

from asyncgen.outage import Outage


def fail(outage: Outage, times: int) -> None:
    for _ in range(times):
        outage.failed()


def test_retries_are_free_until_failures_outweigh_successes() -> None:
    outage = Outage()
    fail(outage, 4)
    assert outage.may_retry(retries_in_flight=10)
    fail(outage, 1)
    assert not outage.may_retry(retries_in_flight=10)


def test_one_retry_at_a_time_may_always_go() -> None:
    outage = Outage()
    fail(outage, 100)
    assert outage.may_retry(retries_in_flight=0)
    assert not outage.may_retry(retries_in_flight=1)


@given(st.integers(1, 200))
def test_one_failure_in_five_never_holds_retries_back(rounds: int) -> None:
    outage = Outage()
    for _ in range(rounds):
        outage.failed()
        for _ in range(4):
            outage.succeeded()
    assert outage.may_retry(retries_in_flight=10)


def test_an_endpoint_that_comes_back_is_trusted_again() -> None:
    outage = Outage()
    fail(outage, 100)
    for _ in range(11):
        outage.succeeded()
    assert outage.may_retry(retries_in_flight=10)
