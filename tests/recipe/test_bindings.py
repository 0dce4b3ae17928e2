from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sweep import at_most

from asyncgen.recipe.bindings import Bindings
from asyncgen.recipe.recipe import Condition, Dimension, Group
from asyncgen.recipe.scenario import Drawn, Scenarios

Only = tuple[tuple[int | None, Condition], ...]
SIZES = st.integers(1, 4)


@st.composite
def some_condition(draw: st.DrawFn, earlier: Sequence[Dimension]) -> Condition:
    chosen = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2, unique_by=lambda each: each.name))
    return tuple((each.name, tuple(draw(some_words(each)))) for each in chosen)


def some_words(dimension: Dimension) -> st.SearchStrategy[list[str]]:
    values = [value for group in dimension.groups for value in group.values]
    groups = [group.name for group in dimension.groups if dimension.grouped]
    return st.lists(st.sampled_from(values + groups), min_size=1, max_size=3, unique=True)


@st.composite
def some_group(draw: st.DrawFn, dimension: str, number: int, earlier: Sequence[Dimension]) -> Group:
    size = draw(SIZES)
    weights = draw(st.none() | st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=size, max_size=size))
    only_with: Only = ()
    if singles := [each for each in earlier if each.pick is None]:
        places = draw(st.lists(st.none() | st.integers(0, size - 1), max_size=2, unique=True))
        only_with = tuple((place, draw(some_condition(singles))) for place in places)
    group = Group(f"g{number}", tuple(f"{dimension}{number}{place}" for place in range(size)))
    group = replace(group, weights=None if weights is None else tuple(weights))
    return replace(group, only_with=only_with) if only_with else group


@st.composite
def bound_dimensions(draw: st.DrawFn) -> tuple[Dimension, ...]:
    """Up to four dimensions in any order, each bound to some of those made before it; every context leaves a value."""
    made: list[Dimension] = []
    for name in "abcd"[: draw(st.integers(2, 4))]:
        groups = tuple(draw(some_group(name, number, made)) for number in range(draw(st.integers(1, 3))))
        pick = draw(st.none() | st.integers(1, 2)) if made else None
        made.append(Dimension(name, groups, grouped=True, pick=pick))
    dimensions = tuple(draw(st.permutations(made)))
    bindings = Bindings(dimensions)
    for place, parents in enumerate(bindings.parents):
        assume(all(bindings.choices(place, context) for context in bindings.reachable(parents)))
    return dimensions


def fulfils(row: dict[str, Drawn], condition: Condition) -> bool:
    return all(set(words).intersection(*[row[name][0]]) for name, words in condition)


def allowed(row: dict[str, Drawn], group: Group) -> tuple[tuple[str, float], ...]:
    """The values of a group that may stand beside the others of the row, each with its weight."""
    barred = {place for place, condition in group.only_with or () if not fulfils(row, condition)}
    weights = group.weights or [1.0] * len(group.values)
    values = zip(group.values, weights, strict=True)
    return () if None in barred else tuple(each for place, each in enumerate(values) if place not in barred)


@pytest.mark.parametrize("sampling", ["balanced", "random"])
@at_most(40)
@given(dimensions=bound_dimensions(), seed=st.none() | st.integers(0, 99))
def test_no_value_stands_beside_what_it_is_not_bound_to(
    sampling: Literal["balanced", "random"], dimensions: tuple[Dimension, ...], seed: int | None
) -> None:
    scenarios = Scenarios(dimensions, sampling=sampling, seed=seed, block_size=25)
    for index in range(60):
        row = scenarios.draw_values(index)
        assert list(row) == [each.name for each in dimensions]
        for dimension in dimensions:
            possible = {group.name: dict(allowed(row, group)) for group in dimension.groups}
            drawn = row[dimension.name]
            assert all(value in possible[group] for group, value in drawn)
            assert len(drawn) == min(dimension.pick or 1, len(list(filter(None, possible.values()))))
            assert len({group for group, _ in drawn}) == len(drawn)


