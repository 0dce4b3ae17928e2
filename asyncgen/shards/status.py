"""How far all shards of a plan have come, by their journals; also while they are made.

Only journals are read, not the lines: who asks for one shard is told of both. The newest entries of a shard say how
fast it is made.
"""

import math
from collections import Counter
from decimal import Decimal

import msgspec

from asyncgen.data.state import digits_of
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError
from asyncgen.output.lock import LIVELY
from asyncgen.screen.bar import Advance, unseen
from asyncgen.shards.places import Shards
from asyncgen.shards.plan import ShardPlan
from asyncgen.shards.store import StorageError
from asyncgen.shards.sums import Sums

MADE, FAILED, UNDER_WAY, STILL, WAITING, UNREADABLE = (
    "made",
    "some failed",
    "under way",
    "lying still",
    "not begun",
    "unreadable",
)


class ShardState(msgspec.Struct, kw_only=True):
    """`rate`: conversations a second, None unless it is under way. `latest`: when the newest call was answered."""

    number: int
    num: int
    state: str = WAITING
    done: int = 0
    failed: int = 0
    rate: float | None = None
    latest: str | None = None
    message: str | None = None

    @property
    def seconds_left(self) -> float:
        return (self.num - self.done - self.failed) / self.rate if self.rate else math.inf


class ShardsReport(msgspec.Struct, kw_only=True):
    """What `--json` prints, in this order."""

    num: int
    done: int = 0
    failed: int = 0
    failed_by_reason: dict[str, int]
    pending: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: msgspec.Raw | None = None
    rate: float = 0.0
    shards: list[ShardState]


class ShardsWatch:
    """All shards of a plan, each looked at as often as one likes."""

    def __init__(self, shards: Shards, plan: ShardPlan) -> None:
        self._view = shards.view()
        self.is_free = plan.header.provider == OFFLINE
        self.shards = [ShardState(number=number, num=len(plan.indices(number))) for number in range(len(plan))]
        self._sums: dict[int, Sums] = {}

    def look(self, number: int, now: float) -> ShardState:
        """`now`: the time of day."""
        shard = self.shards[number]
        try:
            seen = self._view.see(number)
        except (ConfigError, OSError, StorageError) as error:
            shard.state, shard.message = UNREADABLE, str(error)
            return shard
        if seen is None:
            return shard
        sums = self._sums[number] = seen.sums
        shard.done, shard.failed, shard.latest = sums.done, sum(sums.failed.values()), sums.latest
        shard.rate = shard.message = None
        if shard.done == shard.num:
            shard.state = MADE
        elif seen.held is not None and now - seen.held < LIVELY:
            shard.state, shard.rate = UNDER_WAY, sums.rate
        else:
            shard.state = FAILED if shard.done + shard.failed == shard.num else STILL
        return shard

    def forget(self, number: int) -> None:
        self._view.forget(number)

    def remember(self) -> None:
        """For those who look after us."""
        self._view.remember()

    def report(self) -> ShardsReport:
        """As all of them were when they were looked at."""
        totals = self._sums.values()
        costs = [each.cost for each in totals if each.cost is not None]
        reasons = sum((Counter(each.failed) for each in totals), Counter[str]())
        num, done = sum(each.num for each in self.shards), sum(each.done for each in self.shards)
        return ShardsReport(
            num=num,
            done=done,
            failed=reasons.total(),
            failed_by_reason=dict(reasons.most_common()),
            pending=num - done - reasons.total(),
            calls=sum(each.calls for each in totals),
            prompt_tokens=sum(each.prompt_tokens for each in totals),
            cached_tokens=sum(each.cached_tokens for each in totals),
            completion_tokens=sum(each.completion_tokens for each in totals),
            cost_usd=msgspec.Raw(digits_of(sum(costs, Decimal(0))).encode()) if costs else None,
            rate=sum(each.rate or 0.0 for each in self.shards),
            shards=self.shards,
        )


def report_on(shards: Shards, plan: ShardPlan, *, now: float, progress: Advance = unseen) -> ShardsReport:
    """`now`: the time of day. The journal of one shard at a time is in memory."""
    return look_at_all(ShardsWatch(shards, plan), now=now, progress=progress).report()


def look_at_all(watch: ShardsWatch, *, now: float, progress: Advance = unseen) -> ShardsWatch:
    for number in range(len(watch.shards)):
        progress("reading journals", number, len(watch.shards))
        watch.look(number, now)
        watch.forget(number)
    watch.remember()
    return watch
