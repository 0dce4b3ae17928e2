"""A stream that is written by a thread of its own, so that nothing that prints can hold up a run.

Ctrl-S, a pipe that nobody reads or a slow disk block whoever writes, for as long as they like. A stream cannot be made
non-blocking for us alone, because other processes share it. Text goes to the descriptor and not through the stream's
buffer, whose lock a thread that is stuck would hold when the interpreter ends.
"""

import asyncio
import contextlib
import os
import select
import signal
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO, TypeVar, cast

from rich.console import Console

from asyncgen.runs.interrupt import SIGNALS
from asyncgen.threads import NO_THREAD

PLAIN_CHARACTERS = str.maketrans({"━": "#", "─": "-", "…": "~", "·": "-", "±": "+-"})
CHUNK = 4096  # bytes; what a reader takes of a long text is seen by these

V = TypeVar("V")


class Printer:
    """A text stream that never raises and never waits: silent once it is broken.

    Plain characters stand where the stream has no others. A stream without a descriptor, in memory, is written at once,
    and so is any other where the system gives no thread: then whoever prints waits for the reader.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self._descriptor = self._try(_flushed_descriptor)
        self._texts: deque[Callable[[], str]] = deque()
        self._changed = threading.Condition()
        self._unthreaded = threading.Lock()  # one text after another, where those who print write
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.lost = 0  # texts that were not written whole
        self._has_thread = False
        if self._descriptor is not None:
            with contextlib.suppress(*NO_THREAD):
                threading.Thread(target=self._write_all, name="printer", daemon=True).start()
                self._has_thread = True

    @property
    def backlog(self) -> int:
        """Texts that are not yet written whole."""
        return len(self._texts)

    def write(self, text: str) -> int:
        self.print(lambda: text)
        return len(text)

    def print(self, make_text: Callable[[], str]) -> None:
        """Write what the function returns; it is called by the thread, and its text is lost if memory does not do."""
        if self._stream is None:
            self.lost += 1
            return
        if self._descriptor is None:
            self._try(lambda stream: stream.write(self._encode(make_text()).decode(self.encoding)))
            return
        with self._changed:
            self._texts.append(make_text)
            self._changed.notify_all()
        if not self._has_thread:
            with self._unthreaded:
                self._write_next()

    def flush(self) -> None:
        if self._descriptor is None:
            self._try(lambda stream: stream.flush())

    def drain(self, timeout: float | None = None) -> None:
        """Block until all is written, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._texts, timeout)

    async def moved(self, patience: float | None = None) -> bool:
        """Wait until a reader has taken something or `wake` is called; False after so many seconds without."""
        moved = asyncio.Event()
        with self._changed:
            if not self._texts:
                return True
            self._waiting.append((asyncio.get_running_loop(), moved))
        try:
            async with asyncio.timeout(patience):
                await moved.wait()
        except TimeoutError:
            return False
        return True

    def wake(self) -> None:
        """Let everybody who waits in `moved` look again."""
        with self._changed:
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for loop, moved in waiting:
            try:
                loop.call_soon_threadsafe(moved.set)
            except RuntimeError:  # the loop is closed, and nobody waits
                continue

    def forget(self) -> None:
        """Count as lost what is not written yet, and write no more of it than the text that is begun."""
        with self._changed:
            self.lost += len(self._texts)
            while len(self._texts) > 1:
                self._texts.pop()

    def isatty(self) -> bool:
        return self._try(lambda stream: stream.isatty()) or False

    def is_in_foreground(self) -> bool:
        """False after Ctrl-Z and `bg`: the terminal is the shell's then."""
        if self._stream is None:
            return False
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return True

    def _write_all(self) -> None:
        """The thread: it waits for texts as long as the process lives, for there may be no other one later."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # they are for the thread that waits for them
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts)
            self._write_next()

    def _write_next(self) -> None:
        is_lost = False
        try:
            data = memoryview(b"" if self._stream is None else self._encode(self._texts[0]()))
            while data and self._descriptor is not None and self._stream is not None:
                try:
                    data = data[os.write(self._descriptor, data[:CHUNK]) :]
                except BlockingIOError:  # somebody has made it non-blocking
                    select.select([], [self._descriptor], [])
                except OSError:  # the terminal hung up, the pipe's reader left
                    self._stream = None
                self.wake()
        except MemoryError:
            is_lost = True
        with self._changed:
            self._texts.popleft()
            self.lost += is_lost or self._stream is None
        self.wake()

    def _encode(self, text: str) -> bytes:
        if not self.encoding.lower().startswith("utf"):
            text = text.translate(PLAIN_CHARACTERS)
        return text.encode(self.encoding, "replace")

    def _try(self, call: Callable[[TextIO], V]) -> V | None:
        if self._stream is None:
            return None
        try:
            return call(self._stream)
        except BlockingIOError:
            return None
        except (OSError, ValueError):  # the terminal hung up, the file was closed
            self._stream = None
            return None


def _flushed_descriptor(stream: TextIO) -> int | None:
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return None
    stream.flush()
    return descriptor


def make_console(output: Printer, width: int | None = None) -> Console:
    """A console that prints text as it is, through a printer."""
    return Console(file=cast("TextIO", output), width=width, markup=False, emoji=False, highlight=False)
