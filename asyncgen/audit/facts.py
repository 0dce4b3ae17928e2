r"""Facts in running text: measures, dates and terms, each in one form however it is spelled.

1,384,124,976, "1.38B" and "1.4 billion" are one quantity at three precisions: a measure carries its value and the step
to the next value of the same precision, so that whoever compares can ask whether two agree by rounding. Code carries
no facts. The scan looks at words that hold a capital, a digit or an inner mark and at nothing else, which is what makes
it fast enough for a million conversations.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

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


class Date(msgspec.Struct, frozen=True):
    """A day, a month or a day without its year: what is not said is None. `last_day` ends a range of days."""

    text: str
    start: int
    year: int | None
    month: int
    day: int | None
    last_day: int | None = None


class Term(msgspec.Struct, frozen=True):
    """An address, an identifier, an acronym or a name. `key` is what is compared. `opens`: it opens its sentence."""

    text: str
    start: int
    kind: TermKind
    key: str
    opens: bool = False


Fact: TypeAlias = Measure | Date | Term

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_MONTH_CAPITALS = frozenset(each[0].upper() for each in _MONTHS)
_YEAR = r"(?:19|20)\d\d\b(?![,.]\d)"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?\b(?![,.]\d{3}|[.:/]\d)"
_MONTH_FIRST = re.compile(
    rf"(?P<month>{_MONTH})(?: (?:the )?(?P<day>{_DAY})(?:(?: ?- ?| to | and | or | through "
    rf"| until )(?P<last>{_DAY}))?)?"
    rf"(?: (?:and|or|to|through) (?P<other>{_MONTH}))?(?:,? (?:of )?(?P<year>{_YEAR}))?"
)
_DAY_FIRST = re.compile(rf"(?P<day>{_DAY})(?: of)? (?P<month>{_MONTH})(?:,? (?P<year>{_YEAR}))?")
_ISO = re.compile(r"(?P<year>(?:19|20)\d\d)([-/])(?P<month>0[1-9]|1[0-2])\2(?P<day>[0-3]\d)\b")

_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SCALES |= {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "mn": 1e6, "t": 1e12}
_MINUTE, _HOUR, _DAYS = 60.0, 3600.0, 86400.0
_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("%", "percent", "per cent", "percentage points", "percentage point"), ("%", 1.0)),
    **dict.fromkeys(("$", "dollar", "dollars", "us dollars", "bucks", "usd"), ("$", 1.0)),
    **dict.fromkeys(("€", "euro", "euros", "eur"), ("€", 1.0)),
    **dict.fromkeys(("£", "pounds", "gbp"), ("£", 1.0)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), ("s", 0.001)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("s", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("s", _MINUTE)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("s", _HOUR)),
    **dict.fromkeys(("day", "days"), ("s", _DAYS)),
    **dict.fromkeys(("week", "weeks"), ("s", 7 * _DAYS)),
    **dict.fromkeys(("month", "months"), ("s", 365.25 / 12 * _DAYS)),
    **dict.fromkeys(("year", "years"), ("s", 365.25 * _DAYS)),
    **dict.fromkeys(("kb", "kib", "kilobytes", "kilobyte"), ("B", 1e3)),
    **dict.fromkeys(("mb", "mib", "megabytes", "megabyte"), ("B", 1e6)),
    **dict.fromkeys(("gb", "gib", "gigabytes", "gigabyte", "gigs"), ("B", 1e9)),
    **dict.fromkeys(("tb", "tib", "terabytes", "terabyte"), ("B", 1e12)),
}
_MOST_ZEROS = 100  # of a number: a model can write more than a float can hold
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+\b)?(?:(?:\^|\*\*)\d+)?)"
_SCALE = r"(?:[ -]?(?:thousand|million|billion|trillion|bn|mn)\b|[kKMBT]\b| [MBT](?= param| token))"
_UNIT = (
    r"(?:[ ]?%|(?:[ -]?(?:percent(?:age points?)?|per cent|(?:US )?dollars?|bucks|USD|euros?|EUR|pounds|GBP|"
    r"milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|[KMGT]i?B|kB|gigs|"
    r"(?:kilo|mega|giga|tera)bytes?)|[sh]|min)\b)"
)
_CURRENCY = r"(?:(?:US)?\$|[€£]|USD )"
_MEASURE = re.compile(
    rf"(?P<currency>{_CURRENCY}[ ]?)?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?(?P<unit>{_UNIT})?"
    rf"(?:(?: ?- ?| to | and | or )(?P<currency2>{_CURRENCY})?(?P<number2>{_NUMBER})(?P<scale2>{_SCALE})?"
    rf"(?P<unit2>{_UNIT})?"
    r"(?![\w:]))?"
)
_HOURS_MINUTES = re.compile(
    r"(?P<hours>\d+)(?:h(?P<short>[0-5]\d)(?:m|min)?\b"
    r"|(?:[ -]?hours?| ?hrs?| ?h)(?:,? and |,? ?)(?P<minutes>[0-5]?\d)(?:[ -]?minutes?| ?mins?| ?m)\b)"
)
# What looks like a number and states no quantity: times of day, ratios, ordinals, decades, fractions, days a week.
_NO_QUANTITY = re.compile(
    r"\d{1,2}:\d\d\b|\d{1,2} ?[ap]\.?m\b|\d+:\d+\b|\d*(?:1st|2nd|3rd|\dth)\b|\d+'?s\b(?<!\ds(?=ec))|\d{1,2}/\d{1,2}\b"
    r"|24/7|[1-4]-?[dD]\b|4K\b|\d{1,2} o'clock"
)
# Most numbers, told from all that is read before a measure by what follows them. Bounded, because 1,2,3,... is read
# from each of its numbers on.
_PLAIN_NUMBER = re.compile(r"[$€£]|\d++(?:[.,]\d++){0,9}+(?:[%.,;!?)\n]| (?![ahopJFMASOND])|$)")
_LIST_NUMBER = re.compile(r"(?:^|\n)[ \t]*\(?$")

_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_ONE_TO_NINE = "one two three four five six seven eight nine"
_SMALL_WORDS = f"{_ONE_TO_NINE} {_TEENS}"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SPELLED = {word: value for value, word in enumerate(_SMALL_WORDS.split(), start=1)}
SMALL_NUMBERS = frozenset(_SMALL_WORDS.split()[:12])
_SPELLED |= dict(zip(_TENS.split(), range(20, 100, 10), strict=True))
_UP_TO_99 = (
    rf"(?:(?:{_TENS.replace(' ', '|')})(?:[- ](?:{_ONE_TO_NINE.replace(' ', '|')})\b)?"
    rf"|(?:{'|'.join(reversed(_SMALL_WORDS.split()))})\b)"
)
_IN_WORDS = re.compile(
    rf"\b(?P<head>{_UP_TO_99}|an?\b)(?P<hundred>[ -]hundred\b(?:(?: and)? (?P<rest>{_UP_TO_99}))?)?"
    rf"(?P<scale>[ -](?:thousand|million|billion|trillion)\b)?(?P<unit>{_UNIT})?",
    re.IGNORECASE,
)
# Where a number in words may begin: to match all of `_IN_WORDS` at every word costs six times as much.
_MAY_BEGIN = re.compile(r"\b(?:t[ehw]|f[io]|s[ie]|e[il]|ni|one|an?(?=[ -][hmbt]))", re.IGNORECASE)
_WORD_STEMS = (
    "teen",
    "twent",
    "thirt",
    "fort",
    "fift",
    "sixt",
    "sevent",
    "eight",
    "ninet",
    "hundred",
    "thousand",
    "illion",
)

# A token with a capital or a digit, from there on. Both scans begin with a set of characters, which `re` skips to.
_CAPITAL_OR_DIGIT = re.compile(r"[$€£A-Z\d]\S{0,300}")  # bounded: a list without blanks is read again and again
_SUFFIXES = (
    "com|org|net|ai|io|dev|co|edu|gov|app|info|gg|xyz|tv|cloud|chat|tech|py|sh|md|json|jsonl|toml|yaml|yml|txt|csv|cpp|rs|js|ts|html|css|ipynb|cfg|ini|"
    "parquet|safetensors|gguf|onnx|pt|pth|pkl|bin"
)
_INNER_MARK = re.compile(
    rf"[.:_-](?:(?<=\w\.)(?:{_SUFFIXES})\b|(?<=:)//|(?<=[a-z]_)[a-z0-9]|(?<=\s-)-[a-z]|(?<=^-)-[a-z])"
)
_FILE = re.compile(r"[\w./~-]*\w\.[A-Za-z]\w{0,10}$")
_HOSTS = re.compile(
    r"(?:[\w-]+\.)+(?:com|org|net|ai|io|dev|co|edu|gov|app|info|gg|xyz|tv|cloud|chat|tech)(?:[/:]\S*)?$"
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
_CODE_HINTS = (" = ", "def ", "import ", "print(", ">>> ", "\n$ ", "\n    ", "\n\t")

_OPENING = "\"'([{<*_`~#"
_CLOSING = "\"')]}>*_`~,.;:!?"
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"(\[*>`|]|(?:^|\s)(?:-{1,3}|[-*+]|\d{1,3}[.)]))['\"(\[*_]*\s*['\"(\[*_]*$")
# An identifier with a number in it, such as GPT-2 or Llama-3.1-70B, or a word.
_WORD = re.compile(r"(?P<stem>[A-Za-z][A-Za-z.]*)(?P<number>(?:-?\d[\w.]*)+)|[A-Za-z][^\W_]*(?:'[a-z]+)?")
_WORD_REST = re.compile(r"[\w.]*\w")
_MULTIPLIED = re.compile(r"[xX](?!\w{0,30}[a-z]\b(?<!s))")
_SINGLE_NAME = re.compile(r"`[\w./:-]*[A-Za-z][\w./:-]*`$")
_SPACE = re.compile(r"\s")


def without_code(text: str) -> str:
    """The text with code blanked out, so that everything else keeps its place."""
    if "`" in text:
        text = _FENCE.sub(_blank, text)
        text = _INLINE_CODE.sub(_blank_calculation, text)
    if any(map(text.__contains__, _CODE_HINTS)):
        text = _CODE_LINE.sub(_blank, text)
    return text


_NONE_SETTLED: Mapping[str, Term | None] = MappingProxyType({})


def read_facts(text: str, settled: Mapping[str, Term | None] = _NONE_SETTLED) -> Iterator[Fact]:
    """The facts of a text that `without_code` has passed, not in order.

    `settled`: tokens with the one term each is, or None for no fact; they are not read again.
    """
    marked = list(_read_marked(text))
    yield from (term for _, _, term in marked)
    taken = deque((start, end) for start, end, _ in marked)
    done = 0
    while hit := _CAPITAL_OR_DIGIT.search(text, done):
        start, end = hit.span()
        while taken and taken[0][1] <= start:
            taken.popleft()
        is_inner = start > done and text[start - 1].isalnum()
        if hit[0] in settled and not is_inner:
            if term := settled[hit[0]]:
                yield term
            done = end
        elif taken and taken[0][0] <= start:
            done = end
        elif is_inner or not (found := _read_number(text, start) or _read_month(text, start)):
            yield from _read_words(text, _begin_of_token(text, start, done), end)
            done = end
        else:
            done, facts = found
            yield from facts
    if any(map(text.__contains__, _WORD_STEMS)):
        yield from read_spelled(text)


def read_spelled(text: str) -> Iterator[Measure]:
    """The quantities written in words, the small ones too; "a hundred" only with a unit."""
    for match in _find_spelled(text):
        head = match["head"].lower()
        unit = _unit(match["unit"])
        is_article = head in {"a", "an"}
        if is_article and not (unit[0] and (match["hundred"] or match["scale"])):
            continue
        value = 1.0 if is_article else _spelled_value(head)
        if match["hundred"]:
            value = value * 100 + _spelled_value(match["rest"])
        scale = _SCALES[match["scale"][1:].lower()] if match["scale"] else 1.0
        step = _step(f"{value:.0f}") * scale * unit[1]
        yield Measure(match[0], match.start(), value * scale * unit[1], step, unit[0], is_spelled=True)


def _find_spelled(text: str) -> Iterator[re.Match[str]]:
    done = 0
    for start in _MAY_BEGIN.finditer(text):
        if start.start() >= done and (match := _IN_WORDS.match(text, start.start())):
            done = match.end()
            yield match


def squeeze(text: str) -> str:
    """Letters and digits alone, so that GPT-2, gpt2 and "GPT 2" are one."""
    return (text if text.isalnum() else "".join(filter(str.isalnum, text))).casefold()


def normalize_address(text: str) -> str:
    text = text.casefold()
    text = text.split("://", 1)[-1].removeprefix("www.")
    return text.rstrip("/").removesuffix(".git")


def _read_marked(text: str) -> Iterator[tuple[int, int, Term]]:
    """The tokens with a mark inside that makes them one term, and where they begin and end."""
    end = 0
    for mark in _INNER_MARK.finditer(text):
        if mark.start() >= end:
            start = _begin_of_token(text, mark.start(), end)
            space = _SPACE.search(text, mark.start())
            end = space.start() if space else len(text)
            if term := _read_token(text, start, end):
                yield start, end, term


def _read_token(text: str, start: int, end: int) -> Term | None:
    """The address, file name, flag or name with underscores in a token; None for an e-mail address or prose."""
    word = text[start:end].strip(_OPENING + _CLOSING)
    start = text.index(word, start) if word else start
    if "@" in word or not word:
        return None
    if "://" in word or _HOSTS.match(word):
        return Term(word, start, "url", normalize_address(word))
    if word.startswith("--"):
        return Term(word, start, "identifier", word.split("=")[0])
    if _FILE.match(word) or "_" in word:
        return Term(word, start, "identifier", word.casefold().removesuffix("'s").lstrip("./"))
    return None


def _read_words(text: str, start: int, end: int) -> Iterator[Fact]:
    for match in _WORD.finditer(text, start, end):
        place = match.start()
        if number := match["number"]:
            # In "top-50" or "mid-2025" the number is a number; in GPT-2 and d24 it is part of a name.
            if number[0] == "-" and match["stem"].islower() and len(match["stem"]) > 2:  # noqa: PLR2004
                found = _read_number(text, match.start("number") + 1)
                yield from found[1] if found else ()
            else:
                word = match[0].rstrip(".")
                yield Term(word, place, "identifier", squeeze(word))
            continue
        word = match[0].split("'")[0]
        if len(word) < 2 or word.islower():  # noqa: PLR2004
            continue
        singular = word.removesuffix("s")
        if singular.isupper():
            yield Term(word, place, "acronym", singular.casefold())
        elif word[1:].islower():
            opens = _SENTENCE_START.search(text, max(place - 12, 0), place) is not None
            yield Term(word, place, "name", word.casefold(), opens)
        else:
            yield Term(word, place, "identifier", word.casefold())


def _read_month(text: str, start: int) -> tuple[int, Sequence[Fact]] | None:
    match = _MONTH_FIRST.match(text, start) if text[start] in _MONTH_CAPITALS else None
    if not match or not (match["day"] or match["year"]):
        return None
    year = int(match["year"]) if match["year"] else None
    months = [_month(each) for each in (match["month"], match["other"]) if each]
    day = _day(match["day"])
    return match.end(), [Date(match[0], start, year, month, day, _day(match["last"])) for month in months]


def _read_number(text: str, start: int) -> tuple[int, Sequence[Fact]] | None:
    """Where the number at `start` ends and what it states; None when there is none."""
    if text[start].isalpha():
        return None
    if _PLAIN_NUMBER.match(text, start):
        return _read_measure(text, start)
    if found := _read_day(text, start):
        return found
    if match := _NO_QUANTITY.match(text, start):
        return match.end(), ()
    if match := _HOURS_MINUTES.match(text, start):
        seconds = float(match["hours"]) * _HOUR + float(match["short"] or match["minutes"]) * _MINUTE
        return match.end(), [Measure(match[0], start, seconds, _MINUTE, "s")]
    return _read_measure(text, start)


def _read_day(text: str, start: int) -> tuple[int, Sequence[Fact]] | None:
    if match := _ISO.match(text, start):
        return match.end(), [Date(match[0], start, int(match["year"]), int(match["month"]), int(match["day"]))]
    if match := _DAY_FIRST.match(text, start):
        year = int(match["year"]) if match["year"] else None
        return match.end(), [Date(match[0], start, year, _month(match["month"]), _day(match["day"]))]
    return None


def _read_measure(text: str, start: int) -> tuple[int, Sequence[Fact]]:
    match = _MEASURE.match(text, start)
    if match is None:
        return start + 1, ()
    if text[match.end() : match.end() + 2] in {". ", ") "} and _LIST_NUMBER.search(text, max(start - 8, 0), start):
        return match.end(), ()
    end = match.end()
    if times := _MULTIPLIED.match(text, end):
        end = times.end()
    elif text[end : end + 1].isalpha():  # 4090Ti, 7Bx: a name of its own
        word = _WORD_REST.match(text, start)
        return (word.end(), [Term(word[0], start, "identifier", squeeze(word[0]))]) if word else (end, ())
    return end, _read_range(match)


def _read_range(match: re.Match[str]) -> list[Measure]:
    """One measure, or the two ends of a range, each with the unit and scale that stand at only one of them."""
    currency, number, scale, unit = match["currency"], match["number"], match["scale"], match["unit"]
    if not match["number2"]:
        return [_measure(match[0], match.start(), number, scale, unit or currency)]
    currency2, scale2, unit2 = match["currency2"], match["scale2"], match["unit2"]
    first_unit, first_scale = unit or currency, scale
    if not scale and not first_unit and not (len(number) == len("2025") and number.isdigit()):
        first_unit = unit2 or currency2
    if not scale and not unit and scale2 and float(number.replace(",", "").split("^")[0].split("*")[0]) < 1000:  # noqa: PLR2004
        first_scale = scale2
    split = match.start("currency2") if currency2 else match.start("number2")
    first = match.string[match.start() : max(match.end("number"), match.end("scale"), match.end("unit"))]
    return [
        _measure(first, match.start(), number, first_scale, first_unit),
        _measure(match.string[split : match.end()], split, match["number2"], scale2, unit2 or currency2 or currency),
    ]


def _measure(text: str, start: int, number: str, scale: str | None, unit: str | None) -> Measure:
    plain = number.replace(",", "")
    base, power = re.split(r"\^|\*\*", plain) if "^" in plain or "**" in plain else (plain, "1")
    factor = _SCALES[scale.strip(" -").lower()] if scale else 1.0
    name, in_base_unit = _unit(unit)
    factor *= in_base_unit
    if power != "1":
        return Measure(text, start, min(float(base), 1e3) ** min(float(power), _MOST_ZEROS) * factor, factor, name)
    return Measure(text, start, float(base) * factor, _step(base) * factor, name)


def _step(number: str) -> float:
    """One in the last place that counts: 0.01 of 3.04, 1000 of 43000, 1 of 7."""
    if "e" in number:
        mantissa, exponent = number.split("e")
        return float(_step(mantissa) * 10.0 ** min(float(exponent), _MOST_ZEROS))
    if "." in number:
        return float(10.0 ** -len(number.split(".")[1]))
    zeros = len(number) - len(number.rstrip("0"))
    return float(10.0 ** min(zeros, _MOST_ZEROS)) if number.strip("0") else 1.0


def _unit(spelling: str | None) -> tuple[str, float]:
    if not spelling:
        return "", 1.0
    spelling = spelling.strip(" -").casefold()
    return _UNITS.get(spelling) or _UNITS["$" if "$" in spelling else spelling]


def _spelled_value(words: str | None) -> float:
    return float(sum(_SPELLED[word] for word in re.split(r"[- ]", words.lower()))) if words else 0.0


def _month(word: str) -> int:
    return _MONTHS.index(word[:3].casefold()) + 1


def _day(word: str | None) -> int | None:
    return int(word.rstrip("sthndr")) if word else None


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"\S", " ", match[0])


def _blank_calculation(match: re.Match[str]) -> str:
    """A name between backticks is a name all the same."""
    return match[0].replace("`", " ") if _SINGLE_NAME.match(match[0]) else _blank(match)


def _begin_of_token(text: str, place: int, least: int) -> int:
    """Where the stretch without white space around a place begins, or `least`, before which nothing is looked at."""
    return (
        max(least - 1, text.rfind(" ", least, place), text.rfind("\n", least, place), text.rfind("\t", least, place))
        + 1
    )
