"""A narrator of the person that a scenario casts, as in "The plumber rubs his knees.", is found by that person.

Whom a scenario has talk is named in one of its dimensions, as "a retired plumber who likes to chat". Nobody in the
conversation knows of him; who tells what "the plumber" does has read the scenario, and tells the conversation as a
story. Of a person that the knowledge base speaks of as well, only what a story tells is told so.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain

from asyncgen.audit.reading import language
from asyncgen.audit.reading.words import split_words
from asyncgen.recipe.scenario import Drawn

_RULE = "role-confusion"
_ARTICLES, _ENDS, _THE, _STATES, _PAST, _WHOM = (
    language.choice(language.listed(_RULE, key))
    for key in ("articles", "cast-ends", "definite", "states", "past", "whom")
)
# "a retired plumber" of "a retired plumber who types slowly": the last word of the group is who it is.
_CAST = re.compile(rf"(?:{_ARTICLES})?((?:[\w'-]+ ){{0,3}}?)([\w-]+)(?= (?:{_ENDS})\b|[,.;:(]|$)")
_INDEFINITE = re.compile(rf"(?:{_ARTICLES})", re.IGNORECASE)
_ACTS = language.any_phrase(_RULE, "gestures")
_ANYONE = language.listed(_RULE, "anyone")
_SPOKEN = language.words_listed(_RULE, "oneself") | language.words_listed(_RULE, "addressed")
_FEWEST_WORDS = 3  # with which a scenario and a message begin
_DIMENSIONS = tuple(sorted(language.listed(_RULE, "cast-dimensions")))


@lru_cache(maxsize=4096)
def _cast_by(value: str) -> str:
    """Who is cast by the value of a dimension: its first noun; nobody where it begins otherwise, or with "someone"."""
    found = _CAST.match(value.lower())
    return found[2] if found and found[2] not in _ANYONE else ""


def words_of_cast(scenario: Mapping[str, Drawn] | None) -> frozenset[bytes]:
    """All that a scenario tells of the person it casts."""
    return frozenset(chain.from_iterable(map(_words_of, _values_of_cast(scenario))))


def _values_of_cast(scenario: Mapping[str, Drawn] | None) -> Iterator[str]:
    """What is drawn for the dimensions that say who a user is."""
    for name, drawn in (scenario or {}).items():
        if _is_of_a_person(name):
            yield from (value for _, value in drawn)


@lru_cache(maxsize=4096)
def _words_of(value: str) -> frozenset[bytes]:
    return frozenset(split_words(value))


class ToldPersons:
    def __init__(self, knowledge: str) -> None:
        self._known = frozenset(split_words(knowledge))

    def find(self, text: str, scenario: Mapping[str, Drawn] | None) -> Iterator[re.Match[str]]:
        """Where a text, in lower case, tells what somebody does whom the scenario casts."""
        for value in _values_of_cast(scenario):
            if (begin := _begin(value)) and begin in text:
                yield from (told for told in _told_as(begin).finditer(text) if _SPOKEN.isdisjoint(split_words(told[0])))
            person = _cast_by(value)
            for told in _told_of(person).finditer(text) if person and person in text else ():
                is_noun = not told["whom"] and told["does"] and told["does"].encode() in self._known
                is_unknown = person.encode() not in self._known and not is_noun  # "the student tickets"
                if is_unknown or _ACTS.match(text, max(told.start("does"), told.start("told"))):
                    yield told


@lru_cache(maxsize=4096)
def _begin(value: str) -> str:
    """The first words by which a scenario calls somebody without an article: enough of them to be no coincidence."""
    words = [] if _INDEFINITE.match(value) else value.lower().split()[:_FEWEST_WORDS]
    return " ".join(words) if len(words) == _FEWEST_WORDS else ""


@lru_cache(maxsize=1024)
def _told_as(begin: str) -> re.Pattern[str]:
    """A sentence that begins with these words, as a scenario does, and goes on."""
    return re.compile(rf"(?:^|(?<=[.!?\n] )){re.escape(begin)}\b[^.!?\n]+", re.MULTILINE)


@lru_cache(maxsize=1024)
def _told_of(person: str) -> re.Pattern[str]:
    """Where what somebody does stands behind "the student", "the young student" and "the student's face"."""
    the_person = rf"(?:{_THE})(?:[\w-]+ )?{re.escape(person)}"
    return re.compile(
        rf"(?:(?:^|(?<=[.!?] )|(?<=[(\[*\n]))(?:{the_person}|{re.escape(person)})"
        rf"|(?:(?<=[:;,>] )|(?<=\band )|(?<=\bund )){the_person})(?:'s? \w+)? "
        rf"(?:(?P<told>is told that)|(?!(?:{_STATES})\b)(?P<does>(?:\w+(?:s|ed|t|te)|{_PAST}))\b)"
        rf"(?P<whom> (?:{_WHOM})\b)?"
    )


@lru_cache(maxsize=256)
def _is_of_a_person(dimension: str) -> bool:
    return any(each in dimension.lower() for each in _DIMENSIONS)
