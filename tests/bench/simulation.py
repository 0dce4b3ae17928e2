"""Runs against an endpoint that is limited, or down for a while, in virtual time.

Limiter, retries and verdict are the real ones, on an event loop whose clock jumps to the next timer; modelled are the
endpoint, the way to it, and the producer, whose first index goes alone. So a simulated hour takes seconds and depends
on nothing but its seed.
"""

import asyncio
import itertools
import math
import selectors
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Protocol

from asyncgen.errors import (
    ConnectionFailedError,
    GaveUpError,
    NoAnswerError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TransientError,
)
from asyncgen.money.account import Account, Tariff
from asyncgen.money.budget import Budget
from asyncgen.pacing.admission import Admission
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.levels import Level, fair_share
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outage import Outage
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.pause import Gate
from asyncgen.pacing.retry import RetryPolicy, call_with_retries
from asyncgen.runs.verdict import Verdict
from asyncgen.stop import Stop, StopRequestedError

LIVE_PER_PLACE = 4
TRIP = 0.02  # seconds to the endpoint and back
TIMEOUT = 300.0

Latency = Callable[[Random], float]


def constant(_: Random) -> float:
    return 1.0


def five(_: Random) -> float:
    return 5.0


def ten(_: Random) -> float:
    return 10.0


def uniform(random: Random) -> float:
    return random.uniform(0.5, 1.5)


def long_tail(random: Random) -> float:
    """A model's answers, 2 to 60 s, ten times faster; the mean is 0.98 s."""
    return min(60.0, max(2.0, math.exp(random.gauss(math.log(7.0), 0.8)))) / 10


# ---- what an endpoint says


@dataclass(frozen=True, slots=True)
class Fault:
    """No answer but an error, `after` so many seconds. Calls of one kind may be told apart by `maybe_billed` alone."""

    error: Callable[[], TransientError]
    after: float = 0.0


def refusal(retry_after: float = 0.0) -> Fault:
    """A 429; `retry_after` in seconds, 0 without the header."""
    return Fault(lambda: RateLimitedError("not now", status=429, retry_after=retry_after or None))


BUSY = Fault(lambda: RateLimitedError("unavailable", status=503))
BAD_GATEWAY = Fault(lambda: ServerError("bad gateway", status=502))
BLANK = Fault(lambda: NoAnswerError("blank"), after=0.2)
RESET = Fault(lambda: ConnectionFailedError("reset", maybe_billed=True))
NO_CONNECTION = Fault(lambda: ConnectionFailedError("refused"))
HANG = Fault(lambda: TimedOutError("no answer in time", maybe_billed=True), after=TIMEOUT)


class Endpoint(Protocol):
    """Decides on each arrival, hears of the end of what it serves, and knows how much it was used."""

    def admit(self, now: float) -> Fault | None: ...
    def release(self, now: float) -> None: ...
    def share_used(self, start: float, end: float) -> float: ...

    def wait(self, now: float, seconds: float, patience: float) -> float:
        """How long a call that takes so many seconds waits for its turn, when it goes away after its patience."""
        return 0.0


@dataclass(slots=True)
class Slots(Endpoint):
    """Serves `capacity` at once; `changes` are later capacities with their times.

    `moody`: the share it refuses for no reason. `lag`: seconds until a place that has answered is free again.
    """

    capacity: int
    retry_after: float = 0.0
    changes: Sequence[tuple[float, int]] = ()
    moody: float = 0.0
    random: Random = field(default_factory=lambda: Random(1))
    lag: float = 0.0
    _serving: int = 0
    _times: list[float] = field(default_factory=lambda: [0.0])
    _served: list[float] = field(default_factory=lambda: [0.0])
    _freed: list[float] = field(default_factory=list)

    def admit(self, now: float) -> Fault | None:
        while self._freed and self._freed[0] <= now:
            self._freed.pop(0)
        taken = self._serving + len(self._freed)
        if taken >= self._capacity_at(now) or self.random.random() < self.moody:
            return refusal(self.retry_after)
        self._count(now)
        self._serving += 1
        return None

    def release(self, now: float) -> None:
        self._count(now)
        self._serving -= 1
        if self.lag:
            self._freed.append(now + self.lag)

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
class Bucket(Endpoint):
    """Serves `per_second`, of which `burst` may come at once. Says in whole seconds when there is a token again."""

    per_second: float
    burst: float
    _tokens: float = math.inf
    _filled_at: float = 0.0
    _admitted: list[float] = field(default_factory=list)

    def admit(self, now: float) -> Fault | None:
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        if self._tokens < 1:
            return refusal(math.ceil((1 - self._tokens) / self.per_second))
        self._tokens -= 1
        self._admitted.append(now)
        return None

    def release(self, now: float) -> None:
        pass

    def share_used(self, start: float, end: float) -> float:
        return _count_between(self._admitted, start, end) / (end - start) / self.per_second


