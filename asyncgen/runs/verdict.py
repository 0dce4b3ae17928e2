"""Who is to blame for what went wrong: this index, the endpoint, or what every index is asked with.

What other calls have met decides, never the clock. Calls are compared in the order in which they were sent, because
when an endpoint breaks down or shuts somebody out, answers to calls from before still arrive for a while.

    an index meets        and the others                                     to blame       it follows
    any failure           one sent after its last failure was answered       the index      an attempt is used up
    one that may be       nothing else can be asked, the endpoint has        the index      an attempt is used up
      its own             worked, fewer than ten fail for the first time
    any other failure,                                                       the endpoint   tried until --give-up
      "not now, but then"
    a refusal             one sent later was made, or refused otherwise      the index      it fails
    a refusal             so many alike in a row, ten at least, that         everybody      the run stops, none fails
                          chance would not bring them about
    a wrong key           the key has worked, no call sent since was refused nobody yet     one more call is made

May be its own: what came back, or did not, once it was sent, unless it says "not now" or "nobody there". When only a
few such indices are left, an outage and bad luck look alike. It is held for bad luck: their attempts are spread over a
minute and a half, which most outages do not last, and a later run tries failed ones again; while an index that always
fails would keep this run and every later one until --give-up. Ten that fail for the first time are no bad luck.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from asyncgen.errors import (
    ConnectionFailedError,
    RateLimitedError,
    RejectedError,
    SameRejectionError,
    ServerError,
    TransientError,
)
from asyncgen.runs.advice import with_advice
from asyncgen.runs.patience import Patience
from asyncgen.timings import USUAL, Timings

SAME_REJECTIONS = 10
USUAL_SHARE = 0.25  # of calls that are refused where no more is known; ten in a row are then one chance in a million
CROWD = 10  # indices that fail for the first time while nothing succeeds
DOUBTS = 2  # failures of the index that goes first, before another one is asked beside it
MOST_DOUBTED = 4  # asked side by side before anything has been answered: when all of them fail, it is not the index
NOT_THIS_INDEX = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE})


def may_be_own(error: TransientError) -> bool:
    """Whether a failure can come from what an index asks for."""
    match error:
        case RateLimitedError():
            return False
        case ServerError():
            return error.status not in NOT_THIS_INDEX
        case ConnectionFailedError():
            return error.maybe_billed
        case _:
            return True


@dataclass(slots=True)
class _Index:
    """A live index. `ticket`: of its newest call. `failed`: that of its last failure, None once it was answered.

    `is_proven`: others were answered while it failed.
    """

    ticket: int
    failed: int | None = None
    failures: int = 0
    is_proven: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    ticket: int
    index: int
    error: RejectedError

    @property
    def kind(self) -> tuple[type, str, int | None]:
        return type(self.error), self.error.reason, self.error.status


class Verdict:
    """Told of every call and every index of a run. Times in seconds on one monotonic clock.

    `give_up`: how long calls may only fail before it is hopeless. `has_worked`: an earlier run over this output was
    answered. `failed_before`: indices that earlier runs have given up, with the reason. `asks_spare_capacity`: as at
    tier flex, where "not now" says nothing of an index, however often one hears it while others are answered.
    """

    def __init__(
        self,
        give_up: float,
        *,
        has_worked: bool = False,
        failed_before: Mapping[int, str] | None = None,
        asks_spare_capacity: bool = False,
        timings: Timings = USUAL,
    ) -> None:
        self.patience = Patience(give_up, has_worked=has_worked, fruitless=timings.fruitless)
        self.doubt = asyncio.Event()  # it is time to ask for another index
        self.everything_is_begun = False
        self._has_worked = has_worked
        self._failed_before = failed_before or {}
        self._asks_spare_capacity = asks_spare_capacity
        self._live: dict[int, _Index] = {}
        self._in_flight: set[int] = set()
        self._last = 0  # ticket given out
        self._answered = 0  # the latest ticket whose call was answered
        self._denied: int | None = None  # the last ticket given out when a key was first found wrong
        self._held: list[Rejection] = []
        self._made = 0
        self._rejected = 0

    # ---- calls

    def sent(self, index: int) -> None:
        self._last += 1
        self._live[index].ticket = self._last
        self._in_flight.add(self._last)

    def answered(self, index: int) -> None:
        """By the model: with a conversation, a bad reply, or a refusal of what was asked for."""
        state = self._returned(index)
        state.failed = None
        self._answered = max(self._answered, state.ticket)
        self._has_worked = True
        if self._denied is not None and state.ticket > self._denied:
            self._denied = None
        self.patience.restore(has_worked=True)

    def refused(self, index: int) -> None:
        """By the endpoint, which is there and may still serve nobody."""
        self._returned(index).failed = None
        self.patience.restore()

    def failed(self, index: int, error: TransientError, now: float) -> bool:
        """Whether the index is to blame, and not the endpoint."""
        state = self._returned(index)
        before = state.ticket if state.failed is None else state.failed
        state.failed = state.ticket
        state.failures += 1
        is_put_off = bool(error.retry_after) and not may_be_own(error)
        is_put_off |= self._asks_spare_capacity and isinstance(error, RateLimitedError)
        is_alone = not is_put_off and self._answered > before
        state.is_proven = state.is_proven or is_alone
        can_be_own = not is_put_off and self._has_worked and may_be_own(error)
        is_own = is_alone or (can_be_own and self._is_all_that_is_left())
        if is_own:
            self.patience.restore()
        else:
            self.patience.wear(error, now)
        if state.failures >= DOUBTS and may_be_own(error) and len(self._live) < MOST_DOUBTED:
            self.doubt.set()
        return is_own

    def _is_all_that_is_left(self) -> bool:
        if any(each.failed is None for each in self._live.values()):
            return False
        new = (index for index, each in self._live.items() if not each.is_proven and index not in self._failed_before)
        return sum(1 for _ in new) < (CROWD if self.everything_is_begun else 1)

    def denied(self, index: int) -> bool:
        """Whether a key found wrong ends the run: it is looked at twice if it has been good."""
        ticket = self._returned(index).ticket
        if self._answered and (self._denied is None or ticket <= self._denied):
            self._denied = self._last if self._denied is None else self._denied
            return False
        return True

    def _returned(self, index: int) -> _Index:
        state = self._live[index]
        self._in_flight.discard(state.ticket)
        return state

    # ---- indices

    def begin(self, index: int) -> None:
        self._last += 1
        self._live[index] = _Index(self._last)

    def end(self, index: int) -> None:
        self._in_flight.discard(self._live.pop(index).ticket)

    def made(self, index: int) -> Sequence[Rejection]:
        """The rejections that are no longer in doubt, because a conversation asked for later was made."""
        self._made += 1
        if not self._held:
            return ()
        ticket = self._live[index].ticket
        certain = [each for each in self._held if each.ticket < ticket]
        self._held = [each for each in self._held if each.ticket > ticket]
        self._rejected += len(certain)
        return certain

    def rejected(self, index: int, error: RejectedError) -> Sequence[Rejection]:
        """The rejections that are no longer in doubt; this one is held as long as all are alike."""
        state = self._live[index]
        rejection = Rejection(state.ticket, index, error)
        is_given_up = state.failed is not None  # after failures that have been put down to it one by one
        if is_given_up or self._failed_before.get(index) == error.reason:
            return (rejection,)
        is_other = bool(self._held) and rejection.kind != self._held[-1].kind
        certain = self.release() if is_other else ()
        self._held.append(rejection)
        return certain

    def release(self) -> list[Rejection]:
        """All that are held."""
        held, self._held = self._held, []
        self._rejected += len(held)
        return held

    def same_rejection(self) -> SameRejectionError | None:
        """Why the run must stop: so many rejections alike that they cannot be about single indices.

        What was sent since the first of them and is under way counts as good. Then their number is held against the
        share of refusals so far, by Chernoff's bound on the chance of it.
        """
        number = len(self._held)
        if number < SAME_REJECTIONS:
            return None
        first = min(each.ticket for each in self._held)
        sent = number + sum(ticket > first for ticket in self._in_flight)
        usual = self._rejected / (self._made + self._rejected) if self._made else 0.0
        if sent * _divergence(number / sent, max(usual, USUAL_SHARE)) < -SAME_REJECTIONS * math.log(USUAL_SHARE):
            return None
        told = with_advice(self._held[-1].error)
        return SameRejectionError(f"{number} answers in a row were all the same rejection: {told}")


def _divergence(share: float, usual: float) -> float:
    """How much a share of refusals says against the usual one (Kullback and Leibler); 0 if it is not above it."""
    if share <= usual:
        return 0.0
    good = (1 - share) * math.log((1 - share) / (1 - usual)) if share < 1 else 0.0
    return share * math.log(share / usual) + good
