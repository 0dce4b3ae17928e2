"""The tables of a recipe.toml as types, and values read as such with every mistake told.

A value that fits its type is taken whole. In one that does not, each part is tried by itself, so that all that is
wrong in it is found. What cannot be used has its default or is None, which no TOML can say.
"""

import re
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.recipe import Charset, LastRole, Sampling

S = TypeVar("S", bound=msgspec.Struct)
_WORDS = {
    "array": "a list",
    "object": "a table",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}


Words: TypeAlias = str | Annotated[list[str | None], Meta(min_length=1)] | None
# By dimension: which of its values or groups have to be drawn.
ConditionTable: TypeAlias = Annotated[dict[str, Words], Meta(min_length=1)] | None


class ValueTable(msgspec.Struct, forbid_unknown_fields=True):
    value: str | None
    weight: Annotated[float, Meta(gt=0)] | None = None
    only_with: ConditionTable = None


class FileTable(msgspec.Struct, forbid_unknown_fields=True):
    from_: str | None = msgspec.field(name="from")
    field: str | None = None


ValueList: TypeAlias = Annotated[list[str | ValueTable | None], Meta(min_length=1)] | FileTable | None


Scalar: TypeAlias = str | int | float | bool


class DimensionTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None
    groups: Annotated[dict[str, ValueList], Meta(min_length=1)] | None = None
    values: ValueList = None
    from_: str | None = msgspec.field(name="from", default=None)
    field: str | None = None
    passages: Annotated[int, Meta(ge=1)] | None = None
    statements: str | None = None
    pick: Annotated[int, Meta(ge=1)] | None = None
    only_with: dict[str, ConditionTable] = {}  # by group

    @property
    def files(self) -> list[str]:
        """The files that its values are in."""
        in_groups = (each.from_ for each in (self.groups or {}).values() if isinstance(each, FileTable))
        named = [self.from_, self.statements, *in_groups]
        return [each for each in named if each is not None]


class ModelTable(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None
    weight: Annotated[float, Meta(gt=0)] | None = None
    request: dict[str, object] = {}  # over those of all


class PromptTable(msgspec.Struct, forbid_unknown_fields=True):
    user: str | None
    system: str | None = None


class RulesTable(msgspec.Struct, forbid_unknown_fields=True):
    min_messages: Annotated[int, Meta(ge=1)] = 2
    charset: Charset = "any"
    ends_with: LastRole = "assistant"


class TalkTable(msgspec.Struct, forbid_unknown_fields=True):
    users: Literal["together", "apart", "turn by turn"] = "together"
    user: str | None = None
    assistant: str | None = None
    messages: Annotated[int, Meta(ge=2, le=40)] | str | None = None
    model: Annotated[str, Meta(min_length=1)] | None = None


class AuditTable(msgspec.Struct, forbid_unknown_fields=True):
    off: list[str | None] = []
    phrases: dict[str, list[str | None] | None] = {}


# Of the audit's rules those that one conversation is enough for, and that are nearly never wrong.
Repairable: TypeAlias = Literal["prompt-leak", "control-token", "truncated", "wrong-language", "copied-opener"]

REPAIRABLE: tuple[Repairable, ...] = get_args(Repairable)


class RepairTable(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[Repairable | None] = msgspec.field(default_factory=lambda: [*REPAIRABLE])
    judge: bool | None = False
    below: dict[str, Annotated[float, Meta(gt=0, le=1)] | None] = {}


class JudgeTable(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None = None
    questions: dict[str, str | None] = {}


class ExportTable(msgspec.Struct, forbid_unknown_fields=True):
    system: str | None = None


class EnvironmentValue(msgspec.Struct, forbid_unknown_fields=True):
    env: Annotated[str, Meta(min_length=1)] | None


class RecipeTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None
    knowledge: Words
    prompt: PromptTable | None
    dimension: Annotated[list[DimensionTable | None], Meta(min_length=1)] | None
    request: dict[str, object] | None = None
    models: Annotated[list[ModelTable | None], Meta(min_length=1)] | None = None
    description: str = ""
    language: Words = None
    # By name; and under `by`, what follows from each value of one.
    variables: dict[str, Scalar | dict[str, dict[str, dict[str, Scalar | None]]] | None] = {}
    sampling: Sampling = "balanced"
    headers: dict[str, str | EnvironmentValue | None] = {}
    rules: RulesTable = msgspec.field(default_factory=RulesTable)
    talk: TalkTable | None = None
    audit: AuditTable = msgspec.field(default_factory=AuditTable)
    repair: RepairTable | None = None
    judge: JudgeTable = msgspec.field(default_factory=JudgeTable)
    export: ExportTable = msgspec.field(default_factory=ExportTable)


def read(value: object, shape: Any, key: Key, problems: Problems) -> Any:
    """The value as that shape, as far as it is one; None where nothing of it is. `key`: where it stands."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        before = len(problems.found)
        part: Any = None
        for kind in _alternatives(shape):
            if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                part = _read_struct(value, kind, key, problems)
            elif isinstance(value, dict) and value and get_origin(kind) is dict:
                part = {name: read(each, get_args(kind)[1], (*key, name), problems) for name, each in value.items()}
            elif isinstance(value, list) and value and get_origin(kind) is list:
                part = [read(each, get_args(kind)[0], (*key, place), problems) for place, each in enumerate(value)]
            else:
                continue
            break
        if len(problems.found) == before:
            what = str(error).partition(" - at `$")[0]  # as in "Expected `int`, got `str`"
            if got := re.fullmatch(r"Invalid enum value (.*)", what):
                (choices,) = [get_args(each) for each in _alternatives(shape) if get_origin(each) is Literal]
                hint = did_you_mean(got[1].strip("'"), choices)
                what = f"expected {' or '.join(map(repr, choices))}, got {got[1]}{hint}"
            for kinds in () if got else re.findall(r"`([^`]*)`", what):
                named = " or ".join(_WORDS.get(kind, kind) for kind in kinds.split(" | ") if kind != "null")
                what = what.replace(f"`{kinds}`", named)
            problems.add(key, what[:1].lower() + what[1:])
        return part


def _alternatives(shape: Any) -> tuple[Any, ...]:
    origin = get_origin(shape)
    if origin is Annotated:
        return _alternatives(get_args(shape)[0])
    if origin in (Union, UnionType):
        return tuple(each for kind in get_args(shape) for each in _alternatives(kind))
    return (shape,)


def _read_struct(table: dict[str, object], kind: type[S], key: Key, problems: Problems) -> S:
    """With None for what is required and cannot be read."""
    known = {each.encode_name: each for each in msgspec.structs.fields(kind)}
    written = {name: name for name in table if name in known}  # by the name that is meant
    for name in (each for each in table if each not in known):
        hint = did_you_mean(name, known)
        problems.add((*key, name), f"unknown key, expected one of {', '.join(known)}{hint}")
        # It is read as what it was meant to be, or all that hangs on it would be told to be wrong, too.
        meant = hint.removeprefix("; did you mean ").removesuffix("?")
        if meant in known:
            written.setdefault(meant, name)
    fields: dict[str, Any] = {}
    for name, each in known.items():
        found = read(table[written[name]], each.type, (*key, written[name]), problems) if name in written else None
        if found is not None or each.required:
            fields[each.name] = found
        if each.required and name not in written:
            problems.add((*key, name), "missing, but required")
    return kind(**fields)
