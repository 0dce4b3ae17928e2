"""Two machines and one output: what a lock is not worth on a network file system, a lease in its file is."""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from asyncgen.errors import ConfigError
from asyncgen.output.lease import LOOKS, Keeper, LockFile, decode_lease, encode_lease, own_lease, read_content
from asyncgen.output.lock import RETRY, HeldError, StillHeldError, locked
from asyncgen.output.paths import OutputPaths

Sleep = Callable[[float], None]


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths.of(tmp_path / "x.jsonl")


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A file system whose locks hold on one machine only, or that has none."""

    def flock(descriptor: int, operation: int) -> None:
        if request.param is not None:
            raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


everywhere = pytest.mark.parametrize("no_locks", [None, errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], indirect=True)


def on(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)


def other_run(paths: OutputPaths, host: str, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """The lease of a run on another machine, which counts on when it is told to."""
    on(host, monkeypatch)
    keeper = Keeper(LockFile(os.open(paths.lock, os.O_RDWR | os.O_CREAT), paths.lock), own_lease())
    keeper.write()
    on("here", monkeypatch)
    return keeper


@everywhere
@pytest.mark.usefixtures("no_locks")
def test_a_run_on_another_machine_that_is_alive_is_not_disturbed(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = other_run(paths, "node7", monkeypatch)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 9:
            other.beat()

    with pytest.raises(HeldError, match=r"is being written by process \d+ on node7; wait for it"):  # noqa: SIM117
        with locked(paths, sleep=sleep):
            pass
    assert slept == [1.0] * 9
    assert other.is_ours()


@everywhere
@pytest.mark.usefixtures("no_locks")
def test_what_a_dead_machine_has_left_is_gone_on_with(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    other_run(paths, "node7", monkeypatch)
    slept: list[float] = []
    said: list[str] = []
    with locked(paths, sleep=slept.append, say=said.append) as notes:
        assert ["on node7; watching for 35 s" in each for each in said] == [True]
        assert "was left by process" in notes[-1]
        assert "on node7" in notes[-1]
        assert paths.lock.read_text().startswith(f"process {os.getpid()} on here\n")
    assert slept[:LOOKS] == [1.0] * LOOKS
    assert paths.lock.read_bytes() == b""


@everywhere
@pytest.mark.usefixtures("no_locks")
def test_a_run_that_ends_while_it_is_watched_makes_room(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    other = other_run(paths, "node7", monkeypatch)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            os.truncate(paths.lock, 0)

    with locked(paths, sleep=sleep):
        assert len(slept) < LOOKS
        assert not other.is_ours()


@everywhere
@pytest.mark.usefixtures("no_locks")
def test_of_two_that_take_it_at_once_one_has_it(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    other_run(paths, "node7", monkeypatch)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == LOOKS + 1:  # we have written, and so has a third one
            other_run(paths, "node8", monkeypatch)

    with pytest.raises(HeldError, match="on node8"), locked(paths, sleep=sleep):
        pass
    assert b"node8" in paths.lock.read_bytes()


def test_a_lock_that_holds_is_enough_on_one_machine(paths: OutputPaths) -> None:
    keeper = Keeper(LockFile(os.open(paths.lock, os.O_RDWR | os.O_CREAT), paths.lock), own_lease())
    keeper.write()  # as a run that was killed leaves it
    with locked(paths, sleep=never) as notes:
        assert notes == []


def never(_: float) -> None:
    raise AssertionError


def test_a_lease_that_was_given_back_keeps_nobody_waiting(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    on("node7", monkeypatch)
    with locked(paths, sleep=never):
        pass
    on("here", monkeypatch)
    with locked(paths, sleep=never):
        pass


def test_a_run_with_patience_waits_for_another_to_end(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncgen.output.lock.LOOKED_AT", 0)
    held = os.open(paths.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            os.close(held)

    said: list[str] = []
    with locked(paths, patience=10, sleep=sleep, say=said.append):
        assert slept == [RETRY] * 3
    assert [each.rpartition(". ")[2] for each in said] == ["It gets 10 s to end"]


def test_patience_ends(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncgen.output.lock.LOOKED_AT", 0)
    slept: list[float] = []
    with locked(paths):
        with (
            pytest.raises(StillHeldError, match="it got 10 s to end; the same line goes on when it has"),
            locked(paths, patience=10, sleep=slept.append),
        ):
            pass
        with pytest.raises(HeldError) as refused, locked(paths):
            pass
    assert sum(slept) == 10
    assert (refused.value.exit_status, StillHeldError.exit_status) == (2, 4)


@everywhere
@pytest.mark.usefixtures("no_locks")
def test_to_watch_a_lease_is_to_wait_for_it(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    other = other_run(paths, "node7", monkeypatch)
    slept: list[float] = []
    said: list[str] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) % 9 == 0:
            other.beat()

    with pytest.raises(StillHeldError), locked(paths, patience=60, sleep=sleep, say=said.append):
        pass
    assert 60 <= sum(slept) < 60 + LOOKS
    assert len(said) == 2  # that it watches, and how long the other gets


def test_a_lease_that_another_has_taken_is_not_written_over(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = other_run(paths, "node7", monkeypatch)
    theirs = other_run(paths, "node8", monkeypatch)
    ours.beat()
    assert theirs.is_ours()
    with ours.kept_up():
        pass
    assert theirs.is_ours()


def test_a_lease_counts_on_and_is_never_empty_meanwhile(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = other_run(paths, "node7", monkeypatch)
    sizes: list[int] = []
    truncate = os.ftruncate

    def note(file: int, size: int) -> None:
        sizes.append(size)
        truncate(file, size)

    monkeypatch.setattr(os, "ftruncate", note)
    for beat in range(1, 12):
        keeper.beat()
        lease = decode_lease(read_content(paths.lock))
        assert lease is not None
        assert lease.beat == beat
    assert min(sizes) > 0


@pytest.mark.parametrize("content", [b"", b"process 1 on here\n", b"x\n{}\n", b"x\n[", b"\n\n", b"\xff\n\xff\n"])
def test_what_is_no_lease_holds_nothing(paths: OutputPaths, content: bytes) -> None:
    paths.lock.write_bytes(content)
    with locked(paths, sleep=never):
        pass


def test_a_lease_comes_back_from_its_file() -> None:
    lease = own_lease()
    assert decode_lease(encode_lease(lease)) == lease
    assert decode_lease(encode_lease(lease) + b"the rest of a longer one\n") == lease


def test_a_lock_that_fails_otherwise_is_refused(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with suppress(HeldError), pytest.raises(ConfigError, match="cannot be locked"), locked(paths):
        pass


def test_a_run_that_begins_while_another_program_looks_whether_there_is_one_begins(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.lock.touch()
    with paths.lock.open("rb") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda _: look.close())
        with locked(paths):
            assert decode_lease(read_content(paths.lock))
