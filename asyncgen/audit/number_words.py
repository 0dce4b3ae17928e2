"""Numbers in words, in whatever language: "two hundred and five dollars", "fünfhundert", "einundzwanzig Tage"."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from asyncgen.audit.language import tables
from asyncgen.audit.phrases import UMLAUTS

_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_SMALL = 12  # numbers up to here are part of the language


def in_all_spellings(pattern: str) -> str:
    """A pattern in which umlauts may be written in ASCII."""
    return "".join(f"(?:{each}|{UMLAUTS[each]})" if each in UMLAUTS else each for each in pattern)


def _any_of(patterns: list[str]) -> str:
    return "(?:" + "|".join(in_all_spellings(each) for each in reversed(patterns)) + ")"


def _grammar(table: Mapping[str, Any]) -> str:
    """What a number looks like from its head on; a language with an "and" writes ones before tens, in one word."""
    ones, small, tens = _any_of(table["small"][:9]), _any_of(table["small"]), _any_of(table["tens"])
    hundred, thousand = table["hundred"], table["thousand"]
    scale = "|".join(table[each] for each in ("thousand", "million", "billion"))
    if "and" not in table:
        under_100 = rf"(?:{tens}(?:[- ]{ones}\b)?|{small}\b)"
        hundreds = rf"[ -]{hundred}\b(?:(?: and)? {under_100})?"
        return rf"(?:{under_100}(?:{hundreds})?|an? ?(?:{hundreds}|(?=[ -](?:{scale}))))(?:[ -](?:{scale})\b)?"
    head = f"(?:{table['one']}|{ones})"
    under_100 = rf"(?:(?:{head}{table['and']})?{tens}|{small})"
    under_1000 = rf"(?:{head}?{hundred}(?:{table['and']})?{under_100}?|{under_100})"
    return rf"(?:(?:{under_1000})?{thousand}{under_1000}?|{under_1000})\b(?: (?:{scale})\b)?"


_VALUES: list[tuple[re.Pattern[str], float, bool]] = []  # of each word, and whether it multiplies what stands before
for _table in tables("numbers"):
    _words = [*zip(_table["small"], range(1, 20), strict=True), *zip(_table["tens"], range(20, 100, 10), strict=True)]
    _VALUES += [(re.compile(in_all_spellings(word)), float(value), False) for word, value in reversed(_words)]
    _VALUES += [(re.compile(_table["one"]), 1.0, False)] if "one" in _table else []
    _VALUES += [(re.compile(_table[each]), value, True) for each, value in _SCALES.items()]
_NUMBERS = [re.compile(rf"\b{_grammar(each)}", re.IGNORECASE) for each in tables("numbers")]
# Parts of every number above the small ones: most texts hold none of them.
_HINTS = (
    *("teen", "twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet", "hundred", "thousand", "illion"),
    *("zehn", "zig", "ßig", "ssig", "hundert", "tausend", "illiard"),
)
_SMALL_WORDS = frozenset(word for table in tables("numbers") for word in table["small"][:_SMALL])


def may_hold_numbers(text: str) -> bool:
    return any(map(text.__contains__, _HINTS))


def is_small(words: str) -> bool:
    """Whether a number in words, and nothing else before its unit, is one of those that the language is made of."""
    return words.split(maxsplit=1)[0].casefold() in _SMALL_WORDS


def find_numbers(text: str) -> Iterator[tuple[int, int, float]]:
    """From where to where each number in words stands, and its value."""
    for pattern in _NUMBERS:
        for match in pattern.finditer(text):
            yield match.start(), match.end(), read_number(match[0])


def read_number(words: str) -> float:
    """The value of a number in words; "a hundred" is one hundred."""
    words, place, total, current = words.lower(), 0, 0.0, 0.0
    while place < len(words):
        found = next(
            ((match.end(), value, scales) for each, value, scales in _VALUES if (match := each.match(words, place))),
            None,
        )
        if found is None:
            place += 1  # a blank, a hyphen, an "and" or an article
            continue
        place, value, scales = found
        if not scales:
            current += value
        elif value == _SCALES["hundred"]:
            current = (current or 1) * value
        else:
            total, current = total + (current or 1) * value, 0.0
    return total + current
