"""Languages: what the audit knows of each, as data, one file a language; a new file is a new language.

A rule that asks for words looks for those of all of them: a phrase of one language is no phrase of another. What a text
speaks is told by its most frequent words; of a language without them only the phrases are known, and no figure is read.
Frequent words of languages nearby are data, too: a text that has more of these speaks none that is read.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from typing import Any

from asyncgen.audit.reading.phrases import Phrase, Uncased, either, read_phrases
from asyncgen.audit.reading.words import split_words

_TABLES: Mapping[str, Mapping[str, Any]] = {
    each.name.removesuffix(".toml"): tomllib.loads(each.read_text(encoding="utf-8"))
    for each in sorted((files("asyncgen.audit.reading") / "languages").iterdir(), key=lambda each: each.name)
    if each.name.endswith(".toml")
}
LANGUAGES = tuple(code for code, table in _TABLES.items() if "frequent" in table)
_FREQUENT = {code: frozenset(split_words(_TABLES[code]["frequent"]["words"])) for code in LANGUAGES}
FREQUENT_WORDS = frozenset(word for code in LANGUAGES for word in _TABLES[code]["frequent"]["words"].split())
FUNCTION_WORDS = frozenset(filter(str.isalpha, FREQUENT_WORDS))
FREQUENT = frozenset(chain.from_iterable(_FREQUENT.values()))  # as texts are split
_LEAST_SHARE = 0.1  # of a text's words that are among the most frequent ones of its language; half are, mostly
_SURE_SHARE = 0.35  # from which on it speaks none of the languages that are only told apart
_READ_SHARE = 0.15  # that tells one which is read
_CLEAR_SHARE = 0.25  # that tells another one
_LEAST_OWN, _LEAD = 2, 2  # words that the next one has not, and times those that only the next one has


def tables(name: str) -> Iterator[Mapping[str, Any]]:
    """What each language has under a name; one that a rule cannot read has nothing."""
    return (table[name] for table in _TABLES.values() if name in table)


def table_of(language: str | None, name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = _TABLES.get(language or "", {}).get(name, {})
    return table


def listed(rule: str, key: str) -> frozenset[str]:
    return frozenset(word for table in tables(rule) for word in table.get(key, ()))


def words_listed(rule: str, key: str, code: str | None = None) -> frozenset[bytes]:
    """Each word of what is listed, in one language or in all: "im" is none of somebody's own in German."""
    return frozenset(chain.from_iterable(map(split_words, table_of(code, rule)[key] if code else listed(rule, key))))


def choice(written: Iterable[str]) -> str:
    """As alternatives of a regular expression, the longest first."""
    return "|".join(sorted(map(re.escape, written), key=len, reverse=True))


@lru_cache(maxsize=256)
def phrases(rule: str, key: str = "phrases", name: str = "") -> Sequence[Phrase]:
    """The phrases of a rule, read and compiled once. `name`: what {name} and {names}, its genitive, stand for.

    It is the assistant's, which most texts hold.
    """
    own = {"name": name, "names": f"{name}'s | {name}s"}
    return [
        phrase
        for table in _TABLES.values()
        for phrase in read_phrases(table.get(rule, {}).get(key, ()), {**table["sets"], **own}, name)
    ]


def any_phrase(rule: str, key: str) -> Uncased:
    return either(phrases(rule, key))


def words_of(rule: str, *keys: str) -> frozenset[bytes]:
    """A text that holds one of the phrases has one of these words."""
    terms = chain.from_iterable(each.needs[0] for key in keys for each in phrases(rule, key))
    return frozenset(max(term.split(), key=len) for term in terms)


def share_of(language: str, words: Collection[bytes]) -> float:
    """The share of the words that are among the most frequent ones of a language; 0 for one that is not known."""
    frequent = _FREQUENT.get(language, frozenset())
    return sum(map(frequent.__contains__, words)) / (len(words) or 1)


@cache
def _others() -> Mapping[bytes, Sequence[str]]:
    """In which languages, that are only told apart from those that are read, a word is among the most frequent ones."""
    table = tomllib.loads((files("asyncgen.audit.reading") / "frequent_words.toml").read_text(encoding="utf-8"))
    languages: dict[bytes, list[str]] = {}
    for code, words in table.items():
        for word in dict.fromkeys(split_words(words)):
            languages.setdefault(word, []).append(code)
    return {word: tuple(codes) for word, codes in languages.items()}


def _count_others(words: Collection[bytes]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for codes, number in Counter(filter(None, map(_others().get, words))).items():
        for code in codes:
            counts[code] += number
    return counts


@cache
def _heard() -> Mapping[str, frozenset[bytes]]:
    """By which each language is known that is read: with those of its frequent words that others have, too."""
    shared = {code: frozenset(word for word, codes in _others().items() if code in codes) for code in LANGUAGES}
    return {code: frequent | shared[code] for code, frequent in _FREQUENT.items()}


def _has_neighbours(language: str) -> bool:
    """Whether others have many of its frequent words, too."""
    return len(_heard()[language]) > len(_FREQUENT[language])


def find_language(words: Collection[bytes]) -> str | None:
    """The known language that a text speaks; None for another one, and where there are too few words to tell."""
    heard = [sum(map(frequent.__contains__, words)) for frequent in _heard().values()]
    most = max(heard)
    if most <= _LEAST_SHARE * len(words):
        return None
    # Of those that are heard as well, the words decide that no other has.
    own = [
        sum(map(_FREQUENT[code].__contains__, words)) if count == most else -1
        for code, count in zip(LANGUAGES, heard, strict=True)
    ]
    found = LANGUAGES[own.index(max(own))]
    if most < _SURE_SHARE * len(words) or _has_neighbours(found):
        others = _count_others(words)
        highest = max(others.values(), default=0)
        # Of those whose phrases are known it is better to read too much.
        if highest > most and any(number == highest and code not in _TABLES for code, number in others.items()):
            return None
        if _has_neighbours(found) and own.count(max(own)) > 1:
            return None  # "un an": the conversation tells
    return found


def find_languages(messages: Sequence[Collection[bytes]]) -> Sequence[str | None]:
    """The known language of each message: where it tells too little, that of all of them."""
    found = [find_language(each) for each in messages]
    whole = None if all(found) else find_language(list(chain.from_iterable(messages)))
    return [each or whole for each in found]


def tell_language(words: Collection[bytes]) -> str | None:
    """The language that a text clearly speaks, whether it is read or not.

    One that is not read is clear by words that the next one has not: neighbours have most of theirs in common.
    """
    known = [{*_others().get(word, ()), *(code for code in LANGUAGES if word in _FREQUENT[code])} for word in words]
    counts = Counter(chain.from_iterable(known))
    if not counts:
        return None
    (first, number), (second, _) = [*counts.most_common(2), ("", 0)][:2]
    if first in LANGUAGES and not _has_neighbours(first):
        return first if number >= _READ_SHARE * len(words) else None
    own, others = (
        sum(one in codes and other not in codes for codes in known) for one, other in ((first, second), (second, first))
    )
    is_clear = number >= _CLEAR_SHARE * len(words) and own >= max(_LEAST_OWN, _LEAD * others)
    return first if is_clear else None
