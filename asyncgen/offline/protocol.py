"""The wire of an OpenAI-compatible endpoint: requests read tolerantly, answers and errors written exactly."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from asyncgen import __version__
from asyncgen.offline.brief import Message

_BYTES_PER_TOKEN = 4  # a rule of thumb; there is no tokenizer here


class _Part(msgspec.Struct):
    text: str = ""


class _RequestMessage(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _Request(msgspec.Struct):
    messages: list[_RequestMessage]
    model: str = "offline"
    seed: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    messages: tuple[Message, ...]
    model: str
    seed: int | None
    max_tokens: int | None
    prompt_tokens: int


class BadRequestError(Exception):
    """The request cannot be answered; the message is for the one who sent it."""


_decoder = msgspec.json.Decoder(_Request)


def read_request(body: bytes) -> ChatRequest:
    """Raises BadRequestError."""
    try:
        request = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(str(error)) from error
    if not request.messages:
        raise BadRequestError("'messages' must not be empty")
    if request.stream:
        raise BadRequestError("'stream' is not supported here, send false")
    return ChatRequest(
        messages=tuple(Message(each.role, _read_content(each.content)) for each in request.messages),
        model=request.model,
        seed=request.seed,
        max_tokens=request.max_completion_tokens or request.max_tokens,
        prompt_tokens=count_tokens(len(body)),
    )


def _read_content(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "\n".join(part.text for part in content)
    return content or ""


def count_tokens(size_bytes: int) -> int:
    return max(1, size_bytes // _BYTES_PER_TOKEN)


def cut_content(content: str, max_tokens: int | None) -> tuple[str, str]:
    """The content and its finish reason, cut where the limit is reached."""
    encoded = content.encode()
    if max_tokens is None or max_tokens < 1 or len(encoded) <= max_tokens * _BYTES_PER_TOKEN:
        return content, "stop"
    return encoded[: max_tokens * _BYTES_PER_TOKEN].decode(errors="ignore"), "length"


def encode_conversation(messages: Sequence[Message]) -> str:
    return msgspec.json.encode({"messages": messages}).decode()


def encode_completion(request: ChatRequest, request_id: str, content: str, cached_tokens: int) -> bytes:
    content, finish_reason = cut_content(content, request.max_tokens)
    completion_tokens = count_tokens(len(content.encode()))
    return msgspec.json.encode(
        {
            "id": request_id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": f"asyncgen-{__version__}",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content},
                    "finish_reason": finish_reason,
                }
            ],
            "usage": {
                "prompt_tokens": request.prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": request.prompt_tokens + completion_tokens,
                "prompt_tokens_details": {"cached_tokens": min(cached_tokens, request.prompt_tokens)},
            },
        }
    )


def encode_error(status: int, message: str, kind: str) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": status}})


def encode_models() -> bytes:
    model = {"id": "offline", "object": "model", "created": 0, "owned_by": "asyncgen"}
    return msgspec.json.encode({"object": "list", "data": [model]})
