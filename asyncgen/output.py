"""The files on disk, and the one coroutine that writes them.

A batch is what has arrived within 50 ms. Its journal entries are written and synced first, then its lines and rejected
replies; only then does it count. So every whole line is known to the journal, and an entry without its line is work
still to do. A batch is one hop to a thread: a hop costs more than the write.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiofiles.os
import msgspec

from asyncgen.errors import ConfigError, OutputError
from asyncgen.journal import Done, Mark, encode_entry

GATHER = 0.05  # seconds
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
# What a folder that is to be synced says on CIFS, FUSE and old WSL, and one that must not be read.
NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO, errno.EACCES, errno.EPERM})
NO_SPACE_PATIENCE = 30  # tries, a second apart
OWNER_ONLY = 0o600

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """The output and the files beside it. `output` is resolved: two names of one file share one lock."""

    output: Path

    @classmethod
    def of(cls, output: Path) -> "OutputPaths":
        """Raises ConfigError for a path that names no file."""
        try:
            resolved = output.expanduser().resolve()
        except RuntimeError as error:  # no such user, or a symlink that leads to itself
            raise ConfigError(f"--output: {error}") from error
        if not resolved.name:
            raise ConfigError(f"--output: {output} is a folder; name a file in it")
        return cls(resolved)

    def _beside(self, suffix: str) -> Path:
        return self.output.with_name(self.output.name + suffix)

    @property
    def journal(self) -> Path:
        return self._beside(".journal")

    @property
    def rejects(self) -> Path:
        return self._beside(".rejects")

    @property
    def lock(self) -> Path:
        return self._beside(".lock")

    @property
    def data(self) -> tuple[Path, Path, Path]:
        return self.output, self.journal, self.rejects


class Record(msgspec.Struct, frozen=True, gc=False):
    """What one call adds to the files: encoded journal entries, and a line or a rejected reply where there is one."""

    entries: bytes
    line: bytes = b""
    reject: bytes = b""


class Reject(msgspec.Struct, frozen=True):
    """A reply that arrived and was not used: a line of the rejects file."""

    index: int
    ask: int
    reason: str
    text: str


def encode_reject(reject: Reject) -> bytes:
    # A lone surrogate, which no UTF-8 line can hold, is kept as its escape.
    text = reject.text.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode(msgspec.structs.replace(reject, text=text)) + b"\n"


class _ChangedError(OutputError):
    """Someone has deleted, replaced or edited a file that is being written."""


class AppendFile:
    """A file that only grows. `size` is what has been written by us, `synced` what is known to be on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        self._opened = os.fstat(self._descriptor)
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
            _sync(self._descriptor)
        except OSError as error:
            raise OutputError(f"{self.path}: the disk did not confirm the last write ({error.strerror})") from error
        self.synced = self.size

    def _check_unchanged(self) -> None:
        try:
            there = self.path.stat()
        except OSError as error:
            raise _ChangedError(f"{self.path}: gone while it was being written ({error.strerror})") from error
        if not os.path.samestat(there, self._opened) or there.st_size != self.size:
            raise _ChangedError(f"{self.path}: changed by someone else while it was being written")

    def cut(self) -> None:
        """Take back what is not synced. Raises OutputError: what cannot be taken back must not be followed by more."""
        try:
            os.ftruncate(self._descriptor, self.synced)
        except OSError as error:
            raise OutputError(f"{self.path}: a torn line cannot be taken back ({error.strerror})") from error
        self.size = self.synced

    def close(self) -> None:
        os.close(self._descriptor)


