"""A knowledge base made ready for conversations: everything about it that does not depend on the request.

Prepared once and kept, because the engine is the far end of runs of 20,000 conversations on one knowledge base.
"""

import re
from collections.abc import Sequence

from asyncgen.offline.aspects import Angles, find_angles
from asyncgen.offline.brief import Brief
from asyncgen.offline.library import Library, Passage
from asyncgen.offline.openers import Opener, read_opener

_OPENERS_KEPT = 1024
_FITS_KEPT = 4096
_FIGURE = re.compile(r"\d[\d,.]*")
_FIGURES = 3  # so many of them make a passage one for people who want numbers
_NO_ANGLES = Angles(None, None, None, None)


class Source:
    """A library, what can be asked about each of its passages, and how each opener seen so far reads."""

    def __init__(self, knowledge: str) -> None:
        self.library = Library(knowledge)
        passages = self.library.passages
        self._angles = tuple(find_angles(each, self.library) for each in passages)
        self.with_figures = frozenset(each.number for each in passages if len(_FIGURE.findall(each.text)) >= _FIGURES)
        self.beginnings = frozenset(
            each.number for each in passages if not each.number or passages[each.number - 1].heading != each.heading
        )
        self._openers: dict[str, Opener] = {}
        self._fits: dict[str, float] = {}

    def read_opener(self, text: str) -> Opener:
        opener = self._openers.get(text)
        if opener is None:
            if len(self._openers) >= _OPENERS_KEPT:
                self._openers.clear()
            opener = self._openers[text] = read_opener(text, self.library)
        return opener

    def find_subject(self, brief: Brief) -> str:
        """What the message is about: as it says itself, or that part of it which the passages fit best."""
        if len(brief.candidates) < 2:  # noqa: PLR2004 - there is nothing to choose
            return brief.about
        best = max(brief.candidates, key=self._fit)
        return best if self._fit(best) > 0 else brief.about

    def _fit(self, query: str) -> float:
        fit = self._fits.get(query)
        if fit is None:
            if len(self._fits) >= _FITS_KEPT:
                self._fits.clear()
            fit = self._fits[query] = self.library.fit(query)
        return fit

    def beginnings_of(self, query: str) -> list[Passage]:
        """The first passages of the sections that fit a query."""
        return [each for each in self.library.rank(query) if each.number in self.beginnings]

    def near(self, query: str) -> Sequence[Passage]:
        """All passages, beginning with those that stand around the best one for the query."""
        ranked = self.library.rank(query)
        if not ranked:
            return self.library.passages
        best = ranked[0]
        return sorted(
            self.library.passages,
            key=lambda each: (each.heading != best.heading, each.chapter != best.chapter, each.number),
        )

    def angles_of(self, passage: Passage) -> Angles:
        return self._angles[passage.number] if passage.number >= 0 else _NO_ANGLES

    def after(self, passage: Passage) -> Passage | None:
        """The next passage of the same section."""
        number = passage.number + 1
        if number == 0:
            return None
        if number < len(self.library.passages) and self.library.passages[number].heading == passage.heading:
            return self.library.passages[number]
        return None
