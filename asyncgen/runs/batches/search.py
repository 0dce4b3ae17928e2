"""Which of the batches that an endpoint lists is the one whose making nobody has confirmed.

Where the endpoint keeps a label, or says which file a batch is of, there is proof. Elsewhere one is known by its model,
its size and its time: it is believed when it is the only one, until its results say whose it is; of several, results
tell. What something on the way has made of the same call as another is found here, too.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from asyncgen.answered import Usage
from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.body import clean
from asyncgen.errors import AccessDeniedError, NoAnswerError, NotFoundError, NotYetError, RejectedError, TransientError
from asyncgen.output.batches import RESULTS
from asyncgen.output.journal import NOT_MADE, TWIN, Collected
from asyncgen.output.timestamps import seconds_of
from asyncgen.runs.batches.lines import Results
from asyncgen.runs.batches.under_way import Out, UnderWay
from asyncgen.text import quantity

CLOCKS = 600.0  # seconds by which two clocks may differ
# What a key may be kept from, beside its batch: nothing that keeps its answers from being collected.
REFUSALS = (TransientError, RejectedError, NotFoundError, AccessDeniedError)


@dataclass(frozen=True, slots=True)
class Sought:
    """`since`: the moment before which it was not made, as the endpoint's clock may tell it."""

    label: str
    file: str | None
    lines: int
    model: str
    since: float


@dataclass(slots=True)
class Found:
    """What a list has shown.

    `proved`: all that were made of the call, more than one where something on the way repeats calls. `alike`: those
    that may be the one.
    """

    sought: Sought
    known: Collection[str | None]
    proved: list[Batch] = field(default_factory=list)
    alike: list[Batch] = field(default_factory=list)

    def add(self, told: Batch) -> None:
        """Of batches that are `known` by their ids none is the one."""
        sought = self.sought
        if told.id in self.known:
            return
        if told.label == sought.label or (sought.file is not None and told.file_id == sought.file):
            self.proved.append(told)
        elif told.label is None and told.file_id is None and self._is_alike(told):
            self.alike.append(told)

    def _is_alike(self, told: Batch) -> bool:
        """Of one that has just been made, the size may not be counted to its end."""
        model, lines = self.sought.model, self.sought.lines
        may_grow = not told.is_over and (told.total or 0) < lines
        return (
            (told.total == lines or told.total is None or may_grow)
            and told.model in (None, model, model.partition(":")[0], f"{model}:batch")
            and (told.created_at is None or told.created_at >= self.sought.since)
        )

    @property
    def is_clear(self) -> bool:
        """Whether the only one that may be it has its size."""
        return len(self.alike) == 1 and self.alike[0].total == self.sought.lines


@dataclass(frozen=True, slots=True)
class Search:
    """`models`: by seat. `patience`: seconds in which a batch that was made is surely listed."""

    under_way: UnderWay
    api: BatchApi
    models: Mapping[str, str]
    patience: float

    async def look_up(self, out: Out) -> None:
        """Find the one that may have been made, or make sure that none was."""
        is_time = time.monotonic() - out.seen > self.patience
        label = out.batch.label
        cannot_tell = f"whether batch {label} was made, or which one it is, is not told by {self.under_way.where}"
        try:
            found = await self._find(out)
        except (NoAnswerError, NotFoundError, NotYetError, RejectedError) as error:  # it is there, and is no list
            if is_time:
                self.under_way.leave(out, cannot_tell)
            raise NotYetError(str(error)) from error
        if found.proved or found.is_clear:
            first, *others = sorted(found.proved, key=lambda each: not each.is_over) or found.alike
            self.under_way.say(f"batch {label} was made, though nobody had said so: it is {first.id}")
            await self.under_way.adopt(out, first)
            for each in others:  # what they have cost is known better when the first one is collected
                await self._cancel(each)
        elif found.alike:
            await self._look_into(out, found.alike, cannot_tell)
        elif is_time and not out.left:
            held = quantity(len(out.batch), "conversation")
            self.under_way.say(f"batch {label} was not made; what is in it goes into another one: {held}")
            await self.under_way.give_back(out, NOT_MADE)

    async def _look_into(self, out: Out, alike: Sequence[Batch], cannot_tell: str) -> None:
        """Of several that may be the one, results tell, as soon as they are over."""
        path = self.under_way.folder / f"{out.batch.label}{RESULTS}"
        for told in [each for each in alike if each.is_over]:
            whole = await self.api.get(told.id)
            await self.api.fetch_rows(whole, path)
            results = await asyncio.to_thread(Results, path, out.batch, self.api, Usage())
            if results.found:
                await self.under_way.adopt(out, whole)
                return
            if results.strange:
                self.under_way.journalled.closed.add(told.id)
        if all(
            each.is_over and each.id not in self.under_way.journalled.closed for each in alike
        ):  # none has anything to show
            self.under_way.leave(out, cannot_tell)

    async def look_for_twins(self, out: Out) -> None:
        """Others that something on the way has made of the same call: nobody needs them, and they may be billed."""
        twins: list[Batch] = []
        if self.api.rules.has_label:
            with suppress(*REFUSALS):
                twins = (await self._find(out)).proved
        for each in twins:
            await self._disown(out, each)

    async def _find(self, out: Out) -> Found:
        """Others than those that are known by their ids."""
        since = seconds_of(out.batch.intent.time) - CLOCKS
        model = self.models[out.batch.intent.seat]
        known = self.under_way.journalled.closed | {each.batch.id for each in self.under_way.out}
        found = Found(Sought(out.batch.label, out.batch.file, len(out.batch), model, since), known)
        async for told in self.api.list_since(since):
            found.add(told)
        return found

    async def _disown(self, out: Out, twin: Batch) -> None:
        is_cancelled = await self._cancel(twin)
        cost = self.under_way.tariffs[out.batch.intent.seat].with_cost(twin.usage).cost if twin.is_over else None
        entry = Collected(
            label=twin.id,
            status=TWIN,
            lost=len(out.batch) if cost is None else 0,
            cost=cost,
            time=self.under_way.desk.now(),
        )
        self.under_way.book_rest(out, Usage(cost=cost), entry.lost)
        await self.under_way.note(entry)
        ended = f"it has ended ({clean(twin.status)})" if twin.is_over else "it may be billed"
        self.under_way.say(
            f"{twin.id} was made of the same call as batch {out.batch.label}, by something on the way that repeats "
            f"calls: switch that off; {'it is cancelled' if is_cancelled else ended}"
        )

    async def _cancel(self, twin: Batch) -> bool:
        with suppress(*REFUSALS):
            return not twin.is_over and await self.api.cancel(twin.id)
        return False
