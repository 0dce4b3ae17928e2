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
from asyncgen.data.marked import MarkedJournal
from asyncgen.output.journal import (
    RANGE_VERSION,
    VERSION,
    Filtered,
    Kept,
    Step,
    encode_entry,
)


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
        marked = MarkedJournal(file)
        num = max(each.num for each in self._dataset.ledger.headers)
        with self._calls.opened() as journal:
            for group, headers in enumerate(self._groups):
                for each in headers:
                    story = (*each.filtered, filtered)
                    version = RANGE_VERSION if each.first else VERSION
                    marked.add(encode_entry(msgspec.structs.replace(each, version=version, num=num, filtered=story)))
                for number in numbers:
                    index = self._dataset.index_of(number)
                    if index is not None and self._group_of_run[self._calls.run_of(index)] == group:
                        for entry in self._calls.before(index, journal):
                            if isinstance(entry, Step):  # its text only served to go on
                                marked.add(encode_entry(msgspec.structs.replace(entry, text="")))
                        marked.add(encode_entry(self._calls.last(index, journal)))
                    elif index is None and group == len(self._groups) - 1:
                        digest = self._dataset.digest_of(self._dataset.read(offsets[number]))
                        marked.add(encode_entry(Kept(digest=digest.hex())))
        marked.finish(output=size)
