"""The last words of a run: what happened, what is on disk, what to type next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from asyncgen.endpoint.body import clean
from asyncgen.endpoint.tiers import describe_tiers
from asyncgen.errors import CUT_OFF_ADVICE, CUT_OFF_REASONS
from asyncgen.money.price import FREE, format_cost
from asyncgen.runs.counts import Counts
from asyncgen.screen.figures import format_duration, format_rate
from asyncgen.screen.frame import (
    GAP,
    MAX_EXAMPLES,
    MAX_SAID,
    breakdown,
    budget_parts,
    saved_parts,
    token_parts,
    trouble,
)
from asyncgen.screen.printer import Printer, make_console
from asyncgen.screen.rows import LABEL_WIDTH, labelled
from asyncgen.text import one_line, quantity

COPIED = {"output", "next"}  # rows of the summary that no line break of ours may enter


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told when a run ends; `seconds` is of this run. `output`: None where it is told later."""

    headline: str
    output: Path | None
    counts: Counts
    next_commands: Sequence[str]
    seconds: float
    pending: int
    time_left: float | None = None


def print_summary(summary: Summary, output: Printer, *, quiet: bool = False) -> None:
    """The headline and a row for everything there is to tell; `quiet` keeps the headline and how to go on."""
    console = make_console(output)
    is_terminal = output.isatty()
    is_good = not summary.pending and not summary.counts.failed.total()
    headline = Text(clean(summary.headline, MAX_SAID), style="bold green" if is_good else "bold")
    console.print(headline, soft_wrap=not is_terminal)
    previous = ""
    for label, text in _summary_rows(summary):
        if quiet and label != "next":
            continue
        value = Text(text)
        if is_terminal and label not in COPIED:
            lines = value.wrap(console, max(1, console.width - LABEL_WIDTH))
            value = Text("\n" + " " * LABEL_WIDTH).join(lines)
        console.print(labelled("" if label == previous else label, value), soft_wrap=True)
        previous = label


def _summary_rows(summary: Summary) -> Iterator[tuple[str, str]]:
    """Labels and texts; further rows of the same label belong together."""
    counts = summary.counts
    if summary.output is not None:
        yield "output", one_line(str(summary.output))
    work = [f"{counts.done:,} / {counts.num:,}", f"{counts.written:,} in this run", format_duration(summary.seconds)]
    if counts.written and summary.seconds > 0:
        work.append(f"{format_rate(counts.written / summary.seconds)}/s")
    yield "written", GAP.join(work)
    if counts.maker:
        yield "made by", clean(counts.maker)
    yield from _rows_of_what_is_missing(summary)
    yield "tokens", GAP.join(token_parts(counts))
    if total := counts.account.describe_spent():
        costs = [] if counts.cost is None else [f"{format_cost(counts.cost)} in this run"]
        costs.append(total if total == FREE else f"{total} in all")
        billed = describe_tiers(counts.tiers, is_asked=counts.asks_for_tier)
        costs += [billed] if billed else []
        yield "cost", GAP.join([*costs, *saved_parts(counts), *budget_parts(counts)])
    if CUT_OFF_REASONS & counts.failed.keys() and CUT_OFF_ADVICE not in summary.headline:
        yield "advice", f"replies were cut off by the token limit: {CUT_OFF_ADVICE}"
    yield from (("next", one_line(command)) for command in summary.next_commands)


def _rows_of_what_is_missing(summary: Summary) -> Iterator[tuple[str, str]]:
    """What is left to do, what went wrong, and what nobody knows."""
    counts = summary.counts
    if summary.pending:
        time_left = f"{GAP}about {format_duration(summary.time_left)} more" if summary.time_left else ""
        yield "pending", f"{summary.pending:,}{time_left}"
    if counts.batches:
        held = quantity(counts.batch_lines, "request")
        yield "batches", f"{counts.batches:,} under way, with {held}: the same line collects what comes"
    for label, counter in trouble(counts):
        yield label, breakdown(counter)
        # What was said the last time, for the most frequent reasons; not what the headline says.
        for reason, _ in counts.failed.most_common(MAX_EXAMPLES) if counter is counts.failed else ():
            message = counts.failure_examples.get(reason)
            if message and message not in summary.headline:
                yield label, f"{clean(reason)}: {clean(message)}"
    if counts.lost:
        billed = "" if counts.account.is_free else ", which may have been billed"
        yield "lost", f"{quantity(counts.lost, 'call')} without an answer{billed}"
    if counts.unrecorded:
        yield "unknown", f"{quantity(counts.unrecorded, 'call')} that the journal could not be told of: in no later sum"
