"""One run at a time on an output: a lock on its resolved path, held for the life of the run."""

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator

from asyncgen.errors import ConfigError
from asyncgen.output.paths import OWNER_ONLY, OutputPaths


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
    with contextlib.suppress(OSError):  # whatever is wrong there, opening it tells
        if not stat.S_ISREG(os.lstat(paths.lock).st_mode):
            what = "a link" if paths.lock.is_symlink() else "a folder" if paths.lock.is_dir() else "a pipe or a device"
            raise ConfigError(f"{paths.lock} is {what}, not a file of its own: remove it, or choose another --output")
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
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(paths.lock.stat(follow_symlinks=False), os.fstat(descriptor)):
                with contextlib.suppress(OSError):  # on a full disk the holder stays unnamed
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
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
