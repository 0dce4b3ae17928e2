"""Which words with a capital are names, in the language of their text.

In English every one is that does not open a sentence. In German all nouns have a capital, and a word is a name when
something tells so: a list of frequent names, a title before it, a place's ending behind a preposition of place, or an
unknown word with a capital beside it, as in a person's full name.
"""

import re
from collections.abc import Mapping
from typing import Any

from asyncgen.audit.reading.language import LANGUAGES, table_of, tables
from asyncgen.audit.reading.phrases import UMLAUTS

_SPELLINGS = str.maketrans(UMLAUTS)
_BEFORE = re.compile(r"(\w[\w-]*)\.? $")
_LISTED_BEFORE = re.compile(r"\b(?P<word>\w+) (?:[A-ZÄÖÜ][\w-]{1,20}(?:, | \w{3,4} )){1,6}$")
_AFTER = re.compile(r" ([A-ZÄÖÜ][\w-]+)")
# Endings of nouns that are no names.
_NOUN = re.compile(
    r"(?:ung|heit|keit|schaft|tion|tät|taet|nis|ling|chen|zeug|rad|räder|zeit|werk|gen|ten|[aeiouäöü]sen|ien|hen)"
    r"(?:en|s)?$"
)
_REACH = 40  # characters before a word
_OPENING = re.compile(r"(?:^|[.!?:;\n\"\u201e\u201c(\[*>|#]|\s-)\s*$")
_OPENING_REACH = 6


def fold(word: str) -> str:
    """A word in lower case in its ASCII spelling."""
    word = word.casefold()
    return word if word.isascii() else word.translate(_SPELLINGS)


def _words(table: Mapping[str, Any], key: str) -> frozenset[str]:
    words = table.get(key, ())
    return frozenset(map(fold, words.split() if isinstance(words, str) else words))


PLACES = frozenset().union(*(_words(table, "places") for table in tables("names")))
COMMON_NAMES = PLACES.union(*(_words(table, "common") for table in tables("names")))


_LISTED = frozenset().union(*(_words(table, "listed") for table in tables("names")))


def is_listed(word: str) -> bool:
    """Whether it is a name wherever it stands, even at the beginning of a sentence."""
    return fold(word) in _LISTED


class _Telling:
    """What tells a name in a language whose nouns have capitals."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._announcing = _words(table, "title") | _words(table, "announced")
        self._no_part = self._announcing | _words(table, "common") | _words(table, "counted")
        self._places = _words(table, "places")
        self._before_places = _words(table, "place-before")
        self._determiners = _words(table, "determiners")
        self._place_endings = tuple(map(fold, table["place-ending"]))

    def tell(self, text: str, word: str, place: int) -> str | None:
        key = fold(word)
        if key in self._places:
            return ""
        if key in self._announcing or not self._may_be_part(word):
            return None
        before = _BEFORE.search(text, max(place - _REACH, 0), place)
        previous = before[1] if before else ""
        if fold(previous) in self._announcing or self._is_in_list(text, place):
            return ""
        if fold(previous) in self._before_places and key.endswith(self._place_endings):
            return ""
        if before and _OPENING.search(text, max(before.start() - _OPENING_REACH, 0), before.start()):
            previous = ""  # has its capital from its place
        if before and previous and self._is_determined(text, before.start()):
            previous = ""  # "your mother": a noun
        if self._is_determined(text, place):
            return None
        after = _AFTER.match(text, place + len(word))
        parts = (
            each for each in (previous, after[1] if after else "") if each[:1].isupper() and self._may_be_part(each)
        )
        return next(map(fold, parts), None)

    def _is_determined(self, text: str, place: int) -> bool:
        """Whether an article or a "your" stands before a place, as before a noun."""
        before = _BEFORE.search(text, max(place - _REACH, 0), place)
        return before is not None and fold(before[1]) in self._determiners

    def _is_in_list(self, text: str, place: int) -> bool:
        """Whether other names stand before it up to a word that announces them: die Jungen heißen Finja, Lasse."""
        listed = _LISTED_BEFORE.search(text, max(place - 2 * _REACH, 0), place)
        return listed is not None and fold(listed["word"]) in self._announcing

    def _may_be_part(self, word: str) -> bool:
        return fold(word) not in self._no_part and word.isalpha() and not _NOUN.search(word)


_TELLING = {
    code: _Telling(table) for code in LANGUAGES if (table := table_of(code, "names")).get("nouns-have-capitals")
}


def tell_name(text: str, word: str, place: int, language: str | None, *, opens: bool) -> str | None:
    """What tells that a word with a capital is a name: the key of its neighbour, "" for anything else, None if nothing.

    `opens`: whether it opens a sentence, and has its capital from that.
    """
    telling = _TELLING.get(language or "")
    if telling is None or is_listed(word):
        return ""
    return None if opens else telling.tell(text, word, place)
