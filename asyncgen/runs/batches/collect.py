"""Results of a batch that is over: every answer that there is, whatever it has ended as.

They are read in the order of their indices, and not of a file that has all failures together: so what many have in
common can be told from what is an index's own, and collected twice they come to the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
from msgspec.structs import astuple

from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.body import clean
from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    FatalError,
    GaveUpError,
    NotRunError,
    OutputError,
    RejectedError,
    RequestRejectedError,
    SameRejectionError,
    TransientError,
)
from asyncgen.output.batches import MADE, RESULTS, UNREAD, USED_UP
from asyncgen.output.journal import QUEUE_FULL, TOO_LARGE, Collected
from asyncgen.runs.batches.lines import Ask, Results
from asyncgen.runs.batches.search import Search
from asyncgen.runs.batches.under_way import Out, UnderWay
from asyncgen.runs.desk import Unit
from asyncgen.runs.live import Live
from asyncgen.text import quantity

AT_ONCE = 128  # lines between two rests, to wait for the disk


@dataclass(frozen=True, slots=True)
class Collector:
    """`before_each`: awaited before a line is made."""

    under_way: UnderWay
    live: Live
    api: BatchApi
    search: Search
    before_each: Callable[[], Awaitable[None]] | None = None

    async def collect(self, out: Out, told: Batch) -> bool:
        """Take all there is; the rest is to be made. False when a batch that was run has brought nothing."""
        path = self.under_way.folder / f"{out.batch.label}{RESULTS}"
        try:
            await self.api.fetch_rows(told, path)
            results = await asyncio.to_thread(Results, path, out.batch, self.api, told.usage)
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from error
        if results.strange and not results.found and not self.api.rules.has_label:
            self.under_way.mistake(out, told)
            return True
        if results.sample.cost is not None:
            self.under_way.tariffs[out.batch.intent.seat].sample = results.sample
        await self.search.look_for_twins(out)
        if told.faults and not results.found:
            await self._take_refusal(out, told)
            return True
        missing, not_run = await self._take_all(out, results)
        if missing + not_run:
            ended = f"batch {out.batch.label} has ended ({clean(told.status)})"
            self.under_way.say(f"{ended} without {missing + not_run:,} of {quantity(len(out.batch), 'answer')}")
        if many := results.unread + results.strange:
            kept = path.replace(path.with_suffix(UNREAD))
            self.under_way.say(f"batch {out.batch.label}: {quantity(many, 'result')} of no request; kept in {kept}")
        await self._close(out, told, results, missing, not_run)
        return results.found > not_run

    async def _close(self, out: Out, told: Batch, results: Results, missing: int, not_run: int) -> None:
        """With what no line tells of its money: of one without a result, nobody may know whether it is billed."""
        rest = self.under_way.tariffs[out.batch.intent.seat].with_cost(results.unshared)
        is_counted = told.usage.prompt_tokens is not None and (rest.cost is not None or not rest.is_told)
        lost = 0 if told.has_failed or told.usage.cost is not None or is_counted else missing
        self.under_way.book_rest(out, rest, lost)
        await self.under_way.close(
            out,
            Collected(
                *astuple(rest),
                label=out.batch.label,
                status=told.status,
                missing=missing + not_run,
                lost=lost,
                unread=results.unread,
                time=self.under_way.desk.now(),
            ),
        )

    async def _take_all(self, out: Out, results: Results) -> tuple[int, int]:
        """How many lines have no result, and how many were not run; what has come of all others is on disk."""
        live = replace(
            self.live, desk=replace(self.under_way.desk, tariffs=self.under_way.tariffs, batch=out.batch.label)
        )
        missing = not_run = 0
        for position, result in enumerate(results):
            before, ask = out.batch.told[position], Ask.unpack(out.asks[position])
            if before == USED_UP or (before == MADE and self.under_way.is_done(ask.index)):
                continue
            if result is None or isinstance(result, NotRunError):
                missing += result is None
                not_run += result is not None
                self.under_way.backlog.put_again(ask)
                continue
            if self.before_each is not None:
                await self.before_each()
            unit = self.under_way.open(ask)
            unit.is_booked = before == MADE
            self._take(live, unit, ask, result)
            if position % AT_ONCE == 0:
                await self.under_way.saved()
        await self.under_way.saved()
        return missing, not_run

    def _take(self, live: Live, unit: Unit, ask: Ask, result: Completion | AsyncgenError) -> None:
        """What has come of one line."""
        desk = live.desk
        live.desk.verdict.sent(unit.index)
        try:
            passes = isinstance(result, TransientError)
            outcome = desk.receive(unit, result) if passes else live.receive(unit, result)
            match outcome.error:
                case None if unit.is_made:
                    pass
                case None:
                    self.under_way.backlog.put_again(Ask(unit.index))
                case BadReplyError() as error:
                    desk.ask_again(unit, error)
                    self.under_way.backlog.put_again(Ask(unit.index, unit.ask, was_cut_off=unit.was_cut_off))
                case TransientError() as error:
                    if ask.failures >= live.retries.retries:
                        told = f"given up after {quantity(ask.failures + 1, 'attempt')}: {error}"
                        raise GaveUpError(error.reason, told) from error
                    self.under_way.backlog.put_again(msgspec.structs.replace(ask, failures=ask.failures + 1))
                case FatalError() as error:
                    desk.abandon(error)
                case RejectedError() as error:
                    raise error
        except RejectedError as error:
            desk.fail(unit, error)
        finally:
            desk.close(unit)

    async def _take_refusal(self, out: Out, told: Batch) -> None:
        """Nothing was run, because of the size of the batch, of single lines, or of all that they have in common."""
        for fault in told.faults:
            if fault.is_queue_full or fault.is_too_large:
                await self.under_way.halve(out, QUEUE_FULL if fault.is_queue_full else TOO_LARGE, fault.message)
                return
        named = {each.line - 1: each.message for each in told.faults if each.line and each.line <= len(out.batch)}
        reasons = "; ".join({each.message: None for each in told.faults})
        if not named:
            await self.under_way.give_back(out, told.status)
            raise SameRejectionError(f"{self.under_way.where} did not run batch {told.id}: {reasons}")
        for position, ask in enumerate(map(Ask.unpack, out.asks)):
            if (message := named.get(position)) is None:
                self.under_way.backlog.put_again(ask)
            else:
                self._take(
                    self.live, self.under_way.open(ask), ask, RequestRejectedError(f"{self.under_way.where}: {message}")
                )
                if len(named) < len(out.batch) / 2:  # nothing is wrong with the others
                    self.under_way.desk.settle()
        await self.under_way.close(out, Collected(label=out.batch.label, status=told.status, missing=len(out.batch)))
