"""What each conversation is about: a pure function of (dimensions, sampling, seed, index).

`random` draws every index by itself; `balanced`, which has a module of its own, uses values equally often over any
number of indices. Both are frozen, because an output goes on with the scenarios it was begun with. What is drawn are
numbers of values; their texts are looked up for the index that needs them.
"""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, TypeAlias

from asyncgen.recipe.balanced import BLOCK_SIZE, Balanced, Numbers, share_out, weights_of
from asyncgen.recipe.bindings import Bindings, Choice, Context
from asyncgen.recipe.recipe import Dimension
from asyncgen.recipe.values import Values

Scenario: TypeAlias = Mapping[str, str]
Drawn: TypeAlias = tuple[tuple[str, str], ...]  # group and value


class Scenarios:
    """Draws scenarios, in any order; in order is quickest.

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
        self._values = [Values(each) for each in dimensions]
        self._texts = [
            (each.name, values.texts, each.pick is not None)
            for each, values in zip(dimensions, self._values, strict=True)
        ]
        self._source = Balanced(dimensions, seed, block_size) if sampling == "balanced" else _Random(dimensions, seed)

    def draw(self, index: int) -> dict[str, str]:
        """The text of each dimension: its value, or the values of a pick as a "- " list."""
        return {
            name: list_text([texts[each] for each in numbers]) if is_list else texts[numbers[0]]
            for (name, texts, is_list), numbers in zip(self._texts, self._source.draw(index), strict=True)
        }

    def draw_numbers(self, index: int) -> tuple[Numbers, ...]:
        """What the texts are made of: for each dimension the numbers of its values as drawn; see `Values`."""
        return self._source.draw(index)

    def draw_values(self, index: int) -> dict[str, Drawn]:
        """The same as (group, value) pairs, by the dimension's name."""
        return {
            values.name: tuple([values.pair(each) for each in numbers])
            for values, numbers in zip(self._values, self._source.draw(index), strict=True)
        }


def list_text(values: Sequence[str]) -> str:
    """How a prompt says the values of a pick."""
    return "- " + "\n- ".join(values)


class _Random:
    """Frozen call by call: one call more or less on `rng` would change every data set made with it."""

    def __init__(self, dimensions: Sequence[Dimension], seed: int | None) -> None:
        self._dimensions = tuple(dimensions)
        self._bindings = Bindings(dimensions)
        self._seed = seed
        self._shares = cache(self._find_shares)

    def draw(self, index: int) -> tuple[Numbers, ...]:
        rng = random.Random(index if self._seed is None else f"{self._seed}:{index}")
        bindings = self._bindings
        drawn: dict[int, Numbers] = {}
        for place in bindings.order_of_recipe:
            context = tuple([bindings.classes[parent][drawn[parent][0]] for parent in bindings.parents[place]])
            choices, dimension = bindings.choices(place, context), self._dimensions[place]
            if dimension.pick is not None and dimension.by_weight is True:
                choices = [rng.choices(part, weights)[0] for part, weights in self._shares(place, context)]
            elif dimension.pick is not None:
                choices = rng.sample(choices, min(dimension.pick, len(choices)))
            elif dimension.grouped:
                choices = [rng.choice(choices)]
            drawn[place] = tuple(
                [
                    rng.choice(each.numbers) if each.weights is None else rng.choices(each.numbers, each.weights)[0]
                    for each in choices
                ]
            )
        return tuple([drawn[place] for place in range(len(self._dimensions))])

    def _find_shares(self, place: int, context: Context) -> Sequence[tuple[Sequence[Choice], Sequence[float]]]:
        """The groups that a pick by weight has one value each of, with their weights."""
        parts = share_out(self._bindings.choices(place, context), self._dimensions[place].pick or 1)
        return [(part, [sum(weights_of(each)) for each in part]) for part in parts]
