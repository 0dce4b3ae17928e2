"""A document cut into passages that can be read alone, for knowledge that is too large to be sent whole.

A passage ends where a heading or a paragraph begins, and starts with the headings that it stands under. Only what is
longer by itself is cut inside: between lines, sentences, and at last words.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

_HEADING = re.compile(r"(#{1,6})\s+\S")
_FENCE = re.compile(r"\s*(```|~~~)")
# Scripts that write no blanks between words: a character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_FINER = (re.compile(r"\n"), re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])"), re.compile(r"\s+"))
_ENOUGH = 0.5  # of a passage, after which the next heading begins another


class _Block(NamedTuple):
    """A heading or a paragraph. `level`: 0 for a paragraph."""

    text: str
    level: int


def cut(text: str, words: int) -> list[str]:
    """The passages of a text, each of about that many words at most, besides its headings."""
    passages: list[str] = []
    trail: list[_Block] = []  # the headings in force
    above: list[_Block] = []  # those in force where the passage began
    held: list[_Block] = []
    size = 0
    for block in _split(text, words):
        length = count_words(block.text)
        is_full = size + length > words or (block.level > 0 and size >= words * _ENOUGH)
        if is_full and any(not each.level for each in held):
            passages.append(_write(above, held))
            held, size = [], 0
        if block.level:
            trail = [each for each in trail if each.level < block.level]
        if not held:
            above = trail.copy()
        if block.level:
            trail.append(block)
        held.append(block)
        size += length
    if held:
        passages.append(_write(above, held))
    return passages


def count_words(text: str) -> int:
    return len(_WORD.findall(text))


def _write(above: Sequence[_Block], held: Sequence[_Block]) -> str:
    return "\n\n".join(each.text for each in (*above, *held))


def _split(text: str, words: int) -> Iterator[_Block]:
    """Headings and paragraphs; a block of code is one, with the blank lines in it."""
    paragraph: list[str] = []
    is_code = False
    for line in text.split("\n"):
        heading = None if is_code else _HEADING.match(line)
        if _FENCE.match(line):
            is_code = not is_code
        if paragraph and (heading or not (line.strip() or is_code)):
            yield from _parts("\n".join(paragraph), words)
            paragraph = []
        if heading:
            yield _Block(line.rstrip(), len(heading[1]))
        elif line.strip() or is_code:
            paragraph.append(line)
    if paragraph:
        yield from _parts("\n".join(paragraph), words)


def _parts(paragraph: str, words: int, finer: Sequence[re.Pattern[str]] = _FINER) -> Iterator[_Block]:
    """A paragraph whole, or in parts that are short enough, cut where it hurts least."""
    if count_words(paragraph) <= words or not finer:
        yield _Block(paragraph, 0)
        return
    cuts = [0, *(each.end() for each in finer[0].finditer(paragraph)), len(paragraph)]
    pieces = [paragraph[start:end] for start, end in pairwise(cuts) if paragraph[start:end].strip()]
    held, size = "", 0
    for piece in pieces:
        length = count_words(piece)
        if held and size + length > words:
            yield from _parts(held.rstrip(), words, finer[1:])
            held, size = "", 0
        held += piece
        size += length
    yield from _parts(held.rstrip(), words, finer[1:])
