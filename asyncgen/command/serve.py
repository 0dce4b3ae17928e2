"""`asyncgen serve`: the offline engine, which brings its flags: `python -m asyncgen.offline` takes the same."""

import argparse

from asyncgen.command.parser import Parser
from asyncgen.offline.command import add_serve_arguments, serve

NAME = "serve"
PURPOSE = "run the offline engine as a server on loopback"


def add_arguments(parser: Parser) -> None:
    add_serve_arguments(parser)


def run(flags: argparse.Namespace, _: str) -> int:
    return serve(flags)
