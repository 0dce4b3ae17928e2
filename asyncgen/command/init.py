"""`asyncgen init`: a recipe of one's own, from a folder of documents."""

import argparse
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asyncgen.command.drafting import add_drafting_flags, agrees, answers_kept, choose_model
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.stderr import say
from asyncgen.endpoint.presets import resolve_endpoint
from asyncgen.errors import AsyncgenError, ConfigError
from asyncgen.program import program
from asyncgen.shards.address import local_path
from asyncgen.text import is_utf8

if TYPE_CHECKING:
    from asyncgen.recipe.documents import Knowledge
    from asyncgen.scaffold.answers import Answers
    from asyncgen.scaffold.draft import Draft
    from asyncgen.scaffold.recipe import RecipePlan

ABOUT = (
    "The recipe runs at once, without a key. Documents are Markdown, text and HTML; .pdf, .docx, .pptx, .xlsx and "
    ".epub with pip install 'asyncgen[documents]'; what is no knowledge in them is left out, as menus of web pages, "
    "heads and feet of printed ones, hidden sheets and slides. With a model, it reads them and suggests topics, "
    "personas, misconceptions, openers, and the statements that are to be told: one call a language, shown before "
    "anything is written."
)
CLOSING: Sections = {
    EXAMPLES: {
        "init bikeshop --from docs/": "a recipe in the folder bikeshop",
        "init bikeshop --from docs/ --language de,en": "its conversations are in German and in English",
        "init bikeshop --from faq.html manual.md --model google/gemini-3-flash-preview": "with a model's suggestions",
        "init bikeshop --update": "read the documents again; what you have edited stays",
        "init ada --like persona": "a copy of an example, see asyncgen recipes",
    }
}


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("folder", type=local_path, metavar="NAME", help="the folder to make; its last part names the assistant")
    add(
        "--from",
        nargs="+",
        type=local_path,
        dest="sources",
        metavar="PATH",
        help="documents: files and folders (default: none)",
    )
    add("--language", metavar="CODES", help="of the conversations, as de or de,en (default: that of the documents)")
    add(
        "--about",
        default="",
        metavar="TEXT",
        help='who the assistant is, as "the assistant of a bicycle shop" (default: its name alone)',
    )
    add("--like", metavar="RECIPE", help="copy this example instead, see asyncgen recipes (default: none)")
    add("--update", action="store_true", help="renew the knowledge of a recipe that init has made (default: make one)")
    suggestions = parser.add_argument_group("suggestions by a model")
    add_drafting_flags(suggestions, provider="no model", model="none")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.recipe.load import built_in_folder
    from asyncgen.recipe.recipe import NAME as RECIPE_NAME
    from asyncgen.scaffold.folder import copy_recipe
    from asyncgen.screen.init import show_copied

    folder: Path = flags.folder
    with interrupts_raised():
        if flags.update or flags.like is not None:
            _check_alone(flags)
        if flags.update:
            return _update(flags, folder)
        if (flags.like is None) == (flags.sources is None):
            raise ConfigError(
                "--from PATH makes a recipe from documents, --like RECIPE copies an example: give one of them"
            )
        if not RECIPE_NAME.fullmatch(folder.name):
            raise ConfigError(
                f"{folder.name!r} cannot name a recipe: expected up to 80 letters from a to z, digits, dots, dashes "
                "and underscores, because it names files"
            )
        if flags.like is None:
            return _make(flags, folder)
        copy_recipe(built_in_folder(flags.like), folder)
        show_copied(folder, flags.like, _first_output(folder.name))
        return 0


def _check_alone(flags: argparse.Namespace) -> None:
    """Raises ConfigError for a flag that only goes into a recipe that is made from documents."""
    toml = flags.folder / "recipe.toml"
    instead = {
        "language": f"change language in {toml}, and for several write {{language}} into a prompt, or make a recipe of "
        f"another name with --from PATH --language {flags.language}",
        "about": f"who the assistant is stands in {flags.folder / 'system.md'}",
        **dict.fromkeys(("provider", "base_url", "model"), f"what a model suggests is added with {program()} draft"),
    }
    if flags.update:
        instead["like"] = "without --update it copies an example"
    for name, what in instead.items():
        if getattr(flags, name):
            does = "--update renews the knowledge alone" if flags.update else "--like copies a recipe as it stands"
            raise ConfigError(f"{does}, and takes no --{name.replace('_', '-')}: {what}")


