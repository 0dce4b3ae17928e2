"""One run of `generate`: resources opened in order, the pipeline over them, closed in reverse, and what came of it.

From its start on, only a fault of the run, a person or the last index ends it.
"""

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing, nullcontext, suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from asyncgen.endpoint.batches.folder import FolderBatches
from asyncgen.endpoint.batches.forms import open_batches
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint
from asyncgen.endpoint.structure import Form, explain
from asyncgen.endpoint.tiers import FLEX, asked_tier
from asyncgen.errors import ConfigError, FatalError, GaveUpError, OutOfMemoryError, TransientError
from asyncgen.jobs.work import Job
from asyncgen.money.account import Account
from asyncgen.money.budget import NO_PRICE, Budget
from asyncgen.output.batches import RESULTS, tidy
from asyncgen.output.begin import Start
from asyncgen.output.files import Record
from asyncgen.output.journal import Stepped, encode_entry
from asyncgen.output.ledger import Ledger
from asyncgen.output.writer import Writer
from asyncgen.pacing.admission import Admission
from asyncgen.pacing.rates import Rates
from asyncgen.pacing.retry import RetryPolicy
from asyncgen.runs import events
from asyncgen.runs.batches.driver import BatchDriver, make_driver
from asyncgen.runs.batches.under_way import UnderWay
from asyncgen.runs.config import Batching, GenerateConfig
from asyncgen.runs.counts import Counts
from asyncgen.runs.desk import Desk
from asyncgen.runs.engine import offline_engine
from asyncgen.runs.events import Event
from asyncgen.runs.first_answers import FirstAnswers, FirstConversations
from asyncgen.runs.ladders import make_ladder
from asyncgen.runs.limiters import Limiters
from asyncgen.runs.live import Live, Seat
from asyncgen.runs.pipeline import NO_MEMORY, Pipeline
from asyncgen.runs.tariffs import look_up_prices, make_batch_tariffs, make_tariffs
from asyncgen.runs.trouble import Trouble
from asyncgen.runs.verdict import Verdict
from asyncgen.stop import Stop
from asyncgen.text import quantity

FEWEST_LIVE = 16  # some that always fail must leave room for others, by which that is known
LIVE_PER_PLACE = 4  # indices alive per request in flight, at most: the others wait for a retry, money or the disk
DISK_FULL = "the disk is full: free some space within {} s and the run goes on; then it stops, and answers are lost"

E = TypeVar("E", bound=Event)
T = TypeVar("T")


