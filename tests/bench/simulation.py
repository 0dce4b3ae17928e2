"""Runs against a limited endpoint in virtual time: controller and gate are the real ones, the rest is modelled.

The client has the real one's shape: a bounded number of live indices, a place held around one attempt only, retries
before first attempts, full jitter after a refusal without a hint, and one gate for the run where there is a hint.
"""

import heapq
import itertools
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from asyncgen.adaptive import Concurrency
from asyncgen.gate import Gate

LIVE_PER_PLACE = 4
TRIP = 0.02  # seconds to the endpoint and back

Latency = Callable[[Random], float]


def constant(_: Random) -> float:
    return 1.0


def uniform(random: Random) -> float:
    return random.uniform(0.5, 1.5)


def long_tail(random: Random) -> float:
    """A model's answers, 2 to 60 s, ten times faster; the mean is 0.98 s."""
    return min(60.0, max(2.0, math.exp(random.gauss(math.log(7.0), 0.8)))) / 10


@dataclass(frozen=True, slots=True)
class Refusal:
    """A 429; `retry_after` in seconds, 0 without the header."""

    retry_after: float = 0.0


class Endpoint(Protocol):
    """Decides on each arrival, hears of the end of what it serves, and knows how much it was used."""

    def admit(self, now: float) -> Refusal | None: ...
    def release(self, now: float) -> None: ...
    def share_used(self, start: float, end: float) -> float: ...


@dataclass(slots=True)
class Slots:
    """Serves `capacity` at once; `changes` are later capacities with their times.

    `moody`: the share it refuses for no reason.
    """

    capacity: int
    retry_after: float = 0.0
    changes: Sequence[tuple[float, int]] = ()
    moody: float = 0.0
    random: Random = field(default_factory=lambda: Random(1))
    _serving: int = 0
    _times: list[float] = field(default_factory=lambda: [0.0])
    _served: list[float] = field(default_factory=lambda: [0.0])

    def admit(self, now: float) -> Refusal | None:
        if self._serving >= self._capacity_at(now) or self.random.random() < self.moody:
            return Refusal(self.retry_after)
        self._count(now)
        self._serving += 1
        return None

    def release(self, now: float) -> None:
        self._count(now)
        self._serving -= 1

    def share_used(self, start: float, end: float) -> float:
        times = [start, *(time for time, _ in self.changes if start < time < end), end]
        available = sum((b - a) * self._capacity_at(a) for a, b in itertools.pairwise(times))
        return (self._served_until(end) - self._served_until(start)) / available

    def _capacity_at(self, now: float) -> int:
        return next((capacity for time, capacity in reversed(self.changes) if time <= now), self.capacity)

    def _count(self, now: float) -> None:
        self._served.append(self._served[-1] + self._serving * (now - self._times[-1]))
        self._times.append(now)

    def _served_until(self, now: float) -> float:
        return self._served[bisect_right(self._times, now) - 1]


@dataclass(slots=True)
class Bucket:
    """Serves `per_second`, of which `burst` may come at once. Says in whole seconds when there is a token again."""

    per_second: float
    burst: float
    _tokens: float = math.inf
    _filled_at: float = 0.0
    _admitted: list[float] = field(default_factory=list)

    def admit(self, now: float) -> Refusal | None:
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        if self._tokens < 1:
            return Refusal(math.ceil((1 - self._tokens) / self.per_second))
        self._tokens -= 1
        self._admitted.append(now)
        return None

    def release(self, now: float) -> None:
        pass

    def share_used(self, start: float, end: float) -> float:
        return _count_between(self._admitted, start, end) / (end - start) / self.per_second


@dataclass(slots=True)
class Window:
    """Serves `number` in every `seconds`, and says how long the rest of the window is."""

    number: int
    seconds: float
    _admitted: list[float] = field(default_factory=list)

    def admit(self, now: float) -> Refusal | None:
        start = now // self.seconds * self.seconds
        if len(self._admitted) >= self.number and self._admitted[-self.number] >= start:
            return Refusal(math.ceil(start + self.seconds - now))
        self._admitted.append(now)
        return None

    def release(self, now: float) -> None:
        pass

    def share_used(self, start: float, end: float) -> float:
        return _count_between(self._admitted, start, end) / (end - start) / self.number * self.seconds


