import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    ConnectionFailedError,
    NoAnswerError,
    RateLimitedError,
    ServerError,
)
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outage import CERTAIN, Outage
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.pause import Gate
from asyncgen.pacing.rates import Rates
from asyncgen.stop import StopRequestedError
from asyncgen.timings import USUAL


def make_limiter(limit: int, rates: Rates | None = None, **settings: Any) -> Limiter:
    concurrency = Concurrency(limit, adaptive=False)
    return Limiter(concurrency, Gate(Random(0)), Outage(), rates=rates or Rates(), **settings)


@asynccontextmanager
async def place(limiter: Limiter, *, again: bool = False) -> AsyncIterator[None]:
    await limiter.acquire(again=again)
    try:
        yield
    finally:
        limiter.release()


@dataclass
class Caller:
    """A task that takes a place and holds it until told to leave."""

    limiter: Limiter
    again: bool
    entered: list["Caller"]
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    holds: bool = False

    def __post_init__(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with place(self.limiter, again=self.again):
            self.entered.append(self)
            self.holds = True
            try:
                await self.leave.wait()
            finally:
                self.holds = False


class Callers:
    def __init__(self, limit: int) -> None:
        self.limiter = make_limiter(limit)
        self.all: list[Caller] = []
        self.entered: list[Caller] = []

    def call(self, *, again: bool = False) -> Caller:
        self.all.append(Caller(self.limiter, again, self.entered))
        return self.all[-1]

    @property
    def holding(self) -> list[Caller]:
        return [each for each in self.all if each.holds]

    async def end(self) -> None:
        for each in self.all:
            each.leave.set()
        await asyncio.gather(*(each.task for each in self.all), return_exceptions=True)

    async def end_waiting(self) -> None:
        """The same, when those who wait would wait for a clock that stands still."""
        self.limiter.close()
        await self.end()


async def settle() -> None:
    """Let every task run until all of them wait."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("waits", [True, False])
def test_what_arrives_while_a_batch_is_written_counts_beside_the_calls_in_flight(waits: bool) -> None:  # noqa: FBT001
    async def attempt(limiter: Limiter) -> None:
        await limiter.acquire(again=False)
        limiter.release(is_answered=waits)

    async def scenario() -> None:
        limiter = make_limiter(3, capacity=3)
        for _ in range(4):  # which a batch gathers: that holds back nobody
            await attempt(limiter)
        limiter.writing(4 * waits)
        calls = [asyncio.create_task(attempt(limiter)) for _ in range(5)]
        await settle()
        assert [call.done() for call in calls].count(True) == (3 if waits else 5)
        limiter.written()
        await asyncio.wait(calls)
        limiter.writing(5 * waits)
        await attempt(limiter)

    asyncio.run(scenario())


@pytest.mark.parametrize("is_coming", [True, False])
def test_the_limit_grows_for_one_who_is_about_to_wait_as_for_one_who_waits(is_coming: bool) -> None:  # noqa: FBT001
    async def scenario() -> None:
        concurrency = Concurrency(100)
        limiter = Limiter(concurrency, Gate(Random(0)), Outage(), is_one_coming=lambda: is_coming)
        before = concurrency.limit
        async with place(limiter):
            limiter.report(*limiter.begin(), Outcome())
        assert concurrency.limit == before + is_coming

    asyncio.run(scenario())


def test_places_beyond_the_limit_wait_their_turn() -> None:
    async def scenario() -> None:
        callers = Callers(2)
        for _ in range(4):
            callers.call()
        await settle()
        assert callers.holding == callers.all[:2]
        callers.all[1].leave.set()
        await settle()
        assert callers.holding == [callers.all[0], callers.all[2]]
        assert callers.limiter.in_flight == 2
        await callers.end()
        assert callers.limiter.in_flight == 0

    asyncio.run(scenario())


def test_retries_are_served_before_first_attempts_and_each_in_order() -> None:
    async def scenario() -> None:
        callers = Callers(1)
        holder = callers.call()
        first, second = callers.call(), callers.call()
        again, again_later = callers.call(again=True), callers.call(again=True)
        await settle()
        await callers.end()
        assert callers.entered == [holder, again, again_later, first, second]

    asyncio.run(scenario())


@pytest.mark.parametrize(("is_own", "error"), [(False, None), (True, None), (False, BadReplyError("not-json", "no"))])
def test_behind_a_failure_of_the_endpoint_those_go_first_who_have_not_been_asked(
    is_own: bool,  # noqa: FBT001
    error: AsyncgenError | None,
) -> None:
    """Two that fail in turn would keep the third one waiting, by which it is known whose fault it is."""

    async def scenario() -> None:
        callers = Callers(1)
        await attempt(callers.limiter, error or NoAnswerError("blank"), is_own=is_own)
        holder = callers.call()
        first, again = callers.call(), callers.call(again=True)
        await settle()
        await callers.end()
        is_usual = is_own or error is not None
        assert callers.entered == ([holder, again, first] if is_usual else [holder, first, again])

    asyncio.run(scenario())


def test_an_error_inside_gives_the_place_back() -> None:
    async def scenario() -> None:
        limiter = make_limiter(1)
        with pytest.raises(ZeroDivisionError):
            async with place(limiter):
                raise ZeroDivisionError
        assert limiter.in_flight == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("again", [False, True])
def test_a_caller_cancelled_while_it_waits_is_passed_over(again: bool) -> None:  # noqa: FBT001
    async def scenario() -> None:
        callers = Callers(1)
        holder, waiting, behind = callers.call(), callers.call(again=again), callers.call()
        await settle()
        waiting.task.cancel()
        await settle()
        holder.leave.set()
        await settle()
        assert waiting.task.cancelled()
        assert callers.holding == [behind]
        await callers.end()

    asyncio.run(scenario())


def test_a_caller_cancelled_after_it_was_given_the_place_hands_it_on() -> None:
    async def scenario() -> None:
        callers = Callers(1)
        holder, given_one, behind = callers.call(), callers.call(), callers.call()
        await settle()
        holder.leave.set()
        await asyncio.sleep(0)  # the holder leaves; whom it gives the place has not run yet
        assert not callers.holding
        given_one.task.cancel()
        await settle()
        assert given_one.task.cancelled()
        assert callers.holding == [behind]
        await callers.end()

    asyncio.run(scenario())


def test_a_caller_cancelled_in_the_step_in_which_a_place_comes_free_is_passed_over() -> None:
    async def scenario() -> None:
        callers = Callers(1)
        holder, waiting, behind = callers.call(), callers.call(), callers.call()
        await settle()
        holder.leave.set()
        waiting.task.cancel()  # its future is cancelled at once, the task itself wakes after the holder
        await settle()
        assert waiting.task.cancelled()
        assert callers.holding == [behind]
        await callers.end()

    asyncio.run(scenario())


def test_a_holder_that_is_cancelled_hands_its_place_on() -> None:
    async def scenario() -> None:
        callers = Callers(1)
        holder, behind = callers.call(), callers.call()
        await settle()
        holder.task.cancel()
        await settle()
        assert callers.holding == [behind]
        await callers.end()

    asyncio.run(scenario())


STEPS = st.one_of(
    st.tuples(st.sampled_from(["first", "again", "step"]), st.just(0)),
    st.tuples(st.sampled_from(["leave", "cancel"]), st.integers(0, 20)),
)


@given(limit=st.integers(1, 4), steps=st.lists(STEPS, max_size=60))
def test_no_interleaving_exceeds_the_limit_or_loses_a_place(limit: int, steps: list[tuple[str, int]]) -> None:
    async def scenario() -> None:
        callers = Callers(limit)
        for step, number in steps:
            match step:
                case "first" | "again":
                    callers.call(again=step == "again")
                case "step":
                    await asyncio.sleep(0)
                case "leave" if callers.all:
                    callers.all[number % len(callers.all)].leave.set()
                case "cancel" if callers.all:
                    callers.all[number % len(callers.all)].task.cancel()
            assert len(callers.holding) <= callers.limiter.in_flight <= limit
        await settle_all(callers)
        alive = [each for each in callers.all if not each.task.done()]
        assert len(callers.holding) == callers.limiter.in_flight == min(limit, len(alive))
        await callers.end()
        assert callers.limiter.in_flight == 0

    asyncio.run(scenario())


async def settle_all(callers: Callers) -> None:
    """Each caller can free a place for the next one, which can leave at once, and so on."""
    for _ in callers.all:
        await settle()


async def attempt(
    limiter: Limiter, error: AsyncgenError | None = None, *, again: bool = False, is_own: bool = False
) -> bool:
    """One attempt that ends at once; whether all keep the wait it has named."""
    await limiter.acquire(again=again)
    ticket, sent = limiter.begin()
    is_for_all = limiter.report(ticket, sent, Outcome(error, is_own=is_own))
    limiter.release()
    return is_for_all


def test_a_named_wait_holds_everybody_back_and_nobody_keeps_it_twice() -> None:
    async def scenario() -> None:
        now, step = 100.0, 0.0

        def clock() -> float:
            nonlocal now
            now += step
            return now

        limiter = make_limiter(4, clock=clock)
        refusal = RateLimitedError("not now", retry_after=0.02)
        assert await attempt(limiter, refusal)
        waiting = [asyncio.create_task(attempt(limiter)) for _ in range(3)]
        await settle()
        assert limiter.in_flight == 0
        assert not any(task.done() for task in waiting)
        step = 1.0
        await asyncio.wait_for(asyncio.gather(*waiting), 30)

    asyncio.run(scenario())


def test_a_refusal_without_a_time_holds_nobody_back() -> None:
    async def scenario() -> None:
        limiter = make_limiter(4)
        refusal = RateLimitedError("not now")
        assert not await attempt(limiter, refusal)
        await asyncio.wait_for(attempt(limiter), 30)

    asyncio.run(scenario())


@each_row(
    "error",
    [ServerError("down"), ConnectionFailedError("refused"), NoAnswerError("blank"), RateLimitedError("not now")],
)
@each_row("again", [False, True])
def test_in_an_outage_of_any_kind_calls_leave_as_single_probes(error: AsyncgenError, again: bool) -> None:  # noqa: FBT001
    async def scenario() -> None:
        now = 100.0
        limiter = make_limiter(10, clock=lambda: now)
        for _ in range(int(CERTAIN)):
            await attempt(limiter, error)
        callers = Callers(10)
        callers.limiter = limiter
        for _ in range(5):
            callers.call(again=again)
        await settle()
        assert not callers.holding
        now += USUAL.first_probe
        callers.call(again=again)
        await settle()
        assert len(callers.holding) == 1
        await callers.end_waiting()

    asyncio.run(scenario())


def test_an_index_that_has_not_failed_yet_is_the_better_probe() -> None:
    async def scenario() -> None:
        now = 100.0
        limiter = make_limiter(10, clock=lambda: now)
        for _ in range(int(CERTAIN)):
            await attempt(limiter, NoAnswerError("blank"))
        callers = Callers(10)
        callers.limiter = limiter
        callers.call(again=True)
        fresh = callers.call()
        await settle()
        now += USUAL.first_probe
        callers.call(again=True)
        await settle()
        assert callers.holding == [fresh]
        await callers.end_waiting()

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [None, BadReplyError("not-json", "no")], ids=["good", "bad reply"])
def test_an_answer_of_any_kind_ends_an_outage(error: AsyncgenError | None) -> None:
    async def scenario() -> None:
        now = 100.0
        limiter = make_limiter(10, clock=lambda: now)
        for _ in range(int(CERTAIN)):
            await attempt(limiter, ConnectionFailedError("refused"))
        now += USUAL.first_probe
        await attempt(limiter, error)
        assert limiter.outage.wait(now) == 0

    asyncio.run(scenario())


def test_a_closed_limiter_sends_everybody_away() -> None:
    async def scenario() -> None:
        limiter = make_limiter(1)
        async with place(limiter):
            waiting = asyncio.create_task(attempt(limiter))
            await settle()
            limiter.close()
            with pytest.raises(StopRequestedError):
                await waiting
            with pytest.raises(StopRequestedError):
                await attempt(limiter)
        assert limiter.in_flight == 0

    asyncio.run(scenario())


def test_requests_a_minute_are_spread_over_it() -> None:
    async def scenario() -> None:
        limiter = make_limiter(10, Rates(requests=6000))
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(attempt(limiter) for _ in range(6)))
        assert asyncio.get_running_loop().time() - begun >= 5 * 0.01 * 0.9

    asyncio.run(scenario())


def test_nothing_leaves_once_a_pace_has_lapsed_until_there_is_another() -> None:
    async def scenario() -> None:
        now = 0.0
        limiter = make_limiter(10, Rates(requests=6000), clock=lambda: now)
        limiter.pace(Rates(requests=600_000), until=1.0)
        await attempt(limiter)
        now = 2.0
        waiting = asyncio.create_task(attempt(limiter))
        await settle()
        assert not waiting.done()
        limiter.pace(Rates(requests=600_000), until=3.0)
        await waiting

    asyncio.run(scenario())
