"""Values that stay where they are, in a file of values or in a document: each is read when it is drawn.

Two hundred thousand personas are held as the places of their lines, some megabytes, and a journal names the file and a
digest instead of repeating it. Where the file is gone or another one, a value is known by its number alone.
"""

import os
import stat
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from asyncgen.errors import ConfigError
from asyncgen.recipe.passages import cut
from asyncgen.recipe.records import records_of
from asyncgen.recipe.text_file import UnreadableError, read_file, strip_blank_lines
from asyncgen.stamp import Stamp, stamp_of


class Texts(Protocol):
    """Texts by their numbers, wherever they are."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, number: int, /) -> str: ...


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """`size` values of a file, known by a digest. `field`: the column or key that holds them.

    `words`: they are passages of that length of a document. `source`: the name of the document in each of them.
    """

    file: str
    size: int
    digest: str
    field: str | None = None
    words: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
        """A journal is read into these too."""
        if self.size < 1 or (self.words is not None and self.words < 1):
            raise ValueError(f"{self.file}: expected values")

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(self.size))

    def __getitem__(self, number: int) -> str:
        """Raises ConfigError when the file has changed since it was opened."""
        values = _resolve(self)
        return f"{Path(self.file).name}, {number + 1:,}" if values is None else values[number]


def list_file(path: Path, field: str | None) -> tuple[Listed, "FileValues"]:
    """The values of a file, and the file itself. Raises UnreadableError."""
    values = _open_file(str(path.absolute()), field, _stamp(path))
    return Listed(str(path.absolute()), len(values), values.digest, field), values


def list_passages(path: Path, words: int, source: str) -> Listed:
    """The passages of a document. Raises UnreadableError."""
    passages = _cut_file(str(path.absolute()), words, source, _stamp(path))
    return Listed(str(path.absolute()), len(passages), _digest(passages), words=words, source=source)


@cache
def _resolve(listed: Listed) -> Texts | None:
    """The values, as long as the process lives; None where the file is not what it was."""
    try:
        stamp = _stamp(Path(listed.file))
        if listed.words is not None:
            passages = _cut_file(listed.file, listed.words, listed.source, stamp)
            return passages if _digest(passages) == listed.digest else None
        values = _open_file(listed.file, listed.field, stamp)
    except UnreadableError:
        return None
    return values if values.digest == listed.digest else None


def _stamp(path: Path) -> Stamp:
    """Raises UnreadableError for what is no file that can be read twice."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise UnreadableError(f"cannot be read: {getattr(error, 'strerror', error)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableError("is no ordinary file, and values are read again when they are drawn")
    return stamp_of(found)


@lru_cache
def _cut_file(file: str, words: int, source: str, _: Stamp) -> Sequence[str]:
    heading = f"Source: {source}\n\n" if source else ""
    return [f"{heading}{passage}" for passage in cut(strip_blank_lines(read_file(Path(file))), words)]


def _digest(values: Iterable[str]) -> str:
    digest = blake2b(digest_size=16)
    for each in values:
        digest.update(each.encode() + b"\0")
    return digest.hexdigest()


@lru_cache
def _open_file(file: str, field: str | None, stamp: Stamp) -> "FileValues":
    return FileValues(Path(file), field, stamp)


class FileValues:
    """The values of an open file, of which only the places are held.

    `blank` and `repeated`: how many records are left out because they hold no value, or one that was there before.
    """

    def __init__(self, path: Path, field: str | None, stamp: Stamp) -> None:
        self._path = path
        self._stamp = stamp
        self._starts, self._lengths = array("Q"), array("I")
        self.blank = self.repeated = 0
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._descriptor)
            with os.fdopen(os.dup(self._descriptor), "rb") as file:
                self.digest = _digest(self._find(file, field))
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}") from error
        if not self._starts:
            raise UnreadableError("holds no values")

    def _find(self, file: BinaryIO, field: str | None) -> Iterator[str]:
        """Every value that counts; notes where it stands."""
        self._records = records_of(self._path, field)
        seen: set[bytes] = set()
        for start, length, value in self._records.scan(file):
            known = blake2b(value.encode(), digest_size=8).digest()
            if not value or known in seen:
                self.blank += not value
                self.repeated += bool(value)
                continue
            seen.add(known)
            self._starts.append(start)
            self._lengths.append(length)
            yield value

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int, /) -> str:
        """Raises ConfigError when the file has been written to since it was opened."""
        if stamp_of(os.fstat(self._descriptor)) != self._stamp:
            raise ConfigError(f"{self._path}: it has changed while it was in use; begin again")
        return self._records.read(os.pread(self._descriptor, self._lengths[number], self._starts[number]))
