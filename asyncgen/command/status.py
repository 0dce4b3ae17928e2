"""`asyncgen status`: what an output holds."""

import argparse

from asyncgen.command.output_flags import add_output
from asyncgen.command.parser import EXAMPLES, Parser, Sections

NAME = "status"
PURPOSE = "show what is in an output; reads only"
ABOUT = "Also while a run is writing it."
CLOSING: Sections = {
    EXAMPLES: {
        "status data/nanochat.jsonl": "what is done, failed and pending, and what it has cost",
        "status data/nanochat.jsonl --json": "the same for a program",
    }
}


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object (default: a table)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.report.status import status

    return status(flags.output, as_json=flags.json)
