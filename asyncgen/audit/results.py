"""What an audit says, as it is kept beside an output. Who only reads it waits for none of what makes it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from asyncgen.audit.rules import Severity
from asyncgen.data.dataset import Dataset
from asyncgen.data.state import Report, RunReport


class ValueCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """`group` is empty in a flat dimension."""

    group: str
    value: str
    planned: int
    found: int


class PairCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """Two dimensions: `pairs` of values there are, `met` among the lines and `planned_met`.

    `matrix`: lines by the first one's value (a row each, in the order of `dimensions`) and the second one's; None when
    it would be too large to look at.
    """

    first: str
    second: str
    pairs: int
    met: int
    planned_met: int
    matrix: list[list[int]] | None


class CoverageResult(msgspec.Struct, frozen=True, kw_only=True):
    """`planned` indices there should be, `found` lines that have one."""

    planned: int
    found: int
    dimensions: dict[str, list[ValueCoverage]]
    pairs: list[PairCoverage]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """How many values lie from `first` to `last`, both included."""

    first: int
    last: int
    count: int


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    mean: float
    lowest: int
    p5: int
    median: int
    p95: int
    highest: int
    bins: list[Bin]


class TurnsFound(msgspec.Struct, frozen=True, kw_only=True):
    """A value that names a number of messages: how many lines have how many."""

    dimension: str
    value: str
    found: dict[int, int]


class ValueFailures(msgspec.Struct, frozen=True, kw_only=True):
    """`failed`: indices given up, `rejected`: replies that could not be used; each by reason."""

    group: str
    value: str
    failed: dict[str, int]
    rejected: dict[str, int]


class ShapeResult(msgspec.Struct, frozen=True, kw_only=True):
    """`messages`: lines by their number of messages. `words`: of one message, by role. `asks`: conversations by calls.

    `failed` counts as `status` does: indices that have no line now. `rejected` counts calls of all runs.
    """

    messages: dict[int, int]
    words: dict[str, Distribution]
    conversation_words: Distribution | None
    turns: list[TurnsFound]
    finish_reasons: dict[str, int]
    models: dict[str, int]
    asks: dict[int, int]
    failed: dict[str, int]
    rejected: dict[str, int]
    failures: dict[str, list[ValueFailures]]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """`lines` that have it, too few by at most the `error` of its list, and their `share` of all there."""

    text: str
    lines: int
    share: float


class Openers(msgspec.Struct, frozen=True, kw_only=True):
    """First messages of the user. `limit`: the share above which one is a repeated opener."""

    different: int
    is_exact: bool
    limit: float
    error: int
    top: list[Counted]


class Distinct(msgspec.Struct, frozen=True, kw_only=True):
    """Distinct-n: different runs of `words` words over all of them, in a sample of one size for any file.

    After Li et al. 2016, "A Diversity-Promoting Objective Function". It falls as a text grows, so files compare only
    where `total` is about the same.
    """

    words: int
    different: int
    total: int
    ratio: float


class SideDiversity(msgspec.Struct, frozen=True, kw_only=True):
    """What one role says. `is_exact`: the sample behind `distinct` and `compression` is all there is.

    `compression`: bytes over compressed bytes, None without text (Shaib et al. 2024, "Standardizing the Measurement of
    Text Diversity"); English prose has 2 to 3.
    """

    is_exact: bool
    distinct: list[Distinct]
    compression: float | None
    error: int
    phrases: list[Counted]


class DiversityResult(msgspec.Struct, frozen=True, kw_only=True):
    """`by_value`: the assistant's phrases by dimension and value; in a grouped dimension the group is the value.

    `stock`: phrases of more than `stock_share` of the lines.
    """

    lines: int
    openers: Openers
    roles: dict[str, SideDiversity]
    by_value: dict[str, dict[str, list[Counted]]]
    stock: list[Counted]
    stock_share: float


class Level(msgspec.Struct, frozen=True, kw_only=True):
    threshold: float
    lines: int


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """`first` is kept; `others` are the next ones."""

    size: int
    first: int
    others: list[int]


class Duplicates(msgspec.Struct, frozen=True, kw_only=True):
    """`lines`: those that repeat an earlier one. `largest`: line numbers of the largest clusters, ten of each.

    `levels`: how many repeat one from each of several similarities on.
    """

    threshold: float
    clusters: int
    lines: int
    largest: list[Cluster]
    levels: list[Level]


class BothDuplicates(msgspec.Struct, frozen=True, kw_only=True):
    """Of whole conversations, and of the assistant's side alone."""

    conversation: Duplicates
    assistant: Duplicates


class TopicGrounding(msgspec.Struct, kw_only=True):
    """`lines`: with an ungrounded fact. The others count facts, each once in a message."""

    conversations: int = 0
    lines: int = 0
    checked: int = 0
    ungrounded: int = 0
    derived: int = 0


class GroundingResult(msgspec.Struct, frozen=True, kw_only=True):
    """Facts in assistant turns: looked at, ungrounded, and derived. `by_topic`: by the value of the first dimension."""

    checked: int
    ungrounded: int
    derived: int
    by_topic: Mapping[str, TopicGrounding]

    @classmethod
    def of(cls, topics: Mapping[str, TopicGrounding]) -> "GroundingResult":
        checked, ungrounded, derived = (
            sum(getattr(each, name) for each in topics.values()) for name in ("checked", "ungrounded", "derived")
        )
        return cls(checked=checked, ungrounded=ungrounded, derived=derived, by_topic=topics)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What ended between `time` and `seconds` later. `in_flight` and `seconds_p50`: of the calls done, if any was."""

    time: str
    seconds: int
    done: int
    rejected: int
    failed: int
    lost: int
    in_flight: float | None
    seconds_p50: float | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """`asked`: conversations that were to tell it; `told`: those of them that did.

    `judged`: those of them that a judge has read; `supported`: of these, those in which it found it told.
    """

    statement: str
    asked: int
    told: int
    judged: int = 0
    supported: int = 0


class TellingResult(msgspec.Struct, frozen=True, kw_only=True):
    """`statements`: how many different ones were asked for. `least`: those told in the smallest share."""

    statements: int
    asked: int
    told: int
    least: list[Told]
    judged: int = 0
    supported: int = 0


class JudgedResult(msgspec.Struct, frozen=True, kw_only=True):
    """`conversations`: how many were judged. `by_engine`: by the offline engine, which is no judge.

    `claims`: by verdict. `questions`: the share of conversations for which the answer is yes.
    """

    conversations: int
    judges: list[str]
    by_engine: bool
    claims: dict[str, int]
    questions: dict[str, float]


class Example(msgspec.Struct, frozen=True, kw_only=True):
    line: int
    message: int | None
    evidence: str


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """`count`: lines that break the rule, `rate`: their share of the conversations, for `judged` of those that were.

    `examples`: some, no two alike. `like`: for each of the lines the earlier one that it repeats; empty for a rule that
    is about single lines.
    """

    severity: Severity
    description: str
    count: int
    rate: float
    lines: Sequence[int]
    examples: list[Example]
    like: Sequence[int] = ()


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """As `status` tells them."""

    num: int
    done: int
    failed: int
    failed_by_reason: dict[str, int]
    pending: int
    missing: int
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None

    @classmethod
    def of(cls, dataset: Dataset, report: Report) -> "Totals":
        return cls(
            num=report.num,
            done=report.done,
            failed=report.failed,
            failed_by_reason=report.failed_by_reason,
            pending=report.pending,
            missing=dataset.lines.missing,
            calls=report.calls,
            prompt_tokens=report.prompt_tokens,
            cached_tokens=report.cached_tokens,
            completion_tokens=report.completion_tokens,
            cost_usd=dataset.ledger.totals.cost,
        )


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """OUTPUT.audit.json. `made`: when the pass began."""

    version: int
    asyncgen: str
    output: str
    lines: int
    bytes: int
    made: str
    notes: list[str]
    runs: list[RunReport]
    totals: Totals
    coverage: CoverageResult | None
    shape: ShapeResult
    diversity: DiversityResult
    duplicates: BothDuplicates
    grounding: GroundingResult | None
    timeline: list[Moment]
    rules: dict[str, RuleResult]
    telling: TellingResult | None = None
    judged: JudgedResult | None = None

    @property
    def conversations(self) -> int:
        """How many of the lines hold one."""
        return sum(self.shape.messages.values())

    def is_newer_than(self, time: float) -> bool:
        """`time`: seconds since 1970."""
        try:
            return datetime.fromisoformat(self.made).timestamp() > time
        except ValueError:
            return False
