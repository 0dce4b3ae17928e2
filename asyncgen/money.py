"""What calls cost: prices, the cost of a call, what an output has cost so far, and what it is going to cost.

Pure, and in exact decimals. What is not known stays unknown and is never 0: against a budget, a call of unknown cost
counts as much as the dearest one. What a server says of prices is untrusted, and what makes no sense is unknown too.
"""

import re
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal, InvalidOperation
from typing import TypeAlias

import msgspec

from asyncgen.errors import Usage

MILLION = 1_000_000
MAX_DIGITS = 40  # characters of a price as it was sent; more is damage
DEAREST_TOKEN = Decimal(1)  # US dollars; more is damage
MOST_DECIMALS = 12
FORECAST_FROM = 50  # conversations: the spread of fewer says little
DATE = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")  # at the end of a model's name
ZERO = Decimal(0)
FREE = "free"
CENT = Decimal("0.01")

JsonObject: TypeAlias = dict[str, object]


# ---- prices


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token; `request`: a call's, on top."""

    input: Decimal
    output: Decimal
    cached: Decimal
    request: Decimal = ZERO

    @classmethod
    def per_million(cls, *, input: Decimal, output: Decimal, cached: Decimal | None) -> "Price":  # noqa: A002
        """As prices are published; without one for cached tokens they cost what others do."""
        return cls(input / MILLION, output / MILLION, (input if cached is None else cached) / MILLION)

    def cost(self, *, fresh: int, cached: int, output: int, calls: int = 1) -> Decimal:
        return self.input * fresh + self.cached * cached + self.output * output + self.request * calls

    @property
    def is_free(self) -> bool:
        return not (self.input or self.output or self.cached or self.request)

    def saved(self, cached: int) -> Decimal:
        """What so many tokens cost less because they were read from a cache."""
        return (self.input - self.cached) * cached

    def describe(self) -> str:
        shown = (_plain(each * MILLION) for each in (self.input, self.cached, self.output))
        return "a million tokens: ${} in, ${} cached, ${} out".format(*shown)


def cost_of(usage: Usage, price: Price) -> Decimal | None:
    """What a call has cost by its tokens; None when they are not known and not free."""
    if price.is_free:
        return ZERO
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    return price.cost(fresh=usage.prompt_tokens - cached, cached=cached, output=usage.completion_tokens)


def with_cost(usage: Usage, price: Price | None) -> Usage:
    """The usage with a cost computed from the price, where the provider reported none and one can be computed."""
    if usage.cost is not None or price is None or (cost := cost_of(usage, price)) is None:
        return usage
    return msgspec.structs.replace(usage, cost=format(cost.normalize(), "f"), priced=True)


def read_price(body: bytes, model: str) -> Price | None:
    """The price of a model in the answer to GET /models, whose prices are decimal strings; None when it has none.

    A variant that is not listed has the price of its model, `:floor` and the like only choose who serves it; but
    `:free` is never guessed. A dated name stands for the undated one and the other way round, where only one fits.
    """
    models = _decode_object(body).get("data")
    listed = [each for each in models if isinstance(each, dict)] if isinstance(models, list) else []
    plain, _, variant = model.partition(":")
    names = [model] if variant == "free" else [model, plain]
    for name in names:
        for each in listed:
            if name in (each.get("id"), each.get("canonical_slug")):
                return _price_of(each)
    alike = [] if variant == "free" else [each for each in listed if _undated(each.get("id")) == _undated(plain)]
    return _price_of(alike[0]) if len(alike) == 1 else None


def _price_of(model: JsonObject) -> Price | None:
    pricing = model.get("pricing")
    return _read_pricing(pricing) if isinstance(pricing, dict) else None


def _undated(name: object) -> str | None:
    return DATE.sub("", name) if isinstance(name, str) else None


def _read_pricing(pricing: JsonObject) -> Price | None:
    prompt, completion = _token_price(pricing.get("prompt")), _token_price(pricing.get("completion"))
    if prompt is None or completion is None:
        return None
    cached = _token_price(pricing.get("input_cache_read"))
    request = _token_price(pricing.get("request"))
    return Price(prompt, completion, prompt if cached is None else cached, request or ZERO)


