"""A recipe: everything about a data set that is not code, read once together with its knowledge base.

The TOML is checked against typed tables, so that a mistake is one sentence with file, key and what was
expected. What can be wrong between the parts (a placeholder that names nothing, a dimension no prompt uses)
is checked here too: after `load_recipe` a recipe can be used without looking back.
"""

import io
import math
import os
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

import msgspec
from msgspec import Meta

from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import (
    KNOWLEDGE,
    PLACEHOLDER,
    AuditOptions,
    Charset,
    Dimension,
    Group,
    Header,
    JsonValue,
    LastRole,
    Recipe,
    Rules,
    Sampling,
    is_text,
)

_WORD = re.compile(r"\w[\w-]*")
_NAME = re.compile(
    r"(?<=[^\W\d_,] )\w[\w-]*"
)  # a word that does not open its sentence, so that a capital says something
BUILT_IN = ("nanochat",)
MOST_BYTES = 16 * 1024 * 1024  # of a recipe's file or a knowledge base


class _WeightedValue(msgspec.Struct, forbid_unknown_fields=True):
    value: str
    weight: Annotated[float, Meta(gt=0)]


_Values: TypeAlias = Annotated[list[str | _WeightedValue], Meta(min_length=1)]


class _DimensionTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    groups: Annotated[dict[str, object], Meta(min_length=1)] | None = None
    values: object = None
    pick: Annotated[int, Meta(ge=1)] | None = None


class _PromptTable(msgspec.Struct, forbid_unknown_fields=True):
    user: str
    system: str | None = None


class _RulesTable(msgspec.Struct, forbid_unknown_fields=True):
    min_messages: Annotated[int, Meta(ge=1)] = 2
    charset: Charset = "any"
    ends_with: LastRole = "assistant"


class _AuditTable(msgspec.Struct, forbid_unknown_fields=True):
    off: tuple[str, ...] = ()
    phrases: dict[str, object] = {}


class _EnvironmentValue(msgspec.Struct, forbid_unknown_fields=True):
    env: Annotated[str, Meta(min_length=1)]


class _RecipeTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    knowledge: str
    request: dict[str, object]
    prompt: _PromptTable
    dimension: Annotated[list[_DimensionTable], Meta(min_length=1)]
    description: str = ""
    sampling: Sampling = "balanced"
    headers: dict[str, object] = {}
    rules: _RulesTable = msgspec.field(default_factory=_RulesTable)
    audit: _AuditTable = msgspec.field(default_factory=_AuditTable)


def load_recipe(source: str, *, knowledge: Path | None = None) -> Recipe:
    """The recipe of that name (built-in) or path (a folder, or its recipe.toml).

    `knowledge` replaces the recipe's own knowledge file. Raises ConfigError with file, key and what was
    expected.
    """
    path = _find(source)
    if not is_text(str(path.resolve())):
        raise ConfigError(f"{path}: the recipe's path is not UTF-8, so no journal could name it; rename it")
    try:
        recipe = _build(path, source, knowledge)
        _check(recipe)
    except _WrongRecipeError as wrong:
        raise ConfigError(f"{path}: {wrong}") from wrong.__cause__
    return recipe


def find_lost_subject(recipe: Recipe, source: str) -> str | None:
    """What the prompts are about by name, where `recipe.knowledge` replaces the recipe's own and never mentions it.

    The subject is that name of the prompts which the recipe's own knowledge base mentions most often.
    """
    prompts = PLACEHOLDER.sub(" ", f"{recipe.system or ''}\n{recipe.user}")
    names = {each for each in _NAME.findall(prompts) if each[0].isupper()}
    names.update(each for each in _WORD.findall(prompts) if each.casefold() == recipe.name.casefold())
    try:
        own = load_recipe(source).knowledge
    except ConfigError:  # a recipe may come without its documents
        own = recipe.name
    counts = Counter(each for each in _WORD.findall(own) if each in names)
    if not counts:
        return None
    subject = counts.most_common(1)[0][0]
    return None if subject.casefold() in recipe.knowledge.casefold() else subject


class _WrongRecipeError(Exception):
    """What is wrong in a recipe, beginning with the key; `load_recipe` puts the file before it."""


def _find(source: str) -> Path:
    if source in BUILT_IN:
        return Path(str(files("asyncgen") / "recipes" / source / "recipe.toml"))
    path = Path(source)
    try:
        path = path / "recipe.toml" if path.is_dir() else path
        if path.is_file():
            return path
    except OSError as error:
        raise ConfigError(f"{path}: the recipe cannot be read: {error.strerror}") from error
    raise ConfigError(
        f"no recipe at {path}: expected a folder with a recipe.toml, the path of one, "
        f"or a built-in name ({', '.join(BUILT_IN)})"
    )


