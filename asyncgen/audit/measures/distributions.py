"""How turns, words, finish reasons and failures are distributed over the lines and the calls."""

from collections import Counter
from collections.abc import Mapping, Sequence

from asyncgen.audit.lints.turns import find_lengths
from asyncgen.audit.results import Bin, Distribution, ShapeResult, TurnsFound, ValueFailures
from asyncgen.audit.subject import Subject
from asyncgen.data.dataset import Dataset
from asyncgen.output.journal import Done, Entry, Unused
from asyncgen.recipe.scenario import Drawn

BINS = 40  # of a histogram, at most
ROLES = ("system", "user", "assistant")
OTHER = "other"
MOST_NAMES = 50  # of finish reasons and models; they come from an endpoint and are as many as it likes


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
        total = 0
        for message in conversation:
            words = len(message.content.split())
            total += words
            role = message.role if message.role in ROLES else OTHER
            self._words.setdefault(role, Counter())[words] += 1
        self._conversation_words[total] += 1
        for name, drawn in (subject.scenario or {}).items():
            if len(drawn) == 1 and find_lengths(drawn[0][1]):
                self._turns.setdefault((name, drawn[0][1]), Counter())[len(conversation)] += 1

    def add_entry(self, entry: Entry) -> None:
        if isinstance(entry, Done):
            self._asks[entry.asks] += 1
            self._finish_reasons[entry.finish_reason or "unknown"] += 1
            if entry.model is not None:
                self._models[entry.model] += 1
        elif isinstance(entry, Unused):
            self._rejected.add(entry.reason, self._dataset.scenario(entry.index))

    def result(self) -> ShapeResult:
        dataset, failed = self._dataset, _Failures()
        indices = range(0) if dataset.header is None else dataset.header.indices
        for index, reason in dataset.ledger.failed.items():
            if index in indices and not dataset.lines.is_done(index):
                failed.add(reason, dataset.scenario(index))
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
    lowest, highest = values[0][0], values[-1][0]
    width = -(-(highest - lowest + 1) // BINS)
    bins: Counter[int] = Counter()
    for value, count in values:
        bins[(value - lowest) // width] += count
    return Distribution(
        count=total,
        mean=sum(value * count for value, count in values) / total,
        lowest=lowest,
        p5=_quantile(values, 0.05 * total),
        median=_quantile(values, 0.5 * total),
        p95=_quantile(values, 0.95 * total),
        highest=highest,
        bins=[
            Bin(first=first, last=first + width - 1, count=bins[number])
            for number, first in enumerate(range(lowest, highest + 1, width))
        ],
    )


def _quantile(values: Sequence[tuple[int, int]], rank: float) -> int:
    passed = 0
    for value, count in values:
        passed += count
        if passed >= rank:
            return value
    return values[-1][0]
