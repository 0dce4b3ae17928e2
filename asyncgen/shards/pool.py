"""One budget and one pace for all shards under way: how much of both each of them may use for now.

Whatever is lost, comes late or is asked twice, no more is out than there is. What a run may spend is a limit for all
that its shard ever costs, so who is told of it twice has it once. A run holds the more of what it says it was allowed
and of what it was answered, which may not have come. Money is written down before it is told, and is free again when
the run has ended, or another one has its shard, or its journal says what has become of it. Pace is not written down: it
lapses, and who begins waits until what another one may have told has lapsed.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import msgspec

from asyncgen.errors import ConfigError
from asyncgen.money.account import FINEST
from asyncgen.money.price import ZERO
from asyncgen.output.lock import LIVELY
from asyncgen.pacing.rates import Rates
from asyncgen.shards.places import shards_of

NAME = "pool.json"
VERSION = 1
TERM = 10.0  # seconds after which a run that has asked keeps no pace any more: more than it takes itself
LOOK = 1.0  # seconds from one look at whose the pool is to the next: with what a run takes less than a term
KINDS = ("requests", "tokens")
SPENT, TAKEN = "spent", "taken"  # why a run is to end


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says of itself. Its `limit` and `rates` are those that it keeps now.

    `is_new`: it has been allowed nothing yet. `used`: what its shard has cost, and what is held for calls under way.
    `call`: what a further one is reckoned at, 0 where nothing tells. `is_starved`: calls wait for money, and none is
    under way; then `limit` is what is used.
    """

    shard: int
    run: str
    is_new: bool = False
    limit: Decimal = ZERO
    used: Decimal = ZERO
    call: Decimal = ZERO
    rates: Rates = Rates()
    is_starved: bool = False
    has_ended: bool = False


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may use; None leaves what it has. `end`: why it is to end, if it is."""

    limit: Decimal | None = None
    rates: Rates | None = None
    end: str | None = None


class Held(msgspec.Struct, frozen=True):
    """What a shard may have cost at most. `run`: who may still spend of it; None: that is what it has cost."""

    money: Decimal
    run: str | None = None


@dataclass(frozen=True, slots=True)
class PoolTerms:
    """What all shards share. `least`: requests, and tokens, a minute that a run can do with."""

    budget: Decimal | None
    rates: Rates
    at_once: int
    least: int = 1


@dataclass(slots=True)
class _Member:
    """A run under way, as it was when it asked last. `rates`: what it holds of them, by their kind."""

    asked: float
    is_starved: bool
    rates: dict[str, int] = field(default_factory=dict)


class Pool:
    """Pure: time is an argument, in seconds of any clock.

    `held`: by shard. `read_cost`: what a shard has cost by its journal, or None while a run may have it.
    """

    def __init__(
        self, terms: PoolTerms, held: dict[int, Held], read_cost: Callable[[int], Decimal | None], now: float
    ) -> None:
        self._terms = terms
        self.held = held
        self._read_cost = read_cost
        self._since = now
        self._members: dict[int, _Member] = {}

    def answer(self, use: Use, now: float) -> Grant | None:
        """None for a run whose shard another one has by now."""
        held = self.held.get(use.shard)
        if held is not None and held.run not in (None, use.run) and not use.is_new:
            return None
        self._members = {shard: each for shard, each in self._members.items() if now - each.asked < TERM}
        if use.has_ended:
            self._members.pop(use.shard, None)
            self._hold(use.shard, Held(use.used))
            return Grant()
        member = self._members[use.shard] = _Member(now, use.is_starved)
        rates = self._pace(use, member, now)
        if self._terms.budget is None:
            return Grant(rates=rates)
        limit = self._limit(use, self._terms.budget)
        self._hold(use.shard, Held(max(limit, use.limit, use.used), use.run))
        member.is_starved &= limit <= use.used
        is_spent = member.is_starved and not self._may_come_back(now)
        return Grant(limit=limit, rates=rates, end=SPENT if is_spent else None)

    def _limit(self, use: Use, budget: Decimal) -> Decimal:
        """A piece beyond what is used, of what is free: large at first, and in the end a call or nothing."""
        most = budget - sum((each.money for shard, each in self.held.items() if shard != use.shard), ZERO)
        free = most - use.used
        if free <= 0 or free < use.call:
            return use.used
        piece = max((free / (2 * self._terms.at_once)).quantize(FINEST, ROUND_DOWN), use.call)
        if use.limit <= most and piece / 2 <= use.limit - use.used <= 2 * piece:
            return use.limit
        return use.used + piece

    def _hold(self, shard: int, held: Held) -> None:
        before = self.held.get(shard)
        self.held[shard] = held
        if before is not None and held.money < before.money:
            for each in self._members.values():  # they may have what has come back
                each.is_starved = False

    def _may_come_back(self, now: float) -> bool:
        """Whether there may be money for those who starve: of others, or of shards that nobody makes now."""
        if now - self._since < TERM or not all(each.is_starved for each in self._members.values()):
            return True
        may_come = False
        for shard, held in [*self.held.items()]:
            if held.run is None or shard in self._members:
                continue
            cost = self._read_cost(shard)
            may_come |= cost is None or cost < held.money
            if cost is not None:
                self._hold(shard, Held(cost))
        return may_come

    def _pace(self, use: Use, member: _Member, now: float) -> Rates | None:
        """The same for each, of what the others do not hold; None for nothing new."""
        kept = {kind: getattr(use.rates, kind) or 0 for kind in KINDS}
        told: dict[str, int] = {}
        for kind in KINDS:
            if (most := getattr(self._terms.rates, kind)) is not None:
                others = sum(each.rates.get(kind, 0) for each in self._members.values())
                told[kind] = min(most // len(self._members), most - others)
                if now - self._since < TERM:
                    told[kind] = min(told[kind], kept[kind])
        if any(rate < self._terms.least for rate in told.values()):
            told = {}
        member.rates = {kind: max(told.get(kind, 0), kept[kind]) for kind in KINDS}
        return Rates(**told) if told else None


class _File(msgspec.Struct):
    """`owner`: who has begun to keep it last."""

    version: int
    owner: str
    shards: dict[int, Held]


class KeptPool:
    """A pool whose money is in a file beside the plan: may be lost and begun again at any time.

    `output`: where the shards are, on any machine.
    """

    def __init__(self, output: Path | str, terms: PoolTerms, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shards = shards_of(output)
        self._terms = terms
        self._owner = uuid.uuid4().hex
        self._pool: Pool | None = None
        self._written: dict[int, Held] = {}
        self._looked = 0.0

    def begin(self) -> None:
        """Take it over from whoever keeps it. Raises ConfigError, OSError, OutputError and StorageError."""
        held, self._view = self._read().shards, self._shards.view()
        for shard in range(len(self._shards.read_plan())):
            seen = self._view.see(shard)
            self._view.forget(shard)
            if seen is not None:
                before = held.get(shard, Held(ZERO))
                held[shard] = Held(max(seen.sums.committed, before.money), before.run)
        self._write(held)
        self._pool = Pool(self._terms, held, self._read_cost, self._clock())

    def answer(self, line: bytes) -> bytes:
        """What is told a run that says such a line; nothing to one whose shard another one has."""
        if (pool := self._pool) is None:
            self.begin()
            return b""
        now = self._clock()
        use = msgspec.json.decode(line, type=Use)
        allowance = pool.answer(use, now)
        held, written = pool.held.get(use.shard), self._written.get(use.shard)
        is_news = held is not None and (written is None or held.run != written.run or held.money > written.money)
        if is_news or now - self._looked > LOOK:
            self._looked = now
            if self._read().owner != self._owner:
                return msgspec.json.encode(Grant(end=TAKEN))
        if is_news:
            self._write(pool.held)
        return b"" if allowance is None else msgspec.json.encode(allowance)

    def _read_cost(self, shard: int) -> Decimal | None:
        seen = self._view.see(shard)
        self._view.forget(shard)
        if seen is None:
            return ZERO
        return None if seen.held is not None and time.time() - seen.held < LIVELY else seen.sums.committed

    def _read(self) -> _File:
        content = self._shards.read_note(NAME)
        if content is None:
            return _File(VERSION, self._owner, {})
        try:
            return msgspec.json.decode(content, type=_File)
        except ValueError as error:
            raise ConfigError(
                f"{self._shards.path}/{NAME} cannot be read ({error}): delete it when no run is under way, and "
                "journals tell what was spent"
            ) from error

    def _write(self, held: dict[int, Held]) -> None:
        self._shards.write_note(NAME, msgspec.json.encode(_File(VERSION, self._owner, held)))
        self._written = {**held}
