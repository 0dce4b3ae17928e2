"""A parser that knows what was meant: one sentence for a line that cannot be read."""

import argparse
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from shutil import get_terminal_size
from types import MappingProxyType
from typing import Any, NoReturn, Self, TypeAlias

from asyncgen.command.stderr import sentence
from asyncgen.did_you_mean import did_you_mean
from asyncgen.program import program

USAGE = 2  # exit status
# What stands below the flags: lines of two columns under their titles.
Sections: TypeAlias = Mapping[str, Mapping[str, str]]
PAGES = "pages"
EXAMPLES = "examples"  # the section whose first column is what follows the program's name
_COLUMN = 24  # where the second column begins
_WIDEST = 100


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; the whole usage would bury it.

    Flags are written out: an abbreviation would mean something else once a second flag begins like it. `root`: the
    parser of the whole line. `complete`: gives a command's parser its flags and all else that is told of it, and waits
    until somebody asks: a line names one command, and to make the flags of all takes longer than a short command.
    """

    def __init__(
        self,
        *,
        root: Self | None = None,
        complete: "Callable[[Parser], None] | None" = None,
        closing: Sections = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self.root = root or self
        self._completion = complete
        self.commands: Mapping[str, Self] = {}
        self._closing = closing
        self.argv: Sequence[str] = ()

    @property
    def actions(self) -> Sequence[argparse.Action]:
        self._complete()
        return self._actions

    @property
    def closing(self) -> Sections:
        self._complete()
        return self._closing

    @closing.setter
    def closing(self, closing: Sections) -> None:
        self._closing = closing

    def _complete(self) -> None:
        complete, self._completion = self._completion, None
        if complete is not None:
            complete(self)

    def format_help(self) -> str:
        """In two columns as argparse has them: what is too wide for the first has a line of its own, never broken."""
        self._complete()
        width = min(get_terminal_size().columns - 2, _WIDEST)
        text = super().format_help()
        for title, rows in self.closing.items():
            text += f"\n{title}:\n"
            first = f"{program()} " if title == EXAMPLES else ""
            column = min(_COLUMN, max((len(first + label) for label in rows), default=0) + 4)
            for label, told in rows.items():
                begin = f"  {first}{label}"
                lines = textwrap.wrap(told, width - column)
                if len(begin) + 2 > column:
                    text += f"{begin}\n"
                elif lines:
                    text += f"{begin:{column}}{lines.pop(0)}\n"
                text += "".join(f"{'':{column}}{line}\n" for line in lines)
        return text

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Nothing may be unknown, and each parser says so for itself: it knows what would be right."""
        self._complete()
        if self is self.root:
            self.argv = args
        if self.commands and args:
            self._check_command(args[0])
        self._check_dashes(args)
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0]
            name, equals, value = word.partition("=")
            flags = self._option_string_actions
            if word.startswith("-"):
                self.error(f"there is no flag {name}{did_you_mean(name, flags)}")
            if equals and (hint := did_you_mean(name, flags)):  # N=20000, as make has it
                self.error(f"{word} is no flag{hint.removesuffix('?')} {value}?")
            self.error(f"{word!r} belongs to no flag" + ("; did you mean --help?" if word == "help" else ""))
        return known, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = list(map(str, action.choices))
            hint = did_you_mean(str(value), choices)
            raise argparse.ArgumentError(action, f"expected one of {', '.join(choices)}, got {value!r}{hint}")

    def _check_command(self, word: str) -> None:
        if word in self.commands or word in self._option_string_actions:
            return
        if word.startswith("-"):
            hint = did_you_mean(word, self._option_string_actions) or f"; it follows one: {self.prog} COMMAND {word}"
            self.error(f"there is no flag {word} before a command{hint}")
        pages = (f"help {page}" for page in self.closing.get(PAGES, ()))
        hint = did_you_mean(word, (*self.commands, *self._option_string_actions, *pages))
        self.error(f"there is no command {word!r}" + (hint or f"; there are {', '.join(self.commands)}"))

    def _check_dashes(self, args: Sequence[str]) -> None:
        """Two lines that argparse misreads: -output FILE, as -o with the value "utput", and --output=--, as a list."""
        flags = self._option_string_actions
        for word in itertools.takewhile("--".__ne__, args):
            name, _, value = word.partition("=")
            if len(name) > len("-o") and name not in flags and f"-{name}" in flags:
                self.error(f"there is no flag {name}; did you mean -{name}?")
            if "--" in (value, word[len("-o") :]) and (name in flags or word[: len("-o")] in flags):
                self.error(f"{word}: -- is no value")

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {sentence(message, self.root.argv)} (see {self.prog} --help)\n")
