"""What the journal of a shard adds up to, and how fast it grows; also where the journal itself is not at hand."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol, Self

import msgspec

from asyncgen.output.ledger import Ledger


class Sums(msgspec.Struct, kw_only=True, frozen=True):
    """What a shard's journal adds up to. `rate`: conversations a second lately; `latest`: when the newest was made.

    `unsure`: what calls of unknown cost are reckoned at.
    """

    done: int = 0
    failed: dict[str, int] = {}
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    unsure: Decimal = Decimal(0)
    rate: float = 0.0
    latest: str | None = None

    @classmethod
    def of(cls, ledger: Ledger, times: Sequence[str], **more: int) -> Self:
        """`times`: of its newest conversations."""
        totals = ledger.totals
        return cls(
            done=ledger.made,
            failed=dict(Counter(ledger.failed.values())),
            calls=totals.calls,
            prompt_tokens=totals.prompt_tokens,
            cached_tokens=totals.cached_tokens,
            completion_tokens=totals.completion_tokens,
            cost=totals.cost,
            unsure=totals.unsure,
            rate=rate_of(times),
            latest=times[-1] if times else None,
            **more,
        )

    def plus(self, asides: "Sequence[Sums]") -> "Sums":
        """With what calls have cost that are no part of the shard."""
        cost = self.cost
        for each in asides:
            cost = cost if each.cost is None else (cost or Decimal(0)) + each.cost
        return msgspec.structs.replace(
            self,
            calls=self.calls + sum(each.calls for each in asides),
            prompt_tokens=self.prompt_tokens + sum(each.prompt_tokens for each in asides),
            cached_tokens=self.cached_tokens + sum(each.cached_tokens for each in asides),
            completion_tokens=self.completion_tokens + sum(each.completion_tokens for each in asides),
            cost=cost,
            unsure=self.unsure + sum(each.unsure for each in asides),
        )

    @property
    def committed(self) -> Decimal:
        """What counts against a budget."""
        return (self.cost or Decimal(0)) + self.unsure


class Seen(msgspec.Struct, frozen=True):
    """A shard that has been begun. `held`: when the run that has it was last heard of, in seconds since 1970."""

    sums: Sums
    held: float | None


def rate_of(times: Sequence[str]) -> float:
    """How many there are a second, by when they were."""
    seconds = [datetime.fromisoformat(each).timestamp() for each in times if each]
    span = max(seconds) - min(seconds) if seconds else 0.0
    return (len(seconds) - 1) / span if span else 0.0


class View(Protocol):
    """Shards that may be looked at as often as one likes."""

    def see(self, number: int) -> Seen | None:
        """None where it has not been begun. Raises ConfigError, OSError and StorageError."""

    def forget(self, number: int) -> None:
        """Give back what it takes to look at it again."""

    def remember(self) -> None:
        """Leave what was seen to those who look later."""
