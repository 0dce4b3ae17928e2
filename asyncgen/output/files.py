"""Output, journal and rejects while a run appends to them: what is written in which order, and what has been lost.

Of a batch, journal entries are written and synced first, then lines and rejected replies; only then does it count. So
every whole line is known to the journal, and an entry without its line is work still to do.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from asyncgen.errors import OutputError
from asyncgen.output.journal import Done, Mark, checksum, encode_entry
from asyncgen.output.paths import OWNER_ONLY, OutputPaths, mended_path, torn_path

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_OUTPUT = "no-output"  # why a conversation is among the rejects for whose line there was no place
PUT_BACK = "asyncgen help reliability has the line that puts it back, or it is made again and paid for again"
# What a folder that is to be synced says on CIFS, FUSE and old WSL, and one that must not be read.
NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO, errno.EACCES, errno.EPERM})
APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
COPIED_AT_ONCE = 2**20  # bytes
NEWEST_MARK = b'{"type":"mark",'
SYNC = "fdatasync" if hasattr(os, "fdatasync") else "fsync"  # macOS has only the latter


class Record(msgspec.Struct, frozen=True, gc=False):
    """What one call adds to the files: encoded journal entries, and a line or a rejected reply where there is one.

    `is_reply`: it is what the call has brought, and not only that it was made. `seat`: whose call it was.
    """

    entries: bytes
    line: bytes = b""
    reject: bytes = b""
    is_reply: bool = False
    seat: str = ""


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


class _ChangedError(OutputError):
    """Someone has deleted, replaced or edited a file that is being written."""


class SideFileLostError(OutputError):
    """Journal or rejects were moved or deleted in mid-run. What was to be written is written; the run should end."""


class AppendFile:
    """A file that only grows. `size` is what has been written by us, `synced` what is known to be on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, APPENDING, OWNER_ONLY)
        self._opened = os.fstat(self._descriptor)
        self._is_broken = False
        self.size = self.synced = self._opened.st_size

    def append(self, data: bytes) -> None:
        """Write all of `data`. A write may be short, and on a full disk it is before it fails: then `cut`.

        Raises OutputError, having written nothing, when the file is no longer as we left it.
        """
        if data:
            self._check_unchanged()
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            view = view[written:]

    def sync(self) -> None:
        """Raises OutputError when the disk refuses: after a failed sync a second one may lie, so there is none."""
        if self.size == self.synced:
            return
        self._check_unchanged()
        try:
            getattr(os, SYNC)(self._descriptor)
        except OSError as error:
            self._is_broken = True
            raise OutputError(f"{self.path}: the disk did not confirm the last write ({error.strerror})") from error
        self.synced = self.size

    def _check_unchanged(self) -> None:
        if self._is_broken:
            raise OutputError(f"{self.path}: nothing is written behind what the disk did not confirm")
        try:
            there = self.path.stat(follow_symlinks=False)
        except FileNotFoundError as error:
            self._miss(error)
        except OSError as error:
            raise _gone(self.path, error) from error
        else:
            if not os.path.samestat(there, self._opened) or there.st_size != self.size:
                raise _ChangedError(f"{self.path}: changed by someone else while it was being written")

    def _miss(self, error: OSError) -> None:
        """What to do when no file has our name any more."""
        raise _gone(self.path, error) from error

    def cut(self) -> None:
        """Take back what is not synced. Raises OutputError: what cannot be taken back must not be followed by more."""
        try:
            os.ftruncate(self._descriptor, self.synced)
        except OSError as error:
            self._is_broken = True
            raise OutputError(f"{self.path}: a torn line cannot be taken back ({error.strerror})") from error
        self.size = self.synced

    def read_behind(self, newest: bytes) -> bytes:
        """The end of the file from the last line on that begins so; all of it where none does."""
        tail, begin = b"", self.size
        while begin and b"\n" + newest not in tail:
            begin, end = max(0, begin - COPIED_AT_ONCE), begin
            tail = os.pread(self._descriptor, end - begin, begin) + tail
        return tail[tail.rfind(b"\n" + newest) + 1 :]

    def close(self) -> None:
        os.close(self._descriptor)


