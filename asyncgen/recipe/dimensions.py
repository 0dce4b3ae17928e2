"""The dimensions of a recipe.toml: their values, and which of them are bound to values of other dimensions."""

import math
from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.bindings import Bindings
from asyncgen.recipe.language import LANGUAGE
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.recipe import KNOWLEDGE, PLACEHOLDER, Condition, Dimension, Group
from asyncgen.recipe.tables import ConditionTable, DimensionTable, ValueList, ValueTable, Words
from asyncgen.recipe.values import Values

SHOWN = 8  # values named in a sentence


def read_dimensions(
    tables: Sequence[DimensionTable | None], language: Sequence[str], problems: Problems
) -> tuple[tuple[Dimension, ...], Mapping[str, Key]]:
    """All dimensions, and where each name stands; fewer dimensions only after a problem.

    Several languages are a dimension of that name, which is made where the recipe has none.
    """
    keys = _check_names(tables, problems)
    read = [
        _read_dimension(("dimension", place), each, problems) for place, each in enumerate(tables) if each is not None
    ]
    dimensions = tuple(each for each in read if each is not None)
    if len(language) > 1:
        if LANGUAGE not in keys:
            keys[LANGUAGE] = (LANGUAGE,)
            dimensions += (Dimension(LANGUAGE, (Group("", tuple(language)),)),)
        for each in dimensions:
            _check_language(keys[LANGUAGE], each, language, problems)
    if len(dimensions) == len(keys):
        _check_bindings(dimensions, keys, problems)
    return dimensions, keys


def _check_names(tables: Sequence[DimensionTable | None], problems: Problems) -> dict[str, Key]:
    """Where each name stands."""
    keys: dict[str, Key] = {}
    for place, table in enumerate(tables):
        name, key = None if table is None else table.name, ("dimension", place, "name")
        if name is None:
            continue
        if not PLACEHOLDER.fullmatch("{" + name + "}"):
            problems.add(key, f"expected letters, digits and _, got {name!r}")
        elif name == KNOWLEDGE:
            problems.add(key, f"expected another name, {{{KNOWLEDGE}}} is the knowledge base")
        elif name in keys:
            problems.add(key, f"expected a new name, {name!r} is there twice")
        keys.setdefault(name, ("dimension", place))
    return keys


def _read_dimension(key: Key, table: DimensionTable, problems: Problems) -> Dimension | None:
    """None where it cannot be used."""
    groups, values, pick = table.groups, table.values, table.pick
    if not problems.touch(key):
        if (groups is None) == (values is None):
            problems.add(key, f"expected either groups or values in dimension {table.name!r}")
        elif groups is None and pick is not None:
            problems.add((*key, "pick"), "expected groups to pick from, got values")
        elif groups is not None and pick is not None and pick > len(groups):
            problems.add((*key, "pick"), f"expected at most {len(groups)}, as many as there are groups, got {pick}")
    for name in table.only_with:
        if groups is None:
            problems.add((*key, "only_with"), 'expected groups to bind; a value is {value = "...", only_with = {...}}')
        elif name not in groups:
            expected = f"expected one of the groups {', '.join(groups)}"
            problems.add((*key, "only_with", name), f"{expected}{did_you_mean(name, groups)}")
    if groups is None:
        read = [] if values is None else [_read_group((*key, "values"), "", values, None, problems)]
    else:
        read = [
            _read_group((*key, "groups", name), name, each, table.only_with.get(name), problems)
            for name, each in groups.items()
        ]
    if problems.touch(key) or table.name is None:
        return None
    return Dimension(table.name, tuple(filter(None, read)), grouped=groups is not None, pick=pick)


def _read_group(key: Key, name: str, given: ValueList, condition: ConditionTable, problems: Problems) -> Group | None:
    """`condition`: of the whole group. None where it cannot be used."""
    values: dict[str, ValueTable] = {}
    for place, each in enumerate(given or ()):
        table = ValueTable(each) if isinstance(each, str) else each
        if table is None or table.value is None:
            continue
        if not table.value.strip():
            problems.add((*key, place), "expected text, got a blank value")
        elif table.value in values:
            problems.add((*key, place), f"{table.value!r} is there twice, expected a weight instead")
        values[table.value] = table
    weights = tuple(1.0 if each.weight is None else each.weight for each in values.values())
    if not math.isfinite(sum(weights)):
        problems.add(key, "expected weights with a finite sum")
    if problems.touch(key):
        return None
    bound = [(None, condition), *((place, each.only_with) for place, each in enumerate(values.values()))]
    only_with = tuple((place, _condition(each)) for place, each in bound if each)
    has_weights = any(each.weight is not None for each in values.values())
    return Group(name, tuple(values), weights if has_weights else None, only_with or UNSET)


def _condition(table: Mapping[str, Words]) -> Condition:
    return tuple(
        (name, (words,) if isinstance(words, str) else tuple(filter(None, words or ())))
        for name, words in table.items()
    )


# ---- between dimensions


def _check_language(key: Key, dimension: Dimension, language: Sequence[str], problems: Problems) -> None:
    if dimension.name != LANGUAGE:
        return
    values = [value for group in dimension.groups for value in group.values]
    if dimension.pick is not None or sorted(values) != sorted(language):
        expected = f"expected the values {', '.join(language)} of the recipe's languages"
        problems.add(key, f"{expected}, one for each conversation, got {', '.join(values)}")


def _check_bindings(dimensions: Sequence[Dimension], keys: Mapping[str, Key], problems: Problems) -> None:
    """Every condition names what there is, every context leaves a value, and every value has a context."""
    before = len(problems.found)
    for dimension in dimensions:
        others = {each.name: each for each in dimensions if each is not dimension}
        for key, condition in _conditions(dimension, keys[dimension.name]):
            for name, words in condition:
                _check_words((*key, name), words, name, others, problems)
    if len(problems.found) > before:
        return
    try:
        bindings = Bindings(dimensions)
    except ValueError as error:
        problems.add(("dimension",), str(error))
        return
    for place, dimension in enumerate(dimensions):
        drawn: set[int] = set()
        for context in sorted(bindings.reachable(bindings.parents[place])):
            choices = bindings.choices(place, context)
            drawn.update(*(each.numbers for each in choices))
            if not choices:
                problems.add(keys[dimension.name], f"no value may be drawn beside {bindings.describe(place, context)}")
        if dimension.size > len(drawn):
            never = next(text for number, text in enumerate(Values(dimension).texts) if number not in drawn)
            problems.add(keys[dimension.name], f"{never!r} can never be drawn: nothing fulfils its only_with")


def _conditions(dimension: Dimension, key: Key) -> Iterator[tuple[Key, Condition]]:
    """Every condition, and where it stands."""
    for group in dimension.groups:
        values = (*key, "groups", group.name) if dimension.grouped else (*key, "values")
        for place, condition in group.only_with or ():
            yield (*key, "only_with", group.name) if place is None else (*values, place, "only_with"), condition


def _check_words(
    key: Key, words: Sequence[str], name: str, others: Mapping[str, Dimension], problems: Problems
) -> None:
    other = others.get(name)
    if other is None:
        problems.add(key, f"expected another dimension, one of {', '.join(others)}{did_you_mean(name, others)}")
        return
    if other.pick is not None:
        problems.add(key, f"expected a dimension that gives one value; {name} gives several (pick)")
        return
    known = [*(group.name for group in other.groups if other.grouped), *Values(other).texts]
    for word in words:
        if word not in known:
            some = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
            expected = f"expected a value or a group of dimension {name} ({some}), got {word!r}"
            problems.add(key, f"{expected}{did_you_mean(word, known)}")
