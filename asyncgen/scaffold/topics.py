"""What conversations can be about: the headings of the documents, grouped by document."""

import re
from collections.abc import Iterable, Sequence

from asyncgen.recipe.documents import Document
from asyncgen.scaffold.documents import Outline, outline

MOST_TOPICS = 300  # of finer headings there would be more than conversations tell apart
SHORT = 3  # words: a heading of no more, such as "Prices", is named together with its document
LONGEST = 160  # characters
_BEGINNING = re.compile(r"^(# .*)\nSource: .*$", re.MULTILINE)  # of each document of a knowledge base


def find_topics(documents: Sequence[Document]) -> dict[str, list[str]]:
    """Topics by the title of their document, each once.

    A heading without text of its own only groups others. Deep headings are left out where there are very many.
    """
    outlines = [outline(each) for each in documents]
    for deepest in (6, 3):
        topics = _collect(outlines, deepest)
        if sum(map(len, topics.values())) <= MOST_TOPICS:
            return topics
    return _collect(outlines, 2)


def missing_topics(documents: Sequence[Document], topics: Iterable[str]) -> list[str]:
    """Topics of the documents that are not among those of a recipe."""
    known = set(map(str.casefold, topics))
    return [topic for each in find_topics(documents).values() for topic in each if topic.casefold() not in known]


def topics_gone(before: str, documents: Sequence[Document], topics: Iterable[str]) -> list[str]:
    """Topics of a recipe that were headings in its knowledge base, and are of no document any more."""
    texts = _BEGINNING.sub(r"\0\1", before).split("\0")
    were = _all_topics([Document("", each) for each in texts]) - _all_topics(documents)
    return [each for each in topics if each.casefold() in were]


def _all_topics(documents: Sequence[Document]) -> set[str]:
    topics = _collect([outline(each) for each in documents if each.text], deepest=6)
    return {topic.casefold() for each in topics.values() for topic in each}


def _collect(outlines: Sequence[Outline], deepest: int) -> dict[str, list[str]]:
    topics: dict[str, list[str]] = {}
    known: set[str] = set()
    for each in outlines:
        names = []
        for section in each.sections:
            is_short = len(section.title.split()) <= SHORT and section.title.casefold() != each.title.casefold()
            if section.level <= deepest and not section.is_empty:
                names.append(_cut(f"{each.title}: {section.title}" if is_short else section.title))
        for topic in names or [_cut(each.title)]:
            if topic.casefold() not in known:
                known.add(topic.casefold())
                topics.setdefault(_cut(each.title), []).append(topic)
    return topics


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} ..."
