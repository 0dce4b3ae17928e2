"""How an endpoint that only fails is treated: a trickle of probes, and an end when it has gone on for too long.

A token bucket after gRPC's retry throttling (proposal A6): a failure takes a token, a success gives half of one back,
and retries are sent freely while the bucket is more than half full. It bites above one failure in three. It never fails
an index, it only makes retries wait, and one at a time may always go, so that a bad endpoint is still served out.
"""

MAX_TOKENS = 10.0
FREE_ABOVE = MAX_TOKENS / 2
REFUND = 0.5
MAX_WAITS = 100  # named waits in a row without one success: some limits refuse every request for ever


class Outage:
    """Times in seconds on one monotonic clock. `give_up`: how long calls may only fail before it is hopeless."""

    def __init__(self, give_up: float) -> None:
        self._give_up = give_up
        self._tokens = MAX_TOKENS
        self._last_answer: float | None = None
        self._failing = 0.0
        self._told_until = 0.0
        self._waits = 0
        self.successes = 0

    def succeeded(self, now: float) -> None:
        self._tokens = min(MAX_TOKENS, self._tokens + REFUND)
        self._failing = 0.0
        self._waits = 0
        self._last_answer = now
        self.successes += 1

    def failed(self, now: float, *, sent: float) -> None:
        """A failure that speaks of the endpoint: it holds retries back, too."""
        self._tokens = max(0.0, self._tokens - 1)
        self._add_failing_time(now, sent)

    def throttled(self, now: float, *, sent: float) -> None:
        """A refusal for load, without a time: it counts as failing, but retries are left to the concurrency limit."""
        self._add_failing_time(now, sent)

    def _add_failing_time(self, now: float, sent: float) -> None:
        """Only the time between two calls counts as failing: a call that merely runs is no sign of anything."""
        if self._last_answer is not None:
            self._failing += max(0.0, sent - self._last_answer)
        self._last_answer = now

    def told_to_wait(self, now: float, seconds: float) -> None:
        """A refusal with a time: the wait is the provider's wish and no sign of an outage, unless it never ends."""
        if now >= self._told_until:
            self._waits += 1
        self._told_until = max(self._told_until, now + seconds)
        self._last_answer = self._told_until

    def may_retry(self, retries_in_flight: int) -> bool:
        return self._tokens > FREE_ABOVE or retries_in_flight == 0

    @property
    def failing_seconds(self) -> float:
        return self._failing

    @property
    def is_hopeless(self) -> bool:
        return self._failing >= self._give_up or self._waits > MAX_WAITS