class Files:
    """Output, journal and rejects, open for appending under the write protocol."""

    def __init__(self, paths: OutputPaths) -> None:
        with contextlib.ExitStack() as stack:
            self.journal = stack.enter_context(contextlib.closing(AppendFile(paths.journal)))
            self.output = stack.enter_context(contextlib.closing(AppendFile(paths.output)))
            self.rejects = stack.enter_context(contextlib.closing(AppendFile(paths.rejects)))
            self._stack = stack.pop_all()
        self._journalled: Sequence[Record] | None = None

    def append_batch(self, records: Sequence[Record]) -> None:
        """Mark and entries, synced, then lines and rejects, synced.

        After an OSError, call it again with the same records. Entries that are on disk by then stay and are not
        written twice: a line without its entry would be a stranger, and what a call cost is known even if there is
        never room for its line. Lines for which the output is not there any more are kept as rejects.
        """
        if records is not self._journalled:
            with _all_or_nothing(self.journal):
                self.journal.append(self._mark() + b"".join(record.entries for record in records))
            self.journal.sync()
            self._journalled = records
        try:
            with _all_or_nothing(self.output, self.rejects):
                self.rejects.append(b"".join(record.reject for record in records))
                self.output.append(b"".join(record.line for record in records))
            self.rejects.sync()
            self.output.sync()
        except _ChangedError as error:
            self._keep_as_rejects([record for record in records if record.line])
            raise OutputError(f"{error}; what had just arrived is in {self.rejects.path.name}") from error

    def _keep_as_rejects(self, records: Sequence[Record]) -> None:
        with _all_or_nothing(self.rejects):
            self.rejects.append(b"".join(map(_line_as_reject, records)))
        self.rejects.sync()

    def append_mark(self) -> None:
        """Declare all that is written trusted, so that the next start has nothing to recover. Raises OutputError."""
        try:
            with _all_or_nothing(self.journal):
                self.journal.append(self._mark())
        except OSError as error:
            if error.errno in NO_SPACE:
                return  # all is saved; the next start will look at the last batch again
            raise OutputError(f"{self.journal.path}: {error.strerror}") from error
        self.journal.sync()

    def _mark(self) -> bytes:
        return encode_entry(Mark(self.output.synced, self.journal.synced, self.rejects.synced))

    def close(self) -> None:
        """Raises OutputError: on some file systems a full disk is only reported here."""
        try:
            self._stack.close()
        except OSError as error:
            raise OutputError(f"the output could not be closed: {error.strerror}") from error


def _line_as_reject(record: Record) -> bytes:
    done = msgspec.json.decode(record.entries, type=Done)
    return encode_reject(Reject(done.index, done.asks, "no-output", record.line.decode().rstrip("\n")))


@contextlib.contextmanager
def _all_or_nothing(*files: AppendFile) -> Iterator[None]:
    try:
        yield
    except OSError:
        for file in files:
            file.cut()
        raise


