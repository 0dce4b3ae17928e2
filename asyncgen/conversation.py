r"""Reply to conversation, conversation to line and back, and the digest that recognises one.

Whatever a model may write passes here, and nothing but BadReplyError leaves `parse_conversation`. Ordinary
JSON takes one typed decode. What that refuses is read again by the standard library's tolerant decoder: it
takes raw control characters, lone surrogates and NaN, so that a reply is judged by what it holds and gets the
true reason. Contents stay as written, outer blanks too, but for "\r\n", which becomes "\n", and for what the
charset `ascii` folds (see `fold_to_ascii`).
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import cycle, islice
from typing import TypeAlias

import msgspec
from anyascii import anyascii

from asyncgen.errors import BadReplyError
from asyncgen.finish import meaning_of
from asyncgen.recipe import Rules
from asyncgen.reply import TOLERANT, conversations_in, find_conversations, role_of


class Message(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: str


Conversation: TypeAlias = tuple[Message, ...]


class NotAConversationError(ValueError):
    """A line is no list of messages; the text says why and quotes nothing of it."""


class _Wrapped(msgspec.Struct, gc=False):
    messages: Conversation


_Document: TypeAlias = Conversation | _Wrapped

_ENCODER = msgspec.json.Encoder()
_STRICT = msgspec.json.Decoder(_Document)

_ROLES = ("user", "assistant")
_BLANKS = " \t\r\n\v\f\u00a0\ufeff"
_OPENING_FENCE = re.compile(r"```\w*")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_C1_ENCODED = re.compile(rb"\xc2[\x80-\x9f]")
_HARMLESS_BYTES = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
_ASCII = frozenset(map(chr, range(128)))
# Soft hyphen, joiners, zero-width spaces, bidi controls, variation selectors, byte order mark.
_INVISIBLES = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
_FEW = 16  # different characters to be folded
_INVISIBLE = re.compile(f"[{_INVISIBLES}]")
_VISIBLE = re.compile(rf"[^\s{_INVISIBLES}]")
_LOOSE_ACCENTS = re.compile(r"(?<=[A-Za-z])[\u0300-\u0362]+")

_SPELLINGS = {
    "'": "‘’‚‛‹›′´ʹʻʼʾʿ",
    '"': "“”„‟«»″",
    "-": "‐‑‒–−•‣⁃◦▪●",
    "--": "—―",
    "*": "·∙⋅",
    ".": "․",
    "..": "‥",
    "...": "…",
    "?": "¿",
    "!": "¡",
    "!!": "‼",
    "??": "⁇",
    "?!": "⁈‽",
    "!?": "⁉",
    "/": "⁄∕÷",
    "||": "‖",
    "~": "≈∼",
    "x": "×",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "+/-": "±",
    "->": "→",
    "<-": "←",
    "<->": "↔",
    "=>": "⇒",
    "<=>": "⇔",
    "(c)": "©",
    "(r)": "®",
    "(tm)": "™",
    "K": "\u212a",  # kelvin and angstrom: symbols that only look like letters
    "A": "\u212b",
    "\n": "\u2028\u2029",
}
_PLAIN = {character: spelling for spelling, characters in _SPELLINGS.items() for character in characters}

# JSON may hold these raw, but str.splitlines() and readers like it end a line there.
_LINE_BREAKS = (
    ("\u0085".encode(), rb"\u0085"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)


def parse_conversation(text: str, rules: Rules, *, finish_reason: str | None = None) -> Conversation:
    """The conversation in a reply's text, or BadReplyError with the rule it broke.

    The text is an object with `messages` or the bare list of them; in another dress (see `reply`) it is taken
    where it can mean one conversation only. Broken JSON under a finish reason that means the token limit is
    "cut-off"; whole JSON is judged like any other.
    """
    messages = _check_roles(_read_reply(text, finish_reason), rules)
    if _is_clean(messages):
        return messages
    return tuple(
        Message(each.role, _clean_content(number, each.content, rules)) for number, each in enumerate(messages, start=1)
    )


def encode_line(conversation: Conversation, metadata: Mapping[str, object] | None = None) -> bytes:
    """A line of the output, newline included: the list of messages, or an object of them and `metadata`."""
    document = conversation if metadata is None else {"messages": conversation, "metadata": dict(metadata)}
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
        conversation = _messages(_STRICT.decode(line))
    except (ValueError, RecursionError):
        conversation = _decode_tolerantly(line)
    if not conversation:
        raise NotAConversationError("an empty list of messages")
    return conversation


def digest_conversation(conversation: Conversation) -> bytes:
    """16 bytes that stand for roles and contents, however a line spells them.

    Each text goes in behind its length, so that no two conversations share an encoding. Journals hold this
    digest: changing it disowns every line written before.
    """
    digest = blake2b(digest_size=16)
    for each in conversation:
        # One by one: hashlib lets go of the GIL for more than 2 KB, and the writer's thread would take it. Joined,
        # a run at full speed has twice as many switches between threads.
        digest.update(f"{len(each.role)}:{each.role}{len(each.content)}:{each.content}".encode())
    return digest.digest()


def fold_to_ascii(text: str) -> str:
    """The text with typographic characters in their plain spelling and Latin letters without accents.

    What has no plain spelling (other scripts, emoji, superscripts, currencies) stays as it is.
    """
    folded = {
        character: plain for character in set(text) - _ASCII if (plain := _fold_character(character)) != character
    }
    if len(folded) > _FEW:
        text = text.translate({ord(character): plain for character, plain in folded.items()})
    else:  # a pass for each is twenty times as fast as one that looks at every character
        for character, plain in folded.items():
            text = text.replace(character, plain)
    # Not by NFC: it takes quadratic time over the run of accents a looping model can write.
    return text if text.isascii() else _LOOSE_ACCENTS.sub("", text)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    if _INVISIBLE.match(character):
        return ""
    if "\uff01" <= character <= "\uff5e":  # fullwidth forms, in the order of ASCII
        return chr(ord(character) - 0xFEE0)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in {"Lu", "Ll", "Lt"} and unicodedata.name(character, "").startswith("LATIN "):
        letters = anyascii(character)
        if letters.isalpha():  # tone letters and glottal stops become digits and quotes
            return letters
    return character


def _read_reply(text: str, finish_reason: str | None) -> Conversation:
    try:
        return _messages(_STRICT.decode(text))
    except (ValueError, RecursionError):
        pass
    text = _strip_fence(text)
    try:
        return _read_tolerantly(text)
    except (ValueError, RecursionError) as error:
        return _undress(text, error, is_cut_off=meaning_of(finish_reason) == "length")


def _undress(text: str, error: ValueError | RecursionError, *, is_cut_off: bool) -> Conversation:
    """The one conversation in a text that is none by itself, because of the error. Raises BadReplyError."""
    is_json = isinstance(error, msgspec.ValidationError)
    if is_json:
        found, is_thinking = tuple(dict.fromkeys(conversations_in(text))), False
    else:
        found, is_thinking = find_conversations(text)
    if len(found) == 1 and not (is_thinking and is_cut_off):
        return tuple(Message(role, content) for role, content in found[0])
    several = f"; it holds {len(found)} different conversations" if len(found) > 1 else ""
    if is_json:
        raise BadReplyError("wrong-shape", f"the reply is no list of messages: {error}{several}") from None
    if is_cut_off:
        raise BadReplyError("cut-off", "the reply reached the token limit before its JSON ended") from None
    raise BadReplyError("not-json", f"the reply is not JSON: {_explain(error)}{several}") from None


def _decode_tolerantly(line: bytes) -> Conversation:
    try:
        conversation = _read_tolerantly(line.decode("utf-8-sig"))
        encode_line(conversation)  # a lone surrogate, "\ud800", would fail in whatever uses the conversation
    except msgspec.ValidationError as error:
        raise NotAConversationError(f"no list of messages: {error}") from None
    except (ValueError, RecursionError) as error:
        raise NotAConversationError(f"not JSON: {_explain(error)}") from None
    return conversation


def _read_tolerantly(text: str) -> Conversation:
    """Raises msgspec.ValidationError for another shape, another ValueError or RecursionError for no JSON."""
    return _messages(msgspec.convert(TOLERANT.decode(text), _Document))


def _messages(document: _Document) -> Conversation:
    return document.messages if isinstance(document, _Wrapped) else document


def _strip_fence(text: str) -> str:
    text = text.strip(_BLANKS)
    if opening := _OPENING_FENCE.match(text):
        text = text[opening.end() :].removesuffix("```").strip(_BLANKS)
    return text


def _explain(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (character {error.pos})"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "not UTF-8"


def _check_roles(messages: Conversation, rules: Rules) -> Conversation:
    """The messages with our words for their roles. Raises BadReplyError when these are not as they should be."""
    is_alternating = _alternate(messages)
    if not is_alternating:
        messages = _in_our_words(messages)
        is_alternating = _alternate(messages)
    if len(messages) < rules.min_messages:
        raise BadReplyError("too-few-messages", f"{len(messages)} messages, at least {rules.min_messages} are asked")
    if not is_alternating:
        turns = enumerate(zip(messages, cycle(_ROLES), strict=False), start=1)
        number, expected = next((number, role) for number, (each, role) in turns if each.role != role)
        raise BadReplyError("roles", f"message {number} is not the {expected}'s")
    if rules.ends_with != "any" and messages[-1].role != rules.ends_with:
        raise BadReplyError("ends-with", f"the last message is not the {rules.ends_with}'s")
    return messages


def _alternate(messages: Conversation) -> bool:
    return [each.role for each in messages] == list(islice(cycle(_ROLES), len(messages)))


def _in_our_words(messages: Conversation) -> Conversation:
    """The messages with "user" for "human" and the like, and without a system message at the beginning."""
    named = tuple(Message(role_of(each.role), each.content) for each in messages)
    return named[1:] if named and named[0].role == "system" else named


def _is_clean(messages: Conversation) -> bool:
    """Whether no content needs a closer look. One for all of them costs a third of one for each."""
    contents = [each.content for each in messages]
    joined = "".join(contents)
    if not joined.isascii() or joined.encode().translate(None, _HARMLESS_BYTES):
        return False
    return all(map(str.strip, contents))


def _clean_content(number: int, content: str, rules: Rules) -> str:
    """The content as it will be written, or BadReplyError naming message `number`."""
    if "\r" in content:
        content = content.replace("\r\n", "\n")
    try:
        encoded = content.encode()
    except UnicodeEncodeError as error:
        half = _code_point(content[error.start])
        raise BadReplyError("charset", f"message {number} holds {half}, half of a surrogate pair") from None
    # A search in str costs five times as much as these two in bytes.
    suspicious = encoded.translate(None, _HARMLESS_BYTES) or _C1_ENCODED.search(encoded)
    if suspicious and (control := _CONTROL.search(content)):
        raise BadReplyError("control-characters", f"message {number} holds {_code_point(control[0])}")
    if rules.charset == "ascii" and not content.isascii():
        content = fold_to_ascii(content)
        if not content.isascii():
            outside = _code_point(next(each for each in content if not each.isascii()))
            raise BadReplyError("charset", f"message {number} holds {outside}, which has no plain ASCII spelling")
    if not _VISIBLE.search(content):
        raise BadReplyError("empty-content", f"message {number} is empty")
    return content


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
