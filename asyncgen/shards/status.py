"""How far all shards of a plan have come, by their journals; also while they are made.

Only journals are read, not the lines: who asks for one shard is told of both. The newest entries of a shard say how
fast it is made.
"""

import contextlib
import math
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import msgspec

from asyncgen.data.state import digits_of
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError
from asyncgen.output.journal import Done, decode_entry
from asyncgen.output.ledger import Ledger, read_journal
from asyncgen.screen.bar import Advance, unseen
from asyncgen.shards.figures import Figures, read_figures, write_figures
from asyncgen.shards.plan import ShardFolder, ShardPlan

NEWEST = 2**16  # bytes of a journal: some two hundred answers
LIVELY = 300.0  # seconds without a beat of its lease: some beats, and what the clocks of two machines may differ by

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
    state: str = WAITING
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


class ShardsWatch:
    """All shards of a plan, each looked at as often as one likes: then only what is new in its journal is read.

    What that takes, some 24 bytes an index, is held until a shard is forgotten; its figures stay. Those of a journal
    that has not changed are known from who has looked before.
    """

    def __init__(self, folder: ShardFolder, plan: ShardPlan) -> None:
        self._folder = folder
        self.is_free = plan.header.provider == OFFLINE
        self.shards = [ShardState(number=number, num=len(plan.indices(number))) for number in range(len(plan))]
        self._journals: dict[int, _GrowingJournal] = {}
        self._known = read_figures(folder.path)
        self._figures: dict[int, Figures] = {}

    def look(self, number: int, now: float) -> ShardState:
        """`now`: the time of day."""
        shard, paths = self.shards[number], self._folder.shard(number)
        try:
            figures = self._figures[number] = self._read(number, paths.journal)
        except FileNotFoundError:
            return shard
        except (ConfigError, OSError) as error:
            shard.state, shard.message = UNREADABLE, str(error)
            return shard
        shard.done, shard.failed, shard.latest = figures.done, sum(figures.failed.values()), figures.latest
        shard.rate = shard.message = None
        if shard.done == shard.num:
            shard.state = MADE
        elif _is_held(paths.lock, now):
            shard.state, (_, shard.rate) = UNDER_WAY, _look_at_end(paths.journal)
        else:
            shard.state = FAILED if shard.done + shard.failed == shard.num else STILL
        return shard

    def _read(self, number: int, journal: Path) -> Figures:
        seen = journal.stat()
        known = self._known.get(number)
        if known is not None and known.are_of(seen):
            return known
        ledger = self._journals.setdefault(number, _GrowingJournal(journal)).read()
        return Figures.of(ledger, seen, _look_at_end(journal)[0])

    def forget(self, number: int) -> None:
        self._journals.pop(number, None)

    def remember(self) -> None:
        """For those who look after us."""
        if self._figures != self._known:
            write_figures(self._folder.path, self._figures)
            self._known = dict(self._figures)

    def report(self) -> ShardsReport:
        """As all of them were when they were looked at."""
        totals = self._figures.values()
        costs = [each.cost for each in totals if each.cost is not None]
        reasons = sum((Counter(each.failed) for each in totals), Counter[str]())
        num, done = sum(each.num for each in self.shards), sum(each.done for each in self.shards)
        return ShardsReport(
            num=num,
            done=done,
            failed=reasons.total(),
            failed_by_reason=dict(reasons.most_common()),
            pending=num - done - reasons.total(),
            calls=sum(each.calls for each in totals),
            prompt_tokens=sum(each.prompt_tokens for each in totals),
            cached_tokens=sum(each.cached_tokens for each in totals),
            completion_tokens=sum(each.completion_tokens for each in totals),
            cost_usd=msgspec.Raw(digits_of(sum(costs, Decimal(0))).encode()) if costs else None,
            rate=sum(each.rate or 0.0 for each in self.shards),
            shards=self.shards,
        )


def report_on(folder: ShardFolder, plan: ShardPlan, *, now: float, progress: Advance = unseen) -> ShardsReport:
    """`now`: the time of day. The journal of one shard at a time is in memory."""
    return look_at_all(ShardsWatch(folder, plan), now=now, progress=progress).report()


def look_at_all(watch: ShardsWatch, *, now: float, progress: Advance = unseen) -> ShardsWatch:
    for number in range(len(watch.shards)):
        progress("reading journals", number, len(watch.shards))
        watch.look(number, now)
        watch.forget(number)
    watch.remember()
    return watch


class _GrowingJournal:
    """A journal that is read on from where it ended, unless it was cut or changed before that: then anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ledger: Ledger | None = None
        self._end = 0
        self._last = b""  # line that was read

    def read(self) -> Ledger:
        """Raises ConfigError and OSError, as `read_journal` does."""
        if self._ledger is not None:
            with self._path.open("rb") as file:
                file.seek(self._end - len(self._last))
                if file.read(len(self._last)) == self._last:
                    with contextlib.suppress(ValueError):  # what does not fit is looked at in its order
                        self._read_on(file, self._ledger)
                        return self._ledger
        journal = read_journal(self._path)
        self._ledger, self._end = journal.ledger, journal.tail_offset + len(journal.tail)
        self._last = journal.tail[journal.tail.rfind(b"\n", 0, -1) + 1 :]
        return journal.ledger

    def _read_on(self, file: BinaryIO, ledger: Ledger) -> None:
        for line in file:
            if not line.endswith(b"\n"):
                return
            ledger.add(decode_entry(line))
            self._last, self._end = line, self._end + len(line)


def _is_held(lock: Path, now: float) -> bool:
    """Whether a run has it: one that ends gives its lease back, and that of one that was killed stands still."""
    try:
        seen = lock.stat()
    except FileNotFoundError:
        return False
    return seen.st_size > 0 and now - seen.st_mtime < LIVELY


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
