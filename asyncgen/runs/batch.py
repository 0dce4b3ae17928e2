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
only when it is surely not there are its lines put into another one. Results are read in the order of their indices, and
not of a file that has all failures together: then what many have in common can be told from what is an index's own.
"""

import asyncio
import secrets
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
from msgspec.structs import astuple

from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.batch import Batch, BatchApi
from asyncgen.endpoint.batch_rows import batch_fields, request_line
from asyncgen.endpoint.body import clean
from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    BatchError,
    BatchTooLargeError,
    BudgetSpentError,
    EndpointDownError,
    FatalError,
    GaveUpError,
    NoAnswerError,
    NotFoundError,
    NotRunError,
    NotYetError,
    OutputError,
    RejectedError,
    RequestRejectedError,
    SameRejectionError,
    TransientError,
    UncertainCreateError,
    Usage,
)
from asyncgen.money.account import Tariff
from asyncgen.money.price import ZERO, with_cost
from asyncgen.output.batches import (
    MADE,
    NOTHING,
    REQUESTS,
    RESULTS,
    UNREAD,
    USED_UP,
    Batches,
    OpenBatch,
    seconds_of,
    tidy,
)
from asyncgen.output.files import Record
from asyncgen.output.indices import write_by, write_indices
from asyncgen.output.journal import (
    NOT_MADE,
    QUEUE_FULL,
    TOO_LARGE,
    TWIN,
    Batched,
    Collected,
    Submitted,
    Submitting,
    Uploaded,
    encode_entry,
)
from asyncgen.pacing.retry import MAX_HINTED_WAIT, wait_seconds
from asyncgen.runs import events
from asyncgen.runs.batch_lines import Ask, Results, Waiting, custom_id, packed_asks
from asyncgen.runs.batch_search import Found, Sought
from asyncgen.runs.config import Batching
from asyncgen.runs.desk import Unit, moment
from asyncgen.runs.live import Live
from asyncgen.runs.verdict import with_advice
from asyncgen.stop import Stop, StopRequestedError

FULL = 0.9  # of the bytes an endpoint takes: how it counts them, nobody knows
MOST_STRAGGLERS, STRAGGLERS, FEWEST_STRAGGLERS = 200, 0.02, 20  # indices that live calls finish, and their share
ONE_SAMPLE = 2  # times the cost of a live call is held for one in a batch, as long as none there has told its own
FRUITLESS = 3  # batches in a row that have brought nothing
CLOCKS = 600.0  # seconds by which two clocks may differ
AT_ONCE = 128  # lines between two rests: of writing a file, and of waiting for the disk
DIFFERENT = 10  # sizes in turn, beginning with any of them, where a batch is only known by its size
SLOWER = 1.5  # times, from one look to the next
LONGER = 1.05  # times, that a line may be longer than another
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Out:
    """A batch that is under way, or may be.

    `asks`: of its lines, packed. `made`: when; `seen`: when its endpoint last knew it, `changed`: when there was last
    any news of it, or this run began to ask. `told`: what was said of it last. `left`: why it is not waited for.
    """

    batch: OpenBatch
    asks: "array[int]"
    made: float
    seen: float
    changed: float
    reserved: int = 0
    told: Batch | None = None
    is_cancelled: bool = False
    left: str = ""


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

    `tariffs`: of lines, by seat. `earlier`: what is under way from earlier runs. `is_done`: whether an index has its
    line. `folder`: where requests and results lie meanwhile. `where`, `base_url`: who is asked, in messages and in the
    journal; `models`: by seat. `is_lasting`: the endpoint outlives a run. `before_each`: awaited before a line is made.
    """

    live: Live
    api: BatchApi
    batching: Batching
    tariffs: Mapping[str, Tariff]
    earlier: Batches
    is_done: Callable[[int], bool]
    folder: Path
    where: str
    base_url: str
    models: Mapping[str, str]
    num: int
    is_lasting: bool = True
    before_each: Callable[[], Awaitable[None]] | None = None
    _out: list[_Out] = field(default_factory=list)
    _waiting: Waiting = field(default_factory=lambda: Waiting(iter(())))
    _not_ours: set[str] = field(default_factory=set)
    _lines: int | None = None
    _batches: int = field(default_factory=lambda: secrets.randbelow(DIFFERENT))
    _fruitless: int = 0
    _is_queue_full: bool = False
    _is_news: bool = True
    _trouble: AsyncgenError | None = None
    _interval: float = 0.0

    async def make(self, fresh: Iterator[int]) -> Iterator[Unit]:
        """All in batches; what is left for live calls, once there is nothing more to wait for.

        Raises FatalError. What is under way when it ends stays so.
        """
        self._waiting = Waiting(fresh)
        self._lines = self.earlier.lines
        self._not_ours |= self.earlier.closed
        await self._take_up()
        try:
            while True:
                await self._look()
                await self._submit()
                if self._is_over():
                    break
                self._tell()
                await self._stop.sleep(self._pause())
        finally:
            self._tell(is_end=True)
        if self._out or self._stop.is_set() or self.batching.cancel:
            return iter(())
        tidy(self.folder)
        return self._stragglers()

    def _stragglers(self) -> Iterator[Unit]:
        for ask in self._waiting.take_one_by_one():
            if self._stop.is_set():
                return
            yield self._open(ask)

    def _is_over(self) -> bool:
        if self._stop.is_set():
            return True
        waited_for = [each for each in self._out if not each.left]
        if self.batching.detach:
            return all(each.batch.id is not None for each in waited_for)
        if waited_for or self._should_submit():
            return False
        if self._out and not self.batching.cancel:
            raise FatalError(self._out[0].left)
        return True

    def _pause(self) -> float:
        """Seconds until the next look: longer after each without news."""
        timings = self.live.retries.timings
        self._interval = timings.first_look if self._is_news else min(self._interval * SLOWER, timings.longest_look)
        self._is_news = False
        pause = self._interval
        if any(each.batch.id is None and not each.left for each in self._out):
            pause = min(pause, timings.look_up)
        hinted = getattr(self._trouble, "retry_after", None)
        return max(pause, min(hinted, MAX_HINTED_WAIT)) if hinted else pause

    # ---- what earlier runs have left

    async def _take_up(self) -> None:
        tidy(self.folder)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: {error.strerror}") from error
        now = time.monotonic()
        for batch in self.earlier.open.values():
            age = max(0.0, self._clock() - seconds_of(batch.intent.time))
            out = _Out(batch, packed_asks(batch), made=now - age, seen=now, changed=now, reserved=batch.untold)
            self._out.append(out)
            if batch.id is None and batch.file is None and self.api.rules.form == "files":
                await self._give_back(out, NOT_MADE)

    # ---- a look at all that are under way

    async def _look(self) -> None:
        self._trouble = None
        timings = self.live.retries.timings
        silence = timings.longest_cancelling if self.batching.cancel else timings.longest_silence
        for out in [*self._out]:
            if self._stop.is_set():
                return
            try:
                await (self._look_up(out) if out.batch.id is None else self._look_at(out, out.batch.id))
            except (TransientError, RejectedError) as error:
                self._trouble = error
            if time.monotonic() - out.changed > silence and out in self._out:
                self._leave(out, f"nothing new is told of batch {out.batch.id or out.batch.label} at {self.where}")
        trouble = None if self._trouble is None else with_advice(self._trouble, has_worked=True)
        self.live.emit(events.Troubled(trouble and f"batches cannot be looked at: {trouble}"))

    async def _look_at(self, out: _Out, batch_id: str) -> None:
        try:
            told = await self.api.get(batch_id)
        except (NotYetError, RejectedError, NotFoundError) as error:
            if time.monotonic() - out.seen > self._patience:
                raise FatalError(
                    f"{self.where} knows no batch {batch_id} ({error}); it was made there, so ask with the key, or in "
                    f"the project, that has made it, or give it up with --forget-batch {out.batch.label}"
                ) from error
            raise NotYetError(str(error)) from error
        now = time.monotonic()
        if out.told is None or (out.told.status, out.told.finished) != (told.status, told.finished):
            self._is_news, out.changed = True, now
        out.told, out.seen = told, now
        if told.is_over:
            await self._collect(out, told)
        elif self.batching.cancel and not (out.is_cancelled or out.left):
            out.is_cancelled = await self.api.cancel(batch_id)
            if not out.is_cancelled:
                out.left = "it cannot be cancelled"
                told_of = f"{self.where} cannot cancel a batch: {out.batch.label} runs on and is billed"
                self._say(f"{told_of}; the same line without --cancel collects it")

    def _leave(self, out: _Out, why: str) -> None:
        if not out.left:
            label = out.batch.label
            out.left = f"{why}: look there, and when nothing will come of it go on with --forget-batch {label}"
            self._say(out.left)

    @property
    def _patience(self) -> float:
        """How long a batch that is there may not be seen."""
        return min(self.api.rules.appears_within, self.live.retries.timings.longest_look_up)

    async def _look_up(self, out: _Out) -> None:
        """Find the one that may have been made, or make sure that none was."""
        is_time = time.monotonic() - out.seen > self._patience
        label = out.batch.label
        cannot_tell = f"whether batch {label} was made, or which one it is, is not told by {self.where}"
        try:
            found = await self._find(out)
        except (NoAnswerError, NotFoundError, NotYetError, RejectedError) as error:  # it is there, and is no list
            self._trouble = error
            if is_time:
                self._leave(out, cannot_tell)
            return
        if found.proved or found.is_clear:
            first, *others = sorted(found.proved, key=lambda each: not each.is_over) or found.alike
            self._say(f"batch {label} was made, though nobody had said so: it is {first.id}")
            await self._adopt(out, first)
            await self._disown(out, others)
        elif found.alike:
            await self._look_into(out, found.alike, cannot_tell)
        elif is_time and not out.left:
            self._say(f"batch {label} was not made; its {len(out.batch):,} conversations go into another one")
            await self._give_back(out, NOT_MADE)

    async def _look_into(self, out: _Out, alike: Sequence[Batch], cannot_tell: str) -> None:
        """Of several that may be the one, results tell, as soon as they are over."""
        path = self.folder / f"{out.batch.label}{RESULTS}"
        for told in [each for each in alike if each.is_over]:
            whole = await self.api.get(told.id)
            await self.api.fetch_rows(whole, path)
            results = await asyncio.to_thread(Results, path, out.batch, self.api, Usage())
            if results.found:
                await self._adopt(out, whole)
                return
            if results.strange:
                self._not_ours.add(told.id)
        if all(each.is_over and each.id not in self._not_ours for each in alike):  # none has anything to show
            self._leave(out, cannot_tell)

    async def _find(self, out: _Out) -> Found:
        """Others than those that are known by their ids."""
        since = seconds_of(out.batch.intent.time) - CLOCKS
        model = self.models[out.batch.intent.seat]
        known = self._not_ours | {each.batch.id for each in self._out}
        found = Found(Sought(out.batch.label, out.batch.file, len(out.batch), model, since), known)
        if not self.api.rules.lists:
            raise NoAnswerError(f"{self.where} has no list of batches")
        async for told in self.api.list_since(since):
            found.add(told)
        return found

    async def _adopt(self, out: _Out, told: Batch) -> None:
        await self._note(Submitted(label=out.batch.label, id=told.id, time=moment(self._clock())))
        out.batch.id, out.told, out.seen = told.id, told, time.monotonic()
        self._is_news, out.changed = True, out.seen

    async def _disown(self, out: _Out, others: Sequence[Batch]) -> None:
        """Batches that something on the way has made of the same call: nobody needs them, and they may be billed."""
        for each in others:
            self._not_ours.add(each.id)
            is_cancelled = False
            with suppress(TransientError, RejectedError):
                is_cancelled = not each.is_over and await self.api.cancel(each.id)
            cost = with_cost(each.usage, self.tariffs[out.batch.intent.seat].price).cost if each.is_over else None
            entry = Collected(
                label=each.id,
                status=TWIN,
                lost=len(out.batch) if cost is None else 0,
                cost=cost,
                time=moment(self._clock()),
            )
            self._book_rest(out, Usage(cost=cost), entry.lost)
            await self._note(entry)
            self._say(
                f"{each.id} was made of the same call as batch {out.batch.label}, by something on the way that repeats "
                f"calls: switch that off; {'it is cancelled' if is_cancelled else 'it may be billed'}"
            )

    # ---- out

    def _should_submit(self) -> bool:
        batching, waiting = self.batching, self._waiting
        if batching.cancel or batching.finish_live or (self._is_queue_full and self._out):
            return False
        if not self.api.rules.has_label and any(each.batch.id is None for each in self._out):
            return False  # one like it would make it impossible to tell which is which
        few = min(MOST_STRAGGLERS, max(FEWEST_STRAGGLERS, int(STRAGGLERS * self.num)))
        return waiting.has_fresh or waiting.again > few or (batching.no_live and waiting.again > 0 and not self._out)

    async def _submit(self) -> None:
        """As many batches as the endpoint takes and the budget allows."""
        self._is_queue_full = self._is_queue_full and bool(self._out)
        while not self._stop.is_set() and self._should_submit():
            fillings = await self._fill()
            for filling in fillings:
                await self._send(filling)
            if not fillings or (self._is_queue_full and not self._out):
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
                for count, packed in enumerate(self._waiting.take(most * len(self.tariffs)), 1):
                    ask = Ask.unpack(packed)
                    unit = self._open(ask)
                    request = unit.work.request
                    desk.close(unit)
                    filling = fillings.get(request.seat)
                    if filling is None:
                        filling = fillings[request.seat] = self._begin(request.seat, most)
                        files.enter_context(filling.file)
                    if len(filling.asks) == filling.most:
                        self._waiting.put_back(packed)
                        continue
                    payload = self.live.seats[request.seat].ladder.form.encode(
                        request.values, repeat=unit.sent, history=request.history
                    )
                    line = request_line(custom_id(filling.label, ask), payload, rules)
                    if filling.asks and filling.size + len(line) > FULL * rules.max_bytes:
                        self._waiting.put_back(packed)
                        continue
                    filling.file.write(line)
                    filling.asks.append(packed)
                    filling.size += len(line)
                    if count % AT_ONCE == 0:
                        await asyncio.sleep(0)
        except OSError as error:
            raise OutputError(f"{self.folder}: {error.strerror}") from error
        for filling in fillings.values():
            desk.budget.release(self.tariffs[filling.seat], filling.most - len(filling.asks))
        full = [each for each in fillings.values() if each.asks]
        account = desk.budget.account
        if not full and not any(each.reserved for each in account.tariffs):
            raise BudgetSpentError(account.explain_no_room())
        return full

    def _most_lines(self) -> int:
        """Of a batch, by whatever binds first: what is known, what was asked for, or the bytes."""
        rules = self.api.rules
        sample = self.live.desk.job.open(0).request
        payload = self.live.seats[sample.seat].ladder.form.encode(sample.values)
        size = len(request_line("", payload, rules)) * LONGER
        known = (each for each in (rules.max_requests, self.batching.size, self._lines) if each is not None)
        most = min(*known, int(FULL * rules.max_bytes / size))
        if not rules.has_label:
            most -= self._batches % DIFFERENT
        return max(1, most)

    def _begin(self, seat: str, most: int) -> _Filling:
        """A file with room for what can be paid for, which is held."""
        account, tariff, live = self.live.desk.budget.account, self.tariffs[seat], self.live.desk.tariffs[seat]
        if tariff.assumed is None and live.dearest:
            tariff.assumed = live.dearest * ONE_SAMPLE * (tariff.ratio_to(live) or 1)
        room = account.room(tariff)
        most = most if room is None else min(most, room)
        tariff.reserved += most
        label = secrets.token_hex(4)
        path = self.folder / f"{label}{REQUESTS}"
        return _Filling(label, seat, path, most, path.open("wb"))

    async def _send(self, filling: _Filling) -> None:
        intent = self._intent(filling)
        now = time.monotonic()
        batch = OpenBatch.of(intent)
        out = _Out(batch, filling.asks, made=now, seen=now, changed=now, reserved=len(filling.asks))
        self._out.append(out)
        self._batches += 1
        await self._note(intent)
        try:
            told = await self._create(out, filling)
        except UncertainCreateError as error:
            out.seen = out.changed = time.monotonic()
            self._say(f"{error}; looking whether batch {filling.label} was made")
        except BatchError as error:
            await self._halve(out, TOO_LARGE if isinstance(error, BatchTooLargeError) else QUEUE_FULL, str(error))
        except (StopRequestedError, TransientError):
            await self._give_back(out, NOT_MADE)
        except (RejectedError, FatalError) as error:
            await self._give_back(out, NOT_MADE)
            if isinstance(error, FatalError):
                raise
            raise SameRejectionError(f"no batch can be made: {with_advice(error)}") from error
        else:
            await self._adopt(out, told)
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
            held=self.tariffs[filling.seat].held,
            time=moment(self._clock()),
        )

    async def _create(self, out: _Out, filling: _Filling) -> Batch:
        settings = self.live.seats[filling.seat].ladder.form.settings
        fields = batch_fields(settings, self.api.rules)
        file = await self._patiently(partial(self.api.upload, filling.path, f"{filling.label}.jsonl"))
        if file is not None:
            out.batch.file = file
            await self._note(Uploaded(label=filling.label, file=file))
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
                if time.monotonic() - began > self._patience:
                    raise
                await self._stop.sleep(retries.timings.first_backoff)
            except TransientError as error:
                failures += 1
                self.live.emit(events.Troubled(with_advice(error, has_worked=True)))
                await self._stop.sleep(wait_seconds(error.retry_after, failures, retries.random, retries.timings))
            if self._stop.is_set():
                raise StopRequestedError

    async def _halve(self, out: _Out, status: str, told: str) -> None:
        """A batch was refused for its size, or for what waits there already."""
        lines, is_alone = len(out.batch), len(self._out) == 1
        await self._give_back(out, status)
        self._is_queue_full = status == QUEUE_FULL
        if status == TOO_LARGE and lines == 1:
            raise FatalError(f"{told}; it has one request in it: shorten the prompts")
        if lines > 1 and (is_alone or status == TOO_LARGE):
            self._lines = lines // 2
            self._say(f"{self.where} takes no batch of {lines:,} ({status}); going on with {self._lines:,} at once")

    # ---- in

    async def _collect(self, out: _Out, told: Batch) -> None:
        """Every answer that there is, whatever the batch has ended as, and the rest is to be made."""
        label, path = out.batch.label, self.folder / f"{out.batch.label}{RESULTS}"
        try:
            await self.api.fetch_rows(told, path)
            results = await asyncio.to_thread(Results, path, out.batch, self.api, told.usage)
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from error
        if results.strange and not results.found and not self.api.rules.has_label:
            self._not_ours.add(told.id)
            out.batch.id = out.told = None
            out.seen = out.changed = time.monotonic()
            return
        if told.faults and not results.found:
            await self._take_refusal(out, told)
            return
        missing, not_run = await self._take_all(out, results)
        rest = with_cost(results.unshared, self.tariffs[out.batch.intent.seat].price)
        is_told = told.usage.cost is not None or (rest.cost is not None and told.usage.prompt_tokens is not None)
        lost = 0 if told.has_failed or is_told else missing
        self._book_rest(out, rest, lost)
        if missing + not_run:
            ended = f"batch {label} has ended ({clean(told.status)})"
            self._say(f"{ended} without {missing + not_run:,} of its {len(out.batch):,} answers")
        if results.unread + results.strange:
            kept = path.replace(path.with_suffix(UNREAD))
            many = results.unread + results.strange
            self._say(f"batch {label}: {many:,} results are of no request; kept in {kept}")
        await self._close(
            out,
            Collected(
                *astuple(rest),
                label=label,
                status=told.status,
                missing=missing + not_run,
                lost=lost,
                unread=results.unread,
                time=moment(self._clock()),
            ),
        )
        if self.api.rules.has_label:
            with suppress(TransientError, RejectedError, NotFoundError):
                await self._disown(out, (await self._find(out)).proved)
        self._fruitless = 0 if results.found > not_run else self._fruitless + 1
        if self._fruitless == FRUITLESS:
            raise EndpointDownError(
                f"{FRUITLESS} batches in a row have ended without an answer, the last as {clean(told.status)}: look at "
                f"batch {told.id} at {self.where}, or go on with live calls by --finish-live"
            )

    async def _take_all(self, out: _Out, results: Results) -> tuple[int, int]:
        """How many lines have no result, and how many were not run; what has come of all others is on disk."""
        live = replace(self.live, desk=replace(self.live.desk, tariffs=self.tariffs, batch=out.batch.label))
        missing = not_run = 0
        for position, result in enumerate(results):
            before, ask = out.batch.told[position], Ask.unpack(out.asks[position])
            if before == USED_UP or (before == MADE and self.is_done(ask.index)):
                continue
            if result is None or isinstance(result, NotRunError):
                missing += result is None
                not_run += result is not None
                self._waiting.put_again(ask)
                continue
            if self.before_each is not None:
                await self.before_each()
            unit = self._open(ask)
            unit.is_booked = before == MADE
            self._take(live, unit, ask, result)
            if position % AT_ONCE == 0:
                await self._saved()
        await self._saved()
        return missing, not_run

    def _take(self, live: Live, unit: Unit, ask: Ask, result: Completion | AsyncgenError) -> None:
        """What has come of one line."""
        desk = live.desk
        live.verdict.sent(unit.index)
        try:
            passes = isinstance(result, TransientError)
            outcome = desk.receive(unit, result) if passes else live.receive(unit, result)
            match outcome.error:
                case None if unit.is_made:
                    pass
                case None:
                    self._waiting.put_again(Ask(unit.index))
                case BadReplyError() as error:
                    desk.ask_again(unit, error)
                    self._waiting.put_again(Ask(unit.index, unit.ask, was_cut_off=unit.was_cut_off))
                case TransientError() as error:
                    if ask.failures >= live.retries.retries:
                        told = f"given up after {ask.failures + 1} attempts: {error}"
                        raise GaveUpError(error.reason, told) from error
                    self._waiting.put_again(msgspec.structs.replace(ask, failures=ask.failures + 1))
                case FatalError() as error:
                    desk.abandon(error)
                case RejectedError() as error:
                    raise error
        except RejectedError as error:
            desk.fail(unit, error)
        finally:
            desk.close(unit)

    async def _take_refusal(self, out: _Out, told: Batch) -> None:
        """Nothing was run, because of the size of the batch, of single lines, or of all that they have in common."""
        for fault in told.faults:
            if fault.is_queue_full or fault.is_too_large:
                await self._halve(out, QUEUE_FULL if fault.is_queue_full else TOO_LARGE, fault.message)
                return
        named = {each.line - 1: each.message for each in told.faults if each.line and each.line <= len(out.batch)}
        reasons = "; ".join({each.message: None for each in told.faults})
        if not named:
            await self._give_back(out, told.status)
            raise SameRejectionError(f"{self.where} did not run batch {told.id}: {reasons}")
        for position, ask in enumerate(map(Ask.unpack, out.asks)):
            if (message := named.get(position)) is None:
                self._waiting.put_again(ask)
            else:
                self._take(self.live, self._open(ask), ask, RequestRejectedError(f"{self.where}: {message}"))
                if len(named) < len(out.batch) / 2:  # nothing is wrong with the others
                    self.live.desk.settle()
        await self._close(out, Collected(label=out.batch.label, status=told.status, missing=len(out.batch)))

    def _book_rest(self, out: _Out, usage: Usage, lost: int) -> None:
        """What a batch has used that no line tells."""
        tariff, account = self.tariffs[out.batch.intent.seat], self.live.desk.budget.account
        if usage != Usage():
            self.live.emit(events.Used(usage))
            account.spent = account.spent if usage.cost is None else (account.spent or ZERO) + usage.cost
        if lost:
            tariff.lost += lost
            self.live.emit(events.Unanswered(lost))

    # ---- the end of a batch

    async def _give_back(self, out: _Out, status: str) -> None:
        """All that it has not brought is to be made."""
        for packed, told in zip(out.asks, out.batch.told, strict=True):
            ask = Ask.unpack(packed)
            if told == NOTHING or (told == MADE and not self.is_done(ask.index)):
                self._waiting.put_again(ask)
        await self._close(out, Collected(label=out.batch.label, status=status, time=moment(self._clock())))

    async def _close(self, out: _Out, entry: Collected) -> None:
        await self._note(entry)
        self._out.remove(out)
        self._is_news = True
        if out.batch.id is not None:
            self._not_ours.add(out.batch.id)
        self.live.desk.budget.release(self.tariffs[out.batch.intent.seat], out.reserved)
        (self.folder / f"{out.batch.label}{RESULTS}").unlink(missing_ok=True)

    # ---- helpers of all of them

    @property
    def _stop(self) -> Stop:
        return self.live.desk.stop

    def _open(self, ask: Ask) -> Unit:
        unit = self.live.desk.open(ask.index)
        unit.ask, unit.was_cut_off = ask.number, ask.was_cut_off
        unit.sent = ask.number - 1 + ask.failures
        return unit

    async def _note(self, entry: Batched) -> None:
        await self.live.desk.writer.put_synced(Record(encode_entry(entry)))

    async def _saved(self) -> None:
        """All that was handed to the writer is on disk."""
        await self.live.desk.writer.put_synced(Record(b""))

    def _clock(self) -> float:
        return self.live.desk.clock()

    def _say(self, text: str) -> None:
        self.live.emit(events.Said(text))

    def _tell(self, *, is_end: bool = False) -> None:
        out = [] if is_end and not self.is_lasting else self._out
        lines = sum(len(each.batch) for each in out)
        finished = sum(0 if each.told is None else each.told.finished or 0 for each in out)
        oldest = min((each.made for each in out), default=0.0)
        self.live.emit(events.Batched(len(out), lines, finished, oldest))
