"""Where the reply stands in an answer: in the place of the chat-completions API, or in that of another one.

Gateways pass on what they got: the shapes of other APIs, content as parts or as JSON that is parsed already, arguments
of a call of a tool that nobody offered. What a model thought is no part of its reply, whatever carries it.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from asyncgen.endpoint.body import JsonObject, Path, at, encodable, label, object_of
from asyncgen.finish import meaning_of

CHOICES = ("choices", "candidates")
WRAPPERS = ("result", "response", "output", "data", "body")
HOLDERS = ("message", "delta")
TEXTS = (
    *("content", "parsed", "text", "output_text", "parts", "output", "response", "generated_text", "completion"),
    "partial_json",
)
TEXT_PATHS: tuple[Path, ...] = tuple((key,) for key in TEXTS)
CALLS: tuple[Path, ...] = (("tool_calls", 0, "function", "arguments"), ("function_call", "arguments"))
CALLED = ("tool", "function")  # how a finish reason begins that says so
PART_TEXTS = ("text", "value", "content", "parts", "arguments")
PART_KEYS = frozenset({*PART_TEXTS, "input", "refusal", "image_url"})
PLAIN_PART = frozenset({"text", "value", "annotations", "thought", "thoughtSignature"})  # of a part that has no type
KNOWN = frozenset({*CHOICES, *HOLDERS, *TEXTS})
DEEPEST = 4  # levels of parts in parts and answers in answers; more is damage
THOUGHTS = ("think", "thought", "reason")  # parts of the name of a part's type
THINKING: tuple[Path, ...] = (("reasoning_content",), ("reasoning",), ("thinking",))  # apart from the reply
REFUSALS: tuple[Path, ...] = (
    *(("refusal",), ("provider_specific_fields", "refusal"), ("content", 0, "refusal")),
    *(("output", position, "content", 0, "refusal") for position in (0, 1)),
)
REASONS: tuple[Path, ...] = (
    *(("finish_reason",), ("finishReason",), ("stop_reason",), ("stopReason",), ("done_reason",)),
    ("native_finish_reason",),
    ("incomplete_details", "reason"),
)
BLOCKED: tuple[Path, ...] = (("promptFeedback", "blockReason"), ("prompt_feedback", "block_reason"))


UNDER_WAY = ("in_progress", "queued")


class Choice(NamedTuple):
    """What was written: `text` and `refusal` are never None. `is_there`: the answer has a place for it at all.

    `has_thought`: something stands in a place apart from the reply.
    """

    text: str
    refusal: str
    finish_reason: str | None
    is_there: bool
    has_thought: bool = False

    def is_blank(self) -> bool:
        return not self.text or self.text.isspace()


def unwrap(document: JsonObject) -> JsonObject:
    """The document with what stands in it under `result` or a name like it, when that is an answer."""
    for _ in range(DEEPEST):
        if any(document.get(key) for key in CHOICES):
            break
        inside = ((key, object_of(document.get(key))) for key in WRAPPERS)
        key, inner = next(((key, inner) for key, inner in inside if not KNOWN.isdisjoint(inner)), ("", {}))
        if not inner:
            break
        document = {**{name: value for name, value in document.items() if name != key}, **inner}
    return document


def read_choice(document: JsonObject) -> Choice:
    """The first choice that is not blank, or else the first one."""
    listed = next((each for key in CHOICES if isinstance(each := document.get(key), list) and each), None)
    if listed is None:
        is_answer = any(object_of(document.get(key)) for key in HOLDERS) or any(document.get(key) for key in TEXTS)
        listed = [document] if is_answer else []
    choices = [_read(each, document) for each in listed if isinstance(each, dict) and each]
    if not choices:
        return Choice("", "", _reason((), document), is_there=False)
    return next((each for each in choices if not each.is_blank()), choices[0])


def _read(choice: JsonObject, document: JsonObject) -> Choice:
    holders = [holder for key in HOLDERS if (holder := object_of(choice.get(key)))] + [choice]
    refusals = (_text_of(at(holder, path)) for holder in holders for path in REFUSALS)
    reason = _reason((choice, *holders), document)
    is_call = (reason or "").startswith(CALLED)
    paths = (*CALLS, *TEXT_PATHS) if is_call else (*TEXT_PATHS, *CALLS)
    places: list[object] = [at(holder, path) for holder in holders for path in paths]
    if isinstance(message := choice.get("message"), str):
        places.append(message)
    text = ""  # the first that is not blank, or else blanks
    for each in map(_text_of, places):
        text = text or each
        if each and not each.isspace():
            text = each
            break
    has_thought = any(_text_of(at(holder, path)).strip() for holder in holders for path in THINKING)
    return Choice(text, next(filter(None, refusals), ""), reason, is_there=True, has_thought=has_thought)


def _text_of(value: object, depth: int = 0) -> str:
    """The text in a content: a string, a list of parts whose texts are joined, or JSON that is parsed already."""
    if isinstance(value, str):
        return encodable(value)
    if not isinstance(value, dict | list) or not value or depth > DEEPEST:
        return ""
    parts = value if isinstance(value, list) else [value]
    if not any(map(_is_part, parts)):
        return "" if depth else _encode(value)
    texts = []
    for each in parts:
        part = object_of(each)
        if isinstance(each, str):
            texts.append(encodable(each))
        elif _is_thought(part):
            continue
        elif isinstance(arguments := part.get("input") or part.get("arguments"), dict):
            texts.append(_encode(arguments))
        else:
            texts.append(next(filter(None, (_text_of(part.get(key), depth + 1) for key in PART_TEXTS)), ""))
    return "".join(texts)


def _is_part(value: object) -> bool:
    part = object_of(value)
    is_typed = isinstance(part.get("type"), str) and not PART_KEYS.isdisjoint(part)
    return (
        isinstance(value, str)
        or is_typed
        or _is_thought(part)
        or "parts" in part
        or (bool(part) and part.keys() <= PLAIN_PART)
    )


def _is_thought(part: JsonObject) -> bool:
    kind = part.get("type")
    return part.get("thought") is True or (isinstance(kind, str) and any(each in kind.lower() for each in THOUGHTS))


def _encode(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _reason(choices: Sequence[JsonObject], document: JsonObject) -> str | None:
    """Of the reasons that are told, the one that means most: a limit or a filter, then a fault, then the first."""
    told = [label(at(each, path)) for each in (*choices, document) for path in REASONS]
    if "output" in document and document.get("status") not in UNDER_WAY:
        told.append(label(document.get("status")))
    told += [f"blocked: {each}" for path in BLOCKED if (each := label(at(document, path)))]
    reasons = [each for each in told if each]
    for meanings in ({"length", "filtered"}, {"fault"}):
        for each in reasons:
            if meaning_of(each) in meanings:
                return each
    return reasons[0] if reasons else None
