"""Output, journal and rejects while a run appends to them: what is written in which order, and what has been lost.

Of a batch, journal entries are written and synced first, then lines and rejected replies; only then does it count. So
every whole line is known to the journal, and an entry without its line is work still to do.
"""

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from asyncgen.errors import OutputError
from asyncgen.output.append_file import NO_SPACE, AppendFile, ChangedError, SideFile, all_or_nothing
from asyncgen.output.journal import Done, Mark, checksum, encode_entry
from asyncgen.output.paths import OutputPaths, torn_path
from asyncgen.output.rejects import NO_OUTPUT, PUT_BACK, Reject, encode_reject

NEWEST_MARK = b'{"type":"mark",'


class Record(msgspec.Struct, frozen=True, gc=False):
    """What one call adds to the files: encoded journal entries, and a line or a rejected reply where there is one.

    `is_reply`: it is what the call has brought, and not only that it was made. `seat`: whose call it was.
    """

    entries: bytes
    line: bytes = b""
    reject: bytes = b""
    is_reply: bool = False
    seat: str = ""


class Files:
    """Output, journal and rejects, open for appending under the write protocol."""

    def __init__(self, paths: OutputPaths) -> None:
        with contextlib.ExitStack() as stack:
            self.journal = stack.enter_context(contextlib.closing(SideFile(paths.journal)))
            self.output = stack.enter_context(contextlib.closing(AppendFile(paths.output)))
            self.rejects = stack.enter_context(contextlib.closing(SideFile(paths.rejects)))
            self._stack = stack.pop_all()
        self._check = checksum(self.journal.read_behind(NEWEST_MARK))
        self._journalled: Sequence[Record] | None = None
        self._is_left_to_others = False

    def append_batch(self, records: Sequence[Record]) -> None:
        """Mark and entries, synced, then lines and rejects, synced.

        After an OSError, call it again with the same records. Entries that are on disk by then stay and are not
        written twice: a line without its entry would be a stranger, and what a call cost is known even if there is
        never room for its line. Raises OutputError when somebody has changed a file: what was to go there, or has no
        entry, is kept in another.
        """
        if records is not self._journalled:
            try:
                self._append_entries(records)
            except ChangedError as error:
                self._keep_elsewhere(records, error, without=(self.output, self.rejects))
            self._journalled = records
        changed: dict[AppendFile, ChangedError] = {}
        with all_or_nothing(self.output, self.rejects):
            for file, parts in (
                (self.rejects, [record.reject for record in records]),
                (self.output, [record.line for record in records]),
            ):
                try:
                    file.append(b"".join(parts))
                except ChangedError as error:
                    changed[file] = error
        for file in (self.rejects, self.output):
            try:
                file.sync()
            except ChangedError as error:
                changed[file] = error
        if changed:
            self._keep_elsewhere(records, next(iter(changed.values())), without=changed)
        self._tell_losses()

    def has_journalled(self, records: Sequence[Record]) -> bool:
        """Whether the entries of the latest batch are on disk, whatever became of its lines."""
        return records is self._journalled

    def append_rest(self, untold: Sequence[Record], queued: Sequence[Record]) -> None:
        """After a fault: the entries of a batch that has failed before they were written, and of what came behind it.

        Raises OSError and OutputError when the journal cannot be written either.
        """
        if self._is_left_to_others:
            self._keep(queued, without=(self.output, self.rejects))
        if untold or queued:
            self._append_entries([*untold, *queued])

    def _append_entries(self, records: Sequence[Record]) -> None:
        mark = Mark(self.output.synced, self.journal.synced, self.rejects.synced, self._check)
        batch = encode_entry(mark) + b"".join(record.entries for record in records)
        with all_or_nothing(self.journal):
            self.journal.append(batch)
        self.journal.sync()
        self._check = checksum(batch)

    def _keep_elsewhere(
        self, records: Sequence[Record], error: ChangedError, *, without: Collection[AppendFile]
    ) -> NoReturn:
        self._is_left_to_others = True
        try:
            where = self._keep(records, without=without)
        except OSError as problem:
            raise OutputError(f"{error}; what had just arrived could not be kept ({problem.strerror})") from error
        back = f" with the reason {NO_OUTPUT}: {PUT_BACK}" if self.output in without else ""
        raise OutputError(f"{error}; what had just arrived is in {where.name}{back}") from error

    def _keep(self, records: Sequence[Record], *, without: Collection[AppendFile]) -> Path:
        """Append to the rejects, or else to what was torn off them, what has no place in its own file."""
        kept = b"".join(record.reject for record in records) if self.rejects in without else b""
        for record in records if self.output in without else ():
            if record.line:
                done = msgspec.json.decode(record.entries, type=Done)
                line = record.line.decode().rstrip("\n")
                kept += encode_reject(Reject(done.index, done.asks, NO_OUTPUT, line))
        try:
            return _append_whole(self.rejects, kept)
        except ChangedError:
            with contextlib.closing(AppendFile(torn_path(self.rejects.path))) as torn:
                return _append_whole(torn, kept)

    def _tell_losses(self) -> None:
        for file in (self.journal, self.rejects):
            if file.loss is not None:
                loss, file.loss = file.loss, None
                raise loss

    def append_mark(self) -> None:
        """Declare all that is written trusted, so that the next start has nothing to recover. Raises OutputError."""
        try:
            self._append_entries([])
        except OSError as error:
            if error.errno in NO_SPACE:
                return  # all is saved; the next start will look at the last batch again
            raise OutputError(f"{self.journal.path}: {error.strerror}") from error
        self._tell_losses()

    def close(self) -> None:
        """Raises OutputError: on some file systems a full disk is only reported here."""
        try:
            self._stack.close()
        except OSError as error:
            raise OutputError(f"the output could not be closed: {error.strerror}") from error


def _append_whole(file: AppendFile, data: bytes) -> Path:
    with all_or_nothing(file):
        file.append(data)
    file.sync()
    return file.path
