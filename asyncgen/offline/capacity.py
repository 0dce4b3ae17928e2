"""What a server can take at once, a minute and for the money: a pure model, with the time passed in.

A call that is refused uses nothing up, and only an answered one is paid for: both are kinder than some providers, and
make a count of refusals or a sum of costs mean one thing.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from asyncgen.offline.knobs import Knobs
from asyncgen.offline.ledger import Ledger

BURST = 1.0  # seconds' worth of a limit per minute that may come at once, and never less than one call
DROP = 10  # what capacity is divided by while it is down
ASSUMED_COMPLETION = 4096  # tokens reserved for an answer whose request sets no max_tokens
_ROUNDING = 1e-9  # requests or tokens: what adding floats may cost is no reason to refuse


class Limit(Enum):
    """What a refused call ran into."""

    CONCURRENCY = auto()
    REQUESTS_PER_MINUTE = auto()
    TOKENS_PER_MINUTE = auto()
    IN_FLIGHT_BUDGET = auto()
    BALANCE = auto()
    ONE_REQUEST = auto()  # it alone may cost more than there is


@dataclass(frozen=True, slots=True)
class Refusal:
    """`wait`: seconds until a limit per minute lets this call in; the others do not know.

    `limit` and `remaining` are calls or tokens, as the limit counts them; for ONE_REQUEST, the completion tokens asked
    for and those that could be paid.
    """

    reason: Limit
    wait: float = 0.0
    limit: int = 0
    remaining: int = 0


class Capacity:
    """Decides on each arrival. One that is admitted occupies money until `release`, a place from `begin` to `end`."""

    def __init__(self, knobs: Knobs, ledger: Ledger) -> None:
        self._knobs = knobs
        self._ledger = ledger
        self._prices = knobs.prices
        self._pace = _Pace(knobs.drop_capacity_after, knobs.drop_capacity_for)
        self._requests = _Bucket.of(knobs.requests_per_minute)
        self._tokens = _Bucket.of(knobs.tokens_per_minute)
        self._reserved = Decimal(0)

    def admit(
        self, now: float, prompt_tokens: int, max_tokens: int | None, tier: str | None = None
    ) -> Decimal | Refusal:
        """The money that is reserved for the call, to be released at its end; or why it is refused."""
        self._pace.start(now)
        knobs = self._knobs
        reserve = self.check_money(prompt_tokens, max_tokens, tier)
        if isinstance(reserve, Refusal):
            return reserve
        refusal = (
            (None if knobs.queue or self.has_place(now) else Refusal(Limit.CONCURRENCY))
            or self._check_rate(now, self._requests, 1, Limit.REQUESTS_PER_MINUTE)
            or self._check_rate(now, self._tokens, prompt_tokens, Limit.TOKENS_PER_MINUTE)
        )
        if refusal:
            return refusal
        if knobs.in_flight_budget is not None and self._reserved + reserve > knobs.in_flight_budget:
            return Refusal(Limit.IN_FLIGHT_BUDGET)
        if self._requests:
            self._requests.take(1)
        if self._tokens:
            self._tokens.take(prompt_tokens)
        self._reserved += reserve
        return reserve

    def settle(self, completion_tokens: int, cost: Decimal | None) -> None:
        """Charge an answer. Tokens beyond what the minute allows become a debt that later calls wait for."""
        if self._tokens:
            self._tokens.take(completion_tokens)
        self._ledger.cost += cost or 0

    def release(self, reserve: Decimal) -> None:
        self._reserved -= reserve

    def has_place(self, now: float) -> bool:
        places = self._knobs.max_concurrent
        if places is None:
            return True
        if self._pace.is_down(now):
            places = max(1, places // DROP)
        return self._ledger.in_flight < places

    def begin(self, now: float) -> None:
        self._ledger.begin(now)

    def end(self, now: float) -> None:
        self._ledger.end(now)

    def check_money(self, prompt_tokens: int, max_tokens: int | None, tier: str | None) -> Decimal | Refusal:
        """What this call may cost at most; or why it could not be paid if it were alone."""
        completion_tokens = max_tokens if max_tokens is not None and max_tokens > 0 else ASSUMED_COMPLETION
        prices = self._prices.at(tier) if self._prices else None
        reserve = prices.cost(prompt_tokens, completion_tokens) if prices else Decimal(0)
        balance, budget = self._knobs.balance, self._knobs.in_flight_budget
        left = None if balance is None else balance - self._ledger.cost
        if left is not None and left <= 0:
            return Refusal(Limit.BALANCE)
        for amount in (left, budget):
            if amount is not None and reserve > amount:
                affordable = prices.affordable(prompt_tokens, amount) if prices else 0
                return Refusal(Limit.ONE_REQUEST, limit=completion_tokens, remaining=affordable)
        return reserve

    def _check_rate(self, now: float, bucket: "_Bucket | None", amount: int, reason: Limit) -> Refusal | None:
        if bucket is None:
            return None
        bucket.refill(self._pace.worked(now))
        wait = bucket.wait(amount)
        if not wait:
            return None
        slower = DROP if self._pace.is_down(now) else 1
        return Refusal(reason, wait * slower, bucket.per_minute, bucket.remaining)


class _Pace:
    """Full capacity, or a DROPth of it in one window of time that is counted from the first call."""

    def __init__(self, after: float | None, lasts: float) -> None:
        self._after = math.inf if after is None else after
        self._lasts = lasts
        self._first: float | None = None

    def start(self, now: float) -> None:
        if self._first is None:
            self._first = now

    def is_down(self, now: float) -> bool:
        return 0 <= self._elapsed(now) - self._after < self._lasts

    def worked(self, now: float) -> float:
        """Seconds since the first call, those of the window counting for a DROPth."""
        elapsed = self._elapsed(now)
        down = min(max(0.0, elapsed - self._after), self._lasts)
        return elapsed - down * (1 - 1 / DROP)

    def _elapsed(self, now: float) -> float:
        return 0.0 if self._first is None else now - self._first


class _Bucket:
    """A token bucket, full at first: it refills evenly and holds BURST seconds' worth, at least 1."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._per_second = per_minute / 60
        self._size = max(1.0, self._per_second * BURST)
        self._level = self._size
        self._filled = 0.0

    @classmethod
    def of(cls, per_minute: int | None) -> "_Bucket | None":
        return None if per_minute is None else cls(per_minute)

    @property
    def remaining(self) -> int:
        return max(0, int(self._level))

    def refill(self, now: float) -> None:
        self._level = min(self._size, self._level + (now - self._filled) * self._per_second)
        self._filled = now

    def wait(self, amount: float) -> float:
        """Seconds until `amount` may be taken; more than the bucket holds may be taken from a full one."""
        missing = min(amount, self._size) - self._level
        return missing / self._per_second if missing > _ROUNDING else 0.0

    def take(self, amount: float) -> None:
        self._level -= amount
