"""`asyncgen status`: what an output holds."""

import argparse

from asyncgen.command.output_flags import add_output
from asyncgen.command.parser import EXAMPLES, Parser, Sections

NAME = "status"
PURPOSE = "show what is in an output; reads only"
ABOUT = "Also while a run is writing it. Of an output that is cut into shards, all of them."
CLOSING: Sections = {
    EXAMPLES: {
        "status data/nanochat.jsonl": "what is done, failed and pending, and what it has cost",
        "status data/nanochat.jsonl --json": "the same for a program",
        "status data/x": "all shards of data/x.shards, what is under way and which are slowest",
    }
}


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object (default: a table)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.report.shards import status_of_shards
    from asyncgen.report.status import status
    from asyncgen.screen.bar import shown_progress
    from asyncgen.shards.plan import ShardFolder

    if folder := ShardFolder.find(flags.output):
        with shown_progress() as progress:
            return status_of_shards(folder, as_json=flags.json, progress=progress)
    return status(flags.output, as_json=flags.json)
