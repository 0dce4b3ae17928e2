import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from hashlib import blake2b
from itertools import combinations
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row
from sweep import sweep

from asyncgen.recipe.balanced import BLOCK_SIZE, SAMPLING_VERSIONS
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.recipe.scenario import Drawn, Scenarios


def flat(name: str, size: int, weights: Sequence[float] | None = None) -> Dimension:
    return Dimension(name, (group("", f"{name} ", size, weights),))


def grouped(name: str, sizes: Iterable[int], pick: int | None = None) -> Dimension:
    groups = tuple(group(f"g{number}", f"g{number} ", size) for number, size in enumerate(sizes))
    return Dimension(name, groups, grouped=True, pick=pick)


def group(name: str, prefix: str, size: int, weights: Sequence[float] | None = None) -> Group:
    values = tuple(f"{prefix}{number}" for number in range(size))
    return Group(name, values, None if weights is None else tuple(weights))


def balanced(dimensions: Sequence[Dimension], seed: int | None = None, block_size: int = BLOCK_SIZE) -> Scenarios:
    return Scenarios(dimensions, sampling="balanced", seed=seed, block_size=block_size)


TOPIC_SIZES = (6, 10, 8, 6, 7, 5, 5, 6, 5)
LIKE_THE_BUILT_IN = (
    grouped("topic", TOPIC_SIZES),
    flat("persona", 12),
    flat("dynamic", 10),
    grouped("first_message_examples", (10, 12, 20, 15, 15, 14, 18, 17), pick=3),
)
WEIGHTED = (
    flat("mood", 3, (2.0, 1.0, 0.5)),
    Dimension("place", (group("in", "in ", 2), group("out", "out ", 3, (1.0, 4.0, 1.0))), grouped=True),
    Dimension(
        "opener", (group("a", "a ", 2, (3.0, 1.0)), group("b", "b ", 4), group("c", "c ", 1)), grouped=True, pick=2
    ),
)

weights = st.none() | st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0, 3.0, 7.5, 100.0]), min_size=7, max_size=7)
seeds = st.none() | st.integers(-5, 10**6)
block_sizes = st.integers(1, 25)


@st.composite
def some_group(draw: st.DrawFn, number: int) -> Group:
    size = draw(st.integers(1, 7))
    given_weights = draw(weights)
    return group(f"g{number}", f"g{number} ", size, given_weights and given_weights[:size])


@st.composite
def some_dimension(draw: st.DrawFn, name: str) -> Dimension:
    groups = tuple(draw(some_group(number)) for number in range(draw(st.integers(1, 6))))
    form = draw(st.sampled_from(["flat", "grouped", "pick"]))
    if form == "flat":
        return Dimension(name, groups[:1])
    return Dimension(name, groups, grouped=True, pick=draw(st.integers(1, 8)) if form == "pick" else None)


@st.composite
def some_dimensions(draw: st.DrawFn) -> tuple[Dimension, ...]:
    return tuple(draw(some_dimension(name)) for name in "abcd"[: draw(st.integers(1, 4))])


def assert_even_in_every_prefix(steps: Iterable[Sequence[object]], values: Sequence[object]) -> None:
    uses = Counter(dict.fromkeys(values, 0))
    for used in steps:
        uses.update(used)
        assert max(uses.values()) - min(uses.values()) <= 1
    assert set(uses) == set(values)


def assert_in_proportion_in_every_prefix(used: Iterable[object], shares: dict[object, Fraction]) -> None:
    uses = Counter(dict.fromkeys(shares, 0))
    for count, value in enumerate(used, 1):
        uses[value] += 1
        assert all(abs(uses[each] - count * share) <= 2 for each, share in shares.items())


def assert_balanced(used: Sequence[object], groups: Iterable[Group]) -> None:
    listed = list(groups)
    weight = {
        (each.name, value): Fraction(share)
        for each in listed
        for value, share in zip(each.values, each.weights or [1.0] * len(each.values), strict=True)
    }
    if all(each.weights is None for each in listed):
        assert_even_in_every_prefix(((value,) for value in used), list(weight))
    else:
        total = sum(weight.values())
        assert_in_proportion_in_every_prefix(used, {value: each / total for value, each in weight.items()})


