"""How many calls may be in flight so that each is answered before its deadline, at an endpoint that may let them queue.

Such an endpoint refuses nobody: a crowd only waits longer, until calls run into the deadline and are paid for in vain.
Each call that ends tells the rate: so many answers came while it was under way. It holds for a queue, which is served
at that rate however long it is, and for an endpoint with room, where more in flight raise the rate and with it the
reach. Latency alone would not do, because in a queue that has just formed the first answers are quick.

What may be in flight is what is served halfway from the time that an answer takes alone to the deadline. Until the rate
is known, a few places are taken for granted: four let 1,000 answers of 5 s start as if there were room for all.
"""

import math
from bisect import bisect_right

ALONE = 8  # answers from which the time without a queue is estimated: the first ones
TIGHT = 1.5  # times that long; with a deadline below it no queue could be told from slow answers
FALL = 0.75  # of the reach, at most, for each call: of answers that come in batches the first ones look slow


class Reach:
    """`limit`: calls in flight that can be answered in time, of which no more than `ceiling` matter.

    Infinite before the first answer, and for good when that one leaves no time to wait. `timeout` in seconds. `places`:
    how many calls the endpoint is taken to serve at once at first.
    """

    def __init__(self, timeout: float, ceiling: int, places: int) -> None:
        self.limit = math.inf
        self._timeout = timeout
        self._places = places
        self._memory = 2 * ceiling  # answers that are remembered: with as many in one timeout, the ceiling is in reach
        self._answers: list[float] = []
        self._alone = 0.0
        self._known = 0

    def answered(self, now: float, sent: float) -> None:
        if self._known < ALONE:
            self._known += 1
            self._alone += (now - sent - self._alone) / self._known
        self._answers.append(now)
        if len(self._answers) > 2 * self._memory:
            del self._answers[: -self._memory]
        if self._known == 1:
            if self._alone > 0 and self._timeout > TIGHT * self._alone:
                self.limit = self._places * max(1.0, self._timeout / self._alone - 1)
        else:
            self._observe(now, sent, 0)

    def timed_out(self, now: float, sent: float) -> None:
        """Not answered in time. Where nothing else was answered meanwhile, that is no queue but silence."""
        if self._answers and self._answers[-1] > sent:
            self._observe(now, sent, 1)  # it may have had a place

    def resume(self) -> None:
        """After an outage: calls that it kept waiting have said nothing about a queue."""
        self.limit = max(self.limit, self._places)

    def _observe(self, now: float, sent: float, unanswered: int) -> None:
        if self.limit < math.inf and now > sent:
            served = len(self._answers) - bisect_right(self._answers, sent) + unanswered
            in_reach = served * (self._timeout + self._alone) / 2 / (now - sent)
            self.limit = max(in_reach, FALL * self.limit)
