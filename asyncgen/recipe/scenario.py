"""What each conversation is about: a pure function of (dimensions, sampling, seed, index).

`random` draws every index by itself; `balanced`, which has a module of its own, uses values equally often over any
number of indices. Both are frozen, because an output goes on with the scenarios it was begun with.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from asyncgen.recipe.balanced import BLOCK_SIZE, Balanced, Drawn
from asyncgen.recipe.recipe import Dimension, Group

Scenario: TypeAlias = Mapping[str, str]


class Scenarios:
    """Draws scenarios, in any order; the two blocks used last are kept for speed.

    `block_size` belongs to what a sampling version means: only tests give another.
    """

    def __init__(
        self,
        dimensions: Sequence[Dimension],
        *,
        sampling: Literal["balanced", "random"],
        seed: int | None,
        block_size: int = BLOCK_SIZE,
    ) -> None:
        self._names = [(each.name, each.pick is not None) for each in dimensions]
        self._source = Balanced(dimensions, seed, block_size) if sampling == "balanced" else _Random(dimensions, seed)

    def draw(self, index: int) -> dict[str, str]:
        """The text of each dimension: its value, or the values of a pick as a "- " list."""
        return {
            name: "- " + "\n- ".join([value for _, value in drawn]) if is_list else drawn[0][1]
            for (name, is_list), drawn in zip(self._names, self._source.draw(index), strict=True)
        }

    def draw_values(self, index: int) -> dict[str, Drawn]:
        """What the texts are made of: for each dimension its (group, value) pairs, in the order drawn."""
        return {name: drawn for (name, _), drawn in zip(self._names, self._source.draw(index), strict=True)}


class _Random:
    """Frozen call by call: one call more or less on `rng` would change every data set made with it."""

    def __init__(self, dimensions: Sequence[Dimension], seed: int | None) -> None:
        self._dimensions = tuple(dimensions)
        self._seed = seed

    def draw(self, index: int) -> list[Drawn]:
        rng = random.Random(index if self._seed is None else f"{self._seed}:{index}")
        return [_draw_values(rng, each) for each in self._dimensions]


def _draw_values(rng: random.Random, dimension: Dimension) -> Drawn:
    return tuple([(group.name, _choose_value(rng, group)) for group in _choose_groups(rng, dimension)])


def _choose_groups(rng: random.Random, dimension: Dimension) -> Sequence[Group]:
    if dimension.pick is not None:
        return rng.sample(dimension.groups, min(dimension.pick, len(dimension.groups)))
    return [rng.choice(dimension.groups)] if dimension.grouped else dimension.groups


def _choose_value(rng: random.Random, group: Group) -> str:
    if group.weights is None:
        return rng.choice(group.values)
    return rng.choices(group.values, group.weights)[0]
