"""How an endpoint that only fails is treated: single probes, at intervals.

An outage is failures so dense among the latest tickets that chance is no reason, found by a cumulated sum: one up for a
failure, one and a half down for a ticket in between that has not failed (yet). Tickets and not answers are counted,
because failures come back at once and answers late. It ends with the answer to a request that left after the failures
began: calls from before that may still be served for a while. In an outage all requests leave as probes, first attempts
too; how often is what hurts an endpoint that is down, not how many. When that has gone on for too long, says
`runs.patience`.
"""

from asyncgen.timings import USUAL, Timings

CERTAIN = 24.0  # failures in a row; where half of all calls fail at random, one in some thousands looks like an outage
BETWEEN = 1.5  # taken off for each ticket that has not failed: above two failures in five the sum does not shrink


class Outage:
    """Ask `wait` before each request and call `enter` when it leaves. Times in seconds on one monotonic clock.

    Tickets count the requests as they leave. Unless it `is_down`, nobody waits.
    """

    def __init__(self, timings: Timings = USUAL) -> None:
        self._first_interval = timings.first_probe
        self._longest_interval = timings.longest_probe
        self._sum = 0.0
        self._first_failed = 0  # ticket from which the sum has been above zero
        self._last_failed = 0
        self.is_down = False
        self._interval = self._first_interval
        self._next_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next request may leave."""
        return max(0.0, self._next_at - now) if self.is_down else 0.0

    def enter(self, now: float) -> None:
        """Note that a request leaves."""
        if self.is_down:
            self._next_at = now + self._interval
            self._interval = min(self._longest_interval, 2 * self._interval)

    def succeeded(self, ticket: int) -> bool:
        """Whether that ends an outage."""
        is_over = self.is_down and ticket > self._first_failed
        if is_over:
            self.is_down = False
        return is_over

    def failed(self, now: float, ticket: int) -> None:
        """A call failed, or was refused in a way that says nothing about load."""
        gap = ticket - self._last_failed
        if gap > 0:
            self._sum -= BETWEEN * (gap - 1)
            self._last_failed = ticket
        elif ticket > self._first_failed:
            self._sum += BETWEEN  # taken off before: it failed after all
        if self._sum <= 0:
            self._sum = 0.0
            self._first_failed = ticket
        self._sum = min(CERTAIN, self._sum + 1)
        if self._sum == CERTAIN and not self.is_down:
            self.is_down = True
            self._interval = self._first_interval
            self._next_at = now + self._first_interval