@pytest.mark.parametrize("sampling", ["balanced", "random"])
@given(dimensions=some_dimensions(), seed=seeds, block_size=block_sizes, data=st.data())
def test_a_draw_depends_on_nothing_but_dimensions_seed_and_index(
    sampling: Literal["balanced", "random"],
    dimensions: tuple[Dimension, ...],
    seed: int | None,
    block_size: int,
    data: st.DataObject,
) -> None:
    def scenarios() -> Scenarios:
        return Scenarios(dimensions, sampling=sampling, seed=seed, block_size=block_size)

    in_order = scenarios()
    expected = [in_order.draw(index) for index in range(3 * block_size)]
    indices = data.draw(st.lists(st.integers(0, 3 * block_size - 1), max_size=10))
    any_order = scenarios()
    assert [any_order.draw(index) for index in indices] == [expected[index] for index in indices]
    assert [scenarios().draw(index) for index in indices] == [expected[index] for index in indices]


@given(some_dimensions(), seeds, block_sizes)
def test_every_prefix_of_indices_is_balanced(
    dimensions: tuple[Dimension, ...], seed: int | None, block_size: int
) -> None:
    scenarios = balanced(dimensions, seed, block_size)
    rows = [scenarios.draw_values(index) for index in range(max(60, 3 * block_size))]
    for dimension in dimensions:
        column = [row[dimension.name] for row in rows]
        if dimension.pick is None:
            assert_balanced([drawn for (drawn,) in column], dimension.groups)
            continue
        names = [[name for name, _ in drawn] for drawn in column]
        assert_even_in_every_prefix(names, [each.name for each in dimension.groups])
        assert all(len(set(each)) == min(dimension.pick, len(dimension.groups)) == len(each) for each in names)
        for each in dimension.groups:
            assert_balanced([pair for drawn in column for pair in drawn if pair[0] == each.name], [each])


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=30), seeds, st.sampled_from([7, 100]))
def test_no_weights_however_uneven_take_a_value_further_than_two_uses_from_its_share(
    uneven: list[float], seed: int | None, block_size: int
) -> None:
    dimension = flat("a", len(uneven), uneven)
    scenarios = balanced([dimension], seed, block_size)
    assert_balanced([scenarios.draw_values(index)["a"][0] for index in range(150)], dimension.groups)


def test_weights_that_halve_from_value_to_value_keep_their_shares() -> None:
    dimension = flat("a", 40, [2.0**-power for power in range(40)])
    scenarios = balanced([dimension], block_size=90)
    assert_balanced([scenarios.draw_values(index)["a"][0] for index in range(400)], dimension.groups)


def test_equal_weights_are_as_even_as_none() -> None:
    scenarios = balanced([flat("a", 5, [3.0] * 5)])
    drawn = [scenarios.draw(index)["a"] for index in range(100)]
    assert_even_in_every_prefix(((value,) for value in drawn), [f"a {number}" for number in range(5)])


def test_more_values_than_a_block_are_all_used_before_one_comes_again() -> None:
    size = BLOCK_SIZE + 500
    scenarios = balanced([flat("a", size), flat("b", size)])
    rows = [scenarios.draw(index) for index in range(2 * size)]
    for name in "ab":
        cycle = sorted(f"{name} {number}" for number in range(size))
        assert sorted(row[name] for row in rows[:size]) == sorted(row[name] for row in rows[size:]) == cycle


def test_more_groups_than_a_block_are_all_used_before_one_comes_again() -> None:
    scenarios = balanced([grouped("a", [2] * 50, pick=3)], block_size=7)
    rows = [scenarios.draw_values(index)["a"] for index in range(60)]
    assert_even_in_every_prefix([[name for name, _ in row] for row in rows], [f"g{number}" for number in range(50)])


