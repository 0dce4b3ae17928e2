"""The side file in which `view` marks conversations as dropped and `filter` looks for them.

It names conversations by their digests, not by their lines, so that marks survive a run that goes on and a file that
was sorted. It only grows: of two marks of one conversation the newer one counts.
"""

import contextlib
from pathlib import Path

import msgspec

from asyncgen.data.side_lines import append_lines, read_lines
from asyncgen.errors import ConfigError
from asyncgen.output.journal import DIGEST_SIZE
from asyncgen.output.paths import OutputPaths


class DroppedMark(msgspec.Struct, frozen=True):
    """A line of the file. `digest`: as in the journal, in hexadecimal digits."""

    digest: str
    dropped: bool


_decoder = msgspec.json.Decoder(DroppedMark)


def dropped_path(paths: OutputPaths) -> Path:
    return paths.output.with_name(paths.output.name + ".dropped")


def read_dropped(paths: OutputPaths) -> set[bytes]:
    """The digests that are marked now. Raises ConfigError for a line that is no mark."""
    path = dropped_path(paths)
    digests: set[bytes] = set()
    for number, _, line in read_lines(path):
        digest, dropped = _read_mark(path, number, line)
        (digests.add if dropped else digests.discard)(digest)
    return digests


def append_mark(paths: OutputPaths, *digests: bytes, is_dropped: bool) -> None:
    """Mark conversations, all or none; the marks are on disk when this returns. Raises OutputError."""
    lines = b"".join(msgspec.json.encode(DroppedMark(each.hex(), is_dropped)) + b"\n" for each in digests)
    append_lines(dropped_path(paths), lines)


def _read_mark(path: Path, number: int, line: bytes) -> tuple[bytes, bool]:
    with contextlib.suppress(ValueError, RecursionError):
        mark = _decoder.decode(line)
        digest = bytes.fromhex(mark.digest)
        if len(digest) == DIGEST_SIZE:
            return digest, mark.dropped
    raise ConfigError(f"{path}: line {number} marks no conversation; delete it")
