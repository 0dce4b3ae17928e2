import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random

import pytest

from asyncgen.errors import BudgetSpentError, RateLimitedError, ServerError
from asyncgen.money.account import Account, Tariff
from asyncgen.money.budget import Budget
from asyncgen.pacing.admission import Admission
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outage import Outage
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.pause import Gate
from asyncgen.stop import Stop, StopRequestedError


class Bench:
    """An admission with a budget of $1 and so many places; calls take as long as the test lets them."""

    def __init__(self, places: int, *, dearest: str = "0.3") -> None:
        self.tariff = Tariff(dearest=Decimal(dearest))
        self.account = Account(Decimal(1), Decimal(0), [self.tariff])
        self.stop = Stop()
        self.limiter = Limiter(Concurrency(places, adaptive=False), Gate(Random(0)), Outage())
        self.stop.when_requested(self.limiter.close)
        self.admission = Admission(Budget(self.account, self.stop), self.tariff, self.limiter, self.stop)
        self.may_end = asyncio.Event()
        self.sent = 0

    async def call(self, outcome: Outcome | BaseException = Outcome(), *, again: bool = False) -> Outcome:  # noqa: B008
        async def send() -> Outcome:
            self.sent += 1
            await self.may_end.wait()
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        return await self.admission.send(send, again=again)

    def is_idle(self) -> bool:
        return (self.limiter.in_flight, self.tariff.reserved) == (0, 0)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_who_waits_for_money_holds_no_place() -> None:
    async def scenario() -> None:
        bench = Bench(10)
        calls = [asyncio.create_task(bench.call()) for _ in range(5)]
        await settle()
        assert (bench.sent, bench.limiter.in_flight) == (3, 3)
        bench.may_end.set()
        await asyncio.gather(*calls)
        assert bench.sent == 5
        assert bench.is_idle()

    run(scenario)


def test_what_lapses_while_it_waits_for_a_place_is_reserved_again_and_sent_once() -> None:
    async def scenario() -> None:
        bench = Bench(1)
        calls = [asyncio.create_task(bench.call()) for _ in range(3)]
        await settle()
        assert (bench.sent, bench.tariff.reserved) == (1, 3)
        bench.account.book(bench.tariff, Decimal("0.4"))
        bench.may_end.set()
        await calls[0]
        await asyncio.gather(*calls)
        assert bench.sent == 3
        assert bench.is_idle()

    run(scenario)


def test_what_lapses_for_good_is_never_sent() -> None:
    async def scenario() -> None:
        bench = Bench(1)
        calls = [asyncio.create_task(bench.call()) for _ in range(2)]
        await settle()
        bench.account.book(bench.tariff, Decimal("0.9"))
        bench.may_end.set()
        await calls[0]
        with pytest.raises(BudgetSpentError):
            await calls[1]
        assert bench.sent == 1
        assert bench.is_idle()

    run(scenario)


def test_after_a_stop_nothing_is_sent_any_more_not_even_with_a_place() -> None:
    async def scenario() -> None:
        bench = Bench(1)
        first, second = (asyncio.create_task(bench.call()) for _ in range(2))
        await settle()
        bench.may_end.set()
        await asyncio.sleep(0)
        bench.stop.request()
        assert (await first).error is None
        with pytest.raises(StopRequestedError):
            await second
        assert bench.sent == 1
        assert bench.is_idle()

    run(scenario)


@pytest.mark.parametrize("waits_for", ["money", "a place", "an answer"])
def test_who_is_cancelled_keeps_nothing(waits_for: str) -> None:
    async def scenario() -> None:
        bench = Bench(1 if waits_for == "a place" else 10, dearest="0.6" if waits_for == "money" else "0.1")
        first, last = (asyncio.create_task(bench.call()) for _ in range(2))
        await settle()
        last.cancel()
        await settle()
        assert last.cancelled()
        assert (bench.limiter.in_flight, bench.tariff.reserved) == (1, 1)
        bench.may_end.set()
        await first
        assert bench.is_idle()

    run(scenario)


def test_what_is_raised_in_a_call_passes_and_gives_all_back() -> None:
    async def scenario() -> None:
        bench = Bench(1)
        bench.may_end.set()
        with pytest.raises(ZeroDivisionError):
            await bench.call(ZeroDivisionError())
        assert bench.is_idle()

    run(scenario)


def test_an_outcome_says_whether_the_wait_it_names_is_everybody_s() -> None:
    async def scenario() -> None:
        bench = Bench(4)
        bench.may_end.set()
        assert not (await bench.call(Outcome(ServerError("broken", retry_after=0.01)))).is_for_all
        assert (await bench.call(Outcome(RateLimitedError("not now", retry_after=0.01)))).is_for_all

    run(scenario)
