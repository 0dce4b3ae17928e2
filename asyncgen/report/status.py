"""What an output holds, according to its journal: tables for a person, one JSON object for a program.

Nothing is locked and nothing written, so it can be asked at any time, also of a run that is under way.
"""

import sys
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from asyncgen.data.dataset import describe_filter
from asyncgen.data.state import Report, RunReport, digits_of, make_report
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.money.price import FREE
from asyncgen.output.ledger import Ledger, Totals
from asyncgen.output.match import Lines, read_status
from asyncgen.output.paths import OutputPaths
from asyncgen.screen.rows import labelled_grid, plain_console
from asyncgen.text import ascii_json, printable

SHOWN_LINES = 5  # numbers of unknown lines


def status(output: Path, *, as_json: bool) -> int:
    """Print what there is. Raises ConfigError when the journal cannot be read."""
    paths = OutputPaths.of(output)
    ledger, lines = read_status(paths)
    report = make_report(ledger, lines)
    if as_json:
        sys.stdout.write(_encode(report))
    else:
        _print_report(paths, report, ledger, lines)
    return 0


def _encode(report: Report) -> str:
    """One line of ASCII: a name in a journal may hold what moves a terminal's cursor."""
    text = msgspec.json.encode(report).decode()
    return ascii_json(text) + "\n"


def _print_report(paths: OutputPaths, report: Report, ledger: Ledger, lines: Lines) -> None:
    console = plain_console()
    console.print(Text(printable(str(paths.output)), style="bold"), soft_wrap=True)
    console.print(labelled_grid((label, value) for label, value in _rows(report, ledger, lines).items() if value))
    if report.runs:
        console.print()
        console.print(_runs(report.runs))


def _rows(report: Report, ledger: Ledger, lines: Lines) -> dict[str, str]:
    """What there is to tell, by its label; empty where there is nothing."""
    totals = ledger.totals
    is_free = bool(report.runs) and all(run.provider == OFFLINE for run in report.runs)
    return {
        "done": f"{report.done:,} of {report.num:,}",
        "failed": _breakdown(report.failed_by_reason),
        "pending": f"{report.pending:,}",
        "missing": f"{lines.missing:,}, made but not in the output (deleted, or not written yet)"
        if lines.missing
        else "",
        "kept": f"{lines.kept:,}, lines not made here" if lines.kept else "",
        "filter": "; ".join(map(describe_filter, ledger.headers[-1].filtered if ledger.headers else ())),
        "unknown": _unknown(lines),
        "calls": f"{report.calls:,}",
        "tokens": _tokens(report),
        "cost": _cost(totals, is_free=is_free),
        "rejected": _breakdown(totals.rejected),
        "lost": _lost(totals.lost, is_free=is_free),
    }


def _cost(totals: Totals, *, is_free: bool) -> str:
    if totals.cost is None:
        return FREE if is_free else "unknown"
    spent = f"${digits_of(totals.cost)}"
    return f"at least {spent}: that of {totals.unpriced:,} calls is unknown" if totals.unpriced else spent


def _lost(number: int, *, is_free: bool) -> str:
    if not number:
        return ""
    return f"{number:,}, calls without an answer" + ("" if is_free else ", perhaps billed")


def _breakdown(numbers: dict[str, int]) -> str:
    if not numbers:
        return ""
    reasons = sorted(numbers.items(), key=lambda each: -each[1])
    return f"{sum(numbers.values()):,}: " + ", ".join(f"{number:,} {reason}" for reason, number in reasons)


def _unknown(lines: Lines) -> str:
    if not lines.unknown:
        return ""
    numbers = ", ".join(str(number) for number, _ in lines.unknown[:SHOWN_LINES])
    more = ", ..." if len(lines.unknown) > SHOWN_LINES else ""
    return f"{len(lines.unknown):,}, not known to the journal: line {numbers}{more}"


def _tokens(report: Report) -> str:
    share = report.cached_tokens / report.prompt_tokens if report.prompt_tokens else 0
    return f"{report.prompt_tokens:,} in ({share:.1%} cached), {report.completion_tokens:,} out"


def _runs(runs: list[RunReport]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("run started", "num", "provider", "model"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "num" else "left")
    for run in runs:
        cells = (run.started, f"{run.num:,}", run.provider, run.model or "unknown")
        table.add_row(*[Text(printable(cell)) for cell in cells])
    return table
