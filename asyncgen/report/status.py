"""What an output holds, according to its journal: tables for a person, one JSON object for a program.

Nothing is locked and nothing written, so it can be asked at any time, also of a run that is under way.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from rich.text import Text

from asyncgen.data.dataset import Dataset
from asyncgen.data.state import Report, describe_filter, digits_of, make_report
from asyncgen.endpoint.presets import OFFLINE, name_provider
from asyncgen.money.price import FREE, format_cost
from asyncgen.output.batches import OpenBatch
from asyncgen.output.earlier import read_status
from asyncgen.output.ledger import Ledger
from asyncgen.output.lock import LIVELY, last_heard
from asyncgen.output.match import Lines
from asyncgen.output.paths import OutputPaths
from asyncgen.output.timestamps import seconds_of
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.figures import format_duration
from asyncgen.screen.rows import labelled_grid, plain_console
from asyncgen.text import ascii_json, printable, quantity

SHOWN_LINES = 5  # numbers of unknown lines


def status(output: Path, *, as_json: bool) -> int:
    """Print what there is. Raises ConfigError when the journal cannot be read."""
    paths = OutputPaths.of(output)
    ledger, lines = read_status(paths)
    report = make_report(ledger, lines)
    if as_json:  # in ASCII: a name in a journal may hold what moves a terminal's cursor
        sys.stdout.write(ascii_json(msgspec.json.encode(report).decode()) + "\n")
        return 0
    console = plain_console()
    console.print(Text(printable(str(paths.output)), style="bold"), soft_wrap=True)
    heard = last_heard(paths)
    under_way = "none under way" if heard is None or time.time() - heard > LIVELY else "under way"
    console.print(labelled_grid(_rows(report, ledger, lines, under_way)))
    if report.runs:
        console.print()
        table = FigureTable("run started", "num", "provider", "model", texts={"run started", "provider", "model"})
        for run in report.runs:
            cells = (run.started, f"{run.num:,}", name_provider(run.provider, run.base_url), run.model or "unknown")
            table.add_row(*map(printable, cells))
        console.print(table)
    return 0


def pending_rows(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """For whoever writes something of an output: that not all is there yet."""
    report = make_report(dataset.ledger, dataset.lines)
    if report.pending:
        yield "pending", f"{report.pending:,}", f"of {report.num:,} that were asked for, and so not among them"


def _rows(report: Report, ledger: Ledger, lines: Lines, under_way: str) -> Iterator[tuple[str, str]]:
    totals = ledger.totals
    is_free = bool(report.runs) and all(run.provider == OFFLINE for run in report.runs)
    yield "done", f"{report.done:,} of {report.num:,}"
    if report.failed_by_reason:
        yield "failed", _breakdown(report.failed_by_reason)
    yield "pending", f"{report.pending:,}"
    yield "run", under_way
    yield from (("batch", _describe_batch(each)) for each in ledger.batches.under_way.values())
    if lines.missing:
        yield "missing", f"{lines.missing:,}, made but not in the output (deleted, or not written yet)"
    if lines.kept:
        yield "kept", f"{lines.kept:,}, lines not made here"
    if ledger.headers and ledger.headers[-1].filtered:
        yield "filtered", "; ".join(map(describe_filter, ledger.headers[-1].filtered))
    if lines.unknown:
        numbers = ", ".join(str(number) for number, _ in lines.unknown[:SHOWN_LINES])
        more = ", ..." if len(lines.unknown) > SHOWN_LINES else ""
        yield "unknown", f"{len(lines.unknown):,}, not known to the journal: line {numbers}{more}"
    yield "calls", f"{report.calls:,}"
    cached = report.cached_tokens / report.prompt_tokens if report.prompt_tokens else 0
    yield "tokens", f"{report.prompt_tokens:,} in ({cached:.1%} cached), {report.completion_tokens:,} out"
    if billed := ledger.describe_tiers():
        yield "tier", billed
    if totals.cost is None:
        yield "cost", FREE if is_free else "unknown"
    else:
        unpriced = f": that of {quantity(totals.unpriced, 'call')} is unknown" if totals.unpriced else ""
        yield "cost", f"{'at least ' if unpriced else ''}${digits_of(totals.cost)}{unpriced}"
    if totals.rejected:
        yield "rejected", _breakdown(totals.rejected)
    if totals.lost:
        yield "lost", f"{totals.lost:,}, calls without an answer" + ("" if is_free else ", perhaps billed")


def _describe_batch(batch: OpenBatch) -> str:
    age = max(0.0, time.time() - seconds_of(batch.intent.time))
    parts = [f"{batch.label}: {quantity(len(batch), 'request')}", f"{format_duration(age)} ago"]
    if batch.id is None:
        parts.append("not known whether it was made")
    if batch.untold < len(batch):
        parts.append(f"{len(batch) - batch.untold:,} collected")
    if batch.held:
        parts.append(f"{format_cost(batch.held)} held for it")
    return ", ".join(parts)


def _breakdown(numbers: Mapping[str, int]) -> str:
    reasons = sorted(numbers.items(), key=lambda each: -each[1])
    return f"{sum(numbers.values()):,}: " + ", ".join(f"{number:,} {reason}" for reason, number in reasons)
