"""A file of requests is handed in: what is about to be done is journalled first, and nothing is done twice.

Every wait here has an end. What could not be handed in by then is to be made as before.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.rows import batch_fields
from asyncgen.errors import (
    BatchError,
    BatchTooLargeError,
    EndpointDownError,
    FatalError,
    NotYetError,
    RejectedError,
    SameRejectionError,
    TransientError,
    UncertainCreateError,
)
from asyncgen.output.indices import write_by, write_indices
from asyncgen.output.journal import NOT_MADE, QUEUE_FULL, TOO_LARGE, Submitting, Uploaded
from asyncgen.pacing.retry import wait_seconds
from asyncgen.runs import events
from asyncgen.runs.advice import with_advice
from asyncgen.runs.batches.fill import Filling
from asyncgen.runs.batches.lines import Ask
from asyncgen.runs.batches.under_way import UnderWay
from asyncgen.runs.live import Live
from asyncgen.stop import StopRequestedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sender:
    """`patience`: seconds in which a file that was uploaded is surely known. `base_url`: as in the journal.

    `waits`: this run looks after what is under way, so it need not insist on handing in more.
    """

    live: Live
    api: BatchApi
    under_way: UnderWay
    patience: float
    base_url: str
    waits: bool

    async def send(self, filling: Filling) -> None:
        """Raises FatalError when nothing can be handed in."""
        under_way = self.under_way
        out = await under_way.begin(self._intent(filling), filling.asks)
        try:
            told = await self._create(filling)
        except UncertainCreateError as error:
            out.seen = out.changed = time.monotonic()
            under_way.say(f"{error}; looking whether batch {filling.label} was made")
        except BatchError as error:
            status = TOO_LARGE if isinstance(error, BatchTooLargeError) else QUEUE_FULL
            await under_way.halve(out, status, str(error))
        except StopRequestedError:
            await under_way.give_back(out, NOT_MADE)
        except TransientError as error:
            await under_way.give_back(out, NOT_MADE)
            self._put_off(error)
        except (RejectedError, FatalError) as error:
            await under_way.give_back(out, NOT_MADE)
            if isinstance(error, FatalError):
                raise
            raise SameRejectionError(f"no batch can be made: {with_advice(error)}") from error
        else:
            await under_way.adopt(out, told)
        finally:
            filling.path.unlink(missing_ok=True)

    def _put_off(self, error: TransientError) -> None:
        """Until one that is under way has ended, which is to be looked after meanwhile."""
        told = with_advice(error, has_worked=True)
        if not self._can_wait:
            raise EndpointDownError(
                "no batch could be handed in (--give-up): the same line goes on with what is there, and --finish-live "
                f"makes the rest by live calls. The last time: {told}"
            ) from error
        self.under_way.is_put_off = True
        self.under_way.say(f"no further batch can be handed in before one has ended: {told}")

    @property
    def _can_wait(self) -> bool:
        return self.waits and any(each.batch.id is not None for each in self.under_way.out)

    def _intent(self, filling: Filling) -> Submitting:
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
            time=self.under_way.desk.now(),
        )

    async def _create(self, filling: Filling) -> Batch:
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
        """Once more after each failure that passes and has done nothing; in the end, the last one.

        Raises StopRequestedError after a stop.
        """
        stop, retries, verdict = self.under_way.stop, self.live.retries, self.live.desk.verdict
        timings, failures, began = retries.timings, 0, time.monotonic()
        patience = timings.fruitless if self._can_wait else verdict.patience.seconds
        while True:
            try:
                return await call()
            except NotYetError:
                if time.monotonic() - began > self.patience:
                    raise
                pause = timings.first_backoff
            except TransientError as error:
                if time.monotonic() - began > patience:
                    raise
                failures += 1
                self.live.desk.emit(events.Troubled(with_advice(error, has_worked=True)))
                pause = wait_seconds(error.retry_after, failures, retries.random, timings)
            await stop.sleep(pause)
            if stop.is_set():
                raise StopRequestedError
