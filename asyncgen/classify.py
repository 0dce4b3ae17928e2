"""An HTTP answer to a completion or to one error leaf: a pure function of status, headers and body.

The truth is spread over all three: an error can sit inside a 200, a 402 can mean "wait", an edge answers in
HTML. The HTTP status decides; inside a 200 the body's own error code takes its place. What a server says is
untrusted: no bytes make anything but our leaves come out, a named wait is bounded, words are cleaned and cut,
and every string that leaves this module can be encoded as UTF-8.
"""

# An HTTP status says more as a number than as a name.
# ruff: noqa: PLR2004

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
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
    Usage,
)

JsonObject: TypeAlias = Mapping[str, object]
V = TypeVar("V")

MAX_RETRY_AFTER = 3600.0
MAX_NUMBER = 64  # characters of a wait or a cost; more is neither
FIRST_EPOCH = 1e9  # seconds, 2001: a number from here on is no wait but a time of day
FIRST_EPOCH_MS = 1e11  # milliseconds, 1973
ABSURD = 1e15  # milliseconds, far from any date
MAX_WORDS = 300  # characters of a server's own text in a message
MAX_SEARCHED = 2000  # characters of it that are searched for tell-tale words
MAX_LABEL = 200  # characters of a model's name or a request's id
MAX_RAW = 262_144  # characters of a body kept as it came: 65,536 tokens of text fit
MAX_TOKENS = 2**53  # a larger count is damage
# Outside these two a cost is damage, and may be a million digits long.
SMALLEST_COST = Decimal("1e-18")
LARGEST_COST = Decimal("1e9")
FEWEST_DOLLARS, MOST_DOLLARS = 1e-4, 1e9  # between these a float is written without an exponent

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
ADD_CREDITS = f"Add credits, then {SAME_COMMAND}"