@dataclass(slots=True)
class Window(Endpoint):
    """Serves `number` in every `seconds`, and says how long the rest of the window is."""

    number: int
    seconds: float
    _admitted: list[float] = field(default_factory=list)

    def admit(self, now: float) -> Fault | None:
        start = now // self.seconds * self.seconds
        if len(self._admitted) >= self.number and self._admitted[-self.number] >= start:
            return refusal(math.ceil(start + self.seconds - now))
        self._admitted.append(now)
        return None

    def release(self, now: float) -> None:
        pass

    def share_used(self, start: float, end: float) -> float:
        return _count_between(self._admitted, start, end) / (end - start) / self.number * self.seconds


@dataclass(slots=True)
class Queue(Endpoint):
    """Refuses nobody, serves `places` at once, and the others in their turn. `wastes`: also who has gone away."""

    places: int
    wastes: bool = False
    _free_at: list[float] = field(default_factory=list)  # a heap
    _spans: list[tuple[float, float]] = field(default_factory=list)

    def admit(self, now: float) -> Fault | None:
        return None

    def release(self, now: float) -> None:
        pass

    def wait(self, now: float, seconds: float, patience: float) -> float:
        start = now if len(self._free_at) < self.places else max(now, heappop(self._free_at))
        leaves = math.inf if self.wastes else now + patience
        end = max(start, min(start + seconds, leaves))
        heappush(self._free_at, end if start < leaves else start)
        if end <= now + patience:
            self._spans.append((start, end))
        return start - now

    def share_used(self, start: float, end: float) -> float:
        used = sum(max(0.0, min(end, b) - max(start, a)) for a, b in self._spans)
        return used / (end - start) / self.places


@dataclass(frozen=True, slots=True)
class Down:
    """From `start` to `end`, whoever calls gets one of `faults`; `cuts`: calls under way break off, too."""

    start: float
    end: float
    faults: Sequence[Fault]
    cuts: bool = False


def _count_between(times: Sequence[float], start: float, end: float) -> int:
    return bisect_right(times, end) - bisect_left(times, start)


# ---- the run