def _token_price(value: object) -> Decimal | None:
    """None also for a price below 0, which means that it varies."""
    price = _decimal(value)
    return price if price is not None and 0 <= price <= DEAREST_TOKEN else None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still spend; `left` is None for a key without a limit of its own."""

    left: Decimal | None


def read_allowance(body: bytes) -> Allowance | None:
    """What the answer to GET /key says; None when it says nothing. Its `label` shows a part of the key: never read."""
    data = _decode_object(body).get("data")
    if not isinstance(data, dict) or "limit_remaining" not in data:
        return None
    if data["limit_remaining"] is None:
        return Allowance(None)
    left = _decimal(data["limit_remaining"])
    return None if left is None else Allowance(max(left, ZERO))


def _decimal(value: object) -> Decimal | None:
    if type(value) not in {int, float, str} or len(text := str(value)) > MAX_DIGITS:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) <= MAX_DIGITS else None


def _decode_object(body: bytes) -> JsonObject:
    try:
        document: object = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


# ---- what it is going to be


@dataclass(frozen=True, slots=True)
class Estimate:
    """A sum, and how far it may be off: two standard errors."""

    total: Decimal
    margin: Decimal


@dataclass(slots=True)
class Forecast:
    """What indices have cost so far, all calls of each included, and what the pending ones will."""

    number: int = 0
    total: Decimal = ZERO
    _squares: Decimal = ZERO

    def add(self, cost: Decimal) -> None:
        self.number += 1
        self.total += cost
        self._squares += cost * cost

    def expect(self, spent: Decimal, pending: int) -> Estimate | None:
        """What it all will have cost; None before there are enough of them to tell.

        The margin holds both: the spread of the pending indices, and that of the mean they are measured by.
        """
        if self.number < FORECAST_FROM:
            return None
        mean = self.total / self.number
        variance = max(ZERO, (self._squares - self.total * mean) / (self.number - 1))
        spread = (variance * pending * (1 + Decimal(pending) / self.number)).sqrt()
        return Estimate(spent + mean * pending, 2 * spread)


# ---- what has been spent, and what may be


@dataclass(slots=True)
class Account:
    """What all runs of an output have cost, and what may still be spent on it.

    `limit`: the budget. `spent`: the sum of all known costs, None while there is none. `unpriced`: calls that were
    answered and whose cost is unknown; `lost`: calls that may have been billed without an answer. `dearest`: the
    highest cost of a call so far; as long as that is nothing, for an answer from a cache or a free one, what others
    cost is not known. `reserved`: calls that are in flight or about to be. `most_tokens`: of a prompt and of a reply,
    where that has a limit. `is_free`: nobody is paid, so that a call without a cost is no riddle.
    """

    limit: Decimal | None = None
    price: Price | None = None
    spent: Decimal | None = None
    unpriced: int = 0
    lost: int = 0
    dearest: Decimal | None = None
    reserved: int = 0
    most_tokens: tuple[int, int] | None = None
    is_free: bool = False
    forecast: Forecast = field(default_factory=Forecast)

    def book(self, cost: Decimal | None) -> None:
        """A call was answered, and has cost that much; None when nobody knows."""
        if cost is None:
            self.unpriced += not self.is_free
            return
        self.spent = (self.spent or ZERO) + cost
        self.dearest = cost if self.dearest is None else max(self.dearest, cost)

    @property
    def held(self) -> Decimal | None:
        """What a call is reckoned at: the dearest one, or what one may cost by the price; None when nothing tells."""
        if self.dearest:
            return self.dearest
        if self.price is None or (self.most_tokens is None and not self.price.is_free):
            return None
        prompt, completion = self.most_tokens or (0, 0)
        return self.price.cost(fresh=prompt, cached=0, output=completion)

    @property
    def committed(self) -> Decimal:
        """What is spent when every call of unknown cost was as dear as the dearest one."""
        return (self.spent or ZERO) + (self.unpriced + self.lost) * (self.dearest or ZERO)

    @property
    def left(self) -> Decimal | None:
        """What is left of the budget, if there is one."""
        return None if self.limit is None else max(ZERO, self.limit - self.committed)

    def has_room(self) -> bool:
        """Whether one more call fits the budget beside those reserved.

        As long as no cost is known, one call at a time finds it out, or as many as fit at the most one may cost.
        """
        if self.limit is None:
            return True
        if not self.dearest and not self.reserved:
            return True
        return self.held is not None and self.committed + (self.reserved + 1) * self.held <= self.limit

    def is_overcommitted(self) -> bool:
        """Whether what is reserved does not fit any more."""
        if self.limit is None or not self.dearest:
            return False
        return self.committed + self.reserved * self.dearest > self.limit

    def has_unknown_price(self) -> bool:
        """Whether there is a budget and the calls made so far have not told what a call costs."""
        return self.limit is not None and not self.dearest and self.unpriced > 0

    def describe_spent(self) -> str:
        """What all runs have cost; empty before the first call is paid for."""
        return FREE if self.is_free and self.spent is None else describe_spent(self.spent, self.unpriced)

    def explain_no_room(self) -> str:
        """Why nothing more may be sent, and how to go on."""
        text = f"the budget of {format_cost(self.limit or ZERO)} is used up"
        text += f": {self.describe_spent() or 'nothing'} spent over all runs of this output"
        if uncertain := self.unpriced + self.lost:
            each = format_cost(self.dearest or ZERO)
            text += f", {uncertain:,} calls of unknown cost counted at {each} each"
        if self.left:
            text += f", and the {format_cost(self.left)} left may not pay for another call"
        return f"{text}. Go on with a higher --budget"

    def higher_limit(self, pending: int) -> Decimal:
        """A budget with which a run may end: what is foreseen, or else twice the present one. In whole cents."""
        estimate = self.forecast.expect(self.committed, pending)
        wanted = 2 * (self.limit or ZERO)
        if estimate is not None:
            wanted = estimate.total + estimate.margin + (self.dearest or ZERO)
        return wanted.quantize(CENT, ROUND_UP)


def describe_spent(spent: Decimal | None, unpriced: int) -> str:
    """A sum of which `unpriced` calls are no part; empty when there were no calls to pay for."""
    if spent is None:
        return "unknown" if unpriced else ""
    return f"at least {format_cost(spent)}" if unpriced else format_cost(spent)


# ---- how it is written


def format_cost(cost: Decimal) -> str:
    """US dollars: whole cents from one dollar on, below it four decimals, or as many as a small sum needs."""
    if cost >= 1 or not cost:
        return f"${cost:,.2f}"
    return f"${cost:.{min(MOST_DECIMALS, max(4, 1 - cost.adjusted()))}f}"


def _plain(price: Decimal) -> str:
    """Without an exponent, and with two decimals at least."""
    text = format(price.normalize(), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"
