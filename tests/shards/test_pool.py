"""Money and pace of all shards, shared out to runs that ask by messages that may be lost, as they may be themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from asyncgen.errors import ConfigError
from asyncgen.pacing.limiter import UNLIMITED
from asyncgen.pacing.rates import Rates
from asyncgen.shards.pool import NAME, SPENT, TAKEN, TERM, Grant, Held, KeptPool, Pool, PoolTerms, Use
from asyncgen.shards.pooled import PACED
from asyncgen.shards.sums import Seen, Sums

SHARDS = 6


@dataclass
class Run:
    """Makes a shard by calls that cost `call` each, of which `left` are to be made."""

    name: str
    limit: Decimal = Decimal(0)
    rates: Rates = UNLIMITED
    is_new: bool = True
    paced_until: float = 0.0
    is_over: bool = False

    def use(self, world: "World", shard: int) -> Use:
        spent, call = world.spent[shard], world.calls[shard]
        if is_starved := world.left[shard] > 0 and spent + call > self.limit:
            self.limit = spent
        return Use(
            shard=shard,
            run=self.name,
            is_new=self.is_new,
            limit=self.limit,
            used=spent,
            call=call,
            rates=self.rates if world.now < self.paced_until else UNLIMITED,
            is_starved=is_starved,
            has_ended=not world.left[shard],
        )


@dataclass
class World:
    """Shards, their journals and the file of the pool; what runs are there, and the one that keeps the pool."""

    terms: PoolTerms
    random: Random
    calls: list[Decimal]
    left: list[int]
    now: float = 0.0
    notes: dict[str, bytes] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    begun: int = 0

    def __post_init__(self) -> None:
        self.spent = [Decimal(0)] * len(self.calls)
        self.begin_pool()

    # what is asked of the shards
    path = "x.shards"
    read_plan = view = lambda self: self

    def __len__(self) -> int:
        return len(self.calls)

    def see(self, shard: int) -> Seen:
        return Seen(Sums(cost=self.spent[shard]), held=None)

    def forget(self, shard: int) -> None: ...

    def read_note(self, name: str) -> bytes | None:
        return self.notes.get(name)

    def write_note(self, name: str, content: bytes) -> None:
        self.notes[name] = content

    def begin_pool(self) -> None:
        self.pool = KeptPool(Path("x"), self.terms, clock=lambda: self.now)
        self.pool._shards = self  # type: ignore[assignment]

    # what happens
    def begin(self, shard: int) -> Run:
        self.begun += 1
        self.runs[shard] = Run(f"run {self.begun}")
        return self.runs[shard]

    def spend(self, shard: int, most: int = 10**9) -> None:
        run = self.runs[shard]
        while most and self.left[shard] and self.spent[shard] + self.calls[shard] <= run.limit:
            self.spent[shard] += self.calls[shard]
            self.left[shard] -= 1
            most -= 1

    def ask(self, shard: int, *, loses: float = 0.0) -> Grant | None:
        run, asked = self.runs[shard], self.now
        use = run.use(self, shard)
        if self.random.random() < loses:
            return None
        line = self.pool.answer(msgspec.json.encode(use))
        if not line or self.random.random() < loses:
            return None
        told = msgspec.json.decode(line, type=Grant)
        run.is_new = False
        run.limit = run.limit if told.limit is None else told.limit
        if told.rates is not None:
            run.rates, run.paced_until = told.rates, asked + PACED
        run.is_over = use.has_ended or told.end is not None
        return told

    def check(self) -> None:
        may_spend = [
            max(self.spent[shard], self.runs[shard].limit if shard in self.runs else 0) for shard in range(SHARDS)
        ]
        assert self.terms.budget is None or sum(may_spend) <= self.terms.budget
        for kind in ("requests", "tokens"):
            if (most := getattr(self.terms.rates, kind)) is not None:
                used = [getattr(each.rates, kind) for each in self.runs.values() if self.now < each.paced_until]
                assert sum(used) <= most


def worlds(budget: Decimal | None, rates: Rates = UNLIMITED, seeds: int = 30) -> Iterator[World]:
    for seed in range(seeds):
        random = Random(seed)
        calls = [Decimal(random.choice((1, 1, 1, 5))) / 1000 for _ in range(SHARDS)]
        yield World(PoolTerms(budget, rates, 3), random, calls, [random.randrange(1, 400) for _ in calls])


def live(world: World, *, kills: float, loses: float, at_once: int = 3, steps: int = 10**6) -> list[Grant]:
    """Until all is made, or a run is told to end; what those were told."""
    ends: list[Grant] = []
    for _ in range(steps):
        if ends or not any(world.left):
            break
        world.now += world.random.uniform(0, 2 / at_once)
        waiting = [shard for shard in range(SHARDS) if world.left[shard] and shard not in world.runs]
        if waiting and len(world.runs) < at_once:
            world.begin(world.random.choice(waiting))
        shard = world.random.choice([*world.runs])
        world.spend(shard, world.random.randrange(30))
        told = world.ask(shard, loses=loses)
        world.check()
        if told is not None and told.end is not None:
            ends.append(told)
        if world.runs[shard].is_over or world.random.random() < kills:
            del world.runs[shard]
        if world.random.random() < kills:
            world.begin_pool()
    return ends


def test_what_is_enough_for_all_is_enough_whoever_is_killed_and_never_passed() -> None:
    for world in worlds(None):
        needed = sum((call * left for call, left in zip(world.calls, world.left, strict=True)), Decimal(0))
        world.terms = PoolTerms(needed, UNLIMITED, 3)
        world.begin_pool()
        assert live(world, kills=0.05, loses=0.1) == []
        assert sum(world.spent) == needed


def test_what_is_not_enough_is_used_up_to_less_than_a_call_before_anybody_is_told_so() -> None:
    for world in worlds(None):
        needed = sum((call * left for call, left in zip(world.calls, world.left, strict=True)), Decimal(0))
        budget = needed * Decimal("0.6")
        world.terms = PoolTerms(budget, UNLIMITED, 3)
        world.begin_pool()
        (told,) = live(world, kills=0.02, loses=0.1)
        assert told.end == SPENT
        assert budget - sum(world.spent) < max(world.calls)


def test_no_more_pace_is_kept_than_there_is_and_two_that_are_left_have_all_of_it() -> None:
    for world in worlds(None, Rates(600, 90_000), seeds=10):
        live(world, kills=0.03, loses=0.2, steps=300)
        world.runs.clear()
        world.left = [1] * SHARDS
        for shard in (1, 4):
            world.begin(shard)
        for _ in range(30):
            world.now += 1
            for shard in world.runs:
                world.ask(shard)
                world.check()
        assert {each.rates for each in world.runs.values()} == {Rates(300, 45_000)}
        assert all(each.paced_until > world.now for each in world.runs.values())


@pytest.fixture
def world() -> World:
    return World(PoolTerms(Decimal(1), UNLIMITED, 3), Random(0), [Decimal("0.001")] * SHARDS, [10**6] * SHARDS)


def test_money_of_a_shard_that_nobody_makes_comes_back_by_its_journal_when_others_starve(world: World) -> None:
    world.begin(0)
    world.ask(0)
    assert world.ask(0) is not None
    world.spend(0, 20)
    del world.runs[0]
    world.begin(1)
    while world.spent[1] < Decimal("0.98"):
        world.now += 1
        told = world.ask(1)
        assert told is None or told.end is None
        world.spend(1)
        world.check()


def test_a_run_that_was_overtaken_is_not_heard_any_more(world: World) -> None:
    old = world.begin(0)
    world.ask(0)
    world.ask(0)
    world.begin(0)
    assert world.ask(0) is not None
    world.runs[0] = old
    assert world.ask(0) is None


def test_who_keeps_the_pool_no_more_says_so_to_those_who_ask(world: World) -> None:
    world.begin(0)
    world.ask(0)
    old = world.pool
    world.begin_pool()
    world.ask(0)
    world.pool = old
    world.now += TERM
    assert world.ask(0) == Grant(end=TAKEN)


def test_on_another_day_what_was_spent_counts_with_the_pool_or_without(world: World) -> None:
    world.spent[5] = Decimal("0.9")  # by runs that had a part of their own
    world.begin_pool()
    world.begin(0)
    world.ask(0)
    told = world.ask(0)
    assert told is not None
    assert told.limit is not None
    assert told.limit <= Decimal("0.1")


def test_a_file_that_cannot_be_read_is_named_with_what_to_do(world: World) -> None:
    world.notes[NAME] = b"{"
    world.begin(0)
    with pytest.raises(ConfigError, match=r"^x\.shards/pool\.json cannot be read .*: delete it"):
        world.ask(0)


def test_what_a_run_was_answered_less_is_free_when_it_says_that_it_has_heard_so() -> None:
    pool = Pool(PoolTerms(Decimal(100), Rates(requests=60), 4), {}, lambda _: None, now=-TERM)

    def ask(shard: int, **said: Any) -> Grant:
        told = pool.answer(Use(shard=shard, run=str(shard), call=Decimal(1), **said), now=0)
        assert told is not None
        return told

    alone = ask(0, is_new=True)
    assert ask(1, is_new=True, used=Decimal(70)).rates is None
    less = ask(0, limit=alone.limit, rates=alone.rates, used=Decimal(1))
    assert less.limit is not None
    assert alone.limit is not None
    assert less.limit < alone.limit
    assert (pool.held[0].money, ask(1, used=Decimal(70)).rates) == (alone.limit, None)
    ask(0, limit=less.limit, rates=less.rates, used=Decimal(1))
    assert (pool.held[0].money, ask(1, used=Decimal(70)).rates) == (less.limit, Rates(requests=30))


def test_those_who_starve_are_not_told_so_while_what_came_back_is_enough_for_one_of_them() -> None:
    held = {2: Held(Decimal(10), "2")}
    pool = Pool(PoolTerms(Decimal(10), Rates(), 1), held, lambda _: None, now=-TERM)

    def starve(shard: int, call: int) -> Grant | None:
        return pool.answer(Use(shard=shard, run=str(shard), call=Decimal(call), is_starved=True), now=0)

    assert starve(0, 5) == starve(1, 1) == Grant(limit=Decimal(0))
    pool.answer(Use(shard=2, run="2", used=Decimal(7), has_ended=True), now=0)
    assert starve(0, 5) == Grant(limit=Decimal(0))
    assert starve(1, 1) == Grant(limit=Decimal("1.5"))
