"""When nothing may be sent at all: "retry after", said at a level that was being served, is said to the whole run.

The pause is a clock of its own, apart from the cuts of the limit, so that refusals that each carry a hint cannot hold
the limit down. From the first pause on, requests leave evenly: a crowd let in at once would use up the next second's
allowance in an instant, and with answers of like length it would stay a crowd.
"""

from random import Random

from asyncgen.timings import USUAL, Timings

MAX_PAUSE = 3600.0
HURRY = 1.2  # times the mean rate of sending: the room that lets the limit, not the gate, decide how many are in flight
JITTER = 0.5  # of a gap, either way, so that runs that share a key do not march in step
LATE = 0.01  # seconds by which a timer may be late without costing throughput


class Gate:
    """Ask `wait` before each request and call `enter` when it leaves. Times in seconds on one monotonic clock.

    Unless it `is_pacing`, there has been no pause, and everybody may leave. `open_at`: when the present pause ends, or
    the last one has.
    """

    def __init__(self, random: Random, timings: Timings = USUAL) -> None:
        self._random = random
        self._spread = timings.pause_spread
        self.open_at = 0.0
        self._next_at = 0.0
        self.is_pacing = False

    def pause(self, now: float, seconds: float) -> None:
        """Let nobody through for `seconds`, at most an hour; of several pauses the one that ends last counts."""
        self.open_at = max(self.open_at, now + min(seconds, MAX_PAUSE))
        self.is_pacing = True

    def wait(self, now: float) -> float:
        """Seconds until the next request may leave."""
        return max(0.0, self.open_at - now, self._next_at - now)

    def enter(self, now: float, limit: int, latency: float) -> None:
        """Note that a request leaves: one of `limit` in flight that take `latency` seconds each, in the mean."""
        if not self.is_pacing:
            return
        round_trip = latency / HURRY
        if now < self.open_at + self._spread:
            round_trip = max(round_trip, self._spread)
        gap = round_trip / limit
        earliest = now - max(gap, LATE)
        self._next_at = max(earliest, self._next_at) + gap * self._random.uniform(1 - JITTER, 1 + JITTER)
