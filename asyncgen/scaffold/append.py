"""Where the values of a dimension stand in the files of a recipe, and further ones appended there.

Nothing that is there is written anew: in a recipe.toml a list is gone on with before its closing bracket, a file of
statements behind the last one of a section, a file of values at its end.
"""

import re
import shutil
import tomllib
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import SEEK_END
from pathlib import Path

from asyncgen.denied import explain
from asyncgen.errors import ConfigError
from asyncgen.recipe.language import LANGUAGE
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.problems import Key, Problems, find_list_ends, write_key
from asyncgen.recipe.records import records_of
from asyncgen.recipe.remarks import REMARK
from asyncgen.recipe.statements import read_statements
from asyncgen.recipe.tables import ConditionTable, DimensionTable, FileTable, RecipeTable, ValueList, ValueTable, read
from asyncgen.recipe.text_file import UnreadableError, read_file
from asyncgen.scaffold.recipe import quote

INDENT = "    "
LOOKED_AT = 65_536  # bytes at the end of a file of values, which may be large, that tell how its lines end


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values of a group stand. `languages`: those it is bound to.

    `add` appends lines to a copy of the file; the text after them is a language to bind each to, where it can.
    `is_bound`: whether values there are bound to theirs one by one.
    """

    group: str
    path: Path
    add: Callable[[Path, Sequence[str], str | None], None]
    languages: Sequence[str] = ()
    is_bound: bool = False


def read_tables(toml: Path) -> dict[str, DimensionTable]:
    """The dimensions of a recipe.toml that has been read before, by name and in order. Raises ConfigError."""
    problems = Problems(toml)
    try:
        recipe: RecipeTable = read(tomllib.loads(_read(toml)), RecipeTable, (), problems)
    except ValueError as error:
        raise ConfigError(f"{toml}: not valid TOML: {error}") from error
    if problems.has_errors:
        raise ConfigError(str(problems.found[0]))
    return {each.name: each for each in recipe.dimension or () if each is not None and each.name is not None}


def find_places(toml: Path, name: str) -> list[Place]:
    """Of that dimension, in the recipe.toml as it is. Raises ConfigError where there is no list to go on with."""
    tables = read_tables(toml)
    if name not in tables:
        raise ConfigError(f"{toml}: there is no dimension {name!r} any more; nothing was written")
    number, table = list(tables).index(name), tables[name]
    lists: dict[str, tuple[Key, ValueList]] = {
        name: (("dimension", number, "groups", name), values) for name, values in (table.groups or {}).items()
    }
    if table.values is not None:
        lists[""] = (("dimension", number, "values"), table.values)
    if table.from_ is not None:
        lists[""] = ((), FileTable(table.from_, table.field))
    if table.statements is not None:
        path = toml.parent / table.statements
        sections = dict.fromkeys(each.section for each in read_statements(_read(path)))
        return [
            Place(each, path, partial(_add_statements, each), _bound_to(each, table.only_with)) for each in sections
        ]
    if table.name == LANGUAGE or not lists:
        what = "the recipe's languages" if table.name == LANGUAGE else "passages of the documents"
        raise ConfigError(f"{toml}: the values of {table.name} are {what}, and no model makes more of these")
    ends = find_list_ends(_read(toml))
    for key, values in lists.values():
        if isinstance(values, list) and key not in ends:
            raise ConfigError(f"{toml}: {write_key(key)}: expected a list in brackets, which can be gone on with")
    return [_find_place(toml, name, key, values, table.only_with) for name, (key, values) in lists.items()]


def append(toml: Path, name: str, added: Sequence[tuple[str, Sequence[str], str | None]]) -> list[Path]:
    """The files that have more values of the dimension: all of these, or none where it would be no recipe any more.

    `added`: group, lines, and a language they are bound to where the group is not. A file is replaced by a copy that
    has them, so that no end leaves half of them. It is read as it is now, since a person may have edited it meanwhile.
    Raises ConfigError.
    """
    places = {each.group: each for each in find_places(toml, name)}
    for group, *_ in added:
        if group not in places:
            raise ConfigError(f"{toml}: there is no group {group!r} of {name} any more; nothing was written")
    copies: dict[Path, Path] = {}
    try:
        for group, lines, language in added:
            place = places[group]
            path = place.path.resolve()
            if path not in copies:
                copies[path] = path.with_name(f".partial.{path.name}")
                shutil.copy(path, copies[path])
            place.add(copies[path], lines, None if place.languages else language)
        load_recipe(str(copies.get(toml.resolve(), toml)))
        for path, copy in copies.items():
            copy.replace(path)
    except ConfigError as error:
        raise ConfigError(f"nothing was written, since it would be no recipe any more: {error}") from error
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {explain(error)}") from error
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
    return list(copies)


def _find_place(toml: Path, group: str, key: Key, values: ValueList, only_with: Mapping[str, ConditionTable]) -> Place:
    bound_to = _bound_to(group, only_with)
    if isinstance(values, FileTable):
        path = toml.parent / (values.from_ or "")
        return Place(group, path, partial(_add_records, path, values.field), bound_to)
    tables = [each for each in values or () if isinstance(each, ValueTable)]
    is_bound = any(LANGUAGE in (each.only_with or ()) for each in tables)
    return Place(group, toml, partial(_add_items, key), bound_to, is_bound=is_bound)


def _bound_to(group: str, only_with: Mapping[str, ConditionTable]) -> list[str]:
    """The languages to which a group is bound as a whole."""
    conditions = [table or {} for name, table in only_with.items() if f"{group}/".startswith(f"{name.rstrip('/')}/")]
    given = [each[LANGUAGE] for each in conditions if LANGUAGE in each]
    return [code for words in given for code in ([words] if isinstance(words, str) else words or ()) if code]


def _add_items(key: Key, copy: Path, lines: Sequence[str], language: str | None) -> None:
    bound = f", only_with = {{{LANGUAGE} = {quote(language)}}}}}" if language else ""
    items = [f"{{value = {quote(each)}{bound}" if language else quote(each) for each in lines]
    _edit(copy, lambda text: append_items(text, key, items))


def append_items(toml: str, key: Key, items: Sequence[str]) -> str:
    """The text of a recipe.toml whose list at that key goes on with these items, a line each."""
    end = find_list_ends(toml)[key]
    last_line, closing_line = (toml.rfind("\n", 0, place) + 1 for place in (end.last, end.bracket))
    indent = _blanks(toml, last_line) or INDENT
    line_break = _line_break(toml)
    new = "".join(f"{indent}{each},{line_break}" for each in items)
    before = toml[: end.last] + "," * end.wants_comma
    if not toml[closing_line : end.bracket].strip():  # the bracket stands on a line of its own
        return f"{before}{toml[end.last : closing_line]}{new}{toml[closing_line:]}"
    return f"{before}{line_break}{new}{_blanks(toml, closing_line)}{toml[end.bracket :]}"


def _add_statements(section: str, copy: Path, lines: Sequence[str], _: str | None) -> None:
    _edit(copy, lambda text: append_statements(text, section, lines))


def append_statements(text: str, section: str, lines: Sequence[str]) -> str:
    """The text of a file of statements with these behind the last one of the section."""
    end = [each.end for each in read_statements(text) if each.section == section][-1]
    place = len("\n".join(text.split("\n")[:end]))
    for remark in REMARK.finditer(text):
        if remark.start() < place < remark.end():
            place = text.find("\n", remark.end())
            place = len(text) if place < 0 else place
    before = text[:place].removesuffix("\r")
    line_break = _line_break(text)
    return before + "".join(f"{line_break}- {each}" for each in lines) + text[len(before) :]


def _add_records(path: Path, field: str | None, copy: Path, lines: Sequence[str], _: str | None) -> None:
    try:
        records = records_of(path, field)
        with copy.open("rb+") as file:
            for _record in records.scan(file):
                """It tells how a record of this file is written."""
            file.seek(max(file.seek(0, SEEK_END) - LOOKED_AT, 0))
            end = file.read()
            line_break = _line_break(end.decode("latin-1"))
            new = "".join(f"{records.write(each)}{line_break}" for each in lines)
            file.write((new if end.endswith(b"\n") else line_break + new).encode())
    except UnreadableError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read(path: Path) -> str:
    try:
        return read_file(path)
    except UnreadableError as error:
        raise ConfigError(f"{path}: {error}") from error


def _edit(path: Path, change: Callable[[str], str]) -> None:
    """Every byte that is not changed stays, a byte order mark and carriage returns too."""
    content = path.read_bytes()
    text = content.removeprefix(BOM_UTF8).decode()
    path.write_bytes(content[: len(content) - len(text.encode())] + change(text).encode())


def _line_break(text: str) -> str:
    """As most of its lines end."""
    return "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"


def _blanks(text: str, start: int) -> str:
    """Those that a line begins with."""
    found = re.compile(r"[ \t]*").match(text, start)
    return found[0] if found else ""
