"""`asyncgen recipes`: the built-in recipes, to run as they are or to copy."""

import argparse

from asyncgen.command.parser import EXAMPLES, Parser, Sections

ABOUT = "Each runs as it is, without a key: generate --recipe NAME. A copy to edit makes init FOLDER --like NAME."
CLOSING: Sections = {
    EXAMPLES: {
        "recipes": "what there is",
    }
}


def add_arguments(_: Parser) -> None:
    """It has no flags."""


def run(_: argparse.Namespace, __: str) -> int:
    from asyncgen.recipe.load import BUILT_IN, load_recipe
    from asyncgen.screen.rows import labelled_grid, plain_console

    plain_console().print(labelled_grid({name: load_recipe(name).description for name in BUILT_IN}))
    return 0
