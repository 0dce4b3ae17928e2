"""What a model is asked for when a dimension is to be wider: of which kind, in which languages, for which groups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncgen.did_you_mean import did_you_mean
from asyncgen.errors import ConfigError
from asyncgen.program import program
from asyncgen.recipe.language import explain_code
from asyncgen.recipe.listed import Texts
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.tables import DimensionTable
from asyncgen.scaffold.append import find_places, read_tables
from asyncgen.scaffold.draft import KINDS, STATEMENTS

MOST_SHOWN = 300  # values that are in the list, of all groups together
OTHER_NAMES = {"openers": ("first_message", "first_messages", "first_message_examples")}


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for.

    `kind`: of KINDS, or a dimension's name. `values`: all that are there. `known`: some of them by group, for all
    groups that new ones may go into. `binds`: new ones are for conversations in their language alone.
    """

    dimension: str
    kind: str
    values: Sequence[Iterable[str]]
    known: Mapping[str, Sequence[str]]
    language: str | None
    number: int
    binds: bool

    @property
    def groups(self) -> Sequence[str]:
        return tuple(self.known)


def plan_asks(recipe: Recipe, what: str, number: int, code: str | None) -> list[Ask]:
    """So many values of a dimension, or of a kind of values, in each language that it has, or in that of a code.

    Raises ConfigError.
    """
    toml = Path(recipe.source)
    if code is not None and (wrong := explain_code(code)):
        raise ConfigError(f"--language: {wrong}")
    if code is not None and recipe.language and code not in recipe.language:
        raise ConfigError(f"--language {code}: expected {', '.join(recipe.language)}, as {recipe.name} has it")
    tables = read_tables(toml)
    name = find_name(what, tables)
    places = find_places(toml, name)
    groups = {group.name: group.values for each in recipe.dimensions if each.name == name for group in each.groups}
    kind = STATEMENTS if tables[name].statements is not None else find_kind(name)
    is_spoken = any(each.languages or each.is_bound for each in places)
    binds = is_spoken or (code is not None and len(recipe.language) > 1)
    fit = {
        spoken: [each for each in places if spoken in each.languages] or [each for each in places if not each.languages]
        for spoken in ([code] if code else recipe.language if is_spoken else recipe.language[:1] or (None,))
    }
    asks: list[Ask] = []
    for left, (spoken, among) in zip(range(len(fit), 0, -1), fit.items(), strict=True):
        known = choose_shown({each.group: groups.get(each.group, ()) for each in among})
        wanted = (number - sum(each.number for each in asks)) // left
        asks.append(Ask(name, kind, list(groups.values()), known, spoken, wanted, binds))
    return [each for each in asks if each.number]


def find_kind(name: str) -> str:
    """The kind of a dimension's values; of any other dimension, its name."""
    for kind in KINDS:
        if name in (kind, kind.removesuffix("s"), *OTHER_NAMES.get(kind, ())):
            return kind
    return name


def find_name(what: str, tables: Mapping[str, DimensionTable]) -> str:
    """The name of the dimension that is meant by its name or by a kind of values. Raises ConfigError."""
    of_kind = [name for name, each in tables.items() if find_kind(name) == find_kind(what)]
    if find_kind(what) == STATEMENTS:
        of_kind += [name for name, each in tables.items() if each.statements is not None]
    if what in tables or of_kind:
        return what if what in tables else of_kind[0]
    kinds = [kind for name in tables if (kind := find_kind(name)) in KINDS and kind not in tables]
    if STATEMENTS not in kinds and any(each.statements is not None for each in tables.values()):
        kinds.append(STATEMENTS)
    known = f"{', '.join(kinds)}, or " if kinds else ""
    expected = f"expected {known}one of its dimensions, {', '.join(tables)}{did_you_mean(what, (*kinds, *tables))}"
    if find_kind(what) == STATEMENTS:
        expected = f"write a dimension of them first, as {program()} help recipes shows"
    raise ConfigError(f"the recipe has no {what}: {expected}")


def choose_shown(groups: Mapping[str, Texts]) -> dict[str, list[str]]:
    """Of each group so many that all of them can be told."""
    most = max(MOST_SHOWN // max(len(groups), 1), 1)
    return {group: pick_evenly(values, most) for group, values in groups.items()}


def pick_evenly(values: Texts, most: int) -> list[str]:
    """From the first to the last, evenly."""
    step = max(len(values) / most, 1)
    return [values[int(place * step)] for place in range(min(len(values), most))]
