"""`copied-opener`: the first message has the words of one of those that its scenario shows as examples.

A dimension that shows several values at a time gives examples: no conversation can begin with all of them, and the
prompt asks for one like them. What is drawn alone may be meant as it stands, and of one or two words, as in a
greeting, there are too few to say it in others.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.recipe.recipe import Dimension

RULE = "copied-opener"
_FEWEST_WORDS = 3


def dimensions_of_examples(dimensions: Sequence[Dimension]) -> list[str]:
    """The names of those that show several values at a time, none of which is to be told or quoted."""
    return [
        each.name
        for each in dimensions
        if each.pick is not None and each.by_weight is not True and not each.is_of_passages
    ]


class CopiedOpener:
    """`names`: of dimensions of examples. Case and punctuation make no other words."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._words = lru_cache(65_536)(split_words)

    def check(self, subject: Subject) -> Iterator[Finding]:
        if subject.scenario is None or not self._names:
            return
        first = (place for place, each in enumerate(subject.record.conversation) if each.role == "user")
        if (place := next(first, None)) is None:
            return
        words = subject.plain[place].words
        shown = chain.from_iterable(subject.scenario.get(name, ()) for name in self._names)
        if len(words) >= _FEWEST_WORDS and any(self._words(value) == words for _, value in shown):
            text = subject.record.conversation[place].content
            yield Finding(RULE, subject.record.number, place, excerpt(text))
