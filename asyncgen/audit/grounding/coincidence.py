"""Whether a figure that others give can be a coincidence.

A few figures give many others, and the rounder a figure is, the more of them it agrees with. One follows from those of
the statements that an answer speaks of where it agrees with one of their results, and so few results are about as large
that an invention would hardly have met one. What the words say about it need not be read then: 88 members, of whom 19
are young, leave 69, and no other results are near.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations, product

from asyncgen.audit.grounding.reckoning import LENGTHS, MOST_TIMES, Look, last_place
from asyncgen.audit.grounding.statements import YEAR, YEARS, Statement
from asyncgen.audit.reading.facts import CURRENCIES, Date, Measure

_HARDLY, _SELDOM = 0.05, 0.12  # of how many inventions would agree as well: where no words tell of a result, and where
_SPAN = 2.0  # results from the half to the double of a figure are about as large
_MOST_STATEMENTS = 6  # that fit best: more of them give too much to tell
_MOST_BESIDE = 12
_MOST_FIGURES = 12  # of a unit
_MOST_FACTORS = 12
_FEW_FIGURES = 6
_PAID_BY = (3600.0, 86400.0, YEAR / 12)  # seconds of an hour, a day, a month
_ALL = 100.0  # percent
_MINUTE, _DAY = 60.0, 1440


@dataclass(frozen=True, slots=True)
class _Scope:
    """Figures that belong together: those of statements, and what the words around a figure count."""

    statements: Collection[Statement]
    stated: Collection[Measure]
    years: frozenset[int]
    factors: frozenset[float]
    is_told: bool

    def of(self, unit: str) -> frozenset[float]:
        own = frozenset(each.value for each in self.stated if each.unit == unit)
        return own.union(*(each.of(unit) for each in self.statements)) - {0.0}

    def results(self, unit: str) -> Iterator[float]:
        """What they give in a unit."""
        own = self.of(unit)
        if len(own) > _MOST_FIGURES:
            return
        counts = {each for each in self.of("") if each > 1}
        shares = {each / _ALL for each in self.of("%") if each < _ALL}
        times = {each for each in {*counts, *self.factors} if each > 1}
        if unit in CURRENCIES:  # 50 hours at $12
            spans = (each / size for each, size in product(self.of("s"), _PAID_BY))
            times |= {each for each in spans if 1 < each <= MOST_TIMES and each == int(each)}
        if unit or self.is_told:  # counts are multiplied in words
            factors = {*times, *shares, *(1 - each for each in shares)}
            yield from (value * factor for value, factor in product(own, factors))
            yield from (value / factor for value, factor in product(own, times))
        if unit not in CURRENCIES or self.is_told:  # amounts are added and compared in words
            for one, other in combinations(own, 2):
                yield from (one + other, abs(one - other))
        if self.is_told and len(own) <= _FEW_FIGURES and len(self.factors) <= _MOST_FACTORS:
            multiples = {each for each in self.factors if 1 < each <= MOST_TIMES}
            yield from (one + count * other for one, other in permutations(own, 2) for count in multiples)
            yield from (sum(each) for each in combinations(own, 3))
        yield from self._ratios(unit)
        yield from self._lengths(unit)
        if unit in LENGTHS:
            yield from (one * other for one, other in combinations(self.of(LENGTHS[unit]), 2))

    def _ratios(self, unit: str) -> Iterator[float]:
        """Shares, and how many times as much one is as another."""
        if unit != "%" and (unit or not self.is_told):
            return
        for each in {unit for statement in self.statements for unit in statement.values} - {"%"}:
            for one, other in permutations(self.of(each), 2):
                ratio = one / other
                yield from (_ALL * ratio, _ALL * abs(1 - ratio)) if unit else (ratio,)

    def _lengths(self, unit: str) -> Iterator[float]:
        """How long it is from one year to another, and from one time of day to another."""
        years = self.years.union(*(each.years for each in self.statements))
        if len(years) <= _MOST_FIGURES and unit in {"", "s"}:
            yield from (abs(one - other) * (YEAR if unit else 1.0) for one, other in combinations(years, 2))
        if unit == "s":
            for each in self.statements:
                yield from (_MINUTE * ((one - other) % _DAY) for one, other in permutations(each.minutes, 2))


def is_given(measure: Measure, look: Look, most_off: float) -> bool:
    """`most_off`: how far its rounding may move it."""
    if not measure.unit and measure.value in YEARS:
        return False
    stated = [each for each in look.facts if isinstance(each, Measure) and each.value != measure.value]
    years = {int(each.value) for each in stated if not each.unit and each.value in YEARS}
    years |= {each.year for each in look.facts if isinstance(each, Date) and each.year}
    is_told = look.combines or look.scales or look.joins or look.tells_each or look.concludes
    factors = frozenset({*look.times, *look.parts} if is_told else ())

    def results(groups: Iterable[Collection[Statement]]) -> Collection[float]:
        scopes = (_Scope(group, stated, frozenset(years), factors, is_told) for group in groups)
        return {each for scope in scopes for each in scope.results(measure.unit)}

    best = list(look.best)
    if len(best) > _MOST_STATEMENTS:
        return False
    if _agrees(measure, results([each] for each in best), most_off, _SELDOM if is_told else _HARDLY):
        return True
    if not is_told:
        return False
    beside = [*look.statements.beside(best)]
    return len(beside) <= _MOST_BESIDE and _agrees(measure, results([best, beside]), most_off, _SELDOM)


def _agrees(measure: Measure, results: Collection[float], most_off: float, likely: float) -> bool:
    """Whether one of the results is the figure, and hardly by chance."""
    wanted = measure.value
    if all(abs(each - wanted) > most_off for each in results):
        return False
    step = math.sqrt(last_place(measure) * measure.step)  # zeros at its end may be rounding, and may be exact
    near = {round(each / step) for each in results if wanted / _SPAN <= each <= wanted * _SPAN}
    return bool(len(near) * step <= likely * wanted * (_SPAN - 1 / _SPAN))
