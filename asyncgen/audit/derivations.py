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
- from one time of day to another, on a day and in a week.

A figure may be one of the knowledge base by chance: three days at $25 are $75, which something else costs. It is
derived where what gives it shares more with the words than the statement that has it, as a difference unless that
statement gives one too.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations, permutations

from asyncgen.audit.facts import CURRENCIES, Measure, Time
from asyncgen.audit.language import any_phrase, tables
from asyncgen.audit.names import fold
from asyncgen.audit.number_words import find_numbers, may_hold_numbers
from asyncgen.audit.statements import JOINS, SENTENCE, YEAR, Figure, Statement, Statements, is_compared, stems_of

MOST_TIMES = 60  # of a count that multiplies a figure
EPSILON = 1e-9
CLOSE = 0.05  # the share by which rounding may move a figure that is given as it were exact
OPERANDS = 12

_COMBINES, _SCALES, _FULLY = (any_phrase("grounding", key) for key in ("combines", "scales", "fully"))
_COUNT = re.compile(r"(?<![\d.,$€£])\d{1,2}(?![\d.,%])")
_MOST_FIGURES = 80
_CALENDAR = {(7.0, ""), (12.0, ""), (100.0, "%")}  # days, months, and all of it


def _factors_of(name: str) -> dict[str, Sequence[float]]:
    return {
        fold(word): tuple(map(float, values.split()))
        for table in tables(name)
        for values, words in table.items()
        for word in words.split()
    }


_TIMES: Mapping[str, Sequence[float]] = {
    **{fold(word): (float(count),) for table in tables("numbers") for count, word in enumerate(table["small"], 1)},
    **_factors_of("factors"),
}
_BEGINNINGS = tuple(each[:-1] for each in _TIMES if each.endswith("*"))
_PARTS = _factors_of("parts")
_NAMED_NUMBER = re.compile(r"\b[A-Za-z]{1,8}-?(\d{1,6})\b")  # the number of a d32
_PART_BEHIND = re.compile(rf" (?:{any_phrase('grounding', 'part-of').pattern})", re.IGNORECASE)
_FITS = 0.4  # of what fits best: what fits less is of something else
_DAY_LENGTH, _MINUTES = 86400.0, 1440
_LETTERS = re.compile(r"[^\W\d_]+")
_HALF_A_CENT = 0.005
_EXCLAIMED = re.compile(r"[^.!?\n]*!")  # "Hallo zusammen!" adds nothing up
_EXACT = CURRENCIES | {"ct"}
_FEWEST = 12  # counts up to here are part of the language
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?![\d,])")


