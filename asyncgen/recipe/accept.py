"""A reply to a conversation: what the rules of a recipe ask of it, and what may be mended without doubt.

Whatever a model may write passes here, and nothing but BadReplyError leaves `parse_conversation`. Contents stay as
written, outer blanks too, but for a carriage return before a line feed, and for what the charset `ascii` folds.
"""

import re
from itertools import cycle, islice

import msgspec

from asyncgen.conversation import STRICT, Conversation, Message, explain, messages_of, read_tolerantly
from asyncgen.errors import BadReplyError
from asyncgen.finish import meaning_of
from asyncgen.recipe.fold import INVISIBLES, fold_to_ascii
from asyncgen.recipe.recipe import Rules
from asyncgen.recipe.reply import conversations_in, find_conversations, role_of
from asyncgen.text import quantity

_ROLES = ("user", "assistant")
_BLANKS = " \t\r\n\v\f\u00a0\ufeff"
_OPENING_FENCE = re.compile(r"```\w*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_C1_ENCODED = re.compile(rb"\xc2[\x80-\x9f]")
_HARMLESS_BYTES = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
_VISIBLE = re.compile(rf"[^\s{INVISIBLES}]")


def parse_conversation(text: str, rules: Rules, *, finish_reason: str | None = None) -> Conversation:
    """The conversation in a reply's text, or BadReplyError with the rule it broke.

    The text is an object with `messages` or the bare list of them; in another dress (see `reply`) it is taken
    where it can mean one conversation only. Broken JSON under a finish reason that means the token limit is
    "cut-off"; whole JSON is judged like any other.
    """
    return check_conversation(_read_reply(text, finish_reason), rules)


def read_side(text: str, role: str, rules: Rules, *, finish_reason: str | None = None) -> tuple[str, ...]:
    """What one side says in a reply that was to hold it alone; of both sides, its own. Raises BadReplyError."""
    contents = [each.content for each in _read_reply(text, finish_reason) if role_of(each.role) == role]
    if not contents:
        raise BadReplyError("roles", f"the reply holds no message of the {role}")
    return tuple(_clean_content(number, each, rules) for number, each in enumerate(contents, start=1))


def clean_message(text: str, rules: Rules, *, number: int, finish_reason: str | None = None) -> str:
    """A reply that is one message in plain text, as it will be written. Raises BadReplyError."""
    if meaning_of(finish_reason) == "length":
        raise BadReplyError("cut-off", f"message {number} reached the token limit")
    return _clean_content(number, text.strip(_BLANKS), rules)


def check_conversation(messages: Conversation, rules: Rules) -> Conversation:
    """The conversation as it will be written, or BadReplyError with the rule it broke."""
    is_alternating = _alternate(messages)
    if not is_alternating:
        # "user" for "human" and the like, and without a system message at the beginning.
        named = tuple(Message(role_of(each.role), each.content) for each in messages)
        messages = named[1:] if named and named[0].role == "system" else named
        is_alternating = _alternate(messages)
    if len(messages) < rules.min_messages:
        told = f"{quantity(len(messages), 'message')}, asked for: {rules.min_messages} at least"
        raise BadReplyError("too-few-messages", told)
    if not is_alternating:
        turns = enumerate(zip(messages, cycle(_ROLES), strict=False), start=1)
        number, expected = next((number, role) for number, (each, role) in turns if each.role != role)
        raise BadReplyError("roles", f"message {number} is not the {expected}'s")
    if rules.ends_with != "any" and messages[-1].role != rules.ends_with:
        raise BadReplyError("ends-with", f"the last message is not the {rules.ends_with}'s")
    contents = [each.content for each in messages]
    joined = "".join(contents)  # one look at all of them costs a third of one at each
    is_plain = joined.isascii() and not joined.encode().translate(None, _HARMLESS_BYTES)
    if is_plain and all(map(str.strip, contents)):
        return messages
    return tuple(
        Message(each.role, _clean_content(number, each.content, rules)) for number, each in enumerate(messages, start=1)
    )


def _read_reply(text: str, finish_reason: str | None) -> Conversation:
    try:
        return messages_of(STRICT.decode(text))
    except (ValueError, RecursionError):
        pass
    text = text.strip(_BLANKS)
    if opening := _OPENING_FENCE.match(text):
        text = text[opening.end() :].removesuffix("```").strip(_BLANKS)
    try:
        return read_tolerantly(text)
    except (ValueError, RecursionError) as error:  # then it may hold one conversation, in another dress
        is_cut_off = meaning_of(finish_reason) == "length"
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
        raise BadReplyError("not-json", f"the reply is not JSON: {explain(error)}{several}") from None


def _alternate(messages: Conversation) -> bool:
    return [each.role for each in messages] == list(islice(cycle(_ROLES), len(messages)))


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
