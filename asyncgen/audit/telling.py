"""How often statements were told that conversations were to tell, by their words and figures.

A statement counts as told where the assistant's words hold every figure of it and most of its other words, those alone
being compared that say something. Whether it was told right is for a reader: what is measured is that it came up.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import msgspec

from asyncgen.audit.rules import Subject
from asyncgen.audit.words import split_words
from asyncgen.recipe.recipe import Dimension

MOST_NAMED = 20  # statements that were told least
ENOUGH = 0.5  # of the words
_SHORT = 4  # letters; shorter words are mostly grammar
_STEM = 6  # letters by which two forms of a word are one
_DIGIT = re.compile(rb"\d")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """`asked`: conversations that were to tell it; `told`: those of them that did."""

    statement: str
    asked: int
    told: int


class TellingResult(msgspec.Struct, frozen=True, kw_only=True):
    """`statements`: how many different ones were asked for. `least`: those told in the smallest share."""

    statements: int
    asked: int
    told: int
    least: list[Told]


class Telling:
    """Feed it the lines; those whose scenario is known count."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._names = [each.name for each in dimensions if each.by_weight is True]
        values = (
            value for each in dimensions if each.by_weight is True for group in each.groups for value in group.values
        )
        self._marks: Mapping[str, tuple[frozenset[bytes], frozenset[bytes]]] = {
            each: _split(split_words(each)) for each in values
        }
        self._asked = dict.fromkeys(self._marks, 0)
        self._told = dict.fromkeys(self._marks, 0)

    def add(self, subject: Subject) -> None:
        if subject.scenario is None or not self._names:
            return
        answers = (
            words
            for words, message in zip(subject.vocabularies, subject.record.conversation, strict=True)
            if message.role == "assistant"
        )
        figures, stems = _split(chain.from_iterable(answers))
        for _, statement in chain.from_iterable(subject.scenario.get(name, ()) for name in self._names):
            if statement not in self._marks:
                continue
            self._asked[statement] += 1
            wanted_figures, wanted_stems = self._marks[statement]
            is_told = wanted_figures <= figures and len(wanted_stems & stems) >= ENOUGH * len(wanted_stems)
            self._told[statement] += is_told

    def result(self) -> TellingResult | None:
        asked = {statement: count for statement, count in self._asked.items() if count}
        if not asked:
            return None
        rarest = sorted(asked, key=lambda each: (self._told[each] / asked[each], -asked[each]))
        return TellingResult(
            statements=len(asked),
            asked=sum(asked.values()),
            told=sum(self._told.values()),
            least=[
                Told(statement=each, asked=asked[each], told=self._told[each])
                for each in rarest[:MOST_NAMED]
                if self._told[each] < asked[each]
            ],
        )


def _split(words: Iterable[bytes]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The figures, and the stems of all other words that are not too short to say something."""
    figures, stems = set(), set()
    for word in words:
        if _DIGIT.search(word):
            figures.add(word)
        elif len(word) >= _SHORT:
            stems.add(word[:_STEM])
    return frozenset(figures), frozenset(stems)
