"""`asyncgen help`: the commands and the pages, one of them, or both where they have the same name."""

import argparse

from asyncgen.command.pages import Pages, print_page
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.did_you_mean import did_you_mean

ABOUT = "Without WORD, the commands and the pages are listed."
CLOSING: Sections = {EXAMPLES: {"help generate": "the flags of generate", "help money": "a page"}}


def add_arguments(parser: Parser) -> None:
    parser.add_argument("word", metavar="WORD", nargs="?", help="a command or a page")
    parser.set_defaults(parser=parser)


def run(flags: argparse.Namespace, _: str) -> int:
    word, parser = flags.word, flags.parser
    commands, pages = parser.root.commands, Pages()
    if word is None:
        parser.root.print_help()
    elif word not in commands and word not in pages:
        parser.error(f"there is no command and no page {word!r}{did_you_mean(word, (*commands, *pages))}")
    else:
        if word in commands:
            commands[word].print_help()
        if word in pages:
            print_page(word)
    return 0
