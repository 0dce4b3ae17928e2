"""Limits, money and refused fields on the wire: what a client is told, and what asyncgen's own makes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from quick import each_row

from asyncgen.endpoint.answer import Completion, classify_response
from asyncgen.errors import AsyncgenError, NoMoneyError, RateLimitedError, RequestRejectedError
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.ledger import NO_ANSWER
from asyncgen.offline.server import CALLS, create_app

Client = TestClient[Request, Application]

PRICES = Knobs(price_in=Decimal("0.3"), price_out=Decimal("2.5"))
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, object]:
        error: dict[str, object] = msgspec.json.decode(self.body)["error"]
        return error

    def read(self) -> Completion | AsyncgenError:
        """What asyncgen understands."""
        try:
            return classify_response(self.status, self.headers, self.body)
        except AsyncgenError as error:
            return error

    @property
    def cost(self) -> Decimal:
        completion = self.read()
        assert isinstance(completion, Completion)
        assert completion.usage.cost is not None
        return Decimal(completion.usage.cost)


def run(test: Callable[[Client], Awaitable[None]], knobs: Knobs) -> None:
    async def main() -> None:
        async with TestClient(TestServer(create_app(knobs))) as client:
            await test(client)

    asyncio.run(main())


async def ask(client: Client, **fields: object) -> Reply:
    body = {"messages": [{"role": "user", "content": "Topic: cheese\nDynamic: 2-turn"}], "max_tokens": 500} | fields
    async with client.post("/v1/chat/completions", json=body) as response:
        return Reply(response.status, dict(response.headers), await response.read())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the server announces nothing
        await asyncio.sleep(0)


async def hanging(client: Client, number: int) -> list[asyncio.Task[Reply]]:
    """Calls that are being served and never end."""
    calls = [asyncio.create_task(ask(client)) for _ in range(number)]
    await until(lambda: client.app[CALLS].in_flight == number)
    return calls


async def give_up(calls: list[asyncio.Task[Reply]]) -> None:
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)


# ---- places


def test_one_call_too_many_is_refused_at_once() -> None:
    async def test(client: Client) -> None:
        calls = await hanging(client, 2)
        reply = await ask(client)
        assert (reply.status, reply.headers["Retry-After"]) == (429, "1.5")
        assert "X-RateLimit-Limit" not in reply.headers
        assert isinstance(reply.read(), RateLimitedError)
        assert client.app[CALLS].statuses == {429: 1}
        await give_up(calls)

    run(test, Knobs(max_concurrent=2, hangs=1.0, retry_after=1.5))


def test_a_client_that_leaves_gives_its_place_and_its_money_back() -> None:
    async def test(client: Client) -> None:
        ledger = client.app[CALLS]
        for _ in range(3):
            await give_up(await hanging(client, 1))
            await until(lambda: not ledger.in_flight)
        assert ledger.statuses == {NO_ANSWER: 3}
        assert (ledger.answered, ledger.cost) == (0, Decimal(0))

    run(test, Knobs(max_concurrent=1, hangs=1.0, price_out=Decimal(1), in_flight_budget=Decimal("0.0005")))


def test_a_refusal_may_come_without_a_hint() -> None:
    async def test(client: Client) -> None:
        calls = await hanging(client, 1)
        error = (await ask(client)).read()
        assert isinstance(error, RateLimitedError)
        assert error.retry_after is None
        await give_up(calls)

    run(test, Knobs(max_concurrent=1, hangs=1.0, no_retry_after=True))


def test_a_drawn_429_has_no_hint_either() -> None:
    async def test(client: Client) -> None:
        reply = await ask(client)
        assert reply.status == 429
        assert "Retry-After" not in reply.headers

    run(test, Knobs(rate_limited=1.0, no_retry_after=True))


def test_a_queue_serves_all_and_never_too_many() -> None:
    async def test(client: Client) -> None:
        replies = await asyncio.gather(*(ask(client, seed=seed) for seed in range(20)))
        assert {reply.status for reply in replies} == {200}
        ledger = client.app[CALLS]
        assert (ledger.answered, ledger.most_in_flight, ledger.in_flight) == (20, 3, 0)

    run(test, Knobs(max_concurrent=3, queue=True, latency=0.005))


def test_a_queue_ends_with_its_server() -> None:
    async def test(client: Client) -> None:
        calls = [*await hanging(client, 1), asyncio.create_task(ask(client))]
        await until(lambda: client.app[CALLS].calls == 2)
        await client.server.close()
        await asyncio.wait(calls)
        assert client.app[CALLS].statuses == {NO_ANSWER: 2}
        assert client.app[CALLS].most_in_flight == 1

    run(test, Knobs(max_concurrent=1, queue=True, hangs=1.0))


def test_capacity_falls_after_the_first_call() -> None:
    async def test(client: Client) -> None:
        calls = await hanging(client, 1)
        assert (await ask(client)).status == 429
        await give_up(calls)

    run(test, Knobs(max_concurrent=10, hangs=1.0, drop_capacity_after=0.0, drop_capacity_for=600.0))


# ---- limits per minute


@pytest.mark.parametrize(
    ("knobs", "limit"),
    [(Knobs(requests_per_minute=2), "2"), (Knobs(tokens_per_minute=60), "60")],
    ids=["requests", "tokens"],
)
def test_a_limit_per_minute_says_when_the_next_call_may_come(knobs: Knobs, limit: str) -> None:
    async def test(client: Client) -> None:
        assert (await ask(client)).status == 200
        reply = await ask(client)
        assert reply.status == 429
        assert reply.headers["Retry-After"].isdecimal()
        assert reply.headers["Retry-After"] != "0"
        assert (reply.headers["X-RateLimit-Limit"], reply.headers["X-RateLimit-Remaining"]) == (limit, "0")
        copied = reply.error["metadata"]
        assert isinstance(copied, dict)
        assert copied["headers"].items() <= reply.headers.items()
        error = reply.read()
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == float(reply.headers["Retry-After"])

    run(test, knobs)


def test_without_retry_after_the_reset_of_a_limit_says_as_much() -> None:
    async def test(client: Client) -> None:
        await ask(client)
        reply = await ask(client)
        assert "Retry-After" not in reply.headers
        assert len(reply.headers["X-RateLimit-Reset"]) == 13  # milliseconds
        error = reply.read()
        assert isinstance(error, RateLimitedError)
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 61

    run(test, Knobs(requests_per_minute=1, no_retry_after=True))


# ---- money


def test_an_answer_names_its_exact_cost_and_the_ledger_adds_them_up() -> None:
    async def test(client: Client) -> None:
        replies = [await ask(client, seed=seed) for seed in range(3)]
        for reply in replies:
            completion = reply.read()
            assert isinstance(completion, Completion)
            usage = completion.usage
            assert usage.prompt_tokens is not None
            assert usage.completion_tokens is not None
            assert reply.cost * 10**6 == usage.prompt_tokens * Decimal("0.3") + usage.completion_tokens * Decimal("2.5")
        assert client.app[CALLS].cost == sum(reply.cost for reply in replies)

    run(test, PRICES)


def test_a_call_that_does_not_fit_beside_those_in_flight_is_told_to_wait() -> None:
    async def test(client: Client) -> None:
        calls = await hanging(client, 1)
        reply = await ask(client)
        assert (reply.status, reply.headers["Retry-After"]) == (402, "3")
        assert reply.error["metadata"] == {
            "reason": "in_flight_budget_exhausted",
            "limit_source": "openrouter_in_flight_budget",
            "headers": {"Retry-After": "3"},
        }
        error = reply.read()
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == 3
        await give_up(calls)

    run(test, Knobs(hangs=1.0, price_out=Decimal(1), in_flight_budget=Decimal("0.0009"), retry_after=1.5))


def test_money_held_in_flight_is_free_again_afterwards() -> None:
    async def test(client: Client) -> None:
        assert [(await ask(client)).status for _ in range(3)] == [200, 200, 200]

    run(test, Knobs(price_out=Decimal(1), in_flight_budget=Decimal("0.0005")))


def test_a_spent_balance_ends_the_run() -> None:
    async def test(client: Client) -> None:
        wanted = [{"role": "user", "content": 'Topic: cheese\nAnswer with {"messages": [...]}'}]
        answer = await ask(client, messages=wanted, max_tokens=5)
        assert answer.cost == client.app[CALLS].cost == Decimal("0.000005")
        reply = await ask(client, max_tokens=5)
        assert reply.status == 402
        assert reply.error["metadata"] == {"limit_source": "openrouter_credits"}
        assert isinstance(reply.read(), NoMoneyError)

    run(test, Knobs(price_out=Decimal(1), balance=Decimal("0.000005")))


def test_a_call_dearer_than_the_balance_is_told_what_it_can_afford() -> None:
    async def test(client: Client) -> None:
        reply = await ask(client, max_tokens=2000)
        assert reply.status == 402
        assert reply.error["metadata"] == {"reason": "weight_exceeds_budget", "limit_source": "openrouter_credits"}
        assert "can only afford 1000." in str(reply.error["message"])
        assert isinstance(reply.read(), NoMoneyError)
        assert (await ask(client, max_tokens=1000)).status == 200

    run(test, Knobs(price_out=Decimal(1), balance=Decimal("0.001")))


# ---- fields a server refuses


@each_row(
    ("knobs", "fields", "status", "said"),
    [
        (Knobs(no_json_schema=True), {"response_format": SCHEMA}, 400, "response_format"),
        (Knobs(no_json_schema=True), {"response_format": {"type": "json_object"}}, 200, ""),
        (Knobs(no_json_schema=True), {"provider": {}}, 200, ""),
        (Knobs(no_response_format=True), {"response_format": {"type": "json_object"}}, 400, "response_format"),
        (Knobs(no_response_format=True), {"response_format": None}, 200, ""),
        (
            Knobs(strict_fields=True),
            {"session_id": "a", "provider": {}, "temperature": 1.0, "response_format": SCHEMA},
            422,
            "{\"detail\":\"Unexpected fields in the request: {'provider', 'session_id'}\"}",
        ),
        (
            Knobs(strict_fields=True),
            {"temperature": 1.0, "seed": 1, "stream": False, "response_format": SCHEMA},
            200,
            "",
        ),
        (Knobs(strict_fields=True, no_response_format=True), {"response_format": SCHEMA}, 422, "{'response_format'}"),
        (Knobs(strict_fields=True, no_json_schema=True), {"response_format": SCHEMA}, 400, "json_schema"),
    ],
)
def test_fields_are_refused_by_name(knobs: Knobs, fields: dict[str, object], status: int, said: str) -> None:
    async def test(client: Client) -> None:
        reply = await ask(client, **fields)
        assert reply.status == status
        assert said in reply.body.decode()
        assert isinstance(reply.read(), Completion if status == 200 else RequestRejectedError)
        assert client.app[CALLS].statuses == {status: 1}

    run(test, knobs)


# ---- the ledger


def test_the_ledger_is_served_and_does_not_count_itself() -> None:
    async def test(client: Client) -> None:
        await ask(client)
        await ask(client, messages=[])
        await client.get("/ledger")
        async with client.get("/ledger") as response:
            told = msgspec.json.decode(await response.read())
        ledger = client.app[CALLS]
        assert told == {
            "calls": 2,
            "lines": 0,
            "statuses": {"200": 1, "400": 1},
            "answered": 1,
            "in_flight": 0,
            "most_in_flight": 1,
            "busy_seconds": ledger.busy_seconds,
            "cost": float(ledger.cost),
        }
        assert told["busy_seconds"] > 0
        assert told["cost"] > 0

    run(test, Knobs(latency=0.001, price_out=Decimal("0.1")))


@pytest.mark.parametrize("knobs", [Knobs(truncated=1.0), Knobs(server_errors=1.0), Knobs(rate_limited=1.0)])
def test_only_whole_answers_count_as_answered(knobs: Knobs) -> None:
    async def test(client: Client) -> None:
        async with client.post("/v1/chat/completions", json={"messages": [{"role": "user"}]}):
            pass
        assert client.app[CALLS].answered == 0
        assert client.app[CALLS].statuses.total() == 1

    run(test, knobs)


def test_canned_answers_keep_to_limits_and_cost_what_they_say() -> None:
    async def test(client: Client) -> None:
        first = await ask(client)
        assert first.cost == client.app[CALLS].cost > 0
        assert (await ask(client)).status == 429

    run(test, Knobs(canned=True, requests_per_minute=1, price_out=Decimal(1)))
