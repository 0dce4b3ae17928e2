"""What an audit says about the whole, as sections of the report: coverage, shape, diversity, and the course of time.

Recipes may have thousands of values, so every chart and table has its bound, and says what it leaves out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from asyncgen.audit.coverage import CoverageResult, PairCoverage, ValueCoverage
from asyncgen.audit.diversity import Counted, DiversityResult, SideDiversity
from asyncgen.audit.shape import Bin, Distribution, ShapeResult, TurnsFound
from asyncgen.audit.timeline import Moment
from asyncgen.report.charts import Bar, Cell, bar_chart, heat_map, histogram, letter, line_chart
from asyncgen.report.markup import Column, capital, clock, count, figure, share, table, text

MOST_BARS = 40
MOST_ROWS = 100
MOST_PHRASES = 12
MOST_COLUMNS = 26
LONGEST_PAUSE = 20  # buckets without any call that are drawn; a longer pause is a gap of one


# ---- coverage


def coverage(result: CoverageResult | None) -> str:
    if result is None:
        return ""
    parts = []
    if result.pairs:
        parts.append("<h3>Pairs of values</h3>")
        parts.append(
            table(
                [
                    Column("pair"),
                    Column("possible", is_number=True),
                    Column("planned", is_number=True),
                    Column("found", is_number=True),
                ],
                [
                    [
                        text(f"{pair.first} and {pair.second}"),
                        *(f"{number:,}" for number in (pair.pairs, pair.planned_met, pair.met)),
                    ]
                    for pair in result.pairs
                ],
                "Pairs of values that occur together",
            )
        )
        parts += [_pair(pair, result.dimensions) for pair in result.pairs if pair.matrix]
    parts.append("<h3>Single values</h3>")
    parts += [_dimension(name, values) for name, values in result.dimensions.items()]
    return "\n".join(parts)


def _pair(pair: PairCoverage, dimensions: Mapping[str, Sequence[ValueCoverage]]) -> str:
    """The longer side goes down the page."""
    matrix, rows, columns = pair.matrix or [], pair.first, pair.second
    if len(dimensions[rows]) < len(dimensions[columns]):
        matrix, rows, columns = [list(each) for each in zip(*matrix, strict=True)], columns, rows
    down, across = dimensions[rows][:MOST_ROWS], dimensions[columns][:MOST_COLUMNS]
    cells = _cells([row[: len(across)] for row in matrix[: len(down)]], all_planned=pair.planned_met == pair.pairs)
    title = f"{rows} and {columns}"
    note = "Conversations for each pair. Of middle tone is the average; paler is less, darker is more."
    if any(cell.missing for row in cells for cell in row):
        note += " Outlined in red: planned and not there."
    if len(down) < len(dimensions[rows]) or len(across) < len(dimensions[columns]):
        note += f" The first {len(down)} by {len(across)} of {len(dimensions[rows]):,} by {len(dimensions[columns]):,}."
    numbers = table(
        [Column(rows), *(Column(letter(number), is_number=True) for number in range(len(across)))],
        [[text(value.value), *(f"{cell.value:,}" for cell in row)] for value, row in zip(down, cells, strict=True)],
        f"Conversations by {title}",
    )
    description = f"{pair.met:,} of {pair.planned_met:,} planned pairs occur"
    chart = heat_map(title, description, [each.value for each in down], cells)
    return figure(capital(title), note, chart, numbers=numbers, key=[each.value for each in across])


def _cells(matrix: Sequence[Sequence[int]], *, all_planned: bool) -> list[list[Cell]]:
    """Heat 0.5 is the average."""
    values = [value for row in matrix for value in row]
    average = sum(values) / len(values) if values else 0
    return [
        [Cell(value, value / average / 2 if average else 0, missing=all_planned and not value) for value in row]
        for row in matrix
    ]


def _dimension(name: str, values: Sequence[ValueCoverage]) -> str:
    groups = _by_group(values)
    if len(groups) > 1:
        shown, what = groups, "group"
    else:
        shown, what = list(values), "value"
    drawn = shown[:MOST_BARS]
    note = f"Conversations for each {what}; the mark is what was planned."
    if len(drawn) < len(shown):
        note += f" The first {len(drawn)} of {len(shown):,}."
    chart = bar_chart(name, note, [_coverage_bar(each) for each in drawn])
    return figure(capital(name), note, chart, numbers=_value_table(name, values))


def _by_group(values: Iterable[ValueCoverage]) -> list[ValueCoverage]:
    """The sums of each group, under its name; one for all of a flat dimension."""
    groups: dict[str, tuple[int, int]] = {}
    for each in values:
        planned, found = groups.get(each.group, (0, 0))
        groups[each.group] = planned + each.planned, found + each.found
    return [
        ValueCoverage(group="", value=group, planned=planned, found=found) for group, (planned, found) in groups.items()
    ]


def _coverage_bar(value: ValueCoverage) -> Bar:
    is_short = value.found < value.planned / 2
    caption = f"{value.found:,}" if value.found == value.planned else f"{value.found:,} of {value.planned:,}"
    return Bar(value.value, value.found, caption, value.planned, "error" if is_short else "")


def _value_table(name: str, values: Sequence[ValueCoverage]) -> str:
    """With the values furthest below the plan first where not all fit."""
    if len(values) > MOST_ROWS * 5:
        values = sorted(values, key=lambda each: each.found / max(each.planned, 1))[: MOST_ROWS * 5]
    return table(
        [Column(name), Column("group"), Column("planned", is_number=True), Column("found", is_number=True)],
        [[text(each.value), text(each.group), f"{each.planned:,}", f"{each.found:,}"] for each in values],
        f"Values of {name}",
    )


# ---- shape


def shape(result: ShapeResult) -> str:
    parts = [_messages(result.messages)]
    parts += [
        _distribution(f"Words in a message of the {role}", distribution) for role, distribution in result.words.items()
    ]
    if result.conversation_words is not None:
        parts.append(_distribution("Words in a conversation", result.conversation_words))
    parts += [
        _turns(result.turns),
        _tallies("Finish reasons", "reason", result.finish_reasons),
        _tallies("Models that answered", "model", result.models),
        _tallies("Asks until there was a conversation", "asks", {f"{asks:,}": n for asks, n in result.asks.items()}),
    ]
    return "\n".join(parts)


def _messages(messages: Mapping[int, int]) -> str:
    numbers = sorted(messages.items())
    columns = [(f"{length:,}", number) for length, number in numbers[:MOST_COLUMNS]]
    if rest := sum(number for _, number in numbers[MOST_COLUMNS:]):
        columns.append(("more", rest))
    title, note = "Messages in a conversation", "Questions and answers both counted."
    return figure(title, note, histogram(title, note, columns), numbers=_counts(title, "messages", columns))


def _distribution(title: str, distribution: Distribution) -> str:
    note = (
        f"Half have {distribution.median:,} or fewer, nine in ten from {distribution.p5:,} to {distribution.p95:,}; "
        f"the longest has {distribution.highest:,}."
    )
    chart = histogram(title, note, [(f"{each.first:,}", each.count) for each in distribution.bins])
    numbers = _counts(title, "words", [(_range(each), each.count) for each in distribution.bins])
    return figure(title, note, chart, numbers=numbers)


def _range(each: Bin) -> str:
    return f"{each.first:,}" if each.first == each.last else f"{each.first:,} to {each.last:,}"


def _counts(title: str, unit: str, rows: Sequence[tuple[str, int]]) -> str:
    columns = [Column(unit), Column("number", is_number=True)]
    return table(columns, [[text(label), f"{number:,}"] for label, number in rows], title)


def _turns(turns: Sequence[TurnsFound]) -> str:
    """For each value that names a number of messages, how long its conversations are."""
    if not turns:
        return ""
    rows = [
        [text(each.value), ", ".join(f"{count(number, 'conversation')} of {length:,}" for length, number in lengths)]
        for each in turns[:MOST_ROWS]
        if (lengths := sorted(each.found.items())[:MOST_COLUMNS])
    ]
    listed = table([Column("value"), Column("messages")], rows, "Values that name a number of messages")
    return f"<details><summary>Messages, by what was asked for</summary>{listed}</details>"


def _tallies(title: str, heading: str, numbers: Mapping[str, int]) -> str:
    """A table; a sentence where all are one."""
    if len(numbers) <= 1:
        return "".join(f"<p>{title}: {text(name)}, {number:,} times.</p>" for name, number in numbers.items())
    whole = sum(numbers.values())
    rows = [[text(name), f"{number:,}", share(number, whole)] for name, number in list(numbers.items())[:MOST_ROWS]]
    columns = [Column(heading), Column("number", is_number=True), Column("share", is_number=True)]
    return table(columns, rows, title)


# ---- diversity


def diversity(result: DiversityResult) -> str:
    if not result.lines:
        return ""
    openers = result.openers
    at_least = "" if openers.is_exact else "at least "
    parts = [
        f"<p>{count(result.lines, 'conversation')} open in {at_least}{openers.different:,} different ways.</p>",
        _counted(
            "Most frequent first messages", "Share of the conversations that open so.", openers.top[:MOST_PHRASES]
        ),
        _role_table(result.roles),
    ]
    for role, diversity_of in result.roles.items():
        title = f"Phrases that the {role} repeats"
        note = "Share of the conversations with these four words in a row."
        parts.append(_counted(title, note, diversity_of.phrases[:MOST_PHRASES]))
    parts += [_phrases_by_value(name, values) for name, values in result.by_value.items() if values]
    return "\n".join(parts)


def _counted(title: str, note: str, items: Sequence[Counted]) -> str:
    if not items:
        return ""
    bars = [Bar(each.text, 100 * each.share, f"{share(each.share, 1)}, {each.lines:,}") for each in items]
    rows = [[text(each.text), f"{each.lines:,}", share(each.share, 1)] for each in items]
    numbers = table([Column("text"), Column("lines", is_number=True), Column("share", is_number=True)], rows, title)
    return figure(title, note, bar_chart(title, note, bars), numbers=numbers)


def _role_table(roles: Mapping[str, SideDiversity]) -> str:
    """Distinct-n, as the literature calls it; compared only between files of one size."""
    sizes = sorted({each.words for role in roles.values() for each in role.distinct})
    rows = []
    for name, role in roles.items():
        ratios = {each.words: f"{each.ratio:.3f}" for each in role.distinct}
        compression = "" if role.compression is None else f"{role.compression:.2f}"
        rows.append([text(name), *(ratios.get(size, "") for size in sizes), compression])
    headings = (*(f"distinct-{size}" for size in sizes), "compression")
    return table(
        [Column("role"), *(Column(each, is_number=True) for each in headings)],
        rows,
        "Variety of words: distinct-n falls as a file grows; compression is 2 to 3 for prose and rises with repetition",
    )


def _phrases_by_value(name: str, values: Mapping[str, Sequence[Counted]]) -> str:
    """The most repeated phrase of each value, the most repeated of all first."""
    first = sorted(((value, each[0]) for value, each in values.items() if each), key=lambda pair: -pair[1].share)
    rows = [[text(value), text(each.text), share(each.share, 1)] for value, each in first[:MOST_ROWS]]
    columns = [Column(name), Column("phrase of the assistant"), Column("share", is_number=True)]
    listed = table(columns, rows, f"The most repeated phrase for each value of {name}")
    return f"<details><summary>Phrases by {text(name)}</summary>{listed}</details>"


# ---- time


def timeline(moments: Sequence[Moment]) -> str:
    if not moments:
        return ""
    filled = _without_pauses(moments)
    ends = (clock(moments[0].time), clock(moments[-1].time))
    width = moments[0].seconds
    charts = [
        ("Conversations a second", "", _course(filled, lambda each: each.done / width)),
        ("Calls in flight", "Of the calls that ended then, on average.", _course(filled, lambda each: each.in_flight)),
        ("Seconds a call", "Median of the calls that ended then.", _course(filled, lambda each: each.seconds_p50)),
    ]
    setbacks = _course(filled, lambda each: each.rejected + each.failed + each.lost)
    if any(setbacks):
        charts.append(("Calls without a conversation", f"Rejected, failed or lost, in {width} s each.", setbacks))
    return "\n".join(_over_time(title, note, values, ends) for title, note, values in charts)


def _course(moments: Sequence[Moment | None], value: Callable[[Moment], float | None]) -> list[float | None]:
    return [None if each is None else value(each) for each in moments]


def _over_time(title: str, note: str, values: Sequence[float | None], ends: tuple[str, str]) -> str:
    known = [each for each in values if each is not None]
    highest = max(known, default=0)
    return figure(title, note, line_chart(title, f"{note}; at most {highest:,.4g}", values, ends))


def _without_pauses(moments: Sequence[Moment]) -> list[Moment | None]:
    """Moments in which nothing ended in between; None for a pause too long to be drawn."""
    filled: list[Moment | None] = [moments[0]]
    for first, second in pairwise(moments):
        begins = datetime.fromisoformat(first.time)
        missing = round((datetime.fromisoformat(second.time) - begins).total_seconds() / first.seconds) - 1
        if missing > LONGEST_PAUSE:
            filled.append(None)
        else:
            filled += [_idle(begins, first.seconds * step, first.seconds) for step in range(1, missing + 1)]
        filled.append(second)
    return filled


def _idle(begins: datetime, later: int, seconds: int) -> Moment:
    time = (begins + timedelta(seconds=later)).isoformat()
    return Moment(time=time, seconds=seconds, done=0, rejected=0, failed=0, lost=0, in_flight=None, seconds_p50=None)
