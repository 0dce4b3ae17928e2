"""Which of some short texts say what another one says already, but for case, punctuation and a word or two."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class _Words(NamedTuple):
    """`figures`: the words with a digit in them; where these differ, all that the others say is another thing."""

    all: frozenset[bytes]
    figures: frozenset[bytes]


class Likeness:
    """`split`: the words of a text. `share`: of the words that two have, those both have, from which they are alike."""

    def __init__(self, split: Callable[[str], Sequence[bytes]], share: float) -> None:
        self._split = split
        self._share = share

    def find_new(self, texts: Iterable[str], known: Iterable[str]) -> list[str]:
        """Those that are like none of the known ones, which are read once and not kept, and like none before them."""
        left = {text: self._read(text) for text in texts}
        for each in known:
            words = self._read(each)
            for text in [text for text, read in left.items() if self._are_alike(read, words)]:
                del left[text]
        new: dict[str, _Words] = {}
        for text, words in left.items():
            if not any(self._are_alike(words, other) for other in new.values()):
                new[text] = words
        return list(new)

    def _read(self, text: str) -> _Words:
        # What has no words, such as an emoji, is what it is.
        words = frozenset(self._split(text)) or frozenset([text.encode()])
        return _Words(words, frozenset(each for each in words if any(byte in b"0123456789" for byte in each)))

    def _are_alike(self, one: _Words, other: _Words) -> bool:
        if one.figures != other.figures:
            return False
        return len(one.all & other.all) >= self._share * len(one.all | other.all)
