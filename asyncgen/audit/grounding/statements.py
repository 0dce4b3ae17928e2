"""The figures of a knowledge base by the statements they stand in, and how well a statement fits what an answer says.

A statement is a sentence, under its heading. It fits by the words that it shares with an answer, rare ones most, and a
figure of it by those of its own clause before those of the rest.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import TypeAlias

from asyncgen.audit.reading.facts import (
    CURRENCIES,
    MONTHS,
    Date,
    Fact,
    Measure,
    Term,
    Time,
    lengths_of,
    read_facts,
)
from asyncgen.audit.reading.language import FUNCTION_WORDS, any_phrase, listed, tables, words_of
from asyncgen.audit.reading.names import fold
from asyncgen.audit.reading.number_words import in_all_spellings
from asyncgen.audit.reading.phrases import Uncased
from asyncgen.audit.reading.words import split_words

Figure: TypeAlias = tuple[float, str]  # a value and its unit

_NO_END = rf"(?!(?<=\d\.\s)\s*(?:{MONTHS}|[a-zäöü]))"  # "the 4th of September", as German writes it
# What ends one is asked for behind the first blank: `re` skips to blanks, and would try an ending everywhere.
SENTENCE = re.compile(rf"\s(?:(?<=[.!?;]\s){_NO_END}\s*|(?<=\n))")
YEAR = 365.25 * 86400  # seconds
JOINS = re.compile(rf"\s(?:{'|'.join(sorted(listed('grounding', 'joins')))})\s", re.IGNORECASE)
_WHOLE_SENTENCE = re.compile(rf"\s(?:(?<=[.!?]\s){_NO_END}\s*|(?<=\n))")
_CLAUSE = re.compile(rf"[,:;]\s|\||{JOINS.pattern}", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}|\b[A-Za-z][\w-]{0,20}\d\b|\b(?:19|20)\d\d\b")
_STEM = 6  # letters of a word that stand for all its forms
_COMPOUND = re.compile(r"\b[A-ZÄÖÜ][a-zäöüß]{7,}")
_SHORTEST = 3  # letters of a part of a compound
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|[enrs]+)$")  # "weighing", "chains", "Ketten"
YEARS = frozenset(range(1500, 2100))  # a set finds 1994.0, too
NO_YEAR = 2099  # of a day that is told without one
_OWN, _REST, _ABOVE = 10, 5, 2  # what a word weighs of the clause itself, of the rest of its statement, of its heading
_WEIGHT = 1_000_000  # fits are whole numbers: the order in which they are added up makes no difference
_DAY, _HALF_DAY = 1440, 720  # minutes
_DAY_RANGES = [
    (re.compile(in_all_spellings(words), re.IGNORECASE), bounds)
    for table in tables("weekdays")
    for words, bounds in table["days"].items()
]  # by what they are called, from the first day to before which
_DAYS = re.compile(rf"\b(?:{'|'.join(words.pattern for words, _ in _DAY_RANGES)})\b", re.IGNORECASE)
_SHARES = {
    re.compile(rf"\b(?:{in_all_spellings(words)})"): share
    for table in tables("halves")
    for words, share in table["shares"].items()
}
_PRONOUN = any_phrase("grounding", "pronouns")
_GRANTS = any_phrase("grounding", "grants")
_ONE_UNIT = re.compile(
    rf"\b(?:{'|'.join(sorted(listed('grounding', 'articles')))}) (?P<unit>[^\W\d_]{{3,}})", re.IGNORECASE
)
_TO = re.compile(rf"\s?(?:-|\u2013|{'|'.join(sorted(listed('weekdays', 'to')))})\s?", re.IGNORECASE)
_MORE_BEHIND = Uncased(rf"[ -](?:{any_phrase('grounding', 'more-behind').pattern})")
_MORE_WORDS = words_of("grounding", "more-behind")
_SAVED_BEFORE = Uncased(rf"(?:{any_phrase('grounding', 'saved-before').pattern})(?: \w+){{0,2}}\s$")
_OPERAND_BEFORE = re.compile(rf"\b(?:{'|'.join(sorted(listed('grounding', 'operand-before')))}) $", re.IGNORECASE)
_SUMMED_BEHIND = Uncased(rf"[ -]{any_phrase('grounding', 'summed-behind').pattern}")
_SUMMED_BEFORE = Uncased(rf"{any_phrase('grounding', 'summed-before').pattern}(?: \w+){{0,2}}\s$")
_BETWEEN = listed("grounding", "no-difference")
_LONGEST = 600  # characters of sentences on one side of a figure
_ALL = 100  # percent
COMPARED_REACH = 40  # characters


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """`stems`: also of its heading. `values`: of its figures, by their unit. `minutes`: of the day.

    `granted`: the percentages that are taken off an amount. `spans`: how long it says that something is open, on a day
    and in a week, in seconds.
    """

    paragraph: int
    stems: frozenset[str]
    own_stems: frozenset[str]
    values: Mapping[str, frozenset[float]]
    minutes: frozenset[int]
    days: Sequence[date]
    years: frozenset[int]
    spans: frozenset[float]
    granted: frozenset[float]

    def of(self, unit: str) -> frozenset[float]:
        return self.values.get(unit, _NO_VALUES)


_NO_VALUES: frozenset[float] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """`compared`: its figures that say by how much one thing is more than another."""

    statement: Statement
    stems: frozenset[str]
    figures: frozenset[Figure]
    compared: frozenset[Figure]


class Statements:
    """Those of a knowledge base that state a figure, a time or a year."""

    def __init__(self) -> None:
        self._homes: dict[Figure, list[Clause]] = {}
        self._having: dict[str, list[Statement]] = {}
        self._heading: frozenset[str] = frozenset()
        self.paragraphs: list[list[Statement]] = []
        self.clauses: list[Clause] = []
        self.spans: set[float] = set()

    def add_paragraph(self, paragraph: str, language: str | None) -> None:
        """One that `with_decimal_points` has passed. A heading is of what follows it, up to the next one."""
        if paragraph.startswith("#"):
            self._heading = stems_of(paragraph.partition("\n")[0])
        self.paragraphs.append([])
        week: dict[int, float] = {}
        columns: Sequence[frozenset[str]] = ()
        subject: frozenset[str] = frozenset()  # of the last sentence that names its own
        for sentence in _WHOLE_SENTENCE.split(paragraph):
            cells = sentence.strip("| ").split("|") if sentence.startswith("|") else []
            columns = columns or list(map(stems_of, cells))
            facts = (
                *read_facts(sentence, language, small_alone=True),
                *read_articles(sentence),
                *_read_shares(sentence),
            )
            facts = (*facts, *lengths_of(facts))
            above = self._heading.union(*columns) if cells else self._heading
            if _PRONOUN.match(sentence):
                above |= subject
            else:
                subject = stems_of(sentence)
            statement = _read_statement(len(self.paragraphs) - 1, sentence, above, facts, week)
            if not (statement.values or statement.minutes or statement.years or statement.days):
                continue
            self.paragraphs[-1].append(statement)
            self.spans |= statement.spans
            for unit in statement.values:
                self._having.setdefault(unit, []).append(statement)
            clauses = _read_clauses(statement, sentence, facts)
            for clause in _with_columns(clauses, columns) if len(cells) == len(columns) > 0 else clauses:
                self.clauses.append(clause)
                for figure in clause.figures:
                    self._homes.setdefault(figure, []).append(clause)

    @cached_property
    def _shares(self) -> Mapping[str, Mapping[Clause, int]]:
        """What each word adds to the fit of each clause: the more, the fewer statements have it. Once all is added."""
        statements = list(chain.from_iterable(self.paragraphs))
        having = Counter(chain.from_iterable(each.stems for each in statements))
        weights = {stem: round(_WEIGHT * math.log((len(statements) + 1) / count)) for stem, count in having.items()}
        shares: dict[str, dict[Clause, int]] = {stem: {} for stem in having}
        for clause in self.clauses:
            for stem in clause.statement.stems:
                place = _OWN if stem in clause.stems else _REST if stem in clause.statement.own_stems else _ABOVE
                shares[stem][clause] = place * weights[stem]
        return shares

    @cached_property
    def _by_unit(self) -> Mapping[str, Sequence[tuple[float, Clause]]]:
        figures: dict[str, list[tuple[float, Clause]]] = {}
        for clause in self.clauses:
            for value, unit in clause.figures:
                figures.setdefault(unit, []).append((value, clause))
        return figures

    def beside(self, statements: Collection[Statement]) -> dict[Statement, None]:
        """Those of the same paragraphs."""
        paragraphs = sorted({each.paragraph for each in statements})
        return dict.fromkeys(each for paragraph in paragraphs for each in self.paragraphs[paragraph])

    def fits(self, stems: Iterable[str]) -> Mapping[Clause, int]:
        """How well each clause fits of a statement that has one of the words."""
        shares = sorted((self._shares[stem] for stem in stems if stem in self._shares), key=len)
        fits = defaultdict(int, shares.pop() if shares else {})  # of the commonest word; the others add to it
        for each in shares:
            for clause, share in each.items():
                fits[clause] += share
        return fits

    def _fit(self, clause: Clause, stems: Iterable[str]) -> int:
        return sum(self._shares[stem].get(clause, 0) for stem in stems if stem in self._shares)

    def having(self, unit: str) -> Sequence[Statement]:
        """Those with a figure of a unit."""
        return self._having.get(unit, ())

    def figures(self, unit: str) -> Sequence[tuple[float, Clause]]:
        """The values of a unit, each with the clause that has it."""
        return self._by_unit.get(unit, ())

    def has(self, figure: Figure) -> bool:
        return figure in self._homes

    def fit_of(self, figure: Figure, stems: frozenset[str]) -> float:
        """How well the best of the statements fits that have the figure."""
        return max((self._fit(clause, stems) for clause in self._homes.get(figure, ())), default=0)

    def fit_at_home(self, figure: Figure, stems: frozenset[str], *, compared: bool) -> float | None:
        """The same; None where there is none.

        One of which the answer has all words of the figure's clause could not fit better. `compared`: only those that
        give the figure as a difference.
        """
        return max(
            (
                math.inf if clause.stems and clause.stems <= stems else self._fit(clause, stems)
                for clause in self._homes.get(figure, ())
                if not compared or figure in clause.compared
            ),
            default=None,
        )


def _with_columns(clauses: Sequence[Clause], columns: Sequence[frozenset[str]]) -> Sequence[Clause]:
    """Those of a row of a table: each cell is of what its column and the row's first cell say."""
    cells = [each for each in clauses if each.stems or each.figures]
    if len(cells) != len(columns):
        return clauses
    return [
        Clause(each.statement, each.stems | column | cells[0].stems, each.figures, each.compared)
        for each, column in zip(cells, columns, strict=True)
    ]


