"""How an audit looks in a terminal: what was measured, then what was found, then where to go on and the verdict.

So the screen ends with what matters most. What models wrote is cut to a line and made printable.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.text import Text

from asyncgen.audit.results import (
    Audit,
    DiversityResult,
    Duplicates,
    JudgedResult,
    RuleResult,
    TellingResult,
    ValueCoverage,
)
from asyncgen.endpoint.presets import name_provider
from asyncgen.money.price import format_cost
from asyncgen.report.formatting import shorten
from asyncgen.report.verdict import broken_rules, judge
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.figures import format_count
from asyncgen.screen.rows import command_line, export_line, labelled_grid, plain_console, print_copied
from asyncgen.text import one_line, quantity

STYLES: Mapping[str, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}
MOST_CHARACTERS = 60  # of a value or a phrase
MOST_PHRASES = 3
MOST_VALUES = 6  # of a breakdown


def print_audit(audit: Audit, path: Path | None) -> None:
    """`path`: where the audit has been written, if it could be."""
    console = plain_console()
    console.print(Text(one_line(audit.output), style="bold"), soft_wrap=True)
    console.print(labelled_grid(_overview(audit)))
    console.print()
    console.print(labelled_grid(_measures(audit)))
    console.print()
    clean = [rule for rule, result in audit.rules.items() if not result.count]
    if clean:
        console.print(labelled_grid({"found in no line": ", ".join(clean)}))
    if broken := broken_rules(audit):
        console.print(_findings(broken))
    console.print()
    if path is not None:
        print_copied(console, "written", str(path))
    if broken:
        print_copied(console, "next", command_line("show", Path(audit.output), "--finding", broken[0][0]))
    else:
        print_copied(console, "next", export_line(Path(audit.output)))
    console.print(Text(one_line(judge(audit).lead), style="bold"))


def print_above(passed: Sequence[str]) -> None:
    """A sentence for each threshold that was passed; on stderr, where it disturbs no JSON."""
    sys.stdout.flush()  # it is the last word, wherever both go
    console = plain_console(stderr=True)
    for each in passed:
        console.print(Text(one_line(f"--fail-on: {each}"), style="bold red"), soft_wrap=True)


def describe_passed(audit: Audit, limits: Iterable[tuple[str, float]]) -> Iterator[str]:
    """What is above its limit; a file without a conversation is above any, because nothing can be said for it."""
    for rule, limit in limits:
        rate = audit.rules[rule].rate
        if not audit.conversations:
            yield f"{rule} cannot be told: there is no conversation in {audit.output}"
        elif rate > limit:
            yield f"{rule} {_percent(rate)} is above {_percent(limit)}"


def _overview(audit: Audit) -> Iterator[tuple[str, str]]:
    totals = audit.totals
    yield "lines", f"{audit.lines:,}, {format_count(audit.bytes)} bytes"
    if audit.runs:
        newest = audit.runs[-1]
        provider = name_provider(newest.provider, newest.base_url)
        yield "made by", f"{newest.model or 'unknown'} ({provider}), {quantity(len(audit.runs), 'run')}"
        yield "done", f"{totals.done:,} of {totals.num:,}"
    if totals.failed:
        yield "failed", _breakdown(totals.failed_by_reason)
    if totals.cost_usd is not None:
        yield "cost", format_cost(totals.cost_usd)
    for note in audit.notes:
        yield "note", note


# ---- findings


def _findings(rules: Sequence[tuple[str, RuleResult]]) -> FigureTable:
    example = "what it is, and where for example"
    table = FigureTable("", "rule", "lines", "rate", example, texts={"", "rule", example})
    for rule, result in rules:
        style = STYLES[result.severity]
        told = [result.description, *(f"line {each.line:,}: {one_line(each.evidence)}" for each in result.examples[:1])]
        cells = (f"{result.count:,}", _percent(result.rate), "\n".join(told))
        table.add_row(Text(result.severity, style=style), Text(rule, style=style), *cells)
    return table


# ---- measures


def _measures(audit: Audit) -> Iterator[tuple[str, str]]:
    if audit.coverage is not None:
        for name, values in audit.coverage.dimensions.items():
            yield name, _uses(values)
        for pair in audit.coverage.pairs:
            met = f"{pair.met:,} of {quantity(pair.planned_met, 'planned pair')}, {pair.pairs:,} possible"
            yield f"{pair.first} x {pair.second}", met
    if audit.telling is not None:
        yield from _telling(audit.telling)
    if audit.judged is not None:
        yield from judged_rows(audit.judged, "line")
    shape = audit.shape
    yield "messages", ", ".join(f"{number}: {count:,}" for number, count in shape.messages.items())
    for role, words in shape.words.items():
        mostly = f"{words.mean:,.0f} a message, {words.p5:,} to {words.p95:,} nine times of ten"
        yield f"words, {role}", f"{mostly}, {words.highest:,} at most"
    if shape.finish_reasons:
        yield "finish reasons", _breakdown(shape.finish_reasons)
    if shape.rejected:
        yield "rejected replies", _breakdown(shape.rejected)
    yield from _diversity(audit.diversity)
    if audit.grounding is not None:
        facts = audit.grounding
        outside = f"{facts.ungrounded:,} not in the knowledge base, {facts.derived:,} derived from it"
        yield "grounding", f"{quantity(facts.checked, 'fact')} looked at, {outside}"
    yield "near-duplicates", _duplicates(audit.duplicates.conversation)
    yield "  answers alone", _duplicates(audit.duplicates.assistant)


def _telling(told: TellingResult) -> Iterator[tuple[str, str]]:
    share = f"{_percent(told.told / told.asked)} of {quantity(told.asked, 'time')} that one was asked for"
    yield "statements told", f"{share}, {quantity(told.statements, 'different one')}"
    if told.judged:
        found = f"{_percent(told.supported / told.judged)} of {quantity(told.judged, 'time')} in judged conversations"
        yield "  by a judge", found
    if told.least:
        least = told.least[0]
        yield "  told least", f"{shorten(least.statement, MOST_CHARACTERS)} ({least.told:,} of {least.asked:,})"


def judged_rows(judged: JudgedResult, counted: str) -> Iterator[tuple[str, str]]:
    """`counted`: lines, of which some may be the same conversation, or conversations, each of which is judged once."""
    by = "the offline engine, which is no judge" if judged.by_engine else ", ".join(judged.judges)
    yield "judged", f"{quantity(judged.conversations, counted)} by {one_line(by)}"
    if judged.claims:
        yield "  claims", _breakdown(judged.claims)
    for name, rate in judged.questions.items():
        yield f"  {name}", _percent(rate)


def _uses(values: Sequence[ValueCoverage]) -> str:
    planned = [each for each in values if each.planned]
    used = sum(each.found > 0 for each in planned)
    counts = [each.found for each in planned] or [0]
    low, high = min(counts), max(counts)
    times = ("" if low == high else f"{low:,} to ") + quantity(high, "time")
    text = f"{used:,} of {quantity(len(planned), 'planned value')}, {times} each"
    least = min(planned, key=lambda each: each.found / each.planned, default=None)
    if least is not None and least.found < least.planned / 2:
        text += f"; least of its plan: {shorten(least.value, MOST_CHARACTERS)} ({least.found:,} of {least.planned:,})"
    return text


def _diversity(diversity: DiversityResult) -> Iterator[tuple[str, str]]:
    openers = diversity.openers
    if openers.top:
        most = openers.top[0]
        about = "" if openers.is_exact else "about "
        often = f"the most frequent in {_percent(most.share)}: {shorten(most.text, MOST_CHARACTERS)}"
        yield "openers", f"{about}{openers.different:,} different, {often}"
    for role, side in diversity.roles.items():
        figures = [f"distinct-{each.words} {each.ratio:.3f}" for each in side.distinct if each.total]
        if side.compression is not None:
            figures.append(f"compression {side.compression:.1f}")
        if figures:
            yield f"variety, {role}", ", ".join(figures)
        if side.phrases:
            phrases = [
                f"{shorten(each.text, MOST_CHARACTERS)} ({_percent(each.share)})"
                for each in side.phrases[:MOST_PHRASES]
            ]
            yield f"phrases, {role}", "; ".join(phrases)


def _duplicates(duplicates: Duplicates) -> str:
    if not duplicates.clusters:
        return f"none, from a similarity of {duplicates.threshold:g} on"
    largest = max(cluster.size for cluster in duplicates.largest)
    levels = ", ".join(f"{each.lines:,} from {each.threshold:g} on" for each in duplicates.levels)
    clusters = quantity(duplicates.clusters, "cluster")
    return f"lines that repeat another: {levels} (similarity), in {clusters} of up to {largest:,}"


# ---- figures


def _breakdown(numbers: Mapping[str, int]) -> str:
    reasons = sorted(numbers.items(), key=lambda each: -each[1])
    shown = ", ".join(f"{number:,} {reason}" for reason, number in reasons[:MOST_VALUES])
    rest = sum(number for _, number in reasons[MOST_VALUES:])
    return f"{shown}, {quantity(rest, 'other')}" if rest else shown


def _percent(share: float) -> str:
    """Nothing that is there rounds to nothing."""
    percent = share * 100
    return "<0.01 %" if 0 < percent < 0.01 else f"{percent:.2f} %"  # noqa: PLR2004
