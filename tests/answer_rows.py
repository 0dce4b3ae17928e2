"""What real endpoints answered, byte for byte where a capture or a manual gives the bytes, and what it must mean.

A "..." inside a body stands where the capture was shortened. Where only the fields are known, the body is made of
those. What is no answer of the chat-completions path is not here: refused, reset, stalled and half-closed
connections, a body shorter than its Content-Length, gzip and rate-limited transfers (the HTTP client's tests), the
batch, key, credits, models and generation endpoints, request fields and prices. Servers that
answer a wrong request with an ordinary 200 appear once each, with their shape of a good answer. Whether a
conversation inside a reply fits its schema is not decided here either.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from asyncgen.answered import Usage
from asyncgen.endpoint.answer import Completion
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    ContentFilteredError,
    NoAnswerError,
    NoMoneyError,
    NotFoundError,
    RateLimitedError,
    RedirectedError,
    RefusedError,
    RequestRejectedError,
    ServerError,
    TooLongError,
)

NOTHING_REPORTED = Usage()
PLAIN_COUNTS = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
DATE = "Sun, 22 Nov 2026 05:22:00 GMT"  # 1795324920 in epoch seconds
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
HTML = {"Content-Type": "text/html"}
TURNS = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}'


@dataclass(frozen=True, slots=True)
class Good:
    """An answer that is a completion."""

    id: str
    body: bytes
    completion: Completion
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bad:
    """An answer that is an error; `reply` is the text kept of it, `says` a part of the message."""

    id: str
    status: int
    body: bytes
    leaf: type[AsyncgenError]
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    maybe_billed: bool = False
    reply: str | None = None
    usage: Usage = NOTHING_REPORTED
    says: str = ""


def chat(message: object, *, finish_reason: str | None = "stop", **top: object) -> bytes:
    """A 200's body with one choice."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json.dumps({"id": "gen-1", "model": "m", "choices": [choice], **top}).encode()


def said(content: object, *, finish_reason: str | None = "stop", **top: object) -> bytes:
    return chat({"role": "assistant", "content": content}, finish_reason=finish_reason, **top)


def reply(
    text: str = TURNS,
    finish_reason: str | None = "stop",
    model: str | None = "m",
    request_id: str | None = "gen-1",
    usage: Usage = NOTHING_REPORTED,
) -> Completion:
    return Completion(text, finish_reason, model, request_id, usage)


def openrouter(code: int, message: str, /, **metadata: object) -> bytes:
    error: dict[str, object] = {"code": code, "message": message}
    return json.dumps({"error": {**error, "metadata": metadata} if metadata else error}).encode()


def openai(message: str, type_: str | None, code: str | None) -> bytes:
    return json.dumps({"error": {"message": message, "type": type_, "param": None, "code": code}}).encode()


def google(code: int, message: str, status: str) -> bytes:
    return json.dumps([{"error": {"code": code, "message": message, "status": status}}]).encode()


def litellm(message: str, type_: str, code: str) -> bytes:
    return openai(message, type_, code)


def nginx(title: str) -> bytes:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


QUOTED_TURNS = json.dumps(TURNS)

