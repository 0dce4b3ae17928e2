"""JSON as models write it: cut off where their tokens ended, with a quotation mark inside a line, a comma too many.

What is whole in it is read, and JSON without a fault as anybody reads it.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import TypeAlias

Container: TypeAlias = "list[object] | dict[str, object]"

# A string ends at a mark behind which a string may end, at the end of a line too; any other mark is a part of it.
_BEHIND_A_STRING = r"(?: \s*[,:\]}] | [^\S\n]*(?:\n|\Z) )"
_TOKEN = re.compile(
    rf"""
      "(?P<string> (?: [^"\\] | \\[\s\S] | "(?!{_BEHIND_A_STRING}) )* )"(?={_BEHIND_A_STRING}) \s*(?P<colon>:)?
    | (?P<mark> [\[{{\]}}] )
    | (?P<word> [^\s"\[{{\]}},:]+ )
    | (?P<cut> " )
    """,
    re.VERBOSE,
)
_BEGIN = re.compile(r"(?P<mark>[\[{])")
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)')
_DEEPEST = 100  # what a model nests deeper is no list of anything
_LITERALS = json.JSONDecoder(parse_int=float)


def read_loosely(text: str) -> Iterator[Container]:
    """The outermost lists and objects of a text, one after another, with what is whole of the last one."""
    position = 0
    while begin := _BEGIN.search(text, position):
        found = _Reading()
        found.take(begin)
        position = begin.end()
        while 0 < found.depth <= _DEEPEST and (token := _TOKEN.search(text, position)) and not token["cut"]:
            position = token.end()
            found.take(token)
        if found.depth:
            position = len(text)
        yield found.outermost


class _Reading:
    """One of them as far as it is read: what is open in it, each with the key that a value is awaited for."""

    def __init__(self) -> None:
        self.outermost: Container = []
        self._open: list[tuple[Container, str | None]] = []

    @property
    def depth(self) -> int:
        """How many are open."""
        return len(self._open)

    def take(self, token: re.Match[str]) -> None:
        if token["mark"] in ("[", "{"):
            opened: Container = [] if token["mark"] == "[" else {}
            if self._open:
                self._put(opened)
            else:
                self.outermost = opened
            self._open.append((opened, None))
        elif token["mark"]:
            self._close(list if token["mark"] == "]" else dict)
        elif token["colon"] and isinstance(self._open[-1][0], dict):
            self._open[-1] = (self._open[-1][0], _unescape(token["string"]))
        elif token["string"] is not None:
            self._put(_unescape(token["string"]))
        else:
            with contextlib.suppress(ValueError):  # a remark
                self._put(_LITERALS.decode(token["word"]))

    def _close(self, kind: type[list[object]] | type[dict[str, object]]) -> None:
        """The innermost of its kind; those inside it have no end of their own."""
        kinds = [isinstance(each, kind) for each, _ in self._open]
        if any(kinds):
            del self._open[len(kinds) - 1 - kinds[::-1].index(True) :]

    def _put(self, value: object) -> None:
        container, key = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        elif key is not None:
            container[key] = value
            self._open[-1] = (container, None)


def _unescape(string: str) -> str:
    marked = _ESCAPE.sub(lambda escape: escape[0] if escape[1] else "", string)
    text: str = json.loads('"' + re.sub(r'(\\.)|"', lambda each: each[1] or '\\"', marked) + '"', strict=False)
    return text