def _make(flags: argparse.Namespace, folder: Path) -> int:
    from asyncgen.recipe.load import load_recipe
    from asyncgen.scaffold.documents import collect_documents
    from asyncgen.scaffold.folder import made_whole, write_files, write_knowledge
    from asyncgen.scaffold.recipe import ENGLISH, RecipePlan, read_voices, write_recipe
    from asyncgen.scaffold.topics import find_topics
    from asyncgen.screen.init import show_made

    collected = collect_documents(flags.sources)
    knowledge = collected.knowledge
    if not is_utf8(flags.about):
        raise ConfigError(f"--about: expected text in UTF-8, got {flags.about!r}")
    if re.search(r"[{}]|<!--", flags.about):
        raise ConfigError("--about goes into a prompt, where braces and <!-- mean something: leave them out")
    spoken = _find_spoken(knowledge)
    languages = _read_languages(flags.language) if flags.language is not None else list(spoken)[:1] or [ENGLISH]
    plan = RecipePlan(
        name=folder.name,
        about=" ".join(flags.about.split()),
        topics=find_topics(knowledge.documents),
        voices={each: read_voices(each, folder.name) for each in languages},
    )
    with made_whole(folder) as staged, answers_kept(folder.with_name(f"{folder.name}.answers")) as answers:
        if flags.model or flags.provider or flags.base_url:
            plan = _with_drafts(flags, plan, knowledge, answers)
        write_files(staged, write_recipe(plan))
        write_knowledge(staged, knowledge.join() + "\n", flags.sources, folder)
        recipe = load_recipe(str(staged))
    output, is_chosen = _first_output(folder.name), flags.language is not None
    show_made(folder, recipe, collected, spoken, output, is_language_chosen=is_chosen)
    return 0


def _first_output(name: str) -> Path:
    """Of a run without flags."""
    from asyncgen.runs.config import name_output
    from asyncgen.runs.configure import read_environment

    return name_output(name, resolve_endpoint(None, None, read_environment(say)))


def _find_spoken(knowledge: "Knowledge") -> dict[str, list[str]]:
    """The documents in each language, that of most text first."""
    from asyncgen.audit.lints.wrong_language import find_guess
    from asyncgen.audit.spoken import find_spoken

    documents: dict[str, list[str]] = {}
    sizes: Counter[str] = Counter()
    for each in knowledge.documents:
        if language := find_spoken(each.text, find_guess()):
            documents.setdefault(language, []).append(each.source)
            sizes[language] += len(each.text)
    return {language: documents[language] for language, _ in sizes.most_common()}


def _read_languages(codes: str) -> Sequence[str]:
    from asyncgen.recipe.language import explain_code

    found = list(dict.fromkeys(filter(None, re.split(r"[,\s]+", codes))))
    for code in found:
        if wrong := explain_code(code):
            raise ConfigError(f"--language: {wrong}")
    if not found:
        raise ConfigError("--language: expected codes such as de or de,en")
    return found


def _with_drafts(
    flags: argparse.Namespace, plan: "RecipePlan", knowledge: "Knowledge", answers: "Answers"
) -> "RecipePlan":
    from asyncgen.runs.event_loop import in_event_loop
    from asyncgen.scaffold.draft import ANSWER_TOKENS, ask_for_drafts, open_drafter, write_request
    from asyncgen.scaffold.recipe import MODEL, SAMPLING
    from asyncgen.screen.drafts import show_drafts, show_price, show_stop

    asked = choose_model(flags, {"model": MODEL, **SAMPLING})
    text = knowledge.join()
    requests = {each: write_request(each, plan.name, plan.about, text) for each in plan.languages}
    show_price(asked.model, asked.endpoint, list(requests.values()), ANSWER_TOKENS)
    drafts: dict[str, Draft] = {}

    async def ask() -> None:
        async with open_drafter(asked.endpoint, asked.settings, answers) as drafter:
            await ask_for_drafts(drafter, requests, drafts)

    try:
        in_event_loop(ask())
    except AsyncgenError as error:  # what has been paid for until then is of use
        if not drafts:
            raise
        show_stop(error)
    show_drafts(drafts, answers.cost, flags.folder)
    if not agrees(flags, "Take these into the recipe?"):
        raise ConfigError("nothing was written; without --model the recipe is made from the headings alone")
    return plan.with_drafts(drafts)


def _update(flags: argparse.Namespace, folder: Path) -> int:
    from asyncgen.recipe.load import load_recipe
    from asyncgen.scaffold.documents import collect_documents
    from asyncgen.scaffold.folder import SOURCES_FILE, is_edited, read_sources, renew_knowledge
    from asyncgen.scaffold.topics import missing_topics, topics_gone
    from asyncgen.screen.init import show_updated

    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; without --update it is made")
    recipe = load_recipe(str(folder))
    if flags.sources is None:
        # Resolved: to one who goes up from a link, `..` is another folder than to the system.
        paths = [Path(os.path.relpath((folder / each).resolve())) for each in read_sources(folder).paths]
        named_by = f"{folder / SOURCES_FILE}, which --from PATH replaces, names"
    else:
        paths, named_by = flags.sources, "--from"
    collected = collect_documents(paths, named_by)
    where = renew_knowledge(folder, collected.knowledge.join() + "\n", paths, keeps_old=is_edited(folder))
    known = [value for each in recipe.dimensions if each.name == "topic" for value in each.values]
    documents = collected.knowledge.documents
    gone = topics_gone(recipe.knowledge, documents, known)
    show_updated(folder, where, collected, missing_topics(documents, known), gone)
    return 0