GOOD = [
    # ---- shapes of a good answer
    Good(
        "openrouter: a full answer with cost",
        (
            '{"id":"gen-1795324920-abc","provider":"Google","model":"google/gemini-3-flash-preview",'
            '"object":"chat.completion","created":1795324920,"choices":[{"logprobs":null,"finish_reason":"stop",'
            '"native_finish_reason":"STOP","index":0,"message":{"role":"assistant","content":'
            + QUOTED_TURNS
            + ',"refusal":null,"reasoning":"thought","reasoning_details":[{"type":"reasoning.text"}]}}],'
            '"system_fingerprint":null,"usage":{"prompt_tokens":6000,"completion_tokens":700,"total_tokens":6700,'
            '"cost":0.00241,"is_byok":false,"prompt_tokens_details":{"cached_tokens":5888,"cache_write_tokens":0,'
            '"audio_tokens":0,"video_tokens":0},"cost_details":{"upstream_inference_cost":null},'
            '"completion_tokens_details":{"reasoning_tokens":12,"image_tokens":0}}}'
        ).encode(),
        reply(
            model="google/gemini-3-flash-preview",
            request_id="gen-1795324920-abc",
            usage=Usage(prompt_tokens=6000, cached_tokens=5888, completion_tokens=700, cost=Decimal("0.00241")),
        ),
    ),
    Good(
        "openrouter: no id in the body, the generation id in a header",
        said(TURNS, id=None),
        reply(request_id="gen-header"),
        headers={"X-Generation-Id": "gen-header", "x-request-id": "req-1"},
    ),
    *(
        Good(
            f"service tier {told}, {'counted' if counted else 'with no more'}",
            said(TURNS, service_tier=told, usage=PLAIN_COUNTS if counted else None),
            reply(usage=Usage(9, None, 2, tier=tier) if counted else Usage(tier=tier)),
        )
        for counted in (True, False)
        for told, tier in (
            ("flex", "flex"),
            ("priority", "priority"),
            ("fast", "priority"),
            ("default", "default"),
            ("standard", "default"),
            ("auto", "default"),
            ("ON_DEMAND_FLEX", "flex"),
            ("batch", "batch"),
            ("Some\u202eThing", "some thing"),
            ("", None),
            (7, None),
        )
    ),
    *(
        Good(
            f"gemini: service tier in a header, {'counted' if counted else 'with no more'}",
            said(TURNS, usage=PLAIN_COUNTS if counted else None),
            reply(usage=Usage(9, None, 2, tier="flex") if counted else Usage(tier="flex")),
            headers={"X-Gemini-Service-Tier": "Flex"},
        )
        for counted in (True, False)
    ),
    Good(
        "the service tier among the counts",
        said(TURNS, usage={**PLAIN_COUNTS, "service_tier": "priority"}),
        reply(usage=Usage(9, None, 2, tier="priority")),
    ),
    Good("openrouter: another model of models[] answered", said(TURNS, model="b/c"), reply(model="b/c")),
    Good("openrouter: cost null", said(TURNS, usage={"prompt_tokens": 1, "cost": None}), reply(usage=Usage(1))),
    Good(
        "openrouter: response cache hit, usage zeros",
        said(TURNS, usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0}),
        reply(usage=Usage(0, None, 0, Decimal(0))),
        headers={"X-OpenRouter-Cache-Status": "HIT"},
    ),
    Good("openrouter: finish_reason null", said(TURNS, finish_reason=None), reply(finish_reason=None)),
    Good(
        "openrouter: content is a list of parts",
        said([{"type": "text", "text": TURNS[:9]}, {"type": "image_url"}, {"type": "text", "text": TURNS[9:]}]),
        reply(),
    ),
    Good("openrouter: error null beside a good answer", said(TURNS, error=None), reply()),
    Good(
        "openrouter: whitespace keep-alive ahead of the body",
        b"\n" + b"         \n" * 40 + said(TURNS),
        reply(),
    ),
    Good("deepseek: empty lines while queued", b"\n\n\n\n" + said(TURNS), reply()),
    Good(
        "deepseek: cache hit tokens under their own name",
        said(TURNS, usage={"prompt_tokens": 90, "completion_tokens": 4, "prompt_cache_hit_tokens": 64}),
        reply(usage=Usage(90, 64, 4)),
    ),
    Good("a byte order mark before the JSON", b"\xef\xbb\xbf" + said(TURNS), reply()),
    Good("JSON sent as text/plain", said(TURNS), reply(), headers=PLAIN),
    Good("201 with an answer", said(TURNS), reply(), status=201),
    Good(
        "llama.cpp: choices first, timings, empty CORS header",
        (
            '{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":'
            + QUOTED_TURNS
            + '}}],"created":1795324920,"model":"tame","system_fingerprint":"b1","object":"chat.completion",'
            '"usage":{"completion_tokens":40,"prompt_tokens":20,"total_tokens":60,'
            '"prompt_tokens_details":{"cached_tokens":7}},"id":"chatcmpl-x","timings":{"prompt_n":13}}'
        ).encode(),
        reply(model="tame", request_id="chatcmpl-x", usage=Usage(20, 7, 40)),
        headers={"Access-Control-Allow-Origin": "", "Keep-Alive": "timeout=5, max=100"},
    ),
    Good(
        "lcp: no model sent, model is a path; the three counts",
        said(
            TURNS,
            model="/models/tame.gguf",
            usage={"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60},
        ),
        reply(model="/models/tame.gguf", usage=Usage(20, None, 40)),
        headers={"openai-processing-ms": "31", "x-request-id": "abc"},
    ),
    Good(
        "tserve: keys missing instead of null, id in a header",
        (
            '{"object":"chat.completion","model":"/path/of/model@main","choices":[{"index":0,"message":'
            '{"role":"assistant","content":' + QUOTED_TURNS + '},"finish_reason":"stop"}]}'
        ).encode(),
        reply(model="/path/of/model@main", request_id="0d3b7a7e-0000-4000-8000-000000000001"),
        headers={"x-request-id": "0d3b7a7e-0000-4000-8000-000000000001"},
    ),
    Good(
        "vllm: many nulls, stop_reason an int",
        (
            '{"id":"chatcmpl-1","object":"chat.completion","created":1795324920,"model":"tame","choices":[{"index":0,'
            '"message":{"role":"assistant","content":' + QUOTED_TURNS + ',"refusal":null,"annotations":null,'
            '"audio":null,"function_call":null,"tool_calls":[],"reasoning":null},"logprobs":null,'
            '"finish_reason":"stop","stop_reason":2}],"service_tier":null,"system_fingerprint":null,'
            '"usage":{"prompt_tokens":20,"total_tokens":60,"completion_tokens":40,"prompt_tokens_details":null},'
            '"prompt_logprobs":null,"kv_transfer_params":null,"metrics":null}'
        ).encode(),
        reply(model="tame", request_id="chatcmpl-1", usage=Usage(20, None, 40)),
    ),
    Good(
        "litellm: made-up usage, provider_specific_fields without a refusal, limits in headers",
        chat(
            {"role": "assistant", "content": TURNS, "provider_specific_fields": {"refusal": None}},
            usage={"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
        ),
        reply(usage=Usage(10, None, 20)),
        headers={
            "x-ratelimit-api_key-limit-requests": "60",
            "x-ratelimit-api_key-remaining-requests": "59",
            "llm_provider-server": "uvicorn",
        },
    ),
    Good(
        "litellm: upstream without usage, zeros made of it",
        said(TURNS, usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        reply(),
    ),
    Good(
        "litellm: a fallback answered",
        said(TURNS, model="fallback"),
        reply(model="fallback"),
        headers={"x-litellm-attempted-fallbacks": "1"},
    ),
    Good(
        "n = 2: the first of two choices",
        json.dumps(
            {
                "id": "gen-1",
                "model": "m",
                "choices": [
                    {"index": 0, "message": {"content": TURNS}, "finish_reason": "stop"},
                    {"index": 1, "message": {"content": "other"}, "finish_reason": "stop"},
                ],
            }
        ).encode(),
        reply(),
    ),
    Good("usage null", said(TURNS, usage=None), reply()),
    Good(
        "usage of wrong types",
        said(
            TURNS,
            usage={
                "prompt_tokens": "12",
                "completion_tokens": -3,
                "prompt_tokens_details": [],
                "cost": "rubbish",
            },
        ),
        reply(),
    ),
    # ---- text that is for the conversation's parser to judge
    Good(
        "llama.cpp: cut short by length",
        said('{"messages":[{"role":"user","con', finish_reason="length"),
        reply('{"messages":[{"role":"user","con', "length"),
    ),
    Good("llama.cpp: one backtick under max_tokens 1", said("`", finish_reason="length"), reply("`", "length")),
    Good("vllm: whole JSON under length", said(TURNS, finish_reason="length"), reply(finish_reason="length")),
    Good(
        "vllm: a raw control character inside the reply's JSON",
        said('{"messages":[{"role":"user","content":"a\x02\x00b"}]}'),
        reply('{"messages":[{"role":"user","content":"a\x02\x00b"}]}'),
    ),
    Good("llama.cpp --no-jinja: U+FFFD in the text", said("a\ufffdb"), reply("a\ufffdb")),
    Good("thoughts before the JSON", said("Let me think. " + TURNS), reply("Let me think. " + TURNS)),
    Good("leading newlines in the content", said("\n\n" + TURNS), reply("\n\n" + TURNS)),
    Good("no JSON at all", said("Sure, here you go!"), reply("Sure, here you go!")),
    Good("an unknown finish_reason", said(TURNS, finish_reason="eos"), reply(finish_reason="eos")),
    # ---- JSON that breaks a reader
    Good(
        "a raw control character in the body",
        b'{"choices":[{"message":{"content":"a\x01b"},"finish_reason":"stop"}]}',
        reply("a\x01b", model=None, request_id=None),
    ),
    Good(
        "a lone surrogate in the content",
        b'{"choices":[{"message":{"content":"a\\ud800b \\ud83d\\ude00"},"finish_reason":"stop"}]}',
        reply("a\ufffdb \U0001f600", model=None, request_id=None),
    ),
    Good(
        "NaN and 1e999 in the usage",
        b'{"choices":[{"message":{"content":"a"}}],"usage":{"cost":NaN,"prompt_tokens":1e999,"completion_tokens":2}}',
        reply("a", None, None, None, Usage(None, None, 2)),
    ),
    Good(
        "duplicate keys: the last one counts",
        b'{"choices":[],"choices":[{"message":{"content":"a"}}]}',
        reply("a", None, None, None),
    ),
]

# ---- the reply stands elsewhere


def sse(*events: object, end: str = "data: [DONE]\n\n") -> bytes:
    return ("".join(f"data: {json.dumps(event)}\n\n" for event in events) + end).encode()


def delta(content: object, *, index: int = 0, finish_reason: str | None = None, **top: object) -> dict[str, object]:
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}
    return {"id": "gen-1", "model": "m", "choices": [choice], **top}


def body_of(**fields: object) -> bytes:
    return json.dumps({"id": "gen-1", "model": "m", **fields}).encode()


PARSED = json.loads(TURNS)
SPACED_TURNS = json.dumps(PARSED)  # as content that was parsed is written again
COUNTS = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
COUNTED = Usage(9, None, 2)
STREAM = (delta(TURNS[:9]), delta(" "), delta(TURNS[9:]), delta(None, finish_reason="stop", usage=COUNTS))
STREAMED = TURNS[:9] + " " + TURNS[9:]

ELSEWHERE = [
    Good("a stream of events nobody asked for", sse(*STREAM), reply(STREAMED, usage=COUNTED)),
    Good(
        "a stream whose usage comes behind the last choice",
        b": PROCESSING\n\n"
        + sse(delta(TURNS, finish_reason="stop"), {"choices": [], "usage": {**COUNTS, "cost": 0.5}}),
        reply(usage=Usage(9, None, 2, Decimal("0.5"))),
        headers={"Content-Type": "text/event-stream"},
    ),
    Good("a stream with carriage returns", sse(*STREAM).replace(b"\n", b"\r\n"), reply(STREAMED, usage=COUNTED)),
    Good("a stream behind a byte order mark", b"\xef\xbb\xbf" + sse(*STREAM), reply(STREAMED, usage=COUNTED)),
    Good("a stream without blank lines", sse(*STREAM).replace(b"\n\n", b"\n"), reply(STREAMED, usage=COUNTED)),
    Good("a stream without an end mark", sse(*STREAM, end=""), reply(STREAMED, usage=COUNTED)),
    Good(
        "a stream that thinks first",
        sse({"choices": [{"delta": {"reasoning_content": "hm", "content": None}}]}, delta(TURNS, finish_reason="stop")),
        reply(),
    ),
    Good(
        "a stream of two choices",
        sse(delta(TURNS), delta("other", index=1), delta("", finish_reason="stop")),
        reply(),
    ),
    Good(
        "a stream of calls of a tool",
        sse(
            *({"choices": [{"delta": {"tool_calls": [{"function": {"arguments": each}}]}}]} for each in TURNS),
            delta("", finish_reason="tool_calls"),
        ),
        reply(finish_reason="tool_calls"),
    ),
    Good(
        "anthropic: a stream",
        sse(
            {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TURNS}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
            end="",
        ).replace(b"data: ", b"event: x\ndata: "),
        reply(finish_reason="end_turn", model=None, request_id=None, usage=COUNTED),
    ),
    Good(
        "responses: a stream",
        sse(
            {"type": "response.output_text.delta", "delta": TURNS},
            {
                "type": "response.completed",
                "response": {
                    "status": "completed",
                    "output": [{"type": "message", "content": [{"type": "output_text", "text": TURNS}]}],
                    "usage": {"input_tokens": 9, "output_tokens": 2},
                },
            },
            end="",
        ),
        reply(finish_reason="completed", model=None, request_id=None, usage=COUNTED),
    ),
    Good(
        "ollama: a stream of lines",
        b"\n".join(
            json.dumps(each).encode()
            for each in (
                {"model": "m", "message": {"content": TURNS[:9]}, "done": False},
                {"model": "m", "message": {"content": TURNS[9:]}, "done": False},
                {"model": "m", "done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2},
            )
        ),
        reply(request_id=None, usage=COUNTED),
    ),
    Good("content is JSON that is parsed already", said(PARSED), reply(SPACED_TURNS)),
    Good("content is a list of messages", said(PARSED["messages"]), reply(json.dumps(PARSED["messages"]))),
    Good("parsed stands beside a null content", chat({"content": None, "parsed": PARSED}), reply(SPACED_TURNS)),
    Good("parsed stands beside the content", chat({"content": TURNS, "parsed": PARSED}), reply()),
    Good(
        "the arguments of a call of a tool",
        chat({"content": None, "tool_calls": [{"function": {"name": "json", "arguments": TURNS}}]}),
        reply(),
    ),
    Good(
        "the arguments of a call of a tool, parsed",
        chat({"content": "", "tool_calls": [{"function": {"name": "json", "arguments": PARSED}}]}),
        reply(SPACED_TURNS),
    ),
    Good(
        "a word about the call beside its arguments",
        chat(
            {"content": "I call the tool.", "tool_calls": [{"function": {"arguments": TURNS}}]},
            finish_reason="tool_calls",
        ),
        reply(finish_reason="tool_calls"),
    ),
    Good(
        "anthropic: the input of a tool",
        said([{"type": "tool_use", "name": "json", "input": PARSED}], finish_reason="tool_use"),
        reply(SPACED_TURNS, "tool_use"),
    ),
    Good("the arguments of a function", chat({"content": None, "function_call": {"arguments": TURNS}}), reply()),
    Good("text instead of a message", body_of(choices=[{"text": TURNS, "finish_reason": "stop"}]), reply()),
    Good("a delta instead of a message", body_of(choices=[delta(TURNS, finish_reason="stop")["choices"][0]]), reply()),  # type: ignore[index]
    Good("a message that is a string", body_of(choices=[{"message": TURNS, "finish_reason": "stop"}]), reply()),
    Good(
        "the second choice when the first is blank",
        body_of(
            choices=[
                {"message": {"content": " "}, "finish_reason": "content_filter"},
                {"message": {"content": TURNS}, "finish_reason": "stop"},
            ]
        ),
        reply(),
    ),
    Good(
        "thinking in parts, also under text",
        said(
            [
                {"type": "thinking", "thinking": "a"},
                {"type": "reasoning", "text": "b"},
                {"type": "thinking", "thinking": [{"type": "text", "text": "c"}]},
                {"thought": True, "text": "d"},
                {"type": "text", "text": TURNS},
            ]
        ),
        reply(),
    ),
    Good("content is one part", said({"type": "text", "text": TURNS}), reply()),
    Good("a part whose text is an object", said([{"type": "text", "text": {"value": TURNS}}]), reply()),
    Good(
        "responses: output",
        body_of(
            status="completed",
            output=[
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TURNS}]},
            ],
            usage={
                "input_tokens": 9,
                "output_tokens": 2,
                "total_tokens": 11,
                "input_tokens_details": {"cached_tokens": 4},
            },
        ),
        reply(finish_reason="completed", usage=Usage(9, 4, 2)),
    ),
    Good(
        "gemini: candidates",
        json.dumps(
            {
                "candidates": [
                    {
                        "content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": TURNS}]},
                        "finishReason": "STOP",
                    }
                ],
                "usageMetadata": {
                    "promptTokenCount": 9,
                    "candidatesTokenCount": 2,
                    "thoughtsTokenCount": 5,
                    "totalTokenCount": 16,
                    "cachedContentTokenCount": 4,
                },
                "modelVersion": "m",
                "responseId": "gen-1",
            }
        ).encode(),
        reply(finish_reason="STOP", usage=Usage(9, 4, 7)),
    ),
    Good(
        "anthropic: content",
        body_of(
            type="message",
            role="assistant",
            content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": TURNS}],
            stop_reason="end_turn",
            usage={
                "input_tokens": 3,
                "output_tokens": 2,
                "cache_read_input_tokens": 6,
                "cache_creation_input_tokens": 1,
            },
        ),
        reply(finish_reason="end_turn", usage=Usage(10, 6, 2)),
    ),
    Good(
        "ollama: message at the top",
        body_of(message={"role": "assistant", "content": TURNS}, done_reason="stop", prompt_eval_count=9, eval_count=2),
        reply(usage=COUNTED),
    ),
    Good("ollama: response at the top", body_of(response=TURNS, done_reason="stop"), reply()),
    Good(
        "cloudflare: the answer under result, parsed",
        json.dumps({"result": {"response": PARSED, "usage": COUNTS}, "success": True, "errors": []}).encode(),
        reply(SPACED_TURNS, None, None, None, COUNTED),
    ),
    Good(
        "a gateway's envelope",
        json.dumps({"code": 0, "data": json.loads(said(TURNS))}).encode(),
        reply(),
    ),
    # ---- other words for the end
    Good("mistral: model_length", said("{", finish_reason="model_length"), reply("{", "model_length")),
    Good(
        "openrouter: the provider's own word for the limit beside stop",
        body_of(choices=[{"message": {"content": "{"}, "finish_reason": "stop", "native_finish_reason": "MAX_TOKENS"}]),
        reply("{", "MAX_TOKENS"),
    ),
]


