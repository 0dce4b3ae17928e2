"""An HTTP answer to a completion or to one error leaf: a pure function of status, headers and body.

The truth is spread over all three: an error can sit inside a 200, and what refuses is read in `refusal`. No bytes make
anything but our leaves come out.
"""

# An HTTP status says more as a number than as a name.
# ruff: noqa: PLR2004

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec

from asyncgen.body import (
    SECRET,
    JsonObject,
    clean,
    decode_object,
    encodable,
    first_choice,
    label,
    lowered,
    object_of,
    page_text,
)
from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    ContentFilteredError,
    NoAnswerError,
    RefusedError,
    UnusedReply,
    Usage,
)
from asyncgen.refusal import find_error, inner_status, leaf_of, read_fault, redirected

MAX_NUMBER = 64  # characters of a cost; more is none
MAX_RAW = 262_144  # characters of a body kept as it came: 65,536 tokens of text fit
MAX_TOKENS = 2**53  # a larger count is damage
# Outside these two a cost is damage, and may be a million digits long.
SMALLEST_COST = Decimal("1e-18")
LARGEST_COST = Decimal("1e9")
FEWEST_DOLLARS, MOST_DOLLARS = 1e-4, 1e9  # between these a float is written without an exponent


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
        raise redirected(headers, where)
    document = decode_object(body)
    if status >= 400:
        raise leaf_of(read_fault(status, headers, body, find_error(document or {}), where))
    answer = _read_answer(document or {}, headers)
    if not answer.is_good():
        raise _leaf_without_answer(status, headers, body, answer, where, is_json=document is not None)
    return Completion(answer.text, answer.finish_reason, answer.model, answer.request_id, answer.usage)


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
    request_id = label(answer.id) or _request_id_header(headers)
    return Completion(text, choice.finish_reason, label(answer.model), request_id, _plain_usage(answer.usage))


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
    choice = first_choice(document)
    message = object_of(choice.get("message"))
    refusal = message.get("refusal") or object_of(message.get("provider_specific_fields")).get("refusal")
    return _Answer(
        text=_content_text(message.get("content")),
        refusal=_content_text(refusal),
        finish_reason=label(choice.get("finish_reason")),
        has_choice=bool(choice),
        error=find_error(document),
        model=label(document.get("model")),
        request_id=label(document.get("id")) or _request_id_header(headers),
        usage=_read_usage(object_of(document.get("usage"))),
    )


def _leaf_without_answer(
    status: int, headers: Mapping[str, str], body: bytes, answer: _Answer, where: str, *, is_json: bool
) -> AsyncgenError:
    """The leaf for a 2xx that holds no usable answer."""
    is_cut_off = not is_json and status == 200 and body.strip()[:1] in {b"", b"{", b"["}
    reply = _unused_reply(answer, body, keep_raw=is_cut_off)
    if answer.error:
        code = inner_status(answer.error)
        where = f"{where} with error {code}" if code else f"{where} with an error"
        return leaf_of(read_fault(code, headers, body, answer.error, where, reply=reply))
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
        what = f"{'a body cut off' if is_cut_off else 'no answer'}: {clean(page_text(body)) or '(empty body)'}"
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
        texts = [part if isinstance(part, str) else object_of(part).get("text") for part in content]
        content = "".join(text for text in texts if isinstance(text, str))
    return encodable(content) if isinstance(content, str) else ""


def _read_usage(usage: JsonObject) -> Usage:
    cached = _count(object_of(usage.get("prompt_tokens_details")).get("cached_tokens"))
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
    known = lowered(headers)
    return label(known.get("x-generation-id")) or label(known.get("x-request-id"))
