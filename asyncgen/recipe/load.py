"""A recipe: everything about a data set that is not code, read once together with its knowledge base.

One walk over the recipe.toml and the files that it names makes the recipe and collects all that is wrong with them, so
that a run, which is refused by the first mistake, and `asyncgen check`, which shows them all, have the same opinion.
After `load_recipe` a recipe can be used without looking back.
"""

import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from asyncgen.did_you_mean import did_you_mean
from asyncgen.errors import ConfigError
from asyncgen.program import program
from asyncgen.recipe.dimensions import read_dimensions
from asyncgen.recipe.documents import Knowledge, read_documents, read_text
from asyncgen.recipe.language import LANGUAGE, NAMES, OTHER_LETTERS, explain_code
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.prompt_files import check_placeholders, find_lost_subject, read_prompts
from asyncgen.recipe.recipe import (
    KNOWLEDGE,
    NAME,
    AuditOptions,
    Charset,
    Recipe,
    RequestHeader,
    Rules,
)
from asyncgen.recipe.request import read_request
from asyncgen.recipe.review import read_audit, read_judge, read_repair
from asyncgen.recipe.tables import (
    EnvironmentValue,
    RecipeTable,
    Words,
    read,
)
from asyncgen.recipe.talk import ANSWERS_WANTED, read_talk
from asyncgen.recipe.text_file import UnreadableError, read_file, strip_blank_lines
from asyncgen.recipe.variables import VARIABLES, read_variables
from asyncgen.text import is_utf8

_RECIPES = Path(__file__).parents[1] / "recipes"
BUILT_IN = tuple(sorted(each.name for each in _RECIPES.iterdir() if (each / "recipe.toml").is_file()))


AS_GIVEN: Mapping[str, str] = MappingProxyType({})  # each variable as the recipe has it
# Names what is wrong in the table `[audit]`: which rules there are is known above.
AuditCheck: TypeAlias = Callable[[AuditOptions], Iterable[tuple[Key, str]]]


def load_recipe(
    source: str,
    *,
    knowledge: Path | None = None,
    variables: Mapping[str, str] = AS_GIVEN,
    check_audit: AuditCheck | None = None,
) -> Recipe:
    """The recipe of that name (built-in) or path (a folder, or its recipe.toml).

    `knowledge` replaces the recipe's own knowledge file, `variables` are values in place of its own. Raises ConfigError
    with the first mistake: its file, line, key and what was expected.
    """
    recipe, problems = read_recipe(source, knowledge=knowledge, variables=variables, check_audit=check_audit)
    if recipe is None:
        first, *others = [each for each in problems.found if not each.is_warning]
        more = f" (and {len(others)} more: {program()} check {shlex.quote(source)})" if others else ""
        raise ConfigError(f"{first}{more}")
    return recipe


def read_recipe(
    source: str,
    *,
    knowledge: Path | None = None,
    variables: Mapping[str, str] = AS_GIVEN,
    check_audit: AuditCheck | None = None,
) -> tuple[Recipe | None, Problems]:
    """The recipe, and everything that is to be said about it; no recipe where one of that is an error.

    Raises ConfigError where there is none to be read.
    """
    path = _find(source)
    if not is_utf8(str(path.resolve())):
        raise ConfigError(f"{path}: the recipe's path is not UTF-8, so no journal could name it; rename it")
    problems = Problems(path)
    try:
        text = read_file(path)
        given = tomllib.loads(text)
    except UnreadableError as error:
        problems.add((), f"the recipe {error}")
    except (ValueError, RecursionError) as error:  # besides TOMLDecodeError: endless digits, deep nesting
        place = re.search(r"at line (\d+)", str(error))
        problems.add_in(path, f"not valid TOML: {error}", int(place[1]) if place else 0)
    else:
        problems.toml = text
        return _walk(path, source, given, knowledge, variables, check_audit, problems), problems
    return None, problems


def built_in_folder(name: str) -> Path:
    """Where a built-in recipe lies. Raises ConfigError for a name that is none."""
    if name not in BUILT_IN:
        raise ConfigError(
            f"there is no built-in recipe {name!r}: expected one of {', '.join(BUILT_IN)}{did_you_mean(name, BUILT_IN)}"
        )
    return _RECIPES / name


def read_knowledge(path: Path) -> str:
    """A knowledge base by itself, as `load_recipe` would read it. Raises ConfigError."""
    problems = Problems(path)
    text = read_documents(Path(), str(path), (), problems).join()
    for each in problems.found:
        if not each.is_warning:
            raise ConfigError(str(each))
    return text


def _find(source: str) -> Path:
    if source in BUILT_IN:
        return built_in_folder(source) / "recipe.toml"
    path = Path(os.path.expanduser(source))  # noqa: PTH111 - Path would raise where nobody knows the home
    try:
        path = path / "recipe.toml" if path.is_dir() else path
        if path.is_file():
            return path
        near = [str(each.parent) for each in path.parent.glob("*/recipe.toml")]
    except OSError as error:
        raise ConfigError(f"{path}: the recipe cannot be read: {error.strerror}") from error
    raise ConfigError(
        f"no recipe at {path}: expected a folder with a recipe.toml, the path of one, "
        f"or a built-in name ({', '.join(BUILT_IN)}){did_you_mean(source, (*BUILT_IN, *near))}"
    )