def _build(path: Path, source: str, knowledge: Path | None) -> Recipe:
    table: _RecipeTable = _convert(_read_toml(path), _RecipeTable, "")
    folder = path.parent
    prompt = table.prompt
    knowledge = knowledge or folder / table.knowledge
    prompts = [folder / name for name in (prompt.system, prompt.user) if name is not None]
    return Recipe(
        name=table.name,
        description=table.description,
        source=source if source in BUILT_IN else str(path.resolve()),
        sampling=table.sampling,
        knowledge=read_knowledge(knowledge),
        system=None if prompt.system is None else _read_text(folder / prompt.system, "prompt.system"),
        user=_read_text(folder / prompt.user, "prompt.user"),
        request=_request(table.request),
        headers=tuple(_header(name, value) for name, value in table.headers.items()),
        dimensions=tuple(_dimension(position, each) for position, each in enumerate(table.dimension)),
        rules=Rules(table.rules.min_messages, table.rules.charset, table.rules.ends_with),
        audit=_audit(table.audit),
        files=(path, knowledge, *prompts),
    )


def read_knowledge(path: Path) -> str:
    """A knowledge base by itself, as `load_recipe` would read it. Raises ConfigError."""
    return _read_text(path, "the knowledge base")


def _read_text(path: Path, what: str) -> str:
    try:
        text = _strip_blank_lines(_read_file(path))
    except _UnreadableError as error:
        raise ConfigError(f"{path}: {what} {error}") from error
    if not text:
        raise ConfigError(f"{path}: {what} is empty")
    return text


class _UnreadableError(Exception):
    """Why a file is no text that can be used, as the end of a sentence."""


def _read_file(path: Path) -> str:
    """A file or a pipe as text, without the byte order mark. What has no end, as a device may, is not read."""
    try:
        # A pipe that nobody writes to would keep `open` waiting.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
                raise _UnreadableError("is no ordinary file")
            os.set_blocking(file.fileno(), True)
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _UnreadableError("cannot be read: no path holds a NUL") from error
    if len(content) > MOST_BYTES:
        raise _UnreadableError(f"is larger than {MOST_BYTES:,} bytes, more than any model reads")
    try:
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"is not UTF-8 (byte {error.start})") from error


def _strip_blank_lines(text: str) -> str:
    lines = text.split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return "\n".join(lines[filled[0] : filled[-1] + 1]) if filled else ""


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_read_file(path))
    except _UnreadableError as error:
        raise _WrongRecipeError(f"the recipe {error}") from error
    except (ValueError, RecursionError) as error:  # besides TOMLDecodeError: endless digits, deep nesting
        raise _WrongRecipeError(f"not valid TOML: {error}") from error


