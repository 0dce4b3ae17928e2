"""Requests and tokens per minute, for people whose contract names a figure.

Sends are spread evenly: each one moves the time of the next by its share of a minute, so no minute, wherever it begins,
ever holds more than the figure. Tokens are reserved by estimate when a request leaves and settled when its usage is
known; what an answer took beyond its estimate makes the next one wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Rates:
    """A contract's figures: requests and tokens a minute, None where there is none."""

    requests: int | None = None
    tokens: int | None = None

    def divide(self, weights: Sequence[float]) -> list["Rates"]:
        """What each of several may use of them."""
        none = [None] * len(weights)
        requests = none if self.requests is None else divide(self.requests, weights)
        tokens = none if self.tokens is None else divide(self.tokens, weights)
        return [Rates(*each) for each in zip(requests, tokens, strict=True)]


def divide(total: int, weights: Sequence[float]) -> list[int]:
    """A whole number in these proportions, each part at least 1; `total` has to suffice for that."""
    whole = sum(weights)
    ends = [round(total * each / whole) for each in accumulate(weights)]
    parts = [end - start for start, end in pairwise([0, *ends])]
    while 0 in parts:
        parts[parts.index(0)] = 1
        parts[parts.index(max(parts))] -= 1
    return parts


class Pacer:
    """At most `per_minute` units a minute; None paces nothing."""

    def __init__(self, per_minute: int | None) -> None:
        self._seconds = 0.0 if per_minute is None else MINUTE / per_minute
        self._next = 0.0

    def change(self, now: float, per_minute: int | None) -> None:
        """Go on at another pace; what is waited for is a share of a minute as before, of that pace."""
        before, self._seconds = self._seconds, 0.0 if per_minute is None else MINUTE / per_minute
        self._next = now + (self._next - now) * self._seconds / before if before else now

    def wait(self, now: float) -> float:
        """Seconds until the next send is allowed."""
        return max(0.0, self._next - now)

    def take(self, now: float, units: float = 1.0) -> None:
        """Count a send, or what a finished call used beyond its estimate; negative gives back what it did not."""
        self._next = max(self._next, now if units > 0 else 0.0) + units * self._seconds
