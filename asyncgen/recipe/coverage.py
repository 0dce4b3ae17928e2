"""How evenly the scenarios of the first indices use the values of each dimension, and which pairs of them they meet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from asyncgen.recipe.bindings import Bindings
from asyncgen.recipe.recipe import Dimension
from asyncgen.recipe.scenario import Scenarios

MOST_PAIRS = 16_000_000  # of two dimensions, a byte each; beyond, nobody asks for all of them


@dataclass(frozen=True, slots=True)
class Uses:
    """How evenly the values of a dimension are used: by how many indices the rarest and the most frequent one."""

    name: str
    values: int
    used: int
    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many of the pairs of two dimensions' values are met, of those that bindings allow."""

    name: str
    pairs: int
    met: int


@dataclass(frozen=True, slots=True)
class Coverage:
    uses: Sequence[Uses]
    pairs: Sequence[Pairs]


def count_coverage(dimensions: Sequence[Dimension], scenarios: Scenarios, num: int) -> Coverage:
    """Count values and pairs over the indices below `num`; dimensions with a pick take no part in pairs."""
    bindings = Bindings(dimensions)
    sizes = [each.size for each in dimensions]
    uses = [[0] * size for size in sizes]
    singles = [position for position, dimension in enumerate(dimensions) if dimension.pick is None]
    # A byte a pair: a set of the pairs met would grow with num.
    met = {
        (a, b): bytearray(sizes[a] * sizes[b]) for a, b in combinations(singles, 2) if sizes[a] * sizes[b] <= MOST_PAIRS
    }
    for index in range(num):
        drawn = scenarios.draw_numbers(index)
        for counts, values in zip(uses, drawn, strict=True):
            for value in values:
                counts[value] += 1
        for (a, b), table in met.items():
            table[drawn[a][0] * sizes[b] + drawn[b][0]] = 1
    return Coverage(
        [each for dimension, counts in zip(dimensions, uses, strict=True) for each in _summarise(dimension, counts)],
        [
            Pairs(f"{dimensions[a].name} x {dimensions[b].name}", bindings.count_pairs(a, b), table.count(1))
            for (a, b), table in met.items()
        ],
    )


def _summarise(dimension: Dimension, counts: list[int]) -> Iterator[Uses]:
    if dimension.pick is None:
        yield _uses(dimension.name, counts)
        return
    rest = iter(counts)
    by_group = [sum(islice(rest, len(group.values))) for group in dimension.groups]
    yield _uses(f"{dimension.name}, groups", by_group)
    if dimension.by_weight is not True:
        yield _uses(f"{dimension.name}, values", counts)
        return
    weights = [weight for group in dimension.groups for weight in group.weights or [1.0] * len(group.values)]
    for heavy in sorted(set(weights), reverse=True):
        alike = [count for weight, count in zip(weights, counts, strict=True) if weight == heavy]
        yield _uses(f"{dimension.name}, weight {heavy:g}", alike)


def _uses(name: str, counts: list[int]) -> Uses:
    return Uses(name, len(counts), sum(count > 0 for count in counts), min(counts), max(counts))