def test_an_index_of_a_million_million_is_as_balanced_as_the_first() -> None:
    scenarios = balanced((*LIKE_THE_BUILT_IN, *WEIGHTED))
    first = 10**12 // 58 * 58
    rows = [scenarios.draw_values(index) for index in range(first, first + 58)]
    assert len({row["topic"] for row in rows}) == 58
    assert Counter(row["mood"][0][1] for row in rows)["mood 0"] == pytest.approx(58 * 2 / 3.5, abs=4)


def pair_coverage(dimensions: Sequence[Dimension], seed: int | None) -> dict[tuple[str, str], float]:
    """Share of the pairs of any two dimensions that are met once as many indices are drawn as there are pairs."""
    scenarios = balanced(dimensions, seed)
    sizes = {each.name: sum(len(group.values) for group in each.groups) for each in dimensions}
    pairs = {(a, b): sizes[a] * sizes[b] for a, b in combinations(sizes, 2)}
    rows = [scenarios.draw(index) for index in range(max(pairs.values()))]
    return {(a, b): len({(row[a], row[b]) for row in rows[:count]}) / count for (a, b), count in pairs.items()}


@each_row("seed", [None, *sweep(20)])
def test_four_pairs_of_five_are_met_when_as_many_indices_are_drawn_as_there_are_pairs(seed: int | None) -> None:
    assert min(pair_coverage(LIKE_THE_BUILT_IN[:3], seed).values()) >= 0.8


def test_the_built_in_recipe_meets_four_pairs_of_five() -> None:
    dimensions = [each for each in load_recipe("nanochat").dimensions if each.name in {"topic", "persona", "dynamic"}]
    assert set(pair_coverage(dimensions, None)) == {("topic", "persona"), ("topic", "dynamic"), ("persona", "dynamic")}
    assert min(pair_coverage(dimensions, None).values()) >= 0.8


def test_dimensions_with_the_same_weights_do_not_run_in_step() -> None:
    scenarios = balanced([flat(name, 3, (3.0, 2.0, 1.0)) for name in "ab"])
    rows = [scenarios.draw(index) for index in range(60)]
    assert len({(row["a"], row["b"]) for row in rows}) == 9


@pytest.mark.parametrize("sampling", ["balanced", "random"])
def test_another_seed_gives_other_scenarios(sampling: Literal["balanced", "random"]) -> None:
    first, second, third = (
        [scenarios.draw(index) for index in range(5)]
        for scenarios in [Scenarios(LIKE_THE_BUILT_IN, sampling=sampling, seed=seed) for seed in (None, 0, 1)]
    )
    assert first != second != third != first


@pytest.mark.parametrize("sampling", ["balanced", "random"])
def test_a_pick_is_put_into_the_prompt_as_a_list_in_the_order_drawn(sampling: Literal["balanced", "random"]) -> None:
    scenarios = Scenarios(LIKE_THE_BUILT_IN, sampling=sampling, seed=None)
    values = scenarios.draw_values(7)["first_message_examples"]
    assert len(values) == 3
    assert scenarios.draw(7)["first_message_examples"] == "\n".join(f"- {value}" for _, value in values)


def test_a_pick_of_one_is_a_list_of_one() -> None:
    assert balanced([grouped("a", [1, 1], pick=1)]).draw(0)["a"] in {"- g0 0", "- g1 0"}


def test_one_value_is_drawn_every_time() -> None:
    scenarios = balanced([flat("a", 1), flat("b", 2)])
    assert {scenarios.draw(index)["a"] for index in range(10)} == {"a 0"}


