"""`asyncgen draft`: one dimension of a recipe becomes wider by what a model suggests."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asyncgen.command.drafting import add_drafting_flags, agrees, answers_kept, choose_model
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.errors import AsyncgenError, ConfigError
from asyncgen.runs.values import whole
from asyncgen.text import quantity

if TYPE_CHECKING:
    from asyncgen.command.drafting import Asked
    from asyncgen.recipe.recipe import Recipe
    from asyncgen.scaffold.answers import Answers
    from asyncgen.scaffold.asks import Ask
    from asyncgen.scaffold.widen import Candidate

ABOUT = (
    "The model is asked for twenty values at once, each with its probability and only unlikely ones, which gives what "
    "it would not have named first; what is in the recipe already, or nearly so, is left out. The values are shown "
    "and, after a yes, appended to the list in recipe.toml, the file of statements or the file of values that they "
    "belong to. Nothing that is there is changed."
)
CLOSING: Sections = {
    EXAMPLES: {
        "draft openers --recipe bikes": "40 more first messages, each in the group it belongs to",
        "draft topics --recipe bikes -n 100 --model openai/gpt-5-mini": "more, by a model of your choice",
        "draft personas --recipe bikes --language de": "of a recipe in several languages, for one of them",
        "draft statements --recipe bikes --yes": "facts to tell, without asking",
    }
}
NUMBER = 40


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "dimension",
        metavar="WHAT",
        help="openers, topics, personas, misconceptions, statements, or the name of any other dimension",
    )
    add(
        "--recipe",
        default="nanochat",
        metavar="RECIPE",
        help="a recipe's folder; a built-in one is copied first (default: %(default)s)",
    )
    add("--num", "-n", type=whole(1), default=NUMBER, metavar="N", help="values to find (default: %(default)s)")
    add("--language", metavar="CODE", help="of the new values, as de (default: that of what is there)")
    group = parser.add_argument_group("whom to ask")
    add_drafting_flags(group, provider="openrouter when its key is set", model="the recipe's")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.endpoint.settings import settings_of
    from asyncgen.recipe.load import BUILT_IN, load_recipe
    from asyncgen.scaffold.append import append
    from asyncgen.scaffold.asks import plan_asks
    from asyncgen.scaffold.widen import ANSWER_TOKENS, foresee_requests
    from asyncgen.screen.drafts import show_appended, show_lines, show_price
    from asyncgen.screen.rows import command_line

    with interrupts_raised():
        recipe = load_recipe(flags.recipe)
        if recipe.source in BUILT_IN:
            copy = f"my-{recipe.name}"
            raise ConfigError(
                f"{recipe.source} is built in and stays as it is; copy it first: "
                f"{command_line('init', copy, '--like', recipe.source)}, then "
                f"{command_line('draft', flags.dimension, '--recipe', copy)}"
            )
        asks = plan_asks(recipe, flags.dimension, flags.num, flags.language)
        asked = choose_model(flags, settings_of(recipe), recipe.headers)
        requests = [request for each in asks for request in foresee_requests(recipe, each)]
        show_price(asked.model, asked.endpoint, requests, ANSWER_TOKENS, at_most=True)
        toml = Path(recipe.source)
        with answers_kept(toml.with_name("draft.answers")) as answers:
            found = _ask_all(asked, recipe, asks, answers)
            lines = {
                (group, ask.language if ask.binds else None): [each.text for each in candidates if each.group == group]
                for ask, candidates in zip(asks, found, strict=True)
                for group in ask.groups
            }
            added = [(group, texts, language) for (group, language), texts in lines.items() if texts]
            if not added:
                raise ConfigError(
                    "nothing was written: the model suggests nothing that is not in the recipe already, or nearly so"
                )
            name = asks[0].dimension
            show_lines({" ".join(filter(None, (name, group, language))): texts for group, texts, language in added})
            number = sum(map(len, found))
            if not agrees(flags, f"Append {quantity(number, 'value')} to {name}?"):
                raise ConfigError("nothing was written")
            show_appended(flags.recipe, number, append(toml, name, added))
        return 0


def _ask_all(asked: "Asked", recipe: "Recipe", asks: "Sequence[Ask]", answers: "Answers") -> "list[list[Candidate]]":
    from asyncgen.audit.reading.words import split_words
    from asyncgen.runs.event_loop import in_event_loop
    from asyncgen.scaffold.draft import open_drafter
    from asyncgen.scaffold.widen import widen
    from asyncgen.screen.drafts import show_cost, show_stop

    async def ask_all() -> "list[list[Candidate]]":
        async with open_drafter(asked.endpoint, asked.settings, answers) as drafter:
            found: list[list[Candidate]] = [[] for _ in asks]
            try:
                for each, candidates in zip(asks, found, strict=True):
                    await widen(drafter, recipe, each, candidates, split_words)
            except AsyncgenError as error:  # what has been paid for until then is of use
                if not any(found):
                    raise
                show_stop(error)
            show_cost(answers.cost)
            return found

    return in_event_loop(ask_all())
