"""`derived-number`: figures that are not in the knowledge base and follow from two that are.

Two figures that a conversation states itself may be added, subtracted, multiplied, divided or made a share of each
other: the reader sees both. Of figures that stand in the knowledge base alone there are so many pairs that some give
nearly any figure, so of them only these count, and only where the answer's words say that it adds or compares
(`combines` in the languages' tables):

- the sum or the difference of two figures of one unit, or the sum of three, to the precision of the result; amounts of
  money to the cent;
- how long it is from one time of day to another, and from one year to another;
- an amount of money less a share that another statement grants;
- what so many of one thing and so many of another cost, counted in the same sentence;
- a part of one figure or so many times one, as a share, a count or the years of its statement or the clock say, where
  the words say so too (`scales`: half, twice, each, an hour);
- and one figure of each has to stand in a statement that shares a word with the answer's sentence or the one before,
  the other in the same paragraph or in another such statement. Before the first sentence stands the question.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TypeAlias

from asyncgen.audit.facts import CURRENCIES, Date, Fact, Measure, Time, read_facts, read_spelled
from asyncgen.audit.language import any_phrase
from asyncgen.audit.names import fold
from asyncgen.audit.number_words import find_numbers

_Figure: TypeAlias = tuple[float, str]  # a value and its unit

MOST_TIMES = 60  # of a count that multiplies a figure
EPSILON = 1e-9
CLOSE = 0.05  # the share by which rounding may move a figure that is given as it were exact
OPERANDS = 12

_COMBINES, _SCALES = any_phrase("grounding", "combines"), any_phrase("grounding", "scales")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n")
_WORD = re.compile(r"[^\W\d_]{4,}|\b[A-Za-z][\w-]{0,20}\d\b")
_COUNT = re.compile(r"(?<![\d.,$€£])\d{1,2}(?![\d.,%])")
_STEM = 6  # letters of a word that stand for all its forms
_ENDING = re.compile(r"(?<=\w{3})[enrs]+$")  # of those of a short one: "chains", "Ketten"
_MOST_FIGURES = 80
_CALENDAR = {(7.0, ""), (12.0, ""), (100.0, "%")}  # days, months, and all of it
_YEARS = range(1900, 2100)
_YEAR = 365.25 * 86400  # seconds
_FACTORS = (0.5, 2.0, 3.0, 1 / 3, 0.25, 7.0, 12.0, 24.0, 60.0)  # a half, twice, an hour of minutes
_EXACT = CURRENCIES | {"ct"}
_FEWEST = 12  # counts up to here are part of the language
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?![\d,])")


@dataclass(frozen=True, slots=True, eq=False)
class _Statement:
    paragraph: int
    figures: frozenset[tuple[float, str]]
    minutes: frozenset[int]  # of the day
    years: frozenset[int]


class Derivations:
    """What the figures of a knowledge base give, by the statements they stand in."""

    def __init__(self) -> None:
        self._by_stem: dict[str, list[_Statement]] = {}
        self._paragraphs: list[list[_Statement]] = []

    def add_paragraph(self, paragraph: str, language: str | None) -> None:
        """One that `with_decimal_points` has passed."""
        self._paragraphs.append([])
        heading = _stems(paragraph.partition("\n")[0]) if paragraph.startswith("#") else frozenset()
        for sentence in _SENTENCE.split(paragraph):
            facts = (*read_facts(sentence, language), *read_spelled(sentence, language))
            stems = _stems(sentence) | heading
            statement = _read_statement(len(self._paragraphs) - 1, facts)
            if statement.figures or statement.minutes or statement.years:
                self._paragraphs[-1].append(statement)
                for stem in stems:
                    self._by_stem.setdefault(stem, []).append(statement)

    def explain(self, measure: Measure, prose: str, question: str = "") -> bool:
        """Whether a figure of an answer follows from figures that neither it nor its question states.

        How an answer begins may leave to its question what it speaks of, and whether it adds or compares.
        """
        near = "".join(sentences_around(prose, measure.start))
        if prose.startswith(near):
            near = f"{question}\n{near}"
        combines, scales = _COMBINES.search(near), _SCALES.search(near)
        if not (combines or scales or measure.unit in _EXACT):
            return False
        named = {each for stem in _stems(near) for each in self._by_stem.get(stem, ())}
        beside = {each for paragraph in {each.paragraph for each in named} for each in self._paragraphs[paragraph]}
        half = min(measure.step / 2, measure.value * CLOSE) if measure.unit not in _EXACT else 0.0
        most_off = half + measure.value * EPSILON
        if combines and (_is_combined(measure, most_off, named, beside) or _is_bill(measure, near, named, beside)):
            return True
        return _is_reduced(measure, most_off, named) or (scales is not None and _is_scaled(measure, most_off, named))


def _read_statement(paragraph: int, facts: Sequence[Fact]) -> _Statement:
    measures = [each for each in facts if isinstance(each, Measure)]
    years = {each.year for each in facts if isinstance(each, Date) and each.year}
    return _Statement(
        paragraph,
        frozenset(
            [
                *((each.value, each.unit) for each in measures),
                *((100 * each.value, "ct") for each in measures if each.unit in CURRENCIES),
            ]
        ),
        frozenset(each.minute for each in facts if isinstance(each, Time)),
        frozenset(years | {int(each.value) for each in measures if each.unit == "" and each.value in _YEARS}),
    )


def _stems(text: str) -> frozenset[str]:
    return frozenset(_ENDING.sub("", fold(word)[:_STEM]) for word in _WORD.findall(text))


def sentences_around(prose: str, place: int) -> tuple[str, str]:
    """The sentence in which something stands with the one before it, in two: up to there, and from there on."""
    ends = [0, *(match.end() for match in _SENTENCE.finditer(prose, 0, place))]
    after = _SENTENCE.search(prose, place)
    return prose[ends[-2:][0] : place], prose[place : after.start() if after else len(prose)]


def _is_combined(
    measure: Measure, most_off: float, named: Collection[_Statement], beside: Collection[_Statement]
) -> bool:
    wanted, unit = measure.value, measure.unit
    if unit == "" and wanted <= _FEWEST:
        return False
    own = sorted({value for each in named for value, its_unit in each.figures if its_unit == unit})
    others = sorted({value for each in beside for value, its_unit in each.figures if its_unit == unit})
    if unit == "" or len(others) > _MOST_FIGURES:
        others = own

    def is_there(value: float) -> bool:
        place = bisect_left(others, value - most_off)
        return place < len(others) and others[place] <= value + most_off

    if any(is_there(each) for one in own for each in (wanted - one, wanted + one, one - wanted)):
        return True
    if unit not in {"", "s"} and len(own) <= _MOST_FIGURES // 4:
        return any(abs(sum(each) - wanted) <= most_off for each in combinations(own, 3))
    if unit != "s":
        return False
    years = {year for each in beside for year in each.years}
    spans = [60.0 * (end - begin) for each in named for begin, end in permutations(each.minutes, 2)]
    spans += [abs(one - other) * _YEAR for one, other in combinations(years, 2)]
    return any(abs(each - wanted) <= most_off for each in spans)


def _is_bill(measure: Measure, near: str, named: Collection[_Statement], beside: Collection[_Statement]) -> bool:
    """Whether it is what so many of one thing and so many of another cost, counted in the same sentence."""
    if measure.unit not in _EXACT:
        return False
    counts = {1.0, *(value for _, _, value in find_numbers(near)), *map(float, _COUNT.findall(near))}
    own = {value for each in named for value, unit in each.figures if unit == measure.unit}
    others = {value for each in beside for value, unit in each.figures if unit == measure.unit}
    if len(others) > _MOST_FIGURES or len(counts) > OPERANDS:
        return False
    rests = {round(count * other, 2) for count in counts for other in others}
    return any(round(measure.value - count * one, 2) in rests for count in counts for one in own)


def _is_reduced(measure: Measure, most_off: float, named: Collection[_Statement]) -> bool:
    """Whether it is an amount less a share that another statement of those named grants."""
    if measure.unit not in _EXACT:
        return False
    figures = {each for statement in named for each in statement.figures}
    amounts = [value for value, unit in figures if unit == measure.unit]
    rests = [1 - value / 100 for value, unit in figures if unit == "%" and value < 100]  # noqa: PLR2004
    return any(abs(amount * rest - measure.value) <= most_off for amount in amounts for rest in rests)


def _is_scaled(measure: Measure, most_off: float, named: Collection[_Statement]) -> bool:
    """Whether it is a part of one figure, or so many times one, as another of its statement or the clock says."""
    wanted, unit = measure.value, measure.unit
    if unit == "" and wanted <= _FEWEST:
        return False
    for each in named:
        own = [value for value, its_unit in each.figures if its_unit == unit]
        if own:
            shares = [value / 100 for value, its_unit in each.figures if its_unit == "%" and value < 100]  # noqa: PLR2004
            counts = [1 / value for value, its_unit in each.figures if not its_unit and value > 1]
            factors = [*_FACTORS, *shares, *(1 - share for share in shares), *counts]
            if any(abs(value * factor - wanted) <= most_off for value in own for factor in factors):
                return True
        if unit == "s":
            spans = (abs(one - other) * _YEAR for one, other in combinations(each.years, 2))
            if any(abs(span - wanted) <= most_off for span in spans):
                return True
    return False


def derives(measure: Measure, known: Sequence[Measure]) -> bool:
    """Whether some of the last known figures give this one: their sum, difference, product, quotient or share.

    A number of hours or days is a count as well, and so are the days of a week and the months of a year: three days at
    18 a day are 54. With the calendar's numbers it has to be exact, and so has a sum with so many times another: one
    ticket at 5 and three at 2 are 11.
    """
    known = known[-OPERANDS:]
    figures = {(each.value, each.unit) for each in known}
    figures |= {(float(found[0]), "") for each in known if each.unit == "s" and (found := _NUMBER.search(each.text))}
    half = min(measure.step / 2, measure.value * CLOSE) + measure.value * EPSILON
    if _give(figures, figures, measure, half):
        return True
    exact = min(half, 0.5)
    if _give(figures, _CALENDAR, measure, exact) or _give(_CALENDAR, figures, measure, exact):
        return True
    counts = [value for value, unit in figures if not unit and 1 < value <= MOST_TIMES]
    amounts = [value for value, unit in figures if unit == measure.unit != ""]
    return any(
        abs(one + count * other - measure.value) <= measure.value * EPSILON
        for one, other in permutations(amounts, 2)
        for count in counts
    )


def _give(ones: Iterable[_Figure], others: Iterable[_Figure], measure: Measure, most_off: float) -> bool:
    """Whether one of the first figures and another of the second ones give the measure."""
    value, unit = measure.value, measure.unit
    for one in ones:
        if unit not in {"", "%", one[1]} and one[1] != "%":
            continue
        for other in others:
            if one is not other:
                for result in _combine(one, other, unit):
                    if abs(result - value) <= most_off:
                        return True
    return False


def _combine(first: _Figure, second: _Figure, unit: str) -> Sequence[float]:
    """What two figures give in a unit: those of one unit add up and have a ratio, a count multiplies anything.

    An amount of money for some time has an hourly rate, a rate for some time has an amount; a count of devices for
    some time is device-hours; the difference of two shares may be given in points.
    """
    (one, unit_one), (other, unit_other) = first, second
    results: list[float] = []
    if unit_one == unit_other:
        if unit in {unit_one, ""}:
            results += (one + other, one - other)
        if other:
            results += (one / other,) if unit == "" else ()
            results += (100 * one / other, 100 * (1 - one / other), 100 * (one / other - 1)) if unit == "%" else ()
    if unit_other == "" and unit_one == unit:
        results += (one * other, one / other if other else 0.0)
    if unit_one == "" and unit_other == "s" and unit == "":
        results.append(one * other / 3600)
    if unit_one == unit == "$" and unit_other == "s" and other:
        results += (one * other / 3600, one / other * 3600)
    if unit_one == "%" and unit_other == unit:
        results += (one * other / 100, other - one * other / 100, other + one * other / 100)
    return results
