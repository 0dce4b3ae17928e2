"""Asks for an index by one live call after another, until what is asked for is made: the story, top to bottom.

Every call has a place in flight and money held for it; what comes of it crosses the desk. Whether to go on, try again,
ask again or give up is the family of its error. What one call shows of the endpoint is learnt here for all others: who
is to blame, which form of request works, whether a prompt was cut.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from asyncgen.answered import UnusedReply
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.structure import Ladder
from asyncgen.errors import (
    NOT_SENT,
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    DoubtedKeyError,
    NotFoundError,
    RejectedError,
    RequestRejectedError,
    TooLongError,
    TransientError,
)
from asyncgen.pacing.admission import Admission
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.retry import RetryPolicy, call_with_retries
from asyncgen.recipe.prompt import Payload
from asyncgen.runs import events
from asyncgen.runs.desk import Desk, Unit
from asyncgen.runs.first_answers import IGNORES_FORMAT, FirstAnswers
from asyncgen.stop import StopRequestedError


class Completer(Protocol):
    """What is needed of `endpoint.client.Client`."""

    async def complete(self, payload: Payload) -> Completion: ...


@dataclass(frozen=True, slots=True)
class Seat:
    """One who answers: how he is asked, and when."""

    client: Completer
    ladder: Ladder
    limiter: Limiter
    admission: Admission
    first_answers: FirstAnswers


@dataclass(frozen=True, slots=True)
class Live:
    """`seats`: by the names that requests give them."""

    desk: Desk
    seats: Mapping[str, Seat]
    retries: RetryPolicy

    async def make(self, unit: Unit) -> None:
        """Return when its record is with the writer. Raises RejectedError, FatalError or StopRequestedError."""
        while not unit.is_made:
            outcome = await call_with_retries(lambda: self._attempt(unit), self.retries)
            match outcome.error:
                case None:
                    continue
                case BadReplyError() as error:
                    self.desk.ask_again(unit, error)
                    if self.retries.stop.is_set():
                        raise StopRequestedError from error
                case RequestRejectedError() | TooLongError() | NotFoundError() as error:
                    ladder = self.seats[unit.work.request.seat].ladder
                    if unit.form is None or not ladder.refused(unit.form, error):
                        raise error  # otherwise it is about how it was asked, and the next request is another
                case error:
                    raise error

    async def _attempt(self, unit: Unit) -> Outcome:
        seat = self.seats[unit.work.request.seat]
        outcome = await seat.admission.send(lambda: self._send(unit, seat), again=unit.sent > 0)
        if outcome.saved is not None:
            await outcome.saved
        if (error := outcome.error) and unit.form is not None and isinstance(error, TransientError | RejectedError):
            seat.ladder.failed(unit.form, error)
        return outcome

    async def _send(self, unit: Unit, seat: Seat) -> Outcome:
        desk, request = self.desk, unit.work.request
        unit.form = seat.ladder.take()
        payload = unit.form.encode(request.values, repeat=unit.sent, history=request.history)
        unit.sent += 1
        desk.verdict.sent(unit.index)
        in_flight, started = seat.limiter.in_flight, time.monotonic()
        desk.emit(events.Sent(started, request.values))
        try:
            completion = await seat.client.complete(payload)
        except (asyncio.CancelledError, MemoryError) as error:
            if NOT_SENT not in error.args:
                desk.lose(unit, "no-memory" if isinstance(error, MemoryError) else "cancelled")
            raise
        except AsyncgenError as error:
            return self.receive(unit, error)
        finally:
            desk.emit(events.Returned(started))
        seat.limiter.settle(completion.usage)
        outcome = self.receive(unit, completion, seconds=time.monotonic() - started, in_flight=in_flight)
        if warning := seat.first_answers.cut_prompt(payload, completion.usage):
            desk.emit(events.Said(warning))
        if warning := seat.first_answers.other_tier(completion.usage.tier):
            desk.emit(events.Said(warning))
        reason = None if outcome.error is None else outcome.error.reason
        if seat.first_answers.ignores_format(reason) and seat.ladder.ask_in_words():
            desk.emit(events.Said(IGNORES_FORMAT))
        return outcome

    def receive(
        self, unit: Unit, result: Completion | AsyncgenError, *, seconds: float = 0.0, in_flight: int = 0
    ) -> Outcome:
        """Take what has come of a request of the unit's form.

        The blame for a failure is put where it belongs; then it may mean something else than it says.
        """
        ladder = self.seats[unit.work.request.seat].ladder
        form = unit.form or ladder.form
        verdict, is_own = self.desk.verdict, False
        meant: TransientError | BadReplyError | None = None
        match result:
            case Completion():
                verdict.answered(unit.index)
                ladder.answered(form)
                return self.desk.receive(unit, result, seconds=seconds, in_flight=in_flight)
            case AccessDeniedError() as error:
                if not verdict.denied(unit.index):
                    meant = DoubtedKeyError(str(error))
            case RequestRejectedError() as error:
                verdict.refused(unit.index)
                if ladder.settled.is_set() and form is ladder.form and ladder.is_about_format(form, error):
                    # This form has been answered: it is one provider behind a gateway that lacks it.
                    meant = BadReplyError("unvalidated", str(error), reply=UnusedReply(str(error)))
            case BadReplyError():
                verdict.answered(unit.index)
                ladder.answered(form)
            case RejectedError():
                verdict.answered(unit.index)
            case TransientError() as error:
                is_own = verdict.failed(unit.index, error, time.monotonic())
        return self.desk.receive(unit, result, is_own=is_own, meant=meant)
