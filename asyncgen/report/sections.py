"""What an audit says, as the sections of a report. Words come first: a reader who sees no chart misses no result.

Recipes may have thousands of values, so every chart and table has its bound, and says what it leaves out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise

import msgspec

from asyncgen.audit.results import (
    Audit,
    BothDuplicates,
    Counted,
    CoverageResult,
    Distribution,
    DiversityResult,
    Duplicates,
    GroundingResult,
    JudgedResult,
    Moment,
    PairCoverage,
    ShapeResult,
    TellingResult,
    TopicGrounding,
    Totals,
    ValueCoverage,
)
from asyncgen.data.dataset import Dataset
from asyncgen.endpoint.presets import OFFLINE, name_provider
from asyncgen.money.price import FREE, format_cost
from asyncgen.output.ledger import Ledger
from asyncgen.report.blocks import Block, Facts, Figure, Findings, Fold, Heading, LineNumbers, Paragraph, Table, Terms
from asyncgen.report.charts import Bar, Bars, Cell, HeatMap, Histogram, LineChart, letter
from asyncgen.report.formatting import capital, clock, share
from asyncgen.report.verdict import Verdict, broken_rules
from asyncgen.text import quantity

MOST_BARS = 40
MOST_ROWS = 100
MOST_VALUES = 500  # rows of a table that a reader unfolds
MOST_COLUMNS = 26
MOST_CLUSTERS = 10
MOST_PHRASES = 12
WORST = 15  # values of a dimension by their failures
IDLE = Moment(time="", seconds=0, done=0, rejected=0, failed=0, lost=0, in_flight=None, seconds_p50=None)
LONGEST_PAUSE = 20  # buckets without any call that are drawn; a longer pause is a gap of one


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    heading: str
    blocks: Sequence[Block]


def make_sections(audit: Audit, dataset: Dataset, verdict: Verdict) -> list[Section]:
    """Those that have something to say. Each is described by a function of its own, below."""
    clean = [name for name, rule in audit.rules.items() if not rule.count]
    contents: list[tuple[str, str, Iterable[Block]]] = [
        ("summary", "In short", (verdict, Facts(list(key_figures(audit, dataset.ledger))))),
        ("findings", "Findings", (Findings(broken_rules(audit), clean),) if audit.rules else ()),
        ("coverage", "Coverage", describe_coverage(audit.coverage)),
        ("telling", "Statements told", describe_telling(audit.telling)),
        ("judged", "Judged", describe_judged(audit.judged)),
        ("shape", "Shape", describe_shape(audit.shape)),
        ("diversity", "Diversity", describe_diversity(audit.diversity)),
        ("duplicates", "Near-duplicates", describe_duplicates(audit.duplicates, audit.conversations)),
        ("grounding", "Grounding", describe_grounding(audit.grounding)),
        ("failures", "Failures", describe_failures(audit.totals, audit.shape)),
        ("time", "Throughput", describe_timeline(audit.timeline)),
        ("runs", "What was run", describe_runs(audit, dataset)),
    ]
    sections = [Section(key, heading, list(blocks)) for key, heading, blocks in contents]
    return [each for each in sections if each.blocks]


# ---- summary


def key_figures(audit: Audit, ledger: Ledger) -> Iterator[tuple[str, str, str]]:
    totals, moments, unpriced = audit.totals, audit.timeline, ledger.totals.unpriced
    yield "conversations", f"{audit.conversations:,}", f"{totals.done:,} of {totals.num:,} asked for"
    if ledger.headers and all(each.provider == OFFLINE for each in ledger.headers):
        yield "money", FREE, "the offline engine answered"
    elif totals.cost_usd is None:
        yield "money", "unknown", "no cost was reported"
    elif unpriced:
        yield "money", f"at least {format_cost(totals.cost_usd)}", f"that of {quantity(unpriced, 'call')} is unknown"
    else:
        each = format_cost(totals.cost_usd / max(totals.done, 1))
        yield "money", format_cost(totals.cost_usd), f"{each} a conversation"
    if billed := ledger.describe_tiers():
        (tier, _), *_ = ledger.totals.tiers.most_common(1)
        yield "service tier", tier or "not told", billed
    if moments:
        seconds = moments[0].seconds * len(moments)  # pauses between runs are no time of a run
        rate = sum(each.done for each in moments) / seconds
        yield "time", f"{timedelta(seconds=seconds)}", f"{rate:,.1f} conversations a second"
    else:
        yield "time", "unknown", "the journal names no times"
    yield "calls", f"{totals.calls:,}", f"{quantity(totals.failed, 'index', 'indices')} failed"
    cached = f"{share(totals.cached_tokens, totals.prompt_tokens)} from a cache"
    yield "tokens in", *_tokens(totals.prompt_tokens, cached)
    yield (
        "tokens out",
        *_tokens(totals.completion_tokens, f"{totals.completion_tokens / max(totals.calls, 1):,.0f} a call"),
    )


def _tokens(number: int, note: str) -> tuple[str, str]:
    if not number:
        return "unknown", "none were reported"
    for size, unit in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:,.1f} {unit}", note
    return f"{number:,}", note


# ---- coverage


def describe_coverage(result: CoverageResult | None) -> Iterator[Block]:
    if result is None:
        return
    if result.pairs:
        yield Heading("Pairs of values")
        rows = [(f"{each.first} and {each.second}", each.pairs, each.planned_met, each.met) for each in result.pairs]
        yield Table("Pairs of values that occur together", ["pair"], ["possible", "planned", "found"], rows)
        for pair in result.pairs:
            if pair.matrix:
                yield _pair(pair, pair.matrix, result.dimensions)
    yield Heading("Single values")
    for name, values in result.dimensions.items():
        yield _dimension(name, values)


def describe_telling(result: TellingResult | None) -> Iterator[Block]:
    if result is None:
        return
    yield Paragraph(
        f"What was to be told: {quantity(result.statements, 'statement')}, {quantity(result.asked, 'time')} in all. In "
        f"{_percent(result.told / result.asked)} of these the answers hold the figures of the statement and most of "
        "its words."
    )
    judged = ["judged", "found by the judge"] if result.judged else []
    if judged:
        found = _percent(result.supported / result.judged)
        yield Paragraph(
            f"Of {quantity(result.judged, 'time')} in conversations that were judged, the judge found it in {found}."
        )
    if result.least:
        rows = [
            (each.statement, each.asked, each.told, *((each.judged, each.supported) if judged else ()))
            for each in result.least
        ]
        yield Table("Statements told least", ["statement"], ["asked for", "told", *judged], rows)


def describe_judged(result: JudgedResult | None) -> Iterator[Block]:
    if result is None:
        return
    by = "the offline engine, which is no judge" if result.by_engine else ", ".join(result.judges)
    text = f"{quantity(result.conversations, 'conversation')} judged by {by}."
    if count := sum(result.claims.values()):
        verdicts = ", ".join(f"{number:,} {verdict}" for verdict, number in result.claims.items())
        text += f" Of {quantity(count, 'claim')} against the knowledge base: {verdicts}."
    yield Paragraph(text)
    rows = [(name, _percent(rate)) for name, rate in result.questions.items()]
    yield Table("Answered with yes", ["question"], ["of the conversations"], rows)


def _percent(share: float) -> str:
    """To a tenth, whole or not, as figures of one table are."""
    return f"{share:.1%}".replace("%", " %")


def _pair(
    pair: PairCoverage, matrix: Sequence[Sequence[int]], dimensions: Mapping[str, Sequence[ValueCoverage]]
) -> Figure:
    """The longer side goes down the page."""
    rows, columns = pair.first, pair.second
    if len(dimensions[rows]) < len(dimensions[columns]):
        matrix, rows, columns = list(zip(*matrix, strict=True)), columns, rows
    down, across = dimensions[rows][:MOST_ROWS], dimensions[columns][:MOST_COLUMNS]
    counts = [row[: len(across)] for row in matrix[: len(down)]]
    all_planned = pair.planned_met == pair.pairs
    average = sum(map(sum, counts)) / max(len(down) * len(across), 1)
    cells = [
        [Cell(count, count / average / 2 if average else 0, missing=all_planned and not count) for count in row]
        for row in counts
    ]
    title = f"{rows} and {columns}"
    note = "Conversations for each pair. Of middle tone is the average; paler is less, darker is more."
    if any(cell.missing for row in cells for cell in row):
        note += " Outlined in red: planned and not there."
    if len(down) < len(dimensions[rows]) or len(across) < len(dimensions[columns]):
        note += f" The first {len(down)} by {len(across)} of {len(dimensions[rows]):,} by {len(dimensions[columns]):,}."
    names = [each.value for each in down]
    table = Table(
        f"Conversations by {title}",
        [rows],
        [letter(number) for number in range(len(across))],
        [(name, *(cell.value for cell in row)) for name, row in zip(names, cells, strict=True)],
    )
    return Figure(
        capital(title),
        note,
        HeatMap(names, cells),
        table,
        key=[each.value for each in across],
        description=f"{pair.met:,} of {quantity(pair.planned_met, 'planned pair')} found",
    )


def _dimension(name: str, values: Sequence[ValueCoverage]) -> Figure:
    """Bars for groups, if it has any; the table has the values, the furthest below the plan where not all fit."""
    groups: dict[str, tuple[int, int]] = {}
    for each in values:
        planned, found = groups.get(each.group, (0, 0))
        groups[each.group] = planned + each.planned, found + each.found
    what, shown = "group", [(group, *counts) for group, counts in groups.items()]
    if len(groups) == 1:
        what, shown = "value", [(each.value, each.planned, each.found) for each in values]
    note = f"Conversations for each {what}; the mark is what was planned."
    if len(shown) > MOST_BARS:
        note += f" The first {MOST_BARS} of {len(shown):,}."
    bars = [
        Bar(
            label,
            found,
            f"{found:,}" if found == planned else f"{found:,} of {planned:,}",
            planned,
            "error" if found < planned / 2 else "",
        )
        for label, planned, found in shown[:MOST_BARS]
    ]
    if len(values) > MOST_VALUES:
        values = sorted(values, key=lambda each: each.found / max(each.planned, 1))[:MOST_VALUES]
    rows = [(each.value, each.group, each.planned, each.found) for each in values]
    table = Table(f"Values of {name}", [name, "group"], ["planned", "found"], rows)
    return Figure(capital(name), note, Bars(bars), table)


# ---- shape


def describe_shape(result: ShapeResult) -> Iterator[Block]:
    numbers = sorted(result.messages.items())
    columns = [(f"{length:,}", number) for length, number in numbers[:MOST_COLUMNS]]
    if rest := sum(number for _, number in numbers[MOST_COLUMNS:]):
        columns.append(("more", rest))
    title = "Messages in a conversation"
    table = Table(title, ["messages"], ["number"], columns)
    yield Figure(title, "Questions and answers both counted.", Histogram(columns), table)
    for role, words in result.words.items():
        yield _distribution(f"Words in a message of the {role}", words)
    if result.conversation_words is not None:
        yield _distribution("Words in a conversation", result.conversation_words)
    if result.turns:
        rows = [
            (each.value, ", ".join(f"{quantity(number, 'conversation')} of {length:,}" for length, number in lengths))
            for each in result.turns[:MOST_ROWS]
            if (lengths := sorted(each.found.items())[:MOST_COLUMNS])
        ]
        listed = Table("Values that name a number of messages", ["value", "messages"], [], rows)
        yield Fold("Messages, by what was asked for", listed)
    yield from _tally("Finish reasons", "reason", result.finish_reasons)
    yield from _tally("Models that answered", "model", result.models)
    asks = {f"{asks:,}": number for asks, number in result.asks.items()}
    yield from _tally("Asks until there was a conversation", "asks", asks)


def _distribution(title: str, words: Distribution) -> Figure:
    note = (
        f"Half have {words.median:,} or fewer, nine in ten from {words.p5:,} to {words.p95:,}; "
        f"the longest has {words.highest:,}."
    )
    rows = [
        (f"{each.first:,}" if each.first == each.last else f"{each.first:,} to {each.last:,}", each.count)
        for each in words.bins
    ]
    columns = [(f"{each.first:,}", each.count) for each in words.bins]
    return Figure(title, note, Histogram(columns), Table(title, ["words"], ["number"], rows))


def _tally(title: str, heading: str, numbers: Mapping[str, int]) -> Iterator[Block]:
    """A table; a sentence where all are one."""
    if len(numbers) == 1:
        ((name, number),) = numbers.items()
        yield Paragraph(f"{title}: {name}, {quantity(number, 'time')}.")
    elif numbers:
        whole = sum(numbers.values())
        rows = [(name, number, share(number, whole)) for name, number in islice(numbers.items(), MOST_ROWS)]
        yield Table(title, [heading], ["number", "share"], rows)


# ---- diversity


def describe_diversity(result: DiversityResult) -> Iterator[Block]:
    if not result.lines:
        return
    openers = result.openers
    different = ("" if openers.is_exact else "at least ") + quantity(openers.different, "different way")
    yield Paragraph(f"{quantity(result.lines, 'conversation')}, opened in {different}.")
    yield from _most_frequent(
        "Most frequent first messages", "Share of the conversations that open so.", openers.top[:MOST_PHRASES]
    )
    sizes = sorted({each.words for role in result.roles.values() for each in role.distinct})
    varieties = []
    for role, side in result.roles.items():
        ratios = {each.words: f"{each.ratio:.3f}" for each in side.distinct}
        compression = "" if side.compression is None else f"{side.compression:.2f}"
        varieties.append((role, *(ratios.get(size, "") for size in sizes), compression))
    yield Table(
        "Variety of words: distinct-n falls as a file grows; compression is 2 to 3 for prose and rises with repetition",
        ["role"],
        [*(f"distinct-{size}" for size in sizes), "compression"],
        varieties,
    )
    for role, side in result.roles.items():
        note = "Share of the conversations with these four words in a row."
        yield from _most_frequent(f"Phrases that the {role} repeats", note, side.phrases[:MOST_PHRASES])
    for name, values in result.by_value.items():
        if values:
            first = sorted(
                ((value, each[0]) for value, each in values.items() if each), key=lambda pair: -pair[1].share
            )
            rows = [(value, each.text, share(each.share)) for value, each in first[:MOST_ROWS]]
            title = f"The most repeated phrase for each value of {name}"
            yield Fold(f"Phrases by {name}", Table(title, [name, "phrase of the assistant"], ["share"], rows))


def _most_frequent(title: str, note: str, texts: Sequence[Counted]) -> Iterator[Block]:
    if texts:
        bars = [Bar(each.text, each.share, f"{share(each.share)}, {each.lines:,}") for each in texts]
        rows = [(each.text, each.lines, share(each.share)) for each in texts]
        yield Figure(title, note, Bars(bars), Table(title, ["text"], ["lines", "share"], rows))


# ---- near-duplicates


def describe_duplicates(both: BothDuplicates, conversations: int) -> Iterator[Block]:
    yield from _clusters("The assistant's side alone", both.assistant, conversations)
    yield from _clusters("Whole conversations", both.conversation, conversations)


def _clusters(title: str, found: Duplicates, conversations: int) -> Iterator[Block]:
    yield Heading(title)
    likeness = f"at least {share(found.threshold)} of their runs of three words in common"
    if not found.clusters:
        yield Paragraph(f"No two have {likeness}.")
        return
    clusters = quantity(found.clusters, "cluster")
    yield Paragraph(f"{quantity(found.lines, 'line repeats', 'lines repeat')} an earlier one, in {clusters}.")
    levels = [(f"{each.threshold:g}", each.lines, share(each.lines / conversations)) for each in found.levels]
    yield Table("Lines that repeat an earlier one", ["from a similarity of"], ["lines", "share"], levels)
    bars = [
        Bar(f"line {each.first:,} and those like it", each.size, quantity(each.size, "line"), tone="warning")
        for each in found.largest[:MOST_CLUSTERS]
    ]
    rows = [
        (LineNumbers([each.first]), LineNumbers(each.others, is_cut=each.size > len(each.others) + 1), each.size)
        for each in found.largest
    ]
    note = f"The largest of {clusters}, with {likeness}."
    table = Table("Clusters", ["first line", "the others"], ["lines"], rows)
    yield Figure("Size of clusters", note, Bars(bars), table, description=f"{title}. {note}")


# ---- grounding


def describe_grounding(result: GroundingResult | None) -> Iterator[Block]:
    if result is None:
        yield Paragraph("Not looked at: the knowledge base of the run is not at hand.")
        return
    checked = result.checked
    yield Paragraph(
        f"{quantity(checked, 'figure, name or address', 'figures, names and addresses')} in the answers; neither in "
        f"the knowledge base nor in what the user said: {result.ungrounded:,} ({share(result.ungrounded, checked)}); "
        f"can be computed from it: {result.derived:,} ({share(result.derived, checked)})."
    )
    topics = [(topic or "none", each) for topic, each in result.by_topic.items()]
    topics.sort(key=lambda topic: -_ungrounded_share(topic[1]))
    worst = [(topic, each) for topic, each in topics if each.lines][:MOST_BARS]
    if not worst:
        return
    bars = [
        Bar(
            topic,
            _ungrounded_share(each),
            f"{share(each.lines, each.conversations)} of {each.conversations:,}",
            tone="warning",
        )
        for topic, each in worst
    ]
    rows = [
        (topic, each.conversations, each.lines, each.checked, each.ungrounded, each.derived)
        for topic, each in topics[:MOST_VALUES]
    ]
    headings = ["conversations", "with an ungrounded one", "facts", "ungrounded", "derived"]
    note = "Share of the conversations that state something ungrounded."
    if len(worst) < len(topics):
        note += f" The worst {len(worst)} of {len(topics):,}."
    title = "Ungrounded, by topic"
    yield Figure(title, note, Bars(bars), Table(title, ["topic"], headings, rows))


def _ungrounded_share(topic: TopicGrounding) -> float:
    return topic.lines / max(topic.conversations, 1)


# ---- failures


def describe_failures(totals: Totals, result: ShapeResult) -> Iterator[Block]:
    if not totals.failed and not result.rejected:
        return
    yield from _reasons("Indices that failed", "No conversation came about.", totals.failed_by_reason, "error")
    note = "Replies that could not be used; most were asked for again."
    yield from _reasons("Replies rejected", note, result.rejected, "warning")
    for name, values in result.failures.items():
        failing = [(each.value, Counter(each.failed), Counter(each.rejected)) for each in values]
        failing = [each for each in failing if each[1] or each[2]]
        failing.sort(key=lambda each: (-each[1].total(), -each[2].total()))
        if failing:  # those that fail most, because a topic that a model refuses is a hole in the data
            rows = [
                (value, (failed + rejected).most_common(1)[0][0], failed.total(), rejected.total())
                for value, failed, rejected in failing[:WORST]
            ]
            caption = f"Failures by {name}" + (f", the worst {WORST}" if len(failing) > WORST else "")
            yield Table(caption, [name, "mostly"], ["failed", "rejected"], rows)


def _reasons(title: str, note: str, reasons: Mapping[str, int], tone: str) -> Iterator[Block]:
    if reasons:
        ordered = sorted(reasons.items(), key=lambda each: -each[1])[:MOST_BARS]
        yield Figure(title, note, Bars([Bar(reason, number, f"{number:,}", tone=tone) for reason, number in ordered]))


# ---- time


def describe_timeline(moments: Sequence[Moment]) -> Iterator[Block]:
    if not moments:
        return
    filled = _without_pauses(moments)
    ends = clock(moments[0].time), clock(moments[-1].time)
    width = moments[0].seconds

    def course(title: str, note: str, value: Callable[[Moment], float | None]) -> Figure:
        values = [None if each is None else value(each) for each in filled]
        highest = max((each for each in values if each is not None), default=0)
        return Figure(title, note, LineChart(values, ends), description=f"{note} At most {highest:,.4g}.".strip())

    yield course("Conversations a second", "", lambda each: each.done / width)
    yield course("Calls in flight", "Of the calls that ended then, on average.", lambda each: each.in_flight)
    yield course("Seconds a call", "Median of the calls that ended then.", lambda each: each.seconds_p50)
    if any(each.rejected or each.failed or each.lost for each in moments):
        yield course(
            "Calls without a conversation",
            f"Rejected, failed or lost, in {width} s each.",
            lambda each: each.rejected + each.failed + each.lost,
        )


def _without_pauses(moments: Sequence[Moment]) -> list[Moment | None]:
    """Moments in which nothing ended in between; None for a pause too long to be drawn."""
    filled: list[Moment | None] = [moments[0]]
    for first, second in pairwise(moments):
        begins, seconds = datetime.fromisoformat(first.time), first.seconds
        missing = round((datetime.fromisoformat(second.time) - begins).total_seconds() / seconds) - 1
        if missing > LONGEST_PAUSE:
            filled.append(None)
        else:
            times = [begins + timedelta(seconds=seconds * step) for step in range(1, missing + 1)]
            filled += [msgspec.structs.replace(IDLE, time=each.isoformat(), seconds=seconds) for each in times]
        filled.append(second)
    return filled


# ---- runs


def describe_runs(audit: Audit, dataset: Dataset) -> Iterator[Block]:
    if audit.runs:
        rows = [
            (clock(run.started), name_provider(run.provider), run.model or "unknown", run.recipe, run.num)
            for run in audit.runs[-MOST_ROWS:]
        ]
        yield Table("Runs, oldest first", ["run started", "provider", "model", "recipe"], ["num"], rows)
    header = dataset.header
    if header is not None:
        seed = "none" if header.seed is None else f"{header.seed}"
        digests = {f"digest of {name}": digest for name, digest in header.digests.items()}
        yield Terms({"sampling": header.sampling, "seed": seed, **digests})
    for note in audit.notes:
        yield Paragraph(note)
