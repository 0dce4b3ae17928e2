"""What an output has cost, and what is left of its budget, in exact decimals.

What is not known stays unknown and is never 0: against a budget, a call of unknown cost counts as the dearest one.
"""

from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal

from asyncgen.money.forecast import Forecast
from asyncgen.money.price import CENT, FREE, ZERO, Price, format_cost


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
