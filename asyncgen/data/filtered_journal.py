"""The journal of a filtered file: for each of its lines what the journal of its source knows of it.

Entries stand in the order of the lines, whatever that is, under the headers of runs that asked for the same, so that
journal and lines can be read side by side. An entry brings its own cost: that of calls which led to no line of this
file stays with the source, and a sum over the parts of a split counts no call twice.
"""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO

import msgspec

from asyncgen.data.dataset import Dataset
from asyncgen.errors import ConfigError
from asyncgen.output.journal import (
    VERSION,
    Done,
    Entry,
    Filtered,
    Header,
    Kept,
    Mark,
    Step,
    checksum,
    decode_entry,
    encode_entry,
)

_BATCH = 256  # entries between two marks, which are what a reader holds at a time


class FilteredJournal:
    """What the journal of a data set says of its lines, found once: 10 bytes an index."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._groups = list(_group_runs(dataset.ledger.headers))
        self._offsets = array("q")  # by index, of its newest entry
        self._group_of = array("H")  # by index
        self._steps: dict[int, list[int]] = {}  # by index, of the calls that led there
        self._locate()

    def _locate(self) -> None:
        number_of_run = [number for number, group in enumerate(self._groups) for _ in group]
        offset, run = 0, -1
        with self._open() as file:
            for line in file:
                with suppress(ValueError):
                    entry = decode_entry(line)
                    run += isinstance(entry, Header)
                    if run == len(number_of_run):
                        return  # a run that has begun since the data set was opened
                    if isinstance(entry, Done):
                        missing = entry.index + 1 - len(self._offsets)
                        self._offsets.extend([-1] * missing)
                        self._group_of.extend([0] * missing)
                        self._offsets[entry.index], self._group_of[entry.index] = offset, number_of_run[run]
                    elif isinstance(entry, Step):
                        steps = self._steps.setdefault(entry.index, [])
                        if steps and entry.index < len(self._offsets) and steps[-1] < self._offsets[entry.index]:
                            steps.clear()  # they have led to an earlier line
                        steps.append(offset)
                offset += len(line)

    def write(
        self, file: BinaryIO, filtered: Filtered, numbers: Sequence[int], offsets: Sequence[int], *, size: int
    ) -> None:
        """The journal of a file that holds the lines of these numbers in this order.

        `offsets`: where a line begins in the source, by its number. `size`: the file's bytes.
        """
        marked = _MarkedEntries(file)
        num = max(each.num for each in self._dataset.ledger.headers)
        with self._open() as journal:
            for group, headers in enumerate(self._groups):
                for each in headers:
                    story = (*each.filtered, filtered)
                    marked.add(msgspec.structs.replace(each, version=VERSION, num=num, filtered=story))
                for number in numbers:
                    index = self._dataset.index_of(number)
                    if index is not None and self._group_of[index] == group:
                        for entry in self._read_entries(journal, index):
                            marked.add(entry)
                    elif index is None and group == len(self._groups) - 1:
                        digest = self._dataset.digest_of(self._dataset.read(offsets[number]))
                        marked.add(Kept(digest=digest.hex()))
        marked.finish(size)

    def _read_entries(self, journal: BinaryIO, index: int) -> Iterator[Entry]:
        """The calls that have made the line of an index, without what only served to go on from a step."""
        for offset in (*self._steps.get(index, ()), self._offsets[index]):
            journal.seek(offset)
            try:
                entry = decode_entry(journal.readline())
            except ValueError:
                raise ConfigError(f"{self._dataset.paths.journal}: changed while it was read; begin again") from None
            yield msgspec.structs.replace(entry, text="") if isinstance(entry, Step) else entry

    def _open(self) -> BinaryIO:
        path = self._dataset.paths.journal
        try:
            return path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error


def _group_runs(headers: Sequence[Header]) -> Iterator[list[Header]]:
    """Runs that followed each other and asked for the same, together."""
    group: list[Header] = []
    for header in headers:
        if group and group[-1].asked != header.asked:
            yield group
            group = []
        group.append(header)
    if group:
        yield group


class _MarkedEntries:
    """Entries as a run would write them, in batches that each begin with a mark."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._batch: list[bytes] = []

    def add(self, entry: Entry) -> None:
        self._batch.append(encode_entry(entry))
        if len(self._batch) > _BATCH:
            self._mark(output=0)

    def _mark(self, output: int) -> None:
        batch = b"".join(self._batch)
        self._file.write(batch)
        self._size += len(batch)
        self._batch = [encode_entry(Mark(output, self._size, 0, checksum(batch)))]

    def finish(self, output: int) -> None:
        """The last mark says that all of it is there."""
        self._mark(output)
        self._file.writelines(self._batch)
