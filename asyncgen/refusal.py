"""A refusal to one error leaf: what an endpoint said went wrong, by status, names and words.

The HTTP status decides; inside a 200 the body's own error code takes its place. A 402 can mean "wait", an edge answers
in HTML.
"""

# An HTTP status says more as a number than as a name.
# ruff: noqa: PLR2004

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncgen.body import MAX_LABEL, MAX_SEARCHED, JsonObject, clean, first_choice, lowered, object_of, page_text
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    ContentFilteredError,
    FatalError,
    NoAnswerError,
    NoMoneyError,
    NotFoundError,
    RateLimitedError,
    RedirectedError,
    RefusedError,
    RequestRejectedError,
    ServerError,
    TooLongError,
    TransientError,
    UnusedReply,
)
from asyncgen.retry_after import parse_retry_after

OVERLOADED = frozenset({429, 498, 503, 529})
PASSING = OVERLOADED | {408, 409, 425}
ANSWER_LOST_UPSTREAM = frozenset({408, 504, 524})
MAY_BE_FILTERED = frozenset({400, 403, 422, 451})
MAY_BE_TOO_LONG = frozenset({400, 413, 422})

# Names stand in an error's type, code, reason and the like; words are searched in its text.
NO_MONEY_NAMES = frozenset(
    {
        "billing_hard_limit_reached",
        "budget_exceeded",
        "credit_balance_exhausted",
        "insufficient_quota",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
    }
)
SPENT_BALANCE_NAMES = frozenset({"openrouter_credits", "openrouter_key_limit"})
IN_FLIGHT_NAMES = frozenset({"in_flight_budget_exhausted", "openrouter_in_flight_budget"})
TOO_EXPENSIVE_WORDS = frozenset({"weight_exceeds_budget", "can only afford"})
OVERLOAD_NAMES = frozenset(
    {
        "capacity_exceeded",
        "dynamic_request_limited",
        "dynamic_token_limited",
        "overloaded_error",
        "provider_overloaded",
        "rate_limit_exceeded",
        "resource_exhausted",
        "server_is_overloaded",
        "slow_down",
    }
)
FILTER_NAMES = frozenset({"content_filter", "content_policy_violation", "moderation"})
REFUSAL_NAME = "refusal"
FILTER_WORDS = frozenset(
    {
        "content filter",
        "content management policy",
        "content policy",
        "content_filter",
        "content_policy",
        "flagged",
        "moderation",
    }
)

TOO_LONG_NAMES = frozenset(
    {
        "context_length_exceeded",
        "exceed_context_size_error",
        "request_too_large",
        "string_too_long",
        "token_limit_exceeded",
    }
)
TOO_LONG_WORDS = frozenset(
    {
        "context length",
        "context size",
        "context window",
        "contextwindowexceeded",
        "input token count",
        "prompt is too long",
        "too many input tokens",
    }
)

