import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from decimal import Decimal

import pytest
from quick import each_row
from sweep import sweep

from asyncgen.answered import UnusedReply, Usage
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    BudgetSpentError,
    ConfigError,
    ConnectionFailedError,
    ContentFilteredError,
    EndpointDownError,
    NoAnswerError,
    RateLimitedError,
)
from asyncgen.money.account import Account, Tariff
from asyncgen.money.budget import MAX_BLIND_CALLS, Budget
from asyncgen.money.price import Price
from asyncgen.stop import Stop, StopRequestedError

PRICE = Price.per_million(input=Decimal(1), output=Decimal(2), cached=Decimal("0.1"))
Answer = Usage | BaseException


class Calls:
    """Calls that are paid for: each answers with the next usage or error, once the test lets it."""

    def __init__(self, account: Account, *script: Answer, stop: Stop | None = None, is_held: bool = False) -> None:
        (self.tariff,) = account.tariffs
        self.budget = Budget(account, stop or Stop())
        self._script = list(script)
        self.sent = 0
        self.kept: UnusedReply | None = None
        self.may_answer = asyncio.Event()
        if not is_held:
            self.may_answer.set()

    async def call(self) -> Usage:
        """The usage with its cost; how a call ends is raised when that is booked."""
        await self.budget.reserve(self.tariff)
        try:
            self.sent += 1
            return await self._send(self._script.pop(0))
        finally:
            self.budget.release(self.tariff)

    async def _send(self, answer: Answer) -> Usage:
        await self.may_answer.wait()
        if isinstance(answer, Usage):
            return self.budget.book(self.tariff, answer)
        if isinstance(answer, AsyncgenError):
            self.kept = self.budget.book_failure(self.tariff, answer)
        else:
            self.budget.lose(self.tariff)
        raise answer


def account_of(
    limit: str | Decimal | None = None,
    spent: str | None = None,
    *,
    dearest: str | None = None,
    price: Price | None = None,
) -> Account:
    """With one tariff."""
    tariff = Tariff(price, dearest=None if dearest is None else Decimal(dearest))
    return Account(None if limit is None else Decimal(limit), None if spent is None else Decimal(spent), [tariff])


def used(cost: str | None) -> Usage:
    return Usage(100, 80, 20, None if cost is None else Decimal(cost))


def reply(cost: str | None) -> UnusedReply:
    return UnusedReply("text", used(cost))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


@each_row(
    ("answer", "spent", "unpriced", "lost"),
    [
        (used("0.5"), "0.5", 0, 0),
        (used(None), None, 1, 0),
        (BadReplyError("only-thinking", "…", reply=reply("0.5")), "0.5", 0, 0),
        (ContentFilteredError("…", reply=reply("0.5")), "0.5", 0, 0),
        (ContentFilteredError("…", reply=reply(None)), None, 1, 0),
        (ContentFilteredError("…"), None, 0, 0),
        (NoAnswerError("…", reply=reply("0.5"), maybe_billed=True), "0.5", 0, 0),
        (NoAnswerError("…", reply=reply(None)), None, 0, 1),
        (RateLimitedError("…"), None, 0, 0),
        (ConnectionFailedError("…"), None, 0, 0),
        (ConnectionFailedError("…", maybe_billed=True), None, 0, 1),
        (AccessDeniedError("…"), None, 0, 0),
        (asyncio.CancelledError(), None, 0, 1),
        (MemoryError(), None, 0, 1),
    ],
)
def test_every_end_of_a_call_is_booked_once(answer: Answer, spent: str | None, unpriced: int, lost: int) -> None:
    async def scenario() -> None:
        account = account_of()
        (tariff,) = account.tariffs
        with pytest.raises(type(answer)) if isinstance(answer, BaseException) else nullcontext():
            await Calls(account, answer).call()
        assert account.spent == (None if spent is None else Decimal(spent))
        assert (tariff.unpriced, tariff.lost, tariff.reserved) == (unpriced, lost, 0)

    run(scenario)


def test_a_cost_nobody_reports_is_computed_for_answers_and_for_replies_of_errors() -> None:
    async def scenario() -> None:
        account = account_of(price=PRICE)
        error = ContentFilteredError("…", reply=reply(None))
        calls = Calls(account, used(None), error, used("0.5"))
        computed = Usage(100, 80, 20, Decimal("0.000068"), priced=True)
        assert await calls.call() == computed
        with pytest.raises(ContentFilteredError):
            await calls.call()
        assert calls.kept == UnusedReply("text", computed)
        assert await calls.call() == used("0.5"), "what is reported stands"
        assert account.spent == Decimal("0.500136")

    run(scenario)