def _count_between(times: Sequence[float], start: float, end: float) -> int:
    return bisect_right(times, end) - bisect_right(times, start)


@dataclass(slots=True)
class _Index:
    failures: int = 0


class Run:
    """One run of endless work. `trace` holds each limit with the time from which it held."""

    def __init__(
        self, endpoint: Endpoint, *, ceiling: int, latency: Latency = long_tail, seed: int = 0, adaptive: bool = True
    ) -> None:
        self.endpoint = endpoint
        self.concurrency = Concurrency(ceiling, adaptive=adaptive)
        self.now = 0.0
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.trace: list[tuple[float, int]] = [(0.0, self.concurrency.limit)]
        self._random = Random(seed)
        self._gate = Gate(self._random)
        self._latency = latency
        self._most_live = LIVE_PER_PLACE * ceiling
        self._live = 0
        self._in_flight = 0
        self._again: deque[_Index] = deque()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._wakes_at = math.inf
        self._hand_out()

    def go(self, until: float) -> "Run":
        while self._events and self._events[0][0] <= until:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self.now = until
        return self

    def share_used(self, start: float, end: float | None = None) -> float:
        return self.endpoint.share_used(start, self.now if end is None else end)

    def refused_per_1000(self, start: float = 0.0, end: float = math.inf) -> float:
        refused = _count_between(self.refused, start, end)
        return 1000 * refused / max(1, refused + _count_between(self.answered, start, end))

    def seconds_to_share(self, share: float) -> float:
        """When the latest two seconds first used this share of the capacity."""
        halves = range(4, int(2 * self.now))
        return next((n / 2 for n in halves if self.endpoint.share_used(n / 2 - 2, n / 2) >= share), math.inf)

    def lowest_limit(self, start: float) -> int:
        later = [limit for time, limit in self.trace if time > start]
        return min([*later, self.concurrency.limit])

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), happen))

    def _hand_out(self) -> None:
        while self._in_flight < self.concurrency.limit and self._has_waiting():
            if (wait := self._gate.wait(self.now)) > 0:
                self._wake_after(wait)
                return
            self._gate.enter(self.now, self.concurrency.limit, self.concurrency.latency)
            self._live += not self._again
            self._send(self._again.popleft() if self._again else _Index())

    def _has_waiting(self) -> bool:
        return bool(self._again) or self._live < self._most_live

    def _wake_after(self, seconds: float) -> None:
        if not self.now < self._wakes_at <= self.now + seconds:
            self._wakes_at = self.now + seconds
            self._after(seconds, self._hand_out)

    def _send(self, index: _Index) -> None:
        self._in_flight += 1
        ticket, sent = self.concurrency.start(), self.now
        self._after(TRIP / 2, lambda: self._arrive(index, ticket, sent))

    def _arrive(self, index: _Index, ticket: int, sent: float) -> None:
        refusal = self.endpoint.admit(self.now)
        if refusal:
            self._after(TRIP / 2, lambda: self._refuse(index, ticket, refusal.retry_after))
            return
        seconds = self._latency(self._random)
        self._after(seconds, lambda: self.endpoint.release(self.now))
        self._after(seconds + TRIP / 2, lambda: self._answer(ticket, sent))

    def _answer(self, ticket: int, sent: float) -> None:
        self._in_flight -= 1
        self._live -= 1
        self.answered.append(self.now)
        self.concurrency.succeeded(self.now, ticket, sent=sent, is_saturated=self._has_waiting())
        self._go_on()

    def _refuse(self, index: _Index, ticket: int, hint: float) -> None:
        self._in_flight -= 1
        self.refused.append(self.now)
        is_load = self.concurrency.overloaded(ticket, in_flight=self._in_flight, is_hinted=hint > 0)
        if hint and is_load:
            self._gate.pause(self.now, hint)
        index.failures += not hint
        jitter = self._random.uniform(0, min(60.0, 2.0 ** (index.failures - 1)))
        self._after(hint or jitter, lambda: self._return(index))
        self._go_on()

    def _return(self, index: _Index) -> None:
        self._again.append(index)
        self._hand_out()

    def _go_on(self) -> None:
        if self.concurrency.limit != self.trace[-1][1]:
            self.trace.append((self.now, self.concurrency.limit))
        self._hand_out()
