"""A stream of events under a status 200, joined to the one answer that was asked for.

Some proxies stream although they were told not to: server-sent events, or one JSON document a line. A stream that
breaks off before a finish reason or an end mark is an answer cut off.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from asyncgen.body import JsonObject, at, object_of
from asyncgen.places import CHOICES, HOLDERS, TEXTS, Choice, read_choice, unwrap

FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
END = b"[DONE]"
MESSAGE_STOP = "message_stop"
PIECES = frozenset({*CHOICES, *HOLDERS, *TEXTS, "usage", "index", "type"})


class Joined(NamedTuple):
    """`is_cut_off`: the end of the stream, or something in the middle, is missing."""

    document: JsonObject
    is_cut_off: bool


def join_events(body: bytes) -> Joined | None:
    """What the events of a stream say together; None for a body that is no stream of events."""
    lines = body.splitlines()
    first = next((line for line in map(bytes.strip, lines) if line), b"")
    if first.startswith(FIELDS):
        data = list(_event_data(lines))
    elif first.startswith(b"{") and len(lines) > 1:
        data = [line for line in map(bytes.strip, lines) if line]
    else:
        return None
    events = [_decode(each) for each in data if each != END]
    whole = [event for event in events if event is not None]
    if not whole or not (first.startswith(FIELDS) or events[0]):
        return None
    pieces = [read_choice(_of_first(event)) for event in whole]
    is_ended = END in data or any(map(_is_last, whole, pieces))
    return Joined(_join(whole, pieces), not is_ended or len(whole) < len(events))


def _event_data(lines: Sequence[bytes]) -> Iterator[bytes]:
    """The data of each event. Lines that are JSON each are events each, also where no blank line parts them."""
    gathered: list[bytes] = []
    for line in (*lines, b""):
        if line.startswith(b"data:"):
            gathered.append(line.removeprefix(b"data:").strip())
        elif not line.strip() and gathered:
            if all(each == END or _decode(each) is not None for each in gathered):
                yield from gathered
            else:
                yield b"\n".join(gathered)
            gathered = []


def _decode(data: bytes) -> JsonObject | None:
    """The object in an event's data, {} for other JSON, None for what is no JSON."""
    try:
        return object_of(msgspec.json.decode(data))
    except (ValueError, RecursionError):
        return None


def _is_last(event: JsonObject, piece: Choice) -> bool:
    return event.get("done") is True or event.get("type") == MESSAGE_STOP or bool(piece.finish_reason)


def _join(events: Sequence[JsonObject], pieces: Sequence[Choice]) -> JsonObject:
    top: dict[str, object] = {}
    usage: dict[str, object] = {}
    for event in events:
        response = object_of(event.get("response"))
        if response.get("output"):  # the last event of a stream of the Responses API holds all of it
            return response
        usage |= {**_said(at(event, ("message", "usage"))), **_said(event.get("usage"))}
        top |= {key: value for key, value in _said(event).items() if key not in PIECES}
        if error := at(event, ("choices", 0, "error")):
            top["error"] = error
    choice = {
        "message": {
            "content": "".join(piece.text for piece in pieces),
            "refusal": "".join(piece.refusal for piece in pieces),
        },
        "finish_reason": next((each.finish_reason for each in reversed(pieces) if each.finish_reason), None),
    }
    return {**top, "usage": usage, "choices": [choice]}


def _of_first(event: JsonObject) -> JsonObject:
    """The event without what belongs to other choices than the first."""
    event = unwrap(event)
    choices = event.get("choices")
    if not isinstance(choices, list):
        return event
    return {**event, "choices": [each for each in choices if object_of(each).get("index") in (0, None)]}


def _said(value: object) -> Mapping[str, object]:
    return {key: each for key, each in object_of(value).items() if each is not None}
