"""An audit in words: what is good about a data set, what should be looked at, and a sentence that sums it up.

Nothing is measured anew. Errors and warnings are what to look at; notes are worth knowing and no reason to warn.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from asyncgen.audit.results import Audit, RuleResult
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.report.formatting import share, shorten
from asyncgen.text import quantity

SEVERITIES = ("error", "warning", "note")  # the gravest first
EVEN = 0.1  # a value this far off its plan, as a share of it, still counts as evenly used
NAMED = 3  # rules in the paragraph
QUOTED = 60  # characters of an opener


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence; of one about a rule, what follows its name."""

    is_good: bool
    words: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lead`: the sentence that sums it up."""

    lead: str
    good: tuple[Remark, ...]
    bad: tuple[Remark, ...]


def judge(audit: Audit) -> Verdict:
    remarks = [*_on_coverage(audit), *_on_content(audit)]
    good = tuple(each for each in remarks if each.is_good)
    bad = tuple(each for each in remarks if not each.is_good)
    # The offline engine writes whatever model is named in the recipe.
    writers = [
        "the offline engine" if run.provider == OFFLINE else run.model or "an unknown model" for run in audit.runs
    ]
    models = ", ".join(dict.fromkeys(writers))
    what = quantity(audit.conversations, "conversation") + (f" by {models}" if models else "")
    broken = [(name, rule.rate) for name, rule in audit.rules.items() if rule.count and rule.severity != "note"]
    worst = sorted(broken, key=lambda each: -each[1])[:NAMED]
    if not audit.conversations:
        lead = "There is no conversation in it yet."
    elif not bad:
        lead = f"{what}. Nothing in it asks for attention."
    elif not broken:
        lead = f"{what}. No line breaks a rule that matters; {quantity(len(bad), 'point')} to look at below."
    else:
        named = ", ".join(f"{name} ({share(rate)})" for name, rate in worst)
        more = " and more" if len(broken) > len(worst) else ""
        lead = f"{what}. Before training on it, look at {named}{more}."
    return Verdict(lead, good, bad)


def broken_rules(audit: Audit) -> list[tuple[str, RuleResult]]:
    """Those that found something, the gravest and most frequent first."""
    broken = [(name, rule) for name, rule in audit.rules.items() if rule.count]
    return sorted(broken, key=lambda each: (SEVERITIES.index(each[1].severity), -each[1].count))


def _on_coverage(audit: Audit) -> Iterator[Remark]:
    """Of what was asked for, how much is there."""
    totals = audit.totals
    if totals.pending or totals.failed:
        done = f"There: {totals.done:,} of {quantity(totals.num, 'conversation')}"
        yield Remark(False, f"{done}; still to do: {totals.pending:,}; failed: {totals.failed:,}.")
    elif totals.num:
        yield Remark(True, f"All that was asked for is there: {quantity(totals.num, 'conversation')}.")
    if audit.coverage is None:
        return
    for pair in audit.coverage.pairs:
        if pair.met < pair.planned_met:
            missing = f"{pair.planned_met - pair.met:,} of {quantity(pair.planned_met, 'planned pair')}"
            yield Remark(False, f"{missing} of {pair.first} and {pair.second} not found.")
    if whole := [each for each in audit.coverage.pairs if each.met and each.met >= each.planned_met]:
        names = list(dict.fromkeys(name for each in whole for name in (each.first, each.second)))
        of = f"of {quantity(len(whole), 'pair')} of dimensions" if len(whole) > 1 else f"of {' and '.join(names)}"
        yield Remark(True, f"Every planned pair {of} occurs: {sum(each.met for each in whole):,}.")
    values = [each for values in audit.coverage.dimensions.values() for each in values]
    if short := [each for each in values if each.found < (1 - EVEN) * each.planned - 1]:
        worst = min(short, key=lambda each: each.found / each.planned)
        words = f"Far less often than planned: {quantity(len(short), 'value')} of a dimension, first of all"
        yield Remark(False, f"{words} “{worst.value}” ({worst.found:,} of {worst.planned:,}).")


def _on_content(audit: Audit) -> Iterator[Remark]:
    """What breaks a rule, notes aside, which are told where the whole is; and what is said again and again."""
    for name, rule in broken_rules(audit):
        if rule.severity != "note":
            lines = f"{quantity(rule.count, 'line')} ({share(rule.rate)})"
            yield Remark(False, f"in {lines}: {rule.description}.", rule=name)
    if clean := [name for name, rule in audit.rules.items() if rule.severity != "note" and not rule.count]:
        yield Remark(True, f"{quantity(len(clean), 'rule')} found nothing: {', '.join(clean)}.")
    openers, stock = audit.diversity.openers, audit.diversity.stock
    if openers.top:
        most = openers.top[0]
        words = f"The most frequent first message opens {share(most.share)} of the conversations"
        if most.share > openers.limit:
            yield Remark(False, f"{words}: “{shorten(most.text, QUOTED)}”.")
        else:
            yield Remark(True, f"{words}.")
    if stock:
        where = f"more than {share(audit.diversity.stock_share)} of the conversations"
        words = f"{quantity(len(stock), 'phrase stands', 'phrases stand')} in {where}"
        yield Remark(False, f"{words}, first of all “{stock[0].text}”.")
