"""What is tried again, after how long, and when that ends.

Only a TransientError is tried again: negative forms ("anything but fatal") also match CancelledError and would send a
cancelled request a second time. Every call gets a retry object of its own, because tenacity keeps its state on it.
A wait that the provider asked for uses up no attempt ("0 seconds" is no wait, or it would be tried again for ever), and
neither does a failure while nothing else succeeds: that is the endpoint's and not the index's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from asyncgen.errors import GaveUpError, TransientError
from asyncgen.stop import Stop, StopRequestedError

BASE_WAIT = 1.0
MAX_WAIT = 60.0
MAX_HINTED_WAIT = 3600.0
HINT_SPREAD = 1.0  # seconds over which calls that were told the same time come back

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries`: further attempts after the first. `successes`: how many calls of the run have succeeded so far.

    `sleep` and `random` are arguments so that tests need neither.
    """

    retries: int
    stop: Stop
    random: Random
    sleep: Callable[[float], Awaitable[None]]
    on_retry: Callable[[TransientError, float], None]
    successes: Callable[[], int]


async def call_with_retries(attempt: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
    """The result of the first attempt that succeeds.

    Raises GaveUpError, from the last error, when the attempts are used up, and StopRequestedError instead of waiting
    when a stop is requested; every other error passes through at once.
    """
    successes = policy.successes()
    try:
        return await attempt()
    except TransientError as error:
        first: list[TransientError] = [error]

    async def again() -> T:
        if first:
            raise first.pop()
        if policy.stop.is_set():
            raise StopRequestedError
        return await attempt()

    # Entered only now: building and stepping a retry object costs more than all the rest of a good call.
    return await _Retrying(policy, successes).policy_object()(again)


class _Retrying:
    """The state of one call's retries: how many failures have used up an attempt."""

    __slots__ = ("_failures", "_policy", "_successes")

    def __init__(self, policy: RetryPolicy, successes: int) -> None:
        self._policy = policy
        self._successes = successes
        self._failures = 0

    def policy_object(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            after=self._count,
            wait=self._wait,
            stop=self._is_over,
            before_sleep=self._report,
            sleep=self._policy.sleep,
            retry_error_callback=self._give_up,
        )

    def _count(self, state: RetryCallState) -> None:
        successes = self._policy.successes()
        self._failures += not _error(state).retry_after and successes > self._successes
        self._successes = successes

    def _wait(self, state: RetryCallState) -> float:
        error = _error(state)
        if error.pauses_run:
            return 0.0
        return wait_seconds(error.retry_after, state.attempt_number, self._policy.random)

    def _is_over(self, _: RetryCallState) -> bool:
        return self._policy.stop.is_set() or self._failures > self._policy.retries

    def _report(self, state: RetryCallState) -> None:
        self._policy.on_retry(_error(state), state.upcoming_sleep)

    def _give_up(self, state: RetryCallState) -> None:
        error = _error(state)
        if self._policy.stop.is_set():
            raise StopRequestedError from error
        raise GaveUpError(error.reason, f"given up after {self._failures} attempts: {error}") from error


def wait_seconds(retry_after: float | None, failures: int, random: Random) -> float:
    """Full jitter, or the time the provider named, at most an hour, if that is longer.

    Full jitter is uniform in 0 … min(60, 2ⁿ⁻¹) s after n failures (AWS, "Exponential backoff and jitter").
    """
    jitter = random.uniform(0, min(MAX_WAIT, BASE_WAIT * 2 ** min(max(failures - 1, 0), 16)))
    if not retry_after:
        return jitter
    return max(jitter, min(retry_after, MAX_HINTED_WAIT) + random.uniform(0, HINT_SPREAD))


def _error(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, TransientError):
        raise TypeError(f"retried something else: {error!r}")
    return error
