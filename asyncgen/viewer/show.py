"""Conversations as chat in a terminal: chosen by line, index, scenario or finding, a few or a random few.

What was asked for goes to stdout, so it can be piped; colours only where it is a terminal. Everything a model wrote
passes `printable` first.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from rich.text import Text

from asyncgen.audit.line_findings import LineFindings
from asyncgen.audit.results import Audit
from asyncgen.data.dataset import Dataset, Record
from asyncgen.did_you_mean import did_you_mean
from asyncgen.errors import ConfigError
from asyncgen.screen.rows import plain_console
from asyncgen.text import one_line, printable

ROLE_STYLES = {"user": "bold cyan", "assistant": "bold green"}

PASSAGE_SHOWN = 200  # characters of a passage


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which conversations to show: those that satisfy all of it, an empty part being satisfied by any.

    `where`: dimension and text that its value, or the value's group, must contain in any case. `finding`: the rule it
    must break.
    """

    lines: frozenset[int] = frozenset()
    indices: frozenset[int] = frozenset()
    where: tuple[tuple[str, str], ...] = ()
    finding: str | None = None


def show(
    dataset: Dataset, conditions: Conditions, audit: Audit | None, *, limit: int | None, sample: int | None, seed: int
) -> int:
    """Print them; the exit status, 1 when there is none. Raises ConfigError for a dimension there is not.

    `audit`: what tells the findings, None where nobody has looked for any.
    """
    names = [] if dataset.header is None else [each.name for each in dataset.header.dimensions]
    for name, _ in conditions.where:
        if name not in names:
            told = f"there are {', '.join(names) or 'none'}{did_you_mean(name, names)}"
            raise ConfigError(f"--where: there is no dimension {name!r}; {told}")
    findings = LineFindings(dataset, audit)
    console = plain_console()
    chosen = _chosen(dataset, conditions, findings)
    if sample is not None:
        chosen = iter(_draw(chosen, sample, seed))
    elif limit is not None:
        chosen = islice(chosen, limit)
    shown = 0
    for shown, record in enumerate(chosen, 1):
        if shown > 1:
            console.print()
        console.print(_heading(dataset, record, findings), soft_wrap=not console.is_terminal)
        for message in record.conversation:
            text = Text(f"{one_line(message.role)}: ", style=ROLE_STYLES.get(message.role, "bold"))
            text.append(printable(message.content), style="not bold default")
            console.print(text, soft_wrap=not console.is_terminal)
    if beyond := sorted(line for line in conditions.lines if line > (last := len(dataset))):
        there = f"its lines are 1 to {last:,}" if last > 1 else "it has one line" if last else "it has none"
        _complain(dataset, f"there is no line {', '.join(map(str, beyond))}; {there}")
    elif not shown:
        _complain(dataset, "no conversation fits")
    return 0 if shown else 1


def _complain(dataset: Dataset, what: str) -> None:
    print(f"asyncgen: {one_line(str(dataset.paths.output))}: {what}", file=sys.stderr)  # noqa: T201


def _chosen(dataset: Dataset, conditions: Conditions, findings: LineFindings) -> Iterator[Record]:
    left = len(conditions.lines)
    for record in dataset.records():
        if conditions.lines and record.number not in conditions.lines:
            continue
        left -= 1
        is_there = not conditions.indices or record.index in conditions.indices
        scenario = dataset.scenario(record.index) if is_there and conditions.where and record.index is not None else {}
        is_about = all(
            any(text.casefold() in part.casefold() for part in chain.from_iterable(scenario.get(name, ())))
            for name, text in conditions.where
        )
        if is_there and is_about and (conditions.finding is None or findings.has(conditions.finding, record.number)):
            yield record
        if conditions.lines and not left:
            return


def _draw(records: Iterator[Record], number: int, seed: int) -> list[Record]:
    """So many of them, each as likely as any other, in the order of the file."""
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    drawn: list[Record] = []
    for seen, record in enumerate(records, 1):
        if len(drawn) < number:
            drawn.append(record)
        elif (place := rng.randrange(seen)) < number:
            drawn[place] = record
    return sorted(drawn, key=lambda record: record.number)


def _heading(dataset: Dataset, record: Record, findings: LineFindings) -> Text:
    """Where it stands, what it was to be about, what is wrong with it."""
    made = "not made here" if record.index is None else f"index {record.index:,}"
    heading = Text(f"--- line {record.number:,}, {made}", style="bold")
    if record.index is not None:
        for name, drawn in dataset.scenario(record.index).items():
            described = []
            for group, value in drawn:
                words = " ".join(value.split())
                if "\n" in value and len(words) > PASSAGE_SHOWN:  # any other value is a line, and whole
                    words = f"{words[:PASSAGE_SHOWN]} ..."
                described.append(f"{words} ({group})" if group else words)
            told = [one_line(each) for each in described]
            listed = f" {told[0]}" if len(told) == 1 else "".join(f"\n  - {each}" for each in told)
            heading.append(f"\n{one_line(name)}:{listed}", style="not bold dim")
    if broken := findings.of(record):
        heading.append(f"\nfindings: {', '.join(broken)}", style="bold yellow")
    for rule, found in broken.items():
        description = findings.descriptions[rule]
        heading.append(f"\n  {rule}: {one_line(description)}", style="yellow")
        for each in found:
            where = "" if each.message is None else f"message {each.message + 1}: "
            if each.evidence != description:
                heading.append(f"\n    {where}{one_line(each.evidence)}", style="not bold yellow")
    return heading
