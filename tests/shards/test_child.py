"""A shard made by a child: what becomes of it when its worker is told to stop, or killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from quick import first

from asyncgen import __version__
from asyncgen.shards.child import Order, make_shard, read_end
from asyncgen.shards.crew import End

# In the place of asyncgen: says what it is told, drains at the first signal, and ends at once at the second one.
PROGRAM = """\
import os, signal, sys
print("begun", os.getpid(), sys.argv[1:], os.environ.get("ASYNCGEN_COMMAND"), flush=True, file=open("said", "a"))
signals = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
open("ready", "w").close()
if sys.argv[1:] == ["ask"]:
    import socket
    channel = socket.socket(fileno=0)
    channel.sendall(b"how much?\\n")
    print("asyncgen: " + channel.recv(99).decode(), file=sys.stderr)
    channel.sendall(b"thank you\\n")
    raise SystemExit(1)
if sys.argv[1:] != ["wait"]:
    print("asyncgen: " + sys.argv[1], file=sys.stderr)
    raise SystemExit(int(sys.argv[2]))
number = signal.sigwait(signals)
again = signal.sigtimedwait(signals, 0.3)
print("told to stop", "again" if again else "once", flush=True, file=open("said", "a"))
raise SystemExit(130)
"""
# One that nobody could interrupt, like those of an engine that a shell has started with an &.
WORKER = """\
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from asyncgen.shards.child import Order, make_shard
print(make_shard(Order(sys.argv[1], ("wait",), ".", "the line")))
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m asyncgen` runs it, here and in what is started here."""
    package = tmp_path / "there" / "asyncgen"
    package.mkdir(parents=True)
    real = Path(sys.modules["asyncgen"].__file__ or "").parent
    for each in real.iterdir():
        if each.name != "__main__.py":
            (package / each.name).symlink_to(each)
    (package / "__main__.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.chdir(tmp_path)


def order(*words: str, version: str = __version__, folder: str = ".") -> Order:
    return Order(version, words, folder, "the line")


@pytest.mark.parametrize("status", first(3, [0, 3, 130, 1, 2]))
def test_the_status_and_the_sentence_are_those_of_the_command_line(status: int) -> None:
    end = make_shard(order("it is so", str(status)))
    assert (end.status, end.words) == (status, "it is so")
    assert "['it is so', " in Path("said").read_text()
    assert "the line" in Path("said").read_text()


def test_a_child_is_answered_what_it_asks_to_its_last_word() -> None:
    heard: list[bytes] = []

    def answer(line: bytes) -> bytes:
        heard.append(line)
        return b"so much"

    assert make_shard(order("ask"), answer).words == "so much"
    assert heard == [b"how much?", b"thank you"]


def test_another_asyncgen_or_a_folder_that_is_not_there_is_told_and_nothing_started() -> None:
    assert "install the same one" in make_shard(order(version="9.9")).words
    assert "no folder /nowhere" in make_shard(order(folder="/nowhere")).words
    assert not Path("said").exists()


def test_the_last_words_are_a_sentence_and_the_line_that_goes_on() -> None:
    said = "a notice\nStopped: it has cost $5\nnext     asyncgen ray data/x --budget 9\n"
    assert read_end(1, said, "node7") == End(1, "it has cost $5", "asyncgen ray data/x --budget 9", "node7")
    assert read_end(137, "7 of 9 are there", "node7").tell(3) == "shard 3 on node7 was ended by a signal (Killed)"
    assert read_end(1, "Traceback ...\nTypeError: no\n", "").tell(3) == "shard 3: TypeError: no"


@pytest.fixture
def worker() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", WORKER, __version__], stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: Path("ready").exists())
        yield process
        process.kill()


def wait_for(has_come: Callable[[], bool]) -> None:
    while not has_come():
        time.sleep(0.001)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_worker_that_is_told_to_stop_lets_its_child_drain(worker: "subprocess.Popen[str]") -> None:
    worker.send_signal(signal.SIGINT)
    said, _ = worker.communicate()
    assert "End(status=130, " in said
    assert "told to stop once" in Path("said").read_text()


linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a child of its parent's death")


@pytest.mark.slow
@linux
@pytest.mark.parametrize("victim", ["worker", "tether", "both"])
def test_a_child_whose_worker_is_killed_drains_and_is_gone(worker: "subprocess.Popen[str]", victim: str) -> None:
    (tether,) = children(worker.pid)
    (child,) = children(tether)
    for each in {"worker": [worker.pid], "tether": [tether], "both": [tether, worker.pid]}[victim]:
        os.kill(each, signal.SIGKILL)
    wait_for(lambda: not is_alive(child))
    assert "told to stop once" in Path("said").read_text()


@linux
def test_a_child_whose_tether_is_ended_twice_over_hears_of_it_once(worker: "subprocess.Popen[str]") -> None:
    (tether,) = children(worker.pid)
    (child,) = children(tether)
    for _ in range(3):  # as engines do, one signal for the process and one for its group
        with contextlib.suppress(ProcessLookupError):  # it may be gone by the first
            os.kill(tether, signal.SIGTERM)
    wait_for(lambda: not is_alive(child))
    assert "told to stop once" in Path("said").read_text()


def test_a_tether_hears_a_signal_that_its_worker_blocks() -> None:
    words = [sys.executable, "-m", "asyncgen.shards.child", str(os.getpid()), "wait"]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        tether = subprocess.Popen(words)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    wait_for(lambda: Path("ready").exists())
    tether.send_signal(signal.SIGINT)
    assert tether.wait() == 130
    assert "told to stop once" in Path("said").read_text()


def test_a_tether_whose_worker_is_gone_before_it_looks_starts_nothing() -> None:
    done = subprocess.run([sys.executable, "-m", "asyncgen.shards.child", "1", "wait"], check=False)
    assert done.returncode == 128 + signal.SIGTERM
    assert not Path("said").exists()
