"""Asks for many indices at once, in batches that an endpoint runs when it has time: the story, top to bottom.

What goes out is journalled before it goes, and what came of it behind its last line, so that whoever starts next, after
a kill at any moment, knows which batches may be under way: none is made twice, and no answer is lost.

    journal        then                                killed behind it, the next start
    submitting     the requests are uploaded           holds that no batch can have been made, where that needs a file
    uploaded       one call makes the batch            looks it up in the endpoint's list
    submitted      it is looked at until it is over    goes on looking
    (its lines)    results cross the desk, one by one  collects again, and passes over what the journal has
    collected      what it did not bring is to be made has forgotten it

A call that makes a batch is sent once. When nobody knows what came of it, the batch is looked up as after a kill, and
only when it is surely not there are its lines put into another one.
"""

import asyncio
import secrets
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from asyncgen.endpoint.batch import Batch, BatchApi
from asyncgen.endpoint.batch_rows import batch_fields, request_line
from asyncgen.endpoint.body import clean
from asyncgen.errors import (
    AsyncgenError,
    BatchError,
    BatchTooLargeError,
    BudgetSpentError,
    EndpointDownError,
    FatalError,
    NotFoundError,
    NotYetError,
    OutputError,
    RejectedError,
    SameRejectionError,
    TransientError,
    UncertainCreateError,
)
from asyncgen.output.batches import REQUESTS, tidy
from asyncgen.output.indices import write_by, write_indices
from asyncgen.output.journal import NOT_MADE, QUEUE_FULL, TOO_LARGE, Submitting, Uploaded
from asyncgen.pacing.retry import MAX_HINTED_WAIT, wait_seconds
from asyncgen.runs import events
from asyncgen.runs.batch_collect import Collector
from asyncgen.runs.batch_lines import Ask, Waiting, custom_id
from asyncgen.runs.batch_out import Out, UnderWay
from asyncgen.runs.batch_search import Search
from asyncgen.runs.config import Batching
from asyncgen.runs.desk import Unit, moment
from asyncgen.runs.live import Live
from asyncgen.runs.verdict import with_advice
from asyncgen.stop import StopRequestedError

FULL = 0.9  # of the bytes an endpoint takes: how it counts them, nobody knows
MOST_STRAGGLERS, STRAGGLERS, FEWEST_STRAGGLERS = 200, 0.02, 20  # indices that live calls finish, and their share
ONE_SAMPLE = 2  # times the cost of a live call is held for one in a batch, as long as none there has told its own
FRUITLESS = 3  # batches in a row that have brought nothing
AT_ONCE = 128  # lines between two rests, in which others go on
DIFFERENT = 10  # sizes in turn, beginning with any of them, where a batch is only known by its size
SLOWER = 1.5  # times, from one look to the next
LONGER = 1.05  # times, that a line may be longer than another
T = TypeVar("T")


@dataclass(slots=True)
class _Filling:
    """A file of requests, while it is written; `most`: lines that it may have."""

    label: str
    seat: str
    path: Path
    most: int
    file: BinaryIO
    asks: "array[int]" = field(default_factory=lambda: array("Q"))
    size: int = 0


