"""One run at a time on an output: a lock on its resolved path, and a lease in it, held for the life of the run."""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator

from asyncgen.denied import explain
from asyncgen.errors import ConfigError
from asyncgen.output.lease import (
    LOOKS,
    SETTLED,
    Keeper,
    LockFile,
    decode_lease,
    is_kept_up,
    own_lease,
    read_content,
)
from asyncgen.output.paths import OWNER_ONLY, OutputPaths

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})
RETRY = 2.0  # seconds between two attempts of a run that waits for its lock
LOOKED_AT = 0.02  # seconds in which one that only looks at a lock, as `last_heard` does, has long let go of it
LIVELY = 300.0  # seconds without a beat of its lease: some beats, and what the clocks of two machines may differ by


class HeldError(ConfigError):
    """Another run has the output, as `what` says."""

    def __init__(self, what: str, advice: str = "wait for it to end, or stop it") -> None:
        super().__init__(f"{what}; {advice}")
        self.what = what


class StillHeldError(HeldError):
    """It has not ended in the time that it was given: the same may be tried later."""

    exit_status = 4


class HolderWait:
    """For a holder that gets some seconds to end; those in which it is watched are among them."""

    def __init__(self, patience: float, sleep: Callable[[float], None], say: Callable[[str], None]) -> None:
        self._left = patience
        self._sleep = sleep
        self._say = say
        self._is_told = False
        self._said: set[str] = set()

    @property
    def is_over(self) -> bool:
        return self._left <= 0

    def sleep(self, seconds: float) -> None:
        self._left -= seconds
        self._sleep(seconds)

    def say(self, text: str) -> None:
        """Once, however often it is looked at."""
        if text not in self._said:
            self._said.add(text)
            self._say(text)

    def wait(self, what: str) -> None:
        """Until the next attempt. `what`: is waited for, which is said once."""
        if not self._is_told:
            self._say(f"{what}. It gets {self._left:.0f} s to end")
        self._is_told = True
        self.sleep(RETRY)


def last_heard(paths: OutputPaths) -> float | None:
    """When the run that has an output was last heard of, in seconds since 1970; None when none has it.

    A run that ends gives its lease back. Whether one of this machine was killed, its lock tells at once; of another
    machine's, its lease stands still. The look is a shared lock for a moment: `/proc/locks` would need none, but names
    other devices than `stat` does on some file systems, and leaves out processes of other containers.
    """
    try:
        seen = paths.lock.stat()
    except OSError:
        return None
    if not seen.st_size:
        return None
    lease = decode_lease(read_content(paths.lock))
    if lease is None or lease.machine != own_lease().machine:
        return seen.st_mtime
    try:
        with paths.lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return time.time()
    except OSError:  # there are no locks
        return seen.st_mtime
    return None


@contextlib.contextmanager
def locked(
    paths: OutputPaths,
    *,
    patience: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[list[str]]:
    """Hold the output's lock; what should be known of it. Raises ConfigError that names the holder when there is one.

    `patience`: seconds that a holder gets to end. `say`: told why it takes time, if it does. A run that is refused
    leaves no lock file behind that was not there before.
    """
    created = not os.path.lexists(paths.lock)
    try:
        descriptor, notes = _wait_for_lock(paths, HolderWait(patience, sleep, say))
        try:
            with _taken(paths, descriptor, is_in_doubt=bool(notes), sleep=sleep):
                yield notes
        except ConfigError as error:
            if created and not isinstance(error, HeldError):
                paths.lock.unlink(missing_ok=True)
            raise
        finally:
            _release(descriptor)
    except HeldError as error:
        if not patience:
            raise
        raise StillHeldError(error.what, f"it got {patience:g} s to end; the same line goes on when it has") from None


def _wait_for_lock(paths: OutputPaths, waiting: HolderWait) -> tuple[int, list[str]]:
    """The descriptor that has the lock, and notes where that proves little."""
    while True:
        try:
            return _open_lock(paths, waiting)
        except HeldError as error:
            if waiting.is_over:
                raise
            waiting.wait(error.what)


def _open_lock(paths: OutputPaths, waiting: HolderWait) -> tuple[int, list[str]]:
    with contextlib.suppress(OSError):  # whatever is wrong there, opening it tells
        if not stat.S_ISREG(os.lstat(paths.lock).st_mode):
            what = "a link" if paths.lock.is_symlink() else "a folder" if paths.lock.is_dir() else "a pipe or a device"
            raise ConfigError(f"{paths.lock} is {what}, not a file of its own: move it away")
    while True:
        try:
            descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER_ONLY)
        except OSError as error:
            raise ConfigError(f"{paths.lock}: cannot be created: {explain(error)}") from error
        try:
            notes = _lock(paths, descriptor)
            notes += _watch(paths, waiting, has_lock=not notes)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(paths.lock.stat(follow_symlinks=False), os.fstat(descriptor)):
                    return descriptor, notes
        except ConfigError:
            _release(descriptor)
            raise
        _release(descriptor)  # unlinked between open and lock: this lock would guard nothing


def _release(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # where a full disk is only reported here, it is the holder's name that is lost
        os.close(descriptor)


def _lock(paths: OutputPaths, descriptor: int) -> list[str]:
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOKED_AT)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise ConfigError(
                    f"{paths.lock}: cannot be locked: {error.strerror}; try again, or put the output on another disk"
                ) from error
            why = f"this file system has no locks ({error.strerror})"
            return [f"{paths.lock.parent}: {why}; a lease in the file stands in"]
        else:
            return []
    holder, _, _ = os.pread(descriptor, 200, 0).decode("utf-8", "replace").partition("\n")
    raise _held(paths, holder.strip() or "another run")


def _held(paths: OutputPaths, holder: str) -> HeldError:
    return HeldError(f"{paths.output} is being written by {holder}")


def _watch(paths: OutputPaths, waiting: HolderWait, *, has_lock: bool) -> list[str]:
    """Where a lock says nothing, of a run on another machine or without locks, its lease does."""
    content = read_content(paths.lock)
    lease = decode_lease(content)
    if lease is None or (has_lock and lease.machine == own_lease().machine):
        return []
    waiting.say(f"{paths.output} was being written by {lease.holder}; watching for {LOOKS} s whether it still is")
    if is_kept_up(lambda: read_content(paths.lock), content, waiting.sleep):
        raise _held(paths, lease.holder)
    return [f"{paths.output} was left by {lease.holder}, which has died or is out of sight: this run goes on with it"]


@contextlib.contextmanager
def _taken(paths: OutputPaths, descriptor: int, *, is_in_doubt: bool, sleep: Callable[[float], None]) -> Iterator[None]:
    """The lease is ours; where another run may have taken it at the same time, the one that wrote last has it."""
    keeper = Keeper(LockFile(descriptor, paths.lock), own_lease())
    keeper.write()
    if is_in_doubt:
        sleep(SETTLED)
        if (other := decode_lease(read_content(paths.lock))) is not None and other.run != keeper.lease.run:
            raise _held(paths, other.holder)
    with keeper.kept_up():
        yield
