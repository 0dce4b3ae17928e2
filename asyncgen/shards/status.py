"""How far all shards of a plan have come, by their journals; also while they are made.

Only journals are read, not the lines: who asks for one shard is told of both. The newest entries of a shard say how
fast it is made.
"""

import math
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from asyncgen.data.state import digits_of
from asyncgen.errors import ConfigError
from asyncgen.output.journal import Done, decode_entry
from asyncgen.output.ledger import read_journal
from asyncgen.screen.bar import Advance, unseen
from asyncgen.shards.plan import ShardFolder, ShardPlan

NEWEST = 2**16  # bytes of a journal: some two hundred answers
LIVELY = 300.0  # seconds without a word after which a shard is taken to lie still

MADE, FAILED, UNDER_WAY, STILL, WAITING, UNREADABLE = (
    "made",
    "some failed",
    "under way",
    "lying still",
    "not begun",
    "unreadable",
)


class ShardState(msgspec.Struct, kw_only=True):
    """`rate`: conversations a second, None unless it is under way. `latest`: when the newest call was answered."""

    number: int
    num: int
    state: str
    done: int = 0
    failed: int = 0
    rate: float | None = None
    latest: str | None = None
    message: str | None = None

    @property
    def seconds_left(self) -> float:
        return (self.num - self.done - self.failed) / self.rate if self.rate else math.inf


class ShardsReport(msgspec.Struct, kw_only=True):
    """What `--json` prints, in this order."""

    num: int
    done: int = 0
    failed: int = 0
    failed_by_reason: dict[str, int]
    pending: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: msgspec.Raw | None = None
    rate: float = 0.0
    shards: list[ShardState]


def report_on(folder: ShardFolder, plan: ShardPlan, *, now: float, progress: Advance = unseen) -> ShardsReport:
    """`now`: the time of day."""
    report = ShardsReport(num=plan.num, failed_by_reason={}, shards=[])
    reasons: Counter[str] = Counter()
    cost: Decimal | None = None
    for number, paths in folder.shards(plan):
        progress("reading journals", number, len(plan))
        shard = ShardState(number=number, num=len(plan.indices(number)), state=WAITING)
        report.shards.append(shard)
        if not paths.journal.is_file():
            continue
        try:
            ledger = read_journal(paths.journal).ledger
        except (ConfigError, OSError) as error:
            shard.state, shard.message = UNREADABLE, str(error)
            continue
        totals = ledger.totals
        shard.done, shard.failed = ledger.made, len(ledger.failed)
        reasons.update(ledger.failed.values())
        report.calls += totals.calls
        report.prompt_tokens += totals.prompt_tokens
        report.cached_tokens += totals.cached_tokens
        report.completion_tokens += totals.completion_tokens
        cost = cost if totals.cost is None else (cost or Decimal(0)) + totals.cost
        shard.latest, rate = _look_at_end(paths.journal)
        if shard.done == shard.num:
            shard.state = MADE
        elif now - paths.journal.stat().st_mtime < LIVELY:
            shard.state, shard.rate = UNDER_WAY, rate
        else:
            shard.state = FAILED if shard.done + shard.failed == shard.num else STILL
    report.done = sum(each.done for each in report.shards)
    report.failed = reasons.total()
    report.failed_by_reason = dict(reasons.most_common())
    report.pending = report.num - report.done - report.failed
    report.cost_usd = None if cost is None else msgspec.Raw(digits_of(cost).encode())
    report.rate = sum(each.rate or 0.0 for each in report.shards)
    return report


def _look_at_end(journal: Path) -> tuple[str | None, float]:
    """When the newest conversation was answered, and how many a second are."""
    times: list[float] = []
    latest = None
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - NEWEST))
        for line in file:
            try:
                entry = decode_entry(line)
                if isinstance(entry, Done):
                    times.append(datetime.fromisoformat(entry.time).timestamp())
                    latest = entry.time
            except ValueError:  # the first line is cut, and the last one may still be on its way
                continue
    if not times:
        return None, 0.0
    span = max(times) - min(times)
    return latest, (len(times) - 1) / span if span else 0.0
