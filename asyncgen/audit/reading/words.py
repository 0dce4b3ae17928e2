"""Words and shingles, as every measure of likeness and repetition sees them.

A text is its words in lower case, without punctuation. They are bytes, because translating and splitting bytes costs a
third of a regular expression. A shingle is a run of words, held as a number that is the same in every process: Python
salts the hashes of texts but not those of tuples of numbers, so words become numbers by BLAKE2b first.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate, chain, pairwise
from typing import TypeAlias

Sentences: TypeAlias = Sequence[Sequence[bytes]]  # the words of each

MAX_KNOWN_WORDS = 1 << 17  # kept in memory at a time; some 20 MB

_NO_WORD = re.compile(r"[^\w\n\v]+")
# Scripts without blanks between words: each character counts as one.
_UNSPACED = re.compile(r"([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
_APOSTROPHES = str.maketrans("", "", "'’")
_BLANK_MARKS = bytes(
    each if not chr(each).isascii() or chr(each).isalnum() or each in b"_\n\v" else 0x20  # what parts sentences stays
    for each in range(256)
)


def split_words(text: str) -> list[bytes]:
    return _plain(text).split()


def split_sentences(text: str) -> list[list[bytes]]:
    """The words of each sentence; a line or a colon ends one too. Sentences without a word are left out."""
    return list(chain.from_iterable(split_stretches(part_stretches(text))))


def split_stretches(parted: str) -> list[list[list[bytes]]]:
    """The sentences between two marks that end one, a stretch for each of `stretch_spans`."""
    stretches = _plain(parted.replace(": ", "\n")).split(b"\v")
    return [[words for sentence in each.split(b"\n") if (words := sentence.split())] for each in stretches]


def stretch_spans(parted: str) -> list[tuple[int, int]]:
    """From where to where each stretch reaches, with the mark at its end."""
    ends = list(accumulate(len(each) + 1 for each in parted.split("\v")))
    return list(pairwise([0, *ends[:-1], len(parted)]))


def part_stretches(text: str) -> str:
    """The text, as long as it was, with a blank of its own kind behind what ends a sentence."""
    text = text.replace("\v", " ")
    for mark in (". ", "! ", "? ", '." ', '!" ', '?" '):
        text = text.replace(mark, f"{mark[:-1]}\v")
    return text


def _plain(text: str) -> bytes:
    text = text.lower()
    if not text.isascii():
        text = _UNSPACED.sub(r" \1 ", _NO_WORD.sub(" ", text.translate(_APOSTROPHES)))
    # A lone surrogate, which no good line holds, is no reason to end an audit.
    return text.encode("utf-8", "surrogatepass").translate(_BLANK_MARKS, b"'")


class WordNumbers:
    """60 bits for each word, the same in every process; what is known of words is forgotten before it grows large."""

    def __init__(self, most_known: int = MAX_KNOWN_WORDS) -> None:
        self._numbers = _Numbers(most_known)

    def number(self, words: Iterable[bytes]) -> list[int]:
        return list(map(self._numbers.__getitem__, words))


class _Numbers(dict[bytes, int]):
    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, word: bytes) -> int:
        if len(self) >= self._most:
            self.clear()
        number = self[word] = int.from_bytes(blake2b(word, digest_size=8).digest()) >> 4
        return number


def hash_shingles(numbers: Sequence[int], size: int) -> Iterable[int]:
    """One number for each run of `size` words."""
    return map(hash, zip(*[numbers[start:] for start in range(size)], strict=False))
