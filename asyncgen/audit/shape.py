"""Shape: turns, words, finish reasons and failures, and whether a conversation has the form its scenario asks for.

Two things of a scenario can be held against a line without understanding it: a number of messages that one of its
values names, and the style of the openers that it shows (openers.py).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import inf

import msgspec

from asyncgen.audit.openers import OpenerCheck
from asyncgen.audit.rules import Check, Finding, Subject, excerpt
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Dataset
from asyncgen.output.journal import Done, Entry, Rejected
from asyncgen.recipe.balanced import Drawn
from asyncgen.recipe.recipe import Dimension

BINS = 40  # of a histogram, at most
ROLES = ("system", "user", "assistant")
OTHER = "other"
MOST_NAMES = 50  # of finish reasons and models; they come from an endpoint and are as many as it likes


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """How many values lie from `first` to `last`, both included."""

    first: int
    last: int
    count: int


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    mean: float
    lowest: int
    p5: int
    median: int
    p95: int
    highest: int
    bins: list[Bin]


class TurnsFound(msgspec.Struct, frozen=True, kw_only=True):
    """A value that names a number of messages: how many lines have how many."""

    dimension: str
    value: str
    found: dict[int, int]


class ValueFailures(msgspec.Struct, frozen=True, kw_only=True):
    """`failed`: indices given up, `rejected`: replies that could not be used; each by reason."""

    group: str
    value: str
    failed: dict[str, int]
    rejected: dict[str, int]


class ShapeResult(msgspec.Struct, frozen=True, kw_only=True):
    """`messages`: lines by their number of messages. `words`: of one message, by role. `asks`: conversations by calls.

    `failed` counts as `status` does: indices that have no line now. `rejected` counts calls of all runs.
    """

    messages: dict[int, int]
    words: dict[str, Distribution]
    conversation_words: Distribution | None
    turns: list[TurnsFound]
    finish_reasons: dict[str, int]
    models: dict[str, int]
    asks: dict[int, int]
    failed: dict[str, int]
    rejected: dict[str, int]
    failures: dict[str, list[ValueFailures]]


class Shape:
    """Takes the lines of a data set by `add`, and the entries of its journal by `add_entry`."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._messages: Counter[int] = Counter()
        self._words: dict[str, Counter[int]] = {}
        self._conversation_words: Counter[int] = Counter()
        self._turns: dict[tuple[str, str], Counter[int]] = {}
        self._finish_reasons: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._asks: Counter[int] = Counter()
        self._rejected = _Failures()

    def add(self, subject: Subject) -> None:
        conversation = subject.record.conversation
        self._messages[len(conversation)] += 1
        self._add_words(conversation)
        for name, drawn in (subject.scenario or {}).items():
            if len(drawn) == 1 and find_lengths(drawn[0][1]):
                self._turns.setdefault((name, drawn[0][1]), Counter())[len(conversation)] += 1

    def _add_words(self, conversation: Conversation) -> None:
        total = 0
        for message in conversation:
            words = len(message.content.split())
            total += words
            role = message.role if message.role in ROLES else OTHER
            self._words.setdefault(role, Counter())[words] += 1
        self._conversation_words[total] += 1

    def add_entry(self, entry: Entry) -> None:
        if isinstance(entry, Done):
            self._asks[entry.asks] += 1
            self._finish_reasons[entry.finish_reason or "unknown"] += 1
            if entry.model is not None:
                self._models[entry.model] += 1
        elif isinstance(entry, Rejected):
            self._rejected.add(entry.reason, self._dataset.scenario(entry.index))

    def result(self) -> ShapeResult:
        failed = self._count_failed()
        return ShapeResult(
            messages=dict(sorted(self._messages.items())),
            words={role: distribution for role in (*ROLES, OTHER) if (distribution := describe(self._words.get(role)))},
            conversation_words=describe(self._conversation_words),
            turns=[
                TurnsFound(dimension=name, value=value, found=dict(sorted(counts.items())))
                for (name, value), counts in self._turns.items()
            ],
            finish_reasons=dict(self._finish_reasons.most_common(MOST_NAMES)),
            models=dict(self._models.most_common(MOST_NAMES)),
            asks=dict(sorted(self._asks.items())),
            failed=dict(failed.reasons.most_common()),
            rejected=dict(self._rejected.reasons.most_common()),
            failures=_by_value(failed, self._rejected),
        )

    def _count_failed(self) -> "_Failures":
        dataset, failures = self._dataset, _Failures()
        num = 0 if dataset.header is None else dataset.header.num
        for index, reason in dataset.ledger.failed.items():
            if index < num and not dataset.lines.is_done(index):
                failures.add(reason, dataset.scenario(index))
        return failures


