"""How long it takes: one forecast for the display, the summary and the plan. Pure; the time is an argument.

A run begins with one call and then a few at a time; how many an endpoint takes in the end is known when the answers of
two rounds are there, and before that no time is told. From then on it is rounds of mean latency, at the speed of the
last ones. A call under way counts for the share of a mean answer that it has waited, because answers come in waves.
"""

from collections import deque
from collections.abc import Sequence

from asyncgen.pacing.concurrency import START
from asyncgen.runs.counts import Counts

RATE_WINDOW = 30.0  # seconds the rate looks back, so that it follows the present speed
RATE_LONGEST = 300.0  # seconds it looks back at most, when little is written
RATE_WRITES = 5  # conversations it looks back on at least, for a model that makes one a minute

DOUBLING = 0.4  # seconds in which a limit doubles that nobody refuses, or sooner, with the answers
START_ROUNDS = 2  # answers to wait for, one after another, before a time is told
GROWN = 1.5  # a limit that grows by this factor makes older speed worth nothing
TROUBLE_LASTS = 2.0  # seconds in which calls only fail; less is chance, or a server that is being started
SHORTEST = 1.0  # seconds of progress that say something about speed


def seconds_left(pending: float, *, speed: float, latency: float, in_flight: int = 0, age: float = 0.0) -> float:
    """The time for `pending` conversations at `speed` a second, when an answer takes `latency` seconds in the mean.

    Of them `in_flight` are under way, for `age` seconds in the mean. The last ones take as long as they take; those
    that take longer than usual are taken to need half as long again.
    """
    begun = in_flight * min(1.0, age / latency) if latency else 0.0
    straggling = min(age, latency / 2)
    return max((pending - begun) / speed + straggling, latency - age, age / 2)


def seconds_in_all(num: int, *, ceiling: int, latency: float) -> float:
    """The time for a whole run to which nothing is refused: one call, then as many as the start allows, then all."""
    seconds, pending, limit = latency, float(num - 1), min(START, ceiling)
    if not pending:
        return seconds
    doubling = min(latency, DOUBLING)
    while limit < min(ceiling, pending):
        pending -= limit * doubling / latency
        seconds += doubling
        limit = min(ceiling, 2 * limit)
    return seconds + seconds_left(pending, speed=min(limit, max(1.0, pending)) / latency, latency=latency)


class Pace:
    """How fast conversations are made at present, from what the counts were at some moments."""

    def __init__(self, now: float, written: int) -> None:
        self._began = self._now = now
        self._samples = deque([(now, written, written)])  # conversations written, and those that have ended
        self._latency: float | None = None
        self._answered_at = now
        self._grown_at = now
        self._steps: list[int] = []
        self._grown_from = 0
        self._is_starting = True
        self._untroubled_at = now

    def observe(self, now: float, counts: Counts) -> None:
        self._now = now
        if counts.trouble is None:
            self._untroubled_at = now
        if counts.grace_until is not None:  # what a run does while it ends tells nothing about the next one
            return
        self._follow_start(now, counts)
        samples = self._samples
        samples.append((now, counts.written, _ended(counts)))
        longest = max(RATE_LONGEST, self._window)
        while len(samples) > 1:
            age, gained = now - samples[1][0], counts.written - samples[1][1]
            if age < longest and (age < self._window or gained < RATE_WRITES):
                break
            samples.popleft()

    def _follow_start(self, now: float, counts: Counts) -> None:
        if counts.latency is None:
            return
        if self._latency is None:
            self._answered_at = now
        self._latency = counts.latency
        if (limit := counts.limit) is not None:
            if limit > GROWN * self._grown_from:
                self._grown_from, self._grown_at = limit, now
            self._grown_from = min(self._grown_from, limit)
            self._steps = self._steps or [limit]
            while limit >= 2 * self._steps[-1]:
                self._steps.append(2 * self._steps[-1])
        has_time = now >= self._answered_at + START_ROUNDS * counts.latency
        # The first answers of a round are its fast ones, so that their mean is too short.
        has_answers = _ended(counts) + counts.reasked.total() > START_ROUNDS * counts.in_flight
        if has_time and has_answers and now >= self._grown_at + max(SHORTEST, counts.latency):
            self._is_starting = False

    @property
    def _window(self) -> float:
        return max(RATE_WINDOW, START_ROUNDS * (self._latency or 0.0))

    @property
    def now(self) -> float:
        return self._now

    @property
    def elapsed(self) -> float:
        return self._now - self._began

    @property
    def has_lasting_trouble(self) -> bool:
        return self._now - self._untroubled_at >= TROUBLE_LASTS

    @property
    def rate(self) -> float | None:
        """Conversations per second; None while nothing, or nothing for a long time, was written."""
        moment, written, _ = self._samples[0]
        gained = self._samples[-1][1] - written
        return gained / (self._now - moment) if gained and self._now > moment else None

    @property
    def start(self) -> Sequence[int] | None:
        """While the run starts: how many could be in flight so far, step by step; afterwards None."""
        return self._steps if self._is_starting else None

    def time_left(self, counts: Counts) -> float | None:
        """Seconds until all is made; None while that cannot be told."""
        latency, in_flight = self._latency, counts.in_flight
        if self._is_starting or latency is None:
            return None
        latest, _, ended = self._samples[-1]
        since = min(self._grown_at, latest - max(SHORTEST, latency))  # what was made under a lower limit says little
        moment, _, before = next(each for each in self._samples if each[0] >= since or each is self._samples[-1])
        if ended <= before:
            return None
        speed = (ended - before) / (latest - moment)
        age = max(0.0, self._now - counts.sent_sum / in_flight) if in_flight else 0.0
        pending = max(0, counts.pending)
        return seconds_left(pending, speed=speed, latency=latency, in_flight=in_flight, age=age)


def _ended(counts: Counts) -> int:
    return counts.written + counts.failed.total()