SECRET = re.compile(
    r"""
      \bbearer\s+[^\s"',;]+
    | \bsk-[\w*.-]{4,}
    | \bAIza[\w-]{20,}
    | \b(?:api[-_]?key|key|token)=[^\s&"']+
    | (?<=://)[^\s/@]+@
    | \b(?=\w*\d)(?=\w*[a-z])\w{32,}    # a long opaque run: a key without a known prefix
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
HTML_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
ERROR_STATUS = re.compile(r"[45][0-9]{2}")
NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?")
GO_TIME = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)(h|ms|m|s|us|µs|ns)")
GO_DURATION = re.compile(rf"(?:{GO_TIME.pattern})+")
GO_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class Completion(msgspec.Struct, frozen=True):
    """What the model answered: `text` is not blank.

    `model` is the one that answered, `request_id` the body's or else the headers'.
    """

    text: str
    finish_reason: str | None
    model: str | None
    request_id: str | None
    usage: Usage


def classify_response(status: int, headers: Mapping[str, str], body: bytes, *, host: str = "") -> Completion:
    """The completion in an HTTP answer, or else exactly one error leaf, raised.

    Header names may have any case. `host` is who answered, for the messages.
    """
    if status == 200 and (completion := _read_plain_answer(body, headers)) is not None:
        return completion
    where = f"{host or 'the endpoint'} answered {status}"
    if status // 100 == 3:
        raise _redirected(headers, where)
    document = _decode_object(body)
    if status >= 400:
        raise _leaf_of(_read_fault(status, headers, body, _find_error(document or {}), where))
    answer = _read_answer(document or {}, headers)
    if not answer.is_good():
        raise _leaf_without_answer(status, headers, body, answer, where, is_json=document is not None)
    return Completion(answer.text, answer.finish_reason, answer.model, answer.request_id, answer.usage)


def clean(text: str, limit: int = MAX_WORDS) -> str:
    """Untrusted text for people: one printable line, nothing like a key in it, at most `limit` characters."""
    head = "".join(each if each.isprintable() else " " for each in text[: 4 * limit])
    line = " ".join(SECRET.sub("[redacted]", head).split())
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


# ---- answers


_PlainCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)] | None


class _PlainDetails(msgspec.Struct):
    cached_tokens: _PlainCount = None


class _PlainUsage(msgspec.Struct):
    prompt_tokens: _PlainCount = None
    completion_tokens: _PlainCount = None
    cost: float | int | str | None = None
    prompt_tokens_details: _PlainDetails | None = None
    prompt_cache_hit_tokens: _PlainCount = None


class _PlainMessage(msgspec.Struct):
    content: str
    refusal: None = None
    provider_specific_fields: None = None


class _PlainChoice(msgspec.Struct):
    message: _PlainMessage
    finish_reason: Literal["stop", "length"]
    error: None = None


class _PlainAnswer(msgspec.Struct):
    """What nearly every answer looks like. A field of type None must be absent or null."""

    choices: Annotated[list[_PlainChoice], msgspec.Meta(min_length=1)]
    error: None = None
    model: str | None = None
    id: str | None = None
    usage: _PlainUsage | None = None


_plain_decoder = msgspec.json.Decoder(_PlainAnswer)


def _read_plain_answer(body: bytes, headers: Mapping[str, str]) -> Completion | None:
    """What `_read_answer` would find in an answer with nothing unusual about it, in half the time; None for others."""
    try:
        answer = _plain_decoder.decode(body)
    except (ValueError, RecursionError):
        return None
    choice = answer.choices[0]
    text = choice.message.content
    if not text or text.isspace():
        return None
    request_id = _label(answer.id) or _request_id_header(headers)
    return Completion(text, choice.finish_reason, _label(answer.model), request_id, _plain_usage(answer.usage))


def _plain_usage(usage: _PlainUsage | None) -> Usage:
    if usage is None:
        return Usage()
    details = usage.prompt_tokens_details
    cached = None if details is None else details.cached_tokens
    if cached is None:
        cached = usage.prompt_cache_hit_tokens
    return Usage(usage.prompt_tokens, cached, usage.completion_tokens, _money(usage.cost))


class _Answer(NamedTuple):
    """A 2xx body, read as far as it has the shape of an answer; `text` and `refusal` are never None."""

    text: str
    refusal: str
    finish_reason: str | None
    has_choice: bool
    error: JsonObject
    model: str | None
    request_id: str | None
    usage: Usage

    def is_good(self) -> bool:
        return not (self.error or self.is_blank() or self.is_filtered() or self.finish_reason == "error")

    def is_blank(self) -> bool:
        return not self.text or self.text.isspace()

    def is_filtered(self) -> bool:
        stopped = self.finish_reason is not None and self.finish_reason.startswith("content_filter")
        return stopped or bool(self.refusal and self.is_blank())


def _read_answer(document: JsonObject, headers: Mapping[str, str]) -> _Answer:
    choice = _first_choice(document)
    message = _object(choice.get("message"))
    refusal = message.get("refusal") or _object(message.get("provider_specific_fields")).get("refusal")
    return _Answer(
        text=_content_text(message.get("content")),
        refusal=_content_text(refusal),
        finish_reason=_label(choice.get("finish_reason")),
        has_choice=bool(choice),
        error=_find_error(document),
        model=_label(document.get("model")),
        request_id=_label(document.get("id")) or _request_id_header(headers),
        usage=_read_usage(_object(document.get("usage"))),
    )


def _leaf_without_answer(
    status: int, headers: Mapping[str, str], body: bytes, answer: _Answer, where: str, *, is_json: bool
) -> AsyncgenError:
    """The leaf for a 2xx that holds no usable answer."""
    is_cut_off = not is_json and status == 200 and body.strip()[:1] in {b"", b"{", b"["}
    reply = _unused_reply(answer, body, keep_raw=is_cut_off)
    if answer.error:
        code = _inner_status(answer.error)
        where = f"{where} with error {code}" if code else f"{where} with an error"
        return _leaf_of(_read_fault(code, headers, body, answer.error, where, reply=reply))
    finish_reason = clean(answer.finish_reason or "missing")
    if answer.is_filtered():
        if answer.refusal:
            return RefusedError(f"{where} with a refusal: {clean(answer.refusal)}", status=status, reply=reply)
        return ContentFilteredError(
            f"{where} with a filtered reply: finish_reason {finish_reason}", status=status, reply=reply
        )
    if answer.is_blank() and answer.finish_reason == "length":
        return BadReplyError(
            "only-thinking",
            f"{where} without text: max_tokens was used up before the reply began, probably by thinking",
            reply=reply,
        )
    if answer.has_choice:
        what = f"no usable text, finish_reason {finish_reason}"
    else:
        what = f"{'a body cut off' if is_cut_off else 'no answer'}: {clean(_page_text(body)) or '(empty body)'}"
    return NoAnswerError(f"{where} with {what}", maybe_billed=is_cut_off, reply=reply)


def _unused_reply(answer: _Answer, body: bytes, *, keep_raw: bool) -> UnusedReply | None:
    """What may have been paid for: any text, else the raw body of a call that was counted or cut off."""
    text = answer.refusal if answer.is_blank() else answer.text
    if not text:
        if answer.usage == Usage() and not (keep_raw and body.strip()):
            return None
        text = SECRET.sub("[redacted]", body[:MAX_RAW].decode("utf-8", "replace"))
    return UnusedReply(text, answer.usage, answer.request_id)


def _content_text(content: object) -> str:
    """The text of a message's content: a string, or a list of parts whose texts are joined."""
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else _object(part).get("text") for part in content]
        content = "".join(text for text in texts if isinstance(text, str))
    return _encodable(content) if isinstance(content, str) else ""


