"""The variables of a recipe: words that its prompts, its knowledge and its statements leave open, filled in once.

What follows from the value of one variable stands in a table, row by row, so that a person can look each figure up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.recipe import KNOWLEDGE, PLACEHOLDER
from asyncgen.recipe.tables import Scalar
from asyncgen.text import name_some

BY = "by"
VARIABLES = "variables"
NO_PLACEHOLDER = "expected words without a placeholder"
_SHOWN = 12  # rows named in a sentence

Rows: TypeAlias = Mapping[str, Mapping[str, Scalar | None]]
Given: TypeAlias = Mapping[str, Scalar | Mapping[str, Rows] | None]


@dataclass(frozen=True, slots=True)
class Variables:
    """`values`: by name, as text; an empty one takes the lines away that it stands in."""

    values: Mapping[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        if not self.values:
            return text
        lines = []
        for line in text.split("\n"):
            if "{" not in line:
                lines.append(line)
                continue
            named = [self.values[each] for each in PLACEHOLDER.findall(line) if each in self.values]
            if all(named):
                lines.append(PLACEHOLDER.sub(lambda found: self.values.get(found[1], found[0]), line))
        return "\n".join(lines)


def read_variables(given: Given, chosen: Mapping[str, str], problems: Problems) -> Variables:
    """What the recipe says, with what `--set` says over it.

    A row of a table gives way to both: it says what follows where nobody has said otherwise.
    """
    values = {name: write_value(each) for name, each in given.items() if name != BY and not isinstance(each, Mapping)}
    tables = given.get(BY)
    followers = {name: rows for name, rows in tables.items() if rows} if isinstance(tables, Mapping) else {}
    rows_of_all = (row for rows in followers.values() for row in rows.values() if row)
    known = dict.fromkeys([*values, *chain.from_iterable(rows_of_all)])
    for name in known:
        if name == KNOWLEDGE or not PLACEHOLDER.fullmatch("{" + name + "}"):
            expected = f"expected a name of letters from a to z, digits and _, and not {KNOWLEDGE!r}"
            problems.add((VARIABLES, name), expected)
        elif PLACEHOLDER.search(values.get(name, "")):
            problems.add((VARIABLES, name), NO_PLACEHOLDER)
    for name, value in chosen.items():
        if name not in known:
            expected = f"expected one of {name_some(list(known), _SHOWN)}" if known else "the recipe has no variables"
            problems.add_in(f"--set {name}={value}", f"unknown variable, {expected}{did_you_mean(name, known)}")
        elif PLACEHOLDER.search(value):
            problems.add_in(f"--set {name}={value}", NO_PLACEHOLDER)
    values |= chosen
    for name, rows in followers.items():
        values = _follow(name, rows, values, problems) | values
    return Variables(values)


def _follow(name: str, rows: Rows, values: Mapping[str, str], problems: Problems) -> dict[str, str]:
    """What follows from the value of a variable; without a row for it, all of that has to be given."""
    key: Key = (VARIABLES, BY, name)
    if name not in values:
        problems.add(key, f"expected a variable, and [{VARIABLES}] has no {name!r}")
        return {}
    row = rows.get(values[name])
    missing = dict.fromkeys(each for each in chain.from_iterable(filter(None, rows.values())) if each not in values)
    if row is None and missing:
        told = " ".join(f"--set {each}=..." for each in missing)
        expected = f"expected one of {name_some(list(rows), _SHOWN)}, got {values[name]!r}"
        problems.add(key, f"{expected}; for another one give all that follows from it: {told}")
    return {each: write_value(text) for each, text in (row or {}).items()}


def write_value(value: Scalar | None) -> str:
    """As it stands in a text, and as a row of `[variables.by]` names it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()
