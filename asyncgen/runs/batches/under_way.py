"""The batches that are under way: what each step of theirs leaves in the journal, in the account, and to be made."""

import time
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asyncgen.answered import Usage
from asyncgen.endpoint.batches.batch import Batch
from asyncgen.errors import FatalError, OutputError
from asyncgen.money.account import Tariff
from asyncgen.money.price import ZERO
from asyncgen.output.batches import MADE, NOTHING, RESULTS, Batches, OpenBatch, tidy
from asyncgen.output.files import Record
from asyncgen.output.journal import (
    NOT_MADE,
    QUEUE_FULL,
    TOO_LARGE,
    Batched,
    Collected,
    Submitted,
    Submitting,
    encode_entry,
)
from asyncgen.output.timestamps import seconds_of
from asyncgen.runs import events
from asyncgen.runs.batches.lines import Ask, Backlog, packed_asks
from asyncgen.runs.desk import Desk, Unit
from asyncgen.stop import Stop


@dataclass(slots=True, eq=False)
class Out:
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
class UnderWay:
    """What every part of the driver looks at and leaves a note in.

    `tariffs`: of lines, by seat. `is_done`: whether an index has its line. `folder`: where requests and results lie
    meanwhile. `where`: who is asked, in messages.

    `journalled`: what the journal has of batches. `backlog`: what is to go into one. `out`: what is under way.
    `is_put_off`: no more until one has ended.
    """

    desk: Desk
    tariffs: Mapping[str, Tariff]
    is_done: Callable[[int], bool]
    folder: Path
    where: str
    journalled: Batches
    backlog: Backlog = field(default_factory=lambda: Backlog(iter(())))
    out: list[Out] = field(default_factory=list)
    is_put_off: bool = False
    is_news: bool = True

    # ---- a batch begins

    async def take_up(self, *, needs_file: bool) -> None:
        """What earlier runs have left. `needs_file`: without one, no batch can have been made."""
        tidy(self.folder)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: {error.strerror}") from error
        now = time.monotonic()
        for batch in [*self.journalled.open.values()]:
            age = max(0.0, self.desk.clock() - seconds_of(batch.intent.time))
            out = Out(batch, packed_asks(batch), made=now - age, seen=now, changed=now, reserved=batch.untold)
            self.out.append(out)
            if batch.id is None and batch.file is None and needs_file:
                await self.give_back(out, NOT_MADE)

    async def begin(self, intent: Submitting, asks: "array[int]") -> Out:
        """One is about to be made; the money for it is held."""
        await self.note(intent)
        now, batch = time.monotonic(), self.journalled.open[intent.label]
        self.out.append(Out(batch, asks, made=now, seen=now, changed=now, reserved=len(asks)))
        return self.out[-1]

    async def adopt(self, out: Out, told: Batch) -> None:
        """This is the one."""
        await self.note(Submitted(label=out.batch.label, id=told.id, time=self.desk.now()))
        out.told, out.seen = told, time.monotonic()
        self.is_news, out.changed = True, out.seen

    def mistake(self, out: Out, told: Batch) -> None:
        """That was not the one, but somebody else's."""
        self.journalled.closed.add(told.id)
        out.batch.id = out.told = None
        out.seen = out.changed = time.monotonic()

    # ---- a batch ends

    async def give_back(self, out: Out, status: str) -> None:
        """All that it has not brought is to be made."""
        for packed, told in zip(out.asks, out.batch.told, strict=True):
            ask = Ask.unpack(packed)
            if told == NOTHING or (told == MADE and not self.is_done(ask.index)):
                self.backlog.put_again(ask)
        await self.close(out, Collected(label=out.batch.label, status=status, time=self.desk.now()))

    async def close(self, out: Out, entry: Collected) -> None:
        """All that has come of it is on disk."""
        await self.note(entry)
        self.out.remove(out)
        self.is_news, self.is_put_off = True, False
        self.desk.budget.release(self.tariffs[out.batch.intent.seat], out.reserved)
        (self.folder / f"{out.batch.label}{RESULTS}").unlink(missing_ok=True)

    async def halve(self, out: Out, status: str, told: str) -> None:
        """A batch was refused for its size, or for what waits there already."""
        lines, is_alone = len(out.batch), len(self.out) == 1
        await self.give_back(out, status)
        self.is_put_off = status == QUEUE_FULL
        if status == TOO_LARGE and lines == 1:
            raise FatalError(f"{told}; it has one request in it: shorten the prompts")
        if lines > 1 and (is_alone or status == TOO_LARGE):
            self.say(f"{self.where} takes no batch of {lines:,} ({status}); going on with {lines // 2:,} at once")

    def book_rest(self, out: Out, usage: Usage, lost: int) -> None:
        """What a batch has used that no line tells."""
        tariff, account = self.tariffs[out.batch.intent.seat], self.desk.budget.account
        if usage != Usage():
            self.desk.emit(events.Used(usage))
            account.spent = account.spent if usage.cost is None else (account.spent or ZERO) + usage.cost
        if lost:
            tariff.lost += lost
            self.desk.emit(events.Unanswered(lost))

    def leave(self, out: Out, why: str) -> None:
        if not out.left:
            label = out.batch.label
            out.left = f"{why}: look there, and when nothing will come of it go on with --forget-batch {label}"
            self.say(out.left)

    # ---- what all of these need

    @property
    def stop(self) -> Stop:
        return self.desk.stop

    def open(self, ask: Ask) -> Unit:
        unit = self.desk.open(ask.index)
        unit.ask, unit.was_cut_off = ask.number, ask.was_cut_off
        unit.sent = ask.number - 1 + ask.failures
        return unit

    async def note(self, entry: Batched) -> None:
        await self.desk.writer.put_synced(Record(encode_entry(entry)))
        self.journalled.add(entry)

    async def saved(self) -> None:
        """All that was handed to the writer is on disk."""
        await self.desk.writer.put_synced(Record(b""))

    def say(self, text: str) -> None:
        self.desk.emit(events.Said(text))

    def tell(self) -> None:
        lines = sum(len(each.batch) for each in self.out)
        finished = sum(0 if each.told is None else each.told.finished or 0 for each in self.out)
        oldest = min((each.made for each in self.out), default=0.0)
        self.desk.emit(events.Batched(len(self.out), lines, finished, oldest))