def _parts_of_compounds(text: str) -> Iterator[str]:
    """The stems of what German nouns may end in, so that whoever asks for a Kurs finds the Schwimmkurs."""
    for word in map(fold, _COMPOUND.findall(text)):
        for place in range(_SHORTEST, len(word) - _SHORTEST):
            yield _ENDING.sub("", word[place:])[:_STEM]


def stems_of(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(_stem, _WORD.findall(text))))


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    """Nothing for a word that any text has."""
    word = fold(word)
    return "" if word in FUNCTION_WORDS else _ENDING.sub("", _ENDING.sub("", word)[:_STEM])


def _read_statement(
    paragraph: int, sentence: str, heading: frozenset[str], facts: Sequence[Fact], week: dict[int, float]
) -> Statement:
    measures = [each for each in facts if isinstance(each, Measure)]
    times = sorted((each for each in facts if isinstance(each, Time)), key=lambda each: each.start)
    years = {each.year for each in facts if isinstance(each, Date) and each.year}
    years |= {int(each.value) for each in measures if not each.unit and each.text.isdecimal() and each.value in YEARS}
    figures = {figure for each in facts for figure in _figures_of(each)}
    own_stems = stems_of(sentence) | {mark_of(*each) for each in figures} | set(_parts_of_compounds(sentence))
    values: defaultdict[str, set[float]] = defaultdict(set)
    for value, unit in figures:
        values[unit].add(value)
    return Statement(
        paragraph,
        heading | own_stems,
        own_stems,
        {unit: frozenset(each) for unit, each in values.items()},
        frozenset(each.minute for each in times),
        [day for each in facts if (day := day_of(each))],
        frozenset(years),
        frozenset(_read_spans(sentence, times, week)) - {0.0},
        frozenset(value for value in values["%"] if value < _ALL and _GRANTS.search(sentence)),
    )


