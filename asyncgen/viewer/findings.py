"""What an audit beside an output has found, line by line: a bit for each rule, four bytes a line.

An audit is believed while it is of what stands there. When a run goes on it is of less than that; then it is believed
if it was made after the reading of the file began, because whoever reads it knows that the file only grew since.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import msgspec

from asyncgen.audit.audit import VERSION, Example
from asyncgen.audit.rules import Severity
from asyncgen.data.target import audit_path
from asyncgen.output.paths import OutputPaths

_BITS = 32
_Line: TypeAlias = Annotated[int, msgspec.Meta(gt=0, lt=2**32)]


class _Rule(msgspec.Struct):
    severity: Severity
    description: str
    count: int
    lines: list[_Line]
    examples: list[Example]
    like: list[_Line] = []


class _Audit(msgspec.Struct):
    version: int
    lines: int
    bytes: int
    made: datetime
    rules: dict[str, _Rule]


class FoundRule(msgspec.Struct, frozen=True):
    name: str
    severity: Severity
    description: str
    count: int


class Findings:
    """`lines`: how many have been audited, None without an audit to believe. `rules`: by bit; `masks`: by position."""

    def __init__(self, paths: OutputPaths) -> None:
        self._paths = paths
        self._since = datetime.now(UTC)
        self._read: tuple[int, int, int] | None = None
        self.lines: int | None = None
        self.rules: list[FoundRule] = []
        self.masks = array("I")
        self._examples: dict[int, list[tuple[str, Example]]] = {}
        self._like: dict[str, tuple[Sequence[int], Sequence[int]]] = {}  # by rule: lines, what each is like

    def look(self) -> bool:
        """Take over an audit that is new or has come to fit; whether there was one."""
        try:
            output, found = self._paths.output.stat(), audit_path(self._paths).stat()
        except OSError:
            return False
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen == self._read:
            return False
        self._read = seen
        try:
            audit = _decoder.decode(audit_path(self._paths).read_bytes())
        except (OSError, ValueError, RecursionError):
            return False
        made = audit.made.timestamp()
        is_of_all = audit.bytes == output.st_size and made > output.st_mtime
        is_of_beginning = audit.bytes < output.st_size and made > self._since.timestamp()
        if audit.version != VERSION or not (is_of_all or is_of_beginning):
            return False
        self._take(audit)
        return True

    def _take(self, audit: _Audit) -> None:
        rules = list(audit.rules.items())[:_BITS]
        self.lines = audit.lines
        self.rules = [FoundRule(name, each.severity, each.description, each.count) for name, each in rules]
        self.masks = array("I", bytes(4 * audit.lines))
        self._examples = {}
        self._like = {name: (array("I", each.lines), array("I", each.like)) for name, each in rules if each.like}
        for bit, (name, rule) in enumerate(rules):
            for line in rule.lines:
                if line <= audit.lines:
                    self.masks[line - 1] |= 1 << bit
            for example in rule.examples:
                self._examples.setdefault(example.line, []).append((name, example))

    def of(self, position: int) -> list[FoundRule]:
        mask = self.masks[position] if position < len(self.masks) else 0
        return [rule for bit, rule in enumerate(self.rules) if mask >> bit & 1]

    def evidence(self, position: int) -> list[tuple[str, Example]]:
        """Rule and example, for the few lines that an audit quotes."""
        return self._examples.get(position + 1, [])

    def like(self, rule: str, position: int) -> int | None:
        """The earlier line that this one repeats by the rule."""
        lines, like = self._like.get(rule, ((), ()))
        place = bisect_left(lines, position + 1)
        is_there = place < len(like) and lines[place] == position + 1
        return like[place] if is_there else None


_decoder = msgspec.json.Decoder(_Audit)