class _Failures:
    """Reasons, in all and by (dimension, group, value)."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.by_value: dict[tuple[str, str, str], Counter[str]] = {}

    def add(self, reason: str, scenario: Mapping[str, Drawn]) -> None:
        self.reasons[reason] += 1
        for name, drawn in scenario.items():
            for group, value in drawn:
                self.by_value.setdefault((name, group, value), Counter())[reason] += 1


def _by_value(failed: _Failures, rejected: _Failures) -> dict[str, list[ValueFailures]]:
    """By dimension the values that have any, most failures first."""
    result: dict[str, list[ValueFailures]] = {}
    none: Counter[str] = Counter()
    for key in {**failed.by_value, **rejected.by_value}:
        name, group, value = key
        reasons = failed.by_value.get(key, none), rejected.by_value.get(key, none)
        row = ValueFailures(group=group, value=value, failed=dict(reasons[0]), rejected=dict(reasons[1]))
        result.setdefault(name, []).append(row)
    for rows in result.values():
        rows.sort(key=lambda row: (-sum(row.failed.values()), -sum(row.rejected.values()), row.group, row.value))
    return result


def describe(counts: Counter[int] | None) -> Distribution | None:
    """The distribution of values that were counted; None when there are none."""
    if not counts:
        return None
    total = counts.total()
    values = sorted(counts.items())
    return Distribution(
        count=total,
        mean=sum(value * count for value, count in values) / total,
        lowest=values[0][0],
        p5=_quantile(values, 0.05 * total),
        median=_quantile(values, 0.5 * total),
        p95=_quantile(values, 0.95 * total),
        highest=values[-1][0],
        bins=_bin(values),
    )


def _quantile(values: Sequence[tuple[int, int]], rank: float) -> int:
    passed = 0
    for value, count in values:
        passed += count
        if passed >= rank:
            return value
    return values[-1][0]


def _bin(values: Sequence[tuple[int, int]]) -> list[Bin]:
    lowest, highest = values[0][0], values[-1][0]
    width = -(-(highest - lowest + 1) // BINS)
    counts: Counter[int] = Counter()
    for value, count in values:
        counts[(value - lowest) // width] += count
    starts = range(lowest, highest + 1, width)
    return [Bin(first=start, last=start + width - 1, count=counts[number]) for number, start in enumerate(starts)]


# ---- rules


def shape_checks(dimensions: Sequence[Dimension]) -> list[Check]:
    """The checks of `wrong-turns` and `opener-style` for scenarios of these dimensions."""
    singles = [each.name for each in dimensions if each.pick is None]
    return [_TurnsCheck(singles), OpenerCheck(dimensions)]


_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER = rf"(?:\d{{1,3}}|{'|'.join(_WORDS)})"
_LENGTH = re.compile(
    r"(?:\b(?P<bound>at least|at most|up to|no more than|about|around|roughly|after|every|first|next|last) )?"
    rf"(?<![\d,.])\b(?P<low>{_NUMBER})(?: ?(?:-|to|or) ?(?P<high>{_NUMBER}))?(?P<open>\+| or more)?"
    r"[ -](?P<unit>message|turn)s?\b",
    re.IGNORECASE,
)
_PARTS = frozenset({"after", "every", "first", "next", "last"})  # the number of something inside the conversation
_VAGUE = frozenset({"about", "around", "roughly"})
_MOST = 60  # messages; a larger number is about something else, and so is a single message


@lru_cache(maxsize=65_536)
def find_lengths(text: str) -> tuple[tuple[float, float], ...]:
    """The numbers of messages that a text names, as ranges (lowest, highest); empty when it names none.

    A turn is one message where messages are named too; otherwise nobody can tell whether it means a message or a pair
    of them, and both will do. Ranges ("4 to 6 messages", "at least four messages") count as such, a vague number
    ("about 4 messages") as none.
    """
    named = [match for match in _LENGTH.finditer(text) if _bound(match) not in _PARTS]
    if any(_bound(match) in _VAGUE for match in named):
        return ()
    turns = [_read_range(match) for match in named if match["unit"].lower() == "turn"]
    messages = [_read_range(match) for match in named if match["unit"].lower() == "message"]
    messages = [(low, high) for low, high in messages if high > 1 and low <= _MOST]
    return (*messages, *turns) if messages else (*turns, *[(2 * low, 2 * high) for low, high in turns])


def _bound(match: re.Match[str]) -> str:
    return (match["bound"] or "").lower()


def _read_range(match: re.Match[str]) -> tuple[float, float]:
    low = _read_number(match["low"])
    high = _read_number(match["high"] or match["low"])
    if _bound(match) == "at least" or match["open"]:
        return low, inf
    return (1, high) if _bound(match) else (min(low, high), max(low, high))


def _read_number(text: str) -> int:
    return int(text) if text.isdecimal() else _WORDS.index(text.lower()) + 1


class _TurnsCheck:
    """`wrong-turns`: the number of messages is none of those that the scenario's single values name.

    No finding where none is named.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __call__(self, subject: Subject) -> Iterator[Finding]:
        record, scenario = subject.record, subject.scenario or {}
        count = len(record.conversation)
        values = [drawn[0][1] for name in self._names if (drawn := scenario.get(name))]
        naming = [value for value in values if find_lengths(value)]
        if naming and not any(low <= count <= high for value in naming for low, high in find_lengths(value)):
            yield Finding("wrong-turns", record.number, None, excerpt(f"{count} messages, asked: {naming[0]}"))
