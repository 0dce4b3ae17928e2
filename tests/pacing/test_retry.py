import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    ConnectionFailedError,
    ContentFilteredError,
    GaveUpError,
    NoAnswerError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
    TransientError,
)
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.retry import MAX_HINTED_WAIT, RetryPolicy, call_with_retries, wait_seconds
from asyncgen.stop import Stop, StopRequestedError
from asyncgen.text import quantity
from asyncgen.timings import USUAL

HINTED = RateLimitedError("not now", retry_after=7.0)


@dataclass
class Bench:
    """Attempts with a script: errors of ours are outcomes, other exceptions are raised, all else is an answer."""

    script: list[object]
    retries: int = 3
    stop: Stop = field(default_factory=Stop)
    on_sleep: Callable[[], Awaitable[None] | None] = lambda: None
    attempts: int = 0
    waits: list[float] = field(default_factory=list)
    answer: object = None
    reported: list[tuple[TransientError, float]] = field(default_factory=list)
    is_own: bool = True  # whether failures without a named wait are put down to the index

    async def _attempt(self) -> Outcome:
        self.attempts += 1
        step = self.script.pop(0)
        if isinstance(step, Outcome):
            return step
        if isinstance(step, TransientError):
            return Outcome(step, is_own=self.is_own and not step.retry_after)
        if isinstance(step, AsyncgenError):
            return Outcome(step)
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Awaitable):
            await step
        self.answer = step
        return Outcome()

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        waiting = self.on_sleep()
        if waiting is not None:
            await waiting

    def _report(self, error: TransientError, seconds: float) -> None:
        self.reported.append((error, seconds))

    async def call(self) -> object:
        policy = RetryPolicy(self.retries, self.stop, Random(1), self._sleep, self._report)
        outcome = await call_with_retries(self._attempt, policy)
        if outcome.error is not None:
            raise outcome.error
        return self.answer

    def run(self) -> object:
        return asyncio.run(self.call())


def failures(number: int) -> list[object]:
    return [ServerError(f"failure {each}") for each in range(1, number + 1)]


# ---- how often


@pytest.mark.parametrize("failed", [0, 1, 2, 3])
def test_the_first_success_is_the_result(failed: int) -> None:
    bench = Bench([*failures(failed), "answer"])
    assert bench.run() == "answer"
    assert (bench.attempts, len(bench.waits)) == (failed + 1, failed)


@pytest.mark.parametrize("retries", [0, 1, 8])
def test_attempts_are_one_more_than_retries(retries: int) -> None:
    bench = Bench(failures(retries + 2), retries=retries)
    with pytest.raises(GaveUpError) as caught:
        bench.run()
    assert (bench.attempts, len(bench.waits)) == (retries + 1, retries)
    assert caught.value.reason == "server-error"
    assert str(caught.value) == f"given up after {quantity(retries + 1, 'attempt')}: failure {retries + 1}"
    assert str(caught.value.__cause__) == f"failure {retries + 1}"


def test_what_is_given_up_names_what_went_wrong_last() -> None:
    bench = Bench([ServerError("first"), NoAnswerError("second"), ConnectionFailedError("third")], retries=2)
    with pytest.raises(GaveUpError, match="third") as caught:
        bench.run()
    assert caught.value.reason == "connection"


def test_waits_the_provider_asks_for_use_up_no_attempt() -> None:
    bench = Bench([*[HINTED] * 50, "answer"], retries=0)
    assert bench.run() == "answer"
    assert bench.attempts == 51


def test_failures_are_counted_across_the_waits_between_them() -> None:
    bench = Bench([HINTED, *failures(1), HINTED, HINTED, ServerError("last"), "never"], retries=1)
    with pytest.raises(GaveUpError, match="given up after 2 attempts: last"):
        bench.run()
    assert bench.attempts == 5


def test_zero_seconds_is_no_wait_the_provider_asks_for() -> None:
    bench = Bench([ServerError("again", retry_after=0.0)] * 9, retries=2)
    with pytest.raises(GaveUpError):
        bench.run()
    assert bench.attempts == 3


def test_a_failure_that_is_not_the_index_s_own_uses_up_no_attempt() -> None:
    bench = Bench([*failures(30), "answer"], retries=1, is_own=False)
    assert bench.run() == "answer"


def test_only_failures_of_its_own_make_an_index_wait_longer() -> None:
    bench = Bench([*failures(30), "answer"], retries=1, is_own=False)
    bench.run()
    assert max(bench.waits) <= 1.0, "how often calls leave in an outage is not left to their indices"
    bench = Bench([*[HINTED] * 20, *failures(1), "answer"], retries=1)
    bench.run()
    assert bench.waits[-1] <= 1.0


def test_a_wait_that_the_whole_run_keeps_is_not_kept_twice() -> None:
    held = RateLimitedError("not now", retry_after=7.0)
    bench = Bench([Outcome(held, is_for_all=True), "answer"])
    bench.run()
    assert bench.waits == [0.0]


# ---- what is not tried again


