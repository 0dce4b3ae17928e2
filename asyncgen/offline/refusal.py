"""What a refused call is told, as OpenRouter tells it: a status, an error with metadata, and when to come back.

The three kinds of 402 differ in their metadata alone, and only one of them passes: money held by calls in flight.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

from asyncgen.offline.capacity import Limit, Refusal
from asyncgen.offline.protocol import encode_error, encode_gateway_error

_IN_FLIGHT_WAIT = 2.0  # times --retry-after: money comes back later than a place

_TOO_MANY_REQUESTS = 429
_PAYMENT_REQUIRED = 402


class Told(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of(cls, status: int, message: str, kind: str, headers: Mapping[str, str] = MappingProxyType({})) -> Self:
        return cls(status, encode_error(status, message, kind), headers)


def tell(refusal: Refusal, retry_after: float | None, epoch: float) -> Told:
    """The answer to a refused call; `retry_after` is None where none may be named, `epoch` the time of day in s."""
    match refusal.reason:
        case Limit.CONCURRENCY:
            return _told(_TOO_MANY_REQUESTS, "Too many requests at once.", {}, name_wait(retry_after))
        case Limit.REQUESTS_PER_MINUTE | Limit.TOKENS_PER_MINUTE:
            unit = "requests" if refusal.reason is Limit.REQUESTS_PER_MINUTE else "tokens"
            wait = None if retry_after is None else max(1, math.ceil(refusal.wait))
            headers = name_wait(wait) | {
                "X-RateLimit-Limit": str(refusal.limit),
                "X-RateLimit-Remaining": str(refusal.remaining),
                "X-RateLimit-Reset": str(math.ceil((epoch + refusal.wait) * 1000)),
            }
            return _told(_TOO_MANY_REQUESTS, f"Limit reached: {refusal.limit} {unit} per minute.", {}, headers)
        case Limit.IN_FLIGHT_BUDGET:
            metadata = {"reason": "in_flight_budget_exhausted", "limit_source": "openrouter_in_flight_budget"}
            headers = name_wait(None if retry_after is None else _IN_FLIGHT_WAIT * retry_after)
            return _told(_PAYMENT_REQUIRED, "Requests in flight hold all that may be spent at once.", metadata, headers)
        case Limit.BALANCE:
            return _told(_PAYMENT_REQUIRED, "The balance is spent.", {"limit_source": "openrouter_credits"}, {})
        case Limit.ONE_REQUEST:
            metadata = {"reason": "weight_exceeds_budget", "limit_source": "openrouter_credits"}
            message = f"Up to {refusal.limit} tokens were requested, but you can only afford {refusal.remaining}."
            return _told(_PAYMENT_REQUIRED, message, metadata, {})


def name_wait(seconds: float | None) -> dict[str, str]:
    """The header that says when to come back; none for None."""
    return {} if seconds is None else {"Retry-After": f"{seconds:.12g}"}


def _told(status: int, message: str, metadata: Mapping[str, str], headers: dict[str, str]) -> Told:
    copied = {"headers": headers} if headers else {}
    return Told(status, encode_gateway_error(status, message, {**metadata, **copied}), headers)
