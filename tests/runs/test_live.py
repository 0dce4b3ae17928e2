import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest

from asyncgen.answered import UnusedReply, Usage
from asyncgen.conversation import XXH3, decode_line, digest_conversation
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.structure import Ladder
from asyncgen.errors import (
    NOT_SENT,
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    ConnectionFailedError,
    ContentFilteredError,
    GaveUpError,
    NoAnswerError,
    RateLimitedError,
    RejectedError,
    RequestRejectedError,
    ServerError,
)
from asyncgen.jobs.conversation import Conversations
from asyncgen.money.account import Account, Tariff
from asyncgen.money.budget import Budget
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, Entry, Lost, Unused, decode_entry
from asyncgen.pacing.admission import Admission
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outage import Outage
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.pause import Gate
from asyncgen.pacing.retry import RetryPolicy
from asyncgen.recipe.prompt import Payload
from asyncgen.recipe.recipe import Dimension, Group, Recipe, Rules
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.counts import Counts
from asyncgen.runs.desk import Desk
from asyncgen.runs.events import Event, Said
from asyncgen.runs.first_answers import FirstAnswers
from asyncgen.runs.live import Live, Seat
from asyncgen.runs.verdict import Verdict
from asyncgen.stop import Stop, StopRequestedError

RECIPE = Recipe(
    name="test",
    description="",
    source="test",
    sampling="balanced",
    knowledge="What is known.",
    system="Know {knowledge}",
    user="About {topic}",
    request={"model": "m"},
    headers=(),
    dimensions=(Dimension("topic", (Group("", ("apples", "pears")),)),),
    rules=Rules(),
)
GOOD = json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]})


class MemoryWriter:
    """Keeps records, and says whether each was known to be on disk when the next request left."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def run(self) -> None:
        """What is handed over is there already."""

    async def save_rest(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing is open."""

    async def put_synced(self, record: Record) -> None:
        await asyncio.sleep(0)
        self.records.append(record)

    def put_nowait(self, record: Record) -> None:
        self.records.append(record)

    @property
    def entries(self) -> list[Entry]:
        return [decode_entry(record.entries) for record in self.records]

    @property
    def rejects(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(record.reject) for record in self.records if record.reject]


class ScriptedCompleter:
    """Answers each request with the next item of a script."""

    def __init__(self, script: Sequence[str | BaseException], writer: MemoryWriter) -> None:
        self._script = list(script)
        self._writer = writer
        self.payloads: list[dict[str, Any]] = []
        self.kept_before: list[int] = []

    async def complete(self, payload: Payload) -> Completion:
        self.payloads.append(json.loads(b"".join(payload)))
        self.kept_before.append(len(self._writer.rejects))
        await asyncio.sleep(0)
        answer = self._script.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return Completion(answer, "stop", "m-2026", "gen-7", Usage(100, 80, 20, Decimal("0.0015")))


class Bench:
    """The live driver over scripted answers."""

    def __init__(
        self, *script: str | BaseException, reasks: int = 3, seed: int | None = None, save_metadata: bool = False
    ) -> None:
        self.stop, self.writer, tariff = Stop(), MemoryWriter(), Tariff()
        self.account = Account(tariffs=[tariff])
        self.counts = Counts(num=10, account=self.account)
        self.completer = ScriptedCompleter(script, self.writer)
        self.verdict = Verdict(600, has_worked=True)
        self.verdict.everything_is_begun = True
        self.slept: list[float] = []
        self.said: list[str] = []
        budget, limiter = (
            Budget(self.account, self.stop),
            Limiter(Concurrency(1, adaptive=False), Gate(Random(0)), Outage()),
        )
        scenarios = Scenarios(RECIPE.dimensions, sampling="balanced", seed=None)
        job = Conversations(RECIPE, scenarios, "m", save_metadata)
        self.desk = Desk(
            job, self.writer, budget, {"": tariff}, self.verdict, self._follow, self.stop, reasks, "m", XXH3
        )
        ladder = Ladder(RECIPE, {"model": "m"} if seed is None else {"model": "m", "seed": seed})
        seat = Seat(self.completer, ladder, limiter, Admission(budget, tariff, limiter, self.stop), FirstAnswers())
        retries = RetryPolicy(2, self.stop, Random(0), self._sleep, lambda _error, _seconds: None)
        self.live = Live(self.desk, {"": seat}, retries)

    def _follow(self, event: Event) -> None:
        event.add_to(self.counts)
        if isinstance(event, Said):
            self.said.append(event.text)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def generate(self, index: int = 0) -> Record:
        """The record of an index that is made, the newest one."""
        asyncio.run(self._make(index))
        return self.writer.records[-1]

    async def _make(self, index: int) -> None:
        unit = self.desk.open(index)
        try:
            await self.live.make(unit)
        except RejectedError as error:
            self.desk.fail(unit, error)
            raise


