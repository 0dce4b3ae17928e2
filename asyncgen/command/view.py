"""`asyncgen view`: an output in a browser."""

import argparse

from asyncgen.command.flag_values import port
from asyncgen.command.output_flags import add_output, check_is_one_file
from asyncgen.command.parser import EXAMPLES, Parser, Sections

ABOUT = (
    "Pages, filters, search and findings of all of it, also while a run is writing it. Where there is no audit of the "
    "file, it makes one meanwhile, and another of lines that came since once no more come; the page and stderr say so. "
    "What you mark as dropped goes to OUTPUT.dropped, and filter leaves it out. What you answer to a judge's questions "
    "goes to OUTPUT.labels.jsonl, and judge --agreement measures the judge by it."
)
CLOSING: Sections = {EXAMPLES: {"view data/nanochat.jsonl": "prints the address to open"}}


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument(
        "--port", type=port, default=0, metavar="PORT", help="port on loopback, 0 for a free one (default: %(default)s)"
    )


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.viewer.server import serve_view

    check_is_one_file(flags.output)
    return serve_view(flags.output, port=flags.port)