def test_a_call_that_does_not_fit_waits_for_those_in_flight_and_goes_when_they_cost_less() -> None:
    async def scenario() -> None:
        account = account_of("0.5", "0", dearest="0.2")
        paid = Calls(account, used("0.1"), used("0.1"), used("0.1"), is_held=True)
        calls = [asyncio.create_task(paid.call()) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert paid.sent == 2
        paid.may_answer.set()
        await asyncio.gather(*calls)
        assert paid.sent == 3

    run(scenario)


@pytest.mark.parametrize("limit", [None, Decimal(1)])
def test_a_budget_ends_a_run_that_loses_call_after_call_before_any_has_told_its_cost(limit: Decimal | None) -> None:
    async def scenario() -> None:
        answers = [ConnectionFailedError("…", maybe_billed=True)] * (MAX_BLIND_CALLS + 1)
        paid = Calls(account_of(limit), *answers)
        for _ in range(MAX_BLIND_CALLS):
            with pytest.raises(ConnectionFailedError):
                await paid.call()
        with pytest.raises(ConnectionFailedError if limit is None else EndpointDownError):
            await paid.call()

    run(scenario)


def test_calls_lost_after_a_cost_is_known_count_as_the_dearest_and_end_nothing() -> None:
    async def scenario() -> None:
        lost = [ConnectionFailedError("…", maybe_billed=True)] * (MAX_BLIND_CALLS + 1)
        account = account_of("100")
        paid = Calls(account, used("0.5"), *lost)
        await paid.call()
        for _ in lost:
            with pytest.raises(ConnectionFailedError):
                await paid.call()
        assert account.committed == Decimal("0.5") * (1 + len(lost))

    run(scenario)


def test_the_budget_is_used_up_only_when_nothing_is_in_flight_any_more() -> None:
    async def scenario() -> None:
        account = account_of("0.5", "0.3", dearest="0.2")
        paid = Calls(account, used("0.1"), is_held=True)
        first, second = (asyncio.create_task(paid.call()) for _ in range(2))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not second.done()
        paid.may_answer.set()
        await first
        with pytest.raises(BudgetSpentError, match=r"budget of \$0.5000 is used up: \$0.4000 spent"):
            await second
        assert paid.sent == 1

    run(scenario)


def test_a_stop_sends_away_who_waits_for_the_budget() -> None:
    async def scenario() -> None:
        account, stop = account_of("1"), Stop()
        paid = Calls(account, used("0.1"), stop=stop, is_held=True)
        first, second = (asyncio.create_task(paid.call()) for _ in range(2))
        await asyncio.sleep(0)
        stop.request()
        paid.may_answer.set()
        await first
        with pytest.raises(StopRequestedError):
            await second
        assert (paid.sent, paid.tariff.reserved) == (1, 0)

    run(scenario)


def test_who_is_cancelled_while_waiting_takes_nobody_along_and_keeps_nothing_reserved() -> None:
    async def scenario() -> None:
        account = account_of("1")
        paid = Calls(account, used("0.1"), used("0.1"), is_held=True)
        first, second, third = (asyncio.create_task(paid.call()) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        paid.may_answer.set()
        await asyncio.gather(first, third)
        assert second.cancelled()
        assert (paid.sent, paid.tariff.reserved, paid.tariff.lost) == (2, 0, 0)

    run(scenario)


def test_a_reservation_lapses_when_calls_have_become_dearer() -> None:
    async def scenario() -> None:
        account = account_of("1", "0", dearest="0.1")
        (tariff,) = account.tariffs
        budget = Budget(account, Stop())
        await budget.reserve(tariff)
        await budget.reserve(tariff)
        assert not budget.account.is_overcommitted(tariff)
        account.book(tariff, Decimal("0.6"))
        assert budget.account.is_overcommitted(tariff)

    run(scenario)


def test_an_answer_that_tells_no_cost_ends_a_run_with_a_budget() -> None:
    async def scenario() -> None:
        stop = Stop()
        paid = Calls(account_of("1"), used(None), stop=stop)
        await paid.call()
        assert isinstance(stop.error, ConfigError)
        assert "--price-in" in str(stop.error)

    run(scenario)


def test_what_is_no_answer_does_not_end_a_run_with_a_budget() -> None:
    async def scenario() -> None:
        stop = Stop()
        page = NoAnswerError("…", reply=UnusedReply("<html>"))
        paid = Calls(account_of("1"), page, used("0.5"), stop=stop)
        with pytest.raises(NoAnswerError):
            await paid.call()
        await paid.call()
        assert stop.error is None

    run(scenario)


def test_where_not_even_tokens_are_told_a_price_is_no_advice() -> None:
    async def scenario() -> None:
        stop = Stop()
        await Calls(account_of("1", price=PRICE), Usage(), stop=stop).call()
        assert "neither its cost nor its tokens" in str(stop.error)

    run(scenario)


def test_a_first_answer_that_costs_nothing_lets_no_more_than_one_call_follow() -> None:
    async def scenario() -> None:
        account = account_of("1")
        paid = Calls(account, used("0"), *[used("0.6")] * 9, is_held=True)
        calls = [asyncio.create_task(paid.call()) for _ in range(10)]
        paid.may_answer.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert paid.sent == 2
        assert account.spent == Decimal("0.6")
        assert sum(isinstance(each, BudgetSpentError) for each in ended) == 8

    run(scenario)


def test_a_batch_holds_its_money_until_it_is_collected_call_by_call() -> None:
    async def scenario() -> None:
        live, batch = Tariff(dearest=Decimal("0.2")), Tariff(dearest=Decimal("0.1"))
        budget = Budget(Account(Decimal(1), Decimal(0), [live, batch]), Stop())
        for _ in range(9):
            await budget.reserve(batch)
        waiting = asyncio.create_task(budget.reserve(live))
        await asyncio.sleep(0)
        assert not waiting.done()
        for cost in ("0.05", "0.05"):
            budget.book(batch, used(cost))
            budget.release(batch)
        await waiting
        assert (live.reserved, batch.reserved, budget.account.left) == (1, 7, Decimal("0.9"))
        budget.release(batch, 7)  # it was called off
        budget.release(live)
        assert budget.account.room(batch) == 9

    run(scenario)


@each_row("seed", sweep(20))
def test_the_budget_is_never_passed_by_more_than_what_was_in_flight(seed: int) -> None:
    """Costs and durations at random, many indices at once, each with transient failures that are billed or lost."""
    rng = random.Random(seed)
    limit = Decimal(rng.randint(1, 40)) / 10
    open_calls: dict[int, Decimal] = {}
    billed = Decimal(0)
    over: list[Decimal] = []
    begun: list[int] = []

    async def call(budget: Budget) -> bool:
        nonlocal billed
        (tariff,) = budget.account.tariffs
        cost = Decimal(rng.randint(1, 100)) / 1000
        number = len(begun)
        begun.append(number)
        assert billed <= limit, "nothing is sent once the budget is passed"
        open_calls[number] = cost
        for _ in range(rng.randint(1, 9)):
            await asyncio.sleep(0)
        billed += cost
        if billed > limit and not over:
            over.append(sum(open_calls.values(), Decimal(0)))
        del open_calls[number]
        fate = rng.random()
        if fate < 0.1:
            budget.book_failure(tariff, ConnectionFailedError("reset", maybe_billed=True))
        elif fate < 0.2:
            budget.book_failure(tariff, NoAnswerError("…", reply=reply(str(cost))))
        else:
            budget.book(tariff, used(str(cost)))
        return fate >= 0.2

    async def index(budget: Budget) -> None:
        is_made = False
        (tariff,) = budget.account.tariffs
        while not is_made:
            await budget.reserve(tariff)
            try:
                is_made = not budget.account.is_overcommitted(tariff) and await call(budget)
            finally:
                budget.release(tariff)

    async def scenario() -> None:
        budget = Budget(account_of(limit), Stop())
        ended = await asyncio.gather(*[index(budget) for _ in range(200)], return_exceptions=True)
        assert {type(each) for each in ended} <= {type(None), BudgetSpentError}
        assert any(isinstance(each, BudgetSpentError) for each in ended)

    run(scenario)
    assert billed - limit <= sum(over)
    assert billed >= limit / 2, "a budget is there to be used"


def test_who_finds_no_room_in_a_share_of_a_budget_waits_for_more_and_says_so() -> None:
    async def scenario() -> None:
        account = account_of("10", "0", dearest="0.2")
        paid = Calls(account, used("0.1"), used("0.1"))
        budget = paid.budget
        budget.allow(Decimal("0.2"))
        await paid.call()
        waiting = asyncio.create_task(paid.call())
        await asyncio.sleep(0)
        assert (budget.is_starved, waiting.done(), account.is_used_up) == (True, False, False)
        budget.allow(Decimal("0.3"))
        await waiting
        assert (budget.is_starved, account.spent, account.pool) == (False, Decimal("0.2"), Decimal(10))
        assert "the budget of $10.00 is used up by all that share it: $0.2000 spent" in account.explain_no_room()
        assert account.higher_limit(5) == 20

    run(scenario)
