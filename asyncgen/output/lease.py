"""What a run writes into its lock file, so that runs on other machines see it, whatever a lock is worth there.

A lock is the kernel's: over a network some file systems keep it to themselves, and some have none. So the file names
the run, and a count in it goes on while the run lives. Who finds the lease of another machine watches it: one that goes
on is held, one that stands still is that of a run that has died. No clock is compared with another machine's.
"""

import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from asyncgen.threads import thread_beside

BEAT = 10.0  # seconds from one count to the next
LOOKS = 35  # at a lease, a second apart: three beats and some more, for a file system that shows them late
SETTLED = 2.0  # seconds after which two that have taken a lease at once see the same one


class Lease(msgspec.Struct, frozen=True):
    """`holder`: in words. `machine`: what differs from one to the next, and changes when it is started again."""

    holder: str
    machine: str
    run: str
    beat: int = 0


def own_lease() -> Lease:
    boot = ""
    with contextlib.suppress(OSError):  # only Linux tells
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    host = socket.gethostname()
    return Lease(f"process {os.getpid()} on {host}", f"{host} {boot}", uuid.uuid4().hex)


def encode_lease(lease: Lease) -> bytes:
    """Who looks into the file reads the first line."""
    return f"{lease.holder}\n".encode() + msgspec.json.encode(lease) + b"\n"


def decode_lease(content: bytes) -> Lease | None:
    """None for a file that is empty, as one is that was given back, or that no lease is in."""
    try:
        return msgspec.json.decode(b"".join(content.split(b"\n")[1:2]), type=Lease)
    except ValueError:
        return None


def read_content(path: Path) -> bytes:
    """Opened anew each time: that is when a network file system looks what others have written."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def is_kept_up(read: Callable[[], bytes], content: bytes, sleep: Callable[[float], None]) -> bool:
    """Watch a lease that was read; whether its run is alive. One that is half written is."""
    for _ in range(LOOKS):
        sleep(1.0)
        if (seen := read()) != content:
            return bool(seen)
    return False


class LeasePlace(Protocol):
    """Where a lease is written. None of these raises: who cannot write his lease is not seen, that is all."""

    def read(self) -> bytes: ...

    def write(self, content: bytes) -> None: ...

    def give_back(self) -> None: ...


class LockFile:
    """An open lock file as the place of a lease; emptied when it is given back."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    def read(self) -> bytes:
        return read_content(self._path)

    def write(self, content: bytes) -> None:
        with contextlib.suppress(OSError):  # on a full disk the holder stays unnamed
            size = os.pwrite(self._descriptor, content, 0)
            os.ftruncate(self._descriptor, size)  # never empty between: that would be a lease given back
            os.fsync(self._descriptor)  # before that, a network file system may keep it here

    def give_back(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)


class Keeper:
    """Writes a lease, counts on, and gives it back in the end."""

    def __init__(self, place: LeasePlace, lease: Lease) -> None:
        self._place = place
        self.lease = lease

    def write(self) -> None:
        self._place.write(encode_lease(self.lease))

    def is_ours(self) -> bool:
        """Whether nobody else has taken the lease."""
        seen = decode_lease(self._place.read())
        return seen is not None and seen.run == self.lease.run

    def beat(self) -> None:
        if self.is_ours():
            self.lease = msgspec.structs.replace(self.lease, beat=self.lease.beat + 1)
            self.write()

    @contextlib.contextmanager
    def kept_up(self) -> Iterator[None]:
        """Raises OutOfMemoryError when there is no thread to count on."""

        def count_on(ended: threading.Event) -> None:
            while not ended.wait(BEAT):
                self.beat()

        try:
            with thread_beside("lease", count_on, patience=BEAT):
                yield
        finally:
            if self.is_ours():
                self._place.give_back()
