"""What a figure follows from: what stands around it in an answer, and how the figures of fitting statements give it."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import cached_property
from itertools import combinations, permutations, product
from operator import attrgetter, itemgetter

from asyncgen.audit.grounding.statements import (
    NO_YEAR,
    SENTENCE,
    YEAR,
    YEARS,
    Clause,
    Statement,
    Statements,
    day_of,
    mark_of,
    read_articles,
    sentences_around,
    stems_of,
)
from asyncgen.audit.reading.facts import CURRENCIES, Date, Fact, Measure, Time, read_facts
from asyncgen.audit.reading.language import any_phrase, tables
from asyncgen.audit.reading.names import fold
from asyncgen.audit.reading.number_words import find_numbers, may_hold_numbers
from asyncgen.audit.reading.phrases import Uncased

MOST_TIMES = 60  # of a count that multiplies a figure
EPSILON = 1e-9
CLOSE = 0.05  # the share by which rounding may move a figure that is given as it were exact
OPERANDS = 12
LENGTHS = {"m²": "m", "m³": "m²"}  # of what one more length makes an area, and a volume

_COMBINES, _SCALES, _EACH, _FULLY, _THEREFORE = (
    any_phrase("grounding", key) for key in ("combines", "scales", "each", "fully", "therefore")
)
_COUNT = re.compile(r"(?<![\d.,$€£])\d{1,2}(?![\d.,%])")
_LETTERS = re.compile(r"[^\W\d_]+")
_NAMED_NUMBER = re.compile(r"\b[A-Za-z]{1,8}-?(\d{1,6})\b")  # the number of a d32
_EXCLAIMED = re.compile(r"[^.!?\n]*!")  # "Hallo zusammen!" adds nothing up
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ZEROS = re.compile(r"(?<=\d)0+(?!\d)")
_BOTH_WAYS = any_phrase("grounding", "both-ways")
_OPENS = any_phrase("grounding", "opens")
_ADDS = Uncased(rf"\s{any_phrase('grounding', 'adds').pattern}\s")
_HOURS = "|".join(name for table in tables("units") for name in table.get("h", ()))
_HOURS_BEHIND = re.compile(rf"[ -]?[^\W\d_]{{0,20}}[ -]?(?:{_HOURS})\b", re.IGNORECASE)
_OF_WHAT = Uncased(rf" (?:{any_phrase('grounding', 'of-what').pattern})")
# "More than 70" compares nothing.
_ABOUT = Uncased(rf"(?:{any_phrase('grounding', 'about').pattern})\.?\s$|~\s?$")
_LIMIT = re.compile(
    rf"(?:{any_phrase('grounding', 'over').pattern}|{any_phrase('grounding', 'under').pattern})\s$", re.IGNORECASE
)
_HEDGE_REACH = 40  # characters before a figure
_EXACT = CURRENCIES | {"ct"}
_HALF_A_CENT = 0.005
_BEST = 0.5  # of what fits best
_FITS = 0.3  # of what fits best: what fits less is of something else
_SAME_SUBJECT = 2  # words that are shared
_TELLING = 100  # a smaller count is given by too many others
_MOST_FIGURES = 80
_FEW_FIGURES = 6
_CALENDAR_HOURS = {52.0: (168.0,), 30.0: (720.0, 730.0), 365.0: (24.0, 8760.0)}  # by what the words' parts hold
_PER_HOUR = {"Wh": ("W", 1.0), "m": ("km/h", 1000.0)}  # what a rate for some hours gives
_DAY, _MONTH = 86400.0, YEAR / 12
_MINUTES, _MONTHS = 1440, 12


def _factors_of(name: str) -> dict[str, Sequence[float]]:
    return {
        fold(word): tuple(map(float, values.split()))
        for table in tables(name)
        for values, words in table.items()
        for word in words.split()
    }


_TIMES: Mapping[str, Sequence[float]] = {
    **{
        fold(word): (float(count),)
        for table in tables("numbers")
        for count, word in enumerate(table["small"], 1)
        if word not in table.get("homographs", ())
    },
    **_factors_of("factors"),
}
_BEGINNINGS = tuple(each[:-1] for each in _TIMES if each.endswith("*"))
_PARTS = _factors_of("parts")
_PACKED = re.compile(rf"\b(?:{'|'.join(each for each in _TIMES if each.isalpha())}|\d{{1,2}})-[a-z]", re.IGNORECASE)


class Look:
    """What stands around a fact of an answer, and the statements that share a word or a figure with it.

    `near`: its sentence and the one before, and the question where it is near enough. `is_foreign`: in another language
    than the knowledge base.
    """

    def __init__(
        self, fact: Fact, prose: str, question: str, statements: Statements, *, is_foreign: bool = False
    ) -> None:
        self.statements = statements
        self._figures: dict[str, Sequence[tuple[float, int]]] = {}  # by unit
        self.has_fits = not is_foreign  # else every statement counts
        before, behind = sentences_around(prose, fact.start)
        self.behind = behind[len(fact.text) :]
        is_opening = prose.startswith(before + behind)
        near = max(len(before) - _HEDGE_REACH, 0)
        self.is_hedged = _ABOUT.search(before, near) is not None
        if limit := _LIMIT.search(before, near):
            before = before[: limit.start()] + before[limit.end() :]
        self._asked = _EXCLAIMED.sub("", question) if is_opening else ""
        self.near = f"{self._asked}\n{before}{behind}"
        self._others = f"{self._asked}\n{before} {self.behind}"
        self._before, self._behind = before, behind

    @cached_property
    def _own_before(self) -> str:
        """What its own sentence says before it."""
        return SENTENCE.split(self._before)[-1]

    @cached_property
    def stems(self) -> frozenset[str]:
        return stems_of(self._others)

    @cached_property
    def facts(self) -> Sequence[Fact]:
        """All others that stand there, a kilo and an hour among them."""
        return [*read_facts(self._others, small_alone=True), *read_articles(self._others)]

    @cached_property
    def marks(self) -> frozenset[str]:
        """The stems, and the figures with a unit: whoever asks for 5 TB need not say of what."""
        return self.stems | {mark_of(each.value, each.unit) for each in self.facts if isinstance(each, Measure)}

    @cached_property
    def fits(self) -> Mapping[Clause, int]:
        """The clauses of the statements that share something, each with how well it fits.

        All of them where the knowledge base is in another language than the answer.
        """
        fits = self.statements.fits(self.marks)
        return {**dict.fromkeys(self.statements.clauses, 0), **fits} if not self.has_fits else fits

    @cached_property
    def named(self) -> Collection[Statement]:
        return dict.fromkeys(map(attrgetter("statement"), self.fits))

    def having(self, unit: str) -> Sequence[Statement]:
        """Those that are named and have a figure of a unit."""
        return [each for each in self.statements.having(unit) if each in self.named]

    @cached_property
    def beside(self) -> Collection[Statement]:
        return self.statements.beside(self.named)

    @cached_property
    def _words(self) -> AbstractSet[str]:
        return frozenset(_LETTERS.findall(fold(self._others)))

    @cached_property
    def times(self) -> AbstractSet[float]:
        """How often something is taken, as the words say."""
        times = set(map(float, _COUNT.findall(self._others)))
        if may_hold_numbers(self._others):
            times |= {value for _, _, value in find_numbers(self._others)}
        for word in self._words & _TIMES.keys():
            times |= {*_TIMES[word]}
        for word in self._words:
            if word.startswith(_BEGINNINGS):
                times |= {*next(_TIMES[f"{each}*"] for each in _BEGINNINGS if word.startswith(each))}
        if _BOTH_WAYS.search(self._others):
            times.add(2.0)
        times = {each for each in times if 1 < each <= MOST_TIMES}
        return times | {one * other for one, other in combinations(times, 2)}  # two of them for three days

    @cached_property
    def parts(self) -> AbstractSet[float]:
        """Into how many parts something goes, as the words say."""
        return {part for word in self._words & _PARTS.keys() for part in _PARTS[word]}

    @property
    def joins(self) -> bool:
        """Whether the question, or the sentence before it comes to the fact, speaks of one thing and another."""
        return any(map(_ADDS.search, (self._asked, self._own_before)))

    @property
    def concludes(self) -> bool:
        return _THEREFORE.search(f"{self._own_before}{self._behind}") is not None

    @cached_property
    def combines(self) -> bool:
        return _COMBINES.search(self.near) is not None

    @cached_property
    def scales(self) -> bool:
        return _SCALES.search(self.near) is not None

    @cached_property
    def tells_each(self) -> bool:
        return _EACH.search(self.near) is not None

    def has_about(self, measure: Measure) -> bool:
        """Whether a figure that fits is about as large."""
        return any(abs(value - measure.value) <= CLOSE * measure.value for value, _ in self.figures(measure.unit))

    @cached_property
    def best(self) -> Collection[Statement]:
        """Those that share most."""
        least = _BEST * max(self.fits.values(), default=0)
        return dict.fromkeys(each.statement for each, fit in self.fits.items() if fit >= least)

    @property
    def granted(self) -> Collection[float]:
        """The percentages that are taken off."""
        return {value for each in self.having("%") for value in each.granted}

    @property
    def subject(self) -> Collection[Statement]:
        """Those of the best that share some words with it."""
        return [each for each in self.best if len(self.stems & each.own_stems) >= _SAME_SUBJECT]

    def figures(self, unit: str) -> Sequence[tuple[float, int]]:
        """Those of the statements that share something, each with how well it fits, but the ones that hardly do."""
        if unit not in self._figures:
            fits = self.fits
            found = [(value, fits[each]) for value, each in self.statements.figures(unit) if each in fits]
            least = _FITS * max(map(itemgetter(1), found), default=0)
            self._figures[unit] = [(value, fit) for value, fit in found if fit >= least]
        return self._figures[unit]


def follows(measure: Measure, look: Look, *, compared: bool) -> bool:
    """Whether a figure that the knowledge base lacks is given by those of its statements, as the words say."""
    if measure.unit == "%":
        is_share = compared or _OF_WHAT.match(look.behind) is not None
        return (is_share and _is_percentage(measure, look)) or (
            (look.combines or "point" in measure.text or "punkt" in measure.text) and _is_combined(measure, look)
        )
    return (
        (look.combines and _is_combined(measure, look))
        or (measure.unit in _EXACT and _is_amount(measure, look))
        or _is_scaled(measure, look, is_told=look.scales or look.concludes)
        or (compared and is_difference(measure, look))
        or _is_multiple(measure, look)
        or is_span(measure, look)
        or _is_whole(measure, look)
        or (measure.unit not in _EXACT and _is_share(measure, look))
        or is_in_proportion(measure, look)
        or _is_between_days(measure, look)
        or (measure.unit == "" and measure.value >= _TELLING and _is_of_counts(measure, look))
        or ((measure.unit in LENGTHS or "." in measure.text) and _is_of_two(measure, look))
    )


def is_year(fact: Fact) -> bool:
    return isinstance(fact, Measure) and not fact.unit and fact.text.isdecimal() and fact.value in YEARS


def last_place(measure: Measure) -> float:
    """One in the last place that is written: of 600 one, though its zeros may be rounding."""
    zeros = 0 if "." in measure.text else sum(map(len, _ZEROS.findall(measure.text.replace(",", ""))))
    return measure.step / 10.0**zeros


def rounding_of(measure: Measure, look: Look) -> float:
    """How far a figure may be off by rounding; money is exact. Zeros at its end count, but after an "about"."""
    if measure.unit in _EXACT and not look.is_hedged:
        return _HALF_A_CENT
    return (measure.step if look.is_hedged else last_place(measure)) / 2 + measure.value * EPSILON


def _is_combined(measure: Measure, look: Look) -> bool:
    """Whether it is the sum or the difference of two figures that fit, or of two of one statement."""
    wanted, unit = measure.value, measure.unit
    most_off = rounding_of(measure, look)
    own = look.figures(unit)
    least = _BEST * max((fit for _, fit in own), default=0.0) if unit == "" else 0.0
    groups = [
        {value for value, fit in own if fit >= least},
        *(each.of(unit) for each in (look.having(unit) if unit else look.best)),
    ]
    if any(
        abs(one + other - wanted) <= most_off or abs(abs(one - other) - wanted) <= most_off
        for values in groups
        for one, other in combinations(values, 2)
    ):
        return True
    several = (values for values in groups if 2 < len(values) <= _FEW_FIGURES)  # noqa: PLR2004 - two are looked at above
    if any(abs(sum(values) - wanted) <= most_off for values in several):
        return True
    if unit != "s":
        return False
    spans = [60.0 * (end - begin) for each in look.named for begin, end in permutations(each.minutes, 2)]
    return any(abs(each - wanted) <= most_off for each in [*spans, *_year_spans(look, of_paragraphs=True)])


def _year_spans(look: Look, *, of_paragraphs: bool) -> Iterator[float]:
    told = {each.value for each in look.facts if isinstance(each, Measure) and each.value in YEARS and not each.unit}
    of_each = {each.years for each in (look.beside if of_paragraphs else look.named)}  # most have none
    for years in [frozenset().union(*of_each)] if of_paragraphs else of_each:
        yield from (abs(one - other) * YEAR for one, other in combinations(years | told, 2))


def _is_amount(measure: Measure, look: Look) -> bool:
    """Whether it is a bill: what fits best together, so many of one thing and of another, less a share, plus extras."""
    wanted = measure.value
    stated = {each.value for each in look.facts if isinstance(each, Measure) and each.unit == measure.unit}
    own = sorted({value for value, _ in look.figures(measure.unit)} | stated)
    is_bill = look.combines or look.joins or len(look.times) > 1
    if is_bill and any(
        abs(each * times - wanted) <= _HALF_A_CENT for each in _sums(own) for times in (1.0, *look.times)
    ):
        return True
    rests = [1 - value / 100 for value in look.granted]
    if any(abs(value * rest - wanted) <= _HALF_A_CENT for value in own for rest in rests):
        return True
    apiece = (value / count for each in look.subject for value, count in _prices(each, measure.unit) if count > 2)  # noqa: PLR2004
    if any(abs(each - wanted) <= _HALF_A_CENT for each in apiece):
        return True
    best = {1 - value / 100 for each in look.best for value in each.granted}
    if any(look.statements.has((round(wanted / rest, 2), measure.unit)) for rest in best):
        return True
    for each in look.having(measure.unit):
        extra = {count - value for value in each.of("") for count in look.times if count > value}
        dues = {wanted - n * other for n in extra for other in own}
        if any(abs(value - due) <= _HALF_A_CENT for value in each.of(measure.unit) for due in dues):
            return True
    is_told = look.combines and any(abs(each - wanted) <= _HALF_A_CENT for each in _of_paragraphs(look, measure.unit))
    return is_told or (is_bill and _is_bill(measure, look))


def _of_paragraphs(look: Look, unit: str) -> Iterator[float]:
    """What amounts of the paragraphs that fit best add up to, and what is left of one when another is taken off."""
    for several, most in ((look.named, _FEW_FIGURES), (look.best, OPERANDS)):
        amounts = sorted({value for each in look.statements.beside(several) for value in each.of(unit)})
        if len(amounts) <= most:
            yield from _sums(amounts)
            yield from (abs(one - other) for one, other in combinations(amounts, 2))


def _prices(statement: Statement, unit: str) -> Iterator[tuple[float, float]]:
    """Each amount of a statement with each of its counts: 20 bottles for 17.80."""
    return ((value, count) for value, count in product(statement.of(unit), statement.of("")) if count > 1)


def _sums(values: Collection[float]) -> Iterator[float]:
    """What two to four of them add up to, unless they are too many to say anything."""
    few = values if len(values) <= OPERANDS else ()
    return (sum(each) for count in (2, 3, 4) for each in combinations(few, count))


def is_sum(measure: Measure, look: Look, least: float) -> bool:
    """Whether figures that fit better than `least` add up to it."""
    own = {value for value, fit in look.figures(measure.unit) if fit > least}
    return any(abs(each - measure.value) <= _HALF_A_CENT for each in _sums(own))


def _is_bill(measure: Measure, look: Look) -> bool:
    """Whether it is what so many of one thing and so many of another cost, counted in the same sentence."""
    own = {value for each in look.having(measure.unit) for value in each.of(measure.unit)}
    others = {value for each in look.beside for value in each.of(measure.unit)}
    counts = {1.0, *look.times}
    if len(others) > _MOST_FIGURES or len(counts) > OPERANDS:
        return False
    rests = {round(count * other, 2) for count in counts for other in others}
    return any(round(measure.value - count * one, 2) in rests for count in counts for one in own)


def _is_multiple(measure: Measure, look: Look) -> bool:
    """Whether it is so many times, or such a part of, a figure as the words say, or of one less a share."""
    factors = {*look.times, *look.parts} if measure.unit or measure.value >= _TELLING else look.times
    if not factors:
        return False
    shares = {1.0, *(1 - value / 100 for value in look.granted)}
    wanted, most_off = measure.value, rounding_of(measure, look)
    values = {value for value, _ in look.figures(measure.unit)}
    if measure.unit == "" and _HOURS_BEHIND.match(look.behind):  # GPU-hours
        values |= {value / 3600 for value, _ in look.figures("s")}
    is_part = look.scales or _PACKED.search(look.near) is not None
    parts = factors if is_part else factors & look.parts
    if any(abs(value / part - wanted) <= most_off for value in values for part in parts):
        return True
    return any(
        abs(value * factor * share - wanted) <= most_off for value in values for factor in factors for share in shares
    )


def _is_scaled(measure: Measure, look: Look, *, is_told: bool) -> bool:
    """Whether it is a part of one figure that another of its statement gives, or how long it is between two years.

    `is_told`: whether the words say so; else only the years of one statement or of the words count.
    """
    wanted, unit = measure.value, measure.unit
    most_off = rounding_of(measure, look)
    if unit == "s" and any(abs(each - wanted) <= most_off for each in _year_spans(look, of_paragraphs=is_told)):
        return True
    for each in (look.having(unit) if unit else look.best) if is_told else ():
        if own := each.of(unit):
            shares = [value / 100 for value in each.of("%") if value < 100]  # noqa: PLR2004
            counts = [1 / value for value in each.of("") if look.tells_each and value > 1]
            factors = [*shares, *(1 - share for share in shares), *counts]
            if any(abs(value * factor - wanted) <= most_off for value in own for factor in factors):
                return True
    return False


def is_difference(measure: Measure, look: Look, least: float = 0.0) -> bool:
    """Whether it is what one figure is more than another, so many of one than another, or a share that is granted."""
    own = [value for value, fit in look.figures(measure.unit) if fit > least]
    if measure.unit == "":
        own += map(float, _NAMED_NUMBER.findall(look.near))
    elif number := _NUMBER.match(measure.text):  # 83 days longer: 90 instead of 7
        bare = [each.value for each in look.facts if isinstance(each, Measure) and not each.unit]
        if any(abs(one - other) == float(number[0]) for one, other in combinations(bare, 2)):
            return True
    wanted, most_off = measure.value, measure.value * EPSILON
    if any(abs(abs(one - other) - wanted) <= most_off for one, other in combinations(own, 2)):
        return True
    if measure.unit not in CURRENCIES:
        return False
    shares = [value / 100 for value in look.granted]
    if any(abs(value * share - wanted) <= _HALF_A_CENT for value in own for share in shares):
        return True
    pairs = list(permutations(own, 2))
    counts = {*look.times, *look.parts}
    return any(abs(abs(count * one - other) - wanted) <= _HALF_A_CENT for count in counts for one, other in pairs)


def is_between_years(measure: Measure, look: Look) -> bool:
    """Whether it is how long it is from one year to another that stands beside it."""
    years = {each.value for each in look.facts if isinstance(each, Measure) and not each.unit and each.value in YEARS}
    years |= {float(each.year) for each in look.facts if isinstance(each, Date) and each.year}
    return any(abs(one - other) * YEAR == measure.value for one, other in combinations(years, 2))


def is_rest(measure: Measure, look: Look, behind: str) -> bool:
    """Whether it is what a statement leaves of as many as the words behind the figure count: four of the six."""
    wholes = {value for _, _, value in find_numbers(behind)} | set(map(float, _COUNT.findall(behind)))
    return any(
        {whole, whole - measure.value} <= each.of("") and measure.value not in each.of("")
        for whole in wholes
        for each in look.having("")
    )


def is_concluded(measure: Measure, look: Look) -> bool:
    """Whether words such as "therefore" make it what two figures give that stand beside it: 31 years from 1994."""
    if not (look.tells_each or look.concludes):
        return False
    stated = [each.value for each in look.facts if isinstance(each, Measure) and each.unit == measure.unit]
    stated += [float(each.year) for each in look.facts if isinstance(each, Date) and each.year and not measure.unit]
    pairs = list(combinations(stated, 2))
    if look.tells_each and any(one * other == measure.value != max(one, other) for one, other in pairs):
        return True
    return look.concludes and any(measure.value in {abs(one - other), one + other} for one, other in pairs)


def is_span(measure: Measure, look: Look, least: float = 0.0) -> bool:
    """Whether it is how long something is open or lasts, from one time to another, on a day or in a week."""
    if measure.unit != "s" or measure.value not in look.statements.spans:
        return False
    if least == 0.0 and _OPENS.search(look.near):
        return True
    return any(fit > least and measure.value in each.statement.spans for each, fit in look.fits.items())


def _is_whole(measure: Measure, look: Look) -> bool:
    """Whether it is a figure times a count, where the words speak of all: of its paragraph, of its statement in sum."""
    if measure.unit == "":
        return False
    most_off = rounding_of(measure, look)
    if look.combines and any(
        abs(value * count - measure.value) <= most_off
        for each in look.best
        for value in each.of(measure.unit)
        for count in each.of("")
        if count > 1
    ):
        return True
    if _FULLY.search(look.near) is None:
        return False
    counts = {value for each in look.beside for value in each.of("") if value > 1}
    values = look.figures(measure.unit)
    return any(abs(value * count - measure.value) <= most_off for value, _ in values for count in counts)


def _is_share(measure: Measure, look: Look) -> bool:
    """Whether it is the share of a figure that a statement gives, the rest of it, or the figure with or before it."""
    wanted = measure.value
    if wanted < 1 or not (look.has_fits or look.scales or look.combines or look.concludes):
        return False
    is_rounded = look.is_hedged and measure.unit == ""
    most_off = rounding_of(measure, look) if is_rounded else wanted * EPSILON
    shares = {value / 100 for value, _ in look.figures("%") if 0 < value < 100}  # noqa: PLR2004
    factors = {each for share in shares for each in (share, 1 - share)}
    if is_rounded and wanted >= _TELLING:
        factors |= {each for share in shares for each in (1 + share, 1 / (1 + share), 1 / (1 - share))}
    if not factors:
        return False
    values = {value for value, _ in look.figures(measure.unit)}
    return any(abs(value * factor - wanted) <= most_off for value in values for factor in factors)


def _is_percentage(measure: Measure, look: Look) -> bool:
    """Whether it is the share of one figure in another of the same statement, or how much more or less that one is."""
    most_off = rounding_of(measure, look)
    for each in look.subject:
        for unit, values in each.values.items():
            for one, other in permutations(values, 2):
                if unit != "%" and other:
                    ratio = 100 * one / other
                    if any(abs(share - measure.value) <= most_off for share in (ratio, 100 - ratio, ratio - 100)):
                        return True
    return False


def _is_of_counts(measure: Measure, look: Look) -> bool:
    """Whether it is what one count of a statement or of the words leaves of another, or what two that fit give.

    They give exactly their product, and where the words speak of each, their quotient.
    """
    stated = {each.value for each in look.facts if isinstance(each, Measure) and not each.unit}
    stated -= {measure.value}
    groups = [{*each.of(""), *each.years, *stated} for each in look.best]
    if any(abs(one - other) == measure.value for each in groups for one, other in combinations(each, 2)):
        return True
    if any(_is_rest_of_several(measure.value, each.of("")) for each in look.best):
        return True
    own = {value for value, _ in look.figures("") if value > 1}
    if len(own) > OPERANDS:
        return False
    if any(abs(one * other - measure.value) <= measure.value * EPSILON for one, other in combinations(own, 2)):
        return True
    most_off = rounding_of(measure, look)
    return look.tells_each and any(abs(one / other - measure.value) <= most_off for one, other in permutations(own, 2))


def _is_rest_of_several(wanted: float, counts: Collection[float]) -> bool:
    """Whether it is what is left of the largest count without the others, or without two of them."""
    if not 2 < len(counts) <= _FEW_FIGURES:  # noqa: PLR2004 - a whole and its parts
        return False
    whole = max(counts)
    parts = [each for each in counts if each != whole]
    return any(whole - sum(each) == wanted for count in {2, len(parts)} for each in combinations(parts, count))


def _is_of_two(measure: Measure, look: Look) -> bool:
    """Whether it is the area of two lengths of one statement, or a ratio that is no whole number."""
    most_off, length = rounding_of(measure, look), LENGTHS.get(measure.unit)
    if length:
        pairs = (pair for each in look.named for pair in permutations(each.of(length), 2))
        return any(abs(one * other - measure.value) <= most_off for one, other in pairs)
    ratios = (pair for each in look.best for unit in each.values if unit for pair in permutations(each.of(unit), 2))
    return measure.unit == "" and any(other and abs(one / other - measure.value) <= most_off for one, other in ratios)


def is_in_proportion(measure: Measure, look: Look) -> bool:
    """Whether it is to another figure beside it as two of a statement are: 4 TB take 7 hours, so 8 TB take 14."""
    stated = [(each.value, each.unit) for each in look.facts if isinstance(each, Measure) and each.unit]
    most_off = rounding_of(measure, look)
    if measure.unit == "" and any(
        abs(amount / value - measure.value) <= most_off
        for amount, unit in stated
        for each in look.having(unit)
        if each in look.best
        for value in each.of(unit)
        if value and amount != value
    ):
        return True
    if measure.unit == "km/h" and any(
        abs(3.6 * way / time - measure.value) <= most_off
        for each in look.best
        for way, time in product(each.of("m"), each.of("s"))
        if time
    ):
        return True
    if measure.unit in _PER_HOUR and _is_used_up(measure, look, most_off):
        return True
    if measure.unit == "s" and _lasts(measure, look, most_off):
        return True
    return any(
        abs(value * amount / base - measure.value) <= most_off
        for each in look.having(measure.unit)
        for value in each.of(measure.unit)
        for amount, unit in stated
        if unit != measure.unit or (unit != "s" and len(each.of(unit)) == 2)  # noqa: PLR2004 - 1 GB for 10 TB
        for base in each.of(unit)
        if base not in {0.0, value, amount} and amount != value
    )


def _lasts(measure: Measure, look: Look, most_off: float) -> bool:
    """Whether it is how long so many watt-hours last at so many watts, of which the words tell one."""
    stated = [each for each in look.facts if isinstance(each, Measure)]
    energies, rates = ({each.value for each in stated if each.unit == unit} for unit in ("Wh", "W"))
    if not (energies or rates):
        return False
    energies = energies or {value for value, _ in look.figures("Wh")}
    rates = rates or {value for value, _ in look.figures("W")}
    return any(abs(3600 * energy / rate - measure.value) <= most_off for energy in energies for rate in rates if rate)


def _is_used_up(measure: Measure, look: Look, most_off: float) -> bool:
    """Whether it is what so many watts draw, or so many kilometres an hour make, in the time that the words say."""
    unit, factor = _PER_HOUR[measure.unit]
    stated = [each for each in look.facts if isinstance(each, Measure)]
    rates = {each.value for each in stated if each.unit == unit} | {value for value, _ in look.figures(unit)}
    hours = {each.value / 3600 for each in stated if each.unit == "s"}
    hours |= {each for part in look.parts for each in _CALENDAR_HOURS.get(part, ())}
    return any(abs(rate * factor * each - measure.value) <= most_off for rate in rates for each in hours)


def _is_between_days(measure: Measure, look: Look) -> bool:
    """Whether it is how long it is from one day to another that stands beside it or is named."""
    if measure.unit != "s" or measure.value < _DAY:
        return False
    days = [*filter(None, map(day_of, look.facts)), *(each for statement in look.beside for each in statement.days)]
    most_off = max(rounding_of(measure, look), _DAY)
    return any(abs(abs((one - other).days) * _DAY - measure.value) <= most_off for one, other in combinations(days, 2))


def follows_time(time: Time, look: Look) -> bool:
    """Whether a time of day is so long before or after another one as its paragraph says."""
    for each in look.named:
        minutes = {minute for other in look.statements.beside([each]) for minute in other.minutes}
        minutes |= {other.minute for other in look.facts if isinstance(other, Time)}
        lengths = {value / 60 for value in each.of("s") if value < _DAY}
        ends = {(minute + sign * length) % _MINUTES for minute in minutes for length in lengths for sign in (1, -1)}
        if time.minute in ends or (time.is_half_told and (time.minute + _MINUTES // 2) % _MINUTES in ends):
            return True
    return False


def follows_date(wanted: Date, look: Look) -> bool:
    """Whether a day or a month is so long before or after another one as a statement says."""
    dates = [each for each in look.facts if isinstance(each, Date)]
    lengths = {value for each in look.having("s") for value in each.of("s")} if dates else ()
    return any(
        _is_later(wanted, each, sign * length)
        for each in dates
        for length in lengths
        if length >= _DAY
        for sign in (1, -1)
    )


def _is_later(wanted: Date, begin: Date, seconds: float) -> bool:
    months = seconds / _MONTH
    if abs(months - round(months)) < EPSILON:
        later = (begin.year or NO_YEAR) * _MONTHS + begin.month - 1 + round(months)
        year, month, day = later // _MONTHS, later % _MONTHS + 1, begin.day
    elif first := day_of(begin):
        end = first + timedelta(seconds=seconds)
        year, month, day = end.year, end.month, end.day
    else:
        return False
    has_year = begin.year is not None and wanted.year is not None
    return wanted.month == month and (wanted.year == year or not has_year) and (wanted.day is None or wanted.day == day)
