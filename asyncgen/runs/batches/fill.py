"""What waits is put into files of requests, one for each who is asked, as large as size and money allow."""

import asyncio
import secrets
from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from asyncgen.endpoint.batches.rows import request_line
from asyncgen.endpoint.batches.rules import BatchRules
from asyncgen.errors import BudgetSpentError, OutputError
from asyncgen.output.batches import REQUESTS
from asyncgen.runs.batches.lines import Ask, custom_id
from asyncgen.runs.batches.under_way import UnderWay
from asyncgen.runs.live import Live

FULL = 0.9  # of the bytes an endpoint takes: how it counts them, nobody knows
ONE_SAMPLE = 2  # times the cost of a live call is held for one in a batch, as long as none there has told its own
AT_ONCE = 128  # lines between two rests, in which others go on
DIFFERENT = 10  # sizes in turn, beginning with any of them, where a batch is only known by its size
LONGER = 1.05  # times, that a line may be longer than another


@dataclass(slots=True)
class Filling:
    """A file of requests, while it is written; `most`: lines that it may have. `asks`: of its lines, packed."""

    label: str
    seat: str
    path: Path
    most: int
    file: BinaryIO
    asks: "array[int]" = field(default_factory=lambda: array("Q"))
    size: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.asks) == self.most

    def add(self, packed: int, line: bytes) -> None:
        self.file.write(line)
        self.asks.append(packed)
        self.size += len(line)


@dataclass(slots=True)
class Filler:
    """`size`: lines of a batch at most, as asked for. `sample`: an index, by whose request the others are measured."""

    live: Live
    rules: BatchRules
    under_way: UnderWay
    size: int | None
    sample: int
    _turn: int = field(default_factory=lambda: secrets.randbelow(DIFFERENT))

    async def fill(self) -> list[Filling]:
        """Files of requests; none while there is no money for any. Raises BudgetSpentError when there will be none."""
        backlog, budget = self.under_way.backlog, self.live.desk.budget
        fillings: dict[str, Filling] = {}
        most = self._most_lines()
        try:
            with ExitStack() as files:
                for count, packed in enumerate(backlog.take(most * len(self.under_way.tariffs)), 1):
                    if not self._put(packed, fillings, files, most):
                        backlog.put_back(packed)
                    if count % AT_ONCE == 0:
                        await asyncio.sleep(0)
        except OSError as error:
            raise OutputError(f"{self.under_way.folder}: {error.strerror}") from error
        for each in fillings.values():
            budget.release(self.under_way.tariffs[each.seat], each.most - len(each.asks))
        full = [each for each in fillings.values() if each.asks]
        if not full and budget.account.holds_nothing:
            raise BudgetSpentError(budget.account.explain_no_room())
        return full

    def _put(self, packed: int, fillings: dict[str, Filling], files: ExitStack, most: int) -> bool:
        """Whether the request of an ask has found room."""
        ask = Ask.unpack(packed)
        unit = self.under_way.open(ask)
        request = unit.work.request
        self.live.desk.close(unit)
        if (filling := fillings.get(request.seat)) is None:
            filling = fillings[request.seat] = self._begin(request.seat, most)
            files.enter_context(filling.file)
        if filling.is_full:
            return False
        payload = self.live.seats[request.seat].ladder.form.encode(
            request.values, repeat=unit.sent, history=request.history
        )
        line = request_line(custom_id(filling.label, ask), payload, self.rules)
        if filling.asks and filling.size + len(line) > FULL * self.rules.max_bytes:
            return False
        filling.add(packed, line)
        return True

    def _most_lines(self) -> int:
        """Of a batch, by whatever binds first: what is known, what was asked for, or the bytes."""
        rules = self.rules
        sample = self.live.desk.job.open(self.sample).request
        payload = self.live.seats[sample.seat].ladder.form.encode(sample.values)
        size = len(request_line("", payload, rules)) * LONGER
        limits = (rules.max_requests, self.size, self.under_way.journalled.most, int(FULL * rules.max_bytes / size))
        most = min(each for each in limits if each is not None)
        return max(1, most if rules.has_label else most - self._turn % DIFFERENT)

    def _begin(self, seat: str, most: int) -> Filling:
        """A file with room for what can be paid for, which is held."""
        desk, tariff = self.live.desk, self.under_way.tariffs[seat]
        live = desk.tariffs[seat]
        if tariff.assumed is None and live.dearest:
            tariff.assumed = live.dearest * ONE_SAMPLE * (tariff.ratio_to(live) or 1)
        room = desk.budget.account.room(tariff)
        most = most if room is None else min(most, room)
        tariff.reserved += most
        self._turn += 1
        label = secrets.token_hex(4)
        path = self.under_way.folder / f"{label}{REQUESTS}"
        return Filling(label, seat, path, most, path.open("wb"))
