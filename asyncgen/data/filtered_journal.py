"""The journal of a filtered file: for each of its lines what the journal of its source knows of it.

Entries stand in the order of the lines, whatever that is, under the headers of runs that asked for the same, so that
journal and lines can be read side by side. An entry brings its own cost: that of calls which led to no line of this
file stays with the source, and a sum over the parts of a split counts no call twice.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import BinaryIO

import msgspec

from asyncgen.data.dataset import Dataset
from asyncgen.data.line_calls import LineCalls
from asyncgen.output.journal import (
    RANGE_VERSION,
    VERSION,
    Entry,
    Filtered,
    Kept,
    Mark,
    Step,
    checksum,
    encode_entry,
)

_BATCH = 256  # entries between two marks, which are what a reader holds at a time


class FilteredJournal:
    """Of a data set of which parts are written."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._calls = LineCalls(dataset)
        self._groups = [  # of runs that followed each other and asked for the same
            list(group) for _, group in groupby(dataset.ledger.headers, key=lambda each: each.asked)
        ]
        self._group_of_run = [number for number, group in enumerate(self._groups) for _ in group]

    def write(
        self, file: BinaryIO, filtered: Filtered, numbers: Sequence[int], offsets: Sequence[int], *, size: int
    ) -> None:
        """The journal of a file that holds the lines of these numbers in this order.

        `offsets`: where a line begins in the source, by its number. `size`: the file's bytes.
        """
        marked = _MarkedEntries(file)
        num = max(each.num for each in self._dataset.ledger.headers)
        with self._calls.opened() as journal:
            for group, headers in enumerate(self._groups):
                for each in headers:
                    story = (*each.filtered, filtered)
                    version = RANGE_VERSION if each.first else VERSION
                    marked.add(msgspec.structs.replace(each, version=version, num=num, filtered=story))
                for number in numbers:
                    index = self._dataset.index_of(number)
                    if index is not None and self._group_of_run[self._calls.run_of(index)] == group:
                        for entry in self._calls.before(index, journal):
                            if isinstance(entry, Step):
                                marked.add(msgspec.structs.replace(entry, text=""))  # it only served to go on
                        marked.add(self._calls.last(index, journal))
                    elif index is None and group == len(self._groups) - 1:
                        digest = self._dataset.digest_of(self._dataset.read(offsets[number]))
                        marked.add(Kept(digest=digest.hex()))
        marked.finish(size)


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
