"""The parts of a shard in object storage: its three files from where the part before has ended, cut where they agree.

A mark in the journal says which sizes of all three were on disk together; what lies before one never changes again. So
a reader may cut at any of them while a run writes on, and who puts all parts one after another has the files as they
were then, byte for byte. A part tells what they add up to, so that who only wants to know how far a shard is need not
read it.
"""

import io
import os
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from asyncgen import __version__
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.append_file import COPIED_AT_ONCE
from asyncgen.output.files import NEWEST_MARK
from asyncgen.output.journal import Done, Mark, decode_entry, entry_or_none
from asyncgen.output.ledger import Ledger
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.sums import Sums

VERSION = 1
RESTORE = "restore it from a backup of the storage, or plan another output"
# Bytes of a part, as long as no batch of a writer is larger: libraries put so much by one request, and only of a single
# one is it sure that it writes over nothing.
LARGEST = 2**24
_encoder = msgspec.json.Encoder(decimal_format="number")
HEAD = 2**14  # bytes in which the head of a part is found


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Piece(msgspec.Struct, frozen=True):
    """Of one file, from `begin` to `end`. `digest`: of all that it has up to there."""

    begin: int
    end: int
    digest: str


class Head(msgspec.Struct, kw_only=True, frozen=True):
    """The first line of a part. `run`: who has put it there; `pieces`: of output, journal and rejects, as they follow.

    `time`: seconds since 1970, by the clock of who has put it there.
    """

    version: int = VERSION
    asyncgen: str
    run: str
    number: int
    time: float
    pieces: tuple[Piece, Piece, Piece]
    sums: Sums

    @property
    def ends(self) -> list[int]:
        return [each.end for each in self.pieces]


def read_head(content: bytes, where: str) -> Head:
    """Of a part, or of its beginning. Raises ConfigError."""
    try:
        head = msgspec.json.decode(content[: content.find(b"\n")], type=Head)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no part of a shard that this asyncgen can read ({error}); {RESTORE}") from error
    if head.version > VERSION:
        raise ConfigError(f"{where}: written by asyncgen {head.asyncgen}, a newer one; update asyncgen")
    return head


class Position:
    """How far files are in parts: where each of them ends, the digest of all before, and what it adds up to."""

    def __init__(self) -> None:
        self.ends = [0, 0, 0]
        self._hashes: list[_Hash] = [blake2b(digest_size=16) for _ in self.ends]
        self._ledger = Ledger()
        self.number = 0
        self.sums = Sums()

    def add(self, pieces: Sequence[bytes]) -> None:
        """Go on by what one part has of each file."""
        _, journal, _ = pieces
        times: list[str] = []
        for line in io.BytesIO(journal):
            entry = decode_entry(line)
            if not isinstance(entry, Mark):
                self._ledger.add(entry)
            if isinstance(entry, Done):
                times.append(entry.time)
        for place, piece in enumerate(pieces):
            self._hashes[place].update(piece)
            self.ends[place] += len(piece)
        self.number += 1
        self.sums = Sums.of(self._ledger, times)

    def make_part(self, pieces: Sequence[bytes], run: str) -> tuple[Head, bytes]:
        """The next part, which is added: its head, and all of it. Raises OutputError for a journal that is damaged."""
        begins = [*self.ends]
        try:
            self.add(pieces)
        except ValueError as error:
            raise OutputError(f"an entry of the journal is damaged ({error})") from error
        one, two, three = map(Piece, begins, self.ends, self.digests)
        head = Head(
            asyncgen=__version__,
            run=run,
            number=self.number,
            time=round(time.time(), 3),
            pieces=(one, two, three),
            sums=self.sums,
        )
        return head, b"".join((_encoder.encode(head), b"\n", *pieces))

    @classmethod
    def of_files(cls, paths: OutputPaths, head: Head) -> "Position | None":
        """That of a part, if files are so far what all parts up to it have; they may go on behind that."""
        position = cls()
        for path, piece, hash_ in zip(paths.data, head.pieces, position._hashes, strict=True):
            if path.exists():
                _hash_file(path, piece.end, hash_)
            if hash_.hexdigest() != piece.digest:
                return None
        with paths.journal.open("rb") as file:
            while file.tell() < head.pieces[1].end:
                if not isinstance(entry := decode_entry(file.readline()), Mark):
                    position._ledger.add(entry)
        position.ends, position.number, position.sums = head.ends, head.number, head.sums
        return position

    @property
    def digests(self) -> list[str]:
        return [each.hexdigest() for each in self._hashes]

    def take(self, head: Head, content: bytes, where: str) -> list[bytes]:
        """The pieces of the next part, which is added. Raises ConfigError for one that does not fit."""
        begin = content.find(b"\n") + 1
        pieces = []
        for piece in head.pieces:
            pieces.append(content[begin : begin + piece.end - piece.begin])
            begin += piece.end - piece.begin
        fits = head.number == self.number + 1 and [each.begin for each in head.pieces] == self.ends
        try:
            if fits and begin == len(content):
                self.add(pieces)
        except ValueError:
            fits = False
        if not fits or self.ends != head.ends or self.digests != [each.digest for each in head.pieces]:
            raise ConfigError(f"{where} is damaged, or does not follow upon the part before; {RESTORE}")
        return pieces


def find_cut(paths: OutputPaths, begins: Sequence[int], largest: int) -> list[int] | None:
    """Where the next part ends: behind a mark, of what was on disk before it. None where there is none.

    It is the last one up to which there are no more bytes than `largest`, and the first one if there is none of these.
    """
    cut = None
    with paths.journal.open("rb") as file:
        offset = file.seek(begins[1])
        for line in file:
            mark = entry_or_none(line) if line.startswith(NEWEST_MARK) and line.endswith(b"\n") else None
            if isinstance(mark, Mark) and begins[1] < mark.journal == offset:
                ends = [mark.output, offset + len(line), mark.rejects]
                if cut is not None and sum(ends) - sum(begins) > largest:
                    break
                cut = ends
            offset += len(line)
        os.fsync(file.fileno())  # a mark is of what was synced before it, and does not tell so of itself
    return cut


def _hash_file(path: Path, end: int, hash_: _Hash) -> None:
    with path.open("rb") as file:
        while data := file.read(min(COPIED_AT_ONCE, end - file.tell())):
            hash_.update(data)


def read_pieces(paths: OutputPaths, begins: Sequence[int], ends: Sequence[int]) -> list[bytes]:
    """Raises OutputError for a file that is shorter."""
    pieces = []
    for path, begin, end in zip(paths.data, begins, ends, strict=True):
        pieces.append(read_range(path, begin, end - begin))
        if len(pieces[-1]) < end - begin:
            raise OutputError(f"{path}: changed by someone else while it was being published")
    return pieces


def read_range(path: Path, begin: int, size: int) -> bytes:
    """So much of a file, or what there is of it."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(max(0, size))


def write_pieces(files: Sequence[BinaryIO], pieces: Sequence[bytes]) -> None:
    for file, piece in zip(files, pieces, strict=True):
        file.write(piece)
