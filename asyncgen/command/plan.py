"""`asyncgen plan`: a run before it is made."""

import argparse

from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.request_flags import add_request_flags
from asyncgen.command.stderr import say
from asyncgen.runs.values import whole
from asyncgen.shards.address import local_path

ABOUT = (
    "Needs no key; with one, OpenRouter is asked for its prices and for what the key has left. Live calls, tier flex "
    "and batches stand side by side. Cost and time are estimates, and each says what it rests on."
)
CLOSING: Sections = {
    EXAMPLES: {
        "plan -n 20k": "what 20,000 conversations would cover and cost, live, at tier flex and in batches",
        "plan --index 7": "the request of one index in full",
        "plan -n 100 --requests requests.jsonl": "what would be sent, a line an index",
    }
}


def add_arguments(parser: Parser) -> None:
    add_request_flags(parser)
    add = parser.add_argument_group("what to show").add_argument
    add("--requests", type=local_path, metavar="FILE", help="write what would be sent (default: do not)")
    add("--index", type=whole(0), metavar="I", help="show one request in full (default: a summary)")


def run(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.command.config import read_plan
    from asyncgen.runs.configure import read_environment
    from asyncgen.screen.preview import preview

    plan = read_plan(flags, read_environment(say))
    for warning in plan.recipe.warnings:
        say(warning)
    return preview(plan, requests=flags.requests, index=flags.index, command=command)
