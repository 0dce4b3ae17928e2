"""A file that only grows while it is written: what is on disk, what can be taken back, and what others do to it."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from asyncgen.errors import OutputError
from asyncgen.output.paths import OWNER_ONLY, mended_path

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
# What a folder that is to be synced says on CIFS, FUSE and old WSL, and one that must not be read.
NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO, errno.EACCES, errno.EPERM})
APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
COPIED_AT_ONCE = 2**20  # bytes
SYNC = "fdatasync" if hasattr(os, "fdatasync") else "fsync"  # macOS has only the latter


class ChangedError(OutputError):
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
                raise ChangedError(f"{self.path}: changed by someone else while it was being written")

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


def _gone(path: Path, error: OSError) -> ChangedError:
    return ChangedError(f"{path}: gone while it was being written ({error.strerror})")


class SideFile(AppendFile):
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


@contextlib.contextmanager
def all_or_nothing(*files: AppendFile) -> Iterator[None]:
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
