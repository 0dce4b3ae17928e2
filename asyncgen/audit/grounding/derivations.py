"""`derived-number`: figures that are not in the knowledge base and follow from two that are.

Two figures that a conversation states itself may be added, subtracted, multiplied, divided or made a share of each
other: the reader sees both. Of figures that stand in the knowledge base alone there are so many pairs that some give
nearly any figure, so of them only those count that stand in statements which share a word with the answer's sentence or
the one before (before the first ones stands the question), and only as the words say:

- so many times a figure, or such a part of one, as they count ("three days", "half", "per month"), amounts of money
  also less a share that another statement grants;
- sums and differences where they add or compare (`combines` in the languages' tables), of amounts of money where they
  speak of one thing and another, and what so many of one and so many of another cost;
- where they say how much of a whole there is (`scales`, `fully`): shares, averages, a count of its paragraph, years;
- from one time of day to another, on a day and in a week;
- else where it could hardly be a coincidence (`coincidence`).

A figure may be one of the knowledge base by chance: three days at $25 are $75, which something else costs. It is
derived where what gives it shares more with the words than the statement that has it, as a difference unless that
statement gives one too.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import combinations, permutations

from asyncgen.audit.grounding.coincidence import is_given
from asyncgen.audit.grounding.reckoning import (
    CLOSE,
    EPSILON,
    LENGTHS,
    MOST_TIMES,
    OPERANDS,
    Look,
    follows,
    follows_date,
    follows_time,
    is_between_years,
    is_concluded,
    is_difference,
    is_in_proportion,
    is_rest,
    is_span,
    is_sum,
    is_year,
    rounding_of,
)
from asyncgen.audit.grounding.statements import COMPARED_REACH, YEAR, YEARS, Figure, Statements, is_compared, is_summed
from asyncgen.audit.reading.facts import CURRENCIES, Date, Fact, Measure, Time
from asyncgen.audit.reading.language import any_phrase, tables, words_of
from asyncgen.audit.reading.number_words import find_numbers
from asyncgen.audit.reading.phrases import Uncased
from asyncgen.audit.reading.words import split_words

_ALL = 100.0  # percent
_CALENDAR = {(7.0, ""), (12.0, ""), (_ALL, "%")}  # days, months, and all of it
_PART_BEHIND = Uncased(rf" (?:{any_phrase('grounding', 'part-of').pattern})")
_THEREFORE = Uncased(rf"(?:{any_phrase('grounding', 'therefore').pattern})[^.!?\n]*$")
_EACH = any_phrase("grounding", "each")
_EACH_REACH = 60
_CALCULATES = Uncased(rf"(?:{'|'.join(any_phrase('grounding', key).pattern for key in ('results', 'combines'))})")
_HOUR = 3600.0
_OF_HOURS = Uncased(rf"\b(?:{'|'.join(name for table in tables('units') for name in table.get('h', ()))})\b")
_THEREFORE_REACH = 30  # characters before a figure
# Words without which nothing around a figure says that it is another one.
_TOLD_BEFORE = words_of("grounding", "therefore", "each", "saved-before", "summed-before")
_TOLD_BEHIND = words_of("grounding", "more-behind", "summed-behind")
_CALENDAR_PARTS = (7, 12, 30, 52, 365)
_FEWEST = 12  # counts up to here are part of the language
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?![\d,])")
_DIGITS_BEFORE, _DIGITS_BEHIND = re.compile(r"\d[ -]$"), re.compile(r"[ -]\d")
_MOST_ADDED = 6  # figures of a conversation


class Derivations:
    """What the figures of a knowledge base give, by the statements they stand in."""

    def __init__(self) -> None:
        self._statements = Statements()
        self._multiples: dict[Figure, Sequence[tuple[int, Figure]]] = {}
        self.add_paragraph = self._statements.add_paragraph

    def may_be_other(self, measure: Measure, prose: str) -> bool:
        """Whether a figure that stands in the knowledge base may be another one there, which happens to be as large."""
        start, end = measure.start, measure.start + len(measure.text)
        if measure.unit in CURRENCIES and self._counted(measure.value, measure.unit):
            return True
        if measure.unit == "s" and (measure.is_spelled or measure.value in self._statements.spans):
            return True
        if measure.unit == "s" and measure.value > YEAR and not self._statements.has((measure.value, "s")):
            return True
        is_count = measure.unit == ""
        if is_count and _PART_BEHIND.match(prose, end):
            return True
        before, behind = prose[max(start - _EACH_REACH, 0) : start], prose[end : end + COMPARED_REACH]
        is_told = not (_TOLD_BEFORE.isdisjoint(split_words(before)) and _TOLD_BEHIND.isdisjoint(split_words(behind)))
        if not is_told or (is_count and measure.value == 1):
            return False  # as nearly always; "one must be faster" counts nothing
        return bool(
            (is_count and _THEREFORE.search(prose, max(start - _THEREFORE_REACH, 0), start))
            or (is_count and measure.value > _FEWEST and _EACH.search(prose, max(start - _EACH_REACH, 0), start))
            or is_compared(prose, measure)
            or is_summed(prose, measure)
        )

    def look(self, fact: Fact, prose: str, question: str = "", *, is_foreign: bool = False) -> Look:
        """What stands around a fact of an answer.

        How an answer begins may leave to its question what it speaks of, and whether it adds or compares.
        """
        return Look(fact, prose, question, self._statements, is_foreign=is_foreign)

    def explain(self, measure: Measure, prose: str, look: Look) -> bool:
        """Whether a figure of an answer follows from figures that neither it nor its question states."""
        if measure.unit == "" and measure.value <= _FEWEST and measure.value == int(measure.value):
            return False
        if follows(measure, look, compared=is_compared(prose, measure)):
            return True
        if is_given(measure, look, rounding_of(measure, look)):
            return True
        # "How many hours? ... so 54": the hours that something is open for.
        is_of_hours = measure.unit == "" and _OF_HOURS.search(look.near) is not None
        return is_of_hours and is_span(Measure(measure.text, measure.start, measure.value * _HOUR, _HOUR, "s"), look)

    def is_told(self, measure: Measure, prose: str, look: Look) -> bool:
        """Whether a figure that no others give is told as what they give: a sum that is wrong."""
        stated: list[Fact] = [each for each in look.facts if isinstance(each, Measure) and each.unit == measure.unit]
        if not measure.unit:  # an access code has figures and words around it, too
            return bool(stated) and _CALCULATES.search(look.near) is not None
        if measure.unit == "s":  # from nine to four, since 1987
            stated += [each for each in look.facts if isinstance(each, Time | Date) or is_year(each)]
        if len(stated) > 1:
            return True
        if not (stated or look.figures(measure.unit)):
            return False
        is_result = look.joins or look.concludes or look.times or (look.tells_each and stated)
        return bool(is_result or _CALCULATES.search(look.near) or is_compared(prose, measure))

    def explain_date(self, fact: Date | Time, prose: str, question: str = "", *, is_foreign: bool = False) -> bool:
        """Whether a day or a time of day is so long before or after another one as a statement says."""
        look = self.look(fact, prose, question, is_foreign=is_foreign)
        return follows_time(fact, look) if isinstance(fact, Time) else follows_date(fact, look)

    def explains_better(self, measure: Measure, prose: str, question: str = "") -> bool:
        """Whether others give a figure that stands in the knowledge base too, in a statement that fits less."""
        look = self.look(measure, prose, question)
        compared, summed = is_compared(prose, measure), is_summed(prose, measure)
        counted = self._counted(measure.value, measure.unit) if measure.unit in CURRENCIES else ()
        times = {*look.times, *look.parts} if counted else ()
        taken = [figure for count, figure in counted if count in times]
        if measure.unit in CURRENCIES and not (compared or summed or taken):
            return False  # as nearly always
        if measure.unit == "" and not (compared or summed):
            part = _PART_BEHIND.match(prose, measure.start + len(measure.text))
            return is_rest(measure, look, part[0]) if part else is_concluded(measure, look)
        home = self._statements.fit_at_home((measure.value, measure.unit), look.marks, compared=compared)
        if home is None:
            if not (compared or summed) and measure.unit != "s":
                return False  # known by rounding
            home = 0.0
        if home == math.inf:
            return False
        if any(self._statements.fit_of(each, look.marks) > home for each in taken):
            return True
        return (
            (compared and is_difference(measure, look, home))
            or (summed and is_sum(measure, look, home))
            or is_span(measure, look, home)
            or (home == 0.0 and is_between_years(measure, look))
            or (measure.unit == "s" and home == 0.0 and not look.has_about(measure) and is_in_proportion(measure, look))
        )

    def _counted(self, value: float, unit: str) -> Sequence[tuple[int, Figure]]:
        """The figures of which an amount is so many times as much, or the part for a day, a week or a month."""
        if (value, unit) not in self._multiples:
            figures = [(count, (round(value / count, 2), unit)) for count in range(2, MOST_TIMES)]
            figures += [(part, (round(value * part, 2), unit)) for part in _CALENDAR_PARTS]
            self._multiples[value, unit] = [each for each in figures if self._statements.has(each[1])]
        return self._multiples[value, unit]


def is_of_a_code(measure: Measure, prose: str) -> bool:
    """Whether other digits stand beside it, as in the number of an account."""
    end = measure.start + len(measure.text)
    return bool(
        _DIGITS_BEFORE.search(prose, max(measure.start - 2, 0), measure.start) or _DIGITS_BEHIND.match(prose, end)
    )


def _written_count(measure: Measure) -> float:
    """The number in front of its unit."""
    if measure.is_spelled:
        return next((value for _, _, value in find_numbers(measure.text)), 0.0)
    number = _NUMBER.search(measure.text)
    return float(number[0]) if number else 0.0


def derives(measure: Measure, known: Sequence[Measure]) -> bool:
    """Whether some of the last known figures give this one: their sum, difference, product, quotient or share.

    A number of hours or days is a count as well, and so are the days of a week and the months of a year: three days at
    18 a day are 54. With the calendar's numbers it has to be exact, and so has a sum with so many times another: one
    ticket at 5 and three at 2 are 11.
    """
    known = known[-OPERANDS:]
    figures = {(each.value, each.unit) for each in known}
    figures |= {(count, "") for each in known if each.unit == "s" and (count := _written_count(each))}
    half = min(measure.step / 2, measure.value * CLOSE) + measure.value * EPSILON
    if _give(figures, figures, measure, half):
        return True
    exact = min(half, 0.5)
    if measure.unit != "s" and (_give(figures, _CALENDAR, measure, exact) or _give(_CALENDAR, figures, measure, exact)):
        return True
    if measure.unit == "s" and any(value * 7 == measure.value for value, unit in figures if unit == "s"):
        return True  # so many hours on each day of a week
    if measure.unit == "s" and any(
        abs(abs(one - other) * YEAR - measure.value) <= half
        for one, other in combinations([value for value, unit in figures if not unit and value in YEARS], 2)
    ):
        return True
    counts = [2.0, *(value for value, unit in figures if not unit and 1 < value <= MOST_TIMES)]  # two, of a couple
    amounts = [value for value, unit in figures if unit == measure.unit != ""]
    if measure.unit in CURRENCIES and len(amounts) <= _MOST_ADDED:
        sums = (sum(each) for count in range(3, _MOST_ADDED + 1) for each in combinations(amounts, count))
        if any(abs(each - measure.value) <= measure.value * EPSILON for each in sums):
            return True
    return any(
        abs(one + count * other - measure.value) <= measure.value * EPSILON
        for one, other in permutations(amounts, 2)
        for count in counts
    )


def _give(ones: Iterable[Figure], others: Iterable[Figure], measure: Measure, most_off: float) -> bool:
    """Whether one of the first figures and another of the second ones give the measure."""
    value, unit = measure.value, measure.unit
    for one in ones:
        if unit not in {"", "%", one[1]} and one[1] != "%" and LENGTHS.get(unit) != one[1]:
            continue
        for other in others:
            if one is not other:
                for result in _combine(one, other, unit):
                    if abs(result - value) <= most_off:
                        return True
    return False


def _combine(first: Figure, second: Figure, unit: str) -> Sequence[float]:
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
    if unit in LENGTHS and unit_one == LENGTHS[unit] and unit_other in {"m", ""}:
        results.append(one * other)  # "50 metres by 18"
    if unit_one == "%" and unit_other == unit:
        results += (
            one * other / 100,
            other - one * other / 100,
            *([other + one * other / 100] if one != _ALL or unit in {"", *CURRENCIES} else []),
        )
    return results
