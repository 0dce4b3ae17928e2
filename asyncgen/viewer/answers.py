"""What the page of `view` is told, as JSON: conversations, what can be chosen, and how a run gets on.

All text is sent as it is and becomes text there, never markup. A conversation has an allowance of characters, so that
a page of ten stays one that a browser shows at once.
"""

import shlex
from pathlib import Path

import msgspec

from asyncgen.audit.judged import RULE as JUDGED
from asyncgen.conversation import Conversation
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.money.price import FREE, format_cost
from asyncgen.recipe.scenario import Drawn
from asyncgen.report.sample import SampledMessage, cut_messages
from asyncgen.text import one_line
from asyncgen.viewer.catalogue import Catalogue
from asyncgen.viewer.findings import FoundRule
from asyncgen.viewer.store import Known

MOST_OFFERED = 2_000  # values of a dimension to choose from; of more, their groups alone
ALLOWANCE = 200_000  # characters of a conversation


class ShownFinding(msgspec.Struct, frozen=True, kw_only=True):
    """`evidence`: what the audit quotes of this line, for few lines anything. `like`: the line that it repeats."""

    rule: str
    severity: str
    evidence: list[str]
    like: int | None


class ShownConversation(msgspec.Struct, frozen=True, kw_only=True):
    """`scenario`: by dimension its values, each behind its group. `omitted`: messages left out at the end.

    `questions`: those that a judge has answered, with a person's answers.
    """

    line: int
    index: int | None
    is_conversation: bool
    dropped: bool
    scenario: dict[str, Drawn]
    model: str | None
    finish_reason: str | None
    asks: int | None
    findings: list[ShownFinding]
    questions: dict[str, bool | None]
    messages: list[SampledMessage]
    omitted: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that fit. `start`: how many fit before them, `total`: in all that have been `searched`, of `lines`."""

    generation: int
    start: int
    total: int
    searched: int
    lines: int
    conversations: list[ShownConversation]


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """`changed`: conversations whose mark is another one. `undo`: by which that can be asked for again."""

    changed: int
    undo: str


class ShownGroup(msgspec.Struct, frozen=True):
    name: str
    values: list[str]


class ShownDimension(msgspec.Struct, frozen=True):
    name: str
    groups: list[ShownGroup]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen. `audit`: which findings are known, and which command finds more.

    `asked`: what a judge was asked, by name of the question.
    """

    dimensions: list[ShownDimension]
    models: list[str]
    rules: list[FoundRule]
    audit: str
    is_judged: bool
    asked: dict[str, str]
    notes: list[str]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far everything is. `options`: changes with them. `rate`: conversations a minute, None while nobody knows.

    `num`: conversations asked for, 0 without a journal. `cost`: in US dollars, None while none is known;
    `unpriced`: calls whose cost is not in it.
    """

    generation: int
    options: int
    lines: int
    read: int
    size: int
    is_whole: bool
    num: int
    done: int
    failed: int
    pending: int
    calls: int
    cost: str | None
    unpriced: int
    dropped: int
    rate: float | None


def show_conversation(catalogue: Catalogue, known: Known) -> ShownConversation:
    conversation = catalogue.read(known)
    messages = cut_messages(conversation or (), ALLOWANCE)
    found, audited = catalogue.store.findings_of(known.line), catalogue.findings
    return ShownConversation(
        line=known.line,
        index=known.index,
        is_conversation=conversation is not None,
        dropped=known.is_dropped,
        scenario=catalogue.scenario(known),
        model=None if known.call is None else known.call.model,
        finish_reason=None if known.call is None else known.call.finish_reason,
        asks=None if known.call is None else known.call.asks,
        findings=[
            ShownFinding(
                rule=name,
                severity=rule.severity,
                evidence=_evidence_of(catalogue, name, known.line, conversation) if found[name] is None else [],
                like=found[name],
            )
            for name, rule in audited.rules.items()  # in the order of the audit
            if name in found
        ],
        questions={} if conversation is None else catalogue.labelling.answers_of(conversation),
        messages=messages,
        omitted=len(conversation or ()) - len(messages),
    )


def _evidence_of(catalogue: Catalogue, rule: str, line: int, conversation: Conversation | None) -> list[str]:
    """As far as it is at hand."""
    if rule == JUDGED and conversation is not None:
        return catalogue.labelling.evidence_of(conversation)
    return catalogue.findings.evidence.get((rule, line), [])


def show_options(catalogue: Catalogue, command: str, auditing: str = "") -> Options:
    dimensions = []
    for values in catalogue.follower.plans.dimensions.values():
        groups: dict[str, list[str]] = {}
        for group, value in values.listed:
            offered = groups.setdefault(group, [])
            if len(values.listed) <= MOST_OFFERED:
                offered.append(value)
        if len(values.listed) > MOST_OFFERED and [*groups] == [""]:
            continue
        dimensions.append(ShownDimension(values.name, [ShownGroup(*each) for each in groups.items()]))
    audited = catalogue.findings.lines
    if auditing:
        audit = auditing
    elif audited is None:
        audit = f"Findings are not known: there is no audit of this file as it is now. This makes one: {command}"
    elif catalogue.is_whole and audited < len(catalogue):
        audit = f"Findings are known up to line {audited:,}. This looks at all of them: {command}"
    else:
        audit = ""
    return Options(
        dimensions=dimensions,
        models=catalogue.store.models(),
        rules=[rule for rule in catalogue.findings.rules.values() if rule.count],
        audit=audit,
        is_judged=bool(catalogue.labelling),
        asked=catalogue.labelling.asked,
        notes=catalogue.describe(),
    )


def audit_command(output: Path) -> str:
    return one_line(shlex.join(["asyncgen", "audit", str(output)]))


def show_state(catalogue: Catalogue, options: int, rate: float | None) -> State:
    follower = catalogue.follower
    report, totals = follower.report()
    is_free = totals.cost is None and catalogue.store.models() == [OFFLINE]
    return State(
        generation=catalogue.generation,
        options=options,
        lines=len(catalogue),
        read=follower.offset,
        size=follower.size,
        is_whole=catalogue.is_whole,
        num=report.num,
        done=report.done,
        failed=report.failed,
        pending=report.pending,
        calls=report.calls,
        cost=FREE if is_free else None if totals.cost is None else format_cost(totals.cost),
        unpriced=0 if is_free else totals.unpriced,
        dropped=catalogue.store.dropped,
        rate=rate,
    )
