"""A shard made on this machine for somebody elsewhere: the ordinary command line, in a child that ends with its worker.

A worker of an engine may be killed at any time, and engines kill what a worker has started along with it. Calls under
way have been paid for, so between the two stands a tether, which is what gets killed: the kernel sends the child one
SIGTERM when its tether is gone, and the child drains. A second one would cancel its calls. Where the kernel cannot do
that, a child whose tether was killed goes on to its end, and its lock keeps others away.

    worker ── SIGINT: drain ──► python -m asyncgen.shards.child ── SIGTERM, once ──► python -m asyncgen generate --shard

A child that takes money and pace from a pool asks over its standard input, a socket whose other end the worker has.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from asyncgen import __version__
from asyncgen.shards.crew import LOST, USAGE, End
from asyncgen.threads import start_thread

LOOK = 0.2  # seconds in which a worker is told that it is to stop
LAST_ANSWERS = 10.0  # seconds for what a child has said before it ended
LAST_BYTES = 2000  # of what a child has said
PREFIX = "asyncgen: "
TELLING = ("Stopped: ", "Finished, but ", PREFIX)  # how the line begins that says how it has ended
PR_SET_PDEATHSIG = 1

Answer: TypeAlias = Callable[[bytes], bytes]  # to a line that a child says; without the ends of lines


@dataclass(frozen=True, slots=True)
class Order:
    """`words`: what follows `asyncgen`. `folder`: where; any other will do unless it `is_shared`.

    `command`: what the user types to go on.
    """

    asyncgen: str
    words: tuple[str, ...]
    folder: str
    command: str
    is_shared: bool = True


def make_shard(order: Order, answer: Answer | None = None) -> End:
    """Run it to its end. KeyboardInterrupt is how a worker is told to stop: the child drains."""
    where = socket.gethostname()
    if order.asyncgen != __version__:
        what = f"asyncgen {__version__} is on this machine, {order.asyncgen} where this was started"
        return End(USAGE, f"{what}: install the same one on all", where=where)
    is_there = Path(order.folder).is_dir()
    if order.is_shared and not is_there:
        return End(
            USAGE, f"there is no folder {order.folder} on this machine: all need one that they share", where=where
        )
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as by a `ray start ... &`: no worker could be told to stop
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryFile() as said, _answered(answer) as channel:
        child = subprocess.Popen(  # noqa: S603 - the words are those of who has started this
            [sys.executable, "-m", __name__, str(os.getpid()), *order.words],
            cwd=order.folder if is_there else None,
            env={**os.environ, "ASYNCGEN_COMMAND": order.command},
            stdin=channel,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # who kills the worker's group does not mean it
        )
        try:
            status = _wait(child)
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            status = _wait(child)
        said.seek(max(0, said.seek(0, os.SEEK_END) - LAST_BYTES))
        return read_end(status, said.read().decode("utf-8", "replace"), where)


@contextlib.contextmanager
def _answered(answer: Answer | None) -> Iterator[int]:
    """The standard input of a child, at whose other end its lines are answered, in a thread, to the last one."""
    if answer is None:
        yield subprocess.DEVNULL
        return
    ours, theirs = socket.socketpair()

    def answer_all(answer: Answer) -> None:
        with ours, ours.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                told = answer(line.rstrip(b"\n"))
                with contextlib.suppress(OSError):  # it has ended, and its last word comes behind what it asked
                    ours.sendall(told + b"\n")

    thread = threading.Thread(target=answer_all, args=(answer,), name="pool", daemon=True)
    start_thread(thread)
    with theirs:
        yield theirs.fileno()
    thread.join(LAST_ANSWERS)


def read_end(status: int, said: str, where: str) -> End:
    """`said`: the last of what the child has said."""
    lines = [line for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(TELLING)]
    if not telling and not End(status).is_to_go_on:
        telling = lines  # the last line of a trace
    words = telling[-1].removeprefix(PREFIX).removeprefix("Stopped: ") if telling else ""
    commands = [line.removeprefix("next ").strip() for line in lines if line.startswith("next ")]
    return End(status, words, commands[0] if commands else "", where)


def _wait(child: "subprocess.Popen[bytes]") -> int:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(LOOK)  # without an end, an interrupt by Python alone would never be seen


def main(argv: Sequence[str]) -> int:
    """The tether: `WORKER WORDS...`. The exit status is the child's."""
    worker, words = int(argv[0]), argv[1:]
    tie = _tie()
    tie(worker)
    own = os.getpid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a worker of Ray blocks SIGINT, and what it starts inherits that
    child = subprocess.Popen(  # noqa: S603 - as above
        [sys.executable, "-m", "asyncgen", *words],
        start_new_session=True,
        preexec_fn=lambda: tie(own),  # noqa: PLW1509 - this process has one thread
    )
    signal.signal(signal.SIGINT, lambda *_: child.terminate())
    status = child.wait()
    return status if status >= 0 else LOST - status


def _tie() -> Callable[[int], None]:
    """What a process calls to get SIGTERM when its parent dies. The library is loaded here, before a fork."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie(parent: int) -> None:
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has died before it could be seen to
            os._exit(LOST + signal.SIGTERM)

    return tie


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
