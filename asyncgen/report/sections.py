"""What an audit says about lines and runs, as sections of the report: summary, findings, duplicates, failures, runs.

Each function takes a part of the audit and gives HTML. Words come first: a reader who sees no chart misses no result.
What it says about the whole, dimension by dimension and over time, is in `measures`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from asyncgen.audit.audit import Audit, BothDuplicates, Example, RuleResult, Totals
from asyncgen.audit.grounding import GroundingResult
from asyncgen.audit.near_duplicates import Duplicates
from asyncgen.audit.shape import ShapeResult, ValueFailures
from asyncgen.audit.timeline import Moment
from asyncgen.data.dataset import Dataset
from asyncgen.money.price import format_cost
from asyncgen.report.charts import Bar, bar_chart
from asyncgen.report.markup import Column, clock, count, figure, share, table, terms, text
from asyncgen.report.verdict import Verdict

MOST_BARS = 40
MOST_ROWS = 100
MOST_CLUSTERS = 10
WORST = 15  # values of a dimension by their failures
SHOWN_EXAMPLES = 5  # of a rule, before the reader asks for more


# ---- summary


def summary(audit: Audit, verdict: Verdict, *, unpriced: int) -> str:
    """`unpriced`: answered calls whose cost nobody reported."""
    lists = (("Good", "good", verdict.good), ("To look at", "bad", verdict.bad))
    verdicts = "".join(
        f'<div class="verdict is-{kind}"><h3>{heading}</h3>{_list(words)}</div>'
        for heading, kind, words in lists
        if words
    )
    return f'<div class="verdicts">{verdicts}</div>\n{_facts(audit, unpriced)}'


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{each}</li>" for each in items) + "</ul>"


def _facts(audit: Audit, unpriced: int) -> str:
    totals = audit.totals
    cached = f"{share(totals.cached_tokens, totals.prompt_tokens)} from a cache"
    each = f"{totals.completion_tokens / max(totals.calls, 1):,.0f} a call"
    facts = [
        ("conversations", f"{audit.conversations:,}", f"{totals.done:,} of {totals.num:,} asked for"),
        ("money", *_money(totals, unpriced)),
        ("time", *_time(audit.timeline)),
        ("calls", f"{totals.calls:,}", f"{count(totals.failed, 'index', 'indices')} failed"),
        ("tokens in", *_tokens(totals.prompt_tokens, cached)),
        ("tokens out", *_tokens(totals.completion_tokens, each)),
    ]
    return (
        '<dl class="facts">'
        + "".join(f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>" for name, value, note in facts)
        + "</dl>"
    )


def _tokens(number: int, note: str) -> tuple[str, str]:
    return (_short(number), note) if number else ("unknown", "none were reported")


def _money(totals: Totals, unpriced: int) -> tuple[str, str]:
    if totals.cost_usd is None:
        return "unknown", "no cost was reported"
    spent = format_cost(totals.cost_usd)
    if unpriced:
        return f"at least {spent}", f"that of {count(unpriced, 'call')} is unknown"
    return spent, f"{format_cost(totals.cost_usd / max(totals.done, 1))} a conversation"


def _time(moments: Sequence[Moment]) -> tuple[str, str]:
    """Pauses between runs are no time of a run."""
    if not moments:
        return "unknown", "the journal names no times"
    seconds = moments[0].seconds * len(moments)
    done = sum(each.done for each in moments)
    return str(timedelta(seconds=seconds)), f"{done / seconds:,.1f} conversations a second"


def _short(number: int) -> str:
    for size, unit in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,}"


# ---- findings


def findings(rules: Mapping[str, RuleResult], sampled: frozenset[int]) -> str:
    """Every rule that found something, gravest first; then the names of those that found nothing."""
    order = ("error", "warning", "note")
    broken = sorted(
        ((name, rule) for name, rule in rules.items() if rule.count),
        key=lambda each: (order.index(each[1].severity), -each[1].count),
    )
    clean = [f"<code>{text(name)}</code>" for name, rule in rules.items() if not rule.count]
    parts = [_rule(name, rule, sampled) for name, rule in broken]
    if clean:
        parts.append(f"<p>Found in no line: {', '.join(clean)}.</p>")
    return "\n".join(parts)


def _rule(name: str, rule: RuleResult, sampled: frozenset[int]) -> str:
    listed = _examples(rule.examples[:SHOWN_EXAMPLES], sampled)
    if more := rule.examples[SHOWN_EXAMPLES:]:
        summary = count(len(more), "further example")
        listed += f"<details><summary>{summary}</summary>{_examples(more, sampled)}</details>"
    return (
        f'<article class="rule"><h3>{text(name)} <span class="badge is-{rule.severity}">{rule.severity}</span>'
        f'<span class="amount">{count(rule.count, "line")}, {_percent(rule.rate)}</span></h3>'
        f"<p>{_sentence(rule.description)}</p>{listed}</article>"
    )


def _examples(examples: Sequence[Example], sampled: frozenset[int]) -> str:
    items = (
        f'<li>{_line_link(each.line, sampled)}<span class="evidence" dir="auto">{text(each.evidence)}</span></li>'
        for each in examples
    )
    return f'<ul class="evidence-list">{"".join(items)}</ul>' if examples else ""


def _line_link(line: int, sampled: frozenset[int]) -> str:
    return (
        f'<a href="#line-{line}">line {line:,}</a>' if line in sampled else f'<span class="muted">line {line:,}</span>'
    )


def _percent(rate: float) -> str:
    return share(rate, 1)


def _sentence(description: str) -> str:
    return text(description[:1].upper() + description[1:]) + "."


# ---- near-duplicates


def duplicates(both: BothDuplicates, sampled: frozenset[int]) -> str:
    kinds = (("Whole conversations", both.conversation), ("The assistant's side alone", both.assistant))
    return "\n".join(_duplicates(title, each, sampled) for title, each in kinds)


def _duplicates(title: str, found: Duplicates, sampled: frozenset[int]) -> str:
    likeness = f"at least {share(found.threshold, 1)} of their runs of three words in common"
    if not found.clusters:
        return f"<h3>{title}</h3><p>No two have {likeness}.</p>"
    bars = [
        Bar(f"line {each.first:,} and those like it", each.size, count(each.size, "line"), tone="warning")
        for each in found.largest[:MOST_CLUSTERS]
    ]
    rows = [
        [
            _line_link(each.first, sampled),
            f"{each.size:,}",
            ", ".join(_line_link(line, sampled) for line in each.others)
            + (", ..." if each.size > len(each.others) + 1 else ""),
        ]
        for each in found.largest
    ]
    columns = [Column("first line"), Column("lines", is_number=True), Column("the others")]
    note = f"The largest of {count(found.clusters, 'cluster')}, with {likeness}."
    chart = bar_chart(title, note, bars)
    words = (
        f"{count(found.lines, 'line repeats', 'lines repeat')} an earlier one, in {count(found.clusters, 'cluster')}."
    )
    return f"<h3>{title}</h3><p>{words}</p>" + figure(
        "Size of clusters", note, chart, numbers=table(columns, rows, "Clusters")
    )


# ---- grounding


def grounding(result: GroundingResult | None) -> str:
    if result is None:
        return "<p>Not looked at: the knowledge base of the run is not at hand.</p>"
    checked = result.checked
    words = (
        f"<p>{count(checked, 'figure, name or address', 'figures, names and addresses')} in the answers, of which "
        f"{result.ungrounded:,} ({share(result.ungrounded, checked)}) stand neither in the knowledge base nor in what "
        f"the user said, and {result.derived:,} ({share(result.derived, checked)}) can be computed from it.</p>"
    )
    topics = sorted(result.by_topic.items(), key=lambda each: -each[1].lines / max(each[1].conversations, 1))
    worst = [(topic, each) for topic, each in topics if each.lines][:MOST_BARS]
    if not worst:
        return words
    bars = [
        Bar(
            topic or "none",
            100 * each.lines / max(each.conversations, 1),
            f"{share(each.lines, each.conversations)} of {each.conversations:,}",
            tone="warning",
        )
        for topic, each in worst
    ]
    rows = [
        [
            text(topic or "none"),
            *(
                f"{number:,}"
                for number in (each.conversations, each.lines, each.checked, each.ungrounded, each.derived)
            ),
        ]
        for topic, each in topics[: 5 * MOST_ROWS]
    ]
    headings = ("conversations", "with an ungrounded one", "facts", "ungrounded", "derived")
    columns = [Column("topic"), *(Column(each, is_number=True) for each in headings)]
    note = "Share of the conversations that state something ungrounded."
    if len(worst) < len(topics):
        note += f" The worst {len(worst)} of {len(topics):,}."
    title = "Ungrounded, by topic"
    return words + figure(title, note, bar_chart(title, note, bars), numbers=table(columns, rows, title))


# ---- failures


def failures(totals: Totals, result: ShapeResult) -> str:
    if not totals.failed and not result.rejected:
        return ""
    parts = []
    if totals.failed_by_reason:
        parts.append(_reasons("Indices that failed", "No conversation came about.", totals.failed_by_reason, "error"))
    if result.rejected:
        note = "Replies that could not be used; most were asked for again."
        parts.append(_reasons("Replies rejected", note, result.rejected, "warning"))
    parts += [_failures_of(name, values) for name, values in result.failures.items()]
    return "\n".join(parts)


def _reasons(title: str, note: str, reasons: Mapping[str, int], tone: str) -> str:
    ordered = sorted(reasons.items(), key=lambda each: -each[1])[:MOST_BARS]
    bars = [Bar(reason, number, f"{number:,}", tone=tone) for reason, number in ordered]
    return figure(title, note, bar_chart(title, note, bars))


def _failures_of(name: str, values: Sequence[ValueFailures]) -> str:
    """The values that fail most, because a topic that a model refuses is a hole in the data."""
    failing = sorted(
        (each for each in values if each.failed or each.rejected),
        key=lambda each: (-sum(each.failed.values()), -sum(each.rejected.values())),
    )
    if not failing:
        return ""
    rows = [
        [text(each.value), f"{sum(each.failed.values()):,}", f"{sum(each.rejected.values()):,}", text(_most(each))]
        for each in failing[:WORST]
    ]
    columns = [Column(name), Column("failed", is_number=True), Column("rejected", is_number=True), Column("mostly")]
    return table(columns, rows, f"Failures by {name}" + (f", the worst {WORST}" if len(failing) > WORST else ""))


def _most(failures: ValueFailures) -> str:
    reasons = Counter(failures.failed) + Counter(failures.rejected)
    return reasons.most_common(1)[0][0]


# ---- runs


def runs(audit: Audit, dataset: Dataset) -> str:
    columns = [
        Column("run started"),
        Column("num", is_number=True),
        Column("provider"),
        Column("model"),
        Column("recipe"),
    ]
    rows = [
        [text(clock(run.started)), f"{run.num:,}", text(run.provider), text(run.model or "unknown"), text(run.recipe)]
        for run in audit.runs[-MOST_ROWS:]
    ]
    parts = [table(columns, rows, "Runs, oldest first")] if rows else []
    header = dataset.header
    if header is not None:
        digests = [(f"digest of {name}", f"<code>{text(digest)}</code>") for name, digest in header.digests.items()]
        seed = "none" if header.seed is None else f"{header.seed}"
        parts.append(terms([("sampling", text(header.sampling)), ("seed", seed), *digests]))
    parts += [f"<p>{text(note)}</p>" for note in audit.notes]
    return "\n".join(parts)
