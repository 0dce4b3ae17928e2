"""All commands, in the order of `asyncgen --help`.

A command is a module of this folder: see command.py for what it has. A new one is its file and a line here; `help`,
completion, "did you mean" and the tests of every flag find it by that. It is imported when its line is typed or its
flags are asked for; what is heavy (an HTTP client, rich, the rooms below) waits until it runs.
"""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import cast

from asyncgen import __version__
from asyncgen.command.command import Command
from asyncgen.command.pages import Pages
from asyncgen.command.parser import EXAMPLES, PAGES, Parser

# What each is for, in a line.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "init": "make a recipe of your own from documents, or from an example",
        "recipes": "list the built-in recipes",
        "draft": "widen a dimension of a recipe by what a model suggests",
        "generate": "make conversations, going on where an earlier run stopped",
        "check": "tell all that is wrong with a recipe, and show a request of it; sends nothing",
        "plan": "show what a run would send and cover; spends nothing",
        "status": "show what is in an output; reads only",
        "shards": "plan a run of many shards, for many machines",
        "ray": "make all shards on a Ray cluster",
        "merge": "make one output of all shards",
        "audit": "measure an output: coverage, diversity, duplicates, findings",
        "judge": "have a model read conversations against the knowledge base",
        "repair": "make the lines again that an audit or a judge flags",
        "filter": "write the lines worth keeping to files of their own",
        "export": "write an output in the format of a trainer or a hub",
        "show": "print conversations as chat",
        "report": "write an audit as a page for a browser",
        "view": "browse an output in a browser, on loopback",
        "serve": "run the offline engine as a server on loopback",
        "completion": "print what lets a shell complete commands, flags and values",
        "help": "the flags of a command, or a page on a subject",
    }
)


def build_parser() -> Parser:
    parser = Parser(
        prog="asyncgen",
        description="Turn a knowledge base and a recipe into chat conversations.",
        closing={
            PAGES: Pages(),
            EXAMPLES: {
                "generate -n 3 --show": "make three conversations and print them",
                "plan -n 20k": "what 20,000 of them would cover and cost",
                "help generate": "the flags of a command",
                "help money": "a page",
            },
        },
    )
    parser.add_argument("--version", "-V", action="version", version=f"asyncgen {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser.commands = commands.choices
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, root=parser, complete=partial(_complete, name), help=purpose)
    return parser


def _complete(name: str, parser: Parser) -> None:
    """Give the parser of a command what its module says."""
    command = cast("Command", import_module(f"asyncgen.command.{name}"))
    purpose = COMMANDS[name]
    parser.description = f"{purpose[0].upper()}{purpose[1:]}. {command.ABOUT}"
    parser.closing = command.CLOSING
    parser.set_defaults(run=command.run)
    command.add_arguments(parser)