class VirtualLoop(asyncio.SelectorEventLoop):
    """Nothing is waited for: where a loop would sleep, its clock is moved on."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jump(self))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing is left to happen")
        self._loop.jump(timeout)
        return []


class Run:
    """One run, of endless work unless `number` is given. `trace` holds each limit with the time from which it held.

    All times are virtual seconds: of each call's leaving, of good answers, and of refusals and other faults.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ceiling: int,
        latency: Latency = long_tail,
        seed: int = 0,
        adaptive: bool = True,
        down: Sequence[Down] = (),
        number: int | None = None,
        give_up: float = 600.0,
        timeout: float = TIMEOUT,
        places: int = 4,
        loop: "VirtualLoop | None" = None,
    ) -> None:
        self.endpoint = endpoint
        self.concurrency = Concurrency(ceiling, adaptive=adaptive, timeout=timeout, places=places)
        self.verdict = Verdict(give_up)
        self.now = 0.0
        self.left: list[float] = []
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.failed: list[float] = []
        self.given_up = 0
        self.trace: list[tuple[float, int]] = [(0.0, self.concurrency.limit)]
        self._random = Random(seed)
        self._latency = latency
        self._most_live = LIVE_PER_PLACE * ceiling
        self._down = down
        self._number = number
        self._timeout = timeout
        self._loop = VirtualLoop() if loop is None else loop

    def go(self, until: float = math.inf) -> "Run":
        """Until then, or until all work is done, or until the run would be stopped as hopeless."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self.work(until))
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

    def calls(self, start: float, end: float) -> int:
        return _count_between(self.left, start, end)

    def answers_per_second(self, start: float, end: float) -> float:
        return _count_between(self.answered, start, end) / (end - start)

    def seconds_to_rate(self, rate: float, start: float, *, over: float) -> float:
        """From `start` until the end of the first span of `over` seconds that brought answers at this rate."""
        steps = range(int(4 * (self.now - start - over)))
        spans = (start + step / 4 for step in steps)
        return next((at + over - start for at in spans if self.answers_per_second(at, at + over) >= rate), math.inf)

    def lowest_limit(self, start: float) -> int:
        later = [limit for time, limit in self.trace if time > start]
        return min([*later, self.concurrency.limit])

    async def work(self, until: float) -> None:
        """The same, for so long, on the loop that runs."""
        self._stop = Stop()
        self.limiter = Limiter(
            self.concurrency, Gate(self._random), Outage(), on_answer=self._on_answer, clock=self._loop.time
        )
        self._stop.when_requested(self.limiter.close)
        self._admission = Admission(Budget(Account(), self._stop), Tariff(), self.limiter, self._stop)
        self._retries = RetryPolicy(8, self._stop, self._random, asyncio.sleep, lambda _, __: None)
        making = asyncio.create_task(self._make_all())
        stopped = asyncio.create_task(self._stop.wait())
        patience = None if until == math.inf else until
        await asyncio.wait({making, stopped}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        self.now = self._loop.time()
        making.cancel()

    async def _make_all(self) -> None:
        free = asyncio.Semaphore(self._most_live)
        async with asyncio.TaskGroup() as group:
            for number in itertools.count() if self._number is None else range(self._number):
                await free.acquire()
                task = group.create_task(self._make(number))
                task.add_done_callback(lambda _: free.release())
                if number == 0:
                    await asyncio.wait({task})
            self.verdict.everything_is_begun = True

    async def _make(self, index: int) -> None:
        sent = False

        async def call() -> Outcome:
            nonlocal sent
            sent = True
            self.verdict.sent(index)
            try:
                await self._call()
            except TransientError as error:
                return Outcome(error, is_own=self.verdict.failed(index, error, self._loop.time()))
            self.verdict.answered(index)
            return Outcome()

        self.verdict.begin(index)
        try:
            await call_with_retries(lambda: self._admission.send(call, again=sent), self._retries)
        except GaveUpError:
            self.given_up += 1
        except StopRequestedError:
            return
        finally:
            self.verdict.end(index)

    async def _call(self) -> None:
        now = self._loop.time
        self.left.append(now())
        await asyncio.sleep(TRIP / 2)
        seconds = self._latency(self._random)
        ends = now() + seconds
        cut = min((each.start for each in self._down if each.cuts and now() < each.start < ends), default=None)
        fault = self._fault_now() or self.endpoint.admit(now())
        if fault is None:
            seconds += self.endpoint.wait(now(), seconds, self._timeout - TRIP)
            if seconds > self._timeout - TRIP:
                fault = Fault(HANG.error, after=self._timeout - TRIP)
        if fault is None:
            self._loop.call_later(min(seconds, cut - now()) if cut else seconds, self._release)
            if cut is None:
                await asyncio.sleep(seconds + TRIP / 2)
                self.answered.append(now())
                return
            fault = Fault(RESET.error, after=cut - now())
        await asyncio.sleep(fault.after + TRIP / 2)
        error = fault.error()
        (self.refused if isinstance(error, RateLimitedError) else self.failed).append(now())
        raise error

    def _fault_now(self) -> Fault | None:
        now = self._loop.time()
        return next((self._random.choice(each.faults) for each in self._down if each.start <= now < each.end), None)

    def _release(self) -> None:
        self.endpoint.release(self._loop.time())

    def _on_answer(self) -> None:
        if self.concurrency.limit != self.trace[-1][1]:
            self.trace.append((self._loop.time(), self.concurrency.limit))
        patience = self.verdict.patience
        if patience.trouble is not None and patience.left(self._loop.time()) <= 0:
            self._stop.request()


def share_endpoint(
    endpoint: Endpoint,
    spans: Sequence[tuple[float, float]],
    *,
    ceiling: int | Sequence[int],
    latency: Latency,
    seed: int = 0,
    told_every: float = math.inf,
) -> list[Run]:
    """Runs of endless work at one endpoint, each for its span of time; one ceiling for all, or one for each.

    `told_every`: seconds from one time that each tells the others its level to the next.
    """
    loop = VirtualLoop()
    seeds = range(100 * seed, 100 * seed + len(spans))
    ceilings = [ceiling] * len(spans) if isinstance(ceiling, int) else ceiling
    runs = [
        Run(endpoint, ceiling=most, latency=latency, seed=each, loop=loop)
        for most, each in zip(ceilings, seeds, strict=True)
    ]

    levels: dict[Run, Level] = {}

    async def tell(run: Run, start: float, end: float) -> None:
        at = start
        while (at := at + told_every) < end:
            await asyncio.sleep(at - loop.time())
            levels[run] = run.limiter.level()
            if (fair := fair_share([*levels.values()])) is not None:
                run.limiter.share(fair)
        levels.pop(run, None)

    async def work(run: Run, start: float, end: float) -> None:
        await asyncio.sleep(start)
        async with asyncio.TaskGroup() as group:
            group.create_task(tell(run, start, end))
            await run.work(end - start)

    async def work_all() -> None:
        await asyncio.gather(*(work(run, *span) for run, span in zip(runs, spans, strict=True)))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work_all())
    return runs
