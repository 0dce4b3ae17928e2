"""What every command offers: a module of this folder that has what is below."""

import argparse
from typing import Protocol

from asyncgen.command.parser import Parser, Sections


class Command(Protocol):
    """A module is one when it has these; its imports of what is heavy wait until it runs."""

    ABOUT: str  # sentences on what the flags do not say
    CLOSING: Sections  # what stands below the flags

    def add_arguments(self, parser: Parser, /) -> None: ...

    def run(self, flags: argparse.Namespace, command: str, /) -> int:
        """Do it; the exit status. `command`: the line as typed. Raises what main says on one line."""
        ...
