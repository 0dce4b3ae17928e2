"""The lines of an output that rules or a judge flag, and the job that makes them again."""

import shlex
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import chain

import msgspec

from asyncgen.audit.audit import find_in_line
from asyncgen.audit.below import BelowScores
from asyncgen.audit.line_findings import LineFindings
from asyncgen.audit.repair import find_faults, make_bench, mendable_rules
from asyncgen.audit.results import Audit
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Dataset, Record
from asyncgen.data.replaced import Old
from asyncgen.endpoint.presets import endpoint_flags
from asyncgen.jobs.repair import Again, Begun, Fault, Repaired
from asyncgen.output.changes import check_same_kind
from asyncgen.output.journal import DIGEST_SIZE, Header
from asyncgen.output.keys import Keys
from asyncgen.recipe.judge import asked_questions
from asyncgen.recipe.recipe import JudgeOptions
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.open import conversations, make_header


class FlaggedLines:
    """Those that break `rules`, of which an audit knows, or that a judge scores `below` what is asked of them.

    `by_key`: those that a run has made, by what names index and text alike. `strangers`: how many none has made.
    """

    def __init__(
        self, dataset: Dataset, audit: Audit | None, rules: Sequence[str], below: Sequence[tuple[str, float]]
    ) -> None:
        """Raises ConfigError for a question that no grade answers."""
        self.rules = rules
        self.below = dict(below)
        self._dataset = dataset
        self._findings = LineFindings(dataset, audit)
        self.by_key: dict[bytes, Old] = {}
        self.strangers = 0
        broken = {} if audit is None else {rule: audit.rules[rule].lines for rule in rules}
        broken |= BelowScores(dataset, below).find() if below else {}
        reasons = {number: reason for reason, numbers in reversed(broken.items()) for number in numbers}
        self._offsets: dict[int, int] = {}
        for record in dataset.records() if reasons else ():
            if record.number not in reasons:
                continue
            if record.index is None:
                self.strangers += 1
                continue
            named = b"%d %b" % (record.index, dataset.digest_of(record.conversation))
            key = blake2b(named, digest_size=DIGEST_SIZE).digest()
            self.by_key[key] = Old(record.number, record.index, reasons[record.number])
            self._offsets[record.number] = record.offset

    @property
    def flags(self) -> str:
        """Those that find them, in one spelling."""
        rules = [("--rules", rule) for rule in sorted(self.rules)]
        below = [("--below", f"{name}={score:g}") for name, score in sorted(self.below.items())]
        return shlex.join(chain(*rules, *below))

    def by_index(self, keys: Keys) -> Mapping[int, Old]:
        """By the indices that their keys were given."""
        return {index: self.by_key[keys[index]] for index in keys.indices}

    def read(self, key: bytes) -> Begun:
        """Raises ConfigError when the line is another one."""
        line = self.by_key[key]
        offset = self._offsets[line.number]
        conversation = self._dataset.read(offset)
        by_rule = self._findings.of(Record(line.number, offset, conversation, line.index))
        findings = [each for rule, found in by_rule.items() for each in found if rule in self.rules]
        found: list[Fault] = [(each.rule, each.told) for each in findings]
        recipe = self._dataset.recipe
        questions = asked_questions(JudgeOptions() if recipe is None else recipe.judge)
        grade = self._dataset.grades.of(conversation) if self.below else None
        for judgement in () if grade is None else grade.judgements:
            found += find_faults(judgement, below=self.below, questions=questions)
        return Begun(line.index, conversation, tuple(dict.fromkeys(found)), {each.message for each in findings})


def make_again(config: GenerateConfig, dataset: Dataset, lines: FlaggedLines) -> tuple[Again, Header]:
    """The job, and the header under which its lines come into the data set.

    Raises ConfigError for what cannot stand among its lines.
    """
    if dataset.header is None or config.plan.keys is None:
        raise ValueError("no run has made these lines")
    job, find = conversations(config), find_in_line(dataset)
    rules = mendable_rules(config.plan, lines.rules)

    def look(index: int, conversation: Conversation) -> Sequence[Fault]:
        found = find(Record(1, 0, conversation, index))
        return [(each.rule, each.told) for each in found if each.rule in rules]

    repaired = Repaired(job, look, make_bench(config.plan, job.scenarios))
    made, old = make_header(config, repaired), dataset.header
    header = msgspec.structs.replace(
        made,
        version=max(made.version, old.version),
        num=old.num,
        first=old.first,
        filtered=old.filtered,
        line_hash=dataset.ledger.line_hash,
    )
    named = f"name the one it was made by with {shlex.join(endpoint_flags(old.provider, old.base_url))}"
    check_same_kind(dataset.paths, msgspec.structs.replace(old, filtered=()), header, instead=named)
    return Again(repaired, config.plan.keys, lines.read, lines.flags), header