def _read_usage(usage: JsonObject) -> Usage:
    cached = _count(_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        completion_tokens=_count(usage.get("completion_tokens")),
        cost=_money(usage.get("cost")),
    )


def _count(value: object) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None


def _money(value: object) -> str | None:
    """The exact decimal text of a cost, never with an exponent."""
    if type(value) is float and FEWEST_DOLLARS <= value <= MOST_DOLLARS:
        return str(value)
    amount = _amount(value)
    if amount is None:
        return None
    if not amount:
        return "0"
    return format(amount, "f") if SMALLEST_COST <= amount <= LARGEST_COST else None


def _amount(value: object) -> Decimal | None:
    if type(value) not in {int, float, str}:
        return None
    text = str(value)
    if len(text) > MAX_NUMBER:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return None if amount.is_nan() or amount.is_signed() else amount


def _request_id_header(headers: Mapping[str, str]) -> str | None:
    known = _lowered(headers)
    return _label(known.get("x-generation-id")) or _label(known.get("x-request-id"))


# ---- errors


@dataclass(frozen=True, slots=True)
class _Fault:
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


def _read_fault(
    status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    error: JsonObject,
    where: str,
    *,
    reply: UnusedReply | None = None,
) -> _Fault:
    metadata = _object(error.get("metadata"))
    text = _error_text(error, metadata) or _page_text(body)
    source = metadata.get("limit_source")
    return _Fault(
        status=status,
        message=f"{where}: {clean(text) or '(empty body)'}",
        text=text[:MAX_SEARCHED].lower(),
        names=_error_names(error, metadata),
        limit_source=source if isinstance(source, str) else "",
        is_filtered=any(metadata.get(key) for key in ("reasons", "flagged_input", "patterns")),
        should_retry=_lowered(headers).get("x-should-retry") == "true",
        retry_after=parse_retry_after(headers, error),
        reply=reply,
    )


def _leaf_of(fault: _Fault) -> AsyncgenError:
    return (
        _money_leaf(fault)
        or _stopping_leaf(fault)
        or _too_long_leaf(fault)
        or _filter_leaf(fault)
        or _passing_leaf(fault)
        or RequestRejectedError(fault.message, status=fault.status, reply=fault.reply)
    )


def _money_leaf(fault: _Fault) -> NoMoneyError | RateLimitedError | None:
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


def _payment_leaf(fault: _Fault) -> NoMoneyError | RateLimitedError:
    if fault.mentions(TOO_EXPENSIVE_WORDS):
        return NoMoneyError(
            f"{fault.told}. One request may cost more than is left. {ADD_CREDITS}; "
            "or lower what it may cost with --param max_tokens=N --allow-changed"
        )
    if fault.retry_after is not None and fault.names.isdisjoint(SPENT_BALANCE_NAMES):
        return RateLimitedError(fault.message, retry_after=fault.retry_after, reply=fault.reply)
    return NoMoneyError(f"{fault.told}. {ADD_CREDITS}")


def _stopping_leaf(fault: _Fault) -> FatalError | None:
    match fault.status:
        case 401:
            return AccessDeniedError(f"{fault.told}. Check the key, and that it belongs to this endpoint")
        case 407:
            return AccessDeniedError(f"{fault.told}. The proxy wants a login: check HTTPS_PROXY")
        case 404:
            return NotFoundError(f"{fault.told}. Check --model, and that --base-url ends as the API wants it")
        case _:
            return None


