"""What is tried again, after how long, and when that ends.

Only an outcome with a TransientError is tried again; what is raised never is, a cancellation least of all. Every call
gets a retry object of its own, because tenacity keeps its state on it. Only a failure of the index's own uses up an
attempt; whose it is, the outcome says.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from asyncgen.errors import GaveUpError, TransientError
from asyncgen.pacing.outcome import Outcome
from asyncgen.stop import Stop, StopRequestedError
from asyncgen.text import quantity
from asyncgen.timings import USUAL, Timings

MAX_HINTED_WAIT = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries`: further attempts after the first. `sleep` and `random` are arguments so that tests need neither."""

    retries: int
    stop: Stop
    random: Random
    sleep: Callable[[float], Awaitable[None]]
    on_retry: Callable[[TransientError, float], None]
    timings: Timings = USUAL


async def call_with_retries(attempt: Callable[[], Awaitable[Outcome]], policy: RetryPolicy) -> Outcome:
    """The outcome of the first attempt that does not end with a TransientError.

    Raises GaveUpError, from the last error, when the attempts are used up, and StopRequestedError instead of waiting
    when a stop is requested; whatever an attempt raises passes through at once.
    """
    outcome = await attempt()
    if not _is_passing(outcome):
        return outcome
    first = [outcome]

    async def again() -> Outcome:
        if first:
            return first.pop()
        if policy.stop.is_set():
            raise StopRequestedError
        return await attempt()

    # Entered only now: building and stepping a retry object costs more than all the rest of a good call.
    return await _Retrying(policy).call(again)


def _is_passing(outcome: Outcome) -> bool:
    return isinstance(outcome.error, TransientError)


class _Retrying:
    """The state of one call's retries: how many failures have used up an attempt."""

    __slots__ = ("_failures", "_policy")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failures = 0

    async def call(self, attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
        retrying = AsyncRetrying(
            retry=retry_if_result(_is_passing),
            after=self._count,
            wait=self._wait,
            stop=lambda _: self._policy.stop.is_set() or self._failures > self._policy.retries,
            before_sleep=lambda state: self._policy.on_retry(_error(state), state.upcoming_sleep),
            sleep=self._policy.sleep,
            retry_error_callback=self._give_up,
        )
        return await retrying(attempt)

    def _count(self, state: RetryCallState) -> None:
        self._failures += _outcome(state).is_own

    def _wait(self, state: RetryCallState) -> float:
        if _outcome(state).is_for_all:
            return 0.0
        error = _error(state)
        return wait_seconds(error.retry_after, self._failures, self._policy.random, self._policy.timings)

    def _give_up(self, state: RetryCallState) -> None:
        error = _error(state)
        if self._policy.stop.is_set():
            raise StopRequestedError from error
        raise GaveUpError(error.reason, f"given up after {quantity(self._failures, 'attempt')}: {error}") from error


def wait_seconds(retry_after: float | None, failures: int, random: Random, timings: Timings = USUAL) -> float:
    """Full jitter, or the time the provider named, at most an hour, if that is longer.

    Full jitter is uniform in 0 … the back-off after n failures (AWS, "Exponential backoff and jitter").
    """
    backoff = timings.first_backoff * 2 ** min(max(failures - 1, 0), 16)
    jitter = random.uniform(0, min(timings.longest_backoff, backoff))
    if not retry_after:
        return jitter
    return max(jitter, min(retry_after, MAX_HINTED_WAIT) + random.uniform(0, timings.hint_spread))


def _outcome(state: RetryCallState) -> Outcome:
    outcome = None if state.outcome is None else state.outcome.result()
    if not isinstance(outcome, Outcome):
        raise TypeError(f"tried again: {outcome!r}")
    return outcome


def _error(state: RetryCallState) -> TransientError:
    error = _outcome(state).error
    if not isinstance(error, TransientError):
        raise TypeError(f"retried something else: {error!r}")
    return error