@at_most(50)
@given(bound_dimensions(), st.none() | st.integers(0, 99), st.sampled_from([7, 25]))
def test_every_prefix_is_balanced_among_the_indices_of_a_context(
    dimensions: tuple[Dimension, ...], seed: int | None, block_size: int
) -> None:
    scenarios = Scenarios(dimensions, sampling="balanced", seed=seed, block_size=block_size)
    bindings = Bindings(dimensions)
    columns = [scenarios.draw_numbers(index) for index in range(120)]
    values = [scenarios.draw_values(index) for index in range(120)]
    for place, dimension in enumerate(dimensions):
        parents = bindings.parents[place]
        by_context: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, row in enumerate(columns):
            by_context[tuple(bindings.classes[each][row[each][0]] for each in parents)].append(index)
        for indices in by_context.values():
            weights = {
                (group.name, value): weight
                for group in dimension.groups
                for value, weight in allowed(values[indices[0]], group)
            }
            drawn = [values[index][dimension.name] for index in indices]
            if dimension.pick is None:
                assert_in_proportion([pair for (pair,) in drawn], weights)
            else:
                groups = dict.fromkeys(group for group, _ in weights)
                assert_even([[group for group, _ in pairs] for pairs in drawn], list(groups))
                for name in groups:
                    pairs = [pair for each in drawn for pair in each if pair[0] == name]
                    assert_in_proportion(pairs, {pair: each for pair, each in weights.items() if pair[0] == name})


def assert_even(steps: Sequence[Sequence[object]], values: Sequence[object]) -> None:
    uses = Counter(dict.fromkeys(values, 0))
    for used in steps:
        uses.update(used)
        assert max(uses.values()) - min(uses.values()) <= 1


def assert_in_proportion(used: Sequence[tuple[str, str]], weights: dict[tuple[str, str], float]) -> None:
    if len(set(weights.values())) == 1:
        assert_even([[pair] for pair in used], list(weights))
    uses = Counter(dict.fromkeys(weights, 0))
    total = sum(map(Fraction, weights.values()))
    for count, pair in enumerate(used, 1):
        uses[pair] += 1
        assert all(abs(uses[each] - count * Fraction(weight) / total) <= 2 for each, weight in weights.items())


@at_most(50)
@given(bound_dimensions(), st.none() | st.integers(0, 99), st.lists(st.integers(0, 99), max_size=8))
def test_bound_draws_depend_on_nothing_but_dimensions_seed_and_index(
    dimensions: tuple[Dimension, ...], seed: int | None, indices: list[int]
) -> None:
    def scenarios() -> Scenarios:
        return Scenarios(dimensions, sampling="balanced", seed=seed, block_size=11)

    in_order = scenarios()
    expected = [in_order.draw(index) for index in range(100)]
    any_order = scenarios()
    assert [any_order.draw(index) for index in indices] == [expected[index] for index in indices]


def test_who_decides_stays_balanced_over_all_indices() -> None:
    scenarios = Scenarios(TWO_LANGUAGES, sampling="balanced", seed=None)
    languages = Counter(scenarios.draw(index)["language"] for index in range(3001))
    assert abs(languages["de"] - languages["en"]) == 1


def bound(name: str, **groups: dict[str, str]) -> Dimension:
    """Groups of three values, each bound to one value of each dimension it names."""
    return Dimension(
        name,
        tuple(
            Group(
                group,
                tuple(f"{group} {number}" for number in range(3)),
                only_with=((None, tuple((other, (word,)) for other, word in condition.items())),),
            )
            for group, condition in groups.items()
        ),
        grouped=True,
    )


LANGUAGE = Dimension("language", (Group("", ("de", "en")),))
MOOD = Dimension("mood", (Group("", ("calm", "eager", "cross")),))
TWO_LANGUAGES = (LANGUAGE, bound("opener", german={"language": "de"}, english={"language": "en"}))


def test_openers_of_a_language_are_drawn_with_it_alone_and_equally_often() -> None:
    scenarios = Scenarios(TWO_LANGUAGES, sampling="balanced", seed=3)
    rows = [scenarios.draw(index) for index in range(600)]
    assert all(row["opener"].startswith({"de": "german", "en": "english"}[row["language"]]) for row in rows)
    assert set(Counter(row["opener"] for row in rows).values()) == {100}