class Writer:
    """Takes records from any number of tasks and writes them in batches; `run` is its only consumer.

    At most `capacity` records wait for the disk. `on_written` is called with each batch after its sync.
    """

    def __init__(
        self,
        files: Files,
        *,
        capacity: int,
        on_written: Callable[[Sequence[Record]], None],
        on_full: Callable[[bool], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._files = files
        self._free = capacity
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._half = max(1, capacity // 2)
        self._on_written = on_written
        self._on_full = on_full
        self._sleep = sleep
        self._pending: list[tuple[Record, asyncio.Future[None] | None, bool]] = []
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._closing = False
        self._error: OutputError | None = None
        self._thread = ThreadPoolExecutor(1, "writer")

    async def put(self, record: Record) -> None:
        """Queue a record; waits while the queue is full. Cancelled meanwhile, it queues the record all the same."""
        if self._free:
            self._free -= 1
            self._add(record, None, holds_room=True)
            return
        room = asyncio.get_running_loop().create_future()
        self._waiting.append(room)
        try:
            await room
        finally:
            self._add(record, None, holds_room=room.done() and not room.cancelled())

    def put_nowait(self, record: Record) -> None:
        """Queue a record past the bound: for one whose task is being cancelled, or which nobody waits for."""
        self._add(record, None, holds_room=False)

    async def put_synced(self, record: Record) -> None:
        """Queue a record and wait until it is on disk. Raises OutputError when it will never be."""
        if self._error is not None:
            raise self._error
        synced = asyncio.get_running_loop().create_future()
        self._add(record, synced, holds_room=False)
        await synced

    def _add(self, record: Record, synced: asyncio.Future[None] | None, *, holds_room: bool) -> None:
        self._pending.append((record, synced, holds_room))
        self._arrived.set()
        if len(self._pending) >= self._half:
            self._enough.set()

    def close(self) -> None:
        """Let `run` write what is queued and end."""
        self._closing = True
        self._arrived.set()
        self._enough.set()

    async def run(self) -> None:
        """Write until closed. Raises OutputError when the disk fails; what was queued then is lost to it."""
        try:
            while True:
                await self._arrived.wait()
                if not self._closing:
                    await self._gather()
                if not self._pending:  # only `close` wakes this up without a record
                    break
                await self._write()
            await self._hop(self._files.append_mark)
        finally:
            self._thread.shutdown(wait=True)

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(GATHER):
                await self._enough.wait()
        except TimeoutError:
            return

    async def _write(self) -> None:
        taken, self._pending = self._pending, []
        if not self._closing:
            self._arrived.clear()
            self._enough.clear()
        records = [record for record, _, _ in taken]
        try:
            await self._append(records)
        except OutputError as error:
            self._error = error
            for _, synced, _ in (*taken, *self._pending):
                if synced is not None and not synced.done():
                    synced.set_exception(error)
                    synced.exception()  # its task may be gone; then nobody else would look at it
            raise
        for _, synced, _ in taken:
            if synced is not None and not synced.done():
                synced.set_result(None)
        self._return_room(sum(holds_room for _, _, holds_room in taken))
        self._on_written(records)

    def _return_room(self, places: int) -> None:
        """Not a Semaphore: that looks at all it has woken already for each place returned, and a batch returns many."""
        self._free += places
        while self._free and self._waiting:
            room = self._waiting.popleft()
            if not room.done():
                self._free -= 1
                room.set_result(None)

    async def _append(self, records: Sequence[Record]) -> None:
        for tries_left in reversed(range(NO_SPACE_PATIENCE + 1)):
            try:
                await self._hop(lambda: self._files.append_batch(records))
            except OSError as error:
                if error.errno not in NO_SPACE or not tries_left:
                    lines = sum(bool(record.line) for record in (*records, *(record for record, _, _ in self._pending)))
                    raise OutputError(
                        f"{self._files.output.path.parent}: {error.strerror}; "
                        f"conversations that could not be saved: {lines}"
                    ) from error
                self._on_full(True)
                await self._sleep(1)
            else:
                self._on_full(False)
                return

    async def _hop(self, work: Callable[[], None]) -> None:
        await aiofiles.os.wrap(work)(executor=self._thread)


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


@contextlib.contextmanager
def locked(paths: OutputPaths) -> Iterator[None]:
    """Hold the output's lock. Raises ConfigError that names the holder when another run has it.

    A run that is refused leaves no lock file behind that was not there before.
    """
    created = not os.path.lexists(paths.lock)
    descriptor = _open_lock(paths)
    try:
        yield
    except ConfigError:
        if created:
            paths.lock.unlink(missing_ok=True)
        raise
    finally:
        _release(descriptor)


def _open_lock(paths: OutputPaths) -> int:
    while True:
        try:
            descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER_ONLY)
        except OSError as error:
            raise ConfigError(f"{paths.lock}: cannot be created: {error.strerror}") from error
        try:
            _lock(paths, descriptor)
        except ConfigError:
            _release(descriptor)
            raise
        if _is_same_file(descriptor, paths.lock):
            _sign(descriptor)
            return descriptor
        _release(descriptor)  # unlinked between open and lock: this lock would guard nothing


def _release(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # where a full disk is only reported here, it is the holder's name that is lost
        os.close(descriptor)


def _lock(paths: OutputPaths, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "another run"
        raise ConfigError(
            f"{paths.output} is being written by {holder}; wait for it, or choose another --output"
        ) from None
    except OSError as error:
        raise ConfigError(f"{paths.lock}: this file system has no locks ({error.strerror})") from error


def _sign(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # on a full disk the holder stays unnamed, and is the holder all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
