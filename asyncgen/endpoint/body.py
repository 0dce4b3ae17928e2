"""What any answer is made of: JSON as tolerantly as it can be read, and a server's words made safe.

What a server says is untrusted: words are cleaned and cut, and every string that leaves this module can be encoded as
UTF-8.
"""

import json
import re
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import msgspec

JsonObject: TypeAlias = Mapping[str, object]
Path: TypeAlias = tuple[str | int, ...]
V = TypeVar("V")

MAX_WORDS = 300  # characters of a server's own text in a message
MAX_SEARCHED = 2000  # characters of it that are searched for tell-tale words
MAX_LABEL = 200  # characters of a model's name or a request's id

SECRET = re.compile(
    r"""
      \bbearer\s+[^\s"',;]+
    | \bsk-[\w*.-]{4,}
    | \bAIza[\w-]{20,}
    | \b(?:api[-_]?key|key|token)=[^\s&"']+
    | (?<=://)[^\s/@]+@
    | \b(?!batch_)(?=\w*\d)(?=\w*[a-z])\w{32,}  # a long opaque run: a key without a known prefix
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
HTML_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)


def clean(text: str, limit: int = MAX_WORDS) -> str:
    """Untrusted text for people: one printable line, nothing like a key in it, at most `limit` characters."""
    head = "".join(each if each.isprintable() else " " for each in text[: 4 * limit])
    line = " ".join(SECRET.sub("[redacted]", head).split())
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


def decode_object(body: bytes) -> JsonObject | None:
    """The object a body holds, alone or as the first of a list; {} for other JSON, None for what is no JSON.

    The standard library's reader is the second chance: it takes a byte order mark, raw control characters and
    lone surrogates.
    """
    try:
        document: object = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        try:
            document = json.loads(body, strict=False)
        except (ValueError, RecursionError):
            return None
    return object_of(document[0] if isinstance(document, list) and document else document)


def first_choice(document: JsonObject) -> JsonObject:
    choices = document.get("choices")
    return object_of(choices[0]) if isinstance(choices, list) and choices else {}


def object_of(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def at(value: object, path: Path) -> object:
    """What stands at a path of keys and positions; None where there is no such place."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def lowered(headers: Mapping[str, V]) -> dict[str, V]:
    return {name.lower(): value for name, value in headers.items()}


def label(value: object) -> str | None:
    """A name or id from outside, fit for the journal; None for anything else."""
    if not isinstance(value, str) or not value:
        return None
    return value if len(value) <= MAX_LABEL and value.isprintable() else clean(value, MAX_LABEL) or None


def encodable(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which no UTF-8 file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def page_text(body: bytes) -> str:
    """The title of an HTML page, or the beginning of whatever else a body is."""
    text = body[: 4 * MAX_SEARCHED].decode("utf-8", "replace")
    title = HTML_TITLE.search(text)
    return title[1] if title else text
