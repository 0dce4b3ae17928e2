import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from decimal import Decimal

import pytest

from asyncgen.endpoint.answer import Completion
from asyncgen.errors import (
    NOT_SENT,
    AccessDeniedError,
    BadReplyError,
    BudgetSpentError,
    ConfigError,
    ConnectionFailedError,
    ContentFilteredError,
    EndpointDownError,
    NoAnswerError,
    RateLimitedError,
    TransientError,
    UnusedReply,
    Usage,
)
from asyncgen.money.account import Account
from asyncgen.money.budget import MAX_BLIND_CALLS, BilledClient, ReservationLapsedError
from asyncgen.money.price import Price
from asyncgen.recipe.prompt import Payload
from asyncgen.stop import Stop, StopRequestedError

PRICE = Price.per_million(input=Decimal(1), output=Decimal(2), cached=Decimal("0.1"))
Answer = Usage | BaseException


class ScriptedClient:
    """Answers each call with the next usage or error, once the test lets it."""

    def __init__(self, *script: Answer, is_held: bool = False) -> None:
        self._script = list(script)
        self.calls = 0
        self.may_answer = asyncio.Event()
        if not is_held:
            self.may_answer.set()

    async def complete(self, payload: Payload) -> Completion:
        self.calls += 1
        answer = self._script.pop(0)
        await self.may_answer.wait()
        if isinstance(answer, Usage):
            return Completion("text", "stop", "m", "id", answer)
        raise answer


async def call(client: BilledClient) -> Completion:
    async with client.reserved():
        client.check()
        return await client.complete((b"{}",))


def used(cost: str | None) -> Usage:
    return Usage(100, 80, 20, cost)


def reply(cost: str | None) -> UnusedReply:
    return UnusedReply("text", used(cost))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize(
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
        (asyncio.CancelledError(NOT_SENT), None, 0, 0),
        (MemoryError(NOT_SENT), None, 0, 0),
    ],
)
def test_every_end_of_a_call_is_booked_once(answer: Answer, spent: str | None, unpriced: int, lost: int) -> None:
    async def scenario() -> None:
        account = Account()
        with pytest.raises(type(answer)) if isinstance(answer, BaseException) else nullcontext():
            await call(BilledClient(ScriptedClient(answer), account, Stop()))
        assert account.spent == (None if spent is None else Decimal(spent))
        assert (account.unpriced, account.lost, account.reserved) == (unpriced, lost, 0)

    run(scenario)


def test_a_cost_nobody_reports_is_computed_for_answers_and_for_replies_of_errors() -> None:
    async def scenario() -> None:
        account = Account(price=PRICE)
        error = ContentFilteredError("…", reply=reply(None))
        client = BilledClient(ScriptedClient(used(None), error, used("0.5")), account, Stop())
        computed = Usage(100, 80, 20, "0.000068", priced=True)
        assert (await call(client)).usage == computed
        with pytest.raises(ContentFilteredError):
            await call(client)
        assert error.reply is not None
        assert error.reply.usage == computed
        assert (await call(client)).usage == used("0.5"), "what is reported stands"
        assert account.spent == Decimal("0.500136")

    run(scenario)


