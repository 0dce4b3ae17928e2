r"""Facts in running text: measures, dates, times of day and terms, each in one form however it is spelled.

1,384,124,976, "1.38B" and "1.4 billion" are one quantity at three precisions: a measure carries its value and the step
to the next value of the same precision, so that whoever compares can ask whether two agree by rounding. Code carries
no facts. The scan looks at words that hold a capital, a digit or an inner mark and at little else, which is what makes
it fast enough for a million conversations.

What months, units and hours are called is data by language; all languages are read at once, because hardly a word of
one means another thing in the other. Two things depend on the language of a text: what a comma and a point in a number
mean (`with_decimal_points`) and whether a word with a capital is a name (`names`).
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Literal, TypeAlias
from unicodedata import category

import msgspec

from asyncgen.audit.reading.language import LANGUAGES, listed, table_of, tables
from asyncgen.audit.reading.names import fold, is_listed, tell_name
from asyncgen.audit.reading.number_words import find_numbers, in_all_spellings, in_ascii, may_hold_numbers
from asyncgen.audit.reading.phrases import Uncased

TermKind: TypeAlias = Literal["url", "identifier", "acronym", "name"]


class Measure(msgspec.Struct, frozen=True):
    """A quantity. `unit` is "" for a count, "%", a currency ("$"), "s" for any time, "B" for any number of bytes.

    `step` is one in the last place that counts. `is_spelled`: in words.
    """

    text: str
    start: int
    value: float
    step: float
    unit: str
    is_spelled: bool = False

    @property
    def identity(self) -> object:
        """Equal for facts that state the same."""
        return self.unit, self.value


class Date(msgspec.Struct, frozen=True):
    """A day, a month or a day without its year: what is not said is None. `last_day` ends a range of days."""

    text: str
    start: int
    year: int | None
    month: int
    day: int | None
    last_day: int | None = None

    @property
    def identity(self) -> object:
        return self.year, self.month, self.day


class Time(msgspec.Struct, frozen=True):
    """A time of day. `minute`: of the day. `is_half_told`: whether it may be twelve hours later as well.

    `length`: what it is where it tells no time, but how long something lasts: "14 h 30".
    """

    text: str
    start: int
    minute: int
    is_half_told: bool
    length: Measure | None = None

    @property
    def identity(self) -> object:
        return "time", self.minute


class Term(msgspec.Struct, frozen=True):
    """An address, an identifier, an acronym or a name. `key` is what is compared. `opens`: it opens its sentence.

    `beside`: the key of the word that alone makes it a name; it is none where that word is known.
    """

    text: str
    start: int
    kind: TermKind
    key: str
    opens: bool = False
    beside: str = ""

    @property
    def identity(self) -> object:
        return self.kind, self.key


Fact: TypeAlias = Measure | Date | Time | Term


def _any_of(table: str, key: str) -> str:
    """Any of the patterns that the languages have there, the longest first."""
    patterns = {in_all_spellings(each) for each in listed(table, key)}
    return "|".join(sorted(patterns, key=len, reverse=True))


def _by_initials(patterns: Iterable[str]) -> str:
    """Any of the patterns in any case, the longest first. Without initials `re`, where case is ignored, tries each."""
    rests: dict[str, list[str]] = {}
    for each in sorted(patterns, key=lambda each: (not each[0].isalpha(), -len(each))):
        initial = f"[{each[0]}{each[0].upper()}]" if each[0].isalpha() else ""
        rests.setdefault(initial, []).append(each[1:] if initial else each)
    return "|".join(f"{initial}(?i:{'|'.join(several)})" for initial, several in rests.items())


_MONTHS = [
    "|".join(map(in_all_spellings, spellings))
    for spellings in zip(*[table["months"] for table in tables("dates")], strict=True)
]
MONTHS = f"(?i:{'|'.join(_MONTHS)})"
_MONTH = rf"(?i:{'|'.join(_MONTHS)})\b\.?"
_MONTH_BEGINNINGS = frozenset(
    spelling[:3]
    for table in tables("dates")
    for names in table["months"]
    for name in names.split("|")
    for spelling in (name, in_ascii(name))
)
_YEAR = r"(?:19|20)\d\d\b(?![,.]\d)"
_DAY = rf"(?:0?[1-9]|[12]\d|3[01])(?:(?:{_any_of('dates', 'ordinal')})(?!\w)|\b)(?![,.]?\d{{3}}|[.:/]?\d)"
_TO = rf"(?: ?- ?| (?:{_any_of('dates', 'to')}) )"
_MONTH_FIRST = re.compile(
    rf"(?P<month>{_MONTH})"
    rf"(?: (?:the )?(?P<day>{_DAY}(?! (?:{_any_of('dates', 'wished')})\b))(?:{_TO}(?P<last>{_DAY}))?)?"
    rf"(?:{_TO}(?P<other>{_MONTH})(?! \d{{1,2}}\b))?(?:,? (?:of )?(?P<year>{_YEAR}))?"
)
_OF = rf"(?: (?:{_any_of('dates', 'of')}))?"
# Months with a capital, and those that are written without one.
_DAY_FIRST = re.compile(
    rf"(?P<day>{_DAY})(?:{_TO}(?P<last>{_DAY}))?{_OF} "
    rf"(?P<month>(?:(?-i:(?=[A-Z]))|(?=(?:{_any_of('dates', 'small-months')})\b)){_MONTH})"
    rf"(?:,?{_OF} (?P<year>{_YEAR}))?"
)
_ISO = re.compile(r"(?P<year>(?:19|20)\d\d)(?:-(?=\d\d-)|/(?=\d\d/))(?P<month>0[1-9]|1[0-2])[-/](?P<day>[0-3]\d)\b")
_IN_FULL = re.compile(r"(?P<day>[0-3]?\d)\.(?P<month>0?[1-9]|1[0-2])\.(?P<year>(?:19|20)\d\d)\b")
_WITH_POINTS = re.compile(r"(?P<day>[0-3]?\d)\.(?P<month>0?[1-9]|1[0-2])\.(?:(?P<year>(?:19|20)?\d\d)\b|(?!\d))")

_SCALES = {"trillion": 1e12, "k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "mn": 1e6, "t": 1e12}
_SCALE_NAMES = {
    re.compile(table[key], re.IGNORECASE): value
    for table in tables("numbers")
    for key, value in (("thousand", 1e3), ("million", 1e6), ("billion", 1e9))
}
_MINUTE, _HOUR, _DAYS = 60.0, 3600.0, 86400.0
_UNITS: dict[str, tuple[str, float]] = {  # by their signs; their names are the languages'
    "%": ("%", 1.0),
    **dict.fromkeys(("$", "us$", "usd"), ("$", 1.0)),
    **dict.fromkeys(("€", "eur"), ("€", 1.0)),
    **dict.fromkeys(("£", "gbp"), ("£", 1.0)),
    "ct": ("ct", 1.0),  # of whatever currency
    "ms": ("s", 0.001),
    "s": ("s", 1.0),
    "min": ("s", _MINUTE),
    "h": ("s", _HOUR),
    "day": ("s", _DAYS),
    "week": ("s", 7 * _DAYS),
    "month": ("s", 365.25 / 12 * _DAYS),
    "year": ("s", 365.25 * _DAYS),
    **dict.fromkeys(("kb", "kib", "ko"), ("B", 1e3)),
    **dict.fromkeys(("mb", "mib", "mo"), ("B", 1e6)),
    **dict.fromkeys(("gb", "gib", "go"), ("B", 1e9)),
    **dict.fromkeys(("tb", "tib", "to"), ("B", 1e12)),
    "m": ("m", 1.0),
    "km": ("m", 1e3),
    "cm": ("m", 0.01),
    "mm": ("m", 0.001),
    "mi": ("m", 1609.344),
    "ft": ("m", 0.3048),
    "in": ("m", 0.0254),
    "t": ("kg", 1e3),
    "kg": ("kg", 1.0),
    "g": ("kg", 0.001),
    "km/h": ("km/h", 1.0),
    "hl": ("l", 100.0),
    "cl": ("l", 0.01),
    "ml": ("l", 0.001),
    "mph": ("km/h", 1.609344),
    "m²": ("m²", 1.0),
    "sqft": ("m²", 0.09290304),
    "m³": ("m³", 1.0),
    "wh": ("Wh", 1.0),
    "kwh": ("Wh", 1e3),
    "w": ("W", 1.0),
    "kw": ("W", 1e3),
    "nm": ("Nm", 1.0),
    "m/s": ("km/h", 3.6),
    "mah": ("Ah", 0.001),
    "°c": ("°", 1.0),
    **{unit: (unit, 1.0) for unit in ("psi", "bar", "l", "ha", "kn", "°", "°f", "db", "v", "ah", "hz", "rpm")},
}
_UNIT_NAMES = {
    re.compile("|".join(map(in_all_spellings, names)), re.IGNORECASE): unit
    for table in tables("units")
    for unit, names in table.items()
}
_MOST_ZEROS = 100  # of a number: a model can write more than a float can hold
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+\b)?(?:(?:\^|\*\*)\d+)?)"
_SCALE = (
    rf"(?:[ -]?(?:(?i:trillion|{'|'.join(each.pattern for each in _SCALE_NAMES)})|bn|mn)\b(?:\.(?= [A-Z€$]))?|[kKMBT]\b"
    r"| [MBT](?= param| token))"
)
_NAMES_OF_UNITS = [in_all_spellings(each) for table in tables("units") for names in table.values() for each in names]
NAME_OF_UNIT = _by_initials(_NAMES_OF_UNITS)
_BEFORE_UNIT = _any_of("unit-words", "before")
_UNIT = (
    r"(?:[ ]?(?:[%€£]|°(?:[CF]\b)?)"
    rf"|(?:[ -]?(?:(?:(?:{_by_initials(listed('unit-words', 'before'))})[ -])?(?:{NAME_OF_UNIT})"
    r"|USD|EUR|GBP|ms|min|[KMGT]i?B|kB|[kmgt]b|[kKMG]o|To(?! \d)|km/h|mph|m/s|[kc]?m|mm|mi|k?g|Nm|dB|m?Ah|rpm|V"
    r"|k?Wh?|[hcm]?l|t)|[sh])\b)"
)
_WORD_BEFORE_UNIT = re.compile(rf"^(?:{_BEFORE_UNIT})[ -]", re.IGNORECASE)
_CURRENCY = r"(?:(?:US)?\$|[€£]|USD )"
_MEASURE = re.compile(
    rf"(?P<currency>{_CURRENCY}[ ]?)?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?(?P<unit>{_UNIT})?"
    rf"(?:{_TO}(?P<currency2>{_CURRENCY})?(?P<number2>{_NUMBER})(?P<scale2>{_SCALE})?"
    rf"(?P<unit2>{_UNIT})?"
    r"(?![\w:]))?"
)
_HOURS_MINUTES = re.compile(
    r"(?P<hours>\d+)(?:h(?P<short>[0-5]\d)(?:m|min)?\b"
    r"|(?:[ -]?hours?| ?hrs?| ?h)(?:,? and |,? ?)(?P<minutes>[0-5]?\d)(?:[ -]?minutes?| ?mins?| ?m)\b)"
)
# What looks like a number and states no quantity: times of day, ratios, ordinals, decades, fractions, days a week.
_NO_QUANTITY = re.compile(
    r"\d+:\d+\b|\d*(?:1st|2nd|3rd|\dth)\b|\d+(?:er|re|e|ème|º|ª)\b|\d+'?s\b(?<!\ds(?=ec))|\d{1,2}/\d{1,2}\b"
    r"|24/7|[1-4]-?[dD]\b|4K\b|\d(?:-\d){2,}\b"
)
# Most numbers: nothing behind them can belong to them, unless the word there may be a part of something.
_BARE_NUMBER = re.compile(
    r"(?:\d{1,3}(?:,\d{3})++(?:\.\d++)?|\d++(?:\.\d++)?)"
    r"(?=[,;!?)](?!\d)|\n|$|\.(?:\n|$| (?![ADFJMNOSa-z]))| (?P<word>[a-z]+)(?![^\s.,;:!?)]))"
)
_BEGIN_OF_UNIT = re.compile(r"[^\W\d_]+(?= )")  # of one in several words
_PART_BEHIND = re.compile(
    rf"[a-z]{{1,3}}$|(?:{_any_of('dates', 'to')}|{_any_of('dates', 'small-months')}|{_any_of('times', 'to')}"
    rf"|{_BEFORE_UNIT}|trillion"
    rf"|{'|'.join([*(each.pattern for each in _SCALE_NAMES), *_NAMES_OF_UNITS])}"
    rf"|{'|'.join(chain.from_iterable(map(_BEGIN_OF_UNIT.findall, _NAMES_OF_UNITS)))})$"
)
_LIST_NUMBER = re.compile(r"(?:^|\n)[ \t]*\(?$")

# A time of day: with am or pm, with what an hour is called, or with a colon; or the first of two of them.
_CLOCK_DIGITS = r"(?P<hour>[01]?\d|2[0-4])(?:[:.](?P<minute>[0-5]\d))?"
_HOUR_NAME = rf"(?: ?(?:{_any_of('times', 'behind')})\b)"
_LATER = (
    rf"(?: ?(?:-|\u2013) ?| (?:{_any_of('times', 'to')}) )[012]?\d(?:[:.][0-5]\d)?(?:{_HOUR_NAME}|(?: ?[aApP]\.?m\b))"
)
_CLOCK = re.compile(
    rf"{_CLOCK_DIGITS}(?: ?(?P<half>[aApP])\.?[mM]\b\.?|(?i:{_HOUR_NAME})|(?i:(?={_LATER})))"
    r"|(?P<hour2>[01]?\d|2[0-3]):(?P<minute2>[0-5]\d)\b(?!:)"
)
_IS_FULLY_TOLD = re.compile(r"\d[:.]\d\d Uhr")  # no hour is told twice a day there
_OFFSETS: dict[str, int] = {words: off for table in tables("times") for words, off in table["offsets"].items()}
_HOURS: dict[str, int] = {
    word: hour for table in tables("numbers") for hour, word in enumerate(table["small"], start=1)
}
_SPELLED_CLOCK = Uncased(
    rf"\b(?:(?P<offset>{'|'.join(map(in_all_spellings, sorted(_OFFSETS, key=len, reverse=True)))})"
    rf" (?P<hour>\d{{1,2}}\b|(?:{'|'.join(map(in_all_spellings, reversed(_HOURS)))})\b)"
    rf"|(?P<whole>{'|'.join(map(in_all_spellings, reversed(_HOURS)))})(?:{_HOUR_NAME}|(?={_LATER}|"
    rf" (?:{_any_of('times', 'to')}) \w{{3,10}}{_HOUR_NAME})))",
)
_SPELLED_CLOCK_HINTS = ("half past", "quarter", "halb ", "iertel", "uhr", "Uhr", "o'clock", " vor ", " nach ")

# A token with a capital or a digit, from there on. All scans begin with a set of characters, which `re` skips to; in
# ASCII, as nearly every text is, in two thirds of the time. Bounded: a list without blanks is read again and again.
_CAPITAL_OR_DIGIT = re.compile(r"[$€£A-ZÀ-ÖØ-Þ\d]\S{0,300}")
_CAPITAL_OR_DIGIT_IN_ASCII = re.compile(r"[$A-Z0-9]\S{0,300}")
_SUFFIXES = (
    "com|org|net|ai|io|dev|co|edu|gov|app|info|gg|xyz|tv|cloud|chat|tech|shop|example|de|at|ch|eu|uk|fr|nl|py|sh|md|json|jsonl|toml|yaml|yml|txt|csv|cpp|rs|js|ts|html|css|ipynb|cfg|ini|"
    "parquet|safetensors|gguf|onnx|pt|pth|pkl|bin"
)
_INNER_MARK = re.compile(rf"\.(?<=\w\.)(?:{_SUFFIXES})\b|://|_(?<=[a-z]_)[a-z0-9]|-(?<!\S-)-[a-z]")
_EMAIL = re.compile(r"(?!git@)[\w.+-]{1,64}@[\w-]{1,60}(?:\.[\w-]{1,60}){1,5}")
_FILE = re.compile(r"[\w./~-]*\w\.[A-Za-z]\w{0,10}$")
_HOSTS = re.compile(
    r"(?:[\w-]+\.)+(?:com|org|net|ai|io|dev|co|edu|gov|app|info|gg|xyz|tv|cloud|chat|tech|shop|example|de|at|ch|eu|uk|fr|nl)(?:[/:]\S*)?$"
)

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_CODE_LINE = re.compile(
    r"^(?:[ \t]*(?:def |class |import |from \w[\w.]* import|for \w+(?:, ?\w+)* in .*:$|while .+:$|if .+:$"
    r"|el(?:se|if).*:$|try:$"
    r"|return\b(?=.*[()\[\]=_+*/]| \w+$)|print\(|assert |#include|>>> |\$ |@\w+$|\w[\w.\[\]]* ?(?:[-+*/%]"
    r"|//)?= ?\S)|(?: {4}|\t)\S).*$",
    re.MULTILINE,
)
# Tokens of chat templates, also without their angle brackets: marks, and no identifiers.
_TEMPLATE_TOKEN = re.compile(r"<?\|\w{1,40}\|>?|\b(?:im|user|assistant|system|python|output|turn)_(?:start|end)\b")
# A tag, or a token of a chat template.
_TAG = re.compile(r"</?[A-Za-z_][\w-]{0,30}(?: [^<>\n]{0,200})?/?>|\[/?[A-Z_]{2,30}\]")
# Formulas of LaTeX: what stands between dollar signs is one when it has a sign of TeX in it, or is short.
_FORMULA = re.compile(
    r"\\\[.{1,400}?\\\]|\\\(.{1,400}?\\\)|\$\$.{1,400}?\$\$|\$(?=[^$\n]{0,120}[\\^_{}])[^$\n]{1,120}\$|\$-?\w{1,3}\$",
    re.DOTALL,
)
_CODE_HINTS = (" = ", "def ", "import ", "print(", ">>> ", "\n$ ", "\n    ", "\n\t")

_OPENING = "\"'([{<*_`~#"
_CLOSING = "\"')]}>*_`~,.;:!?"
_SENTENCE_START = re.compile(
    r"(?:^|[.!?:;\n\"(\[\]*>`|)\u201c\u201e\u201a\u2018\u00ab\u00bb\u00a1\u00bf\u2026]|(?:^|\s)(?:-{1,3}|[-*+\u2013\u2014]|#{1,6}|\d{1,3}[.)]))['\"(\[*_]*\s*['\"(\[*_]*$"
)
_TITLE_BEFORE = re.compile(r"\b(?:Dra?|Mrs?|Ms|Prof|St|Mt|Rev|Hr|Fr|Sra?|M)\. $")  # ends no sentence
# An identifier with a number in it, such as GPT-2 or Llama-3.1-70B, or a word.
_WORD = re.compile(r"(?P<stem>[A-Za-z][A-Za-z.]{0,60})(?P<number>(?:-?\d[\w.]*)+)|[A-Za-zÀ-ÖØ-öø-ÿ][^\W_]*(?:'[a-z]+)?")
_WORD_REST = re.compile(r"[\w.]*\w")
_MULTIPLIED = re.compile(r"[xX](?!\w{0,30}[a-z]\b(?<!s))")
_SINGLE_NAME = re.compile(r"`[\w./:-]*[A-Za-z][\w./:-]*`$")
_SPACE = re.compile(r"\s")
_PLACEHOLDER = re.compile(r"(?<![a-z])your[_-]|[_-]here\b", re.IGNORECASE)  # TOKEN=your_token


def without_code(text: str) -> str:
    """The text with code blanked out, so that everything else keeps its place."""
    if "`" in text:
        text = _FENCE.sub(_blank, text)
        # A name between backticks is a name all the same.
        text = _INLINE_CODE.sub(
            lambda code: code[0].replace("`", " ") if _SINGLE_NAME.match(code[0]) else _blank(code), text
        )
    if any(map(text.__contains__, _CODE_HINTS)):
        text = _CODE_LINE.sub(_blank, text)
    if "|" in text or "_start" in text or "_end" in text:
        text = _TEMPLATE_TOKEN.sub(_cut, text)
    if "<" in text or "[" in text:
        text = _TAG.sub(_cut, text)
    if "\\" in text or text.count("$") > 1:
        text = _FORMULA.sub(_blank, text)
    return text.replace("__", "  ")


_NONE_SETTLED: Mapping[str, Term | None] = MappingProxyType({})


def read_facts(
    text: str,
    language: str | None = None,
    settled: Mapping[str, Term | None] = _NONE_SETTLED,
    *,
    small_alone: bool = False,
) -> Iterator[Fact]:
    """The facts of a text that `without_code` and `with_decimal_points` have passed, not in order.

    `settled`: tokens with the one term each is, or None for no fact; they are not read again. `small_alone`: whether
    numbers in words are read where all of them are small, too.
    """
    taken = deque[tuple[int, int]]()
    for start, end, term in _read_marked(text):
        taken.append((start, end))
        if term:
            yield term
    done = 0
    search = (_CAPITAL_OR_DIGIT_IN_ASCII if text.isascii() else _CAPITAL_OR_DIGIT).search
    while hit := search(text, done):
        start, end = hit.span()
        begin = start
        is_inner = False
        if start > done and (before := text[start - 1]) != " ":
            begin, is_inner = _begin_of_token(text, start, done), before.isalnum()
        while taken and taken[0][1] <= start:
            taken.popleft()
        if taken and taken[0][0] <= start:
            done = end
        elif (token := text[begin:end] if is_inner else hit[0]) in settled:
            if stated := settled[token]:
                yield stated
            done = end
        elif is_inner or not (found := _read_figure(text, start, language)):
            yield from _read_words(text, begin, end, language)
            done = end
        else:
            done, facts = found
            yield from facts
    yield from _read_in_words(text, language, small_alone=small_alone)


def _read_in_words(text: str, language: str | None, *, small_alone: bool) -> Iterator[Fact]:
    if any(map(text.__contains__, _SPELLED_CLOCK_HINTS)):
        yield from _read_spelled_clock(text)
    if small_alone or may_hold_numbers(text):
        yield from read_spelled(text, language)
    if any(map(text.__contains__, _HALF_HINTS)):
        yield from _read_halves(text)


def read_spelled(text: str, language: str | None = None) -> Iterator[Measure]:
    """The quantities written in words, the small ones too; "a hundred" only with a unit."""
    money: Measure | None = None  # "twelve pounds", of which "fifty" may follow
    hours: Measure | None = None  # "seize heures", of which "quinze" may follow
    for start, end, value in find_numbers(text, language):
        unit = _SPELLED_UNIT.match(text, end)
        if value < _CENTS and (before := _MONEY_BEFORE.search(text, max(start - _LONGEST_CENTS, 0), start)):
            if _read_cents(text, before.end("unit")):
                continue  # read with its digits
        elif money and value < _CENTS and (cents := _read_cents(text, money.start + len(money.text))):
            whole = money.value + cents[1] / _CENTS
            yield Measure(text[money.start : cents[0]], money.start, whole, 0.01, money.unit, is_spelled=True)
            money = None
            continue
        if hours and unit is None and _are_minutes(text, hours, value, start, end):
            whole = hours.value + value * _MINUTE
            yield Measure(text[hours.start : end], hours.start, whole, _MINUTE, "s", is_spelled=True)
            hours = None
            continue
        yield from filter(None, (money, hours))
        money = hours = None
        if (unit is None and _NO_COUNTS.match(text, start, end)) or _CLOCK_BEHIND.match(text, end):
            continue
        name, factor = _unit(unit and unit[0])
        written = text[start : unit.end() if unit else end]
        digits = f"{value:.0f}" if value == int(value) else f"{value:g}"
        measure = Measure(written, start, value * factor, _step(digits) * factor, name, is_spelled=True)
        if name in CURRENCIES:
            money = measure
        elif factor == _HOUR and language in _TOLD_BY_HOURS and value < _HOURS_OF_DAY:
            hours = measure
        else:
            yield measure
    yield from filter(None, (money, hours))


def _are_minutes(text: str, hours: Measure, value: float, start: int, end: int) -> bool:
    is_behind = value < _MINUTE and text[hours.start + len(hours.text) : start] == " "
    return is_behind and not _COUNTS_MORE.match(text, end)


def read_small(text: str, start: int) -> Measure | None:
    """The quantity that a small number in words and a unit state at a place: two days, two hours and ten minutes."""
    end, value, factor, name = start, 0.0, 0.0, ""
    while part := _SMALL_PART.match(text, end):
        unit, size = _unit(part["unit"])
        if value and (not unit == name == "s" or size >= factor or _EACH_BEHIND.match(text, part.end())):
            break
        end, value, factor, name = part.end(), value + _WHOLES[part["word"].lower()] * size, size, unit
    return Measure(text[start:end], start, value, factor, name, is_spelled=True) if value else None


def read_count(text: str, start: int) -> Measure | None:
    """The count that a small number in words states at a place."""
    word = _SMALL_WORD.match(text, start)
    return Measure(word[0], start, float(_WHOLES[word[0].lower()]), 1.0, "", is_spelled=True) if word else None


def is_half_more(text: str, end: int) -> bool:
    """Whether what ends there is told with half of its unit more: "deux heures et demie"."""
    return _AND_HALF.match(text, end) is not None


def _read_halves(text: str) -> Iterator[Measure]:
    """Two and a half hours, anderthalb Tage, a quarter of an hour: none of the small numbers that pass."""
    for match in chain(_AND_A_HALF.finditer(text), _HALF_BEHIND.finditer(text)):
        word = (match["word"] or "").lower()
        whole = float(word) if word.isdecimal() else float(_WHOLES.get(word, 1))
        name, factor = _unit(match["unit"])
        yield Measure(match[0], match.start(), (whole + 0.5) * factor, 0.5 * factor, name)
    for match in _PART_OF_HOUR.finditer(text):
        hours = next(hours for words, hours in _PARTS_OF_HOUR.items() if words.fullmatch(match[0]))
        yield Measure(match[0], match.start(), hours * _HOUR, 5 * _MINUTE, "s")


_HALF_HINTS = ("half", "quarter", "halb", "iertelst", "demi", " medi", "media ", "quart d", "quarts d", "cuarto")
_WHOLES = {spelling: hour for word, hour in _HOURS.items() for spelling in (word, in_ascii(word))}
_SMALL_WORD = re.compile(rf"(?:{_by_initials(map(in_all_spellings, _HOURS))})\b")
_SMALL_PART = re.compile(
    rf"(?:,? and |,? und |, )?(?P<word>{_by_initials(map(in_all_spellings, _HOURS))})(?P<unit>{_UNIT})"
)
_AND_A_HALF = re.compile(
    rf"\b(?:(?P<word>\d{{1,2}}|{_by_initials([*map(in_all_spellings, _HOURS), 'ein'])})(?i:{_any_of('halves', 'and')})"
    rf"|{_by_initials(listed('halves', 'one'))})[ -](?P<unit>{NAME_OF_UNIT})\b"
)
_HALF_BEHIND = re.compile(
    rf"\b(?P<word>\d{{1,2}}|{_by_initials([*map(in_all_spellings, _HOURS), 'une', 'una'])})"
    rf" (?P<unit>{NAME_OF_UNIT}) (?:{_any_of('halves', 'behind')})\b"
)
_EACH_BEHIND = re.compile(rf" (?:{_any_of('unit-words', 'each')}) ")  # "five days, three hours a day" are no sum
_AND_HALF = re.compile(rf" (?:{_any_of('halves', 'behind')})\b")
_PARTS_OF_HOUR = {
    re.compile(in_all_spellings(words), re.IGNORECASE): hours
    for table in tables("halves")
    for words, hours in table["hours"].items()
}
_PART_OF_HOUR = re.compile(rf"\b(?:{'|'.join(each.pattern for each in _PARTS_OF_HOUR)})\b", re.IGNORECASE)
_CENTS = 100
_HOURS_OF_DAY = 24
_CENT_NAMES = "|".join(in_all_spellings(each) for table in tables("units") for each in table.get("ct", ()))
_COUNTS_NOTHING = f"{_any_of('grounding', 'uncounted')}|{_any_of('unit-words', 'each')}"
_COUNTS = rf" (?!(?:{_COUNTS_NOTHING})\b)(?-i:[a-zß-ÿ])"  # a word that says what a number counts
_CENTS_AND, _CENTS_WITH = _any_of("unit-words", "cents-and"), _any_of("unit-words", "cents-with")
_CENTS_BEHIND = re.compile(  # "3 euros and 50 cents", "13 Euro 80", "12€50"
    rf"(?:,?(?: (?:{_CENTS_AND}|{_CENTS_WITH}))? (?P<named>\d\d?) ?(?:{_CENT_NAMES})\b"
    rf"|(?:(?<=[€$£])| (?:(?:{_CENTS_WITH}) )?)(?P<bare>\d\d)(?![\d.,:]*\d| ?[%€$£]|\w|(?<![€$£]..){_COUNTS}))",
    re.IGNORECASE,
)
_CENTS_JOINT = re.compile(rf" (?:(?P<named>{_CENTS_AND}) |(?:{_CENTS_WITH}) )?(?=[a-z])", re.IGNORECASE)
_NAMED_CENTS = re.compile(rf" (?:{_CENT_NAMES})\b", re.IGNORECASE)
_COUNTS_MORE = re.compile(_COUNTS)
_CURRENCY_NAMES = "|".join(
    in_all_spellings(each) for table in tables("units") for sign in "$€£" for each in table.get(sign, ())
)
_MONEY_BEFORE = re.compile(
    rf"\d ?(?P<unit>[€$£]|{_CURRENCY_NAMES})(?: (?:{_CENTS_AND}|{_CENTS_WITH}))? $", re.IGNORECASE
)
_LONGEST_HINT, _LONGEST_CENTS = 12, 30  # characters, of a number in words and where it begins
CURRENCIES = frozenset("$€£")
_NO_COUNTS = re.compile(  # of a hundred there may be many
    r"(?:hundred|thousand|million|billion|hundert|tausend)|(?:cent|mille|cien|mil)$", re.IGNORECASE
)
_SPELLED_UNIT = re.compile(_UNIT)
_CLOCK_BEHIND = re.compile(rf"{_HOUR_NAME}|(?: (?:{_any_of('times', 'to')}) \w{{3,10}}{_HOUR_NAME})", re.IGNORECASE)


def _read_spelled_clock(text: str) -> Iterator[Time]:
    for match in _SPELLED_CLOCK.finditer(text):
        word = match["hour"] or match["whole"]
        hour = int(word) if word.isdecimal() else _HOURS[_as_written(word)]
        minute = 60 * hour + (_OFFSETS[_as_written(match["offset"])] if match["offset"] else 0)
        yield Time(match[0], match.start(), minute % _MINUTES_OF_DAY, hour <= _HALF_DAY)


@lru_cache
def _as_written(word: str) -> str:
    """The word as the tables spell it."""
    return next(each for each in (*_HOURS, *_OFFSETS) if re.fullmatch(in_all_spellings(each), word))


_MINUTES_OF_DAY, _HALF_DAY = 1440, 12
# With the mark that ends its sentence: "1.9." would be a day of September.
_NUMBER_WITH_COMMA = re.compile(
    r"(?<![\d.,])(?:(?P<number>\d{1,2},\d{1,2})\.(?!\S)|(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+)(?![\d]|[.,]\d))"
)
_CENTS_WITH_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d\d)(?![\d]|[.,]\d)")
_SWAPPED = str.maketrans(",.", ".,")
_BLANKS = str.maketrans("\u00a0\u202f\u2009", "   ")
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,+])(?<!\d )(?!\d{3} \d{3} \d{3}(?!\d))[1-9]\d{0,2}(?: \d{3})+(?![\d]|[ .]\d)")


def with_decimal_points(text: str, language: str | None, written_in: str | None = None) -> str:
    """A text of a language with decimal commas with decimal points, and all in its place.

    `written_in`: a language in whose way numbers may stand there, too: "68 400", where no other would have two.
    """
    numbers, others = table_of(language, "numbers"), table_of(written_in, "numbers")
    has_commas = bool(numbers.get("decimal-comma"))
    if not (has_commas or others.get("decimal-comma")):
        return text
    if not text.isascii():
        text = text.translate(_BLANKS)
    if numbers.get("spaces-between-thousands") or others.get("spaces-between-thousands"):
        text = _SPACED_THOUSANDS.sub(lambda match: match[0].replace(" ", "." if has_commas else ","), text)
    if not has_commas:
        return _CENTS_WITH_COMMA.sub(r"\1.\2", text)
    return _NUMBER_WITH_COMMA.sub(
        lambda match: f"{(match['number'] or match[0]).translate(_SWAPPED)}{'!' if match['number'] else ''}", text
    )


def squeeze(text: str) -> str:
    """Letters and digits alone, so that GPT-2, gpt2 and "GPT 2" are one."""
    return fold(text if text.isalnum() else "".join(filter(str.isalnum, text)))


def normalize_address(text: str) -> str:
    text = text.casefold()
    text = text.split("://", 1)[-1].removeprefix("www.")
    return text.rstrip("/").removesuffix(".git")


def _read_marked(text: str) -> Iterator[tuple[int, int, Term | None]]:
    """The tokens with a mark inside that makes them one term, and where they begin and end; none is a placeholder."""
    end = 0
    for mark in _INNER_MARK.finditer(text):
        if mark.start() >= end:
            start = _begin_of_token(text, mark.start(), end)
            space = _SPACE.search(text, mark.start())
            end = space.start() if space else len(text)
            if _PLACEHOLDER.search(text, start, end):
                yield start, end, None
            elif term := _read_token(text, start, end):
                yield start, end, term


def _read_token(text: str, start: int, end: int) -> Term | None:
    """The address, file name, flag or name with underscores in a token; None for prose."""
    word = text[start:end].strip(_OPENING + _CLOSING)
    start = text.index(word, start) if word else start
    if "@" in word or not word:
        return Term(word, start, "identifier", fold(word)) if _EMAIL.fullmatch(word) else None
    if "://" in word or _HOSTS.match(word):
        return Term(word, start, "url", normalize_address(word))
    if word.startswith("--"):
        return Term(word, start, "identifier", word.split("=")[0])
    if _FILE.match(word) or "_" in word:
        return Term(word, start, "identifier", word.casefold().removesuffix("'s").lstrip("./"))
    return None


def _read_words(text: str, start: int, end: int, language: str | None) -> Iterator[Fact]:
    for match in _WORD.finditer(text, start, end):
        place = match.start()
        if number := match["number"]:
            # In "top-50" or "mid-2025" the number is a number; in GPT-2 and d24 it is part of a name.
            if number[0] == "-" and match["stem"].islower() and len(match["stem"]) > 2:  # noqa: PLR2004
                found = _read_figure(text, match.start("number") + 1, language)
                yield from found[1] if found else ()
            else:
                word = match[0].rstrip(".")
                yield Term(word, place, "identifier", squeeze(word))
            continue
        word, kind, key = _tell_word(match[0])
        if kind == "name":
            opens = _SENTENCE_START.search(text, max(place - 12, 0), place) is not None
            opens = opens and not _TITLE_BEFORE.search(text, max(place - 6, 0), place)
            if (beside := tell_name(text, word, place, language, opens=opens)) is not None:
                yield Term(word, place, kind, key, opens and not is_listed(word), beside)
        elif kind:
            yield Term(word, place, kind, key)


@lru_cache(maxsize=1 << 14)
def _tell_word(written: str) -> tuple[str, TermKind | None, str]:
    """The word, what it may be wherever it stands, and its key."""
    word = written.partition("'")[0]
    singular = word.removesuffix("s")
    if len(word) < 2 or word.islower() or category(word[-1]) == "Lm":  # noqa: PLR2004 - UVᵀ is a formula
        return word, None, ""
    if singular.isupper() and len(singular) > 1:
        return word, "acronym", fold(singular)
    return word, "name" if word[1:].islower() else "identifier", fold(word)


def _read_numeric_date(match: re.Match[str]) -> Date:
    return Date(match[0], match.start(), _year(match["year"]), int(match["month"]), int(match["day"]))


def _read_day(match: re.Match[str]) -> Date:
    year, day, last = _year(match["year"]), _day(match["day"]), _day(match["last"])
    return Date(match[0], match.start(), year, _month(match["month"]), day, last)


def _read_hours(match: re.Match[str]) -> Measure:
    seconds = float(match["hours"]) * _HOUR + float(match["short"] or match["minutes"]) * _MINUTE
    return Measure(match[0], match.start(), seconds, _MINUTE, "s")


def _read_clock(match: re.Match[str]) -> Time:
    hour, minute = int(match["hour"] or match["hour2"]), int(match["minute"] or match["minute2"] or 0)
    if match["half"]:
        hour = hour % _HALF_DAY + (_HALF_DAY if match["half"] in "pP" else 0)
    is_half_told = hour <= _HALF_DAY and not match["half"] and not _IS_FULLY_TOLD.search(match[0])
    return Time(match[0], match.start(), (60 * hour + minute) % _MINUTES_OF_DAY, is_half_told)


_NAMES_OF_HOURS = _any_of("times", "hours")
_TOLD_HOUR = re.compile(
    rf"(?P<hour>[01]?\d|2[0-4])(?: ?(?:{_NAMES_OF_HOURS})\b(?: ?(?P<minute>[0-5]\d)\b(?: ?min\b\.?)?)?"
    rf"|[hH](?P<minute2>[0-5]\d)\b|(?={_TO}[012]?\d ?(?:{_NAMES_OF_HOURS})\b))"
)


def _read_told_hour(match: re.Match[str]) -> Time:
    hour, minute = int(match["hour"]), int(match["minute"] or match["minute2"] or 0)
    size = _MINUTE if minute else _HOUR
    length = Measure(match[0], match.start(), hour * _HOUR + minute * _MINUTE, size, "s")
    return Time(match[0], match.start(), (60 * hour + minute) % _MINUTES_OF_DAY, hour <= _HALF_DAY, length)


def lengths_of(facts: Iterable[Fact]) -> Iterator[Measure]:
    """Those that may be meant where times are told."""
    return (each.length for each in facts if isinstance(each, Time) and each.length)


# What a number is part of that states no measure, in the order in which it is looked for, and what reads it.
_KINDS: Mapping[str, tuple[re.Pattern[str], Callable[[re.Match[str]], Fact] | None]] = {
    "told": (_TOLD_HOUR, _read_told_hour),
    "clock": (_CLOCK, _read_clock),
    "iso": (_ISO, _read_numeric_date),
    "dated": (_IN_FULL, _read_numeric_date),
    "points": (_WITH_POINTS, _read_numeric_date),
    "day": (_DAY_FIRST, _read_day),
    "none": (_NO_QUANTITY, None),
    "hours": (_HOURS_MINUTES, _read_hours),
}


def _any_kind(kinds: Iterable[str]) -> re.Pattern[str]:
    """Tells the kind, in one look for all of them."""
    sources = ((kind, _KINDS[kind][0].pattern) for kind in kinds)
    return re.compile("|".join(f"(?P<{kind}>{_GROUP_NAME.sub('?:', source)})" for kind, source in sources))


_GROUP_NAME = re.compile(r"\?P<\w+>")
_KIND = _any_kind(each for each in _KINDS if each not in {"points", "told"})
_KIND_WITH_POINTS = _any_kind(each for each in _KINDS if each != "told")
_KIND_WITH_HOURS = _any_kind(each for each in _KINDS if each != "points")
_TOLD_BY_HOURS = frozenset(code for code in LANGUAGES if table_of(code, "times").get("hours"))
_DATED_WITH_POINTS = frozenset(code for code in LANGUAGES if table_of(code, "dates").get("with-points"))


def _read_figure(text: str, start: int, language: str | None) -> tuple[int, Sequence[Fact]] | None:
    """Where the date, the time or the number at `start` ends and what it states; None when there is none."""
    if text[start].isalpha():
        return _read_month(text, start) if text[start : start + 3].lower() in _MONTH_BEGINNINGS else None
    if found := _read_bare_number(text, start, language):
        return found
    kind = _KIND_WITH_POINTS if language in _DATED_WITH_POINTS else _KIND
    if language in _TOLD_BY_HOURS:
        kind = _KIND_WITH_HOURS
    told = kind.match(text, start)
    if told is None:
        return _read_measure(text, start)
    pattern, read = _KINDS[told.lastgroup or ""]
    match = pattern.match(text, start)
    return told.end(), [read(match)] if read and match else ()


def _read_bare_number(text: str, start: int, language: str | None) -> tuple[int, Sequence[Fact]] | None:
    match = _BARE_NUMBER.match(text, start)
    if match is None or (match["word"] and _may_be_part(match["word"])):
        return None
    if language in _DATED_WITH_POINTS and "." in match[0]:
        return None
    end = match.end()
    if text[end : end + 2] in {". ", ") "} and _LIST_NUMBER.search(text, max(start - 8, 0), start):
        return end, ()
    return end, [Measure(match[0], start, *_read_number(match[0]), "")]


@lru_cache(maxsize=1 << 14)
def _may_be_part(word: str) -> bool:
    """Whether a word behind a number may go on with the measure, the range, the date or the time."""
    return _PART_BEHIND.match(word) is not None


def _read_month(text: str, start: int) -> tuple[int, Sequence[Fact]] | None:
    match = _MONTH_FIRST.match(text, start)
    if match is None or not (match["day"] or match["year"]):
        return None
    year, day, last = _year(match["year"]), _day(match["day"]), _day(match["last"])
    months = [_month(each) for each in (match["month"], match["other"]) if each]
    return match.end(), [Date(match[0], start, year, month, day, last) for month in months]


def _read_measure(text: str, start: int) -> tuple[int, Sequence[Fact]]:
    match = _MEASURE.match(text, start)
    if match is None:
        return start + 1, ()
    end = match.end()
    behind = text[end : end + 2]
    if behind in {". ", ") "} and _LIST_NUMBER.search(text, max(start - 8, 0), start):
        return end, ()
    if (sign := match["unit"] or match["currency"]) and not match["scale"]:
        whole = _measure(match[0], start, match["number"], None, sign)
        begin = max(match.end("number"), match.end("unit"))
        if whole.unit in CURRENCIES and (found := _read_cents(text, begin, named_alone=not match["unit"])):
            end, cents = found
            return end, [Measure(text[start:end], start, whole.value + cents / _CENTS, 0.01, whole.unit)]
    if not behind[:1].isalpha():
        return end, _read_range(match)
    if times := _MULTIPLIED.match(text, end):
        return times.end(), _read_range(match)
    word = _WORD_REST.match(text, start)  # 4090Ti, 7Bx: a name of its own
    return (word.end(), [Term(word[0], start, "identifier", squeeze(word[0]))]) if word else (end, ())


def _read_cents(text: str, start: int, *, named_alone: bool = False) -> tuple[int, float] | None:
    """Where the cents behind an amount end, and how many they are: "€50", "Euro 80", "$3 and 50 cents"."""
    digits = _CENTS_BEHIND.match(text, start)
    if digits and (digits["named"] or not named_alone):
        return digits.end(), float(digits["named"] or digits["bare"])
    joint = _CENTS_JOINT.match(text, start)
    if joint is None or not may_hold_numbers(text[joint.end() : joint.end() + _LONGEST_HINT]):
        return None
    words = next(find_numbers(text[joint.end() : joint.end() + _LONGEST_CENTS]), None)
    if words is None or words[0] or words[2] >= _CENTS:
        return None
    end = joint.end() + words[1]
    if named := _NAMED_CENTS.match(text, end):
        return named.end(), words[2]
    return None if named_alone or joint["named"] or _COUNTS_MORE.match(text, end) else (end, words[2])


def _read_range(match: re.Match[str]) -> list[Measure]:
    """One measure, or the two ends of a range, each with the unit and scale that stand at only one of them."""
    currency, number, scale, unit, number2 = match.group("currency", "number", "scale", "unit", "number2")
    if not number2:
        return [_measure(match[0], match.start(), number, scale, unit or currency)]
    currency2, scale2, unit2 = match.group("currency2", "scale2", "unit2")
    first_unit, first_scale = unit or currency, scale
    if not scale and not first_unit and not (len(number) == len("2025") and number.isdigit()):
        first_unit = unit2 or currency2
    if not scale and not unit and scale2 and float(number.replace(",", "").split("^")[0].split("*")[0]) < 1000:  # noqa: PLR2004
        first_scale = scale2
    split = match.start("currency2") if currency2 else match.start("number2")
    first = match.string[match.start() : max(match.end("number"), match.end("scale"), match.end("unit"))]
    return [
        _measure(first, match.start(), number, first_scale, first_unit),
        _measure(match.string[split : match.end()], split, number2, scale2, unit2 or currency2 or currency),
    ]


def _measure(text: str, start: int, number: str, scale: str | None, unit: str | None) -> Measure:
    value, step = _read_number(number)
    name, factor = _unit(unit)
    if scale:
        factor *= _scale(scale)
    return Measure(text, start, value * factor, step * factor, name)


@lru_cache(maxsize=1 << 12)
def _read_number(number: str) -> tuple[float, float]:
    """Its value and its step."""
    base, *power = re.split(r"\^|\*\*", number.replace(",", ""))
    if power and power[0] != "1":
        return min(float(base), 1e3) ** min(float(power[0]), _MOST_ZEROS), 1.0
    return float(base), _step(base)


def _step(number: str) -> float:
    """One in the last place that counts: 0.01 of 3.04, 1000 of 43000, 1 of 7."""
    if "e" in number:
        mantissa, exponent = number.split("e")
        return float(_step(mantissa) * 10.0 ** min(float(exponent), _MOST_ZEROS))
    if "." in number:
        return float(10.0 ** -len(number.split(".")[1]))
    zeros = len(number) - len(number.rstrip("0"))
    return float(10.0 ** min(zeros, _MOST_ZEROS)) if number.strip("0") else 1.0


@lru_cache(maxsize=64)
def _scale(spelling: str) -> float:
    name = spelling.strip(" -.")
    return _SCALES.get(name.lower()) or next(value for names, value in _SCALE_NAMES.items() if names.fullmatch(name))


@lru_cache(maxsize=512)
def _unit(spelling: str | None) -> tuple[str, float]:
    if not spelling:
        return "", 1.0
    spelling = _WORD_BEFORE_UNIT.sub("", spelling.strip(" -"))
    sign = next((unit for names, unit in _UNIT_NAMES.items() if names.fullmatch(spelling)), spelling).casefold()
    return _UNITS.get(sign) or _UNITS["$" if "$" in sign else sign]


def is_month(word: str) -> bool:
    return re.fullmatch(_MONTH, word) is not None


@lru_cache
def _month(word: str) -> int:
    word = word.rstrip(".")
    return next(month for month, each in enumerate(_MONTHS, start=1) if re.fullmatch(each, word, re.IGNORECASE))


def _year(word: str | None) -> int | None:
    return None if word is None else int(word) + (2000 if len(word) == len("26") else 0)


def _day(word: str | None) -> int | None:
    return int("".join(filter(str.isdecimal, word))) if word else None


def _cut(match: re.Match[str]) -> str:
    """Blanks, and the end of a line: what follows begins anew."""
    return " " * (len(match[0]) - 1) + "\n"


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"\S", " ", match[0])


def _begin_of_token(text: str, place: int, least: int) -> int:
    """Where the stretch without white space around a place begins, or `least`, before which nothing is looked at."""
    return (
        max(least - 1, text.rfind(" ", least, place), text.rfind("\n", least, place), text.rfind("\t", least, place))
        + 1
    )
