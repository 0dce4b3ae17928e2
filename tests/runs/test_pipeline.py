import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.conversation import XXH3
from asyncgen.endpoint.answer import Completion
from asyncgen.errors import (
    AccessDeniedError,
    FatalError,
    OutOfMemoryError,
    OutputError,
    RejectedError,
    RequestRejectedError,
    SameRejectionError,
)
from asyncgen.jobs.work import Product, Request
from asyncgen.money.budget import Budget
from asyncgen.output.files import Record
from asyncgen.output.journal import Failed, decode_entry
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outage import Outage
from asyncgen.pacing.pause import Gate
from asyncgen.recipe.recipe import Recipe
from asyncgen.runs.counts import Counts
from asyncgen.runs.desk import Desk, Unit
from asyncgen.runs.pipeline import Pipeline
from asyncgen.runs.verdict import SAME_REJECTIONS, Verdict
from asyncgen.stop import Stop, StopRequestedError


@dataclass
class MemoryWriter:
    """The writer's interface over a list. `fails`: its task ends like a broken disk's; `hangs`: not before this."""

    records: list[Record] = field(default_factory=list)
    rest: list[Record] = field(default_factory=list)
    fails: bool = False
    hangs: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self._closed = asyncio.Event()

    async def run(self) -> None:
        if self.fails:
            raise OutputError("the disk broke")
        await self._closed.wait()
        if self.hangs is not None:
            await self.hangs.wait()

    async def save_rest(self) -> int:
        self.rest = [*self.records]
        return len(self.rest)

    async def put_synced(self, record: Record) -> None:
        self.records.append(record)

    def put_nowait(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        self._closed.set()


def line(index: int) -> Record:
    return Record(b"", line=b"%d\n" % index)


class Nothing:
    """A job and a work of which nothing is asked."""

    request = Request({})
    kind = "nothing"
    prompts: Mapping[str, Recipe] = {}
    digests: Mapping[str, str] = {}

    def open(self, index: int) -> Self:
        return self

    def take(self, reply: Completion, *, ask: int) -> Product:
        raise NotImplementedError


def pipeline_of(
    generate: Callable[[int], Awaitable[Record]],
    writer: MemoryWriter,
    stop: Stop,
    counts: Counts,
    verdict: Verdict | None = None,
    *,
    has_places: bool = True,
) -> Pipeline:
    """`has_places`: for as many as there are slots."""
    verdict = verdict or Verdict(600)
    desk = Desk(
        Nothing(),
        writer,
        Budget(counts.account, stop),
        {},
        verdict,
        lambda event: event.add_to(counts),
        stop,
        reasks=0,
        model="m",
        line_hash=XXH3,
    )

    async def make(unit: Unit) -> None:
        if has_places:
            pipeline.begin_slot()
        desk.finish(unit, await generate(unit.index))

    pipeline = Pipeline(make, desk)
    return pipeline


def is_set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def failed_index(record: Record) -> int:
    entry = decode_entry(record.entries)
    assert isinstance(entry, Failed)
    return entry.index


@dataclass
class Outcome:
    written: list[int]
    failed: list[int]
    counts: Counts
    stop: Stop


def run(
    generate: Callable[[int, Stop], Awaitable[Record]],
    indices: Iterable[int],
    *,
    slots: int = 4,
    grace: float = 30.0,
    writer: MemoryWriter | None = None,
) -> Outcome:
    async def main() -> Outcome:
        stop, counts, kept = Stop(), Counts(num=1000), writer or MemoryWriter()
        pipeline = pipeline_of(lambda index: generate(index, stop), kept, stop, counts)
        answered = is_set()
        await pipeline.run(indices, slots=slots, grace=grace, answered=[answered])
        return Outcome(
            [int(record.line) for record in kept.records if record.line],
            [failed_index(record) for record in kept.records if record.entries],
            counts,
            stop,
        )

    return asyncio.run(main())


async def good(index: int, _: Stop) -> Record:
    await asyncio.sleep(0)
    return line(index)


def test_every_index_is_written_once() -> None:
    outcome = run(good, range(50))
    assert sorted(outcome.written) == list(range(50))


def test_no_more_indices_are_alive_than_there_are_slots() -> None:
    alive: Counter[str] = Counter()

    async def generate(index: int, _: Stop) -> Record:
        alive["now"] += 1
        alive["most"] = max(alive["most"], alive["now"])
        for _turn in range(3 + index % 5):
            await asyncio.sleep(0)
        alive["now"] -= 1
        return line(index)

    run(generate, range(100), slots=7)
    assert alive["most"] == 7


@pytest.mark.parametrize(("names", "alive"), [("a", 4), ("ab", 8)])
def test_as_many_indices_are_alive_as_calls_and_one_that_waits_for_the_next_place(names: str, alive: int) -> None:
    now: set[int] = set()
    most = 0

    async def main() -> None:
        stop, counts = Stop(), Counts(num=1000)

        def look_for_room() -> None:
            if not all(each.is_awaited for each in limiters):
                pipeline.begin_slot()

        async def generate(index: int) -> Record:
            nonlocal most
            limiter = limiters[index % len(names)]
            now.add(index)
            await limiter.acquire(again=False)
            for _turn in range(30):
                most = max(most, len(now))
                await asyncio.sleep(0)
            limiter.release()
            now.remove(index)
            return line(index)

        limiters = [
            Limiter(Concurrency(3, adaptive=False), Gate(Random(0)), Outage(), on_move=look_for_room) for _ in names
        ]
        pipeline = pipeline_of(generate, writer, stop, counts, has_places=False)
        await pipeline.run(range(60), slots=40, grace=0, answered=[is_set()])

    writer = MemoryWriter()
    asyncio.run(main())
    assert sorted(int(each.line) for each in writer.records) == list(range(60))
    assert most == alive


def test_the_producer_takes_an_index_only_when_a_slot_is_free() -> None:
    taken = []

    def indices() -> Iterable[int]:
        for index in range(100):
            taken.append(index)
            yield index

    async def generate(index: int, stop: Stop) -> Record:
        if index == 5:
            stop.request()
        await asyncio.sleep(0)
        return line(index)

    run(generate, indices(), slots=3)
    assert len(taken) <= 5 + 3 + 1


@pytest.mark.parametrize("cancels", [1, 3])
def test_no_cancellation_reaches_the_writer(cancels: int) -> None:
    """All answers are in, and the disk is slow."""

    async def main() -> None:
        stop, writer = Stop(), MemoryWriter(hangs=asyncio.Event())
        counts = Counts(num=10)
        pipeline = pipeline_of(lambda index: good(index, stop), writer, stop, counts)
        task = asyncio.create_task(pipeline.run(range(10), slots=4, grace=30, answered=[is_set()]))
        await settle()
        for _ in range(cancels):
            task.cancel()
            await settle()
        assert not task.done(), "it does not leave the writer behind"
        assert writer.hangs is not None
        writer.hangs.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(writer.records) == 10

    asyncio.run(main())


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


def test_an_answer_is_handed_over_before_a_cancellation_can_come_between() -> None:
    async def main() -> None:
        stop, writer, arrived = Stop(), MemoryWriter(), asyncio.get_running_loop().create_future()

        async def generate(index: int) -> Record:
            await arrived
            return line(index)

        pipeline = pipeline_of(generate, writer, stop, Counts(num=1))
        task = asyncio.create_task(pipeline.run(range(1), slots=1, grace=30, answered=[is_set()]))
        await settle()
        arrived.set_result(None)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(writer.records) == 1

    asyncio.run(main())


def test_a_failed_index_is_recorded_and_the_run_goes_on() -> None:
    async def generate(index: int, _: Stop) -> Record:
        if index % 10 == 3:
            raise RequestRejectedError("too long", status=400)
        return line(index)

    outcome = run(generate, range(30))
    assert sorted(outcome.failed) == [3, 13, 23]
    assert sorted(outcome.written + outcome.failed) == list(range(30))
    assert outcome.counts.failed == {"request-rejected": 3}


@pytest.mark.parametrize(
    ("error", "fatal"), [(AccessDeniedError("401"), AccessDeniedError), (MemoryError(), OutOfMemoryError)]
)
def test_a_fatal_error_starts_no_further_index_and_lets_the_others_finish(
    error: Exception, fatal: type[FatalError]
) -> None:
    async def generate(index: int, _: Stop) -> Record:
        for turn in range(30):
            await asyncio.sleep(0)
            if index == 5 and turn == 10:  # when all slots are taken
                raise error
        return line(index)

    outcome = run(generate, range(100), slots=8)
    assert isinstance(outcome.stop.error, fatal)
    assert set(range(8)) - {5} <= set(outcome.written)
    assert len(outcome.written) < 20
    assert not outcome.failed


def test_the_same_rejection_of_the_first_ten_stops_the_run_and_fails_nobody() -> None:
    async def generate(index: int, _: Stop) -> Record:
        await asyncio.sleep(0)
        raise RequestRejectedError("unknown model", status=400)

    outcome = run(generate, range(1000), slots=4)
    assert isinstance(outcome.stop.error, SameRejectionError)
    assert "unknown model" in str(outcome.stop.error)
    assert not outcome.failed
    assert not outcome.counts.failed


def test_fewer_rejections_than_ten_are_failures() -> None:
    async def generate(_: int, __: Stop) -> Record:
        raise RequestRejectedError("no", status=400)

    assert sorted(run(generate, range(SAME_REJECTIONS - 1)).failed) == list(range(SAME_REJECTIONS - 1))


@pytest.mark.parametrize("different", [RequestRejectedError("no", status=413), None], ids=["other status", "success"])
def test_a_different_answer_in_between_makes_the_rejections_before_it_failures(different: RejectedError | None) -> None:
    async def generate(index: int, _: Stop) -> Record:
        is_different = index % SAME_REJECTIONS == 4
        if is_different and different is None:
            return line(index)
        raise different if is_different and different else RequestRejectedError("no", status=400)

    outcome = run(generate, range(40), slots=1)
    assert outcome.stop.error is None
    assert sorted(outcome.failed + outcome.written) == list(range(40))


def test_grace_ends_calls_that_do_not_end_by_themselves() -> None:
    cancelled = []

    async def generate(index: int, stop: Stop) -> Record:
        if index == 2:
            stop.request()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(index)
            raise
        return line(index)

    outcome = run(generate, range(10), slots=3, grace=0)
    assert sorted(cancelled) == [0, 1, 2]
    assert outcome.written == []


def test_a_bug_shows_itself_and_cancels_the_rest() -> None:
    async def generate(index: int, _: Stop) -> Record:
        if index == 3:
            raise TypeError("a bug")
        await asyncio.sleep(0)
        return line(index)

    with pytest.raises(BaseExceptionGroup) as caught:
        run(generate, range(10))
    assert caught.group_contains(TypeError, match="a bug")


def test_a_failing_disk_ends_the_run_and_the_calls_it_cancels_are_still_journalled_or_counted() -> None:
    writer, counts = MemoryWriter(fails=True), Counts(num=10)

    async def generate(index: int) -> Record:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            writer.put_nowait(line(index))
            raise
        return line(index)

    async def main() -> None:
        pipeline = pipeline_of(generate, writer, Stop(), counts)
        await pipeline.run(range(10), slots=2, grace=30, answered=[is_set()])

    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(main())
    assert caught.group_contains(OutputError)
    assert {int(record.line) for record in writer.rest} == {0, 1}
    assert counts.unrecorded == 2


OUTCOMES = ("good", "rejected", "abandoned", "fatal")


@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 4)), max_size=60), st.integers(1, 8))
def test_every_index_that_was_started_ends_in_exactly_one_way(script: Sequence[tuple[str, int]], slots: int) -> None:
    started = []

    async def generate(index: int, _: Stop) -> Record:
        started.append(index)
        what, turns = script[index]
        for _turn in range(turns):
            await asyncio.sleep(0)
        if what == "rejected":
            raise RequestRejectedError("no", status=400 + index % 2)
        if what == "abandoned":
            raise StopRequestedError
        if what == "fatal":
            raise AccessDeniedError("no")
        return line(index)

    outcome = run(generate, range(len(script)), slots=slots)
    counts = outcome.counts
    assert len(outcome.written) + len(outcome.failed) + counts.abandoned == len(started)
    assert len(set(outcome.written + outcome.failed)) == len(outcome.written) + len(outcome.failed)
    if not outcome.stop.is_set():
        assert started == list(range(len(script)))


