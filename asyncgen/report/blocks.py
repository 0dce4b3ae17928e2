"""What the sections of a report are made of. Data alone: page/blocks.html has a macro for each, by its name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncgen.audit.results import RuleResult
from asyncgen.report.charts import Bars, HeatMap, Histogram, LineChart
from asyncgen.report.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class LineNumbers:
    """Each is a link where the sample has that line. `is_cut`: there are more."""

    numbers: Sequence[int]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`words` and `numbers`: the headings of its columns in this order. The first cell of a row is its heading."""

    caption: str
    words: Sequence[str]
    numbers: Sequence[str]
    rows: Iterable[Sequence[str | int | LineNumbers]]


@dataclass(frozen=True, slots=True)
class Fold:
    """A table that is seen when it is asked for."""

    summary: str
    table: Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart under its title, with its numbers for who cannot see it. `description`: the chart's, if not the note."""

    title: str
    note: str
    chart: Bars | Histogram | HeatMap | LineChart
    table: Table | None = None
    key: Sequence[str] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names, key figures and a note on each."""

    facts: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Findings:
    """`broken`: rules that found something, as they are told. `clean`: names of those that found nothing."""

    broken: Sequence[tuple[str, RuleResult]]
    clean: Sequence[str]


@dataclass(frozen=True, slots=True)
class Terms:
    """Names, and what they stand for."""

    terms: Mapping[str, str]


Block: TypeAlias = Heading | Paragraph | Table | Fold | Figure | Verdict | Facts | Findings | Terms
