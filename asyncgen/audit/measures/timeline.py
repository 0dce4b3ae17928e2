"""Throughput, concurrency and latency over time, from the journal.

Nobody knows beforehand how long a run was: the buckets begin a second wide and double whenever there are too many, so
memory stays bounded. Latencies are counted on a logarithmic scale, because histograms can be merged and medians cannot.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asyncgen.audit.results import Moment
from asyncgen.output.journal import Done, Entry, Failed, Lost, Unused

MOST_BUCKETS = 200
STEPS = 20  # of the latency scale for a factor of e: a median is right to 2.5 %
BRIEFEST = 0.001  # seconds; a shorter call counts as this one


@dataclass(slots=True)
class _Bucket:
    done: int = 0
    rejected: int = 0
    failed: int = 0
    lost: int = 0
    in_flight: int = 0
    latencies: Counter[int] = field(default_factory=Counter)

    def add(self, entry: Done | Unused | Failed | Lost) -> None:
        match entry:
            case Done():
                self.done += 1
                self.in_flight += entry.in_flight
                self.latencies[round(math.log(max(entry.seconds, BRIEFEST)) * STEPS)] += 1
            case Unused():
                self.rejected += 1
            case Failed():
                self.failed += 1
            case Lost():
                self.lost += 1

    def merge(self, other: "_Bucket") -> None:
        self.done += other.done
        self.rejected += other.rejected
        self.failed += other.failed
        self.lost += other.lost
        self.in_flight += other.in_flight
        self.latencies.update(other.latencies)

    def median(self) -> float | None:
        passed = 0
        for step in sorted(self.latencies):
            passed += self.latencies[step]
            if 2 * passed >= self.done:
                return round(math.exp(step / STEPS), 3)
        return None


class Timeline:
    """Feed it the journal's entries in any order."""

    def __init__(self) -> None:
        self._width = 1
        self._buckets: dict[int, _Bucket] = {}

    def add(self, entry: Entry) -> None:
        if not isinstance(entry, Done | Unused | Failed | Lost):
            return
        try:
            moment = datetime.fromisoformat(entry.time).timestamp()
        except (ValueError, OverflowError):  # entries may lack their time
            return
        self._buckets.setdefault(int(moment // self._width), _Bucket()).add(entry)
        while len(self._buckets) > MOST_BUCKETS:
            self._width *= 2
            narrow, self._buckets = self._buckets, {}
            for number, bucket in narrow.items():
                self._buckets.setdefault(number // 2, _Bucket()).merge(bucket)

    def result(self) -> list[Moment]:
        """In order of time; where nothing ended there is no moment."""
        return [
            Moment(
                time=f"{datetime.fromtimestamp(number * self._width, UTC):%Y-%m-%dT%H:%M:%SZ}",
                seconds=self._width,
                done=bucket.done,
                rejected=bucket.rejected,
                failed=bucket.failed,
                lost=bucket.lost,
                in_flight=round(bucket.in_flight / bucket.done, 1) if bucket.done else None,
                seconds_p50=bucket.median(),
            )
            for number, bucket in sorted(self._buckets.items())
        ]
