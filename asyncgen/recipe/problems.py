"""What is wrong with a recipe: all of it at once, each with its file, its line where one is known, and its key."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

Key: TypeAlias = tuple[str | int, ...]  # the way to a value of a TOML file: names of tables, positions in lists


@dataclass(frozen=True, slots=True)
class Problem:
    """`where`: mostly a file. `line`: 0 where none is known. `is_warning`: it can be used all the same."""

    where: str
    line: int
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"

    @property
    def place(self) -> str:
        return f"{self.where}:{self.line}" if self.line else self.where


class Problems:
    """Collects what is wrong in a recipe.toml and in the files that it names."""

    def __init__(self, path: Path) -> None:
        self.found: list[Problem] = []
        self.toml = ""
        self._path = path
        self._wrong: list[Key] = []
        self._lines: dict[Key, int] | None = None

    @property
    def has_errors(self) -> bool:
        return any(not each.is_warning for each in self.found)

    def add(self, key: Key, text: str, *, is_warning: bool = False) -> None:
        """At a key of the recipe.toml; the empty one is the file."""
        if not is_warning:
            self._wrong.append(key)
        told = f"{write_key(key)}: {text}" if key else text
        if self._lines is None:
            self._lines = find_lines(self.toml)
        # Its own line, or that of the innermost table around it that is there.
        line = next((self._lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self._lines), 0)
        self.add_in(str(self._path), told, line, is_warning=is_warning)

    def add_in(self, where: str | Path, text: str, line: int = 0, *, is_warning: bool = False) -> None:
        self.found.append(Problem(str(where), line, text, is_warning))

    def __iter__(self) -> Iterator[Problem]:
        """The recipe.toml from top to bottom, then the other files."""
        return iter(sorted(self.found, key=lambda each: (each.where != str(self._path), each.where, each.line)))

    def touch(self, key: Key) -> bool:
        """Whether there is an error at that key or inside of it."""
        return any(each[: len(key)] == key for each in self._wrong)


def write_key(key: Key) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in key).removeprefix(".")


class ListEnd(NamedTuple):
    """Where a list of a TOML file may be gone on with, in characters of the file.

    `last`: behind its last item, or the comma after that; `bracket`: of the one that closes it.
    """

    last: int
    bracket: int
    wants_comma: bool


_TOKEN = re.compile(
    r'''
    (?P<text> """ (?:\\.|[^\\])*? """{1,3} | \'\'\'.*?\'\'\'{1,3} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<mark> \n | [\[\]{}=,.] )
    | (?P<bare> [^\s\[\]{}=,.\#"']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


def find_lines(toml: str) -> dict[Key, int]:
    """The line on which each key and each item of a list begins, in a file that is known to be valid TOML."""
    return _scan(toml).lines


def find_list_ends(toml: str) -> dict[Key, ListEnd]:
    """The end of each list, in a file that is known to be valid TOML."""
    return _scan(toml).ends


def _scan(toml: str) -> "_Scanner":
    scanner = _Scanner(toml)
    try:
        scanner.scan()
    except RecursionError:  # no place is worth a trace
        return _Scanner("")
    return scanner


class _Scanner:
    """Reads over the values: `tomllib` has judged them, and what is wanted here is where they stand."""

    def __init__(self, toml: str) -> None:
        tokens, line = [], 1
        for token in _TOKEN.finditer(toml):
            if token.lastgroup != "comment":
                tokens.append((token[0], line, token.start()))
            line += token[0].count("\n")
        self._tokens = iter(tokens)
        self.lines: dict[Key, int] = {}
        self.ends: dict[Key, ListEnd] = {}
        self._word = self._last = ""
        self._start = self._before = 0  # of the word, and where the last one ends that is no line break
        self._tables: Counter[Key] = Counter()  # of each [[name]] met
        self._next()

    def scan(self) -> None:
        table: Key = ()
        while self._word:
            if self._word == "[":
                table = self._header()
            elif self._word == "\n":
                self._next()
            else:
                self._pair(table, "\n")

    def _next(self) -> None:
        if self._word != "\n":
            self._last, self._before = self._word, self._start + len(self._word)
        self._word, self._line, self._start = next(self._tokens, ("", 0, 0))

    def _header(self) -> Key:
        line, brackets = self._line, 0
        while self._word == "[":
            brackets += 1
            self._next()
        key: Key = ()
        for name in self._names("]"):
            key = (*key, name)
            if key in self._tables:
                key = (*key, self._tables[key] - 1)
        if brackets > 1:
            key = key[:-1] if isinstance(key[-1], int) else key
            self.lines.setdefault(key, line)
            self._tables[key] += 1
            key = (*key, self._tables[key] - 1)
        self.lines[key] = line
        while self._word == "]":
            self._next()
        return key

    def _names(self, end: str) -> list[str]:
        names = []
        while self._word not in (end, ""):
            if self._word != ".":
                is_quoted = self._word[0] in "\"'"
                names.append(tomllib.loads(f"name = {self._word}")["name"] if is_quoted else self._word)
            self._next()
        return names

    def _pair(self, table: Key, end: str) -> None:
        line = self._line
        names = self._names("=")
        for depth in range(1, len(names) + 1):
            self.lines.setdefault((*table, *names[:depth]), line)
        self._next()
        self._value((*table, *names), end)

    def _value(self, key: Key, end: str) -> None:
        """A value and what separates it from the next one; `end`: what it may stand before, besides a comma."""
        closing = {"[": "]", "{": "}"}.get(self._word, "")
        if closing:
            self._next()
            position = 0
            while self._word not in (closing, ""):
                if self._word in (",", "\n"):
                    self._next()
                elif closing == "}":
                    self._pair(key, closing)
                else:
                    self.lines[*key, position] = self._line
                    self._value((*key, position), closing)
                    position += 1
            if closing == "]":
                self.ends[key] = ListEnd(self._before, self._start, self._last not in ("[", ","))
            self._next()
        while self._word not in (",", end, ""):
            self._next()
