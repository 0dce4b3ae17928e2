"""Batches that are out, by what the journal says of them: which indices, under which id, and what is told already."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from asyncgen.answered import Usage
from asyncgen.money.price import with_told
from asyncgen.output.indices import read_indices
from asyncgen.output.journal import (
    FORGOTTEN,
    NOT_MADE,
    QUEUE_FULL,
    TOO_LARGE,
    Batched,
    Call,
    Collected,
    Done,
    Failed,
    OfIndex,
    Submitted,
    Submitting,
    Uploaded,
)

# What the journal tells of a line.
NOTHING, MADE, USED_UP = range(3)
# The ends of names of files: what goes out, what has come back, and what of it nobody could read.
REQUESTS, RESULTS, UNREAD = ".requests", ".results", ".unread"


@dataclass(slots=True)
class OpenBatch:
    """Six bytes a line. `indices`: in rising order; `asks`: how often each is asked for; `told`: see above.

    `file`, `id`: at its endpoint, as far as it has one.
    """

    intent: Submitting
    indices: "array[int]"
    asks: "array[int]"
    told: bytearray
    file: str | None = None
    id: str | None = None

    @classmethod
    def of(cls, intent: Submitting) -> "OpenBatch":
        indices = read_indices(intent.indices)
        asks = array("H", [1]) * len(indices)
        batch = cls(intent, indices, asks, bytearray(len(indices)))
        for ask, text in intent.asks.items():
            for index in read_indices(text):
                if (position := batch.position(index)) is not None:
                    asks[position] = ask
        return batch

    @property
    def label(self) -> str:
        return self.intent.label

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def outlives_runs(self) -> bool:
        """Not at the offline engine, which ends with the run that has started it and is at no address."""
        return bool(self.intent.base_url)

    @property
    def untold(self) -> int:
        """How many lines the journal says nothing of."""
        return self.told.count(NOTHING)

    @property
    def held(self) -> Decimal | None:
        """What the lines without an answer are reckoned at."""
        return None if self.intent.held is None else self.intent.held * self.untold

    def position(self, index: int) -> int | None:
        position = bisect_left(self.indices, index)
        return position if position < len(self.indices) and self.indices[position] == index else None


@dataclass(slots=True)
class Batches:
    """The fold of all entries about batches.

    `open`: by label. `lines`: half of how many were too many for the endpoint; `queued`: half of how many were while
    none was under way, doubled with each batch since. `closed`: ids of those that are not open any more. `samples`: of
    all lines by seat, as a tariff has it.
    """

    open: dict[str, OpenBatch] = field(default_factory=dict)
    lines: int | None = None
    queued: int | None = None
    closed: set[str] = field(default_factory=set)
    samples: dict[str, Usage] = field(default_factory=dict)

    def add(self, entry: Batched) -> None:
        if isinstance(entry, Submitting):
            self.open[entry.label] = OpenBatch.of(entry)
        elif (batch := self.open.get(entry.label)) is not None:
            match entry:
                case Uploaded():
                    batch.file = entry.file
                case Submitted():
                    batch.id = entry.id
                case Collected():
                    self._close(batch, entry.status)
        elif isinstance(entry, Collected):  # one that was made of the same call as another
            self.closed.add(entry.label)

    def _close(self, batch: OpenBatch, status: str) -> None:
        del self.open[batch.label]
        if batch.id is not None:
            self.closed.add(batch.id)
        if status == TOO_LARGE:
            self.lines = max(1, len(batch) // 2)
        elif status == QUEUE_FULL:
            self.queued = self.queued if self.open else max(1, len(batch) // 2)
        elif status not in (NOT_MADE, FORGOTTEN) and self.queued is not None:
            self.queued *= 2

    def made_in(self, label: str) -> Iterator[int]:
        """The indices that a batch has made, as long as it is open."""
        if (batch := self.open.get(label)) is not None:
            yield from (index for index, told in zip(batch.indices, batch.told, strict=True) if told == MADE)

    @property
    def most(self) -> int | None:
        """Lines that a batch may have, as far as refusals have told."""
        return min((each for each in (self.lines, self.queued) if each is not None), default=None)

    @property
    def under_way(self) -> dict[str, OpenBatch]:
        """Those of them, by label, of which anything may still come."""
        return {label: batch for label, batch in self.open.items() if batch.outlives_runs}

    def is_new(self, entry: OfIndex) -> bool:
        """Note what a line of a batch has come to. False for one that was told before, whose line had been lost."""
        batch = None if entry.batch is None else self.open.get(entry.batch)
        position = None if batch is None else batch.position(entry.index)
        if batch is None or position is None:
            return True
        is_first = batch.told[position] == NOTHING
        if is_first and isinstance(entry, Call):
            seat = batch.intent.seat
            self.samples[seat] = with_told(self.samples.get(seat, Usage()), entry)
        batch.told[position] = MADE if isinstance(entry, Done) else USED_UP
        return is_first or isinstance(entry, Failed)


def tidy(folder: Path) -> None:
    """Remove what is not needed any more of a folder in which nothing is read or written, and an empty one itself."""
    with suppress(OSError):
        for end in (REQUESTS, RESULTS):
            for path in folder.glob(f"*{end}*"):
                path.unlink()
        folder.rmdir()
