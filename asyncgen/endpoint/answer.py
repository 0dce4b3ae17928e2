"""An HTTP answer to a completion or to one error leaf: a pure function of status, headers and body.

The truth is spread over all three: an error can sit inside a 200, and what refuses is read in `refusal`. No bytes make
anything but our leaves come out.
"""

# An HTTP status says more as a number than as a name.
# ruff: noqa: PLR2004

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec

from asyncgen.answered import UnusedReply, Usage
from asyncgen.endpoint.body import (
    SECRET,
    JsonObject,
    clean,
    decode_object,
    label,
    lowered,
    page_text,
)
from asyncgen.endpoint.event_stream import join_events
from asyncgen.endpoint.places import read_choice, unwrap
from asyncgen.endpoint.refusal import find_error, find_written, inner_status, leaf_of, read_fault, redirected
from asyncgen.endpoint.tiers import TIER_HEADER, name_tier
from asyncgen.endpoint.usage import COST_HEADER, MAX_TOKENS, read_cost, read_usage
from asyncgen.errors import AsyncgenError, BadReplyError, ContentFilteredError, NoAnswerError, RefusedError
from asyncgen.finish import meaning_of

ONLY_THOUGHT = (
    ": it has only thought, or the server takes its reply for thinking; turn that off, as with --param "
    "reasoning.effort=none, or for vLLM with --param chat_template_kwargs.enable_thinking=false"
)
MAX_RAW = 262_144  # characters of a body kept as it came: 65,536 tokens of text fit


class Completion(msgspec.Struct, frozen=True):
    """What the model answered: `text` is not blank.

    `model` is the one that answered, `request_id` the body's or else the headers'.
    """

    text: str
    finish_reason: str | None
    model: str | None
    request_id: str | None
    usage: Usage


def classify_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    host: str = "",
    now: float | None = None,
    key_advice: str = "",
) -> Completion:
    """The completion in an HTTP answer, or else exactly one error leaf, raised.

    Header names may have any case. `host` is who answered, for the messages. `now` and `key_advice`: see `read_fault`.
    """
    if status == 200 and (completion := _read_plain_answer(body, headers)) is not None:
        return completion
    where = f"{host or 'the endpoint'} answered {status}"
    if status // 100 == 3:
        raise redirected(headers, where)
    document = decode_object(body)
    stream = join_events(body) if document is None and status < 400 else None
    if stream is not None:
        document, is_cut_off = stream
    else:
        is_cut_off = document is None and status == 200 and body.strip()[:1] in {b"", b"{", b"["}
    answer = _read_answer(document or {}, headers)
    if written := find_written(answer.error):  # whether it is a conversation is decided by our own rules
        return Completion(written, answer.finish_reason, answer.model, answer.request_id, answer.usage)
    if status >= 400:
        raise leaf_of(read_fault(status, headers, body, answer.error, where, now=now, key_advice=key_advice))
    if is_cut_off or not answer.is_good():
        raise _leaf_without_answer(status, headers, body, answer, where, now=now, is_cut_off=is_cut_off)
    return Completion(answer.text, answer.finish_reason, answer.model, answer.request_id, answer.usage)


_PlainTokens: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKENS)]
_PlainCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)] | None
_PlainEnd: TypeAlias = Literal["COMPLETE", "STOP", "completed", "end_turn", "eos", "length", "stop", "stop_sequence"]


class _PlainDetails(msgspec.Struct, gc=False):
    cached_tokens: _PlainCount = None


class _PlainCostDetails(msgspec.Struct, gc=False):
    pass


class _PlainUsage(msgspec.Struct, gc=False):
    prompt_tokens: _PlainTokens
    completion_tokens: _PlainTokens
    total_tokens: _PlainTokens
    cost: float | int | str | None = None
    is_byok: bool | None = None
    cost_details: _PlainCostDetails | None = None
    prompt_tokens_details: _PlainDetails | None = None
    prompt_cache_hit_tokens: _PlainCount = None
    input_tokens_details: None = None
    cache_read_input_tokens: None = None
    cached_tokens: None = None
    total_cost: None = None
    cost_usd: None = None
    total_cost_usd: None = None
    cost_usd_total: None = None
    estimated_cost: None = None
    cost_in_usd_ticks: None = None
    currency: None = None
    cost_currency: None = None
    service_tier: None = None


class _PlainMessage(msgspec.Struct, gc=False):
    content: str
    refusal: None = None
    provider_specific_fields: None = None
    provider_metadata: None = None


class _PlainChoice(msgspec.Struct, gc=False):
    message: _PlainMessage
    finish_reason: Literal["stop", "length"]
    native_finish_reason: _PlainEnd | None = None
    error: None = None


class _PlainAnswer(msgspec.Struct, gc=False):
    """What nearly every answer looks like. A field of type None must be absent or null."""

    choices: Annotated[list[_PlainChoice], msgspec.Meta(min_length=1)]
    usage: _PlainUsage
    error: None = None
    model: str | None = None
    id: str | None = None
    service_tier: str | None = None
    cost: None = None
    cost_usd: None = None
    total_cost: None = None
    meta: None = None
    provider_metadata: None = None
    x_nanogpt_pricing: None = None
    hidden_params: None = msgspec.field(default=None, name="_hidden_params")


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
    usage = _plain_usage(answer, headers)
    if usage is None:
        return None
    request_id = label(answer.id) or _request_id_header(headers)
    return Completion(text, choice.finish_reason, label(answer.model), request_id, usage)