def _too_long_leaf(fault: _Fault) -> TooLongError | None:
    if fault.status is not None and fault.status not in MAY_BE_TOO_LONG:
        return None
    is_named = not fault.names.isdisjoint(TOO_LONG_NAMES) or any(word in fault.text for word in TOO_LONG_WORDS)
    if fault.status == 413 or is_named:
        return TooLongError(fault.message, status=fault.status, reply=fault.reply)
    return None


def _filter_leaf(fault: _Fault) -> ContentFilteredError | RefusedError | None:
    if fault.status is not None and fault.status not in MAY_BE_FILTERED:
        return None
    if REFUSAL_NAME in fault.names:
        return RefusedError(fault.message, status=fault.status, reply=fault.reply)
    if fault.is_filtered or fault.mentions(FILTER_WORDS) or not fault.names.isdisjoint(FILTER_NAMES):
        return ContentFilteredError(fault.message, status=fault.status, reply=fault.reply)
    return None


def _passing_leaf(fault: _Fault) -> TransientError | None:
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


def _redirected(headers: Mapping[str, str], where: str) -> RedirectedError:
    try:
        target = urlsplit(_lowered(headers).get("location", "")).hostname
    except ValueError:
        target = None
    to = f"to {clean(target, MAX_LABEL)}" if target else "without naming another host"
    return RedirectedError(
        f"{where}, a redirect {to}. It is not followed, because prompt and key would go along: "
        "set --base-url to where the endpoint really is"
    )


def _find_error(document: JsonObject) -> JsonObject:
    """What a body says went wrong, as an object; empty when it says nothing.

    Seen: an object or a string under `error`, also in the first choice; `detail`; the same fields at the top.
    """
    error = document.get("error") or _first_choice(document).get("error")
    if not error and "choices" not in document:
        error = document.get("detail") or (document if isinstance(document.get("message"), str) else None)
    if not error:
        return {}
    return _object(error) or {"message": error}


def _inner_status(error: JsonObject) -> int | None:
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
        _object(error.get("availability")).get("code"),
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


def _page_text(body: bytes) -> str:
    """The title of an HTML page, or the beginning of whatever else a body is."""
    text = body[: 4 * MAX_SEARCHED].decode("utf-8", "replace")
    title = HTML_TITLE.search(text)
    return title[1] if title else text


# ---- waits


def parse_retry_after(headers: Mapping[str, str], error: JsonObject | None) -> float | None:
    """Seconds the endpoint asked to wait, 0 to MAX_RETRY_AFTER; None without a hint that makes sense.

    Hints are read from the headers and from their copies in the error. A time of day is compared with the
    answer's own Date, so that this machine's clock does not matter; without Date it is no hint.
    """
    error = error or {}
    metadata = _object(error.get("metadata"))
    own, copied = _lowered(headers), _lowered(_object(metadata.get("headers")))
    hints = [
        *_named_waits(own),
        *_named_waits(copied),
        _object(error.get("availability")).get("retry_after"),
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


# ---- JSON and text


def _decode_object(body: bytes) -> JsonObject | None:
    """The object a body holds, alone or as the first of a list; {} for other JSON, None for what is no JSON.

    The standard library's reader is the second chance: it takes a byte order mark, raw control characters and
    lone surrogates.
    """
    try:
        document: object = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        try:
            document = json.loads(body, strict=False)
        except (ValueError, RecursionError):
            return None
    return _object(document[0] if isinstance(document, list) and document else document)


def _first_choice(document: JsonObject) -> JsonObject:
    choices = document.get("choices")
    return _object(choices[0]) if isinstance(choices, list) and choices else {}


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _lowered(headers: Mapping[str, V]) -> dict[str, V]:
    return {name.lower(): value for name, value in headers.items()}


def _label(value: object) -> str | None:
    """A name or id from outside, fit for the journal; None for anything else."""
    if not isinstance(value, str) or not value:
        return None
    return value if len(value) <= MAX_LABEL and value.isprintable() else clean(value, MAX_LABEL) or None


def _encodable(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which no UTF-8 file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
