"""Sums that a sentence writes out in front of their result, and whether they are right.

Two figures with a sign between them, "480 divided by 25 gives 19.2", one time of day to another, and from one amount to
another: what is told behind "so", "gives" or "is" is their result and no other figure's.
"""

import re
from collections.abc import Collection
from itertools import product

from asyncgen.audit.grounding.known_facts import size_of_unit
from asyncgen.audit.reading.facts import CURRENCIES, Fact, Measure, Time, read_facts
from asyncgen.audit.reading.language import any_phrase
from asyncgen.audit.reading.phrases import Uncased

_PLUS, _MINUS, _TIMES, _AT, _BY, _TO = (
    Uncased(rf"\W*(?:\w+\W+){{0,2}}(?:{any_phrase('sums', key).pattern})\W+(?:\w+\W+){{0,{behind}}}$")
    for key, behind in (("plus", 4), ("minus", 1), ("times", 1), ("at", 0), ("by", 1), ("to", 1))
)
_FROM = Uncased(rf"{any_phrase('sums', 'from').pattern} $")
_RESULT = any_phrase("sums", "result")
_IN_DIGITS = re.compile(r"\d[\d.,:]*")
_LONGEST = 40  # characters between the last figure and its result
_LONGEST_SENTENCE = 200
_ENDS = (". ", "? ", "! ", "; ", "\n")
_DAY, _HALF_DAY, _MINUTE = 1440, 720, 60.0
_MOST_TIMES = 31  # of a span, on each day of a month
_MOST_OF_EACH = 6
_ROUNDING = 0.006  # the share by which a result may be rounded


def is_wrong(measure: Measure, prose: str) -> bool:
    """Whether it is told as the result of what stands before it in its sentence, and is none."""
    start = measure.start
    if _RESULT.search(prose, max(start - _LONGEST, 0), start) is None:
        return False
    begin = max(prose.rfind(mark, max(start - _LONGEST_SENTENCE, 0), start) for mark in _ENDS)
    before = prose[max(begin + 1, start - _LONGEST_SENTENCE, 0) : start]
    if not 0 < len(_IN_DIGITS.findall(before)) <= 2:  # noqa: PLR2004 - one may be in words
        return False
    found: dict[int, Fact] = {each.start: each for each in read_facts(before, small_alone=True)}
    figures = [each for _, each in sorted(found.items()) if isinstance(each, Measure | Time)]
    if len(figures) != 2 or "%" in before:  # noqa: PLR2004 - the two of a sum
        return False
    one, other = figures
    end = other.start + len(other.text)
    if len(before) - end > _LONGEST or _RESULT.search(before, end) is None:
        return False
    results: Collection[float] = ()
    if isinstance(one, Time) and isinstance(other, Time):
        results = _spans(one, other) if measure.unit == "s" else ()
    elif isinstance(one, Measure) and isinstance(other, Measure):
        results = _results(one, other, before, measure)
    most_off = max(measure.step / 2, measure.value * _ROUNDING)
    return bool(results) and all(abs(each - measure.value) > most_off for each in results)


def _spans(one: Time, other: Time) -> Collection[float]:
    """How long it is from one time of day to another, on some days."""
    spans = {(other.minute - one.minute) % day for day in (_DAY, _HALF_DAY)} - {0}
    return [_MINUTE * span * times for span, times in product(spans, range(1, _MOST_TIMES + 1))]


def _results(one: Measure, other: Measure, text: str, measure: Measure) -> Collection[float]:
    """What two figures give by the sign between them, in the unit of their result."""
    between, is_range = text[one.start + len(one.text) : other.start], _FROM.search(text, 0, one.start) is not None
    size = size_of_unit(measure) or 1.0
    is_same = one.unit in {"", other.unit} and other.unit == measure.unit
    first, second = _written(one), _written(other)
    if is_same and other.unit:
        first, second, size = (one.value if one.unit else first * size_of_unit(other)), other.value, 1.0
    if not first or not second:
        return ()
    if _BY.match(between):
        return [one.value / other.value if one.unit == other.unit else first / second * size]
    is_bought = other.unit == measure.unit and other.unit in CURRENCIES and _AT.match(between) is not None
    if is_bought or _TIMES.match(between):
        return [first * second * size]
    if is_same and (_MINUS.match(between) or (is_range and _TO.match(between))):
        return [abs(first - second)]
    counts = range(1, _MOST_OF_EACH + 1)
    is_sum = is_same and _PLUS.match(between) is not None
    return [n * first + m * second for n, m in product(counts, counts)] if is_sum else ()


def _written(measure: Measure) -> float:
    size = size_of_unit(measure)
    return measure.value / size if size else 0.0
