"""A small run and its recovery, repeated with the n-th call to the disk failing, for every n until no call is left.

After each fault only documented errors have come out, and a run without faults ends with each index once, with all
that had counted, and with no call counted twice. The loops count the states they met, so that they cannot silently
stop covering anything.
"""

import asyncio
import contextlib
import errno
import io
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import IO, Any, TypeAlias

import msgspec
import pytest
from outputs import COST, HEADER, conversations, digest, entries, line
from sweep import sweep_on

from asyncgen.errors import ConfigError, OutputError
from asyncgen.output import append_file
from asyncgen.output.begin import Start, prepare
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import Call, Done, Failed, Header, Lost, Mark, Unused, encode_entry
from asyncgen.output.lock import locked
from asyncgen.output.paths import OutputPaths, torn_path
from asyncgen.output.rejects import Reject, encode_reject
from asyncgen.output.writer import Writer

RUN = msgspec.structs.replace(HEADER, num=4)
PAGE = 512
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
ALL = (*NO_SPACE, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS)


class Crash(BaseException):
    """The process is gone: nothing that runs after this reaches the disk."""


@dataclass(frozen=True)
class Fault:
    """What the n-th call of a kind meets: one of `errnos`, by turns, or a crash if there are none.

    `share`: how much of a write is done before. `lasts`: all later calls of the kind meet it as well. `then`: so do
    those of this kind. `seed`: the power fails too, and this decides what is lost.
    """

    kind: str
    errnos: Sequence[int] = ()
    share: float = 0.0
    lasts: bool = False
    then: str = ""
    seed: int | None = None
    number: int = 1


