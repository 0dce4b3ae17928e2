"""When a request may leave: a place in flight, an open gate, the rates of a contract, and a probe in an outage.

A place is held around one HTTP attempt only, never while an index waits, so a backing-off index costs nobody a place.
While a batch is being written, what has arrived since counts beside the attempts under way, so that a slow disk holds
back the calls whose answers would have to wait for it. Neither that batch counts nor what is gathered while nothing is
written: calls would be sent, and come back, all at a time. How an attempt has ended is reported here too: what one call
learns holds for all.
Retries are served before first attempts, because an index that has waited should not queue again behind the whole run;
behind a failure after them, because what an endpoint can do shows better on an index that has not failed yet.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from asyncgen.answered import Usage
from asyncgen.errors import BadReplyError, RateLimitedError, RejectedError, TimedOutError, TransientError
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.levels import REFUSED_LATELY, Level
from asyncgen.pacing.outage import Outage
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.pause import Gate
from asyncgen.pacing.rates import Pacer, Rates
from asyncgen.stop import StopRequestedError

UNLIMITED = Rates()
TOKENS_SMOOTHING = 0.1  # how fast the estimate of a call's tokens follows what calls take


class Limiter:
    """Hands out places one by one, as soon as everything that has a say agrees.

    `tokens_per_call` is the first estimate of what a call takes; calls that have ended correct it. `on_answer` is
    called after each attempt, when limit, pause and outage are up to date. `on_move`: called in the task of whoever has
    come to wait, and of whoever is let in. `is_one_coming`: whether somebody is about to wait, as good as one who does.
    `capacity`: calls in flight and answers that wait behind the batch being written, together, at most.
    """

    def __init__(
        self,
        concurrency: Concurrency,
        gate: Gate,
        outage: Outage,
        *,
        rates: Rates = UNLIMITED,
        tokens_per_call: float = 0.0,
        on_answer: Callable[[], None] = lambda: None,
        on_move: Callable[[], None] = lambda: None,
        is_one_coming: Callable[[], bool] = lambda: False,
        capacity: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.concurrency = concurrency
        self.gate = gate
        self.outage = outage
        self.in_flight = 0
        self._capacity = capacity
        self._waiting = 0
        self._is_writing = False
        self._requests = Pacer(rates.requests)
        self._tokens = Pacer(rates.tokens)
        self._is_paced = rates != UNLIMITED
        self._paced_until = math.inf
        self._tokens_per_call = tokens_per_call
        self._on_answer = on_answer
        self._on_move = on_move
        self._is_one_coming = is_one_coming
        self._clock = clock
        self._first: deque[asyncio.Future[None]] = deque()
        self._again: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_failing = False  # the latest attempt was a failure, and not its index's own
        self._is_closed = False
        self._refused_at = -math.inf

    async def acquire(self, *, again: bool) -> None:
        """Wait for a place. Raises StopRequestedError once the limiter is closed."""
        if self._is_closed:
            raise StopRequestedError
        waiter = asyncio.get_running_loop().create_future()
        (self._again if again else self._first).append(waiter)
        self._hand_out()
        self._on_move()
        if waiter.done():
            return
        try:
            await waiter
        except asyncio.CancelledError:
            is_given = waiter.done() and not waiter.cancelled() and waiter.exception() is None
            if is_given:  # and this task was cancelled before it could run
                self.release()
            raise
        self._on_move()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits, so that no place stays free and more of them would be of use."""
        return bool(self._first or self._again)

    def release(self, *, is_answered: bool = False) -> None:
        """`is_answered`: the attempt has brought something that will be written; see `writing`."""
        self._waiting += is_answered
        self.in_flight -= 1
        self._hand_out()

    def writing(self, answers: int) -> None:
        """So many answers are being written, until `written`."""
        self._waiting -= answers
        self._is_writing = True

    def written(self) -> None:
        self._is_writing = False
        self._hand_out()

    def _hand_out(self) -> None:
        is_probing = self._is_failing or self.outage.is_down
        while queue := (self._first or self._again) if is_probing else (self._again or self._first):
            if self._is_writing and self.in_flight + self._waiting >= self._capacity:
                return
            if self.in_flight >= self.concurrency.limit and not self.concurrency.is_growing:
                return
            now = self._clock()
            if (delay := self._delay(now)) > 0:
                if self._timer is not None:
                    self._timer.cancel()
                if delay < math.inf:  # otherwise an answer, or another pace, will come first
                    self._timer = asyncio.get_running_loop().call_later(delay, self._hand_out)
                return
            waiter = queue.popleft()
            if not waiter.cancelled():
                self._take(now)
                waiter.set_result(None)

    def _delay(self, now: float) -> float:
        delay = 0.0
        if self.gate.is_pacing:
            delay = self.gate.wait(now)
        if self.outage.is_down:
            delay = max(delay, self.outage.wait(now))
        if self.in_flight >= self.concurrency.limit:
            delay = max(delay, self.concurrency.grow(now, self.in_flight))
        if self._is_paced:
            delay = max(delay, self._requests.wait(now), self._tokens.wait(now))
            if now >= self._paced_until:
                delay = math.inf
        return delay

    def _take(self, now: float) -> None:
        self.in_flight += 1
        if self.outage.is_down:
            self.outage.enter(now)
        if self.gate.is_pacing:
            self.gate.enter(now, self.concurrency.goal, self.concurrency.latency)
        if self._is_paced:
            self._requests.take(now)
            self._tokens.take(now, self._tokens_per_call)

    def pace(self, rates: Rates, until: float) -> None:
        """Keep to other rates, and hand out nothing from a time on by which these should have been renewed."""
        now = self._clock()
        self._requests.change(now, rates.requests)
        self._tokens.change(now, rates.tokens)
        self._is_paced = rates != UNLIMITED
        self._paced_until = until
        self._hand_out()

    def level(self) -> Level:
        """What this has of the capacity that runs share, and would have; a run that is paused wants what it had."""
        aim = self.concurrency.aim
        most = self.concurrency.most if self.is_awaited else min(aim, self.in_flight)
        return Level(aim, most, self.is_awaited and self._clock() - self._refused_at < REFUSED_LATELY)

    def share(self, fair: float) -> None:
        """Go towards what is fair among runs that share an endpoint; not in an outage, in which limits say nothing."""
        if not self.outage.is_down:
            self.concurrency.share(fair)
            self._hand_out()

    def begin(self) -> tuple[int, float]:
        """The ticket and the time of an attempt that is sent now."""
        return self.concurrency.start(), self._clock()

    def settle(self, usage: Usage) -> None:
        """Count what a call really took, where the provider says so, instead of what was reserved for it."""
        if not self._is_paced or usage.prompt_tokens is None or usage.completion_tokens is None:
            return
        tokens = usage.prompt_tokens + usage.completion_tokens
        self._tokens.take(self._clock(), tokens - self._tokens_per_call)
        self._tokens_per_call += (tokens - self._tokens_per_call) * TOKENS_SMOOTHING

    def close(self) -> None:
        """Send everybody who waits away with StopRequestedError, now and from now on."""
        self._is_closed = True
        for queue in (self._again, self._first):
            for waiter in queue:
                if not waiter.done():
                    waiter.set_exception(StopRequestedError())
            queue.clear()

    def report(self, ticket: int, sent: float, outcome: Outcome) -> bool:
        """What an attempt that has just ended says about the endpoint, and whether all keep the wait it has named."""
        now = self._clock()
        is_for_all = False
        match outcome.error:
            case None | BadReplyError() | RejectedError():
                self._is_failing = False
                if self.outage.succeeded(ticket):
                    self.concurrency.resume(now)
                is_saturated = self.is_awaited or self._is_one_coming()
                self.concurrency.succeeded(now, ticket, sent=sent, is_saturated=is_saturated)
            case RateLimitedError() as error:
                self._refused_at = now
                if not self.concurrency.explains(now, ticket):
                    self.outage.failed(now, ticket)
                seconds, in_flight = error.retry_after or 0.0, self.in_flight - 1
                is_hinted = seconds > 0
                is_for_all = self.concurrency.overloaded(ticket, in_flight=in_flight, is_hinted=is_hinted) and is_hinted
                if is_for_all:  # otherwise it is this call's bad luck, and this call's wait
                    self.gate.pause(now, seconds)
            case TransientError() as error:
                if isinstance(error, TimedOutError) and not self.outage.is_down:
                    self.concurrency.timed_out(now, sent=sent)
                if not outcome.is_own:
                    self._is_failing = True
                    self.outage.failed(now, ticket)
            case _:
                return False
        self._on_answer()
        return is_for_all