def _convert(value: object, shape: Any, key: str) -> Any:
    """The value as that shape; `key` is where in the recipe it stands, empty for the whole."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _WrongRecipeError(_explain(str(error), key)) from None


_WORDS = {"array": "a list", "object": "a table", "str": "text", "int": "a whole number", "float": "a number"}
_TABLES: dict[str, type[msgspec.Struct]] = {
    "": _RecipeTable,
    "prompt": _PromptTable,
    "rules": _RulesTable,
    "audit": _AuditTable,
    r"headers\..*": _EnvironmentValue,
    r"dimension\[\d+\]": _DimensionTable,
    r"(?s)dimension\[\d+\]\..*": _WeightedValue,
}
_CHOICES = {"sampling": Sampling, "charset": Charset, "ends_with": LastRole}


def _explain(message: str, above: str) -> str:
    """`key: what was expected`, from "Expected `int`, got `str` - at `$.rules.min_messages`"."""
    what, _, where = message.partition(" - at `$")
    key = (above + where.rstrip("`")).removeprefix(".")
    if field_name := re.fullmatch(r"Object contains unknown field `(.*)`", what):
        return f"{_join(key, field_name[1])}: unknown key, expected one of {', '.join(_known_keys(key))}"
    if field_name := re.fullmatch(r"Object missing required field `(.*)`", what):
        return f"{_join(key, field_name[1])}: missing, but required"
    if got := re.fullmatch(r"Invalid enum value (.*)", what):
        choices = get_args(_CHOICES[key.rpartition(".")[2]])
        return f"{key}: expected {' or '.join(map(repr, choices))}, got {got[1]}"
    what = re.sub(r"`([^`]*)`", lambda kinds: _in_words(kinds[1]), what)
    return f"{key}: {what[:1].lower()}{what[1:]}"


def _in_words(kinds: str) -> str:
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds.split(" | ") if kind != "null")


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _known_keys(key: str) -> tuple[str, ...]:
    return next(table for where, table in _TABLES.items() if re.fullmatch(where, key)).__struct_fields__


def _request(table: dict[str, object]) -> dict[str, JsonValue]:
    try:
        request: dict[str, JsonValue] = msgspec.json.decode(msgspec.json.encode(table))
    except TypeError as error:
        raise _WrongRecipeError(f"request: only JSON values can be sent: {error}") from None
    if request != table:
        raise _WrongRecipeError("request: only JSON values can be sent, no dates, times, nan or inf")
    if not isinstance(request.get("model"), str) or not request["model"]:
        raise _WrongRecipeError("request.model: expected the model's name")
    for reserved in ("messages", "stream"):
        if reserved in request:
            raise _WrongRecipeError(f"request.{reserved}: asyncgen sets this one itself, remove it")
    return request


def _header(name: str, value: object) -> Header:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise _WrongRecipeError(f"headers: expected a header's name, got {name!r}")
    given: str | _EnvironmentValue = _convert(value, str | _EnvironmentValue, f"headers.{name}")
    if isinstance(given, _EnvironmentValue):
        return Header(name, variable=given.env)
    if not given.isprintable():
        raise _WrongRecipeError(f"headers.{name}: expected one printable line")
    return Header(name, value=given)


def _dimension(position: int, table: _DimensionTable) -> Dimension:
    key = f"dimension[{position}]"
    if not PLACEHOLDER.fullmatch("{" + table.name + "}"):
        raise _WrongRecipeError(f"{key}.name: expected letters, digits and _, got {table.name!r}")
    if table.name == KNOWLEDGE:
        raise _WrongRecipeError(f"{key}.name: expected another name, {{{KNOWLEDGE}}} is the knowledge base")
    if (table.groups is None) == (table.values is None):
        raise _WrongRecipeError(f"{key}: expected either groups or values in dimension {table.name!r}")
    if table.groups is not None:
        groups = (_group(f"{key}.groups.{name}", name, values) for name, values in table.groups.items())
        return Dimension(table.name, tuple(groups), grouped=True, pick=table.pick)
    if table.pick is not None:
        raise _WrongRecipeError(f"{key}.pick: expected groups to pick from, got values")
    return Dimension(table.name, (_group(f"{key}.values", "", table.values),))


def _group(key: str, name: str, table: object) -> Group:
    given: list[str | _WeightedValue] = _convert(table, _Values, key)
    values = tuple(each if isinstance(each, str) else each.value for each in given)
    seen: set[str] = set()
    for position, value in enumerate(values):
        if not value.strip():
            raise _WrongRecipeError(f"{key}[{position}]: expected text, got a blank value")
        if value in seen:
            raise _WrongRecipeError(f"{key}[{position}]: {value!r} is there twice, expected a weight instead")
        seen.add(value)
    if all(isinstance(each, str) for each in given):
        return Group(name, values)
    weights = tuple(1.0 if isinstance(each, str) else each.weight for each in given)
    if not math.isfinite(sum(weights)):
        raise _WrongRecipeError(f"{key}: expected weights with a finite sum")
    return Group(name, values, weights)


def _audit(table: _AuditTable) -> AuditOptions:
    return AuditOptions(table.off, {rule: _phrases(rule, value) for rule, value in table.phrases.items()})


def _phrases(rule: str, value: object) -> tuple[str, ...]:
    key = f"audit.phrases.{rule}"
    phrases: tuple[str, ...] = _convert(value, tuple[str, ...], key)
    for position, phrase in enumerate(phrases):
        if not phrase.strip():
            raise _WrongRecipeError(f"{key}[{position}]: expected text, got a blank phrase")
    return phrases


def _check(recipe: Recipe) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", recipe.name):
        raise _WrongRecipeError(
            f"name: expected up to 80 letters, digits, dots and dashes (it names files), got {recipe.name!r}"
        )
    names = [each.name for each in recipe.dimensions]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise _WrongRecipeError(f"dimension[{position}].name: expected a new name, {name!r} is there twice")
    known = [KNOWLEDGE, *names]
    for key, prompt in (("prompt.system", recipe.system or ""), ("prompt.user", recipe.user)):
        if unknown := _placeholders(set(PLACEHOLDER.findall(prompt)).difference(known)):
            raise _WrongRecipeError(f"{key}: unknown placeholder {unknown}, expected one of {_placeholders(known)}")
    used = PLACEHOLDER.findall(f"{recipe.system}\n{recipe.user}")
    if KNOWLEDGE not in used:
        raise _WrongRecipeError(
            f"knowledge: no prompt uses {{{KNOWLEDGE}}}, so it would never be sent; expected it in prompt.system "
            "(where providers cache it) or prompt.user"
        )
    if unused := _placeholders(set(names).difference(used)):
        raise _WrongRecipeError(
            f"dimension: no prompt uses {unused}, expected each one in prompt.system or prompt.user"
        )


def _placeholders(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