@dataclass
class Disk:
    """The calls with which a run changes its folder, one of which fails, and what of their effect is durable."""

    folder: Path
    fault: Fault
    met: bool = False
    crashed: bool = False
    _calls: Counter[str] = field(default_factory=Counter)
    _open: dict[int, Path] = field(default_factory=dict)
    _durable: dict[Path, bytes] = field(default_factory=dict)
    _created: set[Path] = field(default_factory=set)
    _renamed: list[tuple[Path, Path, bytes | None]] = field(default_factory=list)

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        self._durable = {path: path.read_bytes() for path in self.folder.iterdir()}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", self._wrap_open(os.open))
            patch.setattr(os, "close", self._wrap_close(os.close))
            patch.setattr(os, "write", self._wrap_write(os.write))
            patch.setattr(os, "ftruncate", self._wrap_truncate(os.ftruncate))
            patch.setattr(os, "replace", self._wrap_rename(os.replace))
            patch.setattr(os, "rename", self._wrap_rename(os.rename))
            patch.setattr(os, "fdopen", self._wrap_fdopen(os.fdopen))
            patch.setattr(Path, "open", self._wrap_path_open(Path.open))
            patch.setattr(shutil, "copy", copy)
            patch.setattr(os, "fsync", self._sync)
            patch.setattr(os, append_file.SYNC, self._sync)
            yield
        for descriptor in self._open:  # as the end of the process does
            os.close(descriptor)

    def _meets(self, kind: str) -> bool:
        if self.crashed:
            raise Crash
        self._calls[kind] += 1
        late = self._calls[kind] - self.fault.number
        is_met = kind == self.fault.kind and (late == 0 or (late > 0 and self.fault.lasts))
        is_met |= self.met and kind == self.fault.then
        self.met |= is_met
        return is_met

    def _fail(self) -> None:
        if not self.fault.errnos:
            self.crashed = True
            raise Crash
        number = self.fault.errnos[self.fault.number % len(self.fault.errnos)]
        raise OSError(number, os.strerror(number))

    def _step(self, kind: str) -> None:
        if self._meets(kind):
            self._fail()

    def _is_ours(self, path: Path) -> bool:
        return self.folder in (path, path.parent)

    def _wrap_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def open_(name: str | Path, flags: int, mode: int = 0o777) -> int:
            path = Path(name)
            if not self._is_ours(path):
                return real(path, flags, mode)
            self._step("open")
            is_new = not os.path.lexists(path)
            descriptor = real(path, flags, mode)
            self._open[descriptor] = path
            if is_new:
                self._created.add(path)
            return descriptor

        return open_

    def _wrap_fdopen(self, real: Callable[..., IO[bytes]]) -> Callable[..., IO[bytes]]:
        def fdopen(descriptor: int, mode: str) -> IO[bytes]:
            return io.BufferedWriter(RawFile(descriptor)) if descriptor in self._open else real(descriptor, mode)

        return fdopen

    def _wrap_path_open(self, real: Callable[..., IO[bytes]]) -> Callable[..., IO[bytes]]:
        def open_(path: Path, mode: str = "r", **options: Any) -> IO[bytes]:
            if mode == "r+b":
                return io.BufferedRandom(RawFile(os.open(path, os.O_RDWR)))
            if self._is_ours(path):
                self._step("open")
            return real(path, mode, **options)

        return open_

    def _wrap_close(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def close(descriptor: int) -> None:
            if descriptor not in self._open:
                real(descriptor)
                return
            is_met = self._meets("close")
            del self._open[descriptor]
            real(descriptor)  # which an error does not prevent
            if is_met:
                self._fail()

        return close

    def _wrap_write(self, real: Callable[[int, memoryview], int]) -> Callable[[int, memoryview], int]:
        def write(descriptor: int, data: memoryview) -> int:
            if descriptor not in self._open:
                return real(descriptor, data)
            if self._meets("write"):
                if size := int(len(data) * self.fault.share):
                    real(descriptor, data[:size])
                    if self.fault.errnos:  # a short write, and it is the rest that fails
                        self.fault = replace(self.fault, number=self.fault.number + 1, share=0)
                        return size
                self._fail()
            return real(descriptor, data)

        return write

    def _wrap_truncate(self, real: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def truncate(descriptor: int, size: int) -> None:
            self._step("truncate")
            real(descriptor, size)

        return truncate

    def _wrap_rename(self, real: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def rename(path: Path, target: Path) -> None:
            self._step("rename")
            real(path, target)
            self._renamed.append((path, target, self._durable.get(target)))
            self._durable[target] = self._durable.pop(path, b"")
            for descriptor in [each for each, name in self._open.items() if name == path]:
                self._open[descriptor] = target

        return rename

    def _sync(self, descriptor: int) -> None:
        self._step("sync")
        path = self._open[descriptor]
        if path == self.folder:
            self._created.clear()
            self._renamed.clear()
        else:
            # By its descriptor, because somebody may take the name away at any moment.
            self._durable[path] = os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def lose_power(self, seed: int) -> None:
        """Let any part of what is not synced be lost: names, renames, sizes, and pages in any place."""
        chance = random.Random(seed)
        for path, target, old in reversed(self._renamed):
            if chance.random() < 0.5:
                self._take_back_rename(path, target, old)
        for path in sorted(self.folder.iterdir()):
            if path in self._created and chance.random() < 0.5:
                path.unlink()
                continue
            old, new = self._durable.get(path, b""), path.read_bytes()
            if old != new:
                path.write_bytes(mix_pages(chance, old, new))

    def _take_back_rename(self, path: Path, target: Path, old: bytes | None) -> None:
        """Whatever has been made under the old name since then is lost."""
        self._durable[path] = self._durable.pop(target)
        path.write_bytes(self._durable[path])
        self._created.discard(path)
        if old is None:
            target.unlink()
        else:
            self._durable[target] = old
            target.write_bytes(old)


def mix_pages(chance: random.Random, old: bytes, new: bytes) -> bytes:
    """Each page as it was (zeros, where nothing was) or as it is, up to a size that the file has had."""
    longest = max(len(old), len(new))
    pages = [chance.choice((old, new))[begin : begin + PAGE].ljust(PAGE, b"\0") for begin in range(0, longest, PAGE)]
    sizes = (len(old), len(new), *range(-(-len(old) // PAGE) * PAGE, len(new), PAGE))
    return b"".join(pages)[: chance.choice(sizes)]


class RawFile(io.RawIOBase):
    """A file object whose every call is one of `os`, which the built-in ones do not go through."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def write(self, data: Any) -> int:
        return os.write(self._descriptor, memoryview(data))

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        os.ftruncate(self._descriptor, size)
        return size

    def close(self) -> None:
        if not self.closed:
            try:
                os.close(self._descriptor)
            finally:
                super().close()


def copy(source: Path, target: Path) -> Path:
    with io.BufferedWriter(RawFile(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))) as file:
        file.write(source.read_bytes())
    return target


# ---- the run


def text(index: int, attempt: str) -> str:
    """Long enough that a line is several pages."""
    return f"{index} {attempt} {'flour ' * 100}"


def batches(start: Start, attempt: str) -> Iterator[list[Record]]:
    """Two indices a batch: each lost, refused and rejected before it is done. No two attempts write the same."""
    pending = list(start.pending())
    for begin in range(0, len(pending), 2):
        yield [record for index in pending[begin : begin + 2] for record in tries(index, attempt)]


def tries(index: int, attempt: str) -> list[Record]:
    about = text(index, attempt)
    rejected = Unused(index=index, reason="not-json", cost=COST, request_id=attempt)
    done = Done(index=index, digest=digest(about), cost=COST)
    return [
        Record(encode_entry(Lost(index=index, reason="connection", time=attempt))),
        Record(encode_entry(Failed(index=index, reason="request-rejected", status=400, time=attempt))),
        Record(encode_entry(rejected), reject=encode_reject(Reject(index, 1, "not-json", about))),
        Record(encode_entry(done), line(about)),
    ]


async def no_sleep(seconds: float) -> None:
    pass


async def write(files: Files, waiting: Iterator[list[Record]], counted: list[Record]) -> None:
    def put_next() -> None:
        if (batch := next(waiting, None)) is None:
            writer.close()
            return
        for record in batch:
            writer.put_nowait(record)

    def on_written(records: Sequence[Record]) -> None:
        counted.extend(records)
        put_next()

    writer = Writer(files, capacity=1, on_written=on_written, on_full=lambda seconds: None, sleep=no_sleep)
    put_next()
    await writer.run()


Prepare: TypeAlias = Callable[[OutputPaths], Start]


def go_on(paths: OutputPaths) -> Start:
    return prepare(paths, RUN)


def make(paths: OutputPaths, attempt: str, counted: list[Record], begin: Prepare = go_on) -> None:
    """All that is missing, as a run of the program makes it."""
    with locked(paths):
        start = begin(paths)
        with contextlib.closing(start.open()) as files:
            asyncio.run(write(files, batches(start, attempt), counted))


def make_with_fault(
    paths: OutputPaths, fault: Fault, attempt: str, counted: list[Record], begin: Prepare = go_on
) -> bool:
    """Whether the run met the fault."""
    disk = Disk(paths.output.parent, fault)
    with disk.armed():
        try:
            make(paths, attempt, counted, begin)
            assert not disk.crashed
        except (Crash, OutputError, ConfigError):
            assert disk.met
    if disk.met and fault.seed is not None:
        disk.lose_power(fault.seed)
    return disk.met


def check_end(paths: OutputPaths, counted: Sequence[Record], adopted: Sequence[int] = ()) -> None:
    """Go on without faults: each index is there once, and so is whatever has ever counted.

    `adopted`: what stands for an index in the lines that were not made here.
    """
    everything = [*counted]
    start = prepare(paths, RUN)
    with contextlib.closing(start.open()) as files:
        for batch in batches(start, "at last"):
            files.append_batch(batch)
            everything += batch
        files.append_mark()

    end = prepare(paths, RUN)
    assert end.patches == ()
    assert not list(end.pending())
    lines = Counter(paths.output.read_bytes().splitlines(keepends=True))
    indices = Counter(int(messages[0].content.split()[1]) for messages in conversations(paths.output))
    assert indices == Counter([*range(RUN.num), *adopted])

    known = [entry for entry in entries(paths.journal) if not isinstance(entry, Header | Mark)]
    written = Counter(map(encode_entry, known))
    replies = Counter(reply for path in all_rejects(paths) for reply in path.read_bytes().splitlines(keepends=True))
    assert set((written + replies + lines).values()) == {1}
    assert {record.entries for record in everything} <= set(written)
    assert {record.reject for record in everything if record.reject} <= set(replies)
    assert {record.line for record in everything if record.line} <= set(lines)

    calls = sum(isinstance(entry, Call) for entry in known)
    assert end.ledger.totals.calls == calls + sum(isinstance(entry, Failed) for entry in known)
    assert end.ledger.totals.cost == COST * calls


def all_rejects(paths: OutputPaths) -> Iterator[Path]:
    """With those that were set aside before the journal that knows of them could be."""
    yield paths.rejects
    yield from paths.output.parent.glob(f"{paths.rejects.name}.bak-*")


# ---- the loop


@dataclass(frozen=True)
class State:
    """What a folder holds, and the records that had counted by then."""

    files: dict[str, bytes]
    counted: tuple[Record, ...] = ()

    @classmethod
    def of(cls, folder: Path, counted: Sequence[Record] = ()) -> "State":
        return cls({path.name: path.read_bytes() for path in folder.iterdir()}, tuple(counted))

    def restore(self, folder: Path) -> None:
        for path in folder.iterdir():
            path.unlink()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def explore(paths: OutputPaths, begin: State, faults: Sequence[Fault]) -> list[int]:
    """Meet each of `faults` at the first call, the second, and so on; how many calls there were for each to meet."""
    return [next(number for number in sweep_on() if not meet(paths, begin, fault, number + 1)) for fault in faults]


def meet(paths: OutputPaths, begin: State, fault: Fault, number: int) -> bool:
    begin.restore(paths.output.parent)
    counted = [*begin.counted]
    is_met = make_with_fault(paths, replace(fault, number=number), "once", counted)
    check_end(paths, counted)
    return is_met


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    folder = tmp_path / "run"
    folder.mkdir()
    return OutputPaths.of(folder / "x.jsonl")


@pytest.fixture(autouse=True)
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk loses is decided here."""
    monkeypatch.setattr(os, append_file.SYNC, lambda descriptor: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def torn(paths: OutputPaths) -> State:
    """What the power left of a run's second batch: whole lines behind lost ones, which mending must move."""
    for seed in range(100):
        State({}).restore(paths.output.parent)
        counted: list[Record] = []
        make_with_fault(paths, Fault("sync", number=8, seed=seed), "first", counted)
        if counted and any(patch.moves for patch in prepare(paths, RUN).patches):
            return State.of(paths.output.parent, counted)
    raise AssertionError("no line has to be moved")


KINDS = ("open", "write", "sync", "truncate", "rename", "close")
FAULTS = {
    "an error": [Fault(kind, ALL) for kind in KINDS],
    "no space": [Fault(kind, NO_SPACE) for kind in ("write", "sync")],
    "an error that lasts": [Fault(kind, ALL, lasts=True) for kind in ("write", "sync", "rename", "close")],
    "a short write": [Fault("write", ALL, share) for share in (0.01, 0.8)],
    "a write that cannot be taken back": [Fault("write", ALL, 0.5, then="truncate")],
    "a crash": [Fault(kind) for kind in ("open", "write", "sync", "truncate", "rename")],
    "a crash in a write": [Fault("write", share=share) for share in (0.3, 0.99)],
    "a power loss": [Fault(kind, seed=seed) for kind in ("sync", "rename") for seed in range(4)],
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_fails_in_a_run_each_index_is_made_once(paths: OutputPaths, name: str) -> None:
    states = explore(paths, State({}), FAULTS[name])
    print(f"{sum(states)} states of a run after {name}")  # noqa: T201
    assert sum(states) >= 4 * len(states)


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_fails_in_a_recovery_each_index_is_made_once(paths: OutputPaths, name: str) -> None:
    states = explore(paths, torn(paths), FAULTS[name])
    print(f"{sum(states)} states of a recovery after {name}")  # noqa: T201
    assert sum(states) >= 6 * len(states)
    assert all(states)


# ---- with --overwrite and --append

SMALL = msgspec.structs.replace(RUN, num=2)
FOREIGN = (10, 11, 12)


def overwrite(paths: OutputPaths) -> Start:
    return prepare(paths, SMALL, overwrite=True)


def adopt(paths: OutputPaths) -> Start:
    return prepare(paths, SMALL, append=True)


def half_made(paths: OutputPaths, header: Header) -> State:
    """One index of a run, and what a crash left."""
    counted: list[Record] = []
    make(paths, "before", counted, lambda paths: prepare(paths, msgspec.structs.replace(header, num=1)))
    torn_path(paths.journal).write_bytes(b"torn")
    return State.of(paths.output.parent, counted)


def explore_flag(paths: OutputPaths, before: State, name: str, flag: Prepare) -> Iterator[list[Record]]:
    """Meet each fault in a run with a flag, which is repeated only if a run without it is refused.

    Yields what has counted in the journal that is there then.
    """
    states = 0
    for fault in FAULTS[name]:
        for number in count(1):
            before.restore(paths.output.parent)
            counted: list[Record] = []
            is_met = make_with_fault(paths, replace(fault, number=number), "once", counted, flag)
            if is_refused(paths):
                make(paths, "again", counted, flag)
            yield [*(before.counted if is_still_there(paths.journal, before) else ()), *counted]
            if not is_met:
                break
            states += 1
    print(f"{states} states of a run with a flag after {name}")  # noqa: T201
    assert states >= 3 * len(FAULTS[name])


def is_refused(paths: OutputPaths) -> bool:
    try:
        go_on(paths)
    except ConfigError:
        return True
    return False


def is_still_there(path: Path, before: State) -> bool:
    """Whether a file is the one that was there, perhaps grown."""
    return path.is_file() and path.name in before.files and path.read_bytes().startswith(before.files[path.name])


def lost(folder: Path, before: State) -> list[str]:
    """Which files of before are nowhere, under whatever name."""
    now = [path.read_bytes() for path in folder.iterdir()]
    return [name for name, old in before.files.items() if not any(new.startswith(old) for new in now)]


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", [7, RUN.seed])
def test_whatever_fails_in_an_overwrite_old_and_new_are_never_mixed(
    paths: OutputPaths, name: str, seed: int | None
) -> None:
    before = half_made(paths, msgspec.structs.replace(RUN, seed=seed))
    for counted in explore_flag(paths, before, name, overwrite):
        check_end(paths, counted)
        assert not lost(paths.output.parent, before)
        if not is_still_there(paths.journal, before):
            assert not any(b" before " in path.read_bytes() for path in paths.data)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("with_journal", [False, True])
def test_whatever_fails_in_an_adoption_each_line_is_kept_once(
    paths: OutputPaths,
    name: str,
    with_journal: bool,  # noqa: FBT001
) -> None:
    made = half_made(paths, RUN) if with_journal else State({})
    with paths.output.open("ab") as file:
        file.write(b"".join(line(text(number, "by hand")) for number in FOREIGN).rstrip())
    before = State.of(paths.output.parent, made.counted)
    for counted in explore_flag(paths, before, name, adopt):
        check_end(paths, counted, adopted=FOREIGN)
        assert not lost(paths.output.parent, before)
