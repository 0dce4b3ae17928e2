"""How far all shards of a plan have come: a table for a person, one JSON object for a program."""

import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from asyncgen.endpoint.presets import OFFLINE
from asyncgen.money.price import FREE
from asyncgen.screen.bar import Advance, unseen
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.figures import format_duration
from asyncgen.screen.rows import labelled_grid, plain_console
from asyncgen.shards.places import Shards
from asyncgen.shards.status import UNDER_WAY, ShardsReport, ShardState, report_on
from asyncgen.text import ascii_json, printable

SLOWEST = 5  # shards that are named


def status_of_shards(shards: Shards, *, as_json: bool, progress: Advance = unseen) -> int:
    """Print it. Raises ConfigError when the plan cannot be read."""
    plan = shards.read_plan()
    report = report_on(shards, plan, now=time.time(), progress=progress)
    if as_json:
        sys.stdout.write(ascii_json(msgspec.json.encode(report).decode()) + "\n")
        return 0
    console = plain_console()
    console.print(Text(printable(str(shards.path)), style="bold"), soft_wrap=True)
    console.print(labelled_grid(_rows(report, is_free=plan.header.provider == OFFLINE)))
    for table in slowest_tables([each for each in report.shards if each.state == UNDER_WAY]):
        console.print()
        console.print(table)
    return 0


def _rows(report: ShardsReport, *, is_free: bool) -> Iterator[tuple[str, str]]:
    states = Counter(each.state for each in report.shards)
    yield "shards", f"{len(report.shards):,}: " + ", ".join(f"{number:,} {state}" for state, number in states.items())
    yield "done", f"{report.done:,} of {report.num:,}"
    if report.failed_by_reason:
        told = ", ".join(f"{number:,} {reason}" for reason, number in report.failed_by_reason.items())
        yield "failed", f"{report.failed:,}: {told}"
    yield "pending", f"{report.pending:,}"
    if report.rate:
        left = format_duration(report.pending / report.rate)
        yield "rate", f"{report.rate:,.1f} a second in all, {left} left at that"
    yield "calls", f"{report.calls:,}"
    cached = report.cached_tokens / report.prompt_tokens if report.prompt_tokens else 0
    yield "tokens", f"{report.prompt_tokens:,} in ({cached:.1%} cached), {report.completion_tokens:,} out"
    yield "cost", describe_cost(report, is_free=is_free)
    for shard in report.shards:
        if shard.message is not None:
            yield f"shard {shard.number}", shard.message


def describe_cost(report: ShardsReport, *, is_free: bool) -> str:
    if report.cost_usd is None:
        return FREE if is_free else "unknown"
    return f"${bytes(report.cost_usd).decode()}"


def slowest_tables(under_way: Sequence[ShardState]) -> Iterator[FigureTable]:
    """One, if there are any."""
    slowest = sorted(under_way, key=lambda each: each.seconds_left, reverse=True)[:SLOWEST]
    if not slowest:
        return
    table = FigureTable("slowest shard", "done", "a second", "time left", texts=())
    for each in slowest:
        left = each.seconds_left
        table.add_row(
            f"{each.number}",
            f"{each.done:,} of {each.num:,}",
            f"{each.rate or 0:,.1f}",
            "unknown" if math.isinf(left) else format_duration(left),
        )
    yield table
