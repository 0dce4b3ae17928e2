"""Replies that arrived and were not used, a line each: what was paid for can be looked at, and put back."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

NO_OUTPUT = "no-output"  # why a conversation is among the rejects for whose line there was no place
PUT_BACK = "asyncgen help reliability has the line that puts it back, or it is made again and paid for again"


class Reject(msgspec.Struct, frozen=True):
    """A reply that arrived and was not used: a line of the rejects file."""

    index: int
    ask: int
    reason: str
    text: str


_reject_decoder = msgspec.json.Decoder(Reject)


def encode_reject(reject: Reject) -> bytes:
    # A lone surrogate, which no UTF-8 line can hold, is kept as its escape.
    text = reject.text.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode(msgspec.structs.replace(reject, text=text)) + b"\n"


def decode_reject(line: bytes) -> Reject | None:
    """None for a line that is torn, or that somebody has edited."""
    try:
        return _reject_decoder.decode(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None


def read_rejects(path: Path, *, telling: bytes = b"") -> Iterator[Reject]:
    """Of a file that need not be there, those whose line has `telling` in it."""
    if path.is_file():
        with path.open("rb") as file:
            yield from filter(None, (decode_reject(line) for line in file if telling in line))
