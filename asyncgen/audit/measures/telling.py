"""How often statements were told that conversations were to tell: by their words and figures, and by a judge.

A statement counts as told where the assistant's words hold every figure of it and most of its other words, those alone
being compared that say something. Whether it was told right is for a reader: what is measured is that it came up. For a
judge it was told where a claim is supported that has its figures, by a sentence of the knowledge that has its words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeAlias

from asyncgen.audit.reading.words import split_words
from asyncgen.audit.results import TellingResult, Told
from asyncgen.audit.subject import Subject
from asyncgen.data.grades import Grades
from asyncgen.output.grades import SUPPORTED, Grade
from asyncgen.recipe.recipe import Dimension

MOST_NAMED = 20  # statements that were told least
ENOUGH = 0.5  # of the words
_SHORT = 4  # letters; shorter words are mostly grammar
_STEM = 6  # letters by which two forms of a word are one
_DIGIT = re.compile(rb"\d")


_Marks: TypeAlias = tuple[frozenset[bytes], frozenset[bytes]]  # figures and stems


class Statements:
    """Those that conversations are to tell, with what each is told by."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._names = [each.name for each in dimensions if each.by_weight is True]
        values = (
            value for each in dimensions if each.by_weight is True for group in each.groups for value in group.values
        )
        self.marks: Mapping[str, _Marks] = {each: _split(split_words(each)) for each in values}

    def asked(self, subject: Subject) -> list[str]:
        """Those that a conversation was to tell."""
        drawn = chain.from_iterable((subject.scenario or {}).get(name, ()) for name in self._names)
        return [statement for _, statement in drawn if statement in self.marks]

    def told(self, subject: Subject) -> list[str]:
        """Those of them that its answers tell."""
        if not (asked := self.asked(subject)):
            return []
        answers = (
            plain.vocabulary
            for plain, message in zip(subject.plain, subject.record.conversation, strict=True)
            if message.role == "assistant"
        )
        said = _split(chain.from_iterable(answers))
        return [each for each in asked if _tells(said, self.marks[each])]


class Telling:
    """Feed it the lines; those whose scenario is known count. `grades`: what a judge has said of them, if one has."""

    def __init__(self, statements: Statements, grades: Grades | None = None) -> None:
        self._statements = statements
        self._grades = grades
        self._asked: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._supported: Counter[str] = Counter()

    def add(self, subject: Subject, told: Iterable[str]) -> None:
        """`told`: of the statements those that it tells."""
        if not (asked := self._statements.asked(subject)):
            return
        grade = None if self._grades is None else self._grades.of(subject.record.conversation)
        claims = [] if grade is None else [*_supported(grade)]
        self._asked.update(asked)
        self._told.update(told)
        for statement in asked if grade is not None else ():
            marks = self._statements.marks[statement]
            self._judged[statement] += 1
            self._supported[statement] += any(_tells(each, marks) for each in claims)

    def result(self) -> TellingResult | None:
        asked = self._asked
        if not asked:
            return None
        rarest = sorted(asked, key=lambda each: (self._told[each] / asked[each], -asked[each]))
        return TellingResult(
            statements=len(asked),
            asked=asked.total(),
            told=self._told.total(),
            least=[
                Told(
                    statement=each,
                    asked=asked[each],
                    told=self._told[each],
                    judged=self._judged[each],
                    supported=self._supported[each],
                )
                for each in rarest[:MOST_NAMED]
                if self._told[each] < asked[each]
            ],
            judged=self._judged.total(),
            supported=self._supported.total(),
        )


def _supported(grade: Grade) -> Iterator[_Marks]:
    """Of each claim that the knowledge supports: the figures that it tells, the stems of that and of the sentence."""
    for claim in grade.judgement.claims:
        if claim.verdict == SUPPORTED:
            figures, stems = _split(split_words(claim.text))
            yield figures, stems | _split(split_words(claim.sentence))[1]


def _tells(said: _Marks, wanted: _Marks) -> bool:
    return wanted[0] <= said[0] and len(wanted[1] & said[1]) >= ENOUGH * len(wanted[1])


def _split(words: Iterable[bytes]) -> _Marks:
    """The figures, and the stems of all other words that are not too short to say something."""
    figures, stems = set(), set()
    for word in words:
        if _DIGIT.search(word):
            figures.add(word)
        elif len(word) >= _SHORT:
            stems.add(word[:_STEM])
    return frozenset(figures), frozenset(stems)
