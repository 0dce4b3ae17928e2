"""Grounding: which facts an assistant states that neither the knowledge base nor the user has given it.

A lint, not a judge: it compares facts one by one, without their sentences, so a true figure in a false sentence passes.
It would rather miss an invention than cry at a good answer: small counts, ordinals, sums on the user's numbers, stories
and common names are let through, and a figure that follows from two others is a note of its own.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, permutations

import msgspec

from asyncgen.audit.facts import (
    Date,
    Fact,
    Measure,
    Term,
    Time,
    is_month,
    read_facts,
    read_spelled,
    squeeze,
    with_decimal_points,
    without_code,
)
from asyncgen.audit.language import any_phrase, find_language
from asyncgen.audit.names import COMMON_NAMES, fold
from asyncgen.audit.number_words import is_small
from asyncgen.audit.rules import Finding, Subject, excerpt
from asyncgen.audit.words import split_words
from asyncgen.recipe.fold import fold_to_ascii

NO_SCENARIO = ""  # the topic of lines without one

_HALF_DAY = 720  # minutes
_SMALL = 12  # counts up to here are part of the language
_DISTINCT_DIGITS = 3  # a number with so many digits that count is known under any unit
_THOUSAND = 1000  # a shorter number may leave out its unit
_SHARE = "%/100"  # the unit under which 0.2219 is also 22.19%
_BARE = "bare"  # the unit under which every figure stands as it is written
_CLOSE = 0.05  # the share by which rounding may move a figure that is given as it were exact
_HEDGED = 0.15  # and one with an "about" before it
_OPERANDS = 12
_SETTLED_MAX = 100_000
_ANSWERS_KEPT = 1 << 14  # some 10 MB
_EPSILON = 1e-9
_MOST_TIMES = 60
_YEARS = range(1900, 2100)
_CALENDAR = {(7.0, ""), (12.0, ""), (100.0, "%")}  # days, months, and all of it
_EVERYDAY = {("s", each) for each in (1.0, 60.0, 3600.0, 86400.0, 7 * 86400.0)} | {("%", 100.0), ("%", 0.0)}


def _said(key: str, before: str = "", behind: str = "") -> re.Pattern[str]:
    """One of the phrases of that kind, in any language."""
    return re.compile(f"(?:{before})(?:{any_phrase('grounding', key).pattern}){behind}", re.IGNORECASE)


_ABOUT = re.compile(_said("about").pattern + r"\.?\s*$|~\s*$", re.IGNORECASE)
_OVER, _UNDER = _said("over", behind=r"\s*$"), _said("under", behind=r"\s*$")
_HEDGE_REACH = 18  # characters before a figure
_HEADING_REACH = 200  # characters of a heading or a name of several words
_OPERATOR = _said("operators").pattern
_OPERATOR_BEFORE = re.compile(rf"(?:[+*/=^]|\bx|{_OPERATOR}|[^\s\w]-|\d -)\s*\(?\$?$", re.IGNORECASE)
_OPERATOR_AFTER = re.compile(rf"\)?\s*(?:[+*/=^]|x \d|- \d|-\d|{_OPERATOR} \$?\d|(?:equals|ergibt)\b)", re.IGNORECASE)
_SUPPOSED = _said("supposed", behind="[^.!?]*$")
_CREATIVE, _TRUE_STORY = _said("creative"), _said("true-story")
_EXERCISE = re.compile(
    rf"\d ?(?:[-+*/x^]|{_OPERATOR}) ?\$?\d|(?:\d|%) ?(?:%|percent) of \$?\d|{_said('calculate').pattern}", re.IGNORECASE
)
_WORD_PROBLEM = re.compile(rf"(?P<digit>\d)|[.?,]|(?P<asks>{_said('how-many').pattern})", re.IGNORECASE)
_WRAPPED = re.compile(r"(?<=[^\n|])\n(?=[^\W\d_]|\d[\d.,:]*\s)")  # a line that goes on
_WORDS = re.compile(r"[^\W_]+")
_FIGURE = re.compile(r"\d+(?:\.\d+)?(?![\d,])")
_NAMED_NUMBER = re.compile(r"([A-Za-z][A-Za-z0-9]{0,40})[ -](?:of )?(\d+(?:\.\d+)?)\b")
_NAME_BEFORE = re.compile(r"\b([A-Z][A-Za-z]*) $")
_CAPITALISED = re.compile(r"(?:[A-Z][\w'-]*\s+)*$"), re.compile(r"(?:\s+[A-Z][\w'-]*)*")


class TopicGrounding(msgspec.Struct, kw_only=True):
    """`lines`: with an ungrounded fact. The others count facts, each once in a message."""

    conversations: int = 0
    lines: int = 0
    checked: int = 0
    ungrounded: int = 0
    derived: int = 0


class GroundingResult(msgspec.Struct, frozen=True, kw_only=True):
    """Facts in assistant turns: looked at, ungrounded, and derived. `by_topic`: by the value of the first dimension."""

    checked: int
    ungrounded: int
    derived: int
    by_topic: Mapping[str, TopicGrounding]


class KnownFacts:
    """What some texts state, to be asked whether they state a fact too."""

    language: str | None = None  # of the last text

    def __init__(self, texts: Iterable[str]) -> None:
        self.terms: set[str] = set()
        self.names: set[str] = set()  # of which there may be versions
        self._addresses: list[str] = []
        self._dates: set[tuple[int | None, int, int | None]] = set()
        self._minutes: set[int] = set()  # of the day
        self._years: set[int] = set()
        self._values: dict[str, list[float]] = {}
        self.measures: list[Measure] = []
        for text in texts:
            self.language = find_language(split_words(text))
            for paragraph in text.split("\n\n"):
                language = find_language(split_words(paragraph)) or self.language
                unwrapped = _WRAPPED.sub(" ", paragraph)
                self._add(with_decimal_points(unwrapped, language), language)
        for values in self._values.values():
            values.sort()
        self._addresses.sort()

    def knows(self, fact: Fact, hedge: str = "") -> bool:
        match fact:
            case Term():
                return self.knows_term(fact)
            case Date():
                return self.knows_date(fact)
            case Time():
                later = (fact.minute + _HALF_DAY) % (2 * _HALF_DAY)
                return fact.minute in self._minutes or (fact.is_half_told and later in self._minutes)
            case Measure():
                return self.knows_measure(fact, hedge)

    def knows_term(self, term: Term) -> bool:
        key = term.key
        if term.kind == "url":
            return self._has_address(key) or self._has_address(key + "/", whole=False)
        return key in self.terms or key.removesuffix("s") in self.terms

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

    def knows_measure(self, measure: Measure, hedge: str = "") -> bool:
        """Whether the texts hold the value, with its unit, at the precision in which the measure gives it."""
        low, high = _tolerance(measure, hedge)
        units: Iterable[str] = (measure.unit,)
        if not measure.unit:
            is_short = measure.value < _THOUSAND and not measure.is_spelled
            units = self._values if is_short or _distinct_digits(measure) >= _DISTINCT_DIGITS else units
        elif _distinct_digits(measure) >= _DISTINCT_DIGITS:
            units = (measure.unit, "", _SHARE) if measure.unit == "%" else (measure.unit, "")
        return any(self._has(unit, low, high) for unit in units)

    def knows_multiple(self, measure: Measure, operands: Iterable[Measure]) -> bool:
        """Whether it is exactly so many times a figure of the texts as one of the operands counts: ten tickets."""
        counts = {each.value for each in operands if each.unit == "" and 1 < each.value <= _MOST_TIMES}
        low, high = measure.value * (1 - _EPSILON), measure.value * (1 + _EPSILON)
        return any(self._has(measure.unit, low / count, high / count) for count in counts)

    def _has(self, unit: str, low: float, high: float) -> bool:
        values = self._values.get(unit, ())
        place = bisect_left(values, low)
        return place < len(values) and values[place] <= high

    def _add(self, text: str, language: str | None) -> None:
        words = _WORDS.findall(text)
        self.terms.update(map(fold, words))
        self.terms.update(fold_to_ascii(each).casefold() for each in words if not each.isascii())
        for token in text.split():
            bare = token.strip("\"'()[]{}<>*`~,.;:!?")
            self.terms.add(fold(bare))
            if not bare.isalnum():  # nearly all are: without marks all of its forms are one
                self.terms |= {squeeze(bare), fold(bare).rsplit("/", 1)[-1], *map(squeeze, bare.split("-"))}
        for name, number in _NAMED_NUMBER.findall(text):
            self.terms.add(squeeze(name + number))
            self.terms.add(fold(name[0]) + number)  # "depth 6" is d6
        for fact in (*read_facts(text, language), *read_spelled(text)):
            if isinstance(fact, Measure):
                self._add_measure(fact)
            elif isinstance(fact, Date):
                self._add_date(fact)
            elif isinstance(fact, Time):
                self._minutes.add(fact.minute)
                if fact.is_half_told:
                    self._minutes.add((fact.minute + _HALF_DAY) % (2 * _HALF_DAY))
            else:
                self._add_term(fact)

    def _add_measure(self, measure: Measure) -> None:
        self.measures.append(measure)
        self._values.setdefault(measure.unit, []).append(measure.value)
        if number := _FIGURE.search(measure.text):
            self._values.setdefault(_BARE, []).append(float(number[0]))  # "3.04 hours, and 2.91 for the second"
        if measure.unit == "" and measure.value < 1 and _distinct_digits(measure) >= _DISTINCT_DIGITS:
            self._values.setdefault(_SHARE, []).append(measure.value * 100)
        if measure.unit == "" and measure.value in _YEARS:
            self._years.add(int(measure.value))

    def _add_date(self, date: Date) -> None:
        days: Iterable[int | None] = (date.day,)
        if date.day and date.last_day:
            days = range(date.day, date.last_day + 1)
        for day in days:
            self._dates |= {(date.year, date.month, day), (None, date.month, day), (date.year, date.month, None)}
        if date.year:
            self._years.add(date.year)
            self._values.setdefault("", []).append(float(date.year))

    def _add_term(self, term: Term) -> None:
        self.terms.add(term.key)
        if term.kind == "url":
            self._addresses.append(term.key)
        elif term.kind == "name" and not term.opens:
            self.names.add(term.key)
        elif term.kind == "identifier" and (number := re.search(r"\d{1,6}$", term.key)):
            self.names.add(term.key[: number.start()])
            self._values.setdefault("", []).append(float(number[0]))  # a d32 has 32 layers


class Grounding:
    """Checks conversations against one knowledge base. `allowed`: texts whose facts may be used as well."""

    def __init__(self, knowledge: str, allowed: Iterable[str] = ()) -> None:
        self._known = KnownFacts([knowledge, *allowed])
        self._known.terms |= COMMON_NAMES
        self._settled: dict[str | None, dict[str, Term | None]] = {}  # by language
        # Small talk and refusals come again word for word: in the offline engine's files four answers of five.
        self._examine = lru_cache(maxsize=_ANSWERS_KEPT)(self._examine_anew)
        self._asked: dict[tuple[str, float, str], bool] = {}  # figures by text, value and unit: the same come often
        self.by_topic: dict[str, TopicGrounding] = {}

    @property
    def checked(self) -> int:
        return sum(each.checked for each in self.by_topic.values())

    @property
    def ungrounded(self) -> int:
        return sum(each.ungrounded for each in self.by_topic.values())

    @property
    def derived(self) -> int:
        return sum(each.derived for each in self.by_topic.values())

    def result(self) -> GroundingResult:
        return GroundingResult(
            checked=self.checked, ungrounded=self.ungrounded, derived=self.derived, by_topic=self.by_topic
        )

    def check(self, subject: Subject) -> Iterator[Finding]:
        topic = next(iter((subject.scenario or {}).values()), ())  # the value of the first dimension
        tally = self.by_topic.setdefault(topic[0][1] if topic else NO_SCENARIO, TopicGrounding())
        tally.conversations += 1
        if not subject.is_readable:
            return
        review: _Review | None = None
        shown: set[str] = set()
        findings = 0
        for position, message in enumerate(subject.record.conversation):
            if message.role != "assistant":
                continue
            language = subject.languages[position] or self._known.language
            checked, unknown = self._examine(message.content, language)
            tally.checked += checked
            if not unknown:
                continue
            prose = with_decimal_points(without_code(message.content), language)
            review = review or _Review(subject, self._known)
            for rule, fact in review.judge(position, prose, unknown):
                tally.ungrounded += rule == "ungrounded"
                tally.derived += rule == "derived-number"
                findings += rule == "ungrounded"
                evidence = _evidence(message.content, fact)
                if evidence not in shown:  # Elon Musk is two names and one finding
                    shown.add(evidence)
                    yield Finding(rule, subject.record.number, position, evidence)
        tally.lines += findings > 0

    def _examine_anew(self, content: str, language: str | None) -> tuple[int, Sequence[Fact]]:
        """How many facts an answer states, and those that the knowledge base does not."""
        prose = with_decimal_points(without_code(content), language)
        settled = self._settled.setdefault(language, {})
        checked = 0
        unknown = []
        for fact in read_facts(prose, language, settled):
            checked += not (isinstance(fact, Term) and (fact.opens or fact.key in COMMON_NAMES))
            if not self._knows(fact, prose, settled):
                unknown.append(fact)
        return checked, unknown

    def _knows(self, fact: Fact, prose: str, settled: dict[str, Term | None]) -> bool:
        if isinstance(fact, Term):
            if not self._known.knows_term(fact):
                return fact.opens or (fact.beside != "" and fact.beside in self._known.terms)
            # Tokens that are this word and a mark need no second look. Months do: a day may follow.
            if fact.text not in settled and len(settled) < _SETTLED_MAX and not is_month(fact.text):
                stated = None if fact.opens or fact.key in COMMON_NAMES else fact
                settled.update({fact.text + mark: stated for mark in ("", ",", ".", ";", ":", "?", "!", "'s")})
            return True
        if not isinstance(fact, Measure):
            return self._known.knows(fact)
        if is_everyday(fact):
            return not (fact.unit == "" and _names_unknown_version(fact, prose, self._known))
        asked = (fact.text, fact.value, fact.unit)
        if (is_known := self._asked.get(asked)) is None:
            is_known = self._known.knows_measure(fact)
            if len(self._asked) < _SETTLED_MAX:
                self._asked[asked] = is_known
        if is_known:
            return True
        hedge = _hedge(prose, fact)
        return bool(hedge) and self._known.knows_measure(fact, hedge)


class _Review:
    """A second look, with what the user said, at what the knowledge base does not hold. Few conversations need one."""

    def __init__(self, subject: Subject, known: KnownFacts) -> None:
        self._conversation = subject.record.conversation
        self._known = known
        values = [value for drawn in (subject.scenario or {}).values() for _, value in drawn]
        said = [each.content for each in self._conversation if each.role == "user"]
        self._said = KnownFacts([*said, *values])

    def judge(self, position: int, prose: str, unknown: Sequence[Fact]) -> Iterator[tuple[str, Fact]]:
        """The rule each fact breaks, once for each fact however often the message states it."""
        before = " ".join(
            each.content for each in self._conversation[max(position - 3, 0) : position] if each.role == "user"
        )
        is_exercise = bool(_EXERCISE.search(before)) or _is_word_problem(before)
        is_creative = bool(_CREATIVE.search(before)) and not _TRUE_STORY.search(before)
        judged: set[object] = set()
        figures: list[Measure] | None = None
        for fact in unknown:
            if fact.identity in judged or (is_creative and _is_fiction(fact)):
                continue
            judged.add(fact.identity)
            if not isinstance(fact, Measure):
                if not (self._said.knows(fact) or (isinstance(fact, Term) and _is_label(prose, fact))):
                    yield "ungrounded", fact
            elif not (self._said.knows_measure(fact, _hedge(prose, fact)) or _is_exercise(prose, fact)):
                if figures is None:
                    read = (*read_facts(prose), *read_spelled(prose))
                    stated = [each for each in read if isinstance(each, Measure)]
                    figures = [
                        each for each in stated if is_exercise or is_everyday(each) or self._known.knows_measure(each)
                    ]
                others = islice((each for each in reversed(figures) if each.value != fact.value), _OPERANDS)
                operands = [*self._said.measures[-_OPERANDS:], *reversed(list(others))]
                if not (is_exercise and _derives(fact, operands)) and not _derives(fact, self._said.measures):
                    is_derived = _derives(fact, operands) or self._known.knows_multiple(fact, operands)
                    if is_derived:
                        figures.append(fact)  # what follows may be derived from it
                    yield ("derived-number" if is_derived else "ungrounded"), fact


def _is_word_problem(text: str) -> bool:
    """A figure, then in the same sentence or the next ones a "how many ...?", with a stop or a comma between them.

    A scan of its own: as one expression it would be tried from every figure to every stop to every question.
    """
    has_figure = has_stop = is_asked = False
    for token in _WORD_PROBLEM.finditer(text):
        if token["digit"]:
            has_figure = True
        elif token["asks"]:
            is_asked |= has_stop
        elif token[0] == "?":
            if is_asked:
                return True
            has_stop = has_figure
        else:
            has_stop |= has_figure
            has_figure &= token[0] != "."
    return False


def is_everyday(measure: Measure) -> bool:
    """Whether a measure is part of the language: small counts, a minute, an hour, a day, a hundred percent."""
    if measure.unit == "":
        return measure.value <= _SMALL and measure.value == int(measure.value)
    if measure.unit == "s" and measure.is_spelled:
        return is_small(measure.text)
    return (measure.unit, measure.value) in _EVERYDAY


def _tolerance(measure: Measure, hedge: str) -> tuple[float, float]:
    """The values that a figure may stand for: what rounds to it, and no more than its wording excuses."""
    value, half = measure.value, measure.step / 2
    slack = value * _EPSILON
    if hedge == "over":
        return value - slack, value + measure.step
    if hedge == "under":
        return value - measure.step, value + slack
    allowed = value * (_HEDGED if hedge else _CLOSE)
    if hedge and value % (5 * measure.step / 10 if measure.step > 1 else 5) == 0:
        half = max(half, value * 0.03)  # "about $75" for $73
    half = min(half, allowed)
    return value - half - slack, value + half + slack


def _hedge(prose: str, measure: Measure) -> str:
    before = prose[max(measure.start - _HEDGE_REACH, 0) : measure.start]
    if _OVER.search(before):
        return "over"
    if _ABOUT.search(before):
        return "about"
    return "under" if _UNDER.search(before) else ""


def _distinct_digits(measure: Measure) -> int:
    digits = re.sub(r"[^\d.]", "", measure.text).lstrip("0.")
    if "." not in digits:
        digits = digits.rstrip("0")
    return len(digits.replace(".", ""))


def _names_unknown_version(measure: Measure, prose: str, known: KnownFacts) -> bool:
    """Claude 3, where the knowledge base names Claude but no third: the number is part of a name."""
    name = _NAME_BEFORE.search(prose, max(measure.start - 24, 0), measure.start)
    if name is None or measure.is_spelled or fold(name[1]) not in known.names:
        return False
    return squeeze(name[1] + measure.text) not in known.terms


def _is_fiction(fact: Fact) -> bool:
    if isinstance(fact, Term):
        return fact.kind in {"name", "acronym"}
    return isinstance(fact, Date | Time) or fact.unit in {"", "s", "m", "kg", "km/h"}


def _is_label(prose: str, term: Term) -> bool:
    """A heading such as "Cheap Training: ...", in which every word has a capital."""
    if term.kind != "name":
        return False
    before, after = _CAPITALISED
    first = before.search(prose, max(term.start - 60, 0), term.start)
    end = term.start + len(term.text)
    last = after.match(prose, end, end + _HEADING_REACH)
    end = last.end() if last else term.start
    start = first.start() if first else term.start
    line = prose[max(start - _HEADING_REACH, 0) : start].rstrip(" -*#0123456789.)").rpartition("\n")[2]
    return prose[end : end + 1] == ":" and not line.strip()


def _is_exercise(prose: str, measure: Measure) -> bool:
    """Whether a figure is part of a written-out sum or of an example that says it is one."""
    start, end = measure.start, measure.start + len(measure.text)
    if _OPERATOR_BEFORE.search(prose, max(start - 14, 0), start) or _OPERATOR_AFTER.match(prose, end):
        return True
    return _SUPPOSED.search(prose, max(start - 160, 0), start) is not None


def _derives(measure: Measure, known: Sequence[Measure]) -> bool:
    """Whether some of the last known figures give this one: their sum, difference, product, quotient or share.

    A number of hours or days is a count as well, and so are the days of a week and the months of a year: three days at
    18 a day are 54. With the calendar's numbers it has to be exact, and so has a sum with so many times another: one
    ticket at 5 and three at 2 are 11.
    """
    known = known[-_OPERANDS:]
    figures = {(each.value, each.unit) for each in known}
    figures |= {(float(found[0]), "") for each in known if each.unit == "s" and (found := _FIGURE.search(each.text))}
    counts = [value for value, unit in figures if not unit and 1 < value <= _MOST_TIMES]
    half = min(measure.step / 2, measure.value * _CLOSE) + measure.value * _EPSILON
    exact = min(half, 0.5)
    pairs = [(pair, half) for pair in permutations(figures, 2)]
    pairs += [(pair, exact) for each in figures for other in _CALENDAR for pair in ((each, other), (other, each))]
    sums = (
        one + count * other
        for (one, unit), (other, other_unit) in permutations(figures, 2)
        if unit == other_unit == measure.unit != ""
        for count in counts
    )
    return any(
        abs(result - measure.value) <= off for pair, off in pairs for result in _combine(*pair, measure.unit)
    ) or any(abs(each - measure.value) <= measure.value * _EPSILON for each in sums)


def _combine(first: tuple[float, str], second: tuple[float, str], unit: str) -> Iterator[float]:
    """What two figures give in a unit: those of one unit add up and have a ratio, a count multiplies anything.

    An amount of money for some time has an hourly rate, a rate for some time has an amount; a count of devices for
    some time is device-hours; the difference of two shares may be given in points.
    """
    (one, unit_one), (other, unit_other) = first, second
    if unit_one == unit_other:
        if unit in {unit_one, ""}:
            yield one + other
            yield one - other
        if other:
            yield from (one / other,) if unit == "" else ()
            yield from (100 * one / other, 100 * (1 - one / other), 100 * (one / other - 1)) if unit == "%" else ()
    if unit_other == "" and unit_one == unit:
        yield one * other
        yield one / other if other else 0.0
    if unit_one == "" and unit_other == "s" and unit == "":
        yield one * other / 3600
    if unit_one == unit == "$" and unit_other == "s" and other:
        yield from (one * other / 3600, one / other * 3600)
    if unit_one == "%" and unit_other == unit:
        yield from (one * other / 100, other - one * other / 100, other + one * other / 100)


def _evidence(prose: str, fact: Fact) -> str:
    start, end = fact.start, fact.start + len(fact.text)
    if isinstance(fact, Term) and fact.kind == "name":
        before, after = _CAPITALISED
        first = before.search(prose, max(start - 40, 0), start)
        last = after.match(prose, end, end + _HEADING_REACH)
        start, end = (first.start() if first else start), (last.end() if last else end)
    elif isinstance(fact, Measure) and (name := _NAME_BEFORE.search(prose, max(start - 24, 0), start)):
        start = name.start()
    named = " ".join(prose[start:end].split())[:60]
    return f"{named} | {excerpt(prose, start, end)}"[:120]
