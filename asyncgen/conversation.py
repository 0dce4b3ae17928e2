"""A conversation, the line that holds it, and the digest that recognises it.

Ordinary JSON takes one typed decode. What that refuses is read again by the standard library's tolerant decoder, which
takes raw control characters, lone surrogates and NaN: what is read is judged by what it holds.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec
from xxhash import xxh3_128_digest


class Message(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: str


Conversation: TypeAlias = tuple[Message, ...]


class NotAConversationError(ValueError):
    """A line is no list of messages; the text says why and quotes nothing of it."""


class _Wrapped(msgspec.Struct, gc=False):
    messages: Conversation


LineHash: TypeAlias = Literal["blake2b", "xxh3"]
BLAKE2B: LineHash = "blake2b"  # of journals that name none, and of lines without a journal
XXH3: LineHash = "xxh3"  # a quarter of the time
_HASHES: Mapping[LineHash, Callable[[bytes], bytes]] = {
    BLAKE2B: lambda text: blake2b(text, digest_size=16).digest(),
    XXH3: xxh3_128_digest,
}

Document: TypeAlias = Conversation | _Wrapped
# No number is ever used: as floats, digits without end cannot raise.
TOLERANT = json.JSONDecoder(strict=False, parse_int=float)
_ENCODER = msgspec.json.Encoder()
STRICT = msgspec.json.Decoder(Document)
# JSON may hold these raw, but str.splitlines() and readers like it end a line there.
_LINE_BREAKS = (
    ("\u0085".encode(), rb"\u0085"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)


def encode_line(conversation: Conversation, metadata: Mapping[str, object] | None = None) -> bytes:
    """A line of the output, newline included: the list of messages, or an object of them and `metadata`."""
    return encode_document(conversation if metadata is None else {"messages": conversation, "metadata": dict(metadata)})


def encode_document(document: object) -> bytes:
    """Any JSON as one line, newline included, that no reader takes for two."""
    line = _ENCODER.encode(document)
    if not line.isascii():
        for raw, escaped in _LINE_BREAKS:
            line = line.replace(raw, escaped)
    return line + b"\n"


def decode_line(line: bytes) -> Conversation:
    """The conversation in a line of either format, also after jq, pandas or an editor rewrote it.

    The recipe's rules are not asked: any roles and contents will do. Raises NotAConversationError.
    """
    try:
        conversation = messages_of(STRICT.decode(line))
    except (ValueError, RecursionError):
        try:
            conversation = read_tolerantly(line.decode("utf-8-sig"))
            encode_line(conversation)  # a lone surrogate, "\ud800", would fail in whatever uses the conversation
        except msgspec.ValidationError as error:
            raise NotAConversationError(f"no list of messages: {error}") from None
        except (ValueError, RecursionError) as error:
            raise NotAConversationError(f"not JSON: {explain(error)}") from None
    if not conversation:
        raise NotAConversationError("an empty list of messages")
    return conversation


def digest_conversation(conversation: Conversation, line_hash: LineHash = BLAKE2B) -> bytes:
    """16 bytes that stand for roles and contents, however a line spells them.

    Each text goes in behind its length, so that no two conversations share an encoding. Journals hold this
    digest, and name its hash in their header: changing either disowns every line written before.
    """
    text = "".join([f"{len(each.role)}:{each.role}{len(each.content)}:{each.content}" for each in conversation])
    return _HASHES[line_hash](text.encode())


def read_tolerantly(text: str) -> Conversation:
    """Raises msgspec.ValidationError for another shape, another ValueError or RecursionError for no JSON."""
    return messages_of(msgspec.convert(TOLERANT.decode(text), Document))


def messages_of(document: Document) -> Conversation:
    return document.messages if isinstance(document, _Wrapped) else document


def explain(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (character {error.pos})"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "not UTF-8"
