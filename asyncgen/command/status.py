"""`asyncgen status`: what an output holds."""

import argparse
from pathlib import Path

from asyncgen.command.output_flags import output_path
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.shards.address import path_or_url

ABOUT = "Also while a run is writing it. Of an output that is cut into shards, all of them."
CLOSING: Sections = {
    EXAMPLES: {
        "status data/nanochat.jsonl": "what is done, failed and pending, and what it has cost",
        "status data/nanochat.jsonl --json": "the same for a program",
        "status data/x": "all shards of data/x.shards, what is under way and which are slowest",
        "status s3://bucket/x": "the same of shards in object storage",
    }
}


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "output",
        type=output_or_url,
        metavar="OUTPUT",
        help="an output of generate, or all shards of one",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object (default: a table)")


def output_or_url(text: str) -> Path | str:
    return text if isinstance(path_or_url(text), str) else output_path(text)


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.shards.places import find_shards

    if shards := find_shards(flags.output):
        from asyncgen.report.shards import status_of_shards
        from asyncgen.screen.bar import shown_progress

        with shown_progress() as progress:
            return status_of_shards(shards, as_json=flags.json, progress=progress)
    from asyncgen.report.status import status

    return status(flags.output, as_json=flags.json)
