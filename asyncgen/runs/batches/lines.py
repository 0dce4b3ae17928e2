"""The lines of batches: what waits for one, by what name it comes back, and the results in a file, each found once."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from decimal import ROUND_DOWN, Context, Decimal
from pathlib import Path
from typing import Any

import msgspec

from asyncgen.answered import UnusedReply, Usage
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.batches.batch import BatchApi
from asyncgen.endpoint.batches.rows import read_row
from asyncgen.errors import AsyncgenError, BadReplyError, OutputError, RejectedError, TransientError
from asyncgen.money.price import ZERO, with_told
from asyncgen.output.batches import OpenBatch
from asyncgen.output.indices import read_indices
from asyncgen.output.journal import MAX_ASK

MAX_FAILURES = 2**7 - 1
_CUSTOM_ID = re.compile(r"([0-9a-z]+)-([0-9]{1,10})-([0-9]{1,5})")


_SHARED = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost")
_FINEST = Decimal("1e-15")  # of a share, in US dollars
_EXACT = Context(prec=100)


class Ask(msgspec.Struct, frozen=True):
    """A request of an index that goes into a batch.

    `number`: how often it is asked, with this one. `failures`: how often it was not answered since. `was_cut_off`:
    whether the reply before reached the token limit.
    """

    index: int
    number: int = 1
    failures: int = 0
    was_cut_off: bool = False

    def pack(self) -> int:
        """In eight bytes, which sort as the indices do."""
        return (
            self.index << 32
            | min(self.number, MAX_ASK) << 16
            | min(self.failures, MAX_FAILURES) << 1
            | self.was_cut_off
        )

    @classmethod
    def unpack(cls, packed: int) -> "Ask":
        return cls(packed >> 32, packed >> 16 & 0xFFFF, packed >> 1 & 0x7F, bool(packed & 1))


def packed_asks(batch: OpenBatch) -> "array[int]":
    """Of the lines of a batch, as the journal has them."""
    failures = {index: number for number, text in batch.intent.failures.items() for index in read_indices(text)}
    cut_off = frozenset(read_indices(batch.intent.cut_off))
    return array(
        "Q",
        (
            Ask(index, number, failures.get(index, 0), index in cut_off).pack()
            for index, number in zip(batch.indices, batch.asks, strict=True)
        ),
    )


class Backlog:
    """What is to go into a batch: indices that were never asked for, one by one, and asks that have come back."""

    def __init__(self, fresh: Iterator[int]) -> None:
        self._fresh = fresh
        self._put_back = array("Q")
        self._again = array("Q")

    @property
    def has_fresh(self) -> bool:
        """Whether there is something that was in no batch yet."""
        if not self._put_back and (index := next(self._fresh, None)) is not None:
            self._put_back.append(Ask(index).pack())
        return bool(self._put_back)

    @property
    def again(self) -> int:
        """How many have come back."""
        return len(self._again)

    def put_again(self, ask: Ask) -> None:
        self._again.append(ask.pack())

    def put_back(self, packed: int) -> None:
        """It was taken, and found no place."""
        self._put_back.append(packed)

    def take(self, number: int) -> "array[int]":
        """So many at most, packed, in the order of their indices."""
        taken: list[int] = []
        for waiting in (self._again, self._put_back):
            while waiting and len(taken) < number:
                taken.append(waiting.pop())
        while len(taken) < number and (index := next(self._fresh, None)) is not None:
            taken.append(Ask(index).pack())
        return array("Q", sorted(taken))

    def take_one_by_one(self) -> Iterator[Ask]:
        while taken := self.take(1):
            yield Ask.unpack(taken[0])


def custom_id(label: str, ask: Ask) -> str:
    """The name of a line: it alone tells what an answer is to, and that a batch is ours."""
    return f"{label}-{ask.index}-{ask.number}"


class Results:
    """The results of a batch in a file, by the position of their line in it; of several for one line, the first.

    `found`: lines that have one. `unread`: results that nobody can read; `strange`: those of no line of the batch.
    `whole`: the usage of the batch, as told. What lines do not tell of it themselves they share, and `unshared` is what
    is left. A file that is fetched once more shares it in the same way. `sample`: of the lines that do tell, as a
    tariff has it.
    """

    def __init__(self, path: Path, batch: OpenBatch, api: BatchApi, whole: Usage) -> None:
        self._path = path
        self._api = api
        self._offsets = array("q", [-1]) * len(batch)
        self.found = self.unread = self.strange = 0
        with path.open("rb") as file:
            offset = 0
            for line in file:
                if line.strip():
                    self._add(line, offset, batch)
                offset += len(line)
        self._shares: dict[str, _Share] = {}
        self.sample = self.unshared = Usage()
        if whole != Usage():
            self._share(whole)

    def _add(self, line: bytes, offset: int, batch: OpenBatch) -> None:
        if (row := read_row(line)) is None:
            self.unread += 1
            return
        named = _CUSTOM_ID.fullmatch(row.custom_id)
        position = None if named is None or named[1] != batch.label else batch.position(int(named[2]))
        if named is None or position is None or batch.asks[position] != int(named[3]):
            self.strange += 1
        elif self._offsets[position] < 0:
            self._offsets[position] = offset
            self.found += 1

    def _share(self, whole: Usage) -> None:
        told: dict[str, Any] = dict.fromkeys(_SHARED, 0)
        lacking = {name: _Share(is_whole=name != "cost") for name in _SHARED}
        for position, result in enumerate(self):
            if (reply := _reply_of(result)) is None:
                continue
            usage = reply.usage
            self.sample = with_told(self.sample, usage)
            tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
            for name in _SHARED:
                if (value := getattr(usage, name)) is None:
                    lacking[name].add(position, tokens if name == "cost" else 1)
                else:
                    told[name] += value
        left: dict[str, Any] = {}
        for name, share in lacking.items():
            if (value := getattr(whole, name)) is None or (rest := value - told[name]) < 0:
                continue
            if share.positions:
                share.amount = rest
                self._shares[name] = share
            elif rest:
                left[name] = rest
        self.unshared = Usage(**left)

    def __iter__(self) -> Iterator[Completion | AsyncgenError | None]:
        """What has come of each line, in their order; None for one without a result."""
        with self._path.open("rb") as file:
            for position, offset in enumerate(self._offsets):
                if offset < 0:
                    yield None
                    continue
                file.seek(offset)
                row = read_row(file.readline())
                if row is None:
                    raise OutputError(f"{self._path}: changed by someone else while it was read")
                result: Completion | AsyncgenError
                try:
                    result = self._api.classify(row)
                except AsyncgenError as error:
                    result = error
                parts = {name: share.of(position) for name, share in self._shares.items()}
                yield _with_usage(result, {name: part for name, part in parts.items() if part is not None})


def _reply_of(result: Completion | AsyncgenError | None) -> Completion | UnusedReply | None:
    """What was written and counted there, whether or not it is of use."""
    match result:
        case TransientError() | BadReplyError() | RejectedError():
            return result.reply
        case Completion():
            return result
        case _:
            return None


def _with_usage(result: Completion | AsyncgenError, parts: Mapping[str, Decimal | int]) -> Completion | AsyncgenError:
    reply = _reply_of(result) if parts else None
    if reply is None:
        return result
    usage = msgspec.structs.replace(reply.usage, **parts)
    match result:
        case Completion():
            return msgspec.structs.replace(result, usage=usage)
        case TransientError() | BadReplyError() | RejectedError():  # just made, and nobody else has it
            result.reply = UnusedReply(reply.text, usage, reply.request_id)
    return result


class _Share:
    """An amount over lines by their weights, evenly where these are 0: the parts sum up to it to the digit."""

    def __init__(self, *, is_whole: bool) -> None:
        self.amount: Decimal | int = 0
        self._is_whole = is_whole
        self.positions = array("i")
        self._weights = array("q")  # summed up
        self._is_even = False

    def add(self, position: int, weight: int) -> None:
        self.positions.append(position)
        self._is_even = self._is_even or not weight
        self._weights.append(weight + (self._weights[-1] if self._weights else 0))

    def of(self, position: int) -> Decimal | int | None:
        """None for a line that has no part in it."""
        place = bisect_left(self.positions, position)
        if place == len(self.positions) or self.positions[place] != position:
            return None
        part = _EXACT.subtract(self._up_to(place), self._up_to(place - 1) if place else ZERO)
        return int(part) if self._is_whole else part

    def _up_to(self, place: int) -> Decimal:
        weight, whole = (place + 1, len(self.positions)) if self._is_even else (self._weights[place], self._weights[-1])
        if weight == whole:
            return Decimal(self.amount)
        part = _EXACT.divide(_EXACT.multiply(self.amount, weight), whole)
        return part.quantize(Decimal(1) if self._is_whole else _FINEST, ROUND_DOWN, _EXACT)
