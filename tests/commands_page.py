"""Writes the page of all commands and their flags from what `--help` says: `make pages`."""

import argparse
from collections.abc import Iterator

from asyncgen.command.commands import build_parser
from asyncgen.command.pages import FOLDER
from asyncgen.command.parser import EXAMPLES, Parser

PAGE = FOLDER / "commands.md"
BEGIN = """\
# Commands: every command and its flags

<!-- Written by `make pages` from the help texts. -->

`asyncgen help COMMAND` says the same of one.
"""


def describe_commands() -> str:
    commands = build_parser().commands
    return "\n".join([BEGIN, *(line for parser in commands.values() for line in describe_command(parser))])


def describe_command(parser: Parser) -> Iterator[str]:
    words = [str(action.metavar) for action in parser.actions if not action.option_strings]
    yield f"## {' '.join([parser.prog, *words])}\n"
    yield f"{parser.description}\n"
    for group in parser._action_groups:
        if flags := [action for action in group._group_actions if action.option_strings and action.dest != "help"]:
            yield f"| {group.title if group.title != 'options' else 'flag'} | what | default |\n|---|---|---|"
            yield from map(describe_flag, flags)
            yield ""
    for title, rows in parser.closing.items():
        if title == EXAMPLES:
            yield "```sh"
            yield from (f"# {what}\nasyncgen {line}" for line, what in rows.items())
            yield "```\n"
        else:
            yield f"| {title} | |\n|---|---|"
            yield from (f"| `{name}` | {what} |" for name, what in rows.items())
            yield ""


def describe_flag(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    text = (action.help or "") % {**vars(action), "prog": ""}
    what, _, default = text.removesuffix(")").rpartition(" (default: ")
    return f"| `{', '.join(action.option_strings)}{value}` | {what} | {default} |"


if __name__ == "__main__":
    PAGE.write_text(describe_commands(), encoding="utf-8")
