"""The offline engine on the wire: a real socket, a real client."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from quick import each_row

from asyncgen.errors import ConfigError
from asyncgen.offline.knobs import Fates, Fault, Knobs
from asyncgen.offline.ledger import NO_ANSWER
from asyncgen.offline.server import CALLS, create_app

Client = TestClient[Request, Application]

PATH = "/v1/chat/completions"
KNOWLEDGE = "<knowledge>\nCheese from Gouda is round. It is made of milk and it keeps for a long time.\n</knowledge>"
WANTED = 'Answer with {"messages": [...]}'  # the words by which a conversation is asked for without a format
BODY: dict[str, object] = {
    "model": "some/model",
    "messages": [
        {"role": "system", "content": KNOWLEDGE},
        {"role": "user", "content": f"Topic: cheese\nDynamic: 2-turn\n{WANTED}\n- hi"},
    ],
}


class _Message(msgspec.Struct):
    role: str
    content: str


class _Conversation(msgspec.Struct):
    messages: list[_Message]


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str
    index: int


class _CachedTokens(msgspec.Struct):
    cached_tokens: int


class _Usage(msgspec.Struct, forbid_unknown_fields=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _CachedTokens


class _Completion(msgspec.Struct):
    id: str
    model: str
    choices: list[_Choice]
    usage: _Usage

    @property
    def content(self) -> str:
        return self.choices[0].message.content


def run(test: Callable[[Client], Awaitable[None]], knobs: Knobs = Knobs()) -> None:  # noqa: B008 - frozen
    async def main() -> None:
        async with TestClient(TestServer(create_app(knobs))) as client:
            await test(client)

    asyncio.run(main())


async def ask(client: Client, **changes: object) -> _Completion:
    async with client.post(PATH, json=BODY | changes) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        return msgspec.json.decode(await response.read(), type=_Completion)


async def status(client: Client, **changes: object) -> int:
    async with client.post(PATH, json=BODY | changes) as response:
        assert msgspec.json.decode(await response.read())["error"]["code"] == response.status
        return response.status


@pytest.mark.parametrize(
    "response_format",
    [None, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}],
    ids=["none", "json_object", "json_schema"],
)
def test_the_answer_is_a_conversation_as_json(response_format: object) -> None:
    async def test(client: Client) -> None:
        answer = await ask(client, response_format=response_format, temperature=1.0, provider={"sort": "price"})
        written = msgspec.json.decode(answer.content, type=_Conversation).messages
        assert [each.role for each in written] == ["user", "assistant"]
        assert "Gouda" in written[1].content or "made of milk" in written[1].content
        assert (answer.model, answer.choices[0].finish_reason) == ("some/model", "stop")
        assert answer.id.startswith("gen-offline-")

    run(test)


def test_the_same_request_gets_the_same_answer_and_id() -> None:
    async def test(client: Client) -> None:
        first, second, seeded = await ask(client), await ask(client), await ask(client, seed=7)
        assert (first.id, first.content) == (second.id, second.content)
        assert seeded.id != first.id

    run(test)


def test_a_prefix_seen_before_counts_as_cached() -> None:
    async def test(client: Client) -> None:
        first, second = (await ask(client)).usage, (await ask(client, seed=1)).usage
        assert first.prompt_tokens_details.cached_tokens == 0
        assert second.prompt_tokens_details.cached_tokens == len(KNOWLEDGE) // 4
        assert first.total_tokens == first.prompt_tokens + first.completion_tokens

    run(test)


def test_max_tokens_cuts_the_answer() -> None:
    async def test(client: Client) -> None:
        whole, cut = await ask(client), await ask(client, max_tokens=5)
        assert cut.content == whole.content[:20]
        assert cut.choices[0].finish_reason == "length"
        assert cut.usage.completion_tokens == 5

    run(test)


def test_content_may_come_in_parts() -> None:
    async def test(client: Client) -> None:
        parts = [{"type": "text", "text": KNOWLEDGE}, {"type": "text", "text": f"Topic: cheese\n{WANTED}"}]
        answer = await ask(
            client, messages=[{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
        )
        assert len(msgspec.json.decode(answer.content, type=_Conversation).messages) == 4

    run(test)


@each_row(
    "body",
    [
        *(b"", b"{", b"[]", b"\xff" * 9),
        *(b'{"messages": []}', b'{"messages": [{"role": 1}]}', b'{"messages": "hi"}'),
        b'{"messages": [{"role": "user", "content": "hi"}], "stream": true}',
    ],
)
def test_a_request_that_cannot_be_read_is_refused(body: bytes) -> None:
    async def test(client: Client) -> None:
        async with client.post(PATH, data=body) as response:
            assert response.status == 400
            assert "error" in msgspec.json.decode(await response.read())

    run(test)


@each_row(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/models", 200),
        ("POST", "/v1/models", 405),
        ("GET", PATH, 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/", 404),
    ],
)
def test_other_routes_answer_json(method: str, path: str, expected: int) -> None:
    async def test(client: Client) -> None:
        async with client.request(method, path) as response:
            assert response.status == expected
            assert msgspec.json.decode(await response.read())

    run(test)


@each_row(
    ("asked", "told", "times"),
    [
        (None, None, 1),
        ("auto", "default", 1),
        ("default", "default", 1),
        ("flex", "flex", 0.5),
        ("priority", "priority", 2),
    ],
)
def test_a_service_tier_is_told_and_has_its_price(asked: str | None, told: str | None, times: float) -> None:
    async def test(client: Client) -> None:
        async with client.post(PATH, json=BODY if asked is None else BODY | {"service_tier": asked}) as response:
            answer = msgspec.json.decode(await response.read())
        assert answer.get("service_tier") == told
        assert answer["usage"]["cost"] == times * answer["usage"]["total_tokens"] / 1_000_000
        assert client.app[CALLS].cost == Decimal(str(answer["usage"]["cost"]))

    run(test, Knobs(price_in=Decimal(1), price_out=Decimal(1)))


def test_an_unknown_service_tier_is_refused() -> None:
    async def test(client: Client) -> None:
        assert await status(client, service_tier="cheap") == 400

    run(test)


def test_a_share_of_flex_calls_finds_no_capacity_and_nobody_else_is_hit() -> None:
    async def test(client: Client) -> None:
        statuses = []
        for number in range(40):
            async with client.post(PATH, json=BODY | {"service_tier": "flex" if number % 2 else "default"}) as response:
                statuses.append(response.status)
                if response.status == 429:
                    assert "Resource Unavailable" in await response.text()
                    assert "Retry-After" not in response.headers
        assert (set(statuses[::2]), set(statuses[1::2])) == ({200}, {200, 429})

    run(test, Knobs(flex_refused=0.5))


def test_the_path_without_a_version_is_served_too() -> None:
    async def test(client: Client) -> None:
        async with client.post("/chat/completions", json=BODY) as response:
            assert response.status == 200

    run(test)


def test_a_rate_limited_call_says_when_to_come_back() -> None:
    async def test(client: Client) -> None:
        async with client.post(PATH, json=BODY) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "2.5")

    run(test, Knobs(rate_limited=1.0, retry_after=2.5))


def test_a_server_error_is_500() -> None:
    async def test(client: Client) -> None:
        assert await status(client) == 500
        assert client.app[CALLS].statuses == {500: 1}

    run(test, Knobs(server_errors=1.0))


def test_a_reset_gives_no_answer() -> None:
    async def test(client: Client) -> None:
        with pytest.raises(aiohttp.ClientOSError):
            await client.post(PATH, json=BODY)
        assert client.app[CALLS].statuses == {NO_ANSWER: 1}

    run(test, Knobs(resets=1.0))


def test_a_truncated_body_ends_before_its_length() -> None:
    async def test(client: Client) -> None:
        async with client.post(PATH, json=BODY) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()

    run(test, Knobs(truncated=1.0))


def test_a_hanging_call_ends_with_the_server() -> None:
    async def test(client: Client) -> None:
        call = asyncio.ensure_future(client.post(PATH, json=BODY))
        while not client.app[CALLS].in_flight:  # noqa: ASYNC110 - the server announces nothing
            await asyncio.sleep(0)
        await client.server.close()
        with pytest.raises(aiohttp.ClientError):
            await call
        assert client.app[CALLS].statuses == {NO_ANSWER: 1}

    run(test, Knobs(hangs=1.0))


def test_a_malformed_content_is_no_json() -> None:
    async def test(client: Client) -> None:
        answer = await ask(client)
        assert answer.choices[0].finish_reason == "stop"
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(answer.content)

    run(test, Knobs(malformed=1.0))


def test_a_wrong_schema_is_json_of_another_shape() -> None:
    async def test(client: Client) -> None:
        contents = {(await ask(client)).content for _ in range(8)}
        assert len(contents) == 4
        for content in contents:
            assert msgspec.json.decode(content)
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(content, type=_Conversation)

    run(test, Knobs(wrong_schema=1.0))


def test_an_empty_content_is_empty() -> None:
    async def test(client: Client) -> None:
        answer = await ask(client)
        assert (answer.content, answer.usage.completion_tokens) == ("", 1)

    run(test, Knobs(empty=1.0))


@pytest.mark.parametrize(
    ("knobs", "expected"), [(Knobs(unauthorized_after=2), 401), (Knobs(no_money_after=2), 402)], ids=["key", "money"]
)
def test_a_key_or_its_money_ends_after_so_many_calls(knobs: Knobs, expected: int) -> None:
    async def test(client: Client) -> None:
        await ask(client)
        await ask(client)
        assert await status(client) == await status(client) == expected
        assert client.app[CALLS].calls == 4
        assert client.app[CALLS].statuses == {200: 2, expected: 2}

    run(test, knobs)


def test_canned_answers_are_a_conversation_and_all_alike() -> None:
    async def test(client: Client) -> None:
        first, second = await ask(client), await ask(client, seed=5)
        assert first == second
        assert len(msgspec.json.decode(first.content, type=_Conversation).messages) == 2

    run(test, Knobs(canned=True))


def test_faults_come_in_their_shares_and_are_drawn_anew_for_each_call() -> None:
    fates = Fates(Knobs(rate_limited=0.2, resets=0.1, empty=0.3, seed=4))
    drawn = [fates.draw(sequence).fault for sequence in range(5000)]
    for fault, share in {Fault.RATE_LIMITED: 0.2, Fault.RESETS: 0.1, Fault.EMPTY: 0.3, None: 0.4}.items():
        assert abs(drawn.count(fault) / 5000 - share) < 0.03
    assert drawn == [fates.draw(sequence).fault for sequence in range(5000)]
    other = Fates(Knobs(rate_limited=0.2, resets=0.1, empty=0.3, seed=5))
    assert drawn != [other.draw(sequence).fault for sequence in range(5000)]


def test_latency_is_fixed_plus_jitter_and_ten_times_in_the_tail() -> None:
    assert Fates(Knobs(latency=0.2)).draw(3).latency == 0.2
    fates = Fates(Knobs(latency=1.0, jitter=1.0, long_tail=0.25))
    drawn = [fates.draw(sequence).latency for sequence in range(4000)]
    tail = [each for each in drawn if each > 2.0]
    assert all(1.0 <= each <= 2.0 or 10.0 <= each <= 20.0 for each in drawn)
    assert abs(len(tail) / 4000 - 0.25) < 0.03


@each_row(
    ("build", "message"),
    [
        (lambda: Knobs(latency=-1.0), "--latency: expected 0 or more"),
        (lambda: Knobs(jitter=float("nan")), "--jitter: expected 0 or more"),
        (lambda: Knobs(long_tail=1.5), "--long-tail: expected a share"),
        (lambda: Knobs(resets=0.6, empty=0.6), "--resets, --empty: the shares add up to more than 1"),
        (lambda: Knobs(unauthorized_after=-1), "--unauthorized-after: expected 0 or more"),
    ],
)
def test_knobs_out_of_range_are_refused(build: Callable[[], Knobs], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
