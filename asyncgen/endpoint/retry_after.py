"""How long an endpoint asks to wait, in every form that is in use. A named wait is bounded."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from asyncgen.endpoint.body import JsonObject, lowered, object_of

MAX_RETRY_AFTER = 3600.0
MAX_NUMBER = 64  # characters of a wait; more is none
FIRST_EPOCH = 1e9  # seconds, 2001: a number from here on is no wait but a time of day
FIRST_EPOCH_MS = 1e11  # milliseconds, 1973
ABSURD = 1e15  # milliseconds, far from any date
NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?")
GO_TIME = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)(h|ms|m|s|us|µs|ns)")
GO_DURATION = re.compile(rf"(?:{GO_TIME.pattern})+")
GO_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

MILLISECONDS_NAMES = ("retry-after-ms", "x-ms-retry-after-ms", "x-retry-after-ms", "retry_after_ms", "retryafterms")
SECONDS_NAMES = (
    "retry-after",
    "llm_provider-retry-after",
    "x-retry-after",
    "retry_after",
    "retryafter",
    "retry_after_seconds",
    "retrydelay",
    "retry_delay",
    "resets_in_seconds",
)
RESET_NAMES = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
TIME_NAMES = ("reset_at", "reset_time")  # `resets_at` is when a budget is full again
DRAFT_REMAINING = re.compile(r"\b(?:remaining|r)\s*=\s*0\b")
DRAFT_RESET = re.compile(r"\b(?:reset|t)\s*=\s*([0-9]{1,15})\b")

_AMOUNT = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_UNITS = (
    ("ms", 1e-3, r"ms\b|milliseconds?|msecs?|毫秒"),
    ("s", 1.0, r"s\b|secs?\b|seconds?|sekunden?|secondes?|segundos?|秒"),
    ("m", 60.0, r"m(?=[0-9\s.,;)]|$)|mins?\b|minutes?|minuten?|分钟|分"),
    ("h", 3600.0, r"h(?=[0-9\s.,;)]|$)|hrs?\b|hours?|stunden?|heures?|小时"),
)
_PART = rf"({_AMOUNT})\s?(?:" + "|".join(f"(?P<{name}>{unit})" for name, _, unit in _UNITS) + ")"
TOLD_PART = re.compile(_PART)
_PARTS = re.sub(r"\(\?P<\w+>|\((?!\?)", "(?:", _PART)
TOLD_WAIT = re.compile(
    r"(?:again|retry(?:ing)?|wait|resets?|available|back|erneut|réessayez?|请|在)(?: again)?"
    r"(?: (?:in|after|for|about|dans|at least))*:? ?"
    rf"((?:{_PARTS}(?:,? and |, | )?)+)"
)
TOLD_DELAY = re.compile(
    rf"retry_?(?:delay|after)[\"']?\s*[:={{]\s*(?:[\"']?seconds[\"']?\s*:\s*)?[\"']?({_AMOUNT})(?![0-9]*ms)"
)


def parse_retry_after(headers: Mapping[str, str], error: JsonObject | None, now: float | None = None) -> float | None:
    """Seconds the endpoint asked to wait, 0 to MAX_RETRY_AFTER; None without a hint that makes sense.

    Hints are read from the headers and from their copies in the error. A time of day is compared with the
    answer's own Date, so that this machine's clock does not matter, and without Date with `now`, in epoch seconds;
    without either it is no hint.
    """
    error = error or {}
    metadata = object_of(error.get("metadata"))
    own, copied = lowered(headers), lowered(object_of(metadata.get("headers")))
    details = error.get("details")
    inner = (error, metadata, error.get("availability"), *(details if isinstance(details, list) else ()))
    places: list[JsonObject] = [own, copied, *(lowered(object_of(each)) for each in inner)]
    if (date := _http_date(own.get("date"))) is not None:
        now = date
    waits = (_seconds(hint, now) for each in places for hint in _named_waits(each))
    first = next((wait for wait in waits if wait is not None), None)
    if first is None:
        first = next((wait for each in (own, copied) if (wait := _until_refill(each, now)) is not None), None)
    return None if first is None else min(first, MAX_RETRY_AFTER)


def parse_told_wait(text: str) -> float | None:
    """The wait that a refusal for load names in its words, which are in lower case."""
    if told := TOLD_WAIT.search(text):
        scale = {name: seconds for name, seconds, _ in _UNITS}
        parts = TOLD_PART.finditer(told[1])
        return min(sum(float(part[1]) * scale[part.lastgroup or "s"] for part in parts), MAX_RETRY_AFTER)
    delay = TOLD_DELAY.search(text)
    return min(float(delay[1]), MAX_RETRY_AFTER) if delay else None


def _named_waits(fields: JsonObject) -> Iterator[object]:
    """Waits in the order of how plainly they are meant."""
    for name in MILLISECONDS_NAMES:
        if isinstance(milliseconds := fields.get(name), str | int | float):
            yield f"{milliseconds}ms"
    for name in SECONDS_NAMES:
        hint = fields.get(name)
        yield object_of(hint).get("seconds") if isinstance(hint, dict) else hint  # protobuf's JSON by fields
    if fields.get("x-ratelimit-remaining", fields.get("ratelimit-remaining", 0)) in (0, "0"):
        for name in RESET_NAMES:
            yield fields.get(name)
    draft = fields.get("ratelimit")
    if isinstance(draft, str) and DRAFT_REMAINING.search(draft) and (reset := DRAFT_RESET.search(draft)):
        yield reset[1]
    for name in TIME_NAMES:
        if isinstance(moment := fields.get(name), str):
            yield moment


def _until_refill(headers: JsonObject, now: float | None) -> float | None:
    """The longest of the reset times among the limits that are used up.

    OpenAI writes x-ratelimit-reset-tokens, Anthropic anthropic-ratelimit-tokens-reset, and a gateway its name before.
    """
    found: dict[str, dict[str, object]] = {"reset": {}, "remaining": {}}
    for name, value in headers.items():
        _, is_limit, rest = name.partition("ratelimit-")
        words = rest.split("-") if is_limit else []
        for kind, limits in found.items():
            if kind in words and len(words) > 1:
                words.remove(kind)
                limits["-".join(words)] = value
    resets, remaining = found["reset"], found["remaining"]
    waits = [_seconds(reset, now) for limit, reset in resets.items() if remaining.get(limit) in (0, "0")]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(hint: object, now: float | None) -> float | None:
    """A wait out of seconds, a Go duration, or a time of day (HTTP or ISO date, epoch seconds or milliseconds)."""
    if isinstance(hint, str):
        hint = hint.strip()
        if NUMBER.fullmatch(hint):
            hint = float(hint)
        elif len(hint) <= MAX_NUMBER and GO_DURATION.fullmatch(hint):
            return sum(float(amount) * GO_UNIT_SECONDS[unit] for amount, unit in GO_TIME.findall(hint))
        else:
            return _until(_http_date(hint) or _iso_date(hint), now)
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


def _iso_date(text: str) -> float | None:
    """The moment of an ISO date, in UTC unless it says otherwise."""
    if len(text) > MAX_NUMBER or not text[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
