"""Which lines fit what was chosen, and hold the words that are looked for.

What fits is kept for the next page, so that only lines that came since are asked about. A choice is one statement; a
search for words goes through the file in slices: each takes a fraction of a second and says where it got, so that what
is found is known before the total is.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from asyncgen.output.scan import read_line
from asyncgen.viewer.catalogue import Catalogue
from asyncgen.viewer.store import Choice

SLICE = 0.05  # seconds
_BLOCK = 256 * 1024  # bytes read at once
_LONGEST = 1000  # characters of words
KEPT = 3  # selections; each may take four bytes a line


@dataclass(slots=True)
class Selection:
    """`lines`: the numbers of those that fit, of the first `searched`, as these were at `version`."""

    version: int
    searched: int = 0
    lines: "array[int]" = field(default_factory=lambda: array("I"))


class Selections:
    def __init__(self, catalogue: Catalogue, *, clock: Callable[[], float] = monotonic) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._kept: OrderedDict[bytes, Selection] = OrderedDict()

    def go_on(self, choice: Choice, words: Sequence[str]) -> Selection:
        """What fits and holds all of these words, in lower case: a slice further than before."""
        catalogue, key = self._catalogue, msgspec.json.encode((choice, words), order="deterministic")
        version = catalogue.generation if choice == Choice() else catalogue.version  # marks do not matter where all are
        selection = self._kept.pop(key, None)
        if selection is None or selection.version != version:
            selection = Selection(version)
        self._kept[key] = selection
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if words or choice.judge:
            self._look_through(selection, choice, words)
            return selection
        behind = range(selection.searched + 1, len(catalogue) + 1)
        selection.lines.extend(behind if choice == Choice() else catalogue.store.find(choice, behind))
        selection.searched = len(catalogue)
        return selection

    def _look_through(self, selection: Selection, choice: Choice, words: Sequence[str]) -> None:
        """Blocks of the file are looked through as bytes; only lines that may hold all words are decoded."""
        until = self._clock() + SLICE
        behind = range(selection.searched + 1, len(self._catalogue) + 1)
        begin, block, is_promising = 0, b"", False
        for line, start, size in self._catalogue.store.find_places(choice, behind):
            if start + size > begin + len(block):
                begin, block = start, self._catalogue.follower.read_between(start, start + max(size, _BLOCK))
                is_promising = _may_hold(block, words)
            text = block[start - begin : start - begin + size]
            if is_promising and _may_hold(text, words) and (conversation := read_line(text)) is not None:
                said = "\n".join([message.content for message in conversation]).lower()
                is_judged = choice.judge is None or self._catalogue.labelling.grade_of(conversation) is not None
                if is_judged and all(word in said for word in words):
                    selection.lines.append(line)
            selection.searched = line
            if self._clock() >= until:
                return
        selection.searched = len(self._catalogue)


def _may_hold(text: bytes, words: Sequence[str]) -> bool:
    """False where it is certain: JSON has no other spelling of plain ASCII than by code points."""
    lowered = text.lower()
    if b"\\u" in lowered or not lowered.isascii():
        return True
    return all(
        word.encode() in lowered for word in words if word.isascii() and word.isprintable() and not {*word} & {*'"\\/'}
    )


def split_words(text: str) -> list[str]:
    return text[:_LONGEST].lower().split()
