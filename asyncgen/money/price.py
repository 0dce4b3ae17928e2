"""Prices, and what a call costs by them, in exact decimals.

What a server says of prices is untrusted, and what makes no sense is unknown.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec

from asyncgen.endpoint.body import JsonObject, decode_object, object_of
from asyncgen.errors import Usage

MILLION = 1_000_000
MAX_DIGITS = 40  # characters of a price as it was sent; more is damage
DEAREST_TOKEN = Decimal(1)  # US dollars; more is damage
MOST_DECIMALS = 12
DATE = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")  # at the end of a model's name
ZERO = Decimal(0)
FREE = "free"
CENT = Decimal("0.01")
_FINEST = Decimal("1e-12")  # of a price a token that is an average


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


def mean_price(prices: Sequence[Price], weights: Sequence[float]) -> Price:
    """What tokens cost on average where calls go to several models, in these proportions."""
    whole = sum(map(Decimal, weights))
    shares = [Decimal(each) / whole for each in weights]

    def mean(amounts: Iterable[Decimal]) -> Decimal:
        return sum((share * each for share, each in zip(shares, amounts, strict=True)), ZERO).quantize(_FINEST)

    return Price(
        input=mean(each.input for each in prices),
        output=mean(each.output for each in prices),
        cached=mean(each.cached for each in prices),
        request=mean(each.request for each in prices),
    )


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
    return msgspec.structs.replace(usage, cost=Decimal(format(cost.normalize(), "f")), priced=True)


def read_price(body: bytes, model: str) -> Price | None:
    """The price of a model in the answer to GET /models, whose prices are decimal strings; None when it has none.

    A variant that is not listed has the price of its model, `:floor` and the like only choose who serves it; but
    `:free` is never guessed. A dated name stands for the undated one and the other way round, where only one fits.
    """
    models = (decode_object(body) or {}).get("data")
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
    pricing = object_of(model.get("pricing"))
    prompt, completion = _token_price(pricing.get("prompt")), _token_price(pricing.get("completion"))
    if prompt is None or completion is None:
        return None
    cached = _token_price(pricing.get("input_cache_read"))
    request = _token_price(pricing.get("request"))
    return Price(prompt, completion, prompt if cached is None else cached, request or ZERO)


def _undated(name: object) -> str | None:
    return DATE.sub("", name) if isinstance(name, str) else None


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
    data = (decode_object(body) or {}).get("data")
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