def _plain_usage(answer: _PlainAnswer, headers: Mapping[str, str]) -> Usage | None:
    """None where thought is needed: tokens beside those named, a cost that has parts or stands elsewhere."""
    usage = answer.usage
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    if usage.total_tokens > prompt + completion:
        return None
    if usage.cost_details is not None and (usage.is_byok is not False or not usage.cost):
        return None
    if usage.is_byok or usage.cost == 0:
        return None
    # An HTTP client's mapping knows names in any case; lowering all of them takes as long as decoding the body.
    known = lowered(headers) if type(headers) is dict else headers
    if usage.cost is None and COST_HEADER in known:
        return None
    details = usage.prompt_tokens_details
    cached = None if details is None else details.cached_tokens
    if cached is None:
        cached = usage.prompt_cache_hit_tokens
    if cached is not None and cached > prompt:
        return None
    tier = answer.service_tier or known.get(TIER_HEADER)
    return Usage(prompt, cached, completion, read_cost(usage.cost), tier=name_tier(tier) if tier else None)


class _Answer(NamedTuple):
    """A 2xx body, read as far as it has the shape of an answer; `text` and `refusal` are never None.

    `is_known`: the body has the shape of an answer, though maybe without a choice. `has_thought`: see `Choice`.
    """

    text: str
    refusal: str
    finish_reason: str | None
    has_choice: bool
    has_thought: bool
    is_known: bool
    error: JsonObject
    model: str | None
    request_id: str | None
    usage: Usage

    def is_good(self) -> bool:
        return not (self.error or self.is_blank() or self.is_filtered() or meaning_of(self.finish_reason) == "fault")

    def is_blank(self) -> bool:
        return not self.text or self.text.isspace()

    def is_filtered(self) -> bool:
        return meaning_of(self.finish_reason) == "filtered" or bool(self.refusal and self.is_blank())


def _read_answer(document: JsonObject, headers: Mapping[str, str]) -> _Answer:
    document = unwrap(document)
    choice = read_choice(document)
    error = find_error(document, has_answer=not choice.is_blank())
    return _Answer(
        text=choice.text,
        refusal=choice.refusal,
        finish_reason=choice.finish_reason,
        has_choice=choice.is_there,
        has_thought=choice.has_thought,
        is_known=choice.is_there or bool(error) or "choices" in document,
        error=error,
        model=label(document.get("model")) or label(document.get("modelVersion")),
        request_id=label(document.get("id")) or label(document.get("responseId")) or _request_id_header(headers),
        usage=read_usage(document, headers, has_text=bool(choice.refusal) or not choice.is_blank()),
    )


def _leaf_without_answer(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    answer: _Answer,
    where: str,
    *,
    now: float | None,
    is_cut_off: bool,
) -> AsyncgenError:
    """The leaf for a 2xx that holds no usable answer."""
    reply = _unused_reply(answer, body, is_cut_off=is_cut_off)
    if answer.error:
        code = inner_status(answer.error)
        where = f"{where} with error {code}" if code else f"{where} with an error"
        return leaf_of(read_fault(code, headers, body, answer.error, where, reply=reply, now=now))
    finish_reason = clean(answer.finish_reason or "missing")
    if answer.is_filtered():
        if answer.refusal:
            return RefusedError(f"{where} with a refusal: {clean(answer.refusal)}", status=status, reply=reply)
        return ContentFilteredError(
            f"{where} with a filtered reply: finish_reason {finish_reason}", status=status, reply=reply
        )
    if answer.is_blank() and meaning_of(answer.finish_reason) == "length":
        return BadReplyError(
            "only-thinking",
            f"{where} without text: max_tokens was used up before the reply began, probably by thinking",
            reply=reply,
        )
    if answer.has_choice and not is_cut_off:
        what = f"no usable text, finish_reason {finish_reason}{ONLY_THOUGHT if answer.has_thought else ''}"
    else:
        is_whole = (body.strip()[:1], body.strip()[-1:]) in {(b"{", b"}"), (b"[", b"]")}
        broken = "a body that is no JSON" if is_whole else "a body cut off"
        what = f"{broken if is_cut_off else 'no answer'}: {clean(page_text(body)) or '(empty body)'}"
    return NoAnswerError(f"{where} with {what}", maybe_billed=is_cut_off, reply=reply)


def _unused_reply(answer: _Answer, body: bytes, *, is_cut_off: bool) -> UnusedReply | None:
    """What may have been paid for: any text, else the body of a call that was counted, or that nobody can read."""
    text = answer.refusal if answer.is_blank() else answer.text
    if not text:
        is_read = answer.is_known and not is_cut_off
        if not body.strip() or (is_read and not answer.usage.is_told):
            return None
        text = SECRET.sub("[redacted]", body[:MAX_RAW].decode("utf-8", "replace"))
    return UnusedReply(text, answer.usage, answer.request_id)


def _request_id_header(headers: Mapping[str, str]) -> str | None:
    known = lowered(headers)
    return label(known.get("x-generation-id")) or label(known.get("x-request-id"))
