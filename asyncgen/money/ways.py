"""The ways in which the same calls are sold, side by side: live, at a service tier, in batches.

No way is taken to cost a share of another one, and no price of cached tokens a share of that of others: what is not
listed is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from asyncgen.money.price import Price

LIVE = "live"


class Tokens(NamedTuple):
    """Of all calls together. `fresh`: input that no cache holds; `cached`: what a warm one does."""

    fresh: int
    cached: int
    output: int
    calls: int

    def times(self, number: int) -> "Tokens":
        return Tokens(self.fresh * number, self.cached * number, self.output * number, self.calls * number)

    def cost(self, price: Price) -> Decimal:
        return price.cost(fresh=self.fresh, cached=self.cached, output=self.output, calls=self.calls)

    def cost_without_cache(self, price: Price) -> Decimal:
        return price.cost(fresh=self.fresh + self.cached, cached=0, output=self.output, calls=self.calls)


@dataclass(frozen=True, slots=True)
class Offer:
    """What all calls cost in one way; None where it is not known.

    `warm`: when the beginning they share is always read from a cache; `cold`: when it never is.
    """

    way: str
    warm: Decimal | None = None
    cold: Decimal | None = None

    @classmethod
    def of(cls, way: str, price: Price | None, tokens: Tokens) -> "Offer":
        if price is None:
            return cls(way)
        warm = None if price.cached is None and tokens.cached else tokens.cost(price)
        return cls(way, warm, tokens.cost_without_cache(price))

    @property
    def most(self) -> Decimal | None:
        """At most so much where the cache is met: without a price for that, what it costs where it is not."""
        return self.cold if self.warm is None else self.warm


class Best(NamedTuple):
    """The cheapest offers, where the cache is met and where it is not; of several alike, the first."""

    warm: Offer | None
    cold: Offer | None


def find_best(offers: Sequence[Offer]) -> Best:
    warm = [(each.most, place) for place, each in enumerate(offers) if each.most is not None]
    cold = [(each.cold, place) for place, each in enumerate(offers) if each.cold is not None]
    return Best(offers[min(warm)[1]] if warm else None, offers[min(cold)[1]] if cold else None)
