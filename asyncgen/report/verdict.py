"""An audit in words: what is good about a data set, what should be looked at, and a sentence that sums it up.

Nothing is measured anew. Errors and warnings are what to look at; notes are worth knowing and no reason to warn.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from asyncgen.audit.audit import Audit
from asyncgen.audit.coverage import ValueCoverage
from asyncgen.data.state import RunReport
from asyncgen.report.markup import count, share, shorten, text

EVEN = 0.1  # a value this far off its plan, as a share of it, still counts as evenly used
NAMED = 3  # rules in the paragraph
QUOTED = 60  # characters of an opener


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lead` is a sentence of plain text, the rest HTML."""

    lead: str
    good: tuple[str, ...]
    bad: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Remark:
    is_good: bool
    words: str


def judge(audit: Audit) -> Verdict:
    remarks = [*_on_plan(audit), *_on_coverage(audit), *_on_rules(audit), *_on_diversity(audit)]
    good = tuple(each.words for each in remarks if each.is_good)
    bad = tuple(each.words for each in remarks if not each.is_good)
    return Verdict(_lead(audit, bad), good, bad)


def _lead(audit: Audit, bad: tuple[str, ...]) -> str:
    models = ", ".join(dict.fromkeys(map(_writer, audit.runs)))
    what = count(audit.conversations, "conversation") + (f" by {models}" if models else "")
    if not audit.conversations:
        return "There is no conversation in it yet."
    if not bad:
        return f"{what}. Nothing in it asks for attention."
    broken = [(name, rule.rate) for name, rule in audit.rules.items() if rule.count and rule.severity != "note"]
    if not broken:
        return f"{what}. No line breaks a rule that matters; {count(len(bad), 'point')} to look at below."
    worst = sorted(broken, key=lambda each: -each[1])[:NAMED]
    named = ", ".join(f"{name} ({share(rate, 1)})" for name, rate in worst)
    more = " and more" if len(broken) > len(worst) else ""
    return f"{what}. Before training on it, look at {named}{more}."


def _writer(run: RunReport) -> str:
    """The offline engine writes whatever model is named in the recipe."""
    return "the offline engine" if run.provider == "offline" else run.model or "an unknown model"


def _on_plan(audit: Audit) -> Iterator[_Remark]:
    totals = audit.totals
    if totals.pending or totals.failed:
        left = f"{totals.done:,} of {count(totals.num, 'conversation')} are there"
        yield _Remark(False, f"{left}: {totals.pending:,} are still to do and {totals.failed:,} failed.")
    elif totals.num:
        yield _Remark(True, f"All {count(totals.num, 'conversation')} that were asked for are there.")


def _on_coverage(audit: Audit) -> Iterator[_Remark]:
    if audit.coverage is None:
        return
    for pair in audit.coverage.pairs:
        names = f"{text(pair.first)} and {text(pair.second)}"
        if pair.met < pair.planned_met:
            missing = f"{pair.planned_met - pair.met:,} of {count(pair.planned_met, 'planned pair')}"
            yield _Remark(False, f"{missing} of {names} not found.")
        elif pair.met:
            yield _Remark(True, f"Every planned pair of {names} occurs: {pair.met:,}.")
    short = [each for values in audit.coverage.dimensions.values() for each in values if _is_short(each)]
    if short:
        worst = min(short, key=lambda each: each.found / each.planned)
        words = f"{count(len(short), 'value')} of a dimension occur far less often than planned, first of all"
        yield _Remark(False, f"{words} &ldquo;{text(worst.value)}&rdquo; ({worst.found:,} of {worst.planned:,}).")


def _is_short(value: ValueCoverage) -> bool:
    return value.found < (1 - EVEN) * value.planned - 1


def _on_rules(audit: Audit) -> Iterator[_Remark]:
    """Errors first, then what is more frequent; notes are told where the whole is."""
    rules = {name: rule for name, rule in audit.rules.items() if rule.severity != "note"}
    broken = sorted(
        ((name, rule) for name, rule in rules.items() if rule.count),
        key=lambda each: (each[1].severity != "error", -each[1].count),
    )
    for name, rule in broken:
        lines = f"{count(rule.count, 'line')} ({share(rule.rate, 1)})"
        yield _Remark(False, f"<strong>{text(name)}</strong> in {lines}: {text(rule.description)}.")
    if clean := [name for name, rule in rules.items() if not rule.count]:
        yield _Remark(True, f"{count(len(clean), 'rule')} found nothing: {', '.join(map(text, clean))}.")


def _on_diversity(audit: Audit) -> Iterator[_Remark]:
    openers, stock = audit.diversity.openers, audit.diversity.stock
    if openers.top:
        most = openers.top[0]
        words = f"The most frequent first message opens {share(most.share, 1)} of the conversations"
        if most.share > openers.limit:
            yield _Remark(False, f"{words}: &ldquo;{text(shorten(most.text, QUOTED))}&rdquo;.")
        else:
            yield _Remark(True, f"{words}.")
    if stock:
        where = f"more than {share(audit.diversity.stock_share, 1)} of the conversations"
        words = f"{count(len(stock), 'phrase stands', 'phrases stand')} in {where}"
        yield _Remark(False, f"{words}, first of all &ldquo;{text(stock[0].text)}&rdquo;.")
