"""`asyncgen status`: what an output holds."""

import argparse

from asyncgen.command.output_flags import add_output
from asyncgen.command.parser import Parser

NAME = "status"
PURPOSE = "show what is in an output; reads only"


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object (default: a table)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.report.status import status

    return status(flags.output, as_json=flags.json)
