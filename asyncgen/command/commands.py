"""All commands, in the order of `asyncgen --help`.

A command is a module of this folder: see command.py for what it has. A new one is its file and a name here; `help`,
completion, "did you mean" and the tests of every flag find it by that. What it imports at its top is imported for
`asyncgen --help` too, so what is heavy (an HTTP client, rich, the rooms below) is imported where it runs.
"""

from asyncgen import __version__
from asyncgen.command import audit, generate, plan, report, serve, show, status, view
from asyncgen.command import filter as filter_
from asyncgen.command.command import Command
from asyncgen.command.parser import Parser

COMMANDS: tuple[Command, ...] = (generate, plan, status, audit, filter_, show, report, view, serve)
EPILOG = """\
try this first:
  asyncgen generate -n 3 --show   make three conversations and print them
  asyncgen plan -n 20k            what 20,000 of them would cover and cost
  asyncgen help COMMAND           the flags of a command
"""


def build_parser() -> Parser:
    parser = Parser(
        prog="asyncgen", description="Turn a knowledge base and a recipe into chat conversations.", epilog=EPILOG
    )
    parser.add_argument("--version", "-V", action="version", version=f"asyncgen {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser.commands = commands.choices
    for each in COMMANDS:
        purpose = each.PURPOSE
        command = commands.add_parser(each.NAME, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        each.add_arguments(command)
        command.set_defaults(run=each.run)
    return parser