SAME_COMMAND = "run the same command again"
CHECK_KEY = "Check the key, and that it belongs to this endpoint"
ADD_CREDITS = f"Add credits, then {SAME_COMMAND}"
ERROR_STATUS = re.compile(r"[45][0-9]{2}")


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it was told. `status`: None for one inside a 200 that names no status.

    `names`: its type, code, reason and the like, in lower case. `text`: what is searched for tell-tale words.
    """

    status: int | None
    message: str
    text: str
    names: frozenset[str]
    limit_source: str
    is_filtered: bool
    should_retry: bool
    retry_after: float | None
    reply: UnusedReply | None

    @property
    def told(self) -> str:
        """The message without its full stop, to be followed by advice."""
        return self.message.rstrip(".")

    def mentions(self, words: frozenset[str]) -> bool:
        return not self.names.isdisjoint(words) or any(word in self.text for word in words)


def read_fault(
    status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    error: JsonObject,
    where: str,
    *,
    reply: UnusedReply | None = None,
) -> Fault:
    metadata = object_of(error.get("metadata"))
    text = _error_text(error, metadata) or page_text(body)
    source = metadata.get("limit_source")
    return Fault(
        status=status,
        message=f"{where}: {clean(text) or '(empty body)'}",
        text=text[:MAX_SEARCHED].lower(),
        names=_error_names(error, metadata),
        limit_source=source if isinstance(source, str) else "",
        is_filtered=any(metadata.get(key) for key in ("reasons", "flagged_input", "patterns")),
        should_retry=lowered(headers).get("x-should-retry") == "true",
        retry_after=parse_retry_after(headers, error),
        reply=reply,
    )


def leaf_of(fault: Fault) -> AsyncgenError:
    return (
        _money_leaf(fault)
        or _stopping_leaf(fault)
        or _too_long_leaf(fault)
        or _filter_leaf(fault)
        or _passing_leaf(fault)
        or RequestRejectedError(fault.message, status=fault.status, reply=fault.reply)
    )


def _money_leaf(fault: Fault) -> NoMoneyError | RateLimitedError | None:
    """A spent balance or budget, unless the money is only held by calls in flight."""
    if fault.mentions(IN_FLIGHT_NAMES):
        return RateLimitedError(fault.message, retry_after=fault.retry_after, reply=fault.reply)
    if fault.mentions(NO_MONEY_NAMES):
        return NoMoneyError(f"{fault.told}. {ADD_CREDITS}")
    if fault.status == 402:
        return _payment_leaf(fault)
    if fault.status == 403 and fault.limit_source.endswith(("_budget", "_limit")):
        return NoMoneyError(f"{fault.told}. Raise that limit or wait for its reset, then {SAME_COMMAND}")
    return None


def _payment_leaf(fault: Fault) -> NoMoneyError | RateLimitedError:
    if fault.mentions(TOO_EXPENSIVE_WORDS):
        return NoMoneyError(
            f"{fault.told}. One request may cost more than is left. {ADD_CREDITS}; "
            "or lower what it may cost with --param max_tokens=N --allow-changed"
        )
    if fault.retry_after is not None and fault.names.isdisjoint(SPENT_BALANCE_NAMES):
        return RateLimitedError(fault.message, retry_after=fault.retry_after, reply=fault.reply)
    return NoMoneyError(f"{fault.told}. {ADD_CREDITS}")


def _stopping_leaf(fault: Fault) -> FatalError | None:
    match fault.status:
        case 401:
            return AccessDeniedError(f"{fault.told}. {CHECK_KEY}")
        case 407:
            return AccessDeniedError(f"{fault.told}. The proxy wants a login: check HTTPS_PROXY")
        case 404:
            return NotFoundError(f"{fault.told}. Check --model, and that --base-url ends as the API wants it")
        case _:
            return None


def _too_long_leaf(fault: Fault) -> TooLongError | None:
    if fault.status is not None and fault.status not in MAY_BE_TOO_LONG:
        return None
    is_named = not fault.names.isdisjoint(TOO_LONG_NAMES) or any(word in fault.text for word in TOO_LONG_WORDS)
    if fault.status == 413 or is_named:
        return TooLongError(fault.message, status=fault.status, reply=fault.reply)
    return None


def _filter_leaf(fault: Fault) -> ContentFilteredError | RefusedError | None:
    if fault.status is not None and fault.status not in MAY_BE_FILTERED:
        return None
    if REFUSAL_NAME in fault.names:
        return RefusedError(fault.message, status=fault.status, reply=fault.reply)
    if fault.is_filtered or fault.mentions(FILTER_WORDS) or not fault.names.isdisjoint(FILTER_NAMES):
        return ContentFilteredError(fault.message, status=fault.status, reply=fault.reply)
    return None


def _passing_leaf(fault: Fault) -> TransientError | None:
    status = fault.status
    leaf: type[TransientError]
    if status in OVERLOADED:
        leaf = RateLimitedError
    elif status is None:
        leaf = NoAnswerError
    elif status in PASSING or status >= 500 or fault.should_retry:
        leaf = ServerError
    else:
        return None
    if not fault.names.isdisjoint(OVERLOAD_NAMES):
        leaf = RateLimitedError
    return leaf(
        fault.message,
        status=status,
        retry_after=fault.retry_after,
        maybe_billed=status in ANSWER_LOST_UPSTREAM,
        reply=fault.reply,
    )


def redirected(headers: Mapping[str, str], where: str) -> RedirectedError:
    try:
        target = urlsplit(lowered(headers).get("location", "")).hostname
    except ValueError:
        target = None
    to = f"to {clean(target, MAX_LABEL)}" if target else "without naming another host"
    return RedirectedError(
        f"{where}, a redirect {to}. It is not followed, because prompt and key would go along: "
        "set --base-url to where the endpoint really is"
    )


def find_error(document: JsonObject) -> JsonObject:
    """What a body says went wrong, as an object; empty when it says nothing.

    Seen: an object or a string under `error`, also in the first choice; `detail`; the same fields at the top.
    """
    error = document.get("error") or first_choice(document).get("error")
    if not error and "choices" not in document:
        error = document.get("detail") or (document if isinstance(document.get("message"), str) else None)
    if not error:
        return {}
    return object_of(error) or {"message": error}


def inner_status(error: JsonObject) -> int | None:
    """The HTTP status an error inside a 200 stands for."""
    for key in ("code", "http_status", "status"):
        value = error.get(key)
        if isinstance(value, str) and ERROR_STATUS.fullmatch(value):
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _error_names(error: JsonObject, metadata: JsonObject) -> frozenset[str]:
    values = [
        *(error.get(key) for key in ("type", "code", "status", "error_type")),
        *(metadata.get(key) for key in ("error_type", "provider_code", "reason", "limit_source")),
        object_of(error.get("availability")).get("code"),
    ]
    return frozenset(value.lower() for value in values if isinstance(value, str))


def _error_text(error: JsonObject, metadata: JsonObject) -> str:
    """The parts of an error that are meant for people; `raw` is what the provider behind a gateway said."""
    message = error.get("message")
    reasons = metadata.get("reasons")
    resets_at = metadata.get("resets_at")
    parts = [
        message,
        metadata.get("raw"),
        *(reasons if isinstance(reasons, list) else ()),
        metadata.get("remedy_hint"),
        f"(resets at {resets_at})" if isinstance(resets_at, str) else None,
    ]
    return " ".join(part for part in parts if isinstance(part, str))
