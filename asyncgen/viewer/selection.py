"""Which lines fit what was chosen by scenario, model, finding or mark, by their numbers, or by words.

A choice is tried on the columns of the catalogue, some hundredths of a second for a million lines; the positions that
fit are kept for the next page, and only lines that came since are tried again. Words are looked for in the lines that
fit otherwise, slice by slice: what is found is known before the total is.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from asyncgen.viewer.catalogue import DROPPED, STRANGE, Catalogue
from asyncgen.viewer.search import Search

KEPT = 3  # choices; each may take four bytes a line
_AT_ONCE = 65536  # lines tried together: lists of numbers take ten times what the columns do


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a line must fulfil, all of it.

    `where`: by dimension [group] or [group, value]. `finding`: "any", "none", or a rule. `lines`: one of these numbers.
    """

    where: dict[str, list[str]] = {}
    model: str | None = None
    finding: str | None = None
    mark: Literal["dropped", "kept"] | None = None
    lines: list[int] = []


@dataclass(slots=True)
class _Selected:
    """The positions that fit, of those below `tried`, as the lines were at `version`."""

    version: int
    tried: int = 0
    positions: "array[int]" = field(default_factory=lambda: array("I"))


@dataclass(slots=True)
class _Searched:
    """`version`: of the lines the search goes through; marks and findings do not matter where all are."""

    version: int
    search: Search


class Selections:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: OrderedDict[bytes, _Selected] = OrderedDict()
        self._searched: OrderedDict[bytes, _Searched] = OrderedDict()

    def search(self, choice: Choice, words: Sequence[str]) -> Search:
        """The search for all of these words among what fits, a slice further than before."""
        catalogue, key = self._catalogue, msgspec.json.encode((choice, words), order="deterministic")
        version = catalogue.generation if choice == Choice() else catalogue.version
        searched = self._searched.pop(key, None)
        if searched is None or searched.version != version:
            searched = _Searched(version, Search(words))
        self._searched[key] = searched
        if len(self._searched) > KEPT:
            self._searched.popitem(last=False)
        searched.search.is_over = False  # lines may have come
        searched.search.go_on(catalogue, self.select(choice))
        return searched.search

    def select(self, choice: Choice) -> Sequence[int]:
        """The positions of all lines that fit, ascending."""
        if choice == Choice():
            return range(len(self._catalogue))
        key = msgspec.json.encode(choice, order="deterministic")
        selected = self._kept.pop(key, None)
        if selected is None or selected.version != self._catalogue.version:
            selected = _Selected(self._catalogue.version)
        self._kept[key] = selected
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        lines = len(self._catalogue)
        for start in range(selected.tried, lines, _AT_ONCE):
            tried = range(start, min(start + _AT_ONCE, lines))
            selected.positions.extend(_try(self._catalogue, choice, tried))
        selected.tried = lines
        return selected.positions


def _try(catalogue: Catalogue, choice: Choice, positions: Iterable[int]) -> Iterable[int]:
    """The findings come first, because few lines have one."""
    columns = catalogue.columns
    if choice.lines:
        wanted_lines = set(choice.lines)
        positions = [position for position in positions if position + 1 in wanted_lines]
    if choice.finding is not None:
        positions = _with_finding(catalogue, choice.finding, positions)
    for name, wanted in choice.where.items():
        values = catalogue.scenes.dimensions.get(name)
        slots = [] if values is None else [columns.scenes[slot] for slot in values.slots]
        allowed = b"" if values is None else values.allow(wanted)
        positions = _allowed(slots, allowed, positions)
    if choice.model is not None:
        by_call = bytes([call.model == choice.model for call in catalogue.calls])
        positions = _allowed([columns.calls], by_call, positions)
    flags = columns.flags
    wanted_flag = DROPPED if choice.mark == "dropped" else 0
    if choice.mark is not None:
        return [position for position in positions if flags[position] == wanted_flag]
    return [position for position in positions if flags[position] != STRANGE]


def _allowed(columns: Sequence["array[int]"], allowed: bytes, positions: Iterable[int]) -> Iterable[int]:
    """Where any of the columns has an allowed number."""
    found = [[position for position in positions if allowed[column[position]]] for column in columns]
    return found[0] if len(found) == 1 else sorted(set().union(*found))


def _with_finding(catalogue: Catalogue, finding: str, positions: Iterable[int]) -> Iterable[int]:
    findings = catalogue.findings
    masks = findings.masks
    audited = len(masks)
    if finding == "none":
        return [position for position in positions if position < audited and not masks[position]]
    rules = [rule.name for rule in findings.rules]
    wanted = -1 if finding == "any" else 1 << rules.index(finding) if finding in rules else 0
    return [position for position in positions if position < audited and masks[position] & wanted]
