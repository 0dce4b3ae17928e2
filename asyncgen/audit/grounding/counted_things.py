"""How many of a thing a knowledge base counts, to be asked whether an answer counts as many.

Small counts are part of the language: "three things to do". One is an error where it is told of what the knowledge base
counts, by the same noun, and nowhere as many.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from asyncgen.audit.grounding.statements import stems_of
from asyncgen.audit.reading.facts import Measure
from asyncgen.audit.reading.language import FUNCTION_WORDS, any_phrase, listed
from asyncgen.audit.reading.names import fold
from asyncgen.audit.reading.number_words import may_hold_numbers
from asyncgen.audit.reading.phrases import Uncased

_BEHIND = re.compile(r"(?: [^\W\d_][\w'-]*){1,3}")
_BEFORE = re.compile(r"([^\W\d_]{4,}) $")
_NOUN = re.compile(r"[^s]s$|^[A-ZÄÖÜ]|^(?:people|staff|children|men|women)$")  # a plural
_REACH = 30  # characters
_CALLED_BY = "|".join(sorted(listed("grounding", "called-by-number")))
_CALLED = re.compile(
    rf"\b(?P<name>{_CALLED_BY})(?:e?[sn])?\b(?P<numbers>(?:(?: |, | ?- ?| [^\W\d_]{{1,3}} )\d{{1,4}}\b)*)",
    re.IGNORECASE,
)
_CALLED_BEFORE = re.compile(rf"\b(?P<name>{_CALLED_BY}) $", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_UP_TO = re.compile(rf"\d(?: ?- ?| (?:{'|'.join(sorted(listed('dates', 'to') - listed('grounding', 'joins')))}) )\d")
_MOST_CALLED = 1000
_NAME = re.compile(r"\b[A-Z]\w* $")  # "Ka 8" counts nothing
_ANY = listed("grounding", "any-things")
_NEAR = 12  # characters
_PART = Uncased(rf" ?{any_phrase('grounding', 'counts-a-part').pattern}")
_ONE_OF_MANY = Uncased(rf"{any_phrase('grounding', 'one-of-many').pattern} $")


class CountedThings:
    """The counts of each noun, by its stem, and the numbers by which things are called: exit codes 0, 2 and 3."""

    def __init__(self) -> None:
        self._counts: dict[str, set[float]] = {}
        self._heading = ""
        self._called: dict[str, set[float]] = {}

    def add(self, paragraph: str, measures: Iterable[Measure]) -> None:
        """What a paragraph counts. Its other counts may be of the same: "a set of nine", of the three blades."""
        counts = [
            each
            for each in measures
            if not each.unit
            and (each.is_spelled or not _NAME.search(paragraph, max(each.start - _REACH, 0), each.start))
        ]
        stems = {stem for each in counts for stem in _stems_beside(paragraph, each.start, each.start + len(each.text))}
        for stem in stems:
            self._counts.setdefault(stem, set()).update(each.value for each in counts)
        self._add_called(paragraph, counts)

    def _add_called(self, paragraph: str, counts: Sequence[Measure]) -> None:
        """A heading that names such things is of all numbers below it; else it is those behind their name."""
        if paragraph.startswith("#"):
            self._heading = paragraph.partition("\n")[0]
        for name in _CALLED.finditer(self._heading):
            self._called.setdefault(fold(name["name"]), set()).update(each.value for each in counts)
        for name in _CALLED.finditer(paragraph):
            numbers = list(map(int, _DIGITS.findall(name["numbers"])))
            if _UP_TO.search(name["numbers"]):
                numbers = list(range(numbers[0], min(numbers[-1], _MOST_CALLED) + 1))
            if numbers:
                self._called.setdefault(fold(name["name"]), set()).update(numbers)

    def is_unlisted(self, text: str, count: Measure) -> bool:
        """Whether a number is one that none of the things has that are called so: code 9."""
        if count.is_spelled or not self._called:
            return False
        name = _CALLED_BEFORE.search(text, max(count.start - _REACH, 0), count.start)
        called = self._called.get(fold(name["name"])) if name else None
        return count.value not in called if called else False

    def counts(self, text: str, start: int, end: int) -> Sequence[Collection[float]]:
        """The counts of each noun that a number of a text counts."""
        return [self._counts[stem] for stem in _stems_beside(text, start, end) if stem in self._counts]

    def are_others(self, text: str, start: int, end: int, value: float) -> bool:
        """Whether what a number counts is counted, and nowhere so many; a part of it may be."""
        counts = self.counts(text, start, end)
        if not counts or any(value in each for each in counts):
            return False
        is_of_a_number = may_hold_numbers(text[max(start - _NEAR, 0) : start]) or may_hold_numbers(
            text[end : end + _NEAR]
        )
        is_part = _PART.match(text, end) or _ONE_OF_MANY.search(text, max(start - _REACH, 0), start)
        return not (is_of_a_number or is_part)


def _stems_beside(text: str, start: int, end: int) -> Iterator[str]:
    """Those of the nouns behind a number up to the first word that any text has, else of the word before: seats six."""
    is_alone = True
    if behind := _BEHIND.match(text, end):
        for word in behind[0].split():
            if (stems := _stems_of_noun(word)) is None:
                break
            is_alone = False
            yield from stems
    if is_alone and (before := _BEFORE.search(text, max(start - _REACH, 0), start)):
        yield from stems_of(before[1])


@lru_cache(maxsize=1 << 14)
def _stems_of_noun(word: str) -> Collection[str] | None:
    """None for a word that any text has."""
    if fold(word) in FUNCTION_WORDS:
        return None
    return stems_of(word) if _NOUN.search(word) and word.lower() not in _ANY else ()
