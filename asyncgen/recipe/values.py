"""A dimension's values by their numbers: group after group, in the order of the recipe."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain

from asyncgen.recipe.listed import Texts
from asyncgen.recipe.recipe import Dimension


class Values:
    """`texts`: by number; looked up in their file where they have stayed there."""

    def __init__(self, dimension: Dimension) -> None:
        self.name = dimension.name
        self._groups = [each.name for each in dimension.groups]
        lists = [each.values for each in dimension.groups]
        self._ends = list(accumulate(map(len, lists)))
        is_here = all(isinstance(each, tuple) for each in lists)
        self.texts: Texts = tuple(chain(*lists)) if is_here else _Joined(lists, self._ends)

    def __len__(self) -> int:
        return self._ends[-1]

    def pair(self, number: int) -> tuple[str, str]:
        """Group and value."""
        return self._groups[bisect_right(self._ends, number)], self.texts[number]


class _Joined:
    """Lists one after the other, none of them copied."""

    def __init__(self, lists: Sequence[Texts], ends: Sequence[int]) -> None:
        self._lists = lists
        self._ends = ends

    def __len__(self) -> int:
        return self._ends[-1]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._lists)

    def __getitem__(self, number: int, /) -> str:
        place = bisect_right(self._ends, number)
        return self._lists[place][number - (self._ends[place - 1] if place else 0)]
