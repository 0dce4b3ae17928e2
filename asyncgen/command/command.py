"""What every command offers: a module of this folder with a name, a purpose, its flags, and what it does."""

import argparse
from typing import Protocol

from asyncgen.command.parser import Parser


class Command(Protocol):
    """A module is one when it has these four; its imports of what is heavy wait until it runs."""

    NAME: str
    PURPOSE: str  # one line, in lower case

    def add_arguments(self, parser: Parser, /) -> None: ...

    def run(self, flags: argparse.Namespace, command: str, /) -> int:
        """Do it; the exit status. `command`: the line as typed. Raises what main says on one line."""
        ...
