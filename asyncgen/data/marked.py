"""A journal that is written at once: entries as a run would write them, in batches that each begin with a mark."""

from typing import BinaryIO

from asyncgen.output.journal import Mark, checksum, encode_entry

_BATCH = 256  # entries between two marks, which are what a reader holds at a time


class MarkedJournal:
    """Goes on behind `size` bytes of the file. `behind`: what an earlier journal has from its newest mark on."""

    def __init__(self, file: BinaryIO, *, size: int = 0, behind: bytes = b"") -> None:
        self._file = file
        self._size = size
        self._batch = [behind] if behind else []

    def add(self, entry: bytes) -> None:
        """An encoded one."""
        self._batch.append(entry)
        if len(self._batch) > _BATCH:
            self._mark(output=0, rejects=0)

    def _mark(self, *, output: int, rejects: int) -> None:
        batch = b"".join(self._batch)
        self._file.write(batch)
        self._size += len(batch)
        self._batch = [encode_entry(Mark(output, self._size, rejects, checksum(batch)))]

    def finish(self, *, output: int, rejects: int = 0) -> None:
        """The last mark says that all of it is there. `output`, `rejects`: the bytes of those files."""
        self._mark(output=output, rejects=rejects)
        self._file.writelines(self._batch)
