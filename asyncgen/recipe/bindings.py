"""Which values of a dimension may stand beside which values of others (`only_with`), as small numbers.

A dimension with bound values is dealt anew in each of its contexts. A context says of every dimension that has a say,
its parents, only what matters: which of the conditions that name it its value fulfils, numbered as a class. Where two
parents decide together, the later one is dealt in contexts of the earlier one too, although none of its values need be
bound: how often their classes occur together is then known in closed form for any number of indices.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain, product
from math import prod
from typing import NamedTuple, TypeAlias

from asyncgen.recipe.recipe import Condition, Dimension

Context: TypeAlias = tuple[int, ...]  # a class for each parent, in their order
MOST_CONTEXTS = 4096  # of one dimension
_COUNTED_PAIRS = 1_000_000


class Choice(NamedTuple):
    """The values of a group that may be drawn: their numbers in the dimension, and their weights if there are any."""

    group: int
    numbers: Sequence[int]
    weights: Sequence[float] | None


class Bindings:
    """`order`: positions of dimensions, parents before those they decide upon, else the one with more values first.

    `order_of_recipe`: else as they stand there. `parents`: for each dimension those that decide upon it, in that order.
    `classes`: by value; empty for a dimension that decides upon nothing. Raises ValueError for a condition on a
    dimension that is not there or gives several values, for a circle, and for too many contexts.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._dimensions = dimensions
        self._positions = {each.name: place for place, each in enumerate(dimensions) if each.pick is None}
        named: list[set[int]] = [set() for _ in dimensions]
        self._tests: list[list[tuple[str, ...]]] = [[] for _ in dimensions]
        for place, dimension in enumerate(dimensions):
            for name, words in chain.from_iterable(conditions_of(dimension)):
                if name not in self._positions:
                    raise ValueError(f"dimension {dimension.name!r} is bound to {name!r}, which gives no single value")
                parent = self._positions[name]
                named[place].add(parent)
                if words not in self._tests[parent]:
                    self._tests[parent].append(words)
        self.order = _sort(named, [each.size for each in dimensions])
        self.parents = _close(named, self.order)
        self.order_of_recipe = _sort(self.parents, [0] * len(dimensions))
        self._results: list[list[tuple[bool, ...]]] = [[] for _ in dimensions]  # of the tests, by class
        self.classes = [self._classify(place) if tests else () for place, tests in enumerate(self._tests)]
        if any(prod(len(self._results[each]) for each in parents) > MOST_CONTEXTS for parents in self.parents):
            raise ValueError(f"values are bound in more than {MOST_CONTEXTS:,} different ways")
        self.choices = lru_cache(maxsize=None)(self._find_choices)

    def _classify(self, place: int) -> Sequence[int]:
        tests, results = self._tests[place], self._results[place]
        classes = []
        for group in self._dimensions[place].groups:
            for value in group.values:
                result = tuple([value in words or group.name in words for words in tests])
                if result not in results:
                    results.append(result)
                classes.append(results.index(result))
        return classes

    def _find_choices(self, place: int, context: Context) -> Sequence[Choice]:
        """What a dimension may give in a context; groups without any such value are left out."""
        classes = dict(zip(self.parents[place], context, strict=True))
        choices, start = [], 0
        for position, group in enumerate(self._dimensions[place].groups):
            numbers: Sequence[int] = range(start, start + len(group.values))
            barred = {
                number
                for number, condition in group.only_with or ()
                for parent, words in ((self._positions[name], words) for name, words in condition)
                if not self._results[parent][classes[parent]][self._tests[parent].index(words)]
            }
            if None in barred:
                numbers = ()
            elif barred:
                numbers = [number for number in numbers if number - start not in barred]
            if numbers:
                weights = group.weights and [group.weights[number - start] for number in numbers]
                choices.append(Choice(position, numbers, weights))
            start += len(group.values)
        return choices

    def project(self, place: int, context: Context, parents: Sequence[int]) -> Context:
        """What a context of this dimension says about some of its parents."""
        return tuple([context[self.parents[place].index(each)] for each in parents])

    def reachable(self, parents: Sequence[int]) -> frozenset[Context]:
        """The contexts of these parents that occur."""
        if not parents:
            return frozenset([()])
        *others, last = parents
        classes = self.classes[last]
        return frozenset(
            (*self.project(last, context, others), each)
            for context in self.reachable(self.parents[last])
            for choice in self.choices(last, context)
            for each in {classes[number] for number in choice.numbers}
        )

    def count_pairs(self, one: int, other: int) -> int:
        """How many pairs of values of two dimensions may be drawn together; of very many, how many there are."""
        if self.order.index(one) > self.order.index(other):
            one, other = other, one
        size = self._dimensions[one].size * self._dimensions[other].size
        if not (self.parents[one] or self.parents[other]) or size > _COUNTED_PAIRS:
            return size
        pairs: set[tuple[int, int]] = set()
        for first, second in product(self.reachable(self.parents[one]), self.reachable(self.parents[other])):
            known = dict(zip(self.parents[one], first, strict=True))
            decided = dict(zip(self.parents[other], second, strict=True))
            if any(decided.get(place, each) != each for place, each in known.items()):
                continue
            values = [
                number
                for choice in self.choices(one, first)
                for number in choice.numbers
                if one not in decided or self.classes[one][number] == decided[one]
            ]
            pairs.update(product(values, chain(*(choice.numbers for choice in self.choices(other, second)))))
        return len(pairs)

    def describe(self, place: int, context: Context) -> str:
        """A context by the first value of each parent that has the class."""
        words = []
        for parent, each in zip(self.parents[place], context, strict=True):
            dimension, classes = self._dimensions[parent], self.classes[parent]
            value = next(value for value, found in zip(dimension.values, classes, strict=True) if found == each)
            words.append(f"{dimension.name} {value!r}")
        return " and ".join(words)


def conditions_of(dimension: Dimension) -> list[Condition]:
    return [condition for group in dimension.groups for _, condition in group.only_with or ()]


def _sort(named: Sequence[Collection[int]], sizes: Sequence[int]) -> list[int]:
    order: list[int] = []
    while len(order) < len(named):
        free = [place for place, parents in enumerate(named) if place not in order and set(parents).issubset(order)]
        if not free:
            raise ValueError("dimensions are bound to each other in a circle")
        order.append(max(free, key=lambda place: (sizes[place], -place)))
    return order


def _close(named: Sequence[set[int]], order: Sequence[int]) -> list[tuple[int, ...]]:
    """With every two parents of a dimension, the later one dealt in contexts of the earlier one."""
    parents = [set(each) for each in named]
    pending = [*order]
    while pending:
        chosen = sorted(parents[pending.pop()], key=order.index)
        for count, parent in enumerate(chosen):
            if not parents[parent].issuperset(chosen[:count]):
                parents[parent].update(chosen[:count])
                pending.append(parent)
    return [tuple(sorted(each, key=order.index)) for each in parents]