def test_a_call_that_does_not_fit_waits_for_those_in_flight_and_goes_when_they_cost_less() -> None:
    async def scenario() -> None:
        account = Account(limit=Decimal("0.5"), spent=Decimal(0), dearest=Decimal("0.2"))
        scripted = ScriptedClient(used("0.1"), used("0.1"), used("0.1"), is_held=True)
        client = BilledClient(scripted, account, Stop())
        calls = [asyncio.create_task(call(client)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scripted.calls == 2
        scripted.may_answer.set()
        await asyncio.gather(*calls)
        assert scripted.calls == 3

    run(scenario)


@pytest.mark.parametrize("limit", [None, Decimal(1)])
def test_a_budget_ends_a_run_that_loses_call_after_call_before_any_has_told_its_cost(limit: Decimal | None) -> None:
    async def scenario() -> None:
        answers = [ConnectionFailedError("…", maybe_billed=True)] * (MAX_BLIND_CALLS + 1)
        client = BilledClient(ScriptedClient(*answers), Account(limit=limit), Stop())
        for _ in range(MAX_BLIND_CALLS):
            with pytest.raises(ConnectionFailedError):
                await call(client)
        with pytest.raises(ConnectionFailedError if limit is None else EndpointDownError):
            await call(client)

    run(scenario)


def test_calls_lost_after_a_cost_is_known_count_as_the_dearest_and_end_nothing() -> None:
    async def scenario() -> None:
        lost = [ConnectionFailedError("…", maybe_billed=True)] * (MAX_BLIND_CALLS + 1)
        account = Account(limit=Decimal(100))
        client = BilledClient(ScriptedClient(used("0.5"), *lost), account, Stop())
        await call(client)
        for _ in lost:
            with pytest.raises(ConnectionFailedError):
                await call(client)
        assert account.committed == Decimal("0.5") * (1 + len(lost))

    run(scenario)


def test_the_budget_is_used_up_only_when_nothing_is_in_flight_any_more() -> None:
    async def scenario() -> None:
        account = Account(limit=Decimal("0.5"), spent=Decimal("0.3"), dearest=Decimal("0.2"))
        scripted = ScriptedClient(used("0.1"), is_held=True)
        client = BilledClient(scripted, account, Stop())
        first, second = (asyncio.create_task(call(client)) for _ in range(2))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not second.done()
        scripted.may_answer.set()
        await first
        with pytest.raises(BudgetSpentError, match=r"budget of \$0.5000 is used up: \$0.4000 spent"):
            await second
        assert scripted.calls == 1

    run(scenario)


def test_a_stop_sends_away_who_waits_for_the_budget() -> None:
    async def scenario() -> None:
        account, stop = Account(limit=Decimal(1)), Stop()
        scripted = ScriptedClient(used("0.1"), is_held=True)
        client = BilledClient(scripted, account, stop)
        first, second = (asyncio.create_task(call(client)) for _ in range(2))
        await asyncio.sleep(0)
        stop.request()
        scripted.may_answer.set()
        await first
        with pytest.raises(StopRequestedError):
            await second
        assert (scripted.calls, account.reserved) == (1, 0)

    run(scenario)


def test_who_is_cancelled_while_waiting_takes_nobody_along_and_keeps_nothing_reserved() -> None:
    async def scenario() -> None:
        account = Account(limit=Decimal(1))
        scripted = ScriptedClient(used("0.1"), used("0.1"), is_held=True)
        client = BilledClient(scripted, account, Stop())
        first, second, third = (asyncio.create_task(call(client)) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        scripted.may_answer.set()
        await asyncio.gather(first, third)
        assert second.cancelled()
        assert (scripted.calls, account.reserved, account.lost) == (2, 0, 0)

    run(scenario)


def test_a_reservation_lapses_when_calls_have_become_dearer() -> None:
    async def scenario() -> None:
        account = Account(limit=Decimal(1), spent=Decimal(0), dearest=Decimal("0.1"))
        client = BilledClient(ScriptedClient(), account, Stop())
        async with client.reserved(), client.reserved():
            client.check()
            account.book(Decimal("0.6"))
            with pytest.raises(ReservationLapsedError):
                client.check()
        assert account.reserved == 0

    run(scenario)


def test_an_answer_that_tells_no_cost_ends_a_run_with_a_budget() -> None:
    async def scenario() -> None:
        stop = Stop()
        client = BilledClient(ScriptedClient(used(None)), Account(limit=Decimal(1)), stop)
        await call(client)
        assert isinstance(stop.error, ConfigError)
        assert "--price-in" in str(stop.error)

    run(scenario)


def test_what_is_no_answer_does_not_end_a_run_with_a_budget() -> None:
    async def scenario() -> None:
        stop = Stop()
        page = NoAnswerError("…", reply=UnusedReply("<html>"))
        client = BilledClient(ScriptedClient(page, used("0.5")), Account(limit=Decimal(1)), stop)
        with pytest.raises(NoAnswerError):
            await call(client)
        await call(client)
        assert stop.error is None

    run(scenario)


def test_where_not_even_tokens_are_told_a_price_is_no_advice() -> None:
    async def scenario() -> None:
        stop = Stop()
        await call(BilledClient(ScriptedClient(Usage()), Account(limit=Decimal(1), price=PRICE), stop))
        assert "neither its cost nor its tokens" in str(stop.error)

    run(scenario)


def test_a_first_answer_that_costs_nothing_lets_no_more_than_one_call_follow() -> None:
    async def scenario() -> None:
        account = Account(limit=Decimal(1))
        scripted = ScriptedClient(used("0"), *[used("0.6")] * 9, is_held=True)
        client = BilledClient(scripted, account, Stop())
        calls = [asyncio.create_task(call(client)) for _ in range(10)]
        scripted.may_answer.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert scripted.calls == 2
        assert account.spent == Decimal("0.6")
        assert sum(isinstance(each, BudgetSpentError) for each in ended) == 8

    run(scenario)


@pytest.mark.parametrize("seed", range(20))
def test_the_budget_is_never_passed_by_more_than_what_was_in_flight(seed: int) -> None:
    """Costs and durations at random, many indices at once, each with transient failures that are billed or lost."""
    rng = random.Random(seed)
    limit = Decimal(rng.randint(1, 40)) / 10
    open_calls: dict[int, Decimal] = {}
    billed = Decimal(0)
    over: list[Decimal] = []

    class Server:
        calls = 0

        async def complete(self, payload: Payload) -> Completion:
            nonlocal billed
            self.calls += 1
            number, cost = self.calls, Decimal(rng.randint(1, 100)) / 1000
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
                raise ConnectionFailedError("reset", maybe_billed=True)
            if fate < 0.2:
                raise NoAnswerError("…", reply=reply(str(cost)))
            return Completion("text", "stop", "m", "id", used(str(cost)))

    async def index(client: BilledClient) -> None:
        while True:
            try:
                await call(client)
            except (TransientError, ReservationLapsedError):
                continue
            return

    async def scenario() -> None:
        client = BilledClient(Server(), Account(limit=limit), Stop())
        ended = await asyncio.gather(*[index(client) for _ in range(200)], return_exceptions=True)
        assert {type(each) for each in ended} <= {type(None), BudgetSpentError}
        assert any(isinstance(each, BudgetSpentError) for each in ended)

    run(scenario)
    assert billed - limit <= sum(over)
    assert billed >= limit / 2, "a budget is there to be used"
