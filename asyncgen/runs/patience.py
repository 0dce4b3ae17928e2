"""How long an endpoint that only fails is borne with. Pure; times in seconds on one monotonic clock."""

from asyncgen.errors import RateLimitedError, TransientError
from asyncgen.timings import USUAL

LONG_WAIT = 60.0  # seconds: a longer one is a quota's, with shorter ones some refuse every request for ever
DAY = 86_400.0  # a quota is restored within one


class Patience:
    """How long an endpoint that only fails is borne with, and what is to be said of it meanwhile.

    `trouble`: the latest failure, None while calls are answered.
    """

    def __init__(self, give_up: float, *, has_worked: bool, fruitless: float = USUAL.fruitless) -> None:
        self._give_up = give_up
        self._fruitless = fruitless
        self._has_worked = has_worked
        self._says_not_now = False
        self._since = self._counted_until = 0.0
        self.trouble: TransientError | None = None
        self.failing_seconds = 0.0

    def restore(self, *, has_worked: bool = False) -> None:
        """A call has shown that the endpoint is there."""
        self._has_worked |= has_worked
        self.trouble = None

    def wear(self, error: TransientError, now: float) -> None:
        """A failure of the endpoint. Time counts from the first one on, but for long waits that it has named."""
        if self.trouble is None:
            self._since = self._counted_until = now
            self.failing_seconds = 0.0
        self.trouble = error
        self._says_not_now |= isinstance(error, RateLimitedError)
        self.failing_seconds += max(0.0, now - self._counted_until)
        self._counted_until = max(now, self._counted_until)
        if error.retry_after and error.retry_after > LONG_WAIT:
            self._counted_until = max(self._counted_until, min(now + error.retry_after, self._since + DAY))

    @property
    def is_new_here(self) -> bool:
        """Nothing has ever answered, so far as this output knows."""
        return not self._has_worked

    @property
    def seconds(self) -> float:
        """How long calls may only fail; "not now" is the answer of an endpoint that is there."""
        return self._give_up if self._has_worked or self._says_not_now else min(self._give_up, self._fruitless)

    def left(self, now: float) -> float:
        """Seconds until it is over, should nothing be answered."""
        return self.seconds - self.failing_seconds + self._counted_until - now