class Run:
    """A run that may begin on its output."""

    def __init__(self, config: GenerateConfig, start: Start, job: Job) -> None:
        self._config = config
        self._start = start
        self._job = job
        self.stop = Stop()
        plan = config.plan
        maker = f"{', '.join(plan.models) or plan.model} at {plan.endpoint.host}"
        if plan.endpoint.is_offline:
            maker = "the offline engine: quotations, no model"
        ledger = start.ledger
        self._tariffs, earlier = make_tariffs(plan, job.prompts, ledger.totals)
        self._batch_tariffs = {}
        if config.batching is not None:
            self._batch_tariffs = make_batch_tariffs(self._tariffs, ledger.totals, ledger.batches)
        self.counts = Counts(
            num=len(start.indices),
            already=start.count_done(),
            maker=maker,
            asks_for_tier=any(asked_tier(plan.settings_of(seat)) for seat in job.prompts),
            account=Account(
                plan.budget,
                ledger.totals.cost,
                [*self._tariffs.values(), *self._batch_tariffs.values()],
                earlier=earlier,
            ),
        )
        self._watchers: dict[type[Event], list[Callable[[Any], None]]] = {}
        self.budget = Budget(self.counts.account, self.stop)
        self._ladders = {seat: make_ladder(plan, seat, recipe, ledger) for seat, recipe in job.prompts.items()}
        self._random = Random()  # noqa: S311  # jitter is no secret
        self._verdict = self._make_verdict()
        self.limiters = Limiters(config, job.prompts, self._random, self._on_answer)
        self.stop.when_requested(self.limiters.close)
        self.stop.when_requested(lambda: self._emit(events.Ending(time.monotonic() + config.grace)))
        self._trouble = Trouble(self._verdict.patience, self.counts, self._emit, self.stop, config.timings)
        self.watch(events.Made, FirstConversations(self.say).look)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def output(self) -> Path:
        return self._start.paths.output

    def watch(self, kind: type[E], watcher: Callable[[E], None]) -> None:
        """Have it called with every event of a kind."""
        self._watchers.setdefault(kind, []).append(watcher)

    def say(self, text: str) -> None:
        self._emit(events.Said(text))

    def call_from_thread(self, call: Callable[[], None]) -> None:
        """Have it called in the run's own thread, where alone the run may be touched, while it is being executed."""
        with suppress(RuntimeError):  # the loop has been closed this moment
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)

    def ask_from_thread(self, question: Callable[[], T], seconds: float) -> T | None:
        """What it gives in the run's own thread; None while the run is not being executed."""
        answers: queue.SimpleQueue[T] = queue.SimpleQueue()
        self.call_from_thread(lambda: answers.put(question()))
        try:
            return answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def allow(self, limit: Decimal | None, rates: Rates | None, until: float) -> None:
        """Have so much for now of a budget and of rates that other runs share; None leaves what there is.

        The rates are kept until a time of `time.monotonic`, and nothing is sent after it before there are others.
        """
        if limit is not None:
            self.budget.allow(limit)
        if rates is not None:
            self.limiters.pace(rates, until)

    def _emit(self, event: Event) -> None:
        event.add_to(self.counts)
        for watcher in self._watchers.get(type(event), ()):
            watcher(event)

    @property
    def has_work(self) -> bool:
        """Whether something is to be made, or collected; a run that cancels makes nothing."""
        batching = self._config.batching
        makes = batching is None or not batching.cancel
        return bool((makes and self.counts.pending) or self._start.ledger.batches.open)

    def say_nothing_to_do(self) -> None:
        if self._start.kept or self._start.patches or self._start.forgotten:
            self._start.open(self._config.timings.clock).close()
        tidy(self._start.paths.batches)
        for note in self._start.notes():
            self.say(note)
        kind, num, there = self._job.kind.removesuffix("s"), self.counts.num, self._start.lines.known
        if pending := self.counts.pending:
            made = f"{pending:,} of {quantity(num, kind)} are to be made"
            self.say(f"{self.output}: nothing to cancel, no batch is under way; {made}")
            return
        inside = f" (of {there:,} in the file)" if there > num else ""
        self.say(f"{self.output}: nothing to do, all is there: {quantity(num, kind)}{inside}")

    def check_price(self) -> None:
        """Raises ConfigError when earlier runs have shown that a budget cannot be kept here."""
        plan = self._config.plan
        if plan.budget is None or plan.endpoint.provider.lists_prices:
            return
        if any(each.price is None and each.has_told_nothing for each in self._tariffs.values()):
            raise ConfigError(NO_PRICE)

    async def execute(
        self,
        *,
        during: AbstractAsyncContextManager[object] | None = None,
        before_each: Callable[[], Awaitable[None]] | None = None,
    ) -> FatalError | None:
        """Run to an end of any kind; the fault that has ended it, if it was one.

        `during`: entered while indices are made. `before_each`: awaited before one is begun.
        """
        error = None
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_error)
        try:
            await self._execute(during or nullcontext(), before_each)
        except BaseExceptionGroup as group:
            error = _fatal(group)
            if error is None:
                raise
        except FatalError as fatal:
            error = fatal
        except MemoryError:
            error = OutOfMemoryError(NO_MEMORY)
        return error or self.stop.error

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody awaits: a connection that got no memory to read with."""
        if isinstance(context.get("exception"), MemoryError):
            self.stop.request(OutOfMemoryError(NO_MEMORY))
        else:
            loop.default_exception_handler(context)

    async def _execute(
        self, during: AbstractAsyncContextManager[object], before_each: Callable[[], Awaitable[None]] | None
    ) -> None:
        config, plan = self._config, self._config.plan
        async with AsyncExitStack() as stack:
            endpoint = plan.endpoint
            if endpoint.is_offline:  # its address comes with its being started
                on_death = partial(self.stop.request, FatalError("the offline engine has ended"))
                base_url = await stack.enter_async_context(offline_engine(on_death, config.timings))
                endpoint = replace(endpoint, base_url=base_url)
            files = stack.enter_context(closing(self._start.open(self._config.timings.clock)))
            client = await stack.enter_async_context(
                Client(endpoint, connections=plan.concurrency, timeout=config.timeout, timings=config.timings)
            )
            for note in (*config.notices, *self._start.notes()):
                self.say(note)
            if plan.price is None and endpoint.provider.lists_prices:
                for note in await look_up_prices(client, plan, self._tariffs, self._batch_tariffs):
                    self.say(note)
            await stack.enter_async_context(during)
            writer = Writer(
                files,
                capacity=plan.concurrency,
                on_taken=self.limiters.writing,
                on_written=self._on_written,
                on_full=self._on_disk_full,
                on_loss=self.stop.request,
                timings=config.timings,
            )
            live = self._make_live(client, writer)
            pipeline = Pipeline(live.make, live.desk, before_each)
            self.limiters.on_room, self.limiters.is_one_coming = pipeline.begin_slot, pipeline.is_one_coming
            batching = config.batching
            driver = None if batching is None else self._make_driver(batching, live, endpoint, client, before_each)
            # What is under way holds the money that a live call may have to wait for, and shows that the key is good.
            are_out = bool(self._start.ledger.batches.open)
            begins_alone = batching is None or not (batching.no_live or batching.cancel or are_out)
            given_up = self._given_up_before() if batching is not None and batching.detach else ()
            await pipeline.run(
                self._start.pending(without=given_up),
                slots=min(max(FEWEST_LIVE, LIVE_PER_PLACE * plan.concurrency), self.counts.pending),
                grace=config.grace,
                answered=[each.settled for each in self._ladders.values()] if begins_alone else [],
                make_most=None if driver is None else driver.make,
            )

    def _make_live(self, client: Client, writer: Writer) -> Live:
        config = self._config
        desk = Desk(
            self._job,
            writer,
            self.budget,
            self._tariffs,
            self._verdict,
            self._emit,
            self.stop,
            reasks=config.reasks,
            model=config.plan.model,
            models={seat: seat for seat in config.plan.models},
            line_hash=self._start.header.line_hash,
            steps=self._start.steps,
            clock=config.timings.clock,
        )
        seats = {}
        for seat, ladder in self._ladders.items():
            ladder.on_step = partial(self._on_step, writer, seat)
            limiter = self.limiters.by_seat[seat]
            admission = Admission(self.budget, self._tariffs[seat], limiter, self.stop)
            seats[seat] = Seat(client, ladder, limiter, admission, FirstAnswers(asked_tier(ladder.form.settings)))
        retries = RetryPolicy(config.retries, self.stop, self._random, self._wait, self._on_retry, config.timings)
        return Live(desk, seats, retries)

    def _given_up_before(self) -> Collection[int]:
        """What a run that leaves, and is begun again by a clock, would otherwise ask for again each time."""
        start = self._start
        given_up = {
            index: reason
            for index, reason in start.ledger.failed.items()
            if index < start.header.num and not start.lines.is_done(index)
        }
        for reason in given_up.values():
            told = "given up by an earlier run: a run without --detach tries it again"
            self._emit(events.GivenUp(GaveUpError(reason, told)))
        return given_up.keys()

    def _make_driver(
        self,
        batching: Batching,
        live: Live,
        endpoint: Endpoint,
        client: Client,
        before_each: Callable[[], Awaitable[None]] | None,
    ) -> BatchDriver:
        plan, start, folder = self._config.plan, self._start, batching.files
        scratch = start.paths.batches / f"look{RESULTS}"
        api = open_batches(endpoint, client, scratch) if folder is None else FolderBatches(folder, self.say)
        where = endpoint.where if folder is None else str(folder)
        under_way = UnderWay(
            live.desk, self._batch_tariffs, start.lines.is_done, start.paths.batches, where, start.ledger.batches
        )
        return make_driver(
            live,
            api,
            batching,
            under_way,
            models={seat: plan.model_of(seat) for seat in self._job.prompts},
            base_url=plan.endpoint.base_url,
            indices=start.indices,
            is_lasting=folder is not None or not endpoint.is_offline,
            before_each=before_each,
        )

    def _make_verdict(self) -> Verdict:
        """With what earlier runs at the same address have met."""
        config, earlier = self._config, self._start.earlier
        is_same = earlier is not None and earlier.header.base_url == config.plan.endpoint.base_url
        ledger = self._start.ledger if is_same else Ledger()
        return Verdict(
            config.give_up,
            has_worked=ledger.totals.calls > 0,
            failed_before=ledger.failed,
            asks_spare_capacity=FLEX in config.plan.tiers,
            timings=config.timings,
        )

    def _on_written(self, records: Sequence[Record]) -> None:
        self.limiters.written()
        self._emit(events.Written([each.line for each in records if each.line]))

    def _on_answer(self) -> None:
        is_known = self.counts.latency is not None or any(each.settled.is_set() for each in self._ladders.values())
        paced = self.limiters.paced(is_known=is_known)
        if paced.is_news_to(self.counts):
            self._emit(paced)
        self._trouble.look()

    def _on_step(self, writer: Writer, seat: str, form: Form) -> None:
        plan = self._config.plan
        told = explain(form, plan.settings_of(seat), plan.endpoint.where)
        self.say(f"{seat}: {told}" if plan.models else told)
        entry = Stepped(
            step=form.step,
            base_url=plan.endpoint.base_url,
            model=plan.model_of(seat),
            without=tuple(sorted(form.without)),
        )
        writer.put_nowait(Record(encode_entry(entry)))

    async def _wait(self, seconds: float) -> None:
        self._emit(events.Waiting(1))
        try:
            await self.stop.sleep(seconds)
        finally:
            self._emit(events.Waiting(-1))

    def _on_retry(self, error: TransientError, seconds: float) -> None:
        self._emit(events.Retried(error, seconds))
        self._trouble.retried(error)

    def _on_disk_full(self, seconds: int | None) -> None:
        notice = None if seconds is None else DISK_FULL.format(seconds)
        if notice and self.counts.notice is None:
            self.say(notice)
        self._emit(events.HeldUp(notice))


def _fatal(group: BaseExceptionGroup[BaseException]) -> FatalError | None:
    """The fatal error in a group that holds nothing else; anything else is a bug and keeps its trace."""
    inner = group.exceptions[0]
    if isinstance(inner, BaseExceptionGroup):
        return _fatal(inner)
    if len(group.exceptions) > 1:
        return None
    if isinstance(inner, MemoryError):
        return OutOfMemoryError(NO_MEMORY)
    return inner if isinstance(inner, FatalError) else None