def _read_clauses(statement: Statement, sentence: str, facts: Sequence[Fact]) -> list[Clause]:
    clauses, begin = list[Clause](), 0
    for end in [*(match.end() for match in _CLAUSE.finditer(sentence)), len(sentence)]:
        own = [each for each in facts if begin <= each.start < end]
        stated = {figure for each in own for figure in _figures_of(each)}
        compared = {
            figure
            for each in own
            if isinstance(each, Measure) and is_compared(sentence, each)
            for figure in _figures_of(each)
        }
        clauses.append(Clause(statement, stems_of(sentence[begin:end]), frozenset(stated), frozenset(compared)))
        begin = end
    return clauses


def day_of(fact: Fact) -> date | None:
    """The day of a date; all days without a year are of the same one."""
    if not (isinstance(fact, Date) and fact.day):
        return None
    try:
        return date(fact.year or NO_YEAR, fact.month, fact.day)
    except ValueError:  # the 31st of February
        return None


def mark_of(value: float, unit: str) -> str:
    """A figure with a unit as one of the words that a statement and an answer may share."""
    return f"{value:g} {unit}" if unit else ""


def read_articles(sentence: str) -> Iterator[Measure]:
    """Measures that are told without a number: an hour, eine Stunde, je Kilo."""
    for match in _ONE_UNIT.finditer(sentence):
        for each in _read_one(match["unit"]):
            yield Measure(match[0], match.start(), each.value, each.step, each.unit, is_spelled=True)