class Derivations:
    """What the figures of a knowledge base give, by the statements they stand in."""

    def __init__(self) -> None:
        self._statements = Statements()
        self._multiples: dict[Figure, Sequence[tuple[int, Figure]]] = {}
        self.add_paragraph = self._statements.add_paragraph

    def may_be_other(self, measure: Measure, prose: str) -> bool:
        """Whether a figure that stands in the knowledge base may be another one there, which happens to be as large."""
        if measure.unit in CURRENCIES and self._counted(measure.value, measure.unit):
            return True
        if measure.unit == "s" and measure.value in self._statements.spans:
            return True
        end = measure.start + len(measure.text)
        return is_compared(prose, measure) or (measure.unit == "" and _PART_BEHIND.match(prose, end) is not None)

    def explain(self, measure: Measure, prose: str, question: str = "") -> bool:
        """Whether a figure of an answer follows from figures that neither it nor its question states.

        How an answer begins may leave to its question what it speaks of, and whether it adds or compares.
        """
        if measure.unit == "" and measure.value <= _FEWEST:
            return False
        look = _Look(measure, prose, question, self._statements)
        is_exact = measure.unit in _EXACT
        combines, scales = _COMBINES.search(look.near), _SCALES.search(look.near)
        most_off = measure.value * EPSILON + (0.0 if is_exact else min(measure.step / 2, measure.value * CLOSE))
        return (
            (combines is not None and _is_combined(measure, most_off, look.named, look.beside))
            or (combines is not None and is_exact and _is_bill(measure, look))
            or (is_exact and (combines is not None or look.joins) and _is_sum(measure, look))
            or (is_exact and _is_reduced(measure, most_off, look.named))
            or (scales is not None and _is_scaled(measure, look, most_off))
            or (is_compared(prose, measure) and _is_difference(measure, look, 0.0))
            or _is_multiple(measure, look)
            or _is_span(measure, look, 0.0)
            or _is_whole(measure, look)
            or _is_share(measure, look)
        )

    def explains_better(self, measure: Measure, prose: str, question: str = "") -> bool:
        """Whether others give a figure that stands in the knowledge base too, in a statement that fits less."""
        look = _Look(measure, prose, question, self._statements)
        compared = is_compared(prose, measure)
        part = _PART_BEHIND.match(prose, measure.start + len(measure.text)) if measure.unit == "" else None
        counted = self._counted(measure.value, measure.unit) if measure.unit in CURRENCIES else ()
        taken = [figure for count, figure in counted if count in look.times]
        if measure.unit in CURRENCIES and not (compared or taken):
            return False  # as nearly always
        home = self._statements.fit_at_home((measure.value, measure.unit), look.stems, compared=compared)
        if home is None:
            if not (compared or part or measure.unit == "s"):
                return False  # known by rounding
            home = 0.0
        if part:
            return _is_rest(measure, look, part[0])
        if any(self._statements.fit_of(each, look.stems) > home for each in taken):
            return True
        return (compared and _is_difference(measure, look, home)) or _is_span(measure, look, home)

    def _counted(self, value: float, unit: str) -> Sequence[tuple[int, Figure]]:
        """The figures of which an amount is so many times as much, or such a part, and how many times."""
        if (value, unit) not in self._multiples:
            figures = ((n, (round(each, 2), unit)) for n in range(2, MOST_TIMES) for each in (value / n, value * n))
            self._multiples[value, unit] = [each for each in figures if self._statements.has(each[1])]
        return self._multiples[value, unit]

    def explain_time(self, time: Time, prose: str, question: str = "") -> bool:
        """Whether a time of day is so long before or after another one as its paragraph says."""
        look = _Look(time, prose, question, self._statements)
        for each in look.named:
            minutes = {minute for other in self._statements.beside([each]) for minute in other.minutes}
            lengths = {value / 60 for value, unit in each.figures if unit == "s" and value < _DAY_LENGTH}
            ends = {(minute + sign * length) % _MINUTES for minute in minutes for length in lengths for sign in (1, -1)}
            if time.minute in ends or (time.is_half_told and (time.minute + _MINUTES // 2) % _MINUTES in ends):
                return True
        return False


class _Look:
    """What stands around a fact of an answer, and the statements that share a word with it.

    `near`: its sentence and the one before, and the question where it is near enough.
    """

    def __init__(self, fact: Measure | Time, prose: str, question: str, statements: Statements) -> None:
        self.statements = statements
        before, behind = sentences_around(prose, fact.start)
        self._asked = _EXCLAIMED.sub("", question) if prose.startswith(before + behind) else ""
        self.near = f"{self._asked}\n{before}{behind}"
        self._others = f"{self._asked}\n{before} {behind[len(fact.text) :]}"
        self._own = f"{SENTENCE.split(before)[-1]}{behind}"

    @cached_property
    def stems(self) -> frozenset[str]:
        return stems_of(self._others)

    @cached_property
    def named(self) -> Collection[Statement]:
        return self.statements.fitting(self.stems)

    @cached_property
    def beside(self) -> Collection[Statement]:
        return self.statements.beside(self.named)

    @cached_property
    def _words(self) -> Sequence[str]:
        return list(map(fold, _LETTERS.findall(self._others)))

    @cached_property
    def times(self) -> Collection[float]:
        """How often something is taken, as the words say."""
        times = set(map(float, _COUNT.findall(self._others)))
        if may_hold_numbers(self._others):
            times |= {value for _, _, value in find_numbers(self._others)}
        for word in self._words:
            times |= {*_TIMES.get(word, ())}
            if word.startswith(_BEGINNINGS):
                times |= {*next(_TIMES[f"{each}*"] for each in _BEGINNINGS if word.startswith(each))}
        return {each for each in times if 1 < each <= MOST_TIMES}

    @cached_property
    def factors(self) -> Collection[float]:
        """The same, and into how many parts it goes."""
        return {*self.times, *(part for word in self._words for part in _PARTS.get(word, ()))}

    @property
    def joins(self) -> bool:
        """Whether the question or the sentence speaks of one thing and another."""
        return any(map(JOINS.search, (self._asked, self._own)))

    def figures(self, unit: str) -> Sequence[tuple[float, float]]:
        """Those of the statements that share a word, each with how well it fits, but the ones that hardly do."""
        found = list(self.statements.figures(self.named, unit, self.stems))
        best = max((fit for _, fit in found), default=0.0)
        return [(value, fit) for value, fit in found if fit >= _FITS * best]


def _most_off(measure: Measure) -> float:
    """How far a figure may be off that is given as it were exact; amounts of money are."""
    if measure.unit in _EXACT:
        return _HALF_A_CENT
    return min(measure.step, 1.0 if measure.text.isdecimal() else measure.step) / 2


def _is_saved(measure: Measure, look: _Look, own: Collection[float]) -> bool:
    """Whether it is what so many of one thing cost more than another, counted in the words."""
    return any(
        abs(abs(count * one - other) - measure.value) <= _most_off(measure)
        for count in look.factors
        for one, other in permutations(own, 2)
    )


def _is_multiple(measure: Measure, look: _Look) -> bool:
    """Whether it is so many times, or such a part of, a figure as the words say."""
    if measure.unit == "%" or not look.factors:
        return False
    shares = {1.0, *(1 - value / 100 for value, _ in look.figures("%") if 0 < value < 100)}  # noqa: PLR2004
    wanted, most_off = measure.value, _most_off(measure)
    return any(
        abs(value / factor - wanted) <= most_off
        or any(abs(value * factor * share - wanted) <= most_off for share in shares)
        for value, _ in look.figures(measure.unit)
        for factor in look.factors
    )


def _is_difference(measure: Measure, look: _Look, least: float) -> bool:
    """Whether it is what one figure is more than another, or a share of one that is granted."""
    own = [*look.figures(measure.unit)]
    if measure.unit == "":
        own += [(float(number), math.inf) for number in _NAMED_NUMBER.findall(look.near)]
    pairs = combinations([each for each in own if each[1] > least], 2)
    if any(abs(abs(one - other) - measure.value) <= measure.value * EPSILON for (one, _), (other, _) in pairs):
        return True
    if measure.unit in CURRENCIES and _is_saved(measure, look, [value for value, fit in own if fit > least]):
        return True
    shares = [value / 100 for value, _ in look.figures("%")] if measure.unit in CURRENCIES else []
    return any(
        abs(value * share - measure.value) <= _HALF_A_CENT for value, fit in own if fit > least for share in shares
    )


def _is_rest(measure: Measure, look: _Look, behind: str) -> bool:
    """Whether it is what a statement leaves of as many as the words behind the figure count: four of the six."""
    wholes = {value for _, _, value in find_numbers(behind)} | set(map(float, _COUNT.findall(behind)))
    return any(
        (whole, "") in each.figures and (whole - measure.value, "") in each.figures
        for each in look.named
        for whole in wholes
    )


def _is_sum(measure: Measure, look: _Look) -> bool:
    """Whether it is the sum of two to four of the figures that fit best."""
    own = sorted({value for value, _ in look.figures(measure.unit)})
    if len(own) > OPERANDS:
        return False
    wanted = measure.value
    return any(
        abs(sum(each) - wanted) <= _most_off(measure) for count in (2, 3, 4) for each in combinations(own, count)
    )


def _is_whole(measure: Measure, look: _Look) -> bool:
    """Whether it is a figure times or through a count of its paragraph, where the words speak of all or of one."""
    unit = measure.unit
    is_all, is_one = _FULLY.search(look.near) is not None, _SCALES.search(look.near) is not None
    if not (unit and (is_all or is_one)):
        return False
    counts = {value for each in look.beside for value, its_unit in each.figures if not its_unit and value > 1}
    return any(
        (is_all and abs(value * count - measure.value) <= _most_off(measure))
        or (is_one and abs(value / count - measure.value) <= _most_off(measure))
        for value, _ in look.figures(unit)
        for count in counts
    )


def _is_span(measure: Measure, look: _Look, least: float) -> bool:
    """Whether it is how long something is open or lasts, from one time to another, on a day or in a week."""
    return measure.unit == "s" and any(
        look.statements.fit(each, clause, look.stems) > least
        for each in look.named
        if measure.value in each.spans
        for clause in each.clauses
    )


def sentences_around(prose: str, place: int) -> tuple[str, str]:
    """The sentence in which something stands with the one before it, in two: up to there, and from there on."""
    ends = [0, *(match.end() for match in SENTENCE.finditer(prose, 0, place))]
    after = SENTENCE.search(prose, place)
    return prose[ends[-2:][0] : place], prose[place : after.start() if after else len(prose)]


def _is_combined(
    measure: Measure, most_off: float, named: Collection[Statement], beside: Collection[Statement]
) -> bool:
    wanted, unit = measure.value, measure.unit
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
    spans += [abs(one - other) * YEAR for one, other in combinations(years, 2)]
    return any(abs(each - wanted) <= most_off for each in spans)


def _is_bill(measure: Measure, look: _Look) -> bool:
    """Whether it is what so many of one thing and so many of another cost, counted in the same sentence."""
    own = {value for each in look.named for value, unit in each.figures if unit == measure.unit}
    others = {value for each in look.beside for value, unit in each.figures if unit == measure.unit}
    counts = {1.0, *look.times}
    if len(others) > _MOST_FIGURES or len(counts) > OPERANDS:
        return False
    rests = {round(count * other, 2) for count in counts for other in others}
    return any(round(measure.value - count * one, 2) in rests for count in counts for one in own)


def _is_reduced(measure: Measure, most_off: float, named: Collection[Statement]) -> bool:
    """Whether it is an amount less a share that another statement of those named grants."""
    figures = {each for statement in named for each in statement.figures}
    amounts = [value for value, unit in figures if unit == measure.unit]
    rests = [1 - value / 100 for value, unit in figures if unit == "%" and value < 100]  # noqa: PLR2004
    return any(abs(amount * rest - measure.value) <= most_off for amount in amounts for rest in rests)


def _is_scaled(measure: Measure, look: _Look, most_off: float) -> bool:
    """Whether it is a part of one figure, or so many times one, as another of its statement or the words say."""
    wanted, unit = measure.value, measure.unit
    named = look.factors
    for each in look.named:
        own = [value for value, its_unit in each.figures if its_unit == unit]
        if own:
            shares = [value / 100 for value, its_unit in each.figures if its_unit == "%" and value < 100]  # noqa: PLR2004
            counts = [1 / value for value, its_unit in each.figures if not its_unit and value > 1]
            factors = [*named, *(1 / factor for factor in named), *shares, *(1 - share for share in shares)]
            factors += counts if unit else ()
            if any(abs(value * factor - wanted) <= most_off for value in own for factor in factors):
                return True
    years = {year for each in look.beside for year in each.years} if unit == "s" else ()
    return any(abs(abs(one - other) * YEAR - wanted) <= most_off for one, other in combinations(years, 2))


def _is_share(measure: Measure, look: _Look) -> bool:
    """Whether it is exactly the share of a figure that another statement of its paragraph gives."""
    wanted = measure.value
    shares = {value / 100 for value, _ in look.figures("%")}
    values = look.figures(measure.unit)
    return any(abs(value * share - wanted) <= wanted * EPSILON for value, _ in values for share in shares)


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


def _give(ones: Iterable[Figure], others: Iterable[Figure], measure: Measure, most_off: float) -> bool:
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
    if unit_one == "%" and unit_other == unit:
        results += (one * other / 100, other - one * other / 100, other + one * other / 100)
    return results
