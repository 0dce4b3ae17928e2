"""The forecast against what comes: runs simulated in virtual time, looked at as the display does."""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import NamedTuple

import pytest
from quick import each_row

from asyncgen.runs.counts import Counts
from asyncgen.runs.forecast import Pace, seconds_in_all, seconds_left

LOOK = 0.25  # seconds between two looks at a live display
FIRST_LIMIT = 8


def constant(seconds: float) -> Callable[[Random], float]:
    return lambda _: seconds


def spread(least: float, most: float) -> Callable[[Random], float]:
    return lambda random: random.uniform(least, most)


def long_tail(seconds: float, share: float) -> Callable[[Random], float]:
    return lambda random: seconds * (10 if random.random() < share else 1)


def skewed(mean: float) -> Callable[[Random], float]:
    return lambda random: random.lognormvariate(0.0, 0.5) * mean / 1.133


@dataclass(frozen=True)
class History:
    """A run. `growth`: seconds in which the limit doubles, None where each answer raises it by one.

    `capacity`: how many are served at once; `refused`: share refused whatever the limit, for `wait` seconds. `bad`:
    share of answers that are asked for again. `failing`: share of indices that fail. `per_second`: calls at most.
    """

    num: int
    latency: Callable[[Random], float]
    ceiling: int = 256
    growth: float | None = 0.25
    capacity: int | None = None
    refused: float = 0.0
    wait: float = 1.0
    bad: float = 0.0
    failing: float = 0.0
    already: int = 0
    per_second: float | None = None


class Index(NamedTuple):
    """On its way: since when, and since when this call, if one is under way."""

    began: float
    sent: float