def done(record: Record) -> Done:
    entry = decode_entry(record.entries)
    assert isinstance(entry, Done)
    return entry


def test_a_good_answer_becomes_an_entry_and_its_line() -> None:
    record = Bench(GOOD).generate(5)
    entry = done(record)
    assert json.loads(record.line) == json.loads(GOOD)["messages"]
    assert (entry.index, entry.asks, entry.finish_reason, entry.request_id) == (5, 1, "stop", "gen-7")
    assert entry.digest == digest_conversation(decode_line(record.line), XXH3).hex()
    assert (entry.prompt_tokens, entry.cached_tokens, entry.completion_tokens, str(entry.cost)) == (
        100,
        80,
        20,
        "0.0015",
    )
    assert entry.model == "m-2026", "another model than the one asked for is named"


def test_a_bad_reply_is_kept_before_its_index_is_asked_again() -> None:
    bench = Bench("no JSON", '{"messages": []}', GOOD)
    assert done(bench.generate()).asks == 3
    assert bench.completer.kept_before == [0, 1, 2]
    assert [(each["ask"], each["reason"], each["text"]) for each in bench.writer.rejects] == [
        (1, "not-json", "no JSON"),
        (2, "too-few-messages", '{"messages": []}'),
    ]
    assert bench.counts.reasked == {"not-json": 1, "too-few-messages": 1}


def test_what_a_bad_reply_cost_is_journalled_with_it() -> None:
    bench = Bench("no JSON", GOOD)
    bench.generate()
    entry, _ = bench.writer.entries
    assert isinstance(entry, Unused)
    assert (entry.prompt_tokens, str(entry.cost), entry.reason) == (100, "0.0015", "not-json")
    assert str(bench.counts.cost) == "0.0030"


def test_an_index_fails_with_its_last_reason_when_reasks_are_used_up() -> None:
    bench = Bench("a", "b", "[]", reasks=2)
    with pytest.raises(GaveUpError, match="asked 3 times") as caught:
        bench.generate()
    assert caught.value.reason == "too-few-messages"
    assert len(bench.writer.rejects) == 3


def test_transport_retries_are_counted_for_each_ask_anew() -> None:
    down = ConnectionFailedError("down")
    bench = Bench(down, down, "bad", down, down, GOOD)
    assert done(bench.generate()).asks == 2
    assert len(bench.slept) == 4


def test_a_request_with_a_seed_is_never_repeated_byte_for_byte() -> None:
    bench = Bench("bad", ConnectionFailedError("down"), GOOD, seed=7)
    bench.generate()
    assert [payload["seed"] for payload in bench.completer.payloads] == [7, 8, 9]


def test_the_messages_of_a_repeated_request_stay_the_same() -> None:
    bench = Bench("bad", RateLimitedError("slow down", retry_after=0.01), GOOD)
    bench.generate()
    assert len({json.dumps(payload["messages"]) for payload in bench.completer.payloads}) == 1


def test_a_call_that_may_have_been_billed_is_noted_as_lost() -> None:
    bench = Bench(ConnectionFailedError("reset", maybe_billed=True), GOOD)
    bench.generate(3)
    entry, _ = bench.writer.entries
    assert isinstance(entry, Lost)
    assert (entry.index, entry.reason) == (3, "connection")


@pytest.mark.parametrize(("error", "reason"), [(asyncio.CancelledError(), "cancelled"), (MemoryError(), "no-memory")])
def test_a_call_that_breaks_off_under_way_is_noted_as_lost(error: BaseException, reason: str) -> None:
    bench = Bench(error)
    with pytest.raises(type(error)):
        bench.generate(4)
    (entry,) = bench.writer.entries
    assert isinstance(entry, Lost)
    assert entry.reason == reason


@pytest.mark.parametrize("error", [asyncio.CancelledError(NOT_SENT), MemoryError(NOT_SENT)])
def test_a_call_that_breaks_off_before_it_left_is_not_lost(error: BaseException) -> None:
    bench = Bench(error)
    with pytest.raises(type(error)):
        bench.generate(4)
    assert bench.writer.entries == []
    assert bench.counts.lost == 0