@dataclass(slots=True)
class BatchDriver:
    """Makes indices in batches.

    `indices`: all that is to be made. `base_url`: as in the journal. `is_lasting`: the endpoint outlives a run.
    """

    live: Live
    api: BatchApi
    batching: Batching
    under_way: UnderWay
    search: Search
    collector: Collector
    base_url: str
    indices: Sequence[int]
    is_lasting: bool = True
    _batches: int = field(default_factory=lambda: secrets.randbelow(DIFFERENT))
    _fruitless: int = 0
    _trouble: AsyncgenError | None = None
    _interval: float = 0.0

    async def make(self, fresh: Iterator[int]) -> Iterator[Unit]:
        """All in batches; what is left for live calls, once there is nothing more to wait for.

        Raises FatalError. What is under way when it ends stays so.
        """
        under_way = self.under_way
        under_way.waiting = Waiting(fresh)
        await under_way.take_up(needs_file=self.api.rules.form == "files")
        try:
            while True:
                await self._look()
                await self._submit()
                if self._is_over():
                    break
                under_way.tell()
                await under_way.stop.sleep(self._pause())
        finally:
            if self.is_lasting:
                under_way.tell()
            else:
                self.live.emit(events.Batched(0, 0, 0, 0.0))
        if under_way.out or under_way.stop.is_set() or self.batching.cancel:
            return iter(())
        tidy(under_way.folder)
        return self._stragglers()

    def _stragglers(self) -> Iterator[Unit]:
        for ask in self.under_way.waiting.take_one_by_one():
            if self.under_way.stop.is_set():
                return
            yield self.under_way.open(ask)

    def _is_over(self) -> bool:
        if self.under_way.stop.is_set():
            return True
        waited_for = [each for each in self.under_way.out if not each.left]
        if self.batching.detach:
            return all(each.batch.id is not None for each in waited_for)
        if waited_for or self._should_submit():
            return False
        if self.under_way.out and not self.batching.cancel:
            raise FatalError(self.under_way.out[0].left)
        return True

    def _pause(self) -> float:
        """Seconds until the next look: longer after each without news."""
        timings = self.live.retries.timings
        self._interval = (
            timings.first_look if self.under_way.is_news else min(self._interval * SLOWER, timings.longest_look)
        )
        self.under_way.is_news = False
        pause = self._interval
        if any(each.batch.id is None and not each.left for each in self.under_way.out):
            pause = min(pause, timings.look_up)
        hinted = getattr(self._trouble, "retry_after", None)
        return max(pause, min(hinted, MAX_HINTED_WAIT)) if hinted else pause

    # ---- a look at all that are under way

    async def _look(self) -> None:
        self._trouble = None
        timings = self.live.retries.timings
        silence = timings.longest_cancelling if self.batching.cancel else timings.longest_silence
        for out in [*self.under_way.out]:
            if self.under_way.stop.is_set():
                return
            try:
                await (self.search.look_up(out) if out.batch.id is None else self._look_at(out, out.batch.id))
            except (TransientError, RejectedError) as error:
                self._trouble = error
            if time.monotonic() - out.changed > silence and out in self.under_way.out:
                self.under_way.leave(
                    out, f"nothing new is told of batch {out.batch.id or out.batch.label} at {self.under_way.where}"
                )
        trouble = None if self._trouble is None else with_advice(self._trouble, has_worked=True)
        self.live.emit(events.Troubled(trouble and f"batches cannot be looked at: {trouble}"))

    async def _look_at(self, out: Out, batch_id: str) -> None:
        try:
            told = await self.api.get(batch_id)
        except (NotYetError, RejectedError, NotFoundError) as error:
            if time.monotonic() - out.seen > self.search.patience:
                if self.api.rules.form == "folder":
                    raise FatalError(str(error)) from error
                raise FatalError(
                    f"{self.under_way.where} knows no batch {batch_id}, which was made there: ask with the "
                    f"key, or in the project, that has made it, or give it up with --forget-batch {out.batch.label}"
                ) from error
            raise NotYetError(str(error)) from error
        now = time.monotonic()
        if out.told is None or (out.told.status, out.told.finished) != (told.status, told.finished):
            self.under_way.is_news, out.changed = True, now
        out.told, out.seen = told, now
        if told.is_over:
            await self._collect(out, told)
        elif self.batching.cancel and not (out.is_cancelled or out.left):
            out.is_cancelled = await self.api.cancel(batch_id)
            if not out.is_cancelled:
                out.left = "it cannot be cancelled"
                told_of = f"{self.under_way.where} cannot cancel a batch: {out.batch.label} runs on and is billed"
                self.under_way.say(f"{told_of}; the same line without --cancel collects it")

    async def _collect(self, out: Out, told: Batch) -> None:
        is_fruitful = await self.collector.collect(out, told)
        self._fruitless = 0 if is_fruitful else self._fruitless + 1
        if self._fruitless == FRUITLESS:
            raise EndpointDownError(
                f"{FRUITLESS} batches in a row have ended without an answer, the last as {clean(told.status)}: look at "
                f"batch {told.id} at {self.under_way.where}, or go on with live calls by --finish-live"
            )

    # ---- out

    def _should_submit(self) -> bool:
        batching, waiting = self.batching, self.under_way.waiting
        if batching.cancel or batching.finish_live or (self.under_way.is_queue_full and self.under_way.out):
            return False
        if not self.api.rules.has_label and any(each.batch.id is None for each in self.under_way.out):
            return False  # one like it would make it impossible to tell which is which
        few = min(MOST_STRAGGLERS, max(FEWEST_STRAGGLERS, int(STRAGGLERS * len(self.indices))))
        return (
            waiting.has_fresh
            or waiting.again > few
            or (batching.no_live and waiting.again > 0 and not self.under_way.out)
        )

    async def _submit(self) -> None:
        """As many batches as the endpoint takes and the budget allows."""
        self.under_way.is_queue_full = self.under_way.is_queue_full and bool(self.under_way.out)
        while not self.under_way.stop.is_set() and self._should_submit():
            fillings = await self._fill()
            for filling in fillings:
                await self._send(filling)
            if not fillings or (self.under_way.is_queue_full and not self.under_way.out):
                return

    async def _fill(self) -> list[_Filling]:
        """Files of requests, one for each seat; none while there is no money for any.

        Raises BudgetSpentError when there will be none.
        """
        desk, rules = self.live.desk, self.api.rules
        fillings: dict[str, _Filling] = {}
        most = self._most_lines()
        try:
            with ExitStack() as files:
                for count, packed in enumerate(self.under_way.waiting.take(most * len(self.under_way.tariffs)), 1):
                    ask = Ask.unpack(packed)
                    unit = self.under_way.open(ask)
                    request = unit.work.request
                    desk.close(unit)
                    filling = fillings.get(request.seat)
                    if filling is None:
                        filling = fillings[request.seat] = self._begin(request.seat, most)
                        files.enter_context(filling.file)
                    if len(filling.asks) == filling.most:
                        self.under_way.waiting.put_back(packed)
                        continue
                    payload = self.live.seats[request.seat].ladder.form.encode(
                        request.values, repeat=unit.sent, history=request.history
                    )
                    line = request_line(custom_id(filling.label, ask), payload, rules)
                    if filling.asks and filling.size + len(line) > FULL * rules.max_bytes:
                        self.under_way.waiting.put_back(packed)
                        continue
                    filling.file.write(line)
                    filling.asks.append(packed)
                    filling.size += len(line)
                    if count % AT_ONCE == 0:
                        await asyncio.sleep(0)
        except OSError as error:
            raise OutputError(f"{self.under_way.folder}: {error.strerror}") from error
        for filling in fillings.values():
            desk.budget.release(self.under_way.tariffs[filling.seat], filling.most - len(filling.asks))
        full = [each for each in fillings.values() if each.asks]
        account = desk.budget.account
        if not full and not any(each.reserved for each in account.tariffs):
            raise BudgetSpentError(account.explain_no_room())
        return full

    def _most_lines(self) -> int:
        """Of a batch, by whatever binds first: what is known, what was asked for, or the bytes."""
        rules = self.api.rules
        sample = self.live.desk.job.open(self.indices[0]).request
        payload = self.live.seats[sample.seat].ladder.form.encode(sample.values)
        size = len(request_line("", payload, rules)) * LONGER
        known = (
            each
            for each in (rules.max_requests, self.batching.size, self.under_way.journalled.most)
            if each is not None
        )
        most = min(*known, int(FULL * rules.max_bytes / size))
        if not rules.has_label:
            most -= self._batches % DIFFERENT
        return max(1, most)

    def _begin(self, seat: str, most: int) -> _Filling:
        """A file with room for what can be paid for, which is held."""
        account, tariff, live = (
            self.live.desk.budget.account,
            self.under_way.tariffs[seat],
            self.live.desk.tariffs[seat],
        )
        if tariff.assumed is None and live.dearest:
            tariff.assumed = live.dearest * ONE_SAMPLE * (tariff.ratio_to(live) or 1)
        room = account.room(tariff)
        most = most if room is None else min(most, room)
        tariff.reserved += most
        label = secrets.token_hex(4)
        path = self.under_way.folder / f"{label}{REQUESTS}"
        return _Filling(label, seat, path, most, path.open("wb"))

    async def _send(self, filling: _Filling) -> None:
        out = await self.under_way.begin(self._intent(filling), filling.asks)
        self._batches += 1
        try:
            told = await self._create(filling)
        except UncertainCreateError as error:
            out.seen = out.changed = time.monotonic()
            self.under_way.say(f"{error}; looking whether batch {filling.label} was made")
        except BatchError as error:
            await self.under_way.halve(
                out, TOO_LARGE if isinstance(error, BatchTooLargeError) else QUEUE_FULL, str(error)
            )
        except (StopRequestedError, TransientError):
            await self.under_way.give_back(out, NOT_MADE)
        except (RejectedError, FatalError) as error:
            await self.under_way.give_back(out, NOT_MADE)
            if isinstance(error, FatalError):
                raise
            raise SameRejectionError(f"no batch can be made: {with_advice(error)}") from error
        else:
            await self.under_way.adopt(out, told)
        finally:
            filling.path.unlink(missing_ok=True)

    def _intent(self, filling: _Filling) -> Submitting:
        asks = [*map(Ask.unpack, filling.asks)]
        return Submitting(
            label=filling.label,
            indices=write_indices(ask.index for ask in asks),
            asks=write_by((ask.number - 1 and ask.number, ask.index) for ask in asks),
            failures=write_by((ask.failures, ask.index) for ask in asks),
            cut_off=write_indices(ask.index for ask in asks if ask.was_cut_off),
            seat=filling.seat,
            base_url=self.base_url,
            size=filling.size,
            held=self.under_way.tariffs[filling.seat].held,
            time=moment(self.under_way.clock()),
        )

    async def _create(self, filling: _Filling) -> Batch:
        settings = self.live.seats[filling.seat].ladder.form.settings
        fields = batch_fields(settings, self.api.rules)
        file = await self._patiently(partial(self.api.upload, filling.path, f"{filling.label}.jsonl"))
        if file is not None:
            await self.under_way.note(Uploaded(label=filling.label, file=file))
        return await self._patiently(
            partial(
                self.api.create, filling.path, file, model=str(settings["model"]), label=filling.label, fields=fields
            )
        )

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Once more after each failure that passes and has done nothing. Raises StopRequestedError after a stop."""
        retries, failures, began = self.live.retries, 0, time.monotonic()
        while True:
            try:
                return await call()
            except NotYetError:
                if time.monotonic() - began > self.search.patience:
                    raise
                await self.under_way.stop.sleep(retries.timings.first_backoff)
            except TransientError as error:
                failures += 1
                is_alone = len(self.under_way.out) == 1 or self.batching.detach
                if is_alone and time.monotonic() - began > self.live.verdict.patience.seconds:
                    raise EndpointDownError(f"no batch could be handed in for too long (--give-up): {error}") from error
                self.live.emit(events.Troubled(with_advice(error, has_worked=True)))
                await self.under_way.stop.sleep(
                    wait_seconds(error.retry_after, failures, retries.random, retries.timings)
                )
            if self.under_way.stop.is_set():
                raise StopRequestedError
