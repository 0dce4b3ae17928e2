"""`asyncgen plan`: a run before it is made."""

import argparse
from pathlib import Path

from asyncgen.command.flag_values import whole
from asyncgen.command.parser import Parser
from asyncgen.command.request_flags import add_request_flags
from asyncgen.command.stderr import say

NAME = "plan"
PURPOSE = "show what a run would send and cover; spends nothing"


def add_arguments(parser: Parser) -> None:
    add_request_flags(parser)
    parser.add_argument("--requests", type=Path, metavar="FILE", help="write what would be sent (default: do not)")
    parser.add_argument("--index", type=whole(0), metavar="I", help="show one request in full (default: a summary)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.command.config import knowledge_notices, read_environment, read_request_config
    from asyncgen.screen.preview import preview

    config = read_request_config(flags, read_environment())
    for notice in knowledge_notices(flags, config.recipe):
        say(notice)
    return preview(config, requests=flags.requests, index=flags.index)
