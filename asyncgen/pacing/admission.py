"""How a call gets to be sent: money is held for it, then a place, then everything is looked at once more.

The order has reasons. Whoever waits for money holds no place, so that the limiter sees only calls that may leave. When
the place is there, calls may have become dearer, so that what is held does not cover one any more: then all is given
back and asked for again. And what a call has brought is booked by the call itself, before its money is given back.
"""

from collections.abc import Awaitable, Callable

import msgspec

from asyncgen.money.account import Tariff
from asyncgen.money.budget import Budget
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outcome import Outcome
from asyncgen.stop import Stop, StopRequestedError


class Admission:
    """Of calls that cost alike and share a limiter."""

    def __init__(self, budget: Budget, tariff: Tariff, limiter: Limiter, stop: Stop) -> None:
        self._budget = budget
        self._tariff = tariff
        self._limiter = limiter
        self._stop = stop

    async def send(self, call: Callable[[], Awaitable[Outcome]], *, again: bool) -> Outcome:
        """Make the call when it may leave, once; `again`: it is a retry.

        Raises BudgetSpentError when there will be no money for it, and StopRequestedError after a stop.
        """
        budget, tariff, limiter = self._budget, self._tariff, self._limiter
        while True:
            await budget.reserve(tariff)
            try:
                await limiter.acquire(again=again)
                is_answered = False
                try:
                    if self._stop.is_set():
                        raise StopRequestedError
                    if budget.account.is_overcommitted(tariff):
                        continue
                    ticket, sent = limiter.begin()
                    outcome = await call()
                    is_answered = outcome.has_reply
                    if limiter.report(ticket, sent, outcome):
                        outcome = msgspec.structs.replace(outcome, is_for_all=True)
                    return outcome
                finally:
                    limiter.release(is_answered=is_answered)
            finally:
                budget.release(tariff)
