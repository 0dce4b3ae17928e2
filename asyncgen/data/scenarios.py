"""The scenarios of an output's lines, drawn again by what the journal's headers say.

A shuffled output would have a block of 2,048 drawn anew for nearly every line. So each block is drawn once and kept, as
the numbers of its values: two bytes each, 12 MB for a million indices of the built-in recipe.
"""

from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from asyncgen.errors import ConfigError
from asyncgen.output.journal import Header
from asyncgen.recipe.balanced import BLOCK_SIZE, SAMPLING_VERSIONS
from asyncgen.recipe.recipe import Dimension, Sampling
from asyncgen.recipe.scenario import Drawn, Scenarios

_TWO_BYTES = 2**15
_NONE = -1  # in a slot of a pick that its bindings have left fewer groups
_SAMPLINGS: Mapping[str, Sampling] = {version: sampling for sampling, version in SAMPLING_VERSIONS.items()}


class NumberedValues:
    """The values that a dimension has had in any run, numbered. `slots`: where they stand in a plan's numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.listed: list[tuple[str, str]] = []  # group and value, by number
        self.numbers: dict[tuple[str, str], int] = {}
        self.singles: list[Drawn] = []  # each value as what a dimension without a pick draws
        self.slots: list[int] = []

    def add(self, dimension: Dimension) -> list[int]:
        """Here the numbers of its values, by those that they have in it."""
        here = []
        for group in dimension.groups:
            for value in group.values:
                here.append(self.numbers.setdefault((group.name, value), len(self.listed)))
                if here[-1] == len(self.listed):
                    self.listed.append((group.name, value))
                    self.singles.append(((group.name, value),))
        return here


class Plans:
    """The plans of all runs of an output. Runs with the same dimensions, sampling and seed share one.

    A slot is a place for the number of one value. A dimension has one, or as many as it gives values; slots are only
    ever added, so that what has been drawn stays right.
    """

    def __init__(self, journal: Path) -> None:
        self.dimensions: dict[str, NumberedValues] = {}
        self.slots = 0
        self._journal = journal
        self._plans: dict[tuple[tuple[Dimension, ...], str, int | None], Plan] = {}

    def of(self, header: Header) -> "Plan":
        """Raises ConfigError for a sampling that is not known here."""
        if header.sampling not in _SAMPLINGS:
            raise ConfigError(
                f"{self._journal}: its scenarios are {header.sampling}, which is not known here; update asyncgen"
            )
        key = header.dimensions, header.sampling, header.seed
        if key not in self._plans:
            parts = []
            for each in header.dimensions:
                width = 1 if each.pick is None else min(each.pick, len(each.groups))
                values = self.dimensions.setdefault(each.name, NumberedValues(each.name))
                missing = max(width - len(values.slots), 0)
                values.slots.extend(range(self.slots, self.slots + missing))
                self.slots += missing
                parts.append(Part(values, width, values.add(each)))
            scenarios = Scenarios(header.dimensions, sampling=_SAMPLINGS[header.sampling], seed=header.seed)
            self._plans[key] = Plan(parts, self.slots, scenarios)
        return self._plans[key]


class Part(NamedTuple):
    """A dimension in a plan. `here`: its numbers of values, by those that the draw has for them."""

    values: NumberedValues
    width: int
    here: list[int]


class Plan:
    """Draws the scenarios of runs with the same settings, in whatever order they are asked for."""

    def __init__(self, parts: list[Part], slots: int, scenarios: Scenarios) -> None:
        self._parts = parts
        self._slots = slots
        self._scenarios = scenarios
        self._blocks: dict[int, dict[int, array[int]]] = {}  # by slot

    def scenario(self, index: int) -> dict[str, Drawn]:
        block, position = self._find(index)
        return {
            values.name: values.singles[block[values.slots[0]][position]]
            if width == 1
            else tuple(
                [values.listed[number] for slot in values.slots[:width] if (number := block[slot][position]) != _NONE]
            )
            for values, width, _ in self._parts
        }

    def numbers(self, index: int) -> list[int]:
        """By slot the number of its value, -1 where there is none."""
        block, position = self._find(index)
        if len(block) == self._slots:
            return [column[position] for column in block.values()]
        return [block[slot][position] if slot in block else _NONE for slot in range(self._slots)]

    def _find(self, index: int) -> tuple[dict[int, "array[int]"], int]:
        """The block of an index, and where it stands there."""
        number, position = divmod(index, BLOCK_SIZE)
        if number not in self._blocks and self._parts:
            first = number * BLOCK_SIZE
            drawn = zip(*map(self._scenarios.draw_numbers, range(first, first + BLOCK_SIZE)), strict=True)
            block = {
                slot: array(
                    "h" if len(values.listed) <= _TWO_BYTES else "i",
                    [here[numbers[place]] if place < len(numbers) else _NONE for numbers in column],
                )
                for (values, width, here), column in zip(self._parts, drawn, strict=True)
                for place, slot in enumerate(values.slots[:width])
            }
            self._blocks[number] = dict(sorted(block.items()))
        return self._blocks.get(number, {}), position
