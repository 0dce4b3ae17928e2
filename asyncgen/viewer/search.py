"""A search for words through a file of any size, in slices: each takes a fraction of a second and says where it got.

Blocks of the file are looked through as bytes; only lines that hold all words there are decoded. That is right where a
word stands in a line as it is read: in ASCII without escapes. Any other line is decoded, whatever its bytes.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from asyncgen.conversation import Conversation
from asyncgen.output.match import read_line
from asyncgen.viewer.catalogue import Catalogue

SLICE = 0.05  # seconds
_BLOCK = 1024 * 1024  # bytes


@dataclass(slots=True)
class Search:
    """`words`: all of them, in lower case, must occur. `position`: the line to look at next. `found`: up to `most`."""

    words: Sequence[str]
    position: int = 0
    most: int = sys.maxsize
    found: "array[int]" = field(default_factory=lambda: array("I"))
    is_over: bool = False

    def go_on(self, catalogue: Catalogue, positions: Sequence[int], clock: Callable[[], float] = monotonic) -> None:
        """Look through some more of these positions."""
        until = clock() + SLICE
        while not self.is_over and len(self.found) < self.most:
            self._look_through_block(catalogue, positions)
            if clock() >= until:
                return

    def _look_through_block(self, catalogue: Catalogue, positions: Sequence[int]) -> None:
        first = bisect_left(positions, self.position)
        if first == len(positions):
            self.is_over = True
            return
        ends, start = catalogue.columns.ends, catalogue.begin_of(positions[first])
        after = max(bisect_right(ends, start + _BLOCK), positions[first] + 1)
        last = bisect_left(positions, after, first)
        block = catalogue.read_between(start, ends[positions[last - 1]])
        if self._may_occur(block.lower()):
            for place in range(first, last):
                position = positions[place]
                line = block[catalogue.begin_of(position) - start : ends[position] - start]
                if self._may_occur(line.lower()) and self._occur(read_line(line)):
                    self.found.append(position)
                    if len(self.found) == self.most:
                        self.position = position + 1
                        return
        self.position = positions[last - 1] + 1

    def _may_occur(self, lowered: bytes) -> bool:
        if b"\\u" in lowered or not lowered.isascii():
            return True
        return all(word.encode() in lowered for word in self.words if _stands_as_read(word))

    def _occur(self, conversation: Conversation | None) -> bool:
        if conversation is None:
            return False
        text = "\n".join([message.content for message in conversation]).lower()
        return all(word in text for word in self.words)


def split_words(text: str) -> list[str]:
    return text.lower().split()


def _stands_as_read(word: str) -> bool:
    """Whether JSON has no other spelling for it than by code points."""
    return word.isascii() and word.isprintable() and not set(word) & set('"\\/')