# ---- what it cost

TOKENS = {"prompt_tokens": 9, "completion_tokens": 2}


def priced(row: str, usage: dict[str, object], sum_: str | None, /, **more: Any) -> Good:
    headers = more.pop("headers", {})
    return Good(
        row,
        said(TURNS, usage={**TOKENS, **usage}, **more),
        reply(usage=Usage(9, None, 2, None if sum_ is None else Decimal(sum_))),
        headers=headers,
    )


def upstream(inference: object, /, **usage: object) -> dict[str, object]:
    return {**usage, "cost_details": {"upstream_inference_cost": inference}}


COSTS = [
    priced("byok: no fee", upstream(0.01, cost=0, is_byok=True), "0.01"),
    priced("byok: a fee", upstream(0.01, cost=0.0005, is_byok=True), "0.0105"),
    priced("byok: a copy", upstream(0.01, cost=0.01, is_byok=True), "0.01"),
    priced("byok: a copy, rounded", upstream(0.010000000000000002, cost=0.01, is_byok=True), "0.010000000000000002"),
    priced("byok: no word of the fee", upstream(0.01, cost=None, is_byok=True), "0.01"),
    priced("byok: only the fee is known", upstream(None, cost=0.0005, is_byok=True), None),
    priced("byok: only that there was no fee", {"cost": 0, "is_byok": True}, None),
    priced(
        "byok: in parts",
        {
            "cost": 0,
            "is_byok": True,
            "cost_details": {"upstream_inference_prompt_cost": 0.25, "upstream_inference_completions_cost": 0.5},
        },
        "0.75",
    ),
    priced("no byok: a copy", upstream(0.01, cost=0.01, is_byok=False), "0.01"),
    priced("no byok: the provider asks less", upstream(0.0008, cost=0.0042, is_byok=False), "0.0042"),
    priced("no byok: free", upstream(0.0008, cost=0, is_byok=False), "0"),
    priced("nobody says whose key: no fee", upstream(0.01, cost=0), "0.01"),
    priced("nobody says whose key: a copy", upstream(0.01, cost=0.01), "0.01"),
    priced("nobody says whose key: null", upstream(None, cost=0.01), "0.01"),
    priced("free with real tokens", {"cost": 0}, "0"),
    priced("a cost in parts", {"cost": {"input_tokens_cost": 0.25, "total_cost": 0.5, "currency": "USD"}}, "0.5"),
    priced("a cost in euros", {"cost": {"total": 0.5, "currency": "EUR"}}, None),
    priced("a cost that is no dollars", {"cost": 0.5, "currency": "XNO"}, None),
    priced("deepinfra: estimated_cost", {"estimated_cost": 0.5}, "0.5"),
    priced("llmgateway: cost_usd_total", {"cost_usd_total": 0.5, "cost_usd_input": 0.2}, "0.5"),
    priced("xai: ticks", {"cost_in_usd_ticks": 37756000}, "0.0037756000"),
    priced("usage.total_cost", {"total_cost": "0.5"}, "0.5"),
    priced("usage.cost_usd", {"cost_usd": 0.5}, "0.5"),
    priced("cost beside usage", {}, "0.5", cost=0.5),
    priced("nano-gpt", {}, "0.5", x_nanogpt_pricing={"cost": 0.5, "currency": "USD", "inputTokens": 9}),
    priced("aimlapi", {}, "0.5", meta={"usage": {"credits_used": 3390, "usd_spent": 0.5}}),
    priced("litellm: hidden", {}, "0.5", _hidden_params={"response_cost": 0.5}),
    priced("litellm: header", {}, "0.5", headers={"X-LiteLLM-Response-Cost": "0.5"}),
    priced("litellm: header of an unknown price", {}, None, headers={"x-litellm-response-cost": "None"}),
    priced("a zero where another place says more", {"cost": 0}, "0.5", headers={"x-litellm-response-cost": "0.5"}),
    Good(
        "vercel",
        chat({"content": TURNS, "provider_metadata": {"gateway": {"cost": "0.5"}}}, usage=TOKENS),
        reply(usage=Usage(9, None, 2, Decimal("0.5"))),
    ),
    # ---- tokens
    Good(
        "zeros and a cost of zero", said(TURNS, usage={"prompt_tokens": 0, "completion_tokens": 0, "cost": 0}), reply()
    ),
    Good(
        "zeros under a header's zero",
        said(TURNS, usage={"prompt_tokens": 0, "completion_tokens": 0}),
        reply(),
        headers={"x-litellm-response-cost": "0.0"},
    ),
    Good(
        "no prompt", said(TURNS, usage={"prompt_tokens": 0, "completion_tokens": 2}), reply(usage=Usage(None, None, 2))
    ),
    Good(
        "a reply of no tokens", said(TURNS, usage={"prompt_tokens": 9, "completion_tokens": 0}), reply(usage=Usage(9))
    ),
    Good(
        "zeros, and a cost all the same",
        said(TURNS, usage={"prompt_tokens": 0, "completion_tokens": 0, "cost": 0.5}),
        reply(usage=Usage(cost=Decimal("0.5"))),
    ),
    Good(
        "thinking is in the total", said(TURNS, usage={**TOKENS, "total_tokens": 111}), reply(usage=Usage(9, None, 102))
    ),
    Good(
        "thinking stands beside, and there is no total",
        said(TURNS, usage={**TOKENS, "completion_tokens_details": {"reasoning_tokens": 100}}),
        reply(usage=Usage(9, None, 102)),
    ),
    Good(
        "thinking is in the completion",
        said(TURNS, usage={**COUNTS, "completion_tokens_details": {"reasoning_tokens": 1}}),
        reply(usage=COUNTED),
    ),
    Good(
        "cached tokens stand beside the prompt's",
        said(TURNS, usage={**TOKENS, "cache_read_input_tokens": 100, "total_tokens": 111}),
        reply(usage=Usage(109, 100, 2)),
    ),
    Good("a total that is too small", said(TURNS, usage={**TOKENS, "total_tokens": 3}), reply(usage=COUNTED)),
    Good("bedrock", said(TURNS, usage={"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}), reply(usage=COUNTED)),
    Good("cohere", said(TURNS, usage={"tokens": {"input_tokens": 9, "output_tokens": 2}}), reply(usage=COUNTED)),
]

GOOD += [*ELSEWHERE, *COSTS]

TOO_LONG_LLAMA = (
    b'{"error":{"code":400,"message":"request (18012 tokens) exceeds the available context size (1024 tokens), try '
    b'increasing it","type":"exceed_context_size_error","n_prompt_tokens":18012,"n_ctx":1024}}'
)
TOO_LONG_LCP = (
    b'{"error":{"message":"This model\'s maximum context length is 2048 tokens. However, you requested 6062 tokens '
    b'(6012 in the messages, 50 in the completion). ...","type":"invalid_request_error","param":"messages","code":'
    b'"context_length_exceeded"}}'
)
TOO_LONG_VLLM = (
    b'{"error":{"message":"This model\'s maximum context length is 2048 tokens. However, your prompt contains 120050 '
    b'characters ...","type":"BadRequestError","param":"input_text","code":400}}'
)
NO_JSON_SCHEMA_LCP = (
    b"{\"error\":{\"message\":\"1 validation error:\\n  {'type': 'literal_error', 'loc': ('body', "
    b"'response_format', 'type'), 'msg': \\\"Input should be 'text' or 'json_object'\\\", ... app.py\\\", line 376 ..."
    b'","type":"internal_server_error","param":null,"code":null}}'
)
PEG_NATIVE = (
    b'{"error":{"code":500,"message":"The model produced output that does not match the expected peg-native format",'
    b'"type":"server_error"}}'
)
ENGINE_DEAD = (
    b'{"error":{"message":"EngineCore encountered an issue. See stack trace (above) for the root cause.",'
    b'"type":"InternalServerError","param":null,"code":500}}'
)
KEY_RPM_LIMIT = litellm(
    "Rate limit exceeded for api_key: <hash>. Limit type: requests. Current limit: 5, Remaining: 0. "
    "Limit resets at: ...",
    "throttling_error",
    "429",
)
KEY_RPM_HEADERS = {
    "retry-after": "60",
    "rate_limit_type": "requests",
    "reset_at": "2026-11-22 05:22:55 UTC",
    "x-litellm-key-rpm-limit": "5",
}

LOCAL_SERVERS = [
    # ---- bad or no key
    Bad(
        "llama.cpp: bad key",
        401,
        b'{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}',
        AccessDeniedError,
        says="answered 401: Invalid API Key",
    ),
    Bad("lcp: bad key", 401, b'{"detail":"Invalid API key"}', AccessDeniedError, says="401: Invalid API key"),
    Bad("vllm: bad key", 401, b'{"error":"Unauthorized"}', AccessDeniedError, says="401: Unauthorized"),
    Bad(
        "litellm: bad key without a database",
        400,
        b'{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}',
        RequestRejectedError,
        says="400: No connected db.",
    ),
    Bad(
        "litellm: no key without a database",
        500,
        b"Internal Server Error",
        ServerError,
        headers={**PLAIN, "Connection": "close"},
        says="500: Internal Server Error",
    ),
    Bad(
        "litellm: bad key under custom auth",
        401,
        b'{"error":{"message":"Authentication Error, ...","type":"token_not_found_in_db","param":"key","code":"401"}}',
        AccessDeniedError,
    ),
    Bad(
        "litellm: its own wrong key upstream",
        401,
        litellm("litellm.AuthenticationError: ...", "authentication_error", "401"),
        AccessDeniedError,
    ),
    # ---- unknown model, no model
    Bad(
        "tserve: unknown model",
        400,
        b"{\"detail\":\"Server is pinned to '...'; requested '...'.\"}",
        NotFoundError,
        says="Server is pinned to '...'; requested '...'.",
    ),
    Bad(
        "vllm: unknown model",
        404,
        b'{"error":{"message":"The model ... does not exist. ...","type":"NotFoundError","param":"model","code":404}}',
        NotFoundError,
        says="404: The model ... does not exist.",
    ),
    Bad(
        "litellm: unknown model",
        400,
        b'{"error":{"message":"/chat/completions: Invalid model name passed in model=nosuch. ...","type":'
        b'"invalid_request_error","param":null,"code":"400","provider_specific_fields":{}}}',
        NotFoundError,
        says="Invalid model name passed in model=nosuch",
    ),
    Bad("litellm: no model", 400, litellm("...", "invalid_request_error", "400"), RequestRejectedError),
    # ---- over-long prompt, max_tokens, temperature
    Bad("llama.cpp: over-long prompt", 400, TOO_LONG_LLAMA, TooLongError, says="(18012 tokens)"),
    Bad("lcp: over-long prompt", 400, TOO_LONG_LCP, TooLongError, says="2048 tokens"),
    Bad("vllm: over-long prompt", 400, TOO_LONG_VLLM, TooLongError, says="2048 tokens"),
    Bad(
        "litellm: over-long prompt",
        400,
        litellm("litellm.ContextWindowExceededError: ...", "invalid_request_error", "400"),
        TooLongError,
    ),
    Bad(
        "vllm: max_tokens over the context",
        400,
        b'{"error":{"message":"max_tokens=100000 cannot be greater than max_model_len=2048. ...","type":'
        b'"BadRequestError","param":"max_tokens","code":400}}',
        RequestRejectedError,
        says="max_tokens=100000 cannot be greater",
    ),
    *(
        Bad(f"vllm: {case}", 400, openai("...", "BadRequestError", None), RequestRejectedError)
        for case in ("max_tokens -1", "temperature -3", "json_schema without name", "no messages", "messages []")
    ),
    Bad(
        "llama.cpp: max_tokens a string (litellm passes it on)",
        400,
        b'{"error":{"code":400,"message":"...","type":"invalid_request_error"}}',
        RequestRejectedError,
    ),
    *(
        Bad(f"tserve: {case}", 500, b"Internal Server Error", ServerError, headers=PLAIN)
        for case in ("max_tokens -1", "temperature -3", "no messages", "messages []")
    ),
    # ---- unknown fields, response_format, schemas
    Bad(
        "tserve: unknown field",
        422,
        b"{\"detail\":\"Unexpected fields in the request: {'provider', 'usage', ...}\"}",
        RequestRejectedError,
        says="Unexpected fields in the request: {'provider', 'usage', ...}",
    ),
    Bad("lcp: json_schema", 500, NO_JSON_SCHEMA_LCP, ServerError, says="1 validation error: {'type': 'literal_"),
    *(
        Bad(f"lcp: {case}", 500, openai("...", "internal_server_error", None), ServerError)
        for case in ("json_schema without name", "impossible schema", "content null", "unknown role", "text/plain")
    ),
    Bad(
        "llama.cpp: impossible schema",
        400,
        b'{"error":{"code":400,"message":"Unable to generate parser for this template. ... JSON schema error at #: '
        b'unrecognized type nosuchtype","type":"invalid_request_error"}}',
        RequestRejectedError,
        says="unrecognized type nosuchtype",
    ),
    Bad(
        "vllm: impossible schema",
        400,
        b'{"error":{"message":"Grammar error: Invalid type: nosuchtype","type":"BadRequestError","param":null,'
        b'"code":400}}',
        RequestRejectedError,
        says="Grammar error: Invalid type: nosuchtype",
    ),
    Bad(
        "llama.cpp: prefixItems with items false",
        400,
        b'{"error":{"code":400,"message":"schema must be an object","type":"invalid_request_error"}}',
        RequestRejectedError,
        says="schema must be an object",
    ),
    Bad(
        "vllm: uniqueItems",
        400,
        b'{"error":{"message":"Grammar error: Unimplemented keys: [\\"uniqueItems\\"]","type":"BadRequestError",'
        b'"param":null,"code":400}}',
        RequestRejectedError,
        says='Unimplemented keys: ["uniqueItems"]',
    ),
    *(
        Bad(f"litellm: {case}", 400, litellm("...", "invalid_request_error", "400"), RequestRejectedError)
        for case in ("impossible schema", "no messages", "content null", "broken JSON")
    ),
    # ---- broken requests
    Bad(
        "llama.cpp: no messages",
        400,
        b'{"error":{"code":400,"message":"\'messages\' is required","type":"invalid_request_error"}}',
        RequestRejectedError,
        says="'messages' is required",
    ),
    Bad(
        "vllm: content null, 19 validation errors",
        400,
        openai("19 validation errors:\n" + "  {'type': 'missing'}\n" * 19, "Bad Request", None),
        RequestRejectedError,
        says="19 validation errors: {'type': 'missing'} {'type': 'missing'}",
    ),
    Bad(
        "llama.cpp: broken JSON",
        500,
        b'{"error":{"code":500,"message":"[json.exception.parse_error.101] ...","type":"server_error"}}',
        ServerError,
    ),
    Bad("lcp: broken JSON", 500, b"Internal Server Error", ServerError, headers=PLAIN),
    Bad(
        "tserve: broken JSON, detail is a list",
        422,
        b'{"detail":[{"type":"json_invalid"}]}',
        RequestRejectedError,
        says='422: {"detail":[{"type":"json_invalid"}]}',
    ),
    Bad("tserve: text/plain", 422, b'{"detail":[{"type":"..."}]}', RequestRejectedError),
    *(
        Bad(f"vllm: {case}", 400, openai("...", "Bad Request", None), RequestRejectedError)
        for case in ("broken JSON", "text/plain")
    ),
    # ---- wrong method or path, loading
    Bad(
        "llama.cpp: unknown path",
        404,
        b'{"error":{"message":"File Not Found","type":"not_found_error","code":404}}',
        NotFoundError,
        says="File Not Found",
    ),
    Bad("uvicorn servers: unknown path", 404, b'{"detail":"Not Found"}', NotFoundError, says="404: Not Found"),
    Bad(
        "uvicorn servers: wrong method",
        405,
        b'{"detail":"Method Not Allowed"}',
        NotFoundError,
        says="405: Method Not Allowed",
    ),
    Bad(
        "llama.cpp: still loading",
        503,
        b'{"error":{"message":"Loading model","type":"unavailable_error","code":503}}',
        RateLimitedError,
        says="503: Loading model",
    ),
    # ---- too many requests
    Bad(
        "litellm: a key's rpm limit",
        429,
        KEY_RPM_LIMIT,
        RateLimitedError,
        headers=KEY_RPM_HEADERS,
        retry_after=60.0,
        says="Rate limit exceeded for api_key: <hash>.",
    ),
    Bad(
        "litellm: a key's max_parallel_requests",
        429,
        KEY_RPM_LIMIT.replace(b"type: requests", b"type: max_parallel_requests"),
        RateLimitedError,
        headers={"retry-after": "60", "rate_limit_type": "max_parallel_requests"},
        retry_after=60.0,
    ),
    Bad(
        "litellm: a key's tpm limit below one request",
        429,
        KEY_RPM_LIMIT.replace(b"Remaining: 0", b"Remaining: 100"),
        RateLimitedError,
        headers={"retry-after": "60"},
        retry_after=60.0,
    ),
    Bad(
        "litellm: a model's rpm limit",
        429,
        b'{"error":{"message":"No deployments available for selected model.","type":"internal_server_error","param":'
        b'null,"code":"429"}}',
        RateLimitedError,
    ),
    Bad(
        "litellm: upstream 429, its hint under another name",
        429,
        litellm("litellm.RateLimitError: ...", "throttling_error", "429"),
        RateLimitedError,
        headers={"llm_provider-retry-after": "2"},
        retry_after=2.0,
    ),
    Bad(
        "litellm: upstream 200 with error code 429",
        429,
        litellm("litellm.RateLimitError: ...", "throttling_error", "429"),
        RateLimitedError,
    ),
    Bad(
        "nginx: limit_req",
        429,
        b"<html>\r\n<head><title>429 Too Many Requests</title></head>...",
        RateLimitedError,
        headers=HTML,
        says="answered 429: 429 Too Many Requests",
    ),
    Bad("nginx: return 429 as text", 429, b"...", RateLimitedError, headers=PLAIN),
    Bad(
        "nginx: limit_conn",
        503,
        b"<html>...<h1>503 Service Temporarily Unavailable</h1>...",
        RateLimitedError,
        headers=HTML,
        says="503 Service Temporarily Unavailable",
    ),
    Bad(
        "fakellm: 429",
        429,
        b'{"error":{"message":"slow down","type":"mock_error","code":null}}',
        RateLimitedError,
        says="slow down",
    ),
    # ---- gateways
    Bad(
        "litellm: timeout",
        408,
        litellm("litellm.Timeout: ...", "invalid_request_error", "408"),
        ServerError,
        maybe_billed=True,
        says="408: litellm.Timeout: ...",
    ),
    Bad(
        "litellm: upstream refused, reset, cut short, HTML or empty",
        500,
        litellm("litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.", "", "500"),
        ServerError,
        says="OpenAIException - Connection error.",
    ),
    Bad("litellm: upstream 502", 502, litellm("...", "internal_server_error", "502"), ServerError),
    Bad("litellm: upstream 529", 529, litellm("...", "internal_server_error", "529"), RateLimitedError),
    Bad("litellm: upstream 402", 402, litellm("...", "invalid_request_error", "402"), NoMoneyError),
    Bad("litellm: upstream 403", 403, litellm("...", "permission_error", "403"), RequestRejectedError),
    Bad("litellm: upstream 404", 404, litellm("...", "invalid_request_error", "404"), NotFoundError),
    Bad("litellm: choices [] passed on", 200, b'{"choices":[]}', NoAnswerError, says='no answer: {"choices":[]}'),
    Bad(
        "litellm: refusal among the provider's fields",
        200,
        chat({"content": None, "provider_specific_fields": {"refusal": "I cannot."}}),
        RefusedError,
        reply="I cannot.",
        says="a refusal: I cannot.",
    ),
    Bad("nginx: upstream down", 502, nginx("502 Bad Gateway"), ServerError, headers=HTML),
    Bad(
        "nginx: upstream slow",
        504,
        nginx("504 Gateway Time-out"),
        ServerError,
        headers=HTML,
        maybe_billed=True,
        says="504: 504 Gateway Time-out",
    ),
    Bad(
        "nginx: body too big",
        413,
        nginx("413 Request Entity Too Large"),
        TooLongError,
        headers={**HTML, "Connection": "close"},
    ),
    Bad("nginx: auth", 401, nginx("401 Authorization Required"), AccessDeniedError, headers=HTML),
    Bad("vllm: engine killed", 500, ENGINE_DEAD, ServerError, says="EngineCore encountered an issue."),
    Bad("llama.cpp: the model's bytes are no UTF-8", 500, PEG_NATIVE, ServerError, says="peg-native format"),
    Bad(
        "tserve: a random model ends at once",
        200,
        said("", usage={"prompt_tokens": 9, "completion_tokens": 1}),
        NoAnswerError,
        reply=said("", usage={"prompt_tokens": 9, "completion_tokens": 1}).decode(),
        usage=Usage(9, None, 1),
        says="no usable text, finish_reason stop",
    ),
]

IN_FLIGHT = {"reason": "in_flight_budget_exhausted", "limit_source": "openrouter_in_flight_budget"}
BUDGET = {"limit_usd": 5, "spend_usd": 5.01, "resets_at": "2026-12-01T00:00:00Z"}
CAN_ONLY_AFFORD = (
    "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford "
    "1234."
)
FREE_PER_DAY = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795325000500"}

OPENROUTER = [
    # ---- statuses
    *(
        Bad(f"openrouter: 400 {name}", 400, openrouter(400, "...", error_type=name), RequestRejectedError)
        for name in ("invalid_request", "invalid_prompt", "max_tokens_exceeded")
    ),
    *(
        Bad(f"openrouter: 400 {name}", 400, openrouter(400, "...", error_type=name), TooLongError)
        for name in ("context_length_exceeded", "token_limit_exceeded", "string_too_long")
    ),
    Bad("openrouter: 401", 401, openrouter(401, "User not found."), AccessDeniedError, says="Check the key"),
    Bad("openrouter: 403 permission", 403, openrouter(403, "Forbidden"), RequestRejectedError),
    Bad(
        "openrouter: 403 moderation",
        403,
        openrouter(403, "Your input was ...", reasons=["violence", "hate"], flagged_input="..."),
        ContentFilteredError,
        says="Your input was ... violence hate",
    ),
    Bad("openrouter: 403 guardrail", 403, openrouter(403, "...", patterns=["..."]), ContentFilteredError),
    *(
        Bad(f"openrouter: {status} {name}", status, openrouter(status, "...", error_type=name), leaf)
        for status in (400, 403)
        for name, leaf in (("content_policy_violation", ContentFilteredError), ("refusal", RefusedError))
    ),
    *(
        Bad(
            f"openrouter: 403 {source}",
            403,
            openrouter(403, "Budget limit exceeded", limit_source=source, **BUDGET),
            NoMoneyError,
            says="Budget limit exceeded (resets at 2026-12-01T00:00:00Z). Raise that limit",
        )
        for source in ("openrouter_guardrail_budget", "openrouter_workspace_budget", "openrouter_key_limit")
    ),
    Bad(
        "openrouter: 404 no endpoint left by the filters",
        404,
        openrouter(404, "No endpoints found that can handle the requested parameters."),
        NotFoundError,
        says="No endpoints found that can handle the requested parameters.",
    ),
    Bad("openrouter: 408", 408, openrouter(408, "Timed out"), ServerError, maybe_billed=True),
    Bad("openrouter: 412", 412, openrouter(412, "..."), RequestRejectedError),
    Bad("openrouter: 413", 413, openrouter(413, "..."), TooLongError),
    Bad("openrouter: 422", 422, openrouter(422, "..."), RequestRejectedError),
    Bad("openrouter: 429 upstream", 429, openrouter(429, "Provider returned error"), RateLimitedError),
    Bad("openrouter: 500 masked", 500, openrouter(500, "...", error_type="server"), ServerError),
    Bad("openrouter: 500 unmapped", 500, openrouter(500, "...", error_type="unmapped"), ServerError),
    Bad("openrouter: 502", 502, openrouter(502, "...", error_type="provider_unavailable"), ServerError),
    Bad("openrouter: 503", 503, openrouter(503, "...", error_type="provider_overloaded"), RateLimitedError),
    Bad(
        "openrouter: 504",
        504,
        openrouter(504, "...", error_type="timeout"),
        ServerError,
        maybe_billed=True,
    ),
    *(
        Bad(f"cloudflare: {status}", status, b'<!DOCTYPE html>\n<html lang="en-US">...', ServerError, headers=HTML)
        for status in (520, 521, 522, 523, 525, 526, 530)
    ),
    Bad("cloudflare: 524", 524, b"error code: 524", ServerError, headers=PLAIN, maybe_billed=True),
    Bad("openrouter: 502 that speaks of moderation", 502, openrouter(502, "moderation service down"), ServerError),
    Bad(
        "openrouter: user_id beside the error",
        429,
        b'{"error":{"code":429,"message":"Slow down"},"user_id":"user_1"}',
        RateLimitedError,
        says="429: Slow down",
    ),
    Bad("openrouter: 529", 529, openrouter(529, "Provider overloaded"), RateLimitedError),
    Bad(
        "a redirect to another host",
        307,
        b"",
        RedirectedError,
        headers={"Location": "https://user:pass@evil.example:8443/v1?key=abc"},
        says="answered 307, a redirect to evil.example. It is not followed",
    ),
    # ---- bodies
    Bad(
        "openrouter: what the provider behind it said",
        400,
        openrouter(400, "Provider returned error", raw='{"error":{"message":"bad schema"}}', provider_name="X"),
        RequestRejectedError,
        says='Provider returned error {"error":{"message":"bad schema"}}',
    ),
    Bad(
        "openrouter: availability with a wait",
        503,
        b'{"error":{"code":503,"message":"...","error_type":"provider_overloaded","http_status":503,'
        b'"availability":{"code":"overloaded","retryable":true,"retry_after":12,"fallback_models":[]}}}',
        RateLimitedError,
        retry_after=12.0,
    ),
    Bad(
        "openrouter: Retry-After copied into the error",
        429,
        openrouter(429, "...", headers={"Retry-After": "7"}, provider_name="X", previous_errors=[]),
        RateLimitedError,
        retry_after=7.0,
    ),
    Bad(
        "openrouter: Retry-After on a 503",
        503,
        openrouter(503, "..."),
        RateLimitedError,
        headers={"Retry-After": "30"},
        retry_after=30.0,
    ),
    Bad(
        "openrouter: platform 429, reset in epoch milliseconds",
        429,
        openrouter(429, "Rate limit exceeded: free-models-per-min."),
        RateLimitedError,
        headers={**FREE_PER_DAY, "Date": DATE},
        retry_after=80.5,
    ),
    Bad(
        "openrouter: free-models-per-day, reset at midnight, capped",
        429,
        openrouter(429, "Rate limit exceeded: free-models-per-day."),
        RateLimitedError,
        headers={**FREE_PER_DAY, "X-RateLimit-Reset": "1795392000000", "Date": DATE},
        retry_after=3600.0,
    ),
    Bad(
        "openrouter: reset at an epoch without a Date to compare",
        429,
        openrouter(429, "Rate limit exceeded: free-models-per-day."),
        RateLimitedError,
        headers=FREE_PER_DAY,
    ),
    # ---- a 200 that is an error
    Bad(
        "openrouter: 200 with error 502",
        200,
        '{"id":"gen-…","error":{"message":"Upstream error …","code":502}}'.encode(),
        ServerError,
        says="answered 200 with error 502: Upstream error …",
    ),
    Bad(
        "openrouter: 200 with error 429 and copied headers",
        200,
        openrouter(
            429,
            "Rate limit exceeded: free-models-per-day",
            headers={
                "X-RateLimit-Limit": "50",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1743292800000",
            },
        ),
        RateLimitedError,
        headers={"Date": "Sat, 29 Mar 2025 23:59:00 GMT"},
        retry_after=60.0,
    ),
    Bad("openrouter: 200 with error 401", 200, openrouter(401, "No auth"), AccessDeniedError),
    Bad("openrouter: 200 with error 402", 200, openrouter(402, "Insufficient credits"), NoMoneyError),
    Bad("openrouter: 200 with error 403", 200, openrouter(403, "...", reasons=["x"]), ContentFilteredError),
    Bad("openrouter: 200 with error 400", 200, openrouter(400, "bad"), RequestRejectedError),
    Bad("openrouter: 200 with error 504", 200, openrouter(504, "late"), ServerError, maybe_billed=True),
    Bad("200 with an error code in digits", 200, b'{"error":{"message":"x","code":"503"}}', RateLimitedError),
    Bad("200 with an error without a code", 200, b'{"error":{"message":"x","code":null}}', NoAnswerError),
    Bad("200 with an uncoded error that names a filter", 200, openai("...", None, "refusal"), RefusedError),
    Bad("200 with an uncoded error that names overload", 200, openai("...", None, "slow_down"), RateLimitedError),
    Bad("200 with an uncoded error that names billing", 200, openai("...", "insufficient_quota", None), NoMoneyError),
    Bad("200 with an error that is a string", 200, b'{"error":"broken"}', NoAnswerError, says="an error: broken"),
    Bad(
        "200 with an error beside an answer",
        200,
        said("partial", error={"code": 502, "message": "lost"}, usage={"completion_tokens": 3}),
        ServerError,
        reply="partial",
        usage=Usage(None, None, 3),
    ),
    Bad(
        "openrouter: error in the choice, with partial text",
        200,
        b'{"id":"gen-1","choices":[{"finish_reason":"error","error":{"code":429,"message":"slow"},'
        b'"message":{"role":"assistant","content":"{\\"messages\\":["}}]}',
        RateLimitedError,
        reply='{"messages":[',
    ),
    Bad(
        "openrouter: finish_reason error and nothing else",
        200,
        said("partial", finish_reason="error"),
        NoAnswerError,
        reply="partial",
        says="finish_reason error",
    ),
    Bad("choices missing", 200, b'{"id":"gen-1"}', NoAnswerError, reply='{"id":"gen-1"}'),
    Bad("choices null", 200, b'{"id":"gen-1","choices":null}', NoAnswerError),
    Bad("choices [null]", 200, b'{"id":"gen-1","choices":[null]}', NoAnswerError),
    Bad("choices of a wrong type", 200, b'{"id":"gen-1","choices":"none"}', NoAnswerError),
    Bad("message missing", 200, b'{"choices":[{"finish_reason":"stop"}]}', NoAnswerError),
    Bad("openrouter: no output and a blank finish_reason", 200, said("", finish_reason=""), NoAnswerError),
    Bad("content null", 200, said(None), NoAnswerError),
    Bad("content missing", 200, chat({"role": "assistant"}), NoAnswerError),
    Bad("content of a wrong type", 200, said(7), NoAnswerError),
    Bad("content blank", 200, said(" \n\t "), NoAnswerError),
    Bad(
        "vllm: the JSON lands in reasoning_content",
        200,
        chat({"content": None, "reasoning_content": TURNS}, usage={"prompt_tokens": 5, "completion_tokens": 6}),
        NoAnswerError,
        reply=chat(
            {"content": None, "reasoning_content": TURNS}, usage={"prompt_tokens": 5, "completion_tokens": 6}
        ).decode(),
        usage=Usage(5, None, 6),
        says="turn that off, as with --param reasoning.effort=none",
    ),
    Bad(
        "openrouter: thinking used up max_tokens",
        200,
        said("", finish_reason="length", usage={"prompt_tokens": 5, "completion_tokens": 100, "cost": 3e-07}),
        BadReplyError,
        reply=said(
            "", finish_reason="length", usage={"prompt_tokens": 5, "completion_tokens": 100, "cost": 3e-07}
        ).decode(),
        usage=Usage(5, None, 100, Decimal("0.0000003")),
        says="max_tokens was used up before the reply began",
    ),
    Bad(
        "openrouter: filtered while answering",
        200,
        said("The first", finish_reason="content_filter"),
        ContentFilteredError,
        reply="The first",
        says="finish_reason content_filter",
    ),
    Bad(
        "openai: refusal",
        200,
        chat({"role": "assistant", "content": None, "refusal": "I'm sorry, no."}, usage={"prompt_tokens": 8}),
        RefusedError,
        reply="I'm sorry, no.",
        usage=Usage(8),
    ),
    Bad(
        "200 with HTML",
        200,
        b"<!DOCTYPE html><title>Wi-Fi login</title>",
        NoAnswerError,
        says="Wi-Fi login",
        reply="<!DOCTYPE html><title>Wi-Fi login</title>",
    ),
    Bad("200 with bytes", 200, b"\x1f\x8b\x08\x00", NoAnswerError, reply="\x1f\ufffd\x08\x00"),
    Bad("200 with nothing", 200, b"", NoAnswerError, maybe_billed=True, says="(empty body)"),
    Bad("204", 204, b"", NoAnswerError, says="(empty body)"),
    Bad("openrouter: keep-alive bytes only", 200, b"\n   \n   \n", NoAnswerError, maybe_billed=True),
    Bad(
        "a body cut off without an error",
        200,
        said(TURNS)[:80],
        NoAnswerError,
        maybe_billed=True,
        reply=said(TURNS)[:80].decode(),
        says="a body cut off",
    ),
    Bad(
        "a body in Latin-1",
        200,
        '{"id":"é"}'.encode("latin-1"),
        NoAnswerError,
        maybe_billed=True,
        reply='{"id":"\ufffd"}',
        says="a body that is no JSON",
    ),
    Bad(
        "200 with plain text",
        200,
        b"Internal Server Error",
        NoAnswerError,
        headers=PLAIN,
        reply="Internal Server Error",
    ),
    Bad("200 with a JSON string", 200, b'"ok"', NoAnswerError, reply='"ok"'),
    # ---- money
    Bad(
        "openrouter: 402 balance empty",
        402,
        openrouter(402, "Insufficient credits", limit_source="openrouter_credits"),
        NoMoneyError,
        says="Insufficient credits. Add credits, then run the same command again",
    ),
    Bad(
        "openrouter: 402 the key's limit, whatever it hints",
        402,
        openrouter(402, "Key limit exceeded", limit_source="openrouter_key_limit"),
        NoMoneyError,
        headers={"Retry-After": "120"},
    ),
    Bad(
        "openrouter: 402 money held by calls in flight",
        402,
        openrouter(402, "...", **IN_FLIGHT, remedy_hint="..."),
        RateLimitedError,
        headers={"Retry-After": "120"},
        retry_after=120.0,
    ),
    Bad("openrouter: 402 in flight, no hint", 402, openrouter(402, "...", **IN_FLIGHT), RateLimitedError),
    Bad(
        "openrouter: 402 with a wait and no reason",
        402,
        openrouter(402, "...", headers={"Retry-After": 120}),
        RateLimitedError,
        retry_after=120.0,
    ),
    Bad(
        "openrouter: 402 one request too expensive",
        402,
        openrouter(402, "...", reason="weight_exceeds_budget", limit_source="openrouter_credits"),
        NoMoneyError,
        says="--param max_tokens=N",
    ),
    Bad(
        "openrouter: 402 can only afford",
        402,
        openrouter(402, CAN_ONLY_AFFORD),
        NoMoneyError,
        says="but can only afford 1234. One request may cost more",
    ),
]

OTHER_PROVIDERS = [
    # ---- openai
    Bad(
        "openai: tokens used up, reset as a Go duration",
        429,
        openai("Rate limit reached", "tokens", "rate_limit_exceeded"),
        RateLimitedError,
        headers={
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        retry_after=360.0,
    ),
    Bad(
        "openai: requests used up for 12 ms",
        429,
        openai("Rate limit reached", "requests", "rate_limit_exceeded"),
        RateLimitedError,
        headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12ms"},
        retry_after=0.012,
    ),
    Bad(
        "azure: limits of -1",
        429,
        openai("Rate limit reached", None, "429"),
        RateLimitedError,
        headers={"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"},
    ),
    Bad(
        "openai: retry-after-ms goes first",
        429,
        openai("...", None, None),
        RateLimitedError,
        headers={"retry-after-ms": "1500", "Retry-After": "2"},
        retry_after=1.5,
    ),
    Bad(
        "openai: retry-after with a fraction",
        500,
        openai("...", "server_error", None),
        ServerError,
        headers={"retry-after": "0.5"},
        retry_after=0.5,
    ),
    Bad(
        "openai: retry-after as a date",
        429,
        openai("...", None, None),
        RateLimitedError,
        headers={"retry-after": "Sun, 22 Nov 2026 05:22:30 GMT", "date": DATE},
        retry_after=30.0,
    ),
    *(
        Bad(f"openai: 429 {code}", 429, openai("You exceeded ...", "insufficient_quota", code), NoMoneyError)
        for code in ("insufficient_quota", "credit_balance_exhausted", None)
    ),
    *(
        Bad(f"openai: 429 {code}", 429, openai("...", "requests", code), NoMoneyError, headers={"retry-after": "1"})
        for code in (
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        )
    ),
    *(
        Bad(f"openai: 503 {code}", 503, openai("...", "server_error", code), RateLimitedError)
        for code in ("slow_down", "server_is_overloaded")
    ),
    Bad("openai: 409", 409, openai("...", None, None), ServerError),
    Bad("openai: 400 that may be tried again", 400, b"{}", ServerError, headers={"x-should-retry": "true"}),
    # ---- the rest
    Bad("ollama: queue full", 503, b'{"error":"server busy"}', RateLimitedError, says="503: server busy"),
    Bad("litellm: budget", 429, litellm("Budget has been exceeded!", "budget_exceeded", "429"), NoMoneyError),
    Bad("litellm: unknown error", 500, litellm("...", "internal_server_error", "500"), ServerError),
    Bad("groq: JSON validation failed", 400, openai("...", "invalid_request_error", "..."), RequestRejectedError),
    Bad(
        "groq: 429",
        429,
        openai("...", "tokens", "rate_limit_exceeded"),
        RateLimitedError,
        headers={"retry-after": "2", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2h1m"},
        retry_after=2.0,
    ),
    Bad(
        "openai: flex, no capacity",
        429,
        openai("Resource unavailable. Please try again later.", "resource_unavailable", "resource_unavailable"),
        RateLimitedError,
    ),
    Bad("openai: flex, no capacity, in words alone", 429, openai("Resource Unavailable", None, None), RateLimitedError),
    Bad(
        "openrouter: flex, no capacity at the provider",
        429,
        openrouter(
            429, "Provider returned error", raw='{"error":{"message":"Resource Unavailable"}}', provider_name="OpenAI"
        ),
        RateLimitedError,
    ),
    Bad(
        "openrouter: flex, no capacity, inside a 200",
        200,
        openrouter(429, "Resource unavailable"),
        RateLimitedError,
    ),
    Bad(
        "gemini: flex, no capacity",
        503,
        google(503, "The system is currently at capacity. Please try again later.", "UNAVAILABLE"),
        RateLimitedError,
    ),
    Bad(
        "gemini: flex, resources exhausted",
        429,
        google(429, "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED"),
        RateLimitedError,
    ),
    Bad("gemini: flex, preempted", 499, google(499, "The operation was cancelled.", "CANCELLED"), ServerError),
    Bad("gemini: flex, aborted", 409, google(409, "The request was preempted.", "ABORTED"), ServerError),
    Bad("groq: flex capacity", 498, openai("...", None, "capacity_exceeded"), RateLimitedError),
    Bad(
        "together: above the dynamic limit",
        429,
        openai("...", "dynamic_token_limited", None),
        RateLimitedError,
        headers={"x-ratelimit-reset": "3"},
        retry_after=3.0,
    ),
    Bad("together: busy", 503, openai("...", None, None), RateLimitedError),
    Bad(
        "together: a reset time while some is left is no wait",
        500,
        openai("...", None, None),
        ServerError,
        headers={"x-ratelimit-reset": "60", "x-ratelimit-remaining": "59"},
    ),
    Bad(
        "deepseek: no json_schema",
        400,
        openai("This response_format type is unavailable now", "invalid_request_error", "invalid_request_error"),
        RequestRejectedError,
        says="This response_format type is unavailable now",
    ),
    Bad("deepseek: balance", 402, openai("Insufficient Balance", "unknown_error", None), NoMoneyError),
    Bad("deepseek: concurrency", 429, openai("...", None, None), RateLimitedError),
    Bad("deepseek: busy", 503, openai("...", None, None), RateLimitedError),
    *(
        Bad(f"gemini: {status} {name} in a list", status, body, leaf, maybe_billed=status == 504, says=name.lower())
        for status, name, leaf in (
            (429, "RESOURCE_EXHAUSTED", RateLimitedError),
            (503, "UNAVAILABLE", RateLimitedError),
            (504, "DEADLINE_EXCEEDED", ServerError),
        )
        for body in [
            json.dumps([{"error": {"code": status, "message": name.lower(), "status": name}}]).encode(),
        ]
    ),
    Bad("gemini: 429 in a list in a 200", 200, b'[{"error":{"code":429}}]', RateLimitedError),
    Bad("gemini: schema with too many states", 400, b'[{"error":{"message":"too many states"}}]', RequestRejectedError),
    Bad("a proxy wants a login", 407, b"", AccessDeniedError, says="HTTPS_PROXY"),
    Bad("a teapot", 418, b"", RequestRejectedError, says="answered 418: (empty body)"),
    # ---- JSON that breaks a reader
    Bad(
        "100,000 nested brackets",
        200,
        b"[" * 100_000,
        NoAnswerError,
        maybe_billed=True,
        reply="[" * 100_000,
    ),
    Bad(
        "a 5,000-digit number",
        200,
        b'{"n":' + b"1" * 5000 + b"}",
        NoAnswerError,
        maybe_billed=True,
        reply='{"n":' + "1" * 5000 + "}",
    ),
    Bad("an error body cut off", 429, b'{"error":{"message":"slow', RateLimitedError, says='{"error":{"message":"slow'),
    Bad("an error body that is no UTF-8", 500, b"\xff\xfe\x00", ServerError),
    Bad("an error body that is empty", 502, b"", ServerError, says="answered 502: (empty body)"),
]

# ---- a blank 200 that says why


def blank(finish_reason: str | None, content: object = None, **choice: object) -> bytes:
    return body_of(choices=[{"message": {"content": content}, "finish_reason": finish_reason, **choice}])


FILTERED = [
    *(
        Bad(f"filtered: {reason}", 200, blank(reason), ContentFilteredError, says=f"finish_reason {reason}")
        for reason in (
            *(
                "refusal",
                "sensitive",
                "SAFETY",
                "PROHIBITED_CONTENT",
                "guardrail_intervened",
                "RECITATION",
                "BLOCKLIST",
            ),
            *("SPII", "content_filtered", "Content-Filter", "contentFilter", "FinishReason.SAFETY", "IMAGE_SAFETY"),
            *("MODEL_ARMOR", "content_policy_violation", "ERROR_TOXIC", "moderation", "refused"),
        )
    ),
    Bad(
        "filtered: the provider's word beside stop",
        200,
        blank("stop", native_finish_reason="SAFETY"),
        ContentFilteredError,
    ),
    Bad(
        "filtered: the provider's word beside error",
        200,
        blank("error", "", native_finish_reason="SPII"),
        ContentFilteredError,
    ),
    Bad(
        "gemini: the prompt was blocked",
        200,
        b'{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":9}}',
        ContentFilteredError,
        reply='{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":9}}',
        usage=Usage(9),
        says="finish_reason blocked: OTHER",
    ),
    Bad(
        "responses: filtered",
        200,
        body_of(
            status="incomplete",
            output=[{"type": "message", "content": []}],
            incomplete_details={"reason": "content_filter"},
        ),
        ContentFilteredError,
    ),
    Bad(
        "responses: a refusal",
        200,
        body_of(status="completed", output=[{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]),
        RefusedError,
        reply="No.",
    ),
    *(
        Bad(f"only thinking: {reason}", 200, blank(reason), BadReplyError)
        for reason in ("max_tokens", "MAX_TOKENS", "model_length", "model_context_window_exceeded", "max_output_tokens")
    ),
    *(
        Bad(f"a fault: {reason}", 200, blank(reason, "partial"), NoAnswerError, reply="partial")
        for reason in ("ERROR", "insufficient_system_resource", "abort", "network_error")
    ),
    Bad("only a thinking part", 200, said([{"type": "thinking", "thinking": "hm"}]), NoAnswerError),
    Bad("an empty object as content", 200, said({}), NoAnswerError),
    Bad(
        "a stream that breaks off",
        200,
        sse(*STREAM[:2], end=""),
        NoAnswerError,
        maybe_billed=True,
        reply=TURNS[:9] + " ",
        says="a body cut off",
    ),
    Bad(
        "responses: a stream that breaks off",
        200,
        sse({"type": "response.created", "response": {"status": "in_progress", "output": []}}, end=""),
        NoAnswerError,
        maybe_billed=True,
        reply='data: {"type": "response.created", "response": {"status": "in_progress", "output": []}}\n\n',
    ),
    Bad(
        "a stream with a damaged event",
        200,
        sse(*STREAM).replace(b'"content": " "', b'"conte'),
        NoAnswerError,
        maybe_billed=True,
        reply=TURNS,
        usage=COUNTED,
    ),
    Bad(
        "a stream that ends in an error",
        200,
        sse(delta("{"), {"error": {"code": 502, "message": "lost"}}),
        ServerError,
        reply="{",
        says="with error 502: lost",
    ),
    Bad(
        "a stream of keep-alives alone",
        200,
        b": PROCESSING\n\n: PROCESSING\n\n",
        NoAnswerError,
        reply=": PROCESSING\n\n: PROCESSING\n\n",
    ),
]

BAD = [*LOCAL_SERVERS, *OPENROUTER, *OTHER_PROVIDERS, *FILTERED]