def test_indices_go_one_at_a_time_until_the_endpoint_has_answered() -> None:
    started: list[int] = []

    async def main() -> None:
        answered, go_on = asyncio.Event(), asyncio.Event()

        async def generate(index: int) -> Record:
            started.append(index)
            if index == 0:
                raise RequestRejectedError("no", status=413)
            if index == 1:
                await go_on.wait()
                answered.set()
                await asyncio.Event().wait()
            return line(index)

        pipeline = pipeline_of(generate, MemoryWriter(), Stop(), Counts(num=10))
        running = asyncio.create_task(pipeline.run(range(10), slots=4, grace=0, answered=[answered]))
        for _ in range(50):
            await asyncio.sleep(0)
        assert started == [0, 1]
        go_on.set()
        for _ in range(100):
            await asyncio.sleep(0)
        assert started == list(range(10)), "the rest waits for the first answer, not for its index"
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(main())


def test_while_indices_only_fail_one_more_is_asked_at_a_time_and_none_behind_one_that_is_made() -> None:
    started: list[int] = []

    async def main() -> None:
        answered, held = asyncio.Event(), [asyncio.Event() for _ in range(10)]

        async def generate(index: int) -> Record:
            started.append(index)
            await held[index].wait()
            return line(index)

        verdict = Verdict(600)
        pipeline = pipeline_of(generate, MemoryWriter(), Stop(), Counts(num=10), verdict)
        running = asyncio.create_task(pipeline.run(range(10), slots=4, grace=0, answered=[answered]))
        for expected in ([0], [0, 1], [0, 1, 2]):
            await settle()
            assert started == expected
            verdict.doubt.set()
        await settle()
        assert started == [0, 1, 2, 3]
        held[0].set()
        held[1].set()
        await settle()
        assert started == [0, 1, 2, 3], "made, but not as all others are to be asked"
        held[3].set()
        await settle()
        assert started == [0, 1, 2, 3, 4]
        answered.set()
        for each in held:
            each.set()
        await running
        assert started == list(range(10))

    asyncio.run(main())
