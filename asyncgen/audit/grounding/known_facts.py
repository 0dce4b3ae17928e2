"""What some texts state: the knowledge base, or what a user says, to be asked whether they state a fact too."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from asyncgen.audit.grounding.counted_things import CountedThings
from asyncgen.audit.grounding.derivations import Derivations
from asyncgen.audit.grounding.reckoning import CLOSE, EPSILON, MOST_TIMES
from asyncgen.audit.grounding.statements import YEAR, read_articles
from asyncgen.audit.reading.facts import (
    CURRENCIES,
    NAME_OF_UNIT,
    Date,
    Fact,
    Measure,
    Term,
    Time,
    lengths_of,
    read_facts,
    read_small,
    squeeze,
    with_decimal_points,
)
from asyncgen.audit.reading.language import any_phrase, find_language, listed, table_of, tables
from asyncgen.audit.reading.names import fold
from asyncgen.audit.reading.number_words import SMALL_WORDS, find_beginnings, find_numbers
from asyncgen.audit.reading.phrases import lowered
from asyncgen.audit.reading.words import split_words
from asyncgen.recipe.fold import fold_to_ascii

_RESERVED = re.compile(r"(?:[\w-]+\.)*example\.(?:com|org|net)\b|localhost\b")  # nobody's, by RFC 2606
_GROUPED = re.compile(r"(?<!\S)\+?\d{2,}(?:(?:[ /-]{1,3}\d{2,})+|(?:\.\d{2,}){3,})")
_WRITTEN = re.compile(r"\d[\d.,:]*")
_NO_DIGIT, _LONG = re.compile(r"\D"), 5
_LONGEST_GROUPED = 24  # characters
_HALF_DAY = 720  # minutes
_NAMED_TIMES: Mapping[str, int] = {
    name: minute for table in tables("times") for name, minute in table.get("named", {}).items()
}
_DISTINCT_DIGITS = 3  # a number with so many digits that count is known under any unit
_THOUSAND = 1000  # a shorter number may leave out its unit
_SHARE = "%/100"  # the unit under which 0.2219 is also 22.19%
_BARE = "bare"  # the unit under which every figure stands as it is written
_HEDGED = 0.15  # the share by which rounding may move a figure with an "about" before it
_FEW = 12  # counts up to here stand anywhere
_ROUNDED = 100  # a smaller count or amount of money is meant as it stands
_TO_THE_UNIT = {"": 0.5, **dict.fromkeys(CURRENCIES, 0.1)}  # $5 may stand for $4.95
_DAY, _BOTH_DAYS = 86400.0, "counts-both-days"
_WEEKS = (7 * _DAY, 14 * _DAY)
_YEARS = frozenset(range(1900, 2100))
_SUMS_UP = re.compile(rf"(?:{any_phrase('grounding', 'sums-up').pattern})\s*$", re.IGNORECASE)
_ABOUT, _OVER, _UNDER = (
    re.compile(f"(?:{any_phrase('grounding', key).pattern}){behind}", re.IGNORECASE)
    for key, behind in (("about", r"\.?\s*$|~\s*$"), ("over", r"\s*$"), ("under", r"\s*$"))
)
_HEDGE_REACH = 18  # characters before a figure
_WRAPPED = re.compile(r"(?<=[^\n|])\n(?=[^\W\d_]|\d[\d.,:]*\s)")  # a line that goes on
_WORDS = re.compile(r"[^\W_]+")
_FIGURE = re.compile(r"\d+(?:\.\d+)?(?![\d,])")
_FIGURES = re.compile(r"\d[\d.,]*")
_WRITTEN_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_NAMED_NUMBER = re.compile(r"([A-Za-z][A-Za-z0-9]{0,40})[ -](?:of )?(\d+(?:\.\d+)?)\b")
# What a figure counts; an age and a temperature say so by their sign.
# Between figures of which only the last has its unit: "110 by 68 by 21 cm", "8 and 12 weeks".
_SHARES_UNIT = re.compile(rf" ?(?:{'|'.join(sorted(listed('unit-words', 'between')))}|[/x\u00d7&]) ?|, ")
_UNIT_IN_WORDS = re.compile(rf" ?(?:[^\W\d_]+ |[^\W\d_]{{3,20}}?)(?P<unit>{NAME_OF_UNIT})\b")  # "38 Unterrichtswochen"
_COUNTED = re.compile(
    rf"(?:[ -](?P<word>[^\W\d_]{{3,}})| ?°| (?P<age>{any_phrase('grounding', 'of-an-age').pattern}))", re.IGNORECASE
)
_CURRENCY_SIGNS = re.compile(r"[$€£]")
_PRICES = re.compile(rf"\b\w*(?:{'|'.join(sorted(listed('unit-words', 'prices')))})\b", re.IGNORECASE)  # head a column
_BARE_CELL = re.compile(r"\s*\d[\d.,\u00a0\u202f ]*\s*")
_UNCOUNTED = frozenset(map(fold, listed("grounding", "uncounted")))


def with_column_units(paragraph: str, prevailing: str) -> str:
    """A table whose bare figures have the currency that heads their column: its sign, else the prevailing one."""
    lines = paragraph.split("\n")
    first = next((place for place, line in enumerate(lines) if line.startswith("|")), len(lines))
    signs = [_sign_of_column(head, prevailing) for head in lines[first].split("|")] if first < len(lines) else []
    if not any(signs):
        return paragraph
    for place, line in enumerate(lines[first + 1 :], first + 1):
        cells = line.split("|")
        for column, (sign, cell) in enumerate(zip(signs, cells, strict=False)):
            if sign and _BARE_CELL.fullmatch(cell):
                cells[column] = f" {sign}{cell.strip()} " if sign == "$" else f"{cell.rstrip()} {sign} "
        lines[place] = "|".join(cells)
    return "\n".join(lines)


def _sign_of_column(head: str, prevailing: str) -> str:
    if "%" in head:
        return ""
    sign = _CURRENCY_SIGNS.search(head)
    return sign[0] if sign else prevailing if _PRICES.search(head) else ""


class KnownFacts:
    """What some texts state, to be asked whether they state a fact too."""

    language: str | None = None  # of the last text

    def __init__(self, texts: Iterable[str], derivations: Derivations | None = None) -> None:
        self.terms: set[str] = set()
        self.names: set[str] = set()  # of which there may be versions
        self.numbered: set[str] = set()  # names that stand with a number
        self._addresses: list[str] = []
        self._written: set[str] = set()  # the figures, dates and times as their digits stand
        self._grouped: list[str] = []  # long numbers, such as those of telephones
        self._dates: set[tuple[int | None, int, int | None]] = set()
        self._bare: set[float] = set()  # figures that leave to the words before what they count
        self._minutes: set[int] = set()  # of the day
        self._years: set[int] = set()
        self._values: dict[str, list[float]] = {}
        self.measures: list[Measure] = []
        self.things = CountedThings()
        self.singles: set[object] = set()  # an hour, eine Woche
        for text in texts:
            self.language = find_language(split_words(text))
            currency = _CURRENCY_SIGNS.findall(text) if "|" in text else ()
            prevailing = max(currency, key=currency.count, default="")
            paragraphs = text.split("\n\n")
            for paragraph in paragraphs:
                language = self.language
                if len(paragraphs) > 1:
                    language = find_language(split_words(paragraph)) or language
                unwrapped = _WRAPPED.sub(" ", with_column_units(paragraph, prevailing))
                plain = with_decimal_points(unwrapped, language)
                self._add(plain, language)
                if derivations is not None:
                    derivations.add_paragraph(plain, language)
                    self._add_counts(plain, language)
        for values in self._values.values():
            values.sort()
        self._addresses.sort()

    def knows(self, fact: Fact, hedge: str = "", *, is_bare: bool = True) -> bool:
        match fact:
            case Term():
                return self.knows_term(fact)
            case Date():
                return self.knows_date(fact)
            case Time():
                later = (fact.minute + _HALF_DAY) % (2 * _HALF_DAY)
                is_known = fact.minute in self._minutes or (fact.is_half_told and later in self._minutes)
                return is_known or (fact.length is not None and self.knows_measure(fact.length, hedge, is_bare=False))
            case Measure():
                return self.knows_measure(fact, hedge, is_bare=is_bare) or self.knows_digits(fact)

    def add(self, others: Self) -> None:
        """What others state, as if it had read their texts itself."""
        self.terms |= others.terms
        self.names |= others.names
        self.numbered |= others.numbered
        self._addresses = sorted({*self._addresses, *others._addresses})
        self._written |= others._written
        self._grouped += others._grouped
        self._dates |= others._dates
        self._bare |= others._bare
        self._minutes |= others._minutes
        self._years |= others._years
        for unit, values in others._values.items():
            self._values[unit] = sorted([*self._values.get(unit, ()), *values])
        self.measures += others.measures

    def add_names(self, texts: Iterable[str]) -> None:
        """What these texts name may be named; their figures are not taken over."""
        others = KnownFacts(texts)
        self.terms |= others.terms
        self._addresses = sorted({*self._addresses, *others._addresses})

    def knows_term(self, term: Term) -> bool:
        key = term.key
        if term.kind != "url":
            forms = (key, key.removesuffix("s"), f"{key}s" if len(key) > _LONG else key)
            return any(map(self.terms.__contains__, forms))
        return bool(_RESERVED.match(key)) or self._has_address(key) or self._has_address(key + "/", whole=False)

    def _has_address(self, beginning: str, *, whole: bool = True) -> bool:
        place = bisect_left(self._addresses, beginning)
        first = self._addresses[place] if place < len(self._addresses) else ""
        return first == beginning if whole else first.startswith(beginning)

    def knows_date(self, date: Date) -> bool:
        days = [date.day] if date.last_day is None else [date.day, date.last_day]
        return all(
            (date.year, date.month, day) in self._dates
            or ((None, date.month, day) in self._dates and date.year in self._years)
            for day in days
        )

    def knows_century(self, century: int) -> bool:
        """Whether the texts hold a year of it."""
        years = range(100 * (century - 1) + 1, 100 * century + 1)
        return not self._years.isdisjoint(years) or not self._bare.isdisjoint(years)

    def has_name(self, beginning: str) -> bool:
        """Whether a name begins so, of which it may be short."""
        return any(each.startswith(beginning) for each in self.names)

    def has_beginning(self, fact: Fact) -> bool:
        """Whether something that the texts hold begins so."""
        if isinstance(fact, Term):
            return any(each.startswith(fact.key) for each in self.terms)
        digits = fact.text.lstrip("$€£ ")
        return digits[:1].isdigit() and any(each.startswith(digits) for each in self._written)

    def knows_digits(self, measure: Measure, prose: str = "") -> bool:
        """Whether a long number stands there in other groups: 01349 220 118. `prose`: of which it may be one group."""
        text = measure.text
        if not (measure.is_spelled or measure.unit) and self._grouped:
            least, most = max(measure.start - _LONGEST_GROUPED, 0), measure.start + _LONGEST_GROUPED
            groups = _GROUPED.finditer(prose, least, most)
            text = next((each[0] for each in groups if each.start() <= measure.start < each.end()), text)
        digits = _NO_DIGIT.sub("", text)
        return len(digits) >= _LONG and any(digits in each for each in self._grouped)

    def knows_measure(self, measure: Measure, hedge: str = "", *, is_bare: bool = True) -> bool:
        """Whether the texts hold the value, with its unit, at the precision in which the measure gives it.

        `is_bare`: whether nothing behind it says what it counts, so that it may have left out its unit.
        """
        if measure.unit == "s" and (count := _count_of(measure)) > _FEW and count in self._bare:
            return True  # "7 days, on Business 90"
        if not measure.unit and measure.value in self._years:
            return True
        low, high = _tolerance(measure, hedge)
        units: Iterable[str] = (measure.unit,)
        if not measure.unit and is_bare:
            is_short = measure.value < _THOUSAND or measure.is_spelled
            units = ("", _BARE) if is_short or _distinct_digits(measure) >= _DISTINCT_DIGITS else units
        elif measure.unit == "%" and _distinct_digits(measure) >= _DISTINCT_DIGITS:
            units = ("%", _SHARE)
        if any(self._has(unit, low, high) for unit in units):
            return True
        is_long = _distinct_digits(measure) >= _DISTINCT_DIGITS and len(_FIGURES.findall(measure.text)) == 1
        size = size_of_unit(measure) if measure.unit and is_long else 0.0
        low, high = _tolerance(measure, "")
        return bool(size) and self._has("", low / size, high / size)  # "--memory MB, 512 by default"

    def knows_age(self, years: float) -> bool:
        """Whether the texts hold so many years."""
        return self._has("s", years * YEAR * (1 - EPSILON), years * YEAR * (1 + EPSILON))

    def counts_as(self, fact: Fact) -> bool:
        """Whether a bare number may be this, with what it counts: "she is 9" are years, "at 7" is a time of day."""
        if isinstance(fact, Time):
            hour = fact.minute / 60
            return not self._bare.isdisjoint((hour, hour - _HALF_DAY / 60))
        return isinstance(fact, Measure) and fact.unit == "s" and _count_of(fact) in self._bare

    def knows_multiple(self, measure: Measure, operands: Iterable[Measure]) -> bool:
        """Whether it is exactly so many times a figure of the texts as one of the operands counts: ten tickets."""
        counts = {count for each in operands if 1 < (count := _count_of(each)) <= MOST_TIMES}
        low, high = measure.value * (1 - EPSILON), measure.value * (1 + EPSILON)
        return any(self._has(measure.unit, low / count, high / count) for count in counts)

    def _has(self, unit: str, low: float, high: float) -> bool:
        values = self._values.get(unit, ())
        place = bisect_left(values, low)
        return place < len(values) and values[place] <= high

    def _add(self, text: str, language: str | None) -> None:
        self._add_words(text)
        self._written.update(_WRITTEN.findall(text))
        self._grouped += [_NO_DIGIT.sub("", each) for each in _GROUPED.findall(text)]
        for name, number in _NAMED_NUMBER.findall(text):
            self.numbered.add(fold(name))
            self.terms.add(squeeze(name + number))
            self.terms.add(fold(name[0]) + number)  # "depth 6" is d6
        places = find_beginnings(lowered(text), SMALL_WORDS) if "-" in text else ()
        small = filter(None, (read_small(text, place) for place in places))  # a five-minute walk
        facts = [*read_facts(text, language, small_alone=True), *small]
        facts += lengths_of(facts)
        self._minutes.update(minute for name, minute in _NAMED_TIMES.items() if name in lowered(text))
        by_24_hours = any(isinstance(each, Time) and _is_of_24_hours(each) for each in facts)
        for fact in facts:
            if isinstance(fact, Measure):
                is_alone = not fact.unit and is_bare(text, fact)
                if not fact.unit and fact.value in _YEARS:
                    self._years.add(int(fact.value))
                if is_alone:
                    self._bare.add(fact.value)
                if is_alone and fact.value in _YEARS and fact.text.isdecimal():
                    self.measures.append(fact)  # no count is rounded to a year
                else:
                    self._add_measure(fact)
            elif isinstance(fact, Date):
                self._add_date(fact)
            elif isinstance(fact, Time):
                self._minutes.add(fact.minute)
                if fact.is_half_told and not by_24_hours:
                    self._minutes.add((fact.minute + _HALF_DAY) % (2 * _HALF_DAY))
            else:
                self._add_term(fact)
        self._add_shared_units(text, [each for each in facts if isinstance(each, Measure)])

    def _add_counts(self, text: str, language: str | None) -> None:
        """What only a knowledge base is asked for: how many it counts of a thing, and what it has of one unit."""
        facts = read_facts(text, language, small_alone=True)
        self.things.add(text, (each for each in facts if isinstance(each, Measure)))
        self.singles.update(each.identity for each in read_articles(text))

    def _add_shared_units(self, text: str, measures: Sequence[Measure]) -> None:
        """The bare figures once more with the unit of the one behind them, or of a word that ends in one."""
        unit, behind = "", 0.0  # of the next figure, and how much one of it is
        following: Measure | None = None
        for each in sorted(measures, key=lambda each: each.start, reverse=True):
            end = each.start + len(each.text)
            if each.unit:
                unit, behind = each.unit, size_of_unit(each)
            elif following is None or not behind or not _SHARES_UNIT.fullmatch(text, end, following.start):
                behind = 0.0
                if worded := _UNIT_IN_WORDS.match(text, end):
                    named = next(iter(read_facts(f"1 {worded['unit']}")), None)
                    unit, behind = (named.unit, named.value) if isinstance(named, Measure) else ("", 0.0)
            if behind and not each.unit and each.value not in _YEARS:
                self._values.setdefault(unit, []).append(each.value * behind)
            following = each

    def _add_words(self, text: str) -> None:
        folded = fold(text)
        self.terms.update(_WORDS.findall(folded))
        if not text.isascii():
            self.terms.update(fold_to_ascii(each).casefold() for each in _WORDS.findall(text) if not each.isascii())
        tokens = {each.strip("\"'()[]{}<>*`~,.;:!?") for each in folded.split()}
        self.terms |= tokens
        for token in tokens:
            if not token.isalnum():  # nearly all are: without marks all of its forms are one
                self.terms |= {squeeze(token), token.rsplit("/", 1)[-1], *map(squeeze, token.split("-"))}

    def _add_measure(self, measure: Measure) -> None:
        self.measures.append(measure)
        self._values.setdefault(measure.unit, []).append(measure.value)
        if measure.unit == "s" and measure.value in _WEEKS and table_of(self.language, "unit-words").get(_BOTH_DAYS):
            self._values["s"].append(measure.value + _DAY)
        if measure.unit in CURRENCIES:
            self._values.setdefault("ct", []).append(100 * measure.value)
        elif measure.unit == "ct":
            for currency in CURRENCIES:
                self._values.setdefault(currency, []).append(measure.value / 100)
        if size := size_of_unit(measure):
            self._values.setdefault(_BARE, []).append(measure.value / size)  # "3.04 hours, and 2.91 for the second"
        if measure.unit == "" and measure.value < 1 and _distinct_digits(measure) >= _DISTINCT_DIGITS:
            self._values.setdefault(_SHARE, []).append(measure.value * 100)

    def _add_date(self, date: Date) -> None:
        days: Iterable[int | None] = (date.day,)
        if date.day and date.last_day:
            days = range(date.day, date.last_day + 1)
        for day in days:
            self._dates |= {(date.year, date.month, day), (None, date.month, day), (date.year, date.month, None)}
        if date.year:
            self._years.add(date.year)

    def _add_term(self, term: Term) -> None:
        self.terms.add(term.key)
        if term.kind == "url":
            self._addresses.append(term.key)
        elif "@" in term.key:
            self._addresses.append(term.key.partition("@")[2])
        elif term.kind == "name" and not term.opens:
            self.names.add(term.key)
        elif term.kind == "identifier" and (number := re.search(r"\d{1,6}$", term.key)):
            self.names.add(term.key[: number.start()])
            self._values.setdefault("", []).append(float(number[0]))  # a d32 has 32 layers


def _is_of_24_hours(time: Time) -> bool:
    """Whether it can only be meant by a clock of 24 hours, as are those beside it then."""
    return time.minute > _HALF_DAY and not (time.is_half_told or time.text[-1:] in "mM.")


def _tolerance(measure: Measure, hedge: str) -> tuple[float, float]:
    """The values that a figure may stand for: what rounds to it, and no more than its wording excuses."""
    value, half = measure.value, measure.step / 2
    slack = value * EPSILON
    if hedge == "over":
        return value - slack, value + measure.step
    if hedge == "under":
        return value - measure.step, value + slack
    is_small = value < (_THOUSAND if measure.unit in CURRENCIES else _ROUNDED)
    if not hedge and is_small and value == int(value) and measure.unit in _TO_THE_UNIT:
        half = _TO_THE_UNIT[measure.unit]
        return value - half, value + half
    allowed = value * (_HEDGED if hedge else CLOSE)
    if hedge and value % (5 * measure.step / 10 if measure.step > 1 else 5) == 0:
        half = max(half, value * 0.03)  # "about $75" for $73
    half = min(half, allowed)
    return value - half - slack, value + half + slack


def hedge_of(prose: str, measure: Measure) -> str:
    before = prose[max(measure.start - _HEDGE_REACH, 0) : measure.start]
    if _OVER.search(before):
        return "over"
    if _ABOUT.search(before):
        return "about"
    return "under" if _UNDER.search(before) and not _SUMS_UP.search(before) else ""


def _distinct_digits(measure: Measure) -> int:
    digits = re.sub(r"[^\d.]", "", measure.text).lstrip("0.")
    if "." not in digits:
        digits = digits.rstrip("0")
    return len(digits.replace(".", ""))


def size_of_unit(measure: Measure) -> float:
    """How much one of its unit is: 1000 of 5 kW; 0 where that cannot be told."""
    if measure.is_spelled:
        spelled = next((value for _, _, value in find_numbers(measure.text)), 0.0)
        return measure.value / spelled if spelled else measure.step
    number = _WRITTEN_NUMBER.search(measure.text)
    written = float(number[0].replace(",", "")) if number else 0.0
    return measure.value / written if written else 0.0


def _count_of(measure: Measure) -> float:
    """What a figure counts: things, or hours and days, which an amount may be paid for; 0 for anything else."""
    if measure.unit == "":
        return measure.value
    if measure.unit == "s" and (number := _FIGURE.search(measure.text)):
        return float(number[0]) if len(_FIGURES.findall(measure.text)) == 1 else 0.0  # "2 h 30" counts no hours
    return next((value for _, _, value in find_numbers(measure.text)), 0.0) if measure.unit == "s" else 0.0


def is_age(prose: str, measure: Measure) -> bool:
    """Whether a bare figure counts the years of somebody: "14 or older"."""
    counted = _COUNTED.match(prose, measure.start + len(measure.text))
    return measure.unit == "" and counted is not None and counted["age"] is not None


def is_bare(prose: str, measure: Measure) -> bool:
    """Whether no word behind a figure says what it counts."""
    counted = _COUNTED.match(prose, measure.start + len(measure.text))
    return counted is None or (counted["word"] is not None and fold(counted["word"]) in _UNCOUNTED)