@pytest.mark.parametrize(
    "error",
    [
        NoAnswerError("error in a 200", reply=UnusedReply("half a", Usage(10, None, 5, Decimal("0.01")), "gen-8")),
        ContentFilteredError("refused", reply=UnusedReply("I can't", Usage(10, None, 5, Decimal("0.01")), "gen-8")),
    ],
    ids=["transient", "rejected"],
)
def test_an_answer_without_a_conversation_is_kept_with_its_cost(error: AsyncgenError) -> None:
    bench = Bench(error, GOOD)
    with suppress(ContentFilteredError):
        bench.generate()
    entry = bench.writer.entries[0]
    assert isinstance(entry, Unused)
    assert (str(entry.cost), entry.request_id, entry.reason) == ("0.01", "gen-8", error.reason)
    assert bench.writer.rejects[0]["text"] in {"half a", "I can't"}


def test_a_fatal_answer_passes_through_untried() -> None:
    bench = Bench(AccessDeniedError("401"), GOOD)
    with pytest.raises(AccessDeniedError):
        bench.generate()
    assert len(bench.completer.payloads) == 1


def test_after_a_stop_nothing_is_sent_and_nothing_asked_again() -> None:
    bench = Bench("bad", GOOD)
    bench.stop.request()
    with pytest.raises(StopRequestedError):
        bench.generate()
    assert bench.completer.payloads == []


def test_a_bad_reply_that_arrives_during_a_stop_is_kept_and_its_index_abandoned() -> None:
    bench = Bench("bad", GOOD)
    complete = bench.completer.complete

    async def stopping(payload: Payload) -> Completion:
        bench.stop.request()
        return await complete(payload)

    bench.completer.complete = stopping  # type: ignore[method-assign]
    with pytest.raises(StopRequestedError):
        bench.generate()
    assert [each["text"] for each in bench.writer.rejects] == ["bad"]


def test_metadata_holds_index_scenario_and_model() -> None:
    bench = Bench(GOOD, save_metadata=True)
    line = json.loads(bench.generate(1).line)
    assert line["messages"] == json.loads(GOOD)["messages"]
    assert line["metadata"] == {
        "index": 1,
        "topic": Scenarios(RECIPE.dimensions, sampling="balanced", seed=None).draw(1)["topic"],
        "model": "m-2026",
        "finish_reason": "stop",
        "asks": 1,
        "request_id": "gen-7",
    }


@pytest.mark.parametrize("script", [("no JSON", "bad", GOOD), ("no JSON", "bad", "[]")], ids=["made", "failed"])
def test_the_forecast_learns_what_all_calls_of_an_index_cost(script: tuple[str, ...]) -> None:
    bench = Bench(*script, reasks=2)
    with suppress(GaveUpError):
        bench.generate()
    forecast = bench.account.forecast
    assert (forecast.number, forecast.total) == (1, Decimal("0.0045"))


@pytest.mark.parametrize("reason", ["cut-off", "only-thinking"])
def test_a_second_cut_off_in_a_row_is_not_asked_a_third_time(reason: str) -> None:
    reply = UnusedReply("", Usage(10, None, 5, Decimal("0.01")))
    cut_off = BadReplyError(reason, "max_tokens was used up", reply=reply)
    bench = Bench("no JSON", cut_off, ConnectionFailedError("down"), cut_off, GOOD, reasks=9)
    with pytest.raises(GaveUpError, match=r"cut off twice in a row.*--param max_tokens=N") as caught:
        bench.generate()
    assert caught.value.reason == reason
    assert len(bench.completer.payloads) == 4


@pytest.mark.parametrize(
    ("error", "has_reply"),
    [
        (BadReplyError("roles", "no", reply=UnusedReply("?")), True),
        (NoAnswerError("no", reply=UnusedReply("?")), True),
        (ContentFilteredError("no", reply=UnusedReply("?")), True),
        (ServerError("no", maybe_billed=True), False),
        (RequestRejectedError("no", status=400), False),
    ],
)
def test_a_reply_is_something_to_be_saved(error: AsyncgenError, has_reply: bool) -> None:  # noqa: FBT001
    async def receive() -> Outcome:
        bench = Bench()
        outcome = bench.desk.receive(bench.desk.open(0), error)
        if outcome.saved is not None:
            await outcome.saved
        assert (outcome.saved is not None) is bool(bench.writer.rejects)
        return outcome

    assert asyncio.run(receive()).has_reply is has_reply