@each_row("before", [0, 1])
@each_row(
    "error",
    [
        BadReplyError("roles", "two users"),
        RequestRejectedError("no", status=400),
        ContentFilteredError("no"),
        AccessDeniedError("no"),
        AsyncgenError("any other"),
        StopRequestedError(),
        TimeoutError(),
        OSError("disk"),
        TypeError("a bug"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
    ],
)
def test_everything_but_a_transient_error_passes_at_once(error: BaseException, before: int) -> None:
    bench = Bench([*failures(before), error, "never"])

    async def scenario() -> None:
        try:
            await bench.call()
        except BaseException as raised:  # noqa: BLE001 - CancelledError and KeyboardInterrupt would end the loop
            assert raised is error  # noqa: PT017
        else:
            pytest.fail("nothing was raised")

    asyncio.run(scenario())
    assert bench.attempts == before + 1


async def wait_for_ever(reached: asyncio.Event) -> None:
    reached.set()
    await asyncio.Event().wait()


async def cancel_when(reached: asyncio.Event, call: Coroutine[object, object, object]) -> None:
    task = asyncio.create_task(call)
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_call_cancelled_in_a_later_attempt_is_not_sent_again() -> None:
    async def scenario() -> None:
        reached = asyncio.Event()
        bench = Bench([ServerError("once"), wait_for_ever(reached), "never"])
        await cancel_when(reached, bench.call())
        assert bench.attempts == 2

    asyncio.run(scenario())


def test_a_call_cancelled_while_it_waits_is_not_sent_again() -> None:
    async def scenario() -> None:
        reached = asyncio.Event()
        bench = Bench([ServerError("once"), "never"], on_sleep=lambda: wait_for_ever(reached))
        await cancel_when(reached, bench.call())
        assert bench.attempts == 1

    asyncio.run(scenario())


# ---- a stop


@pytest.mark.parametrize("error", [ServerError("down"), HINTED])
def test_after_a_stop_nothing_is_tried_again(error: TransientError) -> None:
    bench = Bench([error, "never"])
    bench.stop.request()
    with pytest.raises(StopRequestedError):
        bench.run()
    assert (bench.attempts, bench.waits) == (1, [])


def test_a_stop_does_not_touch_an_attempt_that_succeeds() -> None:
    bench = Bench(["answer"])
    bench.stop.request()
    assert bench.run() == "answer"


@pytest.mark.parametrize("error", [ServerError("down"), HINTED])
def test_a_stop_during_a_wait_ends_it_without_another_attempt(error: TransientError) -> None:
    bench = Bench([error, "never"])
    bench.on_sleep = bench.stop.request
    with pytest.raises(StopRequestedError):
        bench.run()
    assert (bench.attempts, len(bench.waits)) == (1, 1)


def test_a_stop_wakes_a_call_that_waits_an_hour() -> None:
    async def scenario() -> None:
        bench = Bench([RateLimitedError("later", retry_after=3600.0), "never"])
        bench.on_sleep = lambda: bench.stop.sleep(3600)
        call = asyncio.create_task(bench.call())
        while not bench.waits:  # noqa: ASYNC110 - there is no event to wait for but the one under test
            await asyncio.sleep(0)
        bench.stop.request()
        with pytest.raises(StopRequestedError):
            await call

    asyncio.run(scenario())


# ---- how long


def test_the_wait_that_is_reported_is_the_one_that_is_waited() -> None:
    bench = Bench([*failures(2), HINTED, "answer"])
    bench.run()
    assert [seconds for _, seconds in bench.reported] == bench.waits
    assert [str(error) for error, _ in bench.reported] == ["failure 1", "failure 2", "not now"]


def test_the_range_of_the_wait_doubles_with_each_failure() -> None:
    class Highest(Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0
            return b

    waits = [wait_seconds(None, failed, Highest()) for failed in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(failed=st.integers(0, 10**6), seed=st.integers())
def test_a_wait_without_a_hint_is_full_jitter_below_the_cap(failed: int, seed: int) -> None:
    assert 0 <= wait_seconds(None, failed, Random(seed)) <= USUAL.longest_backoff


@given(hint=st.floats(0, 1e12, exclude_min=True), failed=st.integers(0, 100), seed=st.integers())
def test_a_hint_is_waited_for_at_least_and_an_hour_at_most(hint: float, failed: int, seed: int) -> None:
    seconds = wait_seconds(hint, failed, Random(seed))
    told = min(hint, MAX_HINTED_WAIT)
    assert told <= seconds <= max(USUAL.longest_backoff, told + USUAL.hint_spread)


def test_calls_that_were_told_the_same_time_do_not_come_back_in_one_moment() -> None:
    random = Random(7)
    waits = {wait_seconds(30.0, 0, random) for _ in range(100)}
    assert len(waits) == 100


# ---- many at once


def test_concurrent_calls_share_no_state() -> None:
    async def one(number: int) -> object:
        bench = Bench([*failures(number % 5), number], retries=number % 3 + 1)
        try:
            return await bench.call()
        except GaveUpError:
            return "given up", bench.attempts

    async def scenario() -> list[object]:
        return await asyncio.gather(*(one(number) for number in range(200)))

    assert asyncio.run(scenario()) == [
        number if number % 5 <= number % 3 + 1 else ("given up", number % 3 + 2) for number in range(200)
    ]


def test_a_call_that_ends_leaves_no_exception_unretrieved() -> None:
    complaints: list[object] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        scripts: list[list[object]] = [failures(5), [*failures(2), "answer"], [HINTED, BadReplyError("roles", "")]]
        for script in scripts:
            await asyncio.gather(Bench(script).call(), return_exceptions=True)
        gc.collect(1)  # what is new
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert complaints == []