def test_what_two_dimensions_decide_together_is_balanced_for_every_pair_of_their_values() -> None:
    both = bound(
        "opener",
        **{
            f"{language}_{mood}": {"language": language, "mood": mood}
            for language in ("de", "en")
            for mood in MOOD.groups[0].values
        },
    )
    scenarios = Scenarios((MOOD, LANGUAGE, both), sampling="balanced", seed=None, block_size=50)
    rows = [scenarios.draw(index) for index in range(1000)]
    assert all(row["opener"].startswith(f"{row['language']}_{row['mood']} ") for row in rows)
    uses = Counter(row["opener"] for row in rows)
    assert len(uses) == 18
    assert max(uses.values()) - min(uses.values()) <= 3


@at_most(40)
@given(bound_dimensions())
def test_no_pair_is_met_that_is_not_counted_as_possible(dimensions: tuple[Dimension, ...]) -> None:
    bindings = Bindings(dimensions)
    scenarios = Scenarios(dimensions, sampling="random", seed=None)
    rows = [scenarios.draw_numbers(index) for index in range(100)]
    for one, other in combinations([place for place, each in enumerate(dimensions) if each.pick is None], 2):
        met = {(row[one], row[other]) for row in rows}
        assert len(met) <= bindings.count_pairs(one, other) <= dimensions[one].size * dimensions[other].size


def test_only_pairs_that_may_be_drawn_together_are_counted() -> None:
    bindings = Bindings((*TWO_LANGUAGES, MOOD))
    assert [bindings.count_pairs(*pair) for pair in ((0, 1), (1, 0), (0, 2), (1, 2))] == [6, 6, 6, 18]


def test_an_index_of_a_million_million_is_found_at_once() -> None:
    scenarios = Scenarios(TWO_LANGUAGES, sampling="balanced", seed=None)
    rows = [scenarios.draw(index) for index in range(10**12, 10**12 + 60)]
    assert max(Counter(row["opener"] for row in rows).values()) <= 12


def test_free_dimensions_are_drawn_as_if_nothing_were_bound() -> None:
    free = Dimension("topic", (Group("", tuple(map(str, range(30)))),))
    alone = Scenarios((free,), sampling="balanced", seed=None)
    beside = Scenarios((free, *TWO_LANGUAGES), sampling="balanced", seed=None)
    assert [alone.draw(index)["topic"] for index in range(100)] == [beside.draw(index)["topic"] for index in range(100)]


@pytest.mark.parametrize(
    ("dimensions", "complaint"),
    [
        ((bound("a", g={"b": "g 0"}), bound("b", g={"a": "g 0"})), "in a circle"),
        ((bound("a", g={"a": "g 0"}),), "in a circle"),
        ((bound("a", g={"b": "x"}),), "'a' is bound to 'b', which gives no single value"),
        ((bound("a", g={"b": "x"}), Dimension("b", (Group("x", ("y",)),), grouped=True, pick=1)), "no single value"),
    ],
)
def test_bindings_that_cannot_be_kept_are_refused(dimensions: tuple[Dimension, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Bindings(dimensions)


def test_more_contexts_than_can_be_told_apart_are_refused() -> None:
    free = [Dimension(name, (Group("", tuple(f"{name}{number}" for number in range(20))),)) for name in "abc"]
    bindings = tuple(
        (place, tuple((each.name, (each.groups[0].values[place],)) for each in free)) for place in range(19)
    )
    last = Dimension("d", (Group("", tuple(map(str, range(20))), only_with=bindings),))
    with pytest.raises(ValueError, match="more than 4,096 different ways"):
        Bindings((*free, last))


@pytest.mark.parametrize("block_size", [1, 5])
def test_blocks_of_any_size_are_dealt_on_where_the_last_one_ended(block_size: int) -> None:
    scenarios = Scenarios(TWO_LANGUAGES, sampling="balanced", seed=None, block_size=block_size)
    uses: Counter[str] = Counter()
    spread = []
    for index in range(120):
        uses[scenarios.draw(index)["opener"]] += 1
        german = [uses[f"german {number}"] for number in range(3)]
        spread.append(max(german) - min(german))
    assert max(spread) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(spread))
