"""The wire of an OpenAI-compatible endpoint: requests read tolerantly, answers and errors written exactly."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from asyncgen import __version__
from asyncgen.offline.brief import Message
from asyncgen.offline.knobs import Prices
from asyncgen.text import BYTES_A_TOKEN

JUDGEMENT = "judgement"  # the name of the schema
_TIERS = {None: None, "auto": "default", "default": "default", "flex": "flex", "priority": "priority"}


class _Part(msgspec.Struct):
    text: str = ""


class _RequestMessage(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        parts = self.content if isinstance(self.content, list) else [_Part(self.content or "")]
        return "\n".join(part.text for part in parts)


class _Schema(msgspec.Struct):
    name: str = ""
    schema: dict[str, object] = {}


class _ResponseFormat(msgspec.Struct):
    type: str
    json_schema: _Schema | None = None


class _Request(msgspec.Struct):
    messages: list[_RequestMessage]
    model: str = "offline"
    seed: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool = False
    service_tier: str | None = None
    response_format: _ResponseFormat | None = None


# What OpenAI documents for this request and everybody takes: the rest is refused where fields are strict.
_PLAIN_FIELDS = frozenset(
    {
        *_Request.__struct_fields__,
        *("frequency_penalty", "logit_bias", "logprobs", "metadata", "n", "parallel_tool_calls", "presence_penalty"),
        *("reasoning_effort", "stop", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p"),
        "user",
    }
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server takes of a request's optional fields."""

    json_schema: bool = True
    response_format: bool = True
    unknown_fields: bool = True


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`judgement`: the schema of one, where that is asked for and no conversation."""

    messages: tuple[Message, ...]
    model: str
    seed: int | None
    max_tokens: int | None
    prompt_tokens: int
    service_tier: str | None = None
    judgement: Mapping[str, object] | None = None
    has_format: bool = True

    @property
    def wants_conversation(self) -> bool:
        """As a format or the words of the prompts say; otherwise the next message is wanted."""
        return self.has_format or any('"messages"' in each.content for each in self.messages)


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion as it is sent, and what it is charged by; no cost without prices."""

    body: bytes
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: Decimal | None


class BadRequestError(Exception):
    """The request cannot be answered; the message is for the one who sent it."""


class UnexpectedFieldsError(BadRequestError):
    """It has fields that this server does not know."""


_decoder = msgspec.json.Decoder(_Request)
_names_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
encode = msgspec.json.Encoder(decimal_format="number").encode  # of amounts as numbers, exactly


def read_request(body: bytes, dialect: Dialect = Dialect()) -> ChatRequest:
    """Raises BadRequestError."""
    try:
        request = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(str(error)) from error
    if not request.messages:
        raise BadRequestError("'messages' must not be empty")
    if request.stream:
        raise BadRequestError("'stream' is not supported here, send false")
    if request.service_tier not in _TIERS:
        raise BadRequestError(f"'service_tier' must be auto, default, flex or priority, not {request.service_tier!r}")
    known = _PLAIN_FIELDS if dialect.response_format else _PLAIN_FIELDS - {"response_format"}
    if not dialect.unknown_fields and (unknown := sorted(_names_decoder.decode(body).keys() - known)):
        raise UnexpectedFieldsError(f"Unexpected fields in the request: {{{', '.join(map(repr, unknown))}}}")
    if request.response_format and not dialect.response_format:
        raise BadRequestError("'response_format' is not supported by this model")
    if request.response_format and not dialect.json_schema and request.response_format.type == "json_schema":
        raise BadRequestError("'response_format.type' must be 'text' or 'json_object', not 'json_schema'")
    schema = None if request.response_format is None else request.response_format.json_schema
    return ChatRequest(
        messages=tuple(Message(each.role, each.text) for each in request.messages),
        model=request.model,
        seed=request.seed,
        max_tokens=request.max_completion_tokens or request.max_tokens,
        prompt_tokens=count_tokens(len(body)),
        service_tier=_TIERS[request.service_tier],
        judgement=None if schema is None or schema.name != JUDGEMENT else schema.schema,
        has_format=request.response_format is not None,
    )


def count_tokens(size_bytes: int) -> int:
    return max(1, size_bytes // BYTES_A_TOKEN)


def cut_content(content: str, max_tokens: int | None) -> tuple[str, str]:
    """The content and its finish reason, cut where the limit is reached."""
    encoded = content.encode()
    if max_tokens is None or max_tokens < 1 or len(encoded) <= max_tokens * BYTES_A_TOKEN:
        return content, "stop"
    return encoded[: max_tokens * BYTES_A_TOKEN].decode(errors="ignore"), "length"


def encode_conversation(messages: Sequence[Message]) -> str:
    return msgspec.json.encode({"messages": messages}).decode()


def encode_assent(schema: Mapping[str, object]) -> str:
    """The least that fits the schema of a judgement, with yes to all that is a question: no judge, but in its form."""
    return msgspec.json.encode(_least(schema)).decode()


def _least(schema: Mapping[str, object]) -> object:
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        return {name: _least(each) for name, each in properties.items() if isinstance(each, Mapping)}
    return {"boolean": True, "array": [], "string": ""}.get(str(schema.get("type")))


def encode_completion(
    request: ChatRequest,
    request_id: str,
    content: str,
    *,
    cached_tokens: int,
    prices: Prices | None,
    provider: str | None = None,
    has_usage: bool = True,
) -> Answer:
    """`prices`: those of the request's tier. `provider`: who served it, where a gateway tells."""
    content, finish_reason = cut_content(content, request.max_tokens)
    completion_tokens = count_tokens(len(content.encode()))
    cached_tokens = min(cached_tokens, request.prompt_tokens)
    usage: dict[str, object] = {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": request.prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }
    cost = prices.cost(request.prompt_tokens, completion_tokens) if prices else None
    if cost is not None:
        usage["cost"] = cost
    message: dict[str, object] = {"role": "assistant", "content": content}
    choice: dict[str, object] = {"index": 0, "message": message, "finish_reason": finish_reason}
    if provider is not None:  # OpenRouter's own client insists on these
        message["refusal"] = None
        choice |= {"native_finish_reason": finish_reason, "logprobs": None}
    told = {"provider": provider, "service_tier": request.service_tier, "usage": usage if has_usage else None}
    body = encode(
        {
            "id": request_id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": f"asyncgen-{__version__}",
            "choices": [choice],
            **{name: value for name, value in told.items() if value is not None},
        }
    )
    return Answer(body, request.prompt_tokens, cached_tokens, completion_tokens, cost)


def encode_error(
    status: int, message: str, kind: str = "invalid_request_error", *, code: str | None = None, param: str | None = None
) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code or status}})


def encode_gateway_error(status: int, message: str, metadata: Mapping[str, object]) -> bytes:
    """An error as OpenRouter shapes it."""
    return msgspec.json.encode({"error": {"code": status, "message": message, "metadata": metadata}})


def encode_detail(message: str) -> bytes:
    """An error as FastAPI shapes it, and `transformers serve` with it."""
    return msgspec.json.encode({"detail": message})


def encode_models() -> bytes:
    model = {"id": "offline", "object": "model", "created": 0, "owned_by": "asyncgen"}
    return msgspec.json.encode({"object": "list", "data": [model]})
