"""`asyncgen serve`: the offline engine, which brings its flags: `python -m asyncgen.offline` takes the same."""

import argparse

from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.offline.command import add_serve_arguments, serve

ABOUT = (
    "With knobs for latency, faults, limits and money, to see how a client behaves. GET /ledger tells what it has "
    "seen: calls, lines of batches, statuses, most in flight, busy seconds, cost; GET /ledger/batches every batch with "
    "its custom_ids, and every line that was run with its cost. Files and batches are on disk, and go with the engine."
)
CLOSING: Sections = {
    EXAMPLES: {
        "serve --latency 0.2 --rate-limited 0.1": "one call in ten is refused",
        "serve --batches --batch-delay 60 --batch-lost 0.1": "batches of a minute, one create in ten never answered",
        "serve --max-concurrent 32 --requests-per-minute 600": "the limits of a small account",
    }
}


def add_arguments(parser: Parser) -> None:
    add_serve_arguments(parser)


def run(flags: argparse.Namespace, _: str) -> int:
    return serve(flags)
