"""What an output has cost, and what is left of its budget, in exact decimals.

Calls that cost alike have a tariff: one for each who is asked, and others for the same one asked otherwise, in a batch
or at another tier. All of them are paid from one account. What is not known stays unknown and is never 0: against a
budget, a call of unknown cost counts as the dearest one of its tariff.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal

import msgspec

from asyncgen.answered import Usage
from asyncgen.money.forecast import Forecast
from asyncgen.money.price import CENT, FREE, ZERO, Price, cost_of, format_cost, with_cost
from asyncgen.text import quantity

FINEST = Decimal("1e-15")  # US dollars, of a cost that is inferred


@dataclass(slots=True)
class Tariff:
    """What calls of one kind cost, and how many of them are reserved.

    `most_tokens`: of a prompt and of a reply, where that has a limit. `is_free`: nobody is paid, so that a call without
    a cost is no riddle. `dearest`: the highest cost of a call so far; as long as that is nothing, for an answer from a
    cache or a free one, what others cost is not known; until then, `assumed` is what one is taken to cost. The
    dearest is believed after so many costs that were `told`, if `sure_after` is given, and doubled before. `unpriced`:
    calls that were answered and whose cost is unknown; `lost`: calls that may have been billed without an answer.
    `reserved`: calls that are in flight or about to be. `sample`: the tokens of calls that have told what they cost,
    and that; others are taken to cost as large a share of the price as these. Of this run alone are `cached_tokens`,
    and `blind`: calls lost before any cost was known.
    """

    price: Price | None = None
    most_tokens: tuple[int, int] | None = None
    is_free: bool = False
    dearest: Decimal | None = None
    assumed: Decimal | None = None
    sure_after: int = 0
    told: int = 0
    unpriced: int = 0
    lost: int = 0
    reserved: int = 0
    sample: Usage = field(default_factory=Usage)
    cached_tokens: int = 0
    blind: int = 0

    @property
    def held(self) -> Decimal | None:
        """What a call is reckoned at: the dearest one, or what one may cost by the price; None when nothing tells."""
        if self.dearest:
            return self.dearest if self.told >= self.sure_after else 2 * self.dearest
        if self.is_free:
            return ZERO
        if self.assumed is not None:
            return self.assumed
        if self.price is None or (self.most_tokens is None and not self.price.is_free):
            return None
        prompt, completion = self.most_tokens or (0, 0)
        return self.price.cost(fresh=prompt, cached=0, output=completion)

    def with_cost(self, usage: Usage) -> Usage:
        """The usage with its cost, where that is told or can be known."""
        listed = with_cost(usage, self.price)
        if usage.cost is not None or listed.cost is None or self.price is None or self.sample.cost is None:
            return listed
        if not (usual := cost_of(self.sample, self.price)):
            return listed
        cost = (listed.cost * self.sample.cost / usual).quantize(FINEST).normalize()
        return msgspec.structs.replace(listed, cost=Decimal(format(cost, "f")))

    def ratio_to(self, other: "Tariff") -> Decimal | None:
        """How much dearer a call is than one of another tariff, by their prices; None when these do not tell."""
        if self.price is None or other.price is None:
            return None
        prompt, completion = self.most_tokens or (1, 1)
        mine, theirs = (each.cost(fresh=prompt, cached=0, output=completion) for each in (self.price, other.price))
        return mine / theirs if theirs else None

    @property
    def uncertain(self) -> int:
        """Calls that may have cost something that nobody has told."""
        return self.unpriced + self.lost

    @property
    def has_told_nothing(self) -> bool:
        """Whether calls were answered and none has told what it costs."""
        return not self.dearest and self.unpriced > 0


@dataclass(slots=True)
class Account:
    """What all runs of an output have cost, and what may still be spent on it.

    `limit`: the budget, or what may be had for now of one that others share; `pool` is all of that then. `spent`: the
    sum of all known costs, None while there is none. `tariffs`: of the calls of this run, and of those that earlier
    ones have made in the same way; `earlier`: of those that they have made otherwise.
    """

    limit: Decimal | None = None
    spent: Decimal | None = None
    tariffs: Sequence[Tariff] = ()
    forecast: Forecast = field(default_factory=Forecast)
    earlier: Sequence[Tariff] = ()
    pool: Decimal | None = None

    def book(self, tariff: Tariff, cost: Decimal | None) -> None:
        """A call was answered, and has cost that much; None when nobody knows."""
        if cost is None:
            tariff.unpriced += not tariff.is_free
            return
        self.spent = (self.spent or ZERO) + cost
        tariff.told += 1
        tariff.dearest = cost if tariff.dearest is None else max(tariff.dearest, cost)

    @property
    def is_free(self) -> bool:
        return bool(self.tariffs) and all(each.is_free for each in self.tariffs)

    @property
    def committed(self) -> Decimal:
        """What is spent when every call of unknown cost was as dear as the dearest one of its tariff."""
        all_ = (*self.tariffs, *self.earlier)
        return sum((each.uncertain * (each.dearest or ZERO) for each in all_), self.spent or ZERO)

    @property
    def reserved(self) -> Decimal:
        """What is held for the calls that are reserved; nothing for the one that finds out what a call costs."""
        return sum((each.reserved * (each.held or ZERO) for each in self.tariffs), ZERO)

    @property
    def holds_nothing(self) -> bool:
        """Whether no call is reserved, so that none can give money back."""
        return not any(each.reserved for each in self.tariffs)

    @property
    def left(self) -> Decimal | None:
        """What is left of the budget, if there is one."""
        return None if self.limit is None else max(ZERO, self.limit - self.committed)

    def has_room(self, tariff: Tariff) -> bool:
        """Whether another call fits the budget beside those reserved.

        As long as no cost is known, one call at a time finds it out, or as many as fit at the most one may cost.
        """
        if self.limit is None:
            return True
        taken = self.committed + self.reserved
        if tariff.held is not None and taken + tariff.held <= self.limit:
            return True
        return not tariff.dearest and not tariff.reserved and taken < self.limit

    def room(self, tariff: Tariff) -> int | None:
        """How many more calls fit the budget beside those reserved; None where nothing limits them."""
        if self.limit is None or tariff.held == ZERO:
            return None
        if tariff.held is None or not self.has_room(tariff):
            return int(self.has_room(tariff))
        return max(1, int((self.limit - self.committed - self.reserved) / tariff.held))

    @property
    def is_used_up(self) -> bool:
        """Whether no call of any tariff has room, though none is reserved, and nothing more will be had."""
        return self.pool is None and self.holds_nothing and not any(map(self.has_room, self.tariffs))

    def is_overcommitted(self, tariff: Tariff) -> bool:
        """Whether what is reserved does not fit any more, since calls have become dearer."""
        return self.limit is not None and bool(tariff.dearest) and self.committed + self.reserved > self.limit

    @property
    def saved_by_caching(self) -> Decimal | None:
        """What cached tokens have cost less than others in this run; None without a price, or a cache."""
        saved = [each.price.saved(each.cached_tokens) for each in self.tariffs if each.price and each.cached_tokens]
        return sum(saved, ZERO) if saved else None

    def describe_spent(self) -> str:
        """What all runs have cost; empty before the first call is paid for."""
        if self.is_free and self.spent is None:
            return FREE
        return describe_spent(self.spent, sum(each.unpriced for each in (*self.tariffs, *self.earlier)))

    def explain_no_room(self) -> str:
        """Why nothing more may be sent, and how to go on."""
        text = f"the budget of {format_cost(self.pool or self.limit or ZERO)} is used up"
        text += " by all that share it" if self.pool else ""
        text += f": {self.describe_spent() or 'nothing'} spent over all runs of this output"
        for each in (*self.tariffs, *self.earlier):
            if each.uncertain:
                dearest = format_cost(each.dearest or ZERO)
                text += f", and {quantity(each.uncertain, 'call')} of unknown cost counted at {dearest} each"
        if self.left and self.pool is None:
            text += f", and the {format_cost(self.left)} left may not pay for another call"
        return f"{text}. Go on with a higher --budget"

    def higher_limit(self, pending: int) -> Decimal:
        """A budget with which a run may end: what is foreseen, or else twice what there was. In whole cents."""
        estimate = self.forecast.expect(self.committed, pending)
        wanted = 2 * max(self.pool or self.limit or ZERO, self.committed)  # earlier runs may have had more
        if estimate is not None and self.pool is None:
            dearest = max((each.dearest or ZERO for each in self.tariffs), default=ZERO)
            wanted = estimate.total + estimate.margin + dearest
        return wanted.quantize(CENT, ROUND_UP)


def describe_spent(spent: Decimal | None, unpriced: int) -> str:
    """A sum of which `unpriced` calls are no part; empty when there were no calls to pay for."""
    if spent is None:
        return "unknown" if unpriced else ""
    return f"at least {format_cost(spent)}" if unpriced else format_cost(spent)