def draw_as_frozen(dimensions: Sequence[Dimension], seed: int | None, index: int) -> dict[str, Drawn]:
    """The frozen definition of `random`, on plain dictionaries and lists."""
    rng = random.Random(index) if seed is None else random.Random(f"{seed}:{index}")

    def choose(each: Group) -> tuple[str, str]:
        values = list(each.values)
        if each.weights is not None:
            return each.name, rng.choices(values, weights=list(each.weights))[0]
        return each.name, rng.choice(values)

    drawn: dict[str, Drawn] = {}
    for dimension in dimensions:
        groups = {each.name: each for each in dimension.groups}
        if dimension.pick is not None:
            names = rng.sample(list(groups), min(dimension.pick, len(groups)))
        elif dimension.grouped:
            names = [rng.choice(list(groups))]
        else:
            names = list(groups)
        drawn[dimension.name] = tuple(choose(groups[name]) for name in names)
    return drawn


@given(some_dimensions(), seeds, st.integers(0, 10**12))
def test_random_draws_are_those_of_the_frozen_definition(
    dimensions: tuple[Dimension, ...], seed: int | None, index: int
) -> None:
    scenarios = Scenarios(dimensions, sampling="random", seed=seed)
    assert scenarios.draw_values(index) == draw_as_frozen(dimensions, seed, index)


@pytest.mark.parametrize(
    ("sampling", "seed", "index", "texts"),
    [
        (
            "balanced",
            None,
            0,
            ["g1 9", "persona 11", "dynamic 8", "- g5 5\n- g7 0\n- g4 6", "mood 1", "out 1", "- c 0\n- a 0"],
        ),
        (
            "balanced",
            7,
            5000,
            ["g5 4", "persona 7", "dynamic 3", "- g1 1\n- g2 6\n- g0 1", "mood 1", "out 2", "- b 3\n- c 0"],
        ),
        (
            "random",
            None,
            0,
            ["g6 3", "persona 0", "dynamic 4", "- g7 15\n- g3 5\n- g2 18", "mood 2", "in 0", "- b 0\n- a 0"],
        ),
        (
            "random",
            7,
            5000,
            ["g5 4", "persona 1", "dynamic 7", "- g1 7\n- g3 13\n- g4 10", "mood 0", "out 1", "- c 0\n- a 0"],
        ),
    ],
)
def test_a_released_scenario_stays_what_it_was(
    sampling: Literal["balanced", "random"], seed: int | None, index: int, texts: list[str]
) -> None:
    scenarios = Scenarios((*LIKE_THE_BUILT_IN, *WEIGHTED), sampling=sampling, seed=seed)
    assert list(scenarios.draw(index).values()) == texts


@pytest.mark.parametrize(
    ("sampling", "digest"), [("balanced", "balanced/1 3dbd095f696f1fe1"), ("random", "random/1 0e54076fd09a21a3")]
)
def test_changed_draws_need_a_new_sampling_version(sampling: Literal["balanced", "random"], digest: str) -> None:
    scenarios = Scenarios((*LIKE_THE_BUILT_IN, *WEIGHTED), sampling=sampling, seed=None)
    drawn = [list(scenarios.draw(index).values()) for index in range(BLOCK_SIZE - 100, BLOCK_SIZE + 100)]
    assert f"{SAMPLING_VERSIONS[sampling]} {blake2b(repr(drawn).encode(), digest_size=8).hexdigest()}" == digest


@pytest.mark.parametrize(
    ("sampling", "seed", "digest"),
    [
        ("balanced", None, "4a4c7aa4044e4292"),
        ("random", 7, "0a85a293c197a0a5"),
        pytest.param("balanced", 7, "ae9e9d499f4ca9e5", marks=pytest.mark.slow),
        pytest.param("random", None, "124e97afa1c31c63", marks=pytest.mark.slow),
    ],
)
def test_the_first_scenarios_of_the_built_in_recipe_stay_what_they_are(
    sampling: Literal["balanced", "random"], seed: int | None, digest: str
) -> None:
    scenarios = Scenarios(load_recipe("nanochat").dimensions, sampling=sampling, seed=seed)
    found = blake2b(digest_size=8)
    for index in range(5000):
        found.update(json.dumps(scenarios.draw(index)).encode())
    assert found.hexdigest() == digest
