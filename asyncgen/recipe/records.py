"""The records of a file of values, one value each: lines of text, rows of CSV, lines of JSON."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import msgspec

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.text_file import UnreadableError
from asyncgen.text import name_some

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON = (".jsonl", ".ndjson")
SUFFIXES = (".txt", *_DELIMITERS, *_JSON)
_SHOWN = 12  # fields named in a sentence


class Record(NamedTuple):
    """Where it stands in the file, in bytes, and its value, without blanks around it."""

    start: int
    length: int
    value: str


class Records(Protocol):
    """`scan` raises UnreadableError; `read` gives the value of a record again.

    `write` makes a record of a value, which is one line, as those are that have been scanned.
    """

    def scan(self, file: BinaryIO) -> Iterator[Record]: ...
    def read(self, record: bytes) -> str: ...
    def write(self, value: str) -> str: ...


def records_of(path: Path, field: str | None) -> Records:
    """Raises UnreadableError for a file that is none of values."""
    suffix = path.suffix.lower()
    if suffix in _DELIMITERS:
        return _Rows(_DELIMITERS[suffix], field)
    if suffix in _JSON:
        return _Objects(field)
    if suffix not in SUFFIXES:
        raise UnreadableError(f"has to end in {', '.join(SUFFIXES)} to be a file of values")
    if field is not None:
        raise UnreadableError(f"has one value a line and no field {field!r}; leave `field` out")
    return _Lines()


class _Lines:
    def scan(self, file: BinaryIO) -> Iterator[Record]:
        start = 0
        for number, line in enumerate(file, 1):
            yield Record(start, len(line), _decode(line, number).strip())
            start += len(line)

    def read(self, record: bytes) -> str:
        return record.removeprefix(_BOM).decode().strip()

    def write(self, value: str) -> str:
        return value


class _Objects:
    """`field` may be absent where every line is a text, or an object with one key."""

    def __init__(self, field: str | None) -> None:
        self._field = field

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        start = 0
        for number, line in enumerate(file, 1):
            try:
                value = self.read(line) if line.strip() else ""
            except ValueError as error:
                raise UnreadableError(str(error), number) from None
            yield Record(start, len(line), value)
            start += len(line)

    def read(self, record: bytes) -> str:
        value: object = msgspec.json.decode(record.removeprefix(_BOM))
        if isinstance(value, dict):
            self._field = _choose_field(list(value), self._field)
            value = value[self._field]
        if not isinstance(value, str):
            raise ValueError(f"expected text, got {msgspec.json.encode(value).decode()[:40]}")  # noqa: TRY004
        return value.strip()

    def write(self, value: str) -> str:
        return msgspec.json.encode(value if self._field is None else {self._field: value}).decode()


class _Rows:
    """`field` may be absent where there is one column."""

    def __init__(self, delimiter: str, field: str | None) -> None:
        self._delimiter = delimiter
        self._field = field
        self._column = 0
        self._width = 1

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        read = number = 0

        def lines() -> Iterator[str]:
            nonlocal read, number
            for line in file:
                number += 1
                read += len(line)
                yield _decode(line, number)

        try:
            first = _decode(file.readline(), 1)
            if self._delimiter == "," and first.count(";") > first.count(","):
                self._delimiter = ";"  # as spreadsheets write it where the comma is a decimal one
            file.seek(0)
            rows = csv.reader(lines(), delimiter=self._delimiter, strict=True)
            header = next(rows, [])
            self._column = header.index(_choose_field(header, self._field))
            self._width = len(header)
            start = read
            for row in rows:
                value = row[self._column].strip() if self._column < len(row) else ""
                yield Record(start, read - start, value)
                start = read
        except (ValueError, csv.Error) as error:
            raise UnreadableError(str(error), max(number, 1)) from None

    def read(self, record: bytes) -> str:
        rows = csv.reader(io.StringIO(record.decode(), newline=""), delimiter=self._delimiter)
        return next(rows)[self._column].strip()

    def write(self, value: str) -> str:
        row = [""] * self._width
        row[self._column] = value
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter, lineterminator="").writerow(row)
        return text.getvalue()


def _choose_field(fields: Sequence[str], field: str | None) -> str:
    """Raises ValueError for a field that is not there, or that was not named where there are several."""
    if field is None and len(fields) == 1:
        return fields[0]
    if field in fields and field is not None:
        return field
    shown = name_some(fields, _SHOWN)
    if field is None:
        raise ValueError(f"name with `field` which one holds the values: {shown}")
    raise ValueError(f"there is no field {field!r} among {shown or 'none'}{did_you_mean(field, fields)}")


def _decode(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("is not UTF-8: save it as UTF-8", number) from None
