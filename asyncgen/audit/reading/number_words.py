"""Numbers in words, in whatever language: "two hundred and five dollars", "fünfhundert", "one billion three hundred".

The library text2num reads them, which knows what words make one number and which make two. It asks for each word of a
text, which would take longer than all else in an audit; so it is given only the runs of words that can be numbers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from text_to_num import find_numbers as find_in_words

from asyncgen.audit.reading.language import LANGUAGES, table_of, tables
from asyncgen.audit.reading.phrases import UMLAUTS, lowered

_SMALL = 12  # numbers up to here are part of the language
_THOUSAND = 1000
_CENTURIES, _WITHIN = range(15, 21), range(10, 100)  # "nineteen ninety-nine" is a year
_UMLAUTS = {spelling: umlaut for umlaut, spelling in UMLAUTS.items() if umlaut != "ß"} | {"dreissig": "dreißig"}
_SCALES = ("hundred", "thousand", "million", "billion")
_WORD = re.compile(r"[^\W\d_]+")


_PLAIN = {**UMLAUTS, **dict(zip("éèêàáíóôúûñ", "eeeaaioouun", strict=True))}


def in_all_spellings(pattern: str) -> str:
    """A pattern in which umlauts and accents may be written in ASCII."""
    return "".join(f"(?:{each}|{_PLAIN[each]})" if each in _PLAIN else each for each in pattern)


def in_ascii(word: str) -> str:
    return "".join(_PLAIN.get(each, each) for each in word)


@dataclass(frozen=True, slots=True)
class _Reader:
    """`beginnings`: with one of which any number begins.

    `run`: words that can be numbers, one behind the other; its group `number` is empty where a longer word holds them.
    """

    beginnings: Sequence[str]
    run: re.Pattern[str]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "_Reader":
        """Where ones come before tens, several words of a number are written as one."""
        patterns = [*table["small"], *table["tens"], *(table[each] for each in _SCALES)]
        patterns = sorted([*patterns, *([table["one"]] if "one" in table else [])], key=len, reverse=True)
        word = "|".join(map(in_all_spellings, patterns))
        joint = f"[ -](?:{table.get('joint', 'and')}[ -])?"
        word, joint = (f"(?:{word})", joint) if "and" not in table else (f"(?:{word}|{table['and']})+", " ")
        whole = rf"{word}(?:{joint}{word})*"
        run = rf"(?P<number>{whole}(?: (?:{table['point']})(?: {word})+)?\b(?!-[^\W\d]))|{whole}"
        plain = [each for pattern in patterns for each in pattern.removeprefix("(?:").removesuffix(")").split("|")]
        plain = [re.sub(r".\?", "", each) for each in plain]
        words = {*plain, *map(in_ascii, plain)}
        return cls([each for each in words if not each.startswith(tuple(words - {each}))], re.compile(run))

    def find(self, text: str, places: Iterable[int]) -> Iterator[re.Match[str]]:
        """The runs in a text in lower case. `places`: where numbers of this and perhaps other languages begin."""
        end = 0
        for start in places:
            if start >= end and (run := self.run.match(text, start)):
                end = run.end()  # behind a longer word, too: from each of its hyphens all of it would be read again
                if run["number"]:
                    yield run


def _any_beginning(readers: Iterable[_Reader]) -> re.Pattern[str]:
    """Where a number of one of the languages begins: by initials, as `re` would try each word everywhere."""
    rests: dict[str, list[str]] = {}
    for word in sorted({word for reader in readers for word in reader.beginnings}):
        rests.setdefault(word[0], []).append(word[1:])
    initials = "|".join(f"{initial}(?:{'|'.join(several)})" for initial, several in rests.items())
    return re.compile(rf"(?<![^\W_])(?:{initials})")


_READERS = {code: _Reader.of(table) for code in LANGUAGES if (table := table_of(code, "numbers"))}
_BEGINNINGS: Mapping[str | None, re.Pattern[str]] = {
    None: _any_beginning(_READERS.values()),
    **{code: _any_beginning([reader]) for code, reader in _READERS.items()},
}
_NONE = frozenset(
    each for table in tables("numbers") for each in (table.get("one"), table.get("and"), *table.get("none", ()))
)
# Words of another language, too: numbers where that of the text is told.
_HOMOGRAPHS = frozenset(word for table in tables("numbers") for word in table.get("homographs", ()))
# Parts of every number above the small ones: most texts hold none of them.
_HINTS = (
    *("teen", "twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet", "hundred", "thousand", "illion"),
    *("zehn", "zig", "ßig", "ssig", "hundert", "tausend", "illiard"),
    *(
        "treize",
        "quatorze",
        "quinze",
        "seize",
        "vingt",
        "trente",
        "quarante",
        "cinquante",
        "soixante",
        "cent",
        "mille ",
    ),
    *("trece", "catorce", "quince", "dieci", "veint", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta"),
    *("ochenta", "noventa", "cien", "quinient", " mil ", "illones"),
)
ALL_SMALL_WORDS = frozenset(word for table in tables("numbers") for word in table["small"][:_SMALL])
SMALL_WORDS = ALL_SMALL_WORDS - _HOMOGRAPHS


def find_beginnings(text: str, words: Iterable[str]) -> Iterator[int]:
    """Where words of a text begin with one of the words. To look for each takes a fifth of looking for any of them."""
    for word in words:
        place = text.find(word)
        while place >= 0:
            if not text[place - 1 : place].isalnum():
                yield place
            place = text.find(word, place + 1)


def may_hold_numbers(text: str) -> bool:
    return any(map(lowered(text).__contains__, _HINTS))


@cache
def small_words_of(language: str | None) -> frozenset[bytes]:
    """As they stand in a text of a language, with and without umlauts; where it is not known, those of all."""
    words = table_of(language, "numbers").get("small", ())[:_SMALL] or SMALL_WORDS
    return frozenset(each.encode() for word in words for each in (word, in_ascii(word)))


def is_small(words: str) -> bool:
    """Whether a number in words, and nothing else before its unit, is one of those that the language is made of."""
    return words.split(maxsplit=1)[0].casefold() in ALL_SMALL_WORDS


class _Word:
    """A word as the library asks for it."""

    def __init__(self, match: re.Match[str], offset: int) -> None:
        self._word = match[0]
        self.start, self.end = match.start() + offset, match.end() + offset

    def text(self) -> str:
        word = self._word
        if word.isascii():
            for spelling, umlaut in _UMLAUTS.items():
                word = word.replace(spelling, umlaut)
        return word

    def nt_separated(self, _previous: "_Word") -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def find_numbers(text: str, language: str | None = None) -> Iterator[tuple[int, int, float]]:
    """From where to where each number in words stands, and its value; "a hundred" is one hundred.

    `language`: that of the text; where it is not known all are read.
    """
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter that becomes two: places would not be those of the text
        lowered = text
    known = language if language in _READERS else None
    places = [each.start() for each in _BEGINNINGS[known].finditer(lowered)]
    for code in ((known,) if known else _READERS) if places else ():
        for run in _READERS[code].find(lowered, places):
            if (
                run[0] in _NONE
                or (language is None and run[0] in _HOMOGRAPHS)
                or text[max(run.start() - 2, 0) : run.start() - 1].isdigit()
            ):  # "1.4 billion"
                continue
            words = [_Word(each, run.start()) for each in _WORD.finditer(run[0])]
            before: tuple[int, int, float] | None = None
            for each in find_in_words(words, code, threshold=0.0):
                start, end, value = words[each.start].start, words[each.end - 1].end, float(each.value)
                if before and start == before[1] + 1 and (whole := _join(before[2], value)):
                    before = before[0], end, whole
                    continue
                if before:
                    yield before
                before = start, end, value
            if before:
                yield before


def _join(first: float, second: float) -> float | None:
    """What two numbers beside each other are together, if they are one: a year, or "two point four million"."""
    if first in _CENTURIES and second in _WITHIN:
        return 100 * first + second
    return first * second if first != int(first) and second >= _THOUSAND else None
