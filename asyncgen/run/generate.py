"""One index, from draw to encoded record: the story of a conversation, read top to bottom.

A reply that cannot be used is on disk before its index is asked again, so that what was paid for can be looked at
whatever happens next. A call that was sent and never answered is noted as lost: nobody knows whether it is billed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from asyncgen.conversation import Conversation, digest_conversation, encode_line
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.structure import Form, Ladder
from asyncgen.errors import (
    CUT_OFF_ADVICE,
    CUT_OFF_REASONS,
    NOT_SENT,
    AccessDeniedError,
    BadReplyError,
    DoubtedKeyError,
    GaveUpError,
    NotFoundError,
    RejectedError,
    RequestRejectedError,
    TooLongError,
    TransientError,
    UnusedReply,
    Usage,
)
from asyncgen.money.budget import ReservationLapsedError
from asyncgen.output.files import Record, Reject, encode_reject
from asyncgen.output.journal import Done, Failed, Lost, Rejected, encode_entry, usage_fields
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.retry import RetryPolicy, call_with_retries
from asyncgen.recipe.accept import parse_conversation
from asyncgen.recipe.load import Rules
from asyncgen.recipe.prompt import Payload
from asyncgen.recipe.scenario import Scenarios
from asyncgen.run.counts import Counts
from asyncgen.run.first_answers import IGNORES_FORMAT, FirstAnswers
from asyncgen.run.verdict import Verdict
from asyncgen.stop import StopRequestedError

METADATA_KEYS = frozenset({"index", "model", "finish_reason", "asks", "request_id"})


class Completer(Protocol):
    """Sends one request body for which room in the budget is reserved; `billing.BilledClient` is the real one."""

    def reserved(self) -> AbstractAsyncContextManager[None]: ...
    def check(self) -> None: ...
    async def complete(self, payload: Payload) -> Completion: ...


class Keeper(Protocol):
    """What is needed of `output.Writer` on the way to a record."""

    async def put_synced(self, record: Record) -> None: ...
    def put_nowait(self, record: Record) -> None: ...


@dataclass(slots=True)
class _Work:
    """An index under way.

    `sent`: requests that have left for it, whatever became of them. `form`: of the latest one. `cost`: of all its
    answers; None once that of one is unknown. `was_cut_off`: whether its last reply reached the token limit.
    """

    index: int
    scenario: Mapping[str, str]
    form: Form
    ask: int = 1
    sent: int = 0
    cost: Decimal | None = Decimal(0)
    was_cut_off: bool = False

    def add_cost(self, usage: Usage) -> None:
        self.cost = None if self.cost is None or usage.cost is None else self.cost + Decimal(usage.cost)


class _Answer(NamedTuple):
    completion: Completion
    conversation: Conversation
    seconds: float
    in_flight: int


@dataclass(frozen=True, slots=True)
class Generator:
    """Makes conversations. `reasks`: how often an index is asked again after a bad reply."""

    scenarios: Scenarios
    ladder: Ladder
    rules: Rules
    client: Completer
    limiter: Limiter
    retries: RetryPolicy
    verdict: Verdict
    writer: Keeper
    counts: Counts
    model: str
    reasks: int
    save_metadata: bool
    say: Callable[[str], None]
    first_answers: FirstAnswers

    async def generate_conversation(self, index: int) -> Record:
        """The record of a whole conversation. Raises RejectedError, FatalError or StopRequestedError."""
        work = _Work(index, self.scenarios.draw(index), self.ladder.form)
        self.counts.scenario = work.scenario
        try:
            answer = await self._ask_until_good(work)
        except RejectedError:
            self._note_cost(work)
            raise
        return self._record(work, answer)

    async def _ask_until_good(self, work: _Work) -> _Answer:
        while True:
            try:
                return await call_with_retries(lambda: self._attempt(work), self.retries)
            except (RequestRejectedError, TooLongError, NotFoundError) as error:
                if not self.ladder.refused(work.form, error):
                    raise
            except BadReplyError as error:
                self.counts.reasked[error.reason] += 1
                self._give_up_when_hopeless(work, error)
                if self.retries.stop.is_set():
                    raise StopRequestedError from error
                work.ask += 1

    def _give_up_when_hopeless(self, work: _Work, error: BadReplyError) -> None:
        is_cut_off = error.reason in CUT_OFF_REASONS
        if is_cut_off and work.was_cut_off:  # a third reply would be as long, and paid for
            raise GaveUpError(error.reason, f"cut off twice in a row: {error}; {CUT_OFF_ADVICE}") from error
        if work.ask > self.reasks:
            raise GaveUpError(error.reason, f"asked {work.ask} times, the last reply: {error}") from error
        work.was_cut_off = is_cut_off

    async def _attempt(self, work: _Work) -> _Answer:
        try:
            while True:
                try:
                    async with self.client.reserved(), self.limiter.place(again=work.sent > 0):
                        return await self._send(work)
                except ReservationLapsedError:
                    continue
        except (TransientError, BadReplyError, RejectedError) as error:
            if error.reply is not None:
                await self._keep(work, error.reason, error.reply)
            if not isinstance(error, BadReplyError):
                self.ladder.failed(work.form, error)
            raise

    async def _send(self, work: _Work) -> _Answer:
        if self.retries.stop.is_set():
            raise StopRequestedError
        self.client.check()
        work.form = self.ladder.take()
        payload = work.form.encode(work.scenario, repeat=work.sent)
        work.sent += 1
        self.verdict.sent(work.index)
        in_flight, started = self.limiter.in_flight, time.monotonic()
        self.counts.in_flight += 1
        self.counts.sent_sum += started
        try:
            completion = await self.client.complete(payload)
        except (asyncio.CancelledError, MemoryError) as error:
            self._note_if_lost(work, error)
            raise
        except AccessDeniedError as error:
            if self.verdict.denied(work.index):
                raise
            raise DoubtedKeyError(str(error)) from error
        except (BadReplyError, RejectedError) as error:
            self._consider_answer(work, error)
            raise
        except TransientError as error:
            self.verdict.failed(work.index, error, time.monotonic())
            self._note_if_lost(work, error)
            raise
        finally:
            self.counts.in_flight -= 1
            self.counts.sent_sum -= started
        seconds = time.monotonic() - started
        self.verdict.answered(work.index)
        self.ladder.answered(work.form)
        self.limiter.settle(completion.usage)
        if warning := self.first_answers.cut_prompt(payload, completion.usage):
            self.say(warning)
        return _Answer(completion, self._parse(completion), seconds, in_flight)

    def _consider_answer(self, work: _Work, error: BadReplyError | RejectedError) -> None:
        """Raises BadReplyError when a form that has been answered is refused: one provider of a gateway's lacks it."""
        ladder, form = self.ladder, work.form
        if not isinstance(error, RequestRejectedError):
            self.verdict.answered(work.index)
            if isinstance(error, BadReplyError):
                ladder.answered(form)
            return
        self.verdict.refused(work.index)
        if ladder.settled.is_set() and form is ladder.form and ladder.is_about_format(form, error):
            raise BadReplyError("unvalidated", str(error), reply=error.reply or UnusedReply(str(error))) from error

    def _parse(self, completion: Completion) -> Conversation:
        try:
            conversation = parse_conversation(completion.text, self.rules, finish_reason=completion.finish_reason)
        except BadReplyError as error:
            if self.first_answers.ignores_format(error.reason) and self.ladder.ask_in_words():
                self.say(IGNORES_FORMAT)
            error.reply = UnusedReply(completion.text, completion.usage, completion.request_id)
            raise
        self.first_answers.ignores_format(None)
        return conversation

    async def _keep(self, work: _Work, reason: str, reply: UnusedReply) -> None:
        self.counts.add_usage(reply.usage)
        work.add_cost(reply.usage)
        entry = Rejected(
            index=work.index,
            ask=work.ask,
            reason=reason,
            request_id=reply.request_id,
            time=_now(),
            **usage_fields(reply.usage),
        )
        reject = encode_reject(Reject(work.index, work.ask, reason, reply.text))
        await self.writer.put_synced(Record(encode_entry(entry), reject=reject))

    def _note_if_lost(self, work: _Work, error: BaseException) -> None:
        """A call that was sent and is not answered; a reply that did arrive is kept instead."""
        if isinstance(error, TransientError):
            is_lost, reason = error.maybe_billed and error.reply is None, error.reason
        else:
            is_lost, reason = NOT_SENT not in error.args, "no-memory" if isinstance(error, MemoryError) else "cancelled"
        if not is_lost:
            return
        self.counts.lost += 1
        self.writer.put_nowait(Record(encode_entry(Lost(index=work.index, reason=reason, time=_now()))))

    def _record(self, work: _Work, answer: _Answer) -> Record:
        completion = answer.completion
        self.counts.add_usage(completion.usage)
        work.add_cost(completion.usage)
        self._note_cost(work)
        entry = Done(
            index=work.index,
            digest=digest_conversation(answer.conversation).hex(),
            asks=work.ask,
            finish_reason=completion.finish_reason,
            model=completion.model if completion.model != self.model else None,
            request_id=completion.request_id,
            time=_now(),
            seconds=round(answer.seconds, 3),
            in_flight=answer.in_flight,
            **usage_fields(completion.usage),
        )
        metadata = self._metadata(work, completion) if self.save_metadata else None
        return Record(encode_entry(entry), line=encode_line(answer.conversation, metadata))

    def _note_cost(self, work: _Work) -> None:
        if work.cost is not None:
            self.counts.account.forecast.add(work.cost)

    def _metadata(self, work: _Work, completion: Completion) -> dict[str, object]:
        return {
            "index": work.index,
            **work.scenario,
            "model": completion.model or self.model,
            "finish_reason": completion.finish_reason,
            "asks": work.ask,
            "request_id": completion.request_id,
        }


def failed_record(index: int, error: RejectedError) -> Record:
    """The journal's note of an index given up; the message is cut, it may quote a server.

    The status stands for a call of its own, so it is left out when that call has been journalled with its reply.
    """
    status = error.status if error.reply is None else None
    entry = Failed(index=index, reason=error.reason, message=str(error)[:500], status=status, time=_now())
    return Record(encode_entry(entry))


def _now() -> str:
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_date_and_time(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=1)  # thousands of calls end in the same second
def _date_and_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
