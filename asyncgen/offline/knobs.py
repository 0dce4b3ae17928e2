"""How the engine misbehaves on request: latency, faults and which call gets which, limits, prices, refused fields.

What it does with batches on request is in `batch_knobs`.

The draw depends on the seed and on a call's sequence number only, so that a retry of the same request draws anew and
a run of tests can be repeated.
"""

import random
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum, auto

from asyncgen.errors import ConfigError
from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knob import check_numbers, check_shares, flag_of, knob, pick, shares_of

_LONG_TAIL = 10  # times the latency
_TIERS = {"flex": Decimal("0.5"), "batch": Decimal("0.5"), "priority": Decimal(2)}  # times the price
_NO_NUMBERS = ("seed", "batches")
_LIMITS = ("max_concurrent", "requests_per_minute", "tokens_per_minute")


class Fault(Enum):
    """One value per knob that is a share, in the order of the draw."""

    RATE_LIMITED = auto()
    SERVER_ERRORS = auto()
    RESETS = auto()
    HANGS = auto()
    TRUNCATED = auto()
    MALFORMED = auto()
    WRONG_SCHEMA = auto()
    EMPTY = auto()


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens, exact."""

    prompt: Decimal
    completion: Decimal

    def at(self, tier: str | None) -> "Prices":
        """The prices of a service tier; of one without prices of its own, these."""
        times = _TIERS.get(tier or "")
        return self if times is None else Prices(self.prompt * times, self.completion * times)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        return (self.prompt * prompt_tokens + self.completion * completion_tokens).scaleb(-6)

    def affordable(self, prompt_tokens: int, amount: Decimal) -> int:
        """Completion tokens that could be paid after the prompt."""
        left = amount - self.cost(prompt_tokens, 0)
        return int(left.scaleb(6) / self.completion) if left > 0 and self.completion else 0


@dataclass(frozen=True, slots=True)
class Knobs:
    """Shares are of all calls, from 0 to 1, and add up to at most 1; times are seconds; None is for no limit or never.

    Lines of batches count as calls. `flex_refused` is a share of the calls of that tier, whatever else befalls them.
    """

    latency: float = knob(0.0, "SECONDS", "time each answer takes")
    jitter: float = knob(0.0, "SECONDS", "up to so much time more, drawn evenly")
    long_tail: float = knob(0.0, "SHARE", "share of calls that take ten times as long, from 0 to 1")
    seed: int = knob(0, "SEED", "which calls are hit")
    rate_limited: float = knob(0.0, "SHARE", "share of calls answered 429")
    retry_after: float = knob(1.0, "SECONDS", "the Retry-After of a 429, and twice that of a 402 that passes")
    no_retry_after: bool = knob(False, "", "refuse without Retry-After")
    server_errors: float = knob(0.0, "SHARE", "share of calls answered 500")
    resets: float = knob(0.0, "SHARE", "share of calls whose connection is reset without an answer")
    hangs: float = knob(0.0, "SHARE", "share of calls never answered")
    truncated: float = knob(0.0, "SHARE", "share of answers cut short against their Content-Length")
    malformed: float = knob(0.0, "SHARE", "share of answers whose content is no JSON")
    wrong_schema: float = knob(0.0, "SHARE", "share of answers whose content is JSON of another shape")
    empty: float = knob(0.0, "SHARE", "share of answers whose content is empty")
    unauthorized_after: int | None = knob(None, "K", "answer 401 after K calls", "never")
    no_money_after: int | None = knob(None, "K", "answer 402 after K calls", "never")
    max_concurrent: int | None = knob(None, "N", "calls served at once, more are answered 429")
    queue: bool = knob(False, "", "let calls above --max-concurrent wait their turn instead")
    requests_per_minute: int | None = knob(
        None, "N", "calls a minute, a second's worth of them at once; more are answered 429"
    )
    tokens_per_minute: int | None = knob(
        None, "N", "the same for tokens: the prompt's must be free, the completion's are taken afterwards"
    )
    drop_capacity_after: float | None = knob(
        None, "SECONDS", "have a tenth of these three limits from so long after the first call on", "never"
    )
    drop_capacity_for: float = knob(30.0, "SECONDS", "and for so long")
    price_in: Decimal | None = knob(
        None, "USD", "price per million prompt tokens, from which answers name their cost", "none"
    )
    price_out: Decimal | None = knob(None, "USD", "price per million completion tokens", "none")
    in_flight_budget: Decimal | None = knob(
        None, "USD", "what calls in flight may cost together by max_tokens, more are answered 402"
    )
    balance: Decimal | None = knob(
        None, "USD", "what may be spent, then 402; also for one call that may cost more than is left"
    )
    no_json_schema: bool = knob(False, "", "answer 400 to a response_format of json_schema")
    no_response_format: bool = knob(False, "", "answer 400 to any response_format")
    strict_fields: bool = knob(False, "", "answer 422 to fields that OpenAI does not have")
    canned: bool = knob(False, "", "always the same answer and no look at the request, for benchmarks")
    flex_refused: float = knob(0.0, "SHARE", "share of calls of the tier flex answered 429, for want of capacity")
    batches: BatchKnobs | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_numbers(
            {flag_of(each.name): getattr(self, each.name) for each in fields(self) if each.name not in _NO_NUMBERS},
            shares=("--long-tail", "--flex-refused"),
        )
        check_shares(shares_of(self, Fault), flag_of)
        for name in _LIMITS:
            if getattr(self, name) == 0:
                raise ConfigError(f"{flag_of(name)}: expected 1 or more, got 0")
        # A knob that could have no effect is a mistake, and a test that relies on it would show nothing.
        has_limit = any(getattr(self, name) is not None for name in _LIMITS)
        reads_fields = [
            name for name in ("no_json_schema", "no_response_format", "strict_fields") if getattr(self, name)
        ]
        if self.queue and self.max_concurrent is None:
            raise ConfigError("--queue: needs --max-concurrent")
        if self.drop_capacity_after is not None and not has_limit:
            raise ConfigError(f"--drop-capacity-after: needs one of {', '.join(map(flag_of, _LIMITS))}")
        for name in ("in_flight_budget", "balance"):
            if getattr(self, name) is not None and self.prices is None:
                raise ConfigError(f"{flag_of(name)}: needs --price-in or --price-out")
        if self.canned and reads_fields:
            raise ConfigError(f"{flag_of(reads_fields[0])}: --canned reads no request")

    @property
    def prices(self) -> Prices | None:
        """A price that is not given is 0, if the other is."""
        if self.price_in is None and self.price_out is None:
            return None
        return Prices(self.price_in or Decimal(0), self.price_out or Decimal(0))


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one call: how long it takes, and what goes wrong."""

    latency: float
    fault: Fault | None


class Fates:
    """Draws the fate of each call."""

    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._shares = shares_of(knobs, Fault)
        self._is_constant = not (self._shares or knobs.jitter or knobs.long_tail)
        self._constant = Fate(knobs.latency, None)

    def draw(self, sequence: int) -> Fate:
        if self._is_constant:
            return self._constant
        rng = random.Random(f"{self._knobs.seed}:{sequence}")  # noqa: S311 - repeatable, not secret
        latency = self._knobs.latency + rng.uniform(0.0, self._knobs.jitter)
        if rng.random() < self._knobs.long_tail:
            latency *= _LONG_TAIL
        return Fate(latency, pick(self._shares, rng.random()))

    def refuses_flex(self, sequence: int) -> bool:
        """Whether there is no capacity left for a call of the flex tier."""
        share = self._knobs.flex_refused
        return bool(share) and random.Random(f"{self._knobs.seed}:flex:{sequence}").random() < share  # noqa: S311 - as above
