"""`open`: an output line by line, each with its scenario, its cost, and what an audit has found."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain
from pathlib import Path

from asyncgen.audit.kept import read_audit
from asyncgen.audit.line_findings import LineFindings
from asyncgen.audit.results import Audit
from asyncgen.audit.rules import Finding
from asyncgen.conversation import Message
from asyncgen.data.dataset import Dataset
from asyncgen.data.line_calls import LineCalls
from asyncgen.data.state import Report, asked_model, make_report
from asyncgen.money.price import ZERO
from asyncgen.recipe.scenario import list_text


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an output. `number`: counted from 1.

    `index`, `model`, `finish_reason` and `asks` are None and `scenario` is empty where no run made the line.
    `scenario`: what the prompt said, by dimension. `cost`: of all calls that led to it, in US dollars, exact; None when
    that of one is unknown. `findings`: None where no audit of what stands there is at hand.
    """

    number: int
    index: int | None
    scenario: Mapping[str, str]
    messages: tuple[Message, ...]
    cost: Decimal | None
    model: str | None
    finish_reason: str | None
    asks: int | None
    findings: tuple[Finding, ...] | None


class Output:
    """What stood in an output when it was opened, read anew by each iteration; a line is held at a time.

    `len`: how many whole lines there are. `notes`: what a reader should know of the files. `report`: what
    `asyncgen status` tells. An iteration raises ConfigError when the files change meanwhile.
    """

    def __init__(self, dataset: Dataset, audit: Audit | None) -> None:
        self._dataset = dataset
        self._audit = audit
        self._picks = [
            {each.name for each in header.dimensions if each.pick is not None} for header in dataset.ledger.headers
        ]

    @property
    def path(self) -> Path:
        return self._dataset.paths.output

    @property
    def notes(self) -> Sequence[str]:
        return self._dataset.notes

    @property
    def report(self) -> Report:
        return make_report(self._dataset.ledger, self._dataset.lines)

    def __len__(self) -> int:
        return len(self._dataset)

    def __iter__(self) -> Iterator[Line]:
        """The lines in their order, without what is no conversation."""
        dataset = self._dataset
        findings = None if self._audit is None else LineFindings(dataset, self._audit)
        with ExitStack() as stack:
            calls = None if dataset.header is None else LineCalls(dataset)
            journal = None if calls is None else stack.enter_context(calls.opened())
            for record in dataset.records():
                found = None if findings is None else tuple(chain.from_iterable(findings.of(record).values()))
                line = Line(record.number, None, {}, record.conversation, None, None, None, None, found)
                if record.index is None or calls is None or journal is None:
                    yield line
                    continue
                run, done = calls.run_of(record.index), calls.last(record.index, journal)
                values = {name: [value for _, value in drawn] for name, drawn in dataset.scenario(record.index).items()}
                costs = [done.cost, *[each.cost for each in calls.before(record.index, journal)]]
                yield replace(
                    line,
                    index=record.index,
                    scenario={
                        name: list_text(each) if name in self._picks[run] else each[0] for name, each in values.items()
                    },
                    cost=None if None in costs else sum(filter(None, costs), ZERO),
                    model=done.model or asked_model(dataset.ledger.headers[run]),
                    finish_reason=done.finish_reason,
                    asks=done.asks,
                )


def open_output(output: str | os.PathLike[str]) -> Output:
    """An output, of a run or of anybody, as it stands now; a run may go on writing it.

    Findings are those of the audit beside it, if that is of what stands there (`asyncgen audit OUTPUT` makes one).
    Raises ConfigError for what cannot be read.
    """
    dataset = Dataset.open(Path(os.path.expanduser(output)))  # noqa: PTH111 - as `run` reads it
    return Output(dataset, read_audit(dataset))