class Simulation:
    """Plays a history. Afterwards `now` is its end, and `longest` what an index took at most."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.counts = Counts(num=history.num, already=history.already)
        self.now = self.longest = 0.0
        self._random = Random(0)
        self._ceiling = history.ceiling
        self._limit = 1
        self._answers, self._seconds = 0, 0.0
        self._may_send = 0.0
        self._new = self.counts.pending
        self._again: deque[Index] = deque()
        self._order = count()
        self._events: list[tuple[float, int, Callable[[Index], None], Index]] = []

    def looks(self, every: float) -> Iterator[tuple[float, Pace, Counts]]:
        """What the display sees each time it looks."""
        pace, next_look = Pace(0.0, 0), every
        while self.counts.pending:
            self._send_all()
            if next_look <= self._events[0][0]:
                self.now, next_look = next_look, next_look + every
                pace.observe(self.now, self.counts)
                yield self.now, pace, self.counts
            else:
                self.now, _, happen, index = heapq.heappop(self._events)
                happen(index)
                self.counts.limit = self._limit if self._answers else None

    def _later(self, delay: float, happen: Callable[[Index], None], index: Index) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), happen, index))

    def _send_all(self) -> None:
        while (self._again or self._new) and self.counts.in_flight < self._limit and self.now >= self._may_send:
            if self._again:
                index = self._again.popleft()._replace(sent=self.now)
            else:
                index, self._new = Index(self.now, self.now), self._new - 1
            self._send(index)

    def _send(self, index: Index) -> None:
        history, counts = self.history, self.counts
        is_over = counts.in_flight >= (history.capacity or math.inf)
        if is_over:
            self._limit = self._ceiling = max(1, int(0.95 * counts.in_flight))
        counts.in_flight += 1
        counts.sent_sum += self.now
        if is_over or self._random.random() < history.refused:
            self._later(0.005, self._refuse, index)
        else:
            self._later(history.latency(self._random), self._answer, index)
        if history.per_second is not None:
            self._may_send = self.now + 1 / history.per_second
            self._later(1 / history.per_second, lambda _: None, index)

    def _end_call(self, index: Index) -> None:
        self.counts.in_flight -= 1
        self.counts.sent_sum -= index.sent

    def _refuse(self, index: Index) -> None:
        self._end_call(index)
        self._later(self.history.wait, self._again.append, index)

    def _answer(self, index: Index) -> None:
        self._end_call(index)
        history, counts = self.history, self.counts
        self._answers, self._seconds = self._answers + 1, self._seconds + self.now - index.sent
        counts.latency = self._seconds / self._answers
        if counts.limit is None:
            self._limit = min(FIRST_LIMIT, self._ceiling)
            if history.growth is not None:
                self._later(history.growth, self._grow, index)
        elif history.growth is None:
            self._limit = min(self._ceiling, self._limit + 1)
        if self._random.random() < history.bad:
            counts.reasked["not-json"] += 1
            self._again.append(index)
            return
        is_failed = self._random.random() < history.failing
        counts.failed["refused"] += is_failed
        counts.written += not is_failed
        self.longest = max(self.longest, self.now - index.began)

    def _grow(self, index: Index) -> None:
        self._limit = min(self._ceiling, 2 * self._limit)
        if self._limit < self._ceiling and self.history.growth is not None:
            self._later(self.history.growth, self._grow, index)


HISTORIES = {
    "5 s": History(1_000, constant(5.0)),
    "5 s and many": History(6_000, constant(5.0)),
    "5 s, and a limit that answers raise": History(3_000, constant(5.0), growth=None),
    "1 s": History(4_000, constant(1.0)),
    "0.1 s": History(5_000, constant(0.1), ceiling=32),
    "spread": History(4_000, spread(2.0, 12.0)),
    "skewed": History(4_000, skewed(6.0)),
    "a long tail": History(4_000, long_tail(1.0, 0.05)),
    "less capacity": History(1_000, spread(3.0, 6.0), capacity=40),
    "refusals": History(3_000, spread(2.0, 4.0), refused=0.1),
    "refusals with long waits": History(3_000, spread(2.0, 4.0), refused=0.3, wait=5.0),
    "bad replies": History(3_000, spread(2.0, 4.0), bad=0.4),
    "failing": History(3_000, spread(2.0, 4.0), failing=0.2),
    "resumed": History(20_000, spread(3.0, 7.0), already=17_500),
    "one at a time": History(30, spread(30.0, 80.0), ceiling=1),
    "a limit of calls a minute": History(600, spread(3.0, 7.0), per_second=5.0),
    "few": History(100, spread(3.0, 7.0), ceiling=16),
}


@each_row("history", HISTORIES.values(), ids=HISTORIES)
def test_from_the_second_round_of_answers_on_the_time_told_is_within_a_factor_of_two(history: History) -> None:
    """At the very end it may be off by what one index takes: the last one is no mean."""
    simulation = Simulation(history)
    looks = [(now, pace.start, pace.time_left(counts)) for now, pace, counts in simulation.looks(1.0)]
    told = [(simulation.now - now, left) for now, start, left in looks if start is None]
    assert told
    for comes, left in told:
        assert left is not None
        assert comes / 2 <= left <= 2 * comes or abs(left - comes) <= simulation.longest


@pytest.mark.parametrize(
    ("history", "until"),
    [
        pytest.param(History(5_000, constant(5.0)), 16.0, id="a limit that grows by itself"),
        pytest.param(History(5_000, constant(5.0), growth=None), 40.0, id="a limit that answers raise"),
        pytest.param(History(5_000, constant(5.0), ceiling=16), 15.0, id="a low limit"),
    ],
)
def test_a_run_is_starting_until_the_second_round_of_answers(history: History, until: float) -> None:
    looks = Simulation(history).looks(LOOK)
    assert next(now for now, pace, _ in looks if pace.start is None) == pytest.approx(until, abs=0.5)


def test_a_start_is_told_as_what_could_be_in_flight_step_by_step() -> None:
    looks = Simulation(History(5_000, constant(5.0), growth=1.0)).looks(LOOK)
    starts = [(now, pace.start and list(pace.start)) for now, pace, _ in looks if now in {4.0, 5.5, 8.5, 14.0}]
    assert starts == [(4.0, []), (5.5, [8]), (8.5, [8, 16, 32, 64]), (14.0, [8, 16, 32, 64, 128, 256])]


@pytest.mark.parametrize(
    ("pending", "left", "in_flight", "age"),
    [
        pytest.param(100, 50.0, 0, 0.0, id="rounds"),
        pytest.param(100, 45.0, 10, 5.0, id="a wave that is about to come in"),
        pytest.param(4, 5.0, 4, 0.0, id="the last ones"),
        pytest.param(4, 1.0, 4, 4.0, id="the last ones, soon"),
        pytest.param(1, 10.0, 1, 20.0, id="one that takes long"),
        pytest.param(0, 5.0, 0, 0.0, id="none"),
    ],
)
def test_rounds_of_mean_latency(pending: int, left: float, in_flight: int, age: float) -> None:
    told = seconds_left(pending, speed=2.0, latency=5.0, in_flight=in_flight, age=age)
    assert told == pytest.approx(left, abs=2.5)


@pytest.mark.parametrize(
    "history",
    [
        History(1, constant(10.0)),
        History(3, constant(10.0)),
        History(100, constant(10.0)),
        History(1_000, constant(10.0)),
        History(5_000, constant(2.0)),
        History(5_000, constant(0.2), ceiling=64),
        History(400, constant(3.0), ceiling=4),
    ],
    ids=lambda history: f"{history.num} with {history.ceiling} in flight",
)
def test_what_a_plan_says_is_what_a_run_takes_to_which_nothing_is_refused(history: History) -> None:
    simulation = Simulation(history)
    deque(simulation.looks(LOOK), maxlen=0)
    latency = history.latency(Random(0))
    planned = seconds_in_all(history.num, ceiling=history.ceiling, latency=latency)
    assert planned == pytest.approx(simulation.now, abs=1.1 * latency + 1.0)


# ---- pace


def observed(*samples: tuple[float, int]) -> Pace:
    pace = Pace(*samples[0])
    for now, written in samples[1:]:
        pace.observe(now, Counts(num=10**6, written=written))
    return pace


@each_row(
    ("samples", "rate"),
    [
        pytest.param([(0, 0)], None, id="at once"),
        pytest.param([(0, 0), (9, 0)], None, id="nothing written"),
        pytest.param([(0, 0), (10, 20)], 2.0, id="the first ones"),
        pytest.param([(0, 0), (10, 20), (20, 20)], 1.0, id="then a pause"),
        pytest.param([(0, 0), (100, 1_000), (110, 1_005), (130, 1_015), (140, 1_020)], 0.5, id="slower now"),
        pytest.param([(0, 0), (60, 1), (120, 2), (130, 3)], 3 / 130, id="one a minute"),
        pytest.param([(0, 0), (10, 100), (310, 100)], None, id="a long outage"),
        pytest.param([(0, 0), (10, 100), (1_000, 100), (1_010, 120)], 20 / 1_000, id="the outage is over"),
    ],
)
def test_the_rate_follows_the_present_speed(samples: Sequence[tuple[float, int]], rate: float | None) -> None:
    assert observed(*samples).rate == (None if rate is None else pytest.approx(rate))


def test_what_a_run_does_while_it_ends_does_not_change_its_forecast() -> None:
    simulation = Simulation(History(5_000, constant(2.0)))
    now, pace, counts = next(look for look in simulation.looks(1.0) if look[1].start is None)
    before = pace.time_left(counts)
    assert before is not None
    counts.grace_until = now + 30
    pace.observe(now + 25, replace(counts, in_flight=0, sent_sum=0.0))
    assert pace.time_left(replace(counts, in_flight=0, sent_sum=0.0)) == pytest.approx(before, rel=0.1)
