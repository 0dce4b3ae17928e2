"""Coverage: how often each value of each dimension, and each pair of values, is there, against what was planned.

What is planned follows from the indices below the newest run's `num`. Every line is counted once, and only the indices
that have none are drawn for the plan: where all is done the plan costs nothing. Of a run that has hardly begun these
may be millions; its plan ends where the run has come to.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from operator import add

from asyncgen.audit.results import CoverageResult, PairCoverage, ValueCoverage
from asyncgen.audit.subject import Subject
from asyncgen.data.dataset import Dataset
from asyncgen.recipe.bindings import Bindings
from asyncgen.recipe.recipe import Dimension
from asyncgen.recipe.scenario import Drawn
from asyncgen.text import quantity

ROOM = 20_000  # indices without a line that are drawn in any case, some tenths of a second
MAX_VALUES = 2_000  # of a dimension that are all listed; of more, those that are planned or found
MAX_CELLS = 65_536  # of a matrix that is worth writing; more are only counted


class Coverage:
    """Takes the lines of a data set, one `add` each; None is the result where no run is known."""

    def __init__(self, dataset: Dataset, *, room: int = ROOM) -> None:
        self._dataset = dataset
        self._room = room
        self._indices = range(0) if dataset.header is None else dataset.header.indices
        versions: dict[str, dict[Dimension, None]] = {}
        for header in reversed(dataset.ledger.headers):
            for each in header.dimensions:
                versions.setdefault(each.name, {})[each] = None
        self._axes = [_Axis(position, list(each)) for position, each in enumerate(versions.values())]
        # Of one recipe it is known which values go together; of several that made one output, any may have.
        is_one_recipe = dataset.header is not None and [(each,) for each in dataset.header.dimensions] == [
            tuple(each) for each in versions.values()
        ]
        self._bindings = Bindings(dataset.header.dimensions) if dataset.header and is_one_recipe else None
        self._done = _Tally(self._axes)
        self._beyond = _Tally(self._axes)

    def add(self, subject: Subject) -> None:
        index = subject.record.index
        if index is not None and subject.scenario is not None:
            tally = self._done if index in self._horizon else self._beyond
            tally.add(subject.scenario)

    def result(self) -> CoverageResult | None:
        if self._dataset.header is None:
            return None
        missing = _Tally(self._axes)
        for index in self._horizon:
            if not self._dataset.lines.is_done(index):
                missing.add(self._dataset.scenario(index))
        planned = self._done.plus(missing)
        found = self._done.plus(self._beyond)
        return CoverageResult(
            planned=planned.indices,
            found=found.indices,
            dimensions={
                axis.name: [
                    ValueCoverage(
                        group=group,
                        value=value,
                        planned=planned.values[axis.position][number],
                        found=found.values[axis.position][number],
                    )
                    for (group, value), number in axis.numbers.items()
                    if len(axis) <= MAX_VALUES
                    or planned.values[axis.position][number]
                    or found.values[axis.position][number]
                ]
                for axis in self._axes
            },
            pairs=[
                _compare_pairs(axes, self._bindings, *met)
                for axes, *met in zip(_pairs_of(self._axes), planned.pairs, found.pairs, strict=True)
            ],
        )

    @cached_property
    def _horizon(self) -> range:
        """The indices that are planned: all, or so many that drawing them takes time in proportion to what is there."""
        lines, failed = self._dataset.lines, self._dataset.ledger.failed
        most = self._room + 2 * (lines.count_done() + len(failed))
        reached = max(len(lines.done), *(index + 1 - lines.first for index in failed), 0)
        return self._indices if len(self._indices) <= most else self._indices[: min(reached, most)]

    def describe(self) -> Iterator[str]:
        """What a reader should know of the plan."""
        if self._horizon != self._indices:
            of = f"the first {len(self._horizon):,} of {quantity(len(self._indices), 'index', 'indices')}"
            yield f"coverage is held against {of}: the run came no further"


class _Axis:
    """A dimension with all values that it had in any run, the newest run's first."""

    def __init__(self, position: int, versions: Sequence[Dimension]) -> None:
        values = ((group.name, value) for each in versions for group in each.groups for value in group.values)
        self.position = position
        self.name = versions[0].name
        self.is_single = all(each.pick is None for each in versions)
        self.numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}

    def __len__(self) -> int:
        return len(self.numbers)


def _pairs_of(axes: Sequence[_Axis]) -> list[tuple[_Axis, _Axis]]:
    return list(combinations([axis for axis in axes if axis.is_single], 2))


class _Tally:
    """How often each value is used, and each pair, which is a number too: that of its cell in a matrix of rows."""

    def __init__(self, axes: Sequence[_Axis]) -> None:
        self._axes = axes
        self.indices = 0
        self.values = [[0] * len(axis) for axis in axes]
        self.pairs: list[Counter[int]] = [Counter() for _ in _pairs_of(axes)]
        self._corners = [(first.position, second.position, len(second)) for first, second in _pairs_of(axes)]

    def add(self, scenario: Mapping[str, Drawn]) -> None:
        self.indices += 1
        drawn = [[axis.numbers[value] for value in scenario.get(axis.name, ())] for axis in self._axes]
        for counts, numbers in zip(self.values, drawn, strict=True):
            for number in numbers:
                counts[number] += 1
        for met, (first, second, width) in zip(self.pairs, self._corners, strict=True):
            if drawn[first] and drawn[second]:
                met[drawn[first][0] * width + drawn[second][0]] += 1

    def plus(self, other: "_Tally") -> "_Tally":
        total = _Tally(self._axes)
        total.indices = self.indices + other.indices
        total.values = [list(map(add, *counts)) for counts in zip(self.values, other.values, strict=True)]
        total.pairs = list(map(add, self.pairs, other.pairs))
        return total


def _compare_pairs(
    axes: tuple[_Axis, _Axis], bindings: Bindings | None, planned: Counter[int], found: Counter[int]
) -> PairCoverage:
    first, second = axes
    width = len(second)
    cells = len(first) * width
    matrix = None
    if cells <= MAX_CELLS:
        matrix = [[found[cell] for cell in range(start, start + width)] for start in range(0, cells, width)]
    possible = bindings.count_pairs(first.position, second.position) if bindings else cells
    return PairCoverage(
        first=first.name, second=second.name, pairs=possible, met=len(found), planned_met=len(planned), matrix=matrix
    )
