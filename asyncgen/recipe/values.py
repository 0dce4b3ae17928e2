"""A dimension's values by their numbers: group after group, in the order of the recipe."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain

from asyncgen.recipe.recipe import Dimension


class Values:
    """`texts`: by number; looked up in their file where they have stayed there."""

    def __init__(self, dimension: Dimension) -> None:
        self._groups = [each.name for each in dimension.groups]
        lists = [each.values for each in dimension.groups]
        self._ends = list(accumulate(map(len, lists)))
        self.texts: Sequence[str] = tuple(chain(*lists))

    def __len__(self) -> int:
        return self._ends[-1]

    def pair(self, number: int) -> tuple[str, str]:
        """Group and value."""
        return self._groups[bisect_right(self._ends, number)], self.texts[number]