def _walk(  # noqa: PLR0917 - all that a recipe depends on
    path: Path,
    source: str,
    given: Mapping[str, object],
    knowledge: Path | None,
    variables: Mapping[str, str],
    check_audit: AuditCheck | None,
    problems: Problems,
) -> Recipe | None:
    """From the top of the recipe to its end; None when something in it cannot be used."""
    table: RecipeTable = read(given, RecipeTable, (), problems)
    if table.name is not None and not NAME.fullmatch(table.name):
        expected = "expected up to 80 letters from a to z, digits, dots, dashes and underscores (it names files)"
        problems.add(("name",), f"{expected}, got {table.name!r}")
    own = table.knowledge if isinstance(table.knowledge, str | None) else list(filter(None, table.knowledge))
    filling = read_variables(table.variables, variables, problems)
    prompts = read_prompts(path.parent, table.prompt, filling, problems)
    exported = [path.parent / table.export.system] if table.export.system else []
    tables = [each for each in table.dimension or () if each is not None]
    listed = [path.parent / name for each in tables for name in each.files]
    others = [path, *exported, *listed, *(each.path for each in prompts.values())]
    known = Knowledge()
    if knowledge:
        known = read_documents(Path(), str(knowledge), (), problems, others)
    elif own:
        known = read_documents(path.parent, own, (KNOWLEDGE,), problems, others)
    request, models = read_request(table.request, table.models, problems)
    known = known.changed(filling.fill)
    headers = [_read_header(name, value, problems) for name, value in table.headers.items()]
    language = _read_language(table.language, table.rules.charset, problems)
    dimensions, keys = read_dimensions(
        table.dimension or (), path.parent, known, filling, problems, language=language, models=models
    )
    for name in keys.keys() & filling.values.keys():
        problems.add((VARIABLES, name), "expected another name, a dimension is called so")
    has_passages = any(
        each is not None and (each.passages is not None or problems.touch(("dimension", place, "passages")))
        for place, each in enumerate(table.dimension or ())
    )
    check_placeholders(prompts, keys, problems, is_knowledge_wanted=not has_passages)
    export_system = [filling.fill(strip_blank_lines(read_text(each, "export.system", problems))) for each in exported]
    judge = read_judge(table.judge, problems)
    repair = None if table.repair is None else read_repair(table.repair, judge, problems)
    audit = read_audit(table.audit, problems)
    for key, wrong in check_audit(audit) if check_audit else ():
        problems.add(key, wrong)
    talk = read_talk(
        table.talk,
        path.parent,
        table.description,
        dimensions,
        table.rules,
        language=language,
        filling=filling,
        problems=problems,
    )
    if repair and talk and talk.users == "turn by turn":
        problems.add(("repair",), f'expected none beside users = "{talk.users}": a call writes one message there')
    if problems.has_errors or table.name is None:
        return None
    if knowledge and (subject := find_lost_subject(table.name, prompts, path.parent, own or [], known.join())):
        problems.add_in(
            f"--knowledge {knowledge}",
            f"never mentions {subject!r}, and recipe {table.name} is about it by its prompts: its conversations still "
            "would be. For other documents write a recipe of your own, see --recipe.",
            is_warning=True,
        )
    is_apart = talk is not None and talk.users == "apart"
    return Recipe(
        name=table.name,
        description=table.description,
        source=source if source in BUILT_IN else str(path.resolve()),
        sampling=table.sampling,
        knowledge=known.join(),
        system=prompts["system"].sent if "system" in prompts else None,
        user=prompts["user"].sent + (ANSWERS_WANTED if is_apart else ""),
        request=request,
        headers=tuple(filter(None, headers)),
        dimensions=dimensions,
        rules=Rules(table.rules.min_messages, table.rules.charset, table.rules.ends_with),
        audit=audit,
        judge=judge,
        repair=repair,
        language=language,
        models=models,
        variables=filling.values,
        talk=talk,
        export_system=export_system[0] if export_system else None,
        files=(*others, *known.files),
        warnings=tuple(map(str, problems)),
    )


# ---- languages


def _read_language(given: Words, charset: Charset, problems: Problems) -> tuple[str, ...]:
    codes = [given] if isinstance(given, str) else given or []
    if isinstance(given, str) and "," in given:
        several = ", ".join(f'"{each.strip()}"' for each in given.split(","))
        problems.add((LANGUAGE,), f"expected one code, or a list of several: [{several}]")
        return ()
    for place, code in enumerate(codes):
        key = (LANGUAGE,) if isinstance(given, str) else (LANGUAGE, place)
        if code is not None and (wrong := explain_code(code)):
            problems.add(key, wrong)
        elif code is not None and code in codes[:place]:
            problems.add(key, f"{code!r} is there twice")
    language = tuple(dict.fromkeys(filter(None, codes)))
    other = [NAMES[code] for code in language if code in OTHER_LETTERS]
    if other and charset == "ascii":
        wrong = f'{" and ".join(other)} in its own letters is refused by "ascii": expected "any"'
        problems.add(("rules", "charset"), wrong, is_warning=True)
    return language


# ---- headers


def _read_header(name: str, value: str | EnvironmentValue | None, problems: Problems) -> RequestHeader | None:
    """None where it cannot be used."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        problems.add(("headers",), f"expected a header's name, got {name!r}")
    elif isinstance(value, EnvironmentValue):
        return RequestHeader(name, variable=value.env)
    elif value is not None and not value.isprintable():
        problems.add(("headers", name), "expected one printable line")
    elif value is not None:
        return RequestHeader(name, value=value)
    return None
