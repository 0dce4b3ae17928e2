"""A client whose calls are paid for: none is sent that the budget does not cover, and every answer is booked.

A call that does not fit beside those reserved waits for them, because most cost less than what is held for them. It
waits before it asks for a place in flight, so that the limiter sees only calls that may leave; should the dearest call
have become dearer until the place is there, the reservation lapses and is made again. Only when nothing is reserved and
one more call still does not fit is the budget used up: nothing that is being paid for is cut off by the grace period.
"""

import asyncio
from decimal import Decimal
from types import TracebackType
from typing import Protocol

import msgspec

from asyncgen.endpoint.answer import Completion
from asyncgen.errors import (
    NOT_SENT,
    BadReplyError,
    BudgetSpentError,
    ConfigError,
    EndpointDownError,
    RejectedError,
    TransientError,
    Usage,
)
from asyncgen.money.account import Account
from asyncgen.money.price import with_cost
from asyncgen.recipe.prompt import Payload
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


class Completer(Protocol):
    async def complete(self, payload: Payload) -> Completion: ...


class ReservationLapsedError(Exception):
    """Calls have become dearer since this one was reserved: reserve again."""


class Reservation:
    """An async context manager that holds what one call may cost.

    Entering waits for room. Raises BudgetSpentError when there will be none, StopRequestedError after a stop.
    """

    __slots__ = ("_client",)

    def __init__(self, client: "BilledClient") -> None:
        self._client = client

    async def __aenter__(self) -> None:
        await self._client.reserve()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.release()


class BilledClient:
    """Wraps a client; each `complete` belongs inside a reservation of its own."""

    def __init__(self, client: Completer, account: Account, stop: Stop) -> None:
        self._client = client
        self._account = account
        self._stop = stop
        self._released = asyncio.Event()
        self._waiting = 0
        self._blind_calls = 0  # of this run, lost before any cost was known

    def reserved(self) -> Reservation:
        return Reservation(self)

    async def reserve(self) -> None:
        account = self._account
        if self._blind_calls >= MAX_BLIND_CALLS:
            raise EndpointDownError(UNKNOWN_COST)
        while not account.has_room():
            if not account.reserved:
                raise BudgetSpentError(account.explain_no_room())
            self._waiting += 1
            try:
                await self._released.wait()
            finally:
                self._waiting -= 1
            if self._stop.is_set():
                raise StopRequestedError
        account.reserved += 1

    def release(self) -> None:
        self._account.reserved -= 1
        if self._waiting:
            self._released.set()  # wakes all that wait now, and nobody who comes later
            self._released.clear()

    def check(self) -> None:
        """Raises ReservationLapsedError when what is reserved does not fit the budget any more."""
        if self._account.is_overcommitted():
            raise ReservationLapsedError

    async def complete(self, payload: Payload) -> Completion:
        """The completion with its cost, if that can be known; errors pass through, with the cost of their replies."""
        try:
            completion = await self._client.complete(payload)
        except (asyncio.CancelledError, MemoryError) as error:
            if NOT_SENT not in error.args:
                self._lose()
            raise
        except (TransientError, BadReplyError, RejectedError) as error:
            self._book_error(error)
            raise
        usage = self._book(completion.usage)
        return completion if usage is completion.usage else msgspec.structs.replace(completion, usage=usage)

    def _book_error(self, error: TransientError | BadReplyError | RejectedError) -> None:
        if error.reply is None:
            if isinstance(error, TransientError) and error.maybe_billed:
                self._lose()
            return
        usage = with_cost(error.reply.usage, self._account.price)
        if usage.cost is None and isinstance(error, TransientError):
            self._lose()  # what arrived is no answer, and does not show that none would tell its cost
        else:
            error.reply = msgspec.structs.replace(error.reply, usage=self._book(usage))

    def _lose(self) -> None:
        account = self._account
        account.lost += 1
        self._blind_calls += account.limit is not None and not account.dearest

    def _book(self, usage: Usage) -> Usage:
        usage = with_cost(usage, self._account.price)
        self._account.book(None if usage.cost is None else Decimal(usage.cost))
        if self._account.has_unknown_price():
            is_counted = usage.prompt_tokens is not None and usage.completion_tokens is not None
            self._stop.request(ConfigError(NO_PRICE if is_counted else NO_TOKENS))
        return usage
