"""What a run is going to cost, from what its conversations have cost and how widely that spreads."""

from dataclasses import dataclass
from decimal import Decimal

from asyncgen.money.price import ZERO

FORECAST_FROM = 50  # conversations: the spread of fewer says little


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
