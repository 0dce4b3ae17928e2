"""What an audit says of single lines, with the evidence found in them again."""

from collections.abc import Callable, Iterator
from functools import cached_property

from asyncgen.audit.results import Audit
from asyncgen.audit.rules import Finding
from asyncgen.data.dataset import Dataset, Record


class LineFindings:
    """What is wrong with a line, and why: found in it again, or as the audit has it where that takes all lines.

    `descriptions`: what each rule says, by its name.
    """

    def __init__(self, dataset: Dataset, audit: Audit | None) -> None:
        self._dataset = dataset
        rules = {} if audit is None else audit.rules
        self._lines = {rule: frozenset(result.lines) for rule, result in rules.items()}
        self._like = {
            rule: dict(zip(result.lines, result.like, strict=False)) for rule, result in rules.items() if result.like
        }
        self._examples = {(rule, each.line): each for rule, result in rules.items() for each in result.examples}
        self.descriptions = {rule: result.description for rule, result in rules.items()}

    @cached_property
    def _find(self) -> Callable[[Record], Iterator[Finding]]:
        from asyncgen.audit.audit import find_in_line  # noqa: PLC0415 - slow to read

        return find_in_line(self._dataset)

    def has(self, rule: str, line: int) -> bool:
        return line in self._lines.get(rule, ())

    def of(self, record: Record) -> dict[str, list[Finding]]:
        """By rule."""
        line = record.number
        broken: dict[str, list[Finding]] = {rule: [] for rule, lines in self._lines.items() if line in lines}
        for finding in self._find(record) if broken else ():
            if finding.rule in broken:
                broken[finding.rule].append(finding)
        for rule, found in broken.items():
            example = self._examples.get((rule, line))
            if found:
                continue
            if like := self._like.get(rule, {}).get(line):
                found.append(Finding(rule, line, None, f"like line {like}"))
            elif example is not None:
                found.append(Finding(rule, line, example.message, example.evidence))
            else:
                found.append(Finding(rule, line, None, self.descriptions[rule]))
        return broken
