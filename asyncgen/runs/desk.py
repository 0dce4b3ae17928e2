"""What every reply crosses, however it came: booked, journalled, kept when it cannot be used, counted.

A reply is received in one step without an await, so that no cancellation and no other index can come between what it
cost, what the journal says of it, and the line it becomes. A reply that cannot be used is on disk before anything more
is asked for its index, so that what was paid for can be looked at whatever happens next. A call that was sent and never
answered is noted as lost: nobody knows whether it is billed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from msgspec.structs import astuple

from asyncgen.answered import UnusedReply, Usage
from asyncgen.conversation import LineHash, digest_conversation
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.structure import Form
from asyncgen.endpoint.tiers import BATCH
from asyncgen.errors import (
    CUT_OFF_ADVICE,
    CUT_OFF_REASONS,
    AsyncgenError,
    BadReplyError,
    FatalError,
    GaveUpError,
    RejectedError,
    SameRejectionError,
    TransientError,
)
from asyncgen.jobs.work import Job, Work
from asyncgen.money.account import Tariff
from asyncgen.money.budget import Budget
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, Entry, Failed, Lost, Step, Unused, encode_entry
from asyncgen.output.rejects import Reject, encode_reject
from asyncgen.output.timestamps import timestamp
from asyncgen.pacing.outcome import Outcome
from asyncgen.runs import events
from asyncgen.runs.events import Emit
from asyncgen.runs.verdict import Rejection, Verdict
from asyncgen.stop import Stop
from asyncgen.text import quantity
from asyncgen.timings import USUAL


class RecordWriter(Protocol):
    """What a run needs of `output.Writer`."""

    async def run(self) -> None: ...
    async def save_rest(self) -> int: ...
    def close(self) -> None: ...
    def put_synced(self, record: Record) -> Awaitable[None]: ...
    def put_nowait(self, record: Record) -> None: ...


GOOD = Outcome()


@dataclass(slots=True)
class Unit:
    """An index under way.

    `ask`: how often its present request is asked, with this one. `sent`: requests that have left for it, whatever
    became of them. `cost`: of all its answers; None once that of one is unknown. `was_cut_off`: whether its last reply
    reached the token limit. `form`: of its latest request. `is_made`: its product is with the writer. `is_booked`: an
    earlier run has booked the reply that is to come, and lost the line it made of it.
    """

    index: int
    work: Work
    ask: int = 1
    sent: int = 0
    cost: Decimal | None = Decimal(0)
    was_cut_off: bool = False
    form: Form | None = None
    is_made: bool = False
    is_booked: bool = False

    def add_cost(self, usage: Usage) -> None:
        self.cost = None if self.cost is None or usage.cost is None else self.cost + usage.cost


@dataclass(slots=True)
class Desk:
    """`tariffs`: by seat. `reasks`: how often a request is asked again after a bad reply.

    `model`: the one that answers, unless the journal names another; `models`: by seat, where there are several.
    `line_hash`: of the digests in the journal. `steps`: of indices under way, from earlier runs and batches. `batch`:
    the label of the one whose replies are received, if any.
    """

    job: Job
    writer: RecordWriter
    budget: Budget
    tariffs: Mapping[str, Tariff]
    verdict: Verdict
    emit: Emit
    stop: Stop
    reasks: int
    model: str
    line_hash: LineHash
    models: Mapping[str, str] = field(default_factory=dict)
    steps: dict[int, list[Step]] = field(default_factory=dict)
    clock: Callable[[], float] = USUAL.clock
    batch: str | None = None

    # ---- an index begins and ends

    def open(self, index: int) -> Unit:
        """Where earlier runs have left it."""
        self.verdict.begin(index)
        unit = Unit(index, self.job.open(index))
        for step in self.steps.get(index, ()):
            reply = Completion(step.text, step.finish_reason, step.model, step.request_id, step)
            try:
                unit.work.take(reply, ask=step.ask)
            except BadReplyError:  # an asyncgen that is stricter than the one that took it
                unit = Unit(index, self.job.open(index))
                break
            unit.add_cost(step)
        return unit

    def close(self, unit: Unit) -> None:
        """However it has ended."""
        self.verdict.end(unit.index)

    def abandon(self, error: FatalError | None = None) -> None:
        """It is left for a later run, because this one ends; the error, if it is one, ends it."""
        self.emit(events.Abandoned())
        if error is not None:
            self.stop.request(error)

    def fail(self, unit: Unit, error: RejectedError) -> None:
        """Record failures, but none as long as all are alike: then they are about the run, and stay to be made."""
        self._learn_cost(unit)
        self._record_failures(self.verdict.rejected(unit.index, error))
        if fatal := self.verdict.same_rejection():
            self.stop.request(fatal)

    def settle(self) -> None:
        """Nothing more will come: failures that are held are too few to be about all."""
        self._record_failures(self.verdict.release())

    # ---- a call has ended

    def receive(
        self,
        unit: Unit,
        result: Completion | AsyncgenError,
        *,
        seconds: float = 0.0,
        in_flight: int = 0,
        is_own: bool = False,
        meant: TransientError | BadReplyError | None = None,
    ) -> Outcome:
        """Take what has come of a call.

        `seconds`: sent to received; `in_flight`: calls then under way. `meant`: what an error is taken for, where that
        is something else than it says.
        """
        if isinstance(result, Completion):
            return self._receive_answer(unit, result, seconds, in_flight)
        error = result if meant is None else meant
        reply = self.budget.book_failure(self._tariff_of(unit), result) or (None if meant is None else meant.reply)
        if reply is not None:
            return Outcome(error, saved=self._receive_unused(unit, error.reason, reply), is_own=is_own)
        if isinstance(error, TransientError) and error.maybe_billed:
            self._note_lost(unit, error.reason)
        return Outcome(error, has_reply=False, is_own=is_own)

    def lose(self, unit: Unit, reason: str) -> None:
        """A call was sent, and nobody will hear its answer."""
        self.budget.lose(self._tariff_of(unit))
        self._note_lost(unit, reason)

    def ask_again(self, unit: Unit, error: BadReplyError) -> None:
        """Count another ask. Raises GaveUpError when there is no hope of a better reply."""
        self.emit(events.Reasked(error.reason))
        if error.is_final:
            raise GaveUpError(error.reason, str(error)) from error
        is_cut_off = error.reason in CUT_OFF_REASONS
        if is_cut_off and unit.was_cut_off:  # a third reply would be as long, and paid for
            raise GaveUpError(error.reason, f"cut off twice in a row: {error}; {CUT_OFF_ADVICE}") from error
        if unit.ask > self.reasks:
            raise GaveUpError(error.reason, f"asked {quantity(unit.ask, 'time')}, the last reply: {error}") from error
        unit.was_cut_off = is_cut_off
        unit.ask += 1

    def _receive_answer(self, unit: Unit, reply: Completion, seconds: float, in_flight: int) -> Outcome:
        usage = reply.usage if unit.is_booked else self.budget.book(self._tariff_of(unit), reply.usage)
        seat = unit.work.request.seat
        try:
            product = unit.work.take(reply, ask=unit.ask)
        except BadReplyError as error:
            text = reply.text if error.reply is None else error.reply.text
            kept = UnusedReply(text, usage, reply.request_id)
            return Outcome(error, saved=self._receive_unused(unit, error.reason, kept, ends=error.is_final))
        self._count(unit, usage)
        if product is None:
            return Outcome(saved=self._step(unit, reply, usage, seat))
        written = product.written or reply
        model = written.model or self.models.get(unit.work.request.seat)
        entry = Done(
            *astuple(usage),
            index=unit.index,
            digest=digest_conversation(product.conversation, self.line_hash).hex(),
            asks=unit.ask,
            finish_reason=written.finish_reason,
            model=model if model != self.model else None,
            request_id=reply.request_id,
            time=self.now(),
            batch=self.batch,
            seconds=round(seconds, 3),
            in_flight=in_flight,
            verdict=product.verdict.encode("utf-8", "backslashreplace").decode(),
            judge=product.judge,
        )
        self._learn_cost(unit)
        self.emit(
            events.Made(
                unit.index,
                unit.work.request.values,
                product.conversation,
                unit.cost,
                model or self.model,
                written.finish_reason,
                unit.ask,
            )
        )
        self.finish(unit, Record(encode_entry(entry), line=product.line, is_reply=self.batch is None, seat=seat))
        return GOOD

    def finish(self, unit: Unit, record: Record) -> None:
        """Hand the record of what is made to the writer, behind the failures that are no longer in doubt by it."""
        unit.is_made = True
        self.steps.pop(unit.index, None)
        self._record_failures(self.verdict.made(unit.index))
        self.writer.put_nowait(record)

    def _step(self, unit: Unit, reply: Completion, usage: Usage, seat: str) -> Awaitable[None]:
        entry = Step(
            *astuple(usage),
            index=unit.index,
            text=reply.text.encode("utf-8", "backslashreplace").decode(),
            ask=unit.ask,
            finish_reason=reply.finish_reason,
            model=reply.model,
            request_id=reply.request_id,
            time=self.now(),
            batch=self.batch,
        )
        unit.ask, unit.was_cut_off = 1, False
        if self.batch is not None:  # its next line is filled, and its unit opened, in another batch
            self.steps.setdefault(unit.index, []).append(entry)
        return self.writer.put_synced(Record(encode_entry(entry), is_reply=self.batch is None, seat=seat))

    def _receive_unused(self, unit: Unit, reason: str, reply: UnusedReply, *, ends: bool = False) -> Awaitable[None]:
        self._count(unit, reply.usage)
        if ends:
            self.steps.pop(unit.index, None)
        entry = Unused(
            *astuple(reply.usage),
            index=unit.index,
            ask=unit.ask,
            reason=reason,
            ends=ends,
            request_id=reply.request_id,
            time=self.now(),
            batch=self.batch,
        )
        reject = encode_reject(Reject(unit.index, unit.ask, reason, reply.text))
        return self.writer.put_synced(
            Record(encode_entry(entry), reject=reject, is_reply=self.batch is None, seat=unit.work.request.seat)
        )

    def _note_lost(self, unit: Unit, reason: str) -> None:
        self.emit(events.Unanswered())
        self._note(Lost(index=unit.index, reason=reason, time=self.now(), batch=self.batch))

    def _record_failures(self, rejections: Sequence[Rejection]) -> None:
        if isinstance(self.stop.error, SameRejectionError):
            self.emit(events.Abandoned(len(rejections)))
            return
        for each in rejections:
            error = each.error
            self.emit(events.GivenUp(error))
            self._note(
                Failed(
                    index=each.index,
                    reason=error.reason,
                    message=str(error)[:500],  # it may quote a server
                    # It stands for a call of its own, unless that call has been journalled with its reply.
                    status=error.status if error.reply is None else None,
                    time=self.now(),
                    batch=self.batch,
                )
            )

    def now(self) -> str:
        """As the journal writes it."""
        return timestamp(self.clock())

    def _note(self, entry: Entry) -> None:
        self.writer.put_nowait(Record(encode_entry(entry)))

    # ---- what it costs

    def _tariff_of(self, unit: Unit) -> Tariff:
        return self.tariffs[unit.work.request.seat]

    def _count(self, unit: Unit, usage: Usage) -> None:
        if not unit.is_booked:
            self.emit(events.Answered(usage, usage.tier or (None if self.batch is None else BATCH)))
        unit.add_cost(usage)

    def _learn_cost(self, unit: Unit) -> None:
        if unit.cost is not None:
            self.budget.account.forecast.add(unit.cost)
