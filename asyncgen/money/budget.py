"""What calls may cost: none is sent that the budget does not cover, and every answer is booked.

A call that does not fit beside those reserved waits for them, because most cost less than what is held for them. Only
when nothing is reserved and one more call still does not fit is the budget used up: nothing that is being paid for is
cut off by the grace period.
"""

import asyncio
from decimal import Decimal

import msgspec

from asyncgen.answered import UnusedReply, Usage
from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    BudgetSpentError,
    ConfigError,
    EndpointDownError,
    RejectedError,
    TransientError,
)
from asyncgen.money.account import Account, Tariff
from asyncgen.stop import Stop, StopRequestedError

NO_PRICE = (
    "--budget: what a call costs cannot be known, because the endpoint does not report it: give --price-in and "
    "--price-out (US dollars a million tokens), or leave --budget out"
)
NO_TOKENS = (
    "--budget: what a call costs cannot be known, because the endpoint reports neither its cost nor its tokens, which "
    "--price-in and --price-out need: leave --budget out"
)

MAX_BLIND_CALLS = 10
UNKNOWN_COST = (
    f"{MAX_BLIND_CALLS} calls were sent and none was answered, so what a call costs is still unknown, and each may be "
    "billed: --budget cannot be kept; look at the endpoint, then run the same command again"
)


class Budget:
    """The account of a run, guarded: money is held for calls before they are sent, and what they cost is booked."""

    def __init__(self, account: Account, stop: Stop) -> None:
        self.account = account
        self._stop = stop
        self._released = asyncio.Event()
        self._waiting = 0
        stop.when_requested(self._wake)

    async def reserve(self, tariff: Tariff) -> None:
        """Hold what a call may cost, once there is room for it.

        Raises BudgetSpentError when there will be none, StopRequestedError after a stop.
        """
        account = self.account
        if tariff.blind >= MAX_BLIND_CALLS:
            raise EndpointDownError(UNKNOWN_COST)
        while not account.has_room(tariff):
            if account.pool is None and account.holds_nothing:
                raise BudgetSpentError(account.explain_no_room())
            self._waiting += 1
            try:
                await self._released.wait()
            finally:
                self._waiting -= 1
            if self._stop.is_set():
                raise StopRequestedError
        tariff.reserved += 1

    def release(self, tariff: Tariff, calls: int = 1) -> None:
        """Calls have ended, or will not be made."""
        tariff.reserved -= calls
        if self._waiting:
            self._wake()

    def allow(self, limit: Decimal) -> None:
        """Have so much for now of the budget, which others share: who finds no room waits, and is not turned away."""
        account = self.account
        account.pool, account.limit = account.limit if account.pool is None else account.pool, limit
        self._wake()

    @property
    def is_starved(self) -> bool:
        """Whether calls wait for money that no other call will give back."""
        return self._waiting > 0 and self.account.holds_nothing

    def _wake(self) -> None:
        """All that wait now, and nobody who comes later."""
        self._released.set()
        self._released.clear()

    def book(self, tariff: Tariff, usage: Usage) -> Usage:
        """Of an answered call; the usage with its cost, if that can be known."""
        usage = tariff.with_cost(usage)
        self.account.book(tariff, usage.cost)
        tariff.cached_tokens += usage.cached_tokens or 0
        if self.account.limit is not None and tariff.has_told_nothing:
            is_counted = usage.prompt_tokens is not None and usage.completion_tokens is not None
            self._stop.request(ConfigError(NO_PRICE if is_counted else NO_TOKENS))
        return usage

    def book_failure(self, tariff: Tariff, error: AsyncgenError) -> UnusedReply | None:
        """Of a call that has failed; the reply that arrived all the same, with its cost."""
        if not isinstance(error, TransientError | BadReplyError | RejectedError):
            return None
        if error.reply is None:
            if isinstance(error, TransientError) and error.maybe_billed:
                self.lose(tariff)
            return None
        usage = tariff.with_cost(error.reply.usage)
        if usage.cost is None and isinstance(error, TransientError):
            self.lose(tariff)  # what arrived is no answer, and does not show that none would tell its cost
            return error.reply
        return msgspec.structs.replace(error.reply, usage=self.book(tariff, usage))

    def lose(self, tariff: Tariff) -> None:
        """A call that was sent and never answered may have been billed."""
        tariff.lost += 1
        tariff.blind += self.account.limit is not None and not tariff.dearest
