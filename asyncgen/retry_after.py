"""How long an endpoint asks to wait, in every form that is in use. A named wait is bounded."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from asyncgen.body import JsonObject, lowered, object_of

MAX_RETRY_AFTER = 3600.0
MAX_NUMBER = 64  # characters of a wait; more is none
FIRST_EPOCH = 1e9  # seconds, 2001: a number from here on is no wait but a time of day
FIRST_EPOCH_MS = 1e11  # milliseconds, 1973
ABSURD = 1e15  # milliseconds, far from any date
NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?")
GO_TIME = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)(h|ms|m|s|us|µs|ns)")
GO_DURATION = re.compile(rf"(?:{GO_TIME.pattern})+")
GO_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def parse_retry_after(headers: Mapping[str, str], error: JsonObject | None) -> float | None:
    """Seconds the endpoint asked to wait, 0 to MAX_RETRY_AFTER; None without a hint that makes sense.

    Hints are read from the headers and from their copies in the error. A time of day is compared with the
    answer's own Date, so that this machine's clock does not matter; without Date it is no hint.
    """
    error = error or {}
    metadata = object_of(error.get("metadata"))
    own, copied = lowered(headers), lowered(object_of(metadata.get("headers")))
    hints = [
        *_named_waits(own),
        *_named_waits(copied),
        object_of(error.get("availability")).get("retry_after"),
        metadata.get("retry_after"),
        error.get("retry_after"),
    ]
    now = _http_date(own.get("date"))
    waits = (_seconds(hint, now) for hint in hints)
    first = next((wait for wait in waits if wait is not None), None)
    if first is None:
        first = next((wait for each in (own, copied) if (wait := _until_refill(each)) is not None), None)
    return None if first is None else min(first, MAX_RETRY_AFTER)


def _named_waits(headers: JsonObject) -> Iterator[object]:
    milliseconds = headers.get("retry-after-ms")
    if isinstance(milliseconds, str | int | float):
        yield f"{milliseconds}ms"
    yield headers.get("retry-after")
    yield headers.get("llm_provider-retry-after")
    if headers.get("x-ratelimit-remaining", 0) in (0, "0"):
        yield headers.get("x-ratelimit-reset")


def _until_refill(headers: JsonObject) -> float | None:
    """The longest of OpenAI's reset times among the limits that are used up."""
    waits = [
        _seconds(headers.get(f"x-ratelimit-reset-{limit}"), None)
        for limit in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{limit}") in (0, "0")
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(hint: object, now: float | None) -> float | None:
    """A wait out of seconds, a Go duration, or a time of day (HTTP date, epoch seconds or milliseconds)."""
    if isinstance(hint, str):
        hint = hint.strip()
        if NUMBER.fullmatch(hint):
            hint = float(hint)
        elif len(hint) <= MAX_NUMBER and GO_DURATION.fullmatch(hint):
            return sum(float(amount) * GO_UNIT_SECONDS[unit] for amount, unit in GO_TIME.findall(hint))
        else:
            return _until(_http_date(hint), now)
    if not isinstance(hint, int | float) or isinstance(hint, bool) or not 0 <= hint < ABSURD:
        return None
    if hint >= FIRST_EPOCH_MS:
        return _until(hint / 1000, now)
    return _until(hint, now) if hint >= FIRST_EPOCH else float(hint)


def _until(moment: float | None, now: float | None) -> float | None:
    return None if moment is None or now is None else max(0.0, moment - now)


def _http_date(text: object) -> float | None:
    if not isinstance(text, str) or len(text) > MAX_NUMBER:
        return None
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
