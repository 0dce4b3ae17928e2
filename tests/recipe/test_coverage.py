"""How evenly scenarios use values and meet pairs, counted as a plan tells it."""

import math
from collections.abc import Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from asyncgen.recipe.coverage import count_coverage
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.recipe.scenario import Scenarios


def dimension(name: str, sizes: Sequence[int], pick: int | None) -> Dimension:
    groups = [Group(f"g{number}", tuple(f"{value}" for value in range(size))) for number, size in enumerate(sizes)]
    return Dimension(name, tuple(groups), grouped=True, pick=pick)


@given(
    shapes=st.lists(
        st.tuples(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.none() | st.integers(1, 4)),
        min_size=1,
        max_size=4,
    ),
    num=st.integers(1, 30),
)
def test_coverage_counts_what_is_drawn(shapes: list[tuple[list[int], int | None]], num: int) -> None:
    dimensions = [dimension(f"d{number}", *shape) for number, shape in enumerate(shapes)]
    scenarios = Scenarios(dimensions, sampling="random", seed=None)
    drawn = [scenarios.draw_values(index) for index in range(num)]
    uses, pairs = [], []
    for each in dimensions:
        used = [value for draw in drawn for value in draw[each.name]]
        values = [(group.name, value) for group in each.groups for value in group.values]
        if each.pick is None:
            columns = [(each.name, values, used)]
        else:
            groups = [(group.name, "") for group in each.groups]
            columns = [
                (f"{each.name}, groups", groups, [(group, "") for group, _ in used]),
                (f"{each.name}, values", values, used),
            ]
        for name, there, taken in columns:
            times = [taken.count(value) for value in there]
            uses.append((name, len(there), len(set(taken)), min(times), max(times)))
    for a, b in combinations([each for each in dimensions if each.pick is None], 2):
        met = {(draw[a.name], draw[b.name]) for draw in drawn}
        size = math.prod(sum(len(group.values) for group in each.groups) for each in (a, b))
        pairs.append((f"{a.name} x {b.name}", size, len(met)))
    coverage = count_coverage(dimensions, scenarios, num)
    assert [(each.name, each.values, each.used, each.fewest, each.most) for each in coverage.uses] == uses
    assert [(each.name, each.pairs, each.met) for each in coverage.pairs] == pairs