def _gone(path: Path, error: OSError) -> _ChangedError:
    return _ChangedError(f"{path}: gone while it was being written ({error.strerror})")


class _SideFile(AppendFile):
    """A file that the output is of no use without: moved away it is written on, deleted it is put back.

    `loss`: what became of it, until somebody takes note.
    """

    loss: SideFileLostError | None = None
    _was_lost = False

    def close(self) -> None:
        """Deleted after it was last looked at, it is put back too; no one waits any more to be told."""
        try:
            is_deleted = not os.fstat(self._descriptor).st_nlink and not os.path.lexists(self.path)
            if is_deleted and not self._is_broken:
                self._put_back()
        finally:
            super().close()

    def _miss(self, error: OSError) -> None:
        status = os.fstat(self._descriptor)
        if status.st_size != self.size:
            raise _gone(self.path, error) from error
        if status.st_nlink:
            what = "moved away, and written on where it is: put it back"
        else:
            self._put_back()
            what = "deleted, and put back as it was"
        if not self._was_lost:
            self._was_lost = True
            self.loss = SideFileLostError(f"{self.path}: gone while it was being written: {what}")

    def _put_back(self) -> None:
        """Under another name first: half a journal must not be taken for one. Raises OSError for want of space."""
        try:
            copy = os.open(mended_path(self.path), APPENDING | os.O_TRUNC, OWNER_ONLY)
            try:
                copied = 0
                while data := os.pread(self._descriptor, COPIED_AT_ONCE, copied):
                    copied += os.write(copy, data)
                os.fsync(copy)
                mended_path(self.path).rename(self.path)
                copy, self._descriptor = self._descriptor, copy
                self._opened = os.fstat(self._descriptor)
            finally:
                os.close(copy)
            sync_directory(self.path.parent)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            raise _gone(self.path, error) from error


class Files:
    """Output, journal and rejects, open for appending under the write protocol."""

    def __init__(self, paths: OutputPaths) -> None:
        with contextlib.ExitStack() as stack:
            self.journal = stack.enter_context(contextlib.closing(_SideFile(paths.journal)))
            self.output = stack.enter_context(contextlib.closing(AppendFile(paths.output)))
            self.rejects = stack.enter_context(contextlib.closing(_SideFile(paths.rejects)))
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
            except _ChangedError as error:
                self._keep_elsewhere(records, error, without=(self.output, self.rejects))
            self._journalled = records
        changed: dict[AppendFile, _ChangedError] = {}
        with _all_or_nothing(self.output, self.rejects):
            for file, parts in (
                (self.rejects, [record.reject for record in records]),
                (self.output, [record.line for record in records]),
            ):
                try:
                    file.append(b"".join(parts))
                except _ChangedError as error:
                    changed[file] = error
        for file in (self.rejects, self.output):
            try:
                file.sync()
            except _ChangedError as error:
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
        with _all_or_nothing(self.journal):
            self.journal.append(batch)
        self.journal.sync()
        self._check = checksum(batch)

    def _keep_elsewhere(
        self, records: Sequence[Record], error: _ChangedError, *, without: Collection[AppendFile]
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
        except _ChangedError:
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
    with _all_or_nothing(file):
        file.append(data)
    file.sync()
    return file.path


@contextlib.contextmanager
def _all_or_nothing(*files: AppendFile) -> Iterator[None]:
    try:
        yield
    except OSError:
        for file in files:
            file.cut()
        raise


def copy_onto(source: Path, target: BinaryIO) -> None:
    """Write what a file holds, if it is there, where the target stands."""
    if source.is_file():
        with source.open("rb") as file:
            shutil.copyfileobj(file, target, COPIED_AT_ONCE)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory as durable as the files, where the file system can do that to a directory."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
