"""A stream of events under a status 200, joined to the one answer that was asked for.

Some proxies stream although they were told not to: server-sent events, or one JSON document a line. A stream that
breaks off before a finish reason or an end mark is an answer cut off.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec

from asyncgen.endpoint.body import JsonObject, at, object_of
from asyncgen.endpoint.places import CHOICES, HOLDERS, TEXTS, Choice, read_choice, unwrap

FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
END = b"[DONE]"
MESSAGE_STOP = "message_stop"
PIECES = frozenset({*CHOICES, *HOLDERS, *TEXTS, "usage", "index", "type"})


MAX_ODD = 10_000  # events that are not plain pieces of text; a stream with more is left alone


class _PlainDelta(msgspec.Struct):
    content: str
    refusal: None = None
    function_call: None = None
    tool_calls: None = None


class _PlainPiece(msgspec.Struct):
    delta: _PlainDelta
    index: int = 0
    finish_reason: None = None
    error: None = None


class _PlainEvent(msgspec.Struct):
    """What nearly every event of a stream looks like. A field of type None must be absent or null."""

    choices: Annotated[list[_PlainPiece], msgspec.Meta(min_length=1, max_length=1)]
    usage: None = None
    error: None = None


_plain_decoder = msgspec.json.Decoder(_PlainEvent)


class _StreamEvent(NamedTuple):
    document: JsonObject
    piece: Choice


class Joined(NamedTuple):
    """`is_cut_off`: the end of the stream, or something in the middle, is missing."""

    document: JsonObject
    is_cut_off: bool


def join_events(body: bytes) -> Joined | None:
    """What the events of a stream say together; None for a body that is no stream of events."""
    lines = body.removeprefix(BOM_UTF8).splitlines()
    first = next((line for line in map(bytes.strip, lines) if line), b"")
    if first.startswith(FIELDS):
        data = _event_data(lines)
    elif first.startswith(b"{") and len(lines) > 1 and _decode(first):
        data = (line for line in map(bytes.strip, lines) if line)
    else:
        return None
    events: list[_StreamEvent] = []
    is_ended, odd, damaged = False, 0, 0
    for each in data:
        if each == END:
            is_ended = True
            continue
        event = _read_plain_event(each) if events else None  # the first one names model and request
        if event is None:
            odd += 1
            if odd > MAX_ODD:
                return None
            document = _decode(each)
            if document is None:
                damaged += 1
                continue
            told = unwrap(document)
            if isinstance(choices := told.get("choices"), list):  # without what belongs to others than the first
                told = {**told, "choices": [each for each in choices if object_of(each).get("index") in (0, None)]}
            event = _StreamEvent(document, read_choice(told))
            is_ended = is_ended or document.get("done") is True or document.get("type") == MESSAGE_STOP
            is_ended = is_ended or bool(event.piece.finish_reason)
        events.append(event)
    return Joined(_join(events), not is_ended or damaged > 0) if events else None


def _event_data(lines: Sequence[bytes]) -> Iterator[bytes]:
    """The data of each event. Lines that are JSON each are events each, also where no blank line parts them."""
    gathered: list[bytes] = []
    for line in (*lines, b""):
        if line.startswith(b"data:"):
            gathered.append(line.removeprefix(b"data:").strip())
        elif not line.strip() and gathered:
            if len(gathered) == 1 or _decode(gathered[0]) is not None:
                yield from gathered
            else:
                yield b"\n".join(gathered)
            gathered = []


def _read_plain_event(data: bytes) -> _StreamEvent | None:
    try:
        (choice,) = _plain_decoder.decode(data).choices
    except (ValueError, RecursionError):
        return None
    return _StreamEvent({}, Choice(choice.delta.content if choice.index == 0 else "", "", None, is_there=True))


def _decode(data: bytes) -> JsonObject | None:
    """The object in an event's data, {} for other JSON, None for what is no JSON."""
    try:
        return object_of(msgspec.json.decode(data))
    except (ValueError, RecursionError):
        return None


def _join(events: Sequence[_StreamEvent]) -> JsonObject:
    top: dict[str, object] = {}
    usage: dict[str, object] = {}
    for event, _ in events:
        response = object_of(event.get("response"))
        if response.get("output"):  # the last event of a stream of the Responses API holds all of it
            return response
        usage |= {**_said(at(event, ("message", "usage"))), **_said(event.get("usage"))}
        top |= {key: value for key, value in _said(event).items() if key not in PIECES}
        if error := at(event, ("choices", 0, "error")):
            top["error"] = error
    reasons = (piece.finish_reason for _, piece in reversed(events) if piece.finish_reason)
    message = {
        "content": "".join(piece.text for _, piece in events),
        "refusal": "".join(piece.refusal for _, piece in events),
    }
    return {**top, "usage": usage, "choices": [{"message": message, "finish_reason": next(reasons, None)}]}


def _said(value: object) -> Mapping[str, object]:
    return {key: each for key, each in object_of(value).items() if each is not None}
