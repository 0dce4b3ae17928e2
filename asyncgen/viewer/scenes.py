"""Scenarios as small numbers, so that those of a million lines can be held and filtered in some megabytes.

Every value that a dimension has had in any run has a number in it. A scenario is a number for each slot; a dimension
has one slot, or as many as it gives values. Slots are only ever added, so that what was drawn before stays right.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from asyncgen.errors import ConfigError
from asyncgen.output.journal import Header
from asyncgen.recipe.balanced import BLOCK_SIZE, SAMPLING_VERSIONS
from asyncgen.recipe.recipe import Dimension, Sampling
from asyncgen.recipe.scenario import Drawn, Scenarios

NONE = 0  # the number that stands for no value
_BLOCKS = 64  # kept, because a call that ends long after its neighbours would otherwise have its block drawn again
_SAMPLINGS: Mapping[str, Sampling] = {version: sampling for sampling, version in SAMPLING_VERSIONS.items()}

Value = tuple[str, str]  # group and value


@dataclass(slots=True)
class Values:
    """What a dimension has had, by number: `listed[0]` is number 1. `slots`: where it stands in a scenario."""

    name: str
    grouped: bool = False
    listed: list[Value] = field(default_factory=list)
    numbers: dict[Value, int] = field(default_factory=dict)
    slots: list[int] = field(default_factory=list)

    def add(self, dimension: Dimension) -> None:
        self.grouped |= dimension.grouped or dimension.pick is not None
        for group in dimension.groups:
            for value in group.values:
                if (group.name, value) not in self.numbers:
                    self.listed.append((group.name, value))
                    self.numbers[group.name, value] = len(self.listed)

    def allow(self, wanted: Sequence[str]) -> bytes:
        """By number: 1 for each value that is meant by [group] or [group, value]."""
        return bytes([0, *([*each][: len(wanted)] == [*wanted] for each in self.listed)])


class Scenes:
    """The dimensions of all runs."""

    def __init__(self) -> None:
        self.dimensions: dict[str, Values] = {}
        self.slots: list[tuple[Values, int]] = []  # the dimension, and which of its values
        self._runs: dict[tuple[tuple[Dimension, ...], str, int | None], Run] = {}

    def begin_run(self, header: Header) -> "Run":
        """Raises ConfigError for a sampling that is not known here."""
        if header.sampling not in _SAMPLINGS:
            raise ConfigError(f"its scenarios are {header.sampling}, which is not known here; update asyncgen")
        key = header.dimensions, header.sampling, header.seed
        if key not in self._runs:
            for dimension in header.dimensions:
                self._add(dimension)
            scenarios = Scenarios(header.dimensions, sampling=_SAMPLINGS[header.sampling], seed=header.seed)
            self._runs[key] = Run(tuple(self.slots), scenarios)
        return self._runs[key]

    def _add(self, dimension: Dimension) -> None:
        values = self.dimensions.setdefault(dimension.name, Values(dimension.name))
        values.add(dimension)
        width = 1 if dimension.pick is None else min(dimension.pick, len(dimension.groups))
        for place in range(len(values.slots), width):
            values.slots.append(len(self.slots))
            self.slots.append((values, place))

    def describe(self, numbers: Sequence[int]) -> dict[str, list[Value]]:
        """The values behind the numbers of a scenario."""
        described: dict[str, list[Value]] = {}
        for (values, _), number in zip(self.slots, numbers, strict=False):
            if number != NONE:
                described.setdefault(values.name, []).append(values.listed[number - 1])
        return described


class Run:
    """Draws the scenarios of runs with the same settings."""

    def __init__(self, slots: Sequence[tuple[Values, int]], scenarios: Scenarios) -> None:
        self._slots = slots
        self._scenarios = scenarios
        self._block = lru_cache(_BLOCKS)(self._make_block)

    def draw(self, index: int) -> tuple[int, ...]:
        """A number for each slot there was when the run began."""
        if not self._slots:
            return ()
        number, position = divmod(index, BLOCK_SIZE)
        return tuple([column[position] for column in self._block(number)])

    def _make_block(self, number: int) -> list["array[int]"]:
        drawn = list(map(self._scenarios.draw_values, range(number * BLOCK_SIZE, (number + 1) * BLOCK_SIZE)))
        return [
            array("I", [_find(values, each.get(values.name, ()), place) for each in drawn])
            for values, place in self._slots
        ]


def _find(values: Values, drawn: Drawn, place: int) -> int:
    return values.numbers[drawn[place]] if place < len(drawn) else NONE
