"""Prices, and what a call costs by them, in exact decimals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from asyncgen.answered import Usage

MILLION = 1_000_000
MOST_DECIMALS = 12
ZERO = Decimal(0)
FREE = "free"
CENT = Decimal("0.01")
_FINEST = Decimal("1e-12")  # of a price a token that is an average


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token; `request`: a call's, on top. `cached`: None where none is known, and others' is reckoned."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    request: Decimal = ZERO

    @classmethod
    def per_million(cls, *, input: Decimal, output: Decimal, cached: Decimal | None) -> "Price":  # noqa: A002
        """As prices are published."""
        return cls(input / MILLION, output / MILLION, None if cached is None else cached / MILLION)

    def cost(self, *, fresh: int, cached: int, output: int, calls: int = 1) -> Decimal:
        return self.input * fresh + self._cached * cached + self.output * output + self.request * calls

    @property
    def _cached(self) -> Decimal:
        return self.input if self.cached is None else self.cached

    @property
    def is_free(self) -> bool:
        return not (self.input or self.output or self._cached or self.request)

    def saved(self, cached: int) -> Decimal:
        """What so many tokens cost less because they were read from a cache."""
        return (self.input - self._cached) * cached

    def describe(self) -> str:
        parts = (("in", self.input), ("cached", self.cached), ("out", self.output))
        shown = []
        for what, each in parts:
            if each is not None:  # without an exponent, and with two decimals at least
                whole, _, decimals = format((each * MILLION).normalize(), "f").partition(".")
                shown.append(f"${whole}.{decimals:0<2} {what}")
        return f"a million tokens: {', '.join(shown)}"


def mean_price(prices: Sequence[Price], weights: Sequence[float]) -> Price:
    """What tokens cost on average where calls go to several models, in these proportions."""
    whole = sum(map(Decimal, weights))
    shares = [Decimal(each) / whole for each in weights]
    cached = [each.cached for each in prices if each.cached is not None]

    def mean(amounts: Iterable[Decimal]) -> Decimal:
        return sum((share * each for share, each in zip(shares, amounts, strict=True)), ZERO).quantize(_FINEST)

    return Price(
        input=mean(each.input for each in prices),
        output=mean(each.output for each in prices),
        cached=mean(cached) if len(cached) == len(prices) else None,
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


def with_told(sums: Usage, usage: Usage) -> Usage:
    """The sums with a call more, if its tokens and what it has cost are told."""
    is_told = usage.cost is not None and not usage.priced
    if not is_told or usage.prompt_tokens is None or usage.completion_tokens is None:
        return sums
    return Usage(
        (sums.prompt_tokens or 0) + usage.prompt_tokens,
        (sums.cached_tokens or 0) + (usage.cached_tokens or 0),
        (sums.completion_tokens or 0) + usage.completion_tokens,
        (sums.cost or ZERO) + (usage.cost or ZERO),
    )


def format_cost(cost: Decimal) -> str:
    """US dollars: whole cents from one dollar on, below it four decimals, or as many as a small sum needs."""
    if cost >= 1 or not cost:
        return f"${cost:,.2f}"
    return f"${cost:.{min(MOST_DECIMALS, max(4, 1 - cost.adjusted()))}f}"
