"""The dimensions of a recipe.toml: their values, and which of them are bound to values of other dimensions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.bindings import Bindings, conditions_of
from asyncgen.recipe.documents import Knowledge, read_text
from asyncgen.recipe.language import LANGUAGE
from asyncgen.recipe.listed import list_file, list_passages
from asyncgen.recipe.problems import Key, Problems, write_key
from asyncgen.recipe.recipe import KNOWLEDGE, MODEL, PLACEHOLDER, Condition, Dimension, Group, Model
from asyncgen.recipe.statements import read_statements
from asyncgen.recipe.tables import ConditionTable, DimensionTable, FileTable, ValueList, ValueTable, Words
from asyncgen.recipe.text_file import UnreadableError
from asyncgen.recipe.values import Values
from asyncgen.recipe.variables import Variables
from asyncgen.text import name_some

SHOWN = 8  # values named in a sentence


class _Sources(NamedTuple):
    """Where values may stay, and where mistakes go. `folder`: that of the recipe."""

    folder: Path
    knowledge: Knowledge
    variables: Variables
    problems: Problems


def read_dimensions(
    tables: Sequence[DimensionTable | None],
    folder: Path,
    knowledge: Knowledge,
    variables: Variables,
    problems: Problems,
    *,
    language: Sequence[str],
    models: Sequence[Model],
) -> tuple[tuple[Dimension, ...], Mapping[str, Key]]:
    """All dimensions, and where each name stands; fewer dimensions only after a problem. `folder`: of the recipe.

    Several languages are a dimension of that name, which is made where the recipe has none; several models are one too.
    """
    keys = _check_names(tables, problems)
    sources = _Sources(folder, knowledge, variables, problems)
    read = [
        _read_dimension(("dimension", place), each, sources) for place, each in enumerate(tables) if each is not None
    ]
    dimensions = tuple(each for each in read if each is not None)
    if len(language) > 1:
        if LANGUAGE not in keys:
            keys[LANGUAGE] = (LANGUAGE,)
            dimensions += (Dimension(LANGUAGE, (Group("", tuple(language)),)),)
        for each in dimensions:
            _check_language(keys[LANGUAGE], each, language, problems)
    if models:
        if MODEL in keys:
            problems.add(keys[MODEL], f"expected another name, {{{MODEL}}} is the model that answers")
        keys[MODEL] = ("models",)
        weights = tuple(each.weight for each in models)
        names = tuple(dict.fromkeys(each.name for each in models))
        if len(names) == len(models):
            group = Group("", names, weights if len(set(weights)) > 1 else None)
            dimensions += (Dimension(MODEL, (group,)),)
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
            problems.add(key, f"expected letters from a to z, digits and _, got {name!r}")
        elif name == KNOWLEDGE:
            problems.add(key, f"expected another name, {{{KNOWLEDGE}}} is the knowledge base")
        elif name in keys:
            problems.add(key, f"expected a new name, {name!r} is there twice")
        keys.setdefault(name, ("dimension", place))
    return keys


def _read_dimension(key: Key, table: DimensionTable, sources: _Sources) -> Dimension | None:
    """None where it cannot be used."""
    problems = sources.problems
    kinds = {
        "groups": table.groups,
        "values": table.values,
        "from": table.from_,
        "passages": table.passages,
        "statements": table.statements,
    }
    given = [name for name, each in kinds.items() if each is not None]
    is_sound = not problems.touch(key)
    if is_sound:
        if len(given) != 1:
            got = f", got {' and '.join(given)}" if given else ""
            problems.add(key, f"expected one of {', '.join(kinds)} in dimension {table.name!r}{got}")
        if table.pick is not None and table.groups is None and table.statements is None:
            problems.add((*key, "pick"), f"expected groups to pick from, got {given[0]}")
        if table.field is not None and table.from_ is None:
            problems.add((*key, "field"), "expected `from` beside it, the file that has the field")
    groups = list(_read_groups(key, table, sources))
    found = [each for each in groups if each is not None]
    if len(found) < len(groups):
        return None
    is_grouped = table.groups is not None or any(each.name for each in found)
    if is_sound and table.pick is not None and found and table.pick > len(found):
        what = "sections" if table.statements is not None else "groups"
        expected = f"expected at most {len(found)}, as many as there are {what}"
        problems.add((*key, "pick"), f"{expected}, got {table.pick}")
    if is_sound:
        found = _bind(key, found, table.only_with, problems, is_grouped=is_grouped)
    if problems.touch(key) or table.name is None or not found:
        return None
    by_weight = UNSET if table.statements is None else True
    return Dimension(table.name, tuple(found), grouped=is_grouped, pick=table.pick, by_weight=by_weight)


def _read_groups(key: Key, table: DimensionTable, sources: _Sources) -> Iterator[Group | None]:
    for name, values in (table.groups or {}).items():
        yield _read_group((*key, "groups", name), name, values, sources)
    if table.values is not None:
        yield _read_group((*key, "values"), "", table.values, sources)
    if table.from_ is not None:
        yield _read_file((*key, "from"), "", FileTable(table.from_, table.field), sources)
    if table.passages is not None:
        for document, path in zip(sources.knowledge.documents, sources.knowledge.files, strict=True):
            try:
                passages = list_passages(path, table.passages, document.source)
            except UnreadableError as error:
                sources.problems.add_in(path, f"passages: {error}")
                yield None
            else:
                yield Group(document.source, passages)

    if table.statements is not None:
        yield from _read_statements((*key, "statements"), table.statements, sources)


def _bind(
    key: Key, groups: list[Group], only_with: Mapping[str, ConditionTable], problems: Problems, *, is_grouped: bool
) -> list[Group]:
    """The groups with what binds all values of one; documents may be named by a folder they are in."""
    for name, table in only_with.items():
        at = (*key, "only_with", name)
        names = [each.name for each in groups]
        meant = [each for each in names if each == name or each.startswith(f"{name.rstrip('/')}/")]
        if not is_grouped:
            problems.add(at, 'expected groups to bind; a value is {value = "...", only_with = {...}}')
        elif not meant and groups:
            problems.add(at, f"expected one of the groups {name_some(names, SHOWN)}{did_you_mean(name, names)}")
        if table:
            bound = (None, _condition(table))
            groups = [
                replace(each, only_with=(bound, *(each.only_with or ()))) if each.name in meant else each
                for each in groups
            ]
    return groups


def _read_group(key: Key, name: str, given: ValueList, sources: _Sources) -> Group | None:
    """None where it cannot be used."""
    if isinstance(given, FileTable):
        return _read_file((*key, "from"), name, given, sources)
    problems = sources.problems
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
    only_with = tuple(
        (place, _condition(each.only_with)) for place, each in enumerate(values.values()) if each.only_with
    )
    has_weights = any(each.weight is not None for each in values.values())
    return Group(name, tuple(values), weights if has_weights else None, only_with or UNSET)


def _read_file(key: Key, name: str, table: FileTable, sources: _Sources) -> Group | None:
    """The values of a file; None where it has none that can be used."""
    path = sources.folder / (table.from_ or "")
    try:
        values, file = list_file(path, table.field)
    except UnreadableError as error:
        sources.problems.add_in(path, f"{write_key(key)}: {error}", error.line)
        return None
    left_out = [f"{file.blank:,} blank"] * bool(file.blank) + [f"{file.repeated:,} repeated"] * bool(file.repeated)
    if left_out:
        what = f"{write_key(key)}: left out: {' and '.join(left_out)}; used: {len(values):,}"
        sources.problems.add_in(path, what, is_warning=True)
    return Group(name, values)


def _read_statements(key: Key, name: str, sources: _Sources) -> Iterator[Group | None]:
    """A group for each section; one None where something cannot be used."""
    path, problems = sources.folder / name, sources.problems
    before = len(problems.found)
    sections: dict[str, dict[str, float]] = {}
    texts: set[str] = set()
    for each in read_statements(sources.variables.fill(read_text(path, write_key(key), problems))):
        try:
            weight = 1.0 if each.weight is None else float(each.weight)
        except ValueError:
            weight = 0.0
        if not 0 < weight < math.inf:
            problems.add_in(path, f"expected a weight above 0 in [ ], got {each.weight!r}", each.line)
        elif each.text in texts:
            problems.add_in(path, f"{each.text!r} is there twice, expected a weight instead", each.line)
        else:
            texts.add(each.text)
            sections.setdefault(each.section, {})[each.text] = weight
    if not sections and len(problems.found) == before:
        problems.add_in(path, f"{write_key(key)}: expected statements, lines that begin with a dash")
    if len(problems.found) > before:
        yield None
        return
    has_weights = any(weight != 1 for section in sections.values() for weight in section.values())
    for section, weights in sections.items():
        yield Group(section, tuple(weights), tuple(weights.values()) if has_weights else None)


def _condition(table: Mapping[str, Words]) -> Condition:
    return tuple(
        (name, (words,) if isinstance(words, str) else tuple(filter(None, words or ())))
        for name, words in table.items()
    )


# ---- between dimensions


def _check_language(key: Key, dimension: Dimension, language: Sequence[str], problems: Problems) -> None:
    if dimension.name != LANGUAGE:
        return
    values = list(dimension.values)
    if dimension.pick is not None or sorted(values) != sorted(language):
        expected = f"expected the values {', '.join(language)} of the recipe's languages"
        problems.add(key, f"{expected}, one for each conversation, got {', '.join(values)}")


def _check_bindings(dimensions: Sequence[Dimension], keys: Mapping[str, Key], problems: Problems) -> None:
    """Every condition names what there is, every context leaves a value, and every value has a context."""
    before = len(problems.found)
    for dimension in dimensions:
        others = {each.name: each for each in dimensions if each is not dimension}
        _check_conditions(dimension, keys[dimension.name], others, problems)
    if len(problems.found) > before:
        return
    try:
        bindings = Bindings(dimensions)
    except ValueError as error:
        problems.add(("dimension",), str(error))
        return
    for place, dimension in enumerate(dimensions):
        drawn: set[int] = set()
        is_bound = bool(conditions_of(dimension))
        for context in sorted(bindings.reachable(bindings.parents[place])):
            choices = bindings.choices(place, context)
            drawn.update(*(each.numbers for each in choices if is_bound))
            if not choices:
                problems.add(keys[dimension.name], f"no value may be drawn beside {bindings.describe(place, context)}")
        if is_bound and dimension.size > len(drawn):
            never = next(text for number, text in enumerate(Values(dimension).texts) if number not in drawn)
            problems.add(keys[dimension.name], f"{never!r} can never be drawn: nothing fulfils its only_with")


def _check_conditions(dimension: Dimension, key: Key, others: Mapping[str, Dimension], problems: Problems) -> None:
    for group in dimension.groups:
        values = (*key, "groups", group.name) if dimension.grouped else (*key, "values")
        for place, condition in group.only_with or ():
            at = (*key, "only_with", group.name) if place is None else (*values, place, "only_with")
            for name, words in condition:
                other = others.get(name)
                if other is None:
                    hint = did_you_mean(name, others)
                    problems.add((*at, name), f"expected another dimension, one of {', '.join(others)}{hint}")
                    continue
                if other.pick is not None:
                    problems.add((*at, name), f"expected a dimension that gives one value; {name} gives several (pick)")
                    continue
                known = [*(each.name for each in other.groups if other.grouped), *Values(other).texts]
                expected = f"expected a value or a group of dimension {name} ({name_some(known, SHOWN)})"
                for word in (each for each in words if each not in known):
                    problems.add((*at, name), f"{expected}, got {word!r}{did_you_mean(word, known)}")
