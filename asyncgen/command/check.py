"""`asyncgen check`: a recipe before it is used."""

import argparse

from asyncgen.command.parser import EXAMPLES, USAGE, Parser, Sections
from asyncgen.command.request_flags import add_recipe_parts
from asyncgen.runs.values import seed, whole

ABOUT = "Exits with 2 when something has to be mended first, with 0 when there are at most warnings."
CLOSING: Sections = {
    EXAMPLES: {
        "check my-recipe": "every mistake, each with its file and line",
        "check my-recipe --index 7": "another scenario as it would be sent",
        "check nanochat --knowledge otters.md": "whether prompts and documents are about the same",
    }
}


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help="a recipe's folder, or a built-in one")
    add_recipe_parts(add)
    add("--seed", type=seed, metavar="N", help="another draw of scenarios (default: none)")
    add("--index", type=whole(0), default=0, metavar="I", help="the scenario to show (default: %(default)s)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.audit.rules import find_wrong_names
    from asyncgen.recipe.load import read_recipe
    from asyncgen.screen.check import show_problems, show_request

    recipe, problems = read_recipe(
        flags.recipe, knowledge=flags.knowledge, variables=dict(flags.variables), check_audit=find_wrong_names
    )
    if recipe is not None:
        show_request(flags.recipe, recipe, flags.seed, flags.index)
    show_problems(flags.recipe, [*problems])
    return USAGE if recipe is None else 0