@lru_cache(maxsize=1 << 12)
def _read_one(word: str) -> Sequence[Measure]:
    """What one of it is, if it is a unit."""
    return [each for each in read_facts(f"1 {word}") if isinstance(each, Measure) and each.unit]


def _read_shares(sentence: str) -> Iterator[Measure]:
    """A third of them, die Hälfte."""
    for words, share in _SHARES.items():
        yield from (Measure(each[0], each.start(), share, 1.0, "%") for each in words.finditer(sentence.lower()))


def _figures_of(fact: Fact) -> Iterator[Figure]:
    if isinstance(fact, Measure):
        yield fact.value, fact.unit
        if fact.unit in CURRENCIES:
            yield 100 * fact.value, "ct"
        elif fact.unit == "ct":
            yield from ((fact.value / 100, currency) for currency in CURRENCIES)
    elif isinstance(fact, Term) and fact.kind == "identifier" and (number := re.search(r"\d{1,6}$", fact.key)):
        yield float(number[0]), ""  # a d32 has 32 layers


def is_summed(text: str, measure: Measure) -> bool:
    """Whether the words around a figure say that it is what several make together."""
    end = measure.start + len(measure.text)
    if _SUMMED_BEHIND.match(text, end, end + COMPARED_REACH):
        return True
    return _SUMMED_BEFORE.search(text, max(measure.start - COMPARED_REACH, 0), measure.start) is not None


def is_compared(text: str, measure: Measure) -> bool:
    """Whether the words around a figure say that one thing has so much more than another."""
    least, end = max(measure.start - COMPARED_REACH, 0), measure.start + len(measure.text)
    if not (_is_more(text, end) or _SAVED_BEFORE.search(text, least, measure.start)):
        return False  # as nearly always
    return _OPERAND_BEFORE.search(text, least, measure.start) is None


def _is_more(text: str, end: int) -> bool:
    """Whether the words behind a figure say that it is so much more or less."""
    if _MORE_WORDS.isdisjoint(split_words(text[end : end + COMPARED_REACH])):
        return False
    behind = _MORE_BEHIND.match(text, end, end + COMPARED_REACH)
    return behind is not None and "," not in behind[0] and _BETWEEN.isdisjoint(behind[0].lower().split())


def _read_spans(sentence: str, times: Sequence[Time], week: dict[int, float]) -> Iterator[float]:
    """From each time to the next one, and how long that is in the week of its paragraph, as far as it is read."""
    groups = list(_read_days(sentence))
    pairs = [
        (one, (other.minute - one.minute) % (_HALF_DAY if other.is_half_told else _DAY))
        for one, other in pairwise(times)
        if _TO.fullmatch(sentence, one.start + len(one.text), other.start)
    ]
    for begin, minutes in pairs:
        before = [days for place, days in groups if place < begin.start]
        days = before[-1] if before else groups[0][1] if groups and len(pairs) == 1 else ()
        week.update(dict.fromkeys(days, 60.0 * minutes))
        yield 60.0 * minutes
        yield 60.0 * minutes * len(days)
    if pairs:
        yield sum(week.values())


def _read_days(sentence: str) -> Iterator[tuple[int, Collection[int]]]:
    """The days of the week that a sentence names, those together that no time of day parts, and where they begin."""
    days: list[int] = []
    end = place = 0
    for match in _DAYS.finditer(sentence):
        between = sentence[end : match.start()]
        named = range(*next(bounds for words, bounds in _DAY_RANGES if words.fullmatch(match[0])))
        if days and _TO.fullmatch(between):
            named = range(days[-1], named[-1] + 1)
        elif days and any(map(str.isdigit, between)):
            yield place, days
            days = []
        if not days:
            place = match.start()
        days = [*days, *named]
        end = match.end()
    if days:
        yield place, days


def sentences_around(prose: str, place: int) -> tuple[str, str]:
    """The sentence in which something stands with the one before it, in two: up to there, and from there on."""
    ends, begins = _breaks(prose)
    begun, ended = bisect_right(begins, place), bisect_left(ends, place)
    least = max(place - _LONGEST, begins[begun - 2] if begun > 1 else 0)
    most = min(place + _LONGEST, ends[ended] if ended < len(ends) else len(prose))
    return prose[least:place], prose[place:most]


@lru_cache(maxsize=64)
def _breaks(prose: str) -> tuple[Sequence[int], Sequence[int]]:
    """Where sentences end, and where the next ones begin."""
    breaks = [match.span() for match in SENTENCE.finditer(prose)]
    return [end for end, _ in breaks], [begin for _, begin in breaks]
