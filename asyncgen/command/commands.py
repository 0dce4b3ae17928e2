"""All commands, in the order of `asyncgen --help`.

A command is a module of this folder: see command.py for what it has. A new one is its file and a name here; `help`,
completion, "did you mean" and the tests of every flag find it by that. What it imports at its top is imported for
`asyncgen --help` too, so what is heavy (an HTTP client, rich, the rooms below) is imported where it runs.
"""

from asyncgen import __version__
from asyncgen.command import (
    audit,
    check,
    completion,
    draft,
    export,
    generate,
    init,
    judge,
    merge,
    plan,
    ray,
    recipes,
    repair,
    report,
    serve,
    shards,
    show,
    status,
    view,
)
from asyncgen.command import filter as filter_
from asyncgen.command import help as help_
from asyncgen.command.command import Command
from asyncgen.command.pages import Pages
from asyncgen.command.parser import EXAMPLES, PAGES, Parser

COMMANDS: tuple[Command, ...] = (
    init,
    recipes,
    draft,
    generate,
    check,
    plan,
    status,
    shards,
    ray,
    merge,
    audit,
    judge,
    repair,
    filter_,
    export,
    show,
    report,
    view,
    serve,
    completion,
    help_,
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
    for each in COMMANDS:
        purpose = f"{each.PURPOSE[0].upper()}{each.PURPOSE[1:]}."
        command = commands.add_parser(
            each.NAME,
            root=parser,
            add_arguments=each.add_arguments,
            help=each.PURPOSE,
            description=f"{purpose} {each.ABOUT}",
            closing=each.CLOSING,
        )
        command.set_defaults(run=each.run)
    return parser
