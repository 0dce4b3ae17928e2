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

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.body import clean
from asyncgen.errors import (
    AsyncgenError,
    EndpointDownError,
    FatalError,
    NotFoundError,
    NotYetError,
    RejectedError,
    TransientError,
)
from asyncgen.output.batches import tidy
from asyncgen.pacing.retry import MAX_HINTED_WAIT
from asyncgen.runs import events
from asyncgen.runs.advice import with_advice
from asyncgen.runs.batches.collect import Collector
from asyncgen.runs.batches.fill import Filler
from asyncgen.runs.batches.lines import Backlog
from asyncgen.runs.batches.search import Search
from asyncgen.runs.batches.send import Sender
from asyncgen.runs.batches.under_way import Out, UnderWay
from asyncgen.runs.config import Batching
from asyncgen.runs.desk import Unit
from asyncgen.runs.live import Live

MOST_STRAGGLERS, STRAGGLERS, FEWEST_STRAGGLERS = 200, 0.02, 20  # indices that live calls finish, and their share
FRUITLESS = 3  # batches in a row that have brought nothing
SLOWER = 1.5  # times, from one look to the next


def make_driver(
    live: Live,
    api: BatchApi,
    batching: Batching,
    under_way: UnderWay,
    *,
    models: Mapping[str, str],
    base_url: str,
    indices: Sequence[int],
    is_lasting: bool = True,
    before_each: Callable[[], Awaitable[None]] | None = None,
) -> "BatchDriver":
    """Everything that a run needs to ask in batches.

    `models`: by seat. `base_url`: as in the journal. `indices`: all that is to be made. `is_lasting`: the endpoint
    outlives a run. `before_each`: awaited before a line is made.
    """
    patience = min(api.rules.appears_within, live.retries.timings.longest_look_up)
    search = Search(under_way, api, models, patience)
    return BatchDriver(
        live,
        api,
        batching,
        under_way,
        Filler(live, api.rules, under_way, batching.size, indices[0]),
        Sender(live, api, under_way, patience, base_url, waits=not batching.detach),
        search,
        Collector(under_way, live, api, search, before_each),
        len(indices),
        is_lasting,
    )


@dataclass(slots=True)
class BatchDriver:
    """Makes indices in batches.

    `number`: of all that is to be made. `is_lasting`: the endpoint outlives a run.
    """

    live: Live
    api: BatchApi
    batching: Batching
    under_way: UnderWay
    filler: Filler
    sender: Sender
    search: Search
    collector: Collector
    number: int
    is_lasting: bool = True
    _fruitless: int = 0
    _trouble: AsyncgenError | None = None
    _interval: float = 0.0

    async def make(self, fresh: Iterator[int]) -> Iterator[Unit]:
        """All in batches; what is left for live calls, once there is nothing more to wait for.

        Raises FatalError. What is under way when it ends stays so.
        """
        under_way = self.under_way
        under_way.backlog = Backlog(fresh)
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
                self.live.desk.emit(events.Batched(0, 0, 0, 0.0))
            if not under_way.out:
                tidy(under_way.folder)
        is_over = under_way.out or under_way.stop.is_set() or self.batching.cancel
        return iter(()) if is_over else self._stragglers()

    def _stragglers(self) -> Iterator[Unit]:
        for ask in self.under_way.backlog.take_one_by_one():
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
        for out in [*self.under_way.out]:
            if self.under_way.stop.is_set():
                return
            try:
                await (self.search.look_up(out) if out.batch.id is None else self._look_at(out, out.batch.id))
            except (TransientError, RejectedError) as error:
                self._trouble = error
            if time.monotonic() - out.changed > self._longest_silence(out) and out in self.under_way.out:
                why = "" if self._trouble is None else f" ({self._trouble})"
                batch = out.batch.id or out.batch.label
                self.under_way.leave(out, f"nothing new is told of batch {batch} at {self.under_way.where}{why}")
        trouble = None if self._trouble is None else with_advice(self._trouble, has_worked=True)
        self.live.desk.emit(events.Troubled(trouble and f"batches cannot be looked at: {trouble}"))

    def _longest_silence(self, out: Out) -> float:
        """Seconds after which a batch is not waited for any more."""
        timings = self.live.retries.timings
        if self.batching.detach and out.batch.id is None:
            return self.live.desk.verdict.patience.seconds  # the next run looks for it, too
        return timings.longest_cancelling if self.batching.cancel else timings.longest_silence

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
        batching, backlog = self.batching, self.under_way.backlog
        if batching.cancel or batching.finish_live or self.under_way.is_put_off:
            return False
        if not self.api.rules.has_label and any(each.batch.id is None for each in self.under_way.out):
            return False  # one like it would make it impossible to tell which is which
        few = min(MOST_STRAGGLERS, max(FEWEST_STRAGGLERS, int(STRAGGLERS * self.number)))
        return (
            backlog.has_fresh
            or backlog.again > few
            or (batching.no_live and backlog.again > 0 and not self.under_way.out)
        )

    async def _submit(self) -> None:
        """As many batches as the endpoint takes and the budget allows."""
        self.under_way.is_put_off = self.under_way.is_put_off and bool(self.under_way.out)
        while not self.under_way.stop.is_set() and self._should_submit():
            fillings = await self.filler.fill()
            for filling in fillings:
                await self.sender.send(filling)
            if not fillings or self.under_way.is_put_off:
                return
