import asyncio
import errno
import fcntl
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from outputs import (
    HEADER,
    conversation,
    conversations,
    done,
    entries,
    failed,
    file_size_limit,
    line,
    lost,
    rejected,
    rejects,
)
from sweep import sweep

from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.append_file import SYNC, SideFileLostError, sync_directory
from asyncgen.output.begin import prepare
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import Done, Mark, checksum, encode_entry
from asyncgen.output.lock import locked
from asyncgen.output.paths import OutputPaths, torn_path
from asyncgen.output.rejects import Reject, encode_reject
from asyncgen.output.writer import NO_SPACE_PATIENCE, Writer
from asyncgen.timings import USUAL, Timings


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths.of(tmp_path / "x.jsonl")


class Disk:
    """Stands between the files and the system: notes what is asked of it, and fails when told to.

    `room`: bytes still free; `largest_write`: how much one write takes; `failures`: the error of the next call.
    """

    def __init__(self, paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        self.room = 1_000_000
        self.largest_write = 1_000_000
        self.failures: dict[tuple[str, str], int] = {}
        self._names = dict(zip(paths.data, ("output", "journal", "rejects"), strict=True))
        self._write, self._sync = os.write, os.fsync
        monkeypatch.setattr("asyncgen.output.append_file.os.write", self.write)
        monkeypatch.setattr(os, SYNC, self.sync)

    def _name(self, descriptor: int) -> str | None:
        status = os.fstat(descriptor)
        found = (name for path, name in self._names.items() if path.exists() and os.path.samestat(status, path.stat()))
        return next(found, None)

    def _note(self, call: str, name: str) -> None:
        self.calls.append((call, name))
        if number := self.failures.pop((call, name), 0):
            raise OSError(number, os.strerror(number))

    def write(self, descriptor: int, data: bytes) -> int:
        if (name := self._name(descriptor)) is None:
            return self._write(descriptor, data)
        self._note("write", name)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: min(self.room, self.largest_write)])
        self.room -= written
        return written

    def sync(self, descriptor: int) -> None:
        self._note("sync", self._name(descriptor) or "a file without a name")
        self._sync(descriptor)


@pytest.fixture
def disk(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(paths, monkeypatch)


class Run:
    """A writer over real files, and what it told its run."""

    def __init__(self, files: Files, capacity: int, timings: Timings) -> None:
        self.written: list[Sequence[Record]] = []
        self.full: list[int | None] = []
        self.slept: list[float] = []
        self.losses: list[OutputError] = []
        self.on_written: Callable[[], None] = lambda: None
        self.on_taken: Callable[[], None] = lambda: None
        self.on_sleep: Callable[[int], None] = lambda times: None
        self.on_first_sleep: Callable[[], None] = lambda: None
        self.writer = Writer(
            files,
            capacity=capacity,
            on_written=self._count,
            on_taken=lambda _: self.on_taken(),
            on_full=self.full.append,
            on_loss=self.losses.append,
            sleep=self._sleep,
            timings=timings,
        )

    def _count(self, records: Sequence[Record]) -> None:
        self.written.append(records)
        self.on_written()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 1:
            self.on_first_sleep()
        self.on_sleep(len(self.slept))


@contextmanager
def open_run(paths: OutputPaths, *, capacity: int = 100, timings: Timings = USUAL) -> Iterator[Run]:
    files = Files(paths)
    try:
        yield Run(files, capacity, timings)
    finally:
        files.close()


def drive(run: Run, use: Callable[[Run], Awaitable[None]]) -> None:
    """Run `use` beside the writer, then close. An OutputError of the writer is raised as it is."""

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(run.writer.run())
            await use(run)
            run.writer.close()

    try:
        asyncio.run(main())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def run_writer(
    paths: OutputPaths, use: Callable[[Run], Awaitable[None]], *, capacity: int = 100, timings: Timings = USUAL
) -> Run:
    with open_run(paths, capacity=capacity, timings=timings) as run:
        drive(run, use)
    return run


def written_indices(paths: OutputPaths) -> list[int]:
    return [entry.index for entry in entries(paths.journal) if isinstance(entry, Done)]


# ---- what a batch is


def test_entries_are_synced_before_lines_and_rejects_are_written(paths: OutputPaths, disk: Disk) -> None:
    files = Files(paths)
    files.append_batch([done(0), rejected(1)])
    assert disk.calls == [
        ("write", "journal"),
        ("sync", "journal"),
        ("write", "rejects"),
        ("write", "output"),
        ("sync", "rejects"),
        ("sync", "output"),
    ]


def test_a_batch_begins_with_the_sizes_that_were_synced_before_it(paths: OutputPaths) -> None:
    files = Files(paths)
    files.append_batch([done(0), rejected(1)])
    sizes = [path.stat().st_size for path in paths.data]
    files.append_batch([done(1)])
    marks = [entry for entry in entries(paths.journal) if isinstance(entry, Mark)]
    output, journal, rejected_bytes = sizes
    check = checksum(paths.journal.read_bytes()[:journal])
    assert marks == [Mark(0, 0, 0, checksum(b"")), Mark(output, journal, rejected_bytes, check)]


def test_a_file_that_a_batch_does_not_touch_is_not_synced(paths: OutputPaths, disk: Disk) -> None:
    Files(paths).append_batch([lost(0), failed(1)])
    assert disk.calls == [("write", "journal"), ("sync", "journal")]


def test_files_are_their_owners_alone(paths: OutputPaths) -> None:
    Files(paths).close()
    assert {path.stat().st_mode & 0o777 for path in paths.data} == {0o600}


def test_a_reject_is_one_line_whatever_the_model_wrote() -> None:
    encoded = encode_reject(Reject(1, 1, "charset", 'a\n\u2028\0\ud800"'))
    assert encoded.index(b"\n") == len(encoded) - 1
    assert rb"\ud800" in encoded


# ---- the writer


def test_records_are_gathered_into_batches(paths: OutputPaths) -> None:
    async def use(run: Run) -> None:
        for index in range(40):
            run.writer.put_nowait(done(index))

    run = run_writer(paths, use)
    assert len(run.written) == 1
    assert conversations(paths.output) == [conversation(index) for index in range(40)]


def test_half_a_queue_is_written_without_waiting_for_more(paths: OutputPaths) -> None:
    async def use(run: Run) -> None:
        for index in range(3):
            run.writer.put_nowait(done(index))
        await run.writer.put_synced(done(3))  # or the test would end by its timeout

    run_writer(paths, use, capacity=8, timings=Timings(gather=3600))


def test_put_synced_returns_when_the_reply_is_on_disk(paths: OutputPaths, disk: Disk) -> None:
    async def use(run: Run) -> None:
        await run.writer.put_synced(rejected(3))
        assert disk.calls[-1] == ("sync", "rejects")
        assert [reject.index for reject in rejects(paths.rejects)] == [3]

    run_writer(paths, use)


def test_records_count_as_written_after_their_sync(paths: OutputPaths, disk: Disk) -> None:
    calls_before: list[tuple[str, str]] = []

    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))

    with open_run(paths) as run:
        run.on_written = lambda: calls_before.append(disk.calls[-1])
        drive(run, use)
    assert calls_before == [("sync", "output")]


def test_records_are_told_of_as_taken_before_they_are_written(paths: OutputPaths, disk: Disk) -> None:
    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))

    with open_run(paths) as run:
        run.on_taken = lambda: disk.calls.append(("taken", ""))
        drive(run, use)
    assert disk.calls[:2] == [("taken", ""), ("write", "journal")]


def test_close_writes_what_is_queued_and_a_mark_behind_it(paths: OutputPaths) -> None:
    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))

    run_writer(paths, use)
    *_, entry, mark = entries(paths.journal)
    assert isinstance(entry, Done)
    assert isinstance(mark, Mark)
    offset = paths.journal.read_bytes().rindex(b'{"type":"mark"')
    assert (mark.output, mark.journal, mark.rejects) == (paths.output.stat().st_size, offset, 0)


def test_a_writer_that_fails_releases_whoever_waits_for_it(paths: OutputPaths, disk: Disk) -> None:
    disk.room = 0
    with open_run(paths) as run:

        async def main() -> list[BaseException | None]:
            run.on_first_sleep = lambda: waiting.append(asyncio.create_task(queue(1)))
            waiting = [asyncio.create_task(queue(0))]  # in the batch that fails; 1 is queued behind it
            with pytest.raises(OutputError):
                await run.writer.run()
            waiting.append(asyncio.create_task(queue(2)))  # too late
            await asyncio.wait(waiting)
            return [task.exception() for task in waiting]

        async def queue(index: int) -> None:
            await run.writer.put_synced(rejected(index))

        errors = asyncio.run(main())
    assert [type(error) for error in errors] == [OutputError] * 3


# ---- faults of the disk


def test_short_writes_are_completed(paths: OutputPaths, disk: Disk) -> None:
    disk.largest_write = 1
    files = Files(paths)
    files.append_batch([done(0), rejected(1), done(2)])
    assert conversations(paths.output) == [conversation(0), conversation(2)]
    assert len(rejects(paths.rejects)) == 1


def batch_size(paths: OutputPaths) -> int:
    return sum(path.stat().st_size for path in paths.data)


def test_a_full_disk_is_waited_for_at_every_byte(
    paths: OutputPaths, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_sync", lambda descriptor: None)
    batch = [done(0), rejected(1), done(2)]
    Files(paths).append_batch(batch)
    expected = [path.read_bytes() for path in paths.data]
    for room in sweep(sum(map(len, expected))):
        for path in paths.data:
            path.unlink()
        files = Files(paths)
        disk.room = room
        with pytest.raises(OSError, match="No space left"):
            files.append_batch(batch)
        assert paths.output.read_bytes() == paths.rejects.read_bytes() == b""
        assert paths.journal.read_bytes() in {b"", expected[1]}
        disk.room = 1_000_000
        files.append_batch(batch)
        files.close()
        assert [path.read_bytes() for path in paths.data] == expected


def test_the_writer_waits_for_space_and_says_so(paths: OutputPaths, disk: Disk) -> None:
    def make_room(times: int) -> None:
        if times == 3:
            disk.room = 1_000_000

    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))

    disk.room = 150
    with open_run(paths) as run:
        run.on_sleep = make_room
        drive(run, use)
    assert run.slept == [1, 1, 1]
    assert run.full == [30, 29, 28, None]
    assert conversations(paths.output) == [conversation(0)]
    assert written_indices(paths) == [0]


def test_a_disk_that_stays_full_stops_the_run_and_names_what_is_unsaved(paths: OutputPaths, disk: Disk) -> None:
    async def use(run: Run) -> None:
        for index in range(3):
            run.writer.put_nowait(done(index))
        run.writer.put_nowait(lost(3))

    disk.room = 0
    with open_run(paths) as run:
        # Queued behind the batch that cannot be written.
        run.on_first_sleep = lambda: run.writer.put_nowait(done(4))
        with pytest.raises(OutputError, match="No space left on device; conversations that could not be saved: 4"):
            drive(run, use)
    assert len(run.slept) == NO_SPACE_PATIENCE
    assert batch_size(paths) == 0


def test_what_calls_cost_is_known_although_there_is_no_room_for_their_lines(paths: OutputPaths, disk: Disk) -> None:
    files = Files(paths)
    files.append_batch([done(0)])
    disk.room = 2 * paths.journal.stat().st_size
    batch = [Record(done(1).entries, b"x" * disk.room)]
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            files.append_batch(batch)
        disk.room = 100
    assert conversations(paths.output) == [conversation(0)]
    assert written_indices(paths) == [0, 1]


def test_no_room_for_the_last_mark_is_no_fault_of_the_run(paths: OutputPaths, disk: Disk) -> None:
    async def use(run: Run) -> None:
        await run.writer.put_synced(done(0))
        disk.room = 10

    run_writer(paths, use, capacity=1)
    assert conversations(paths.output) == [conversation(0)]
    assert isinstance(entries(paths.journal)[-1], Done)


def test_an_error_of_the_last_mark_is_reported(paths: OutputPaths, disk: Disk) -> None:
    async def use(run: Run) -> None:
        await run.writer.put_synced(done(0))
        disk.failures["write", "journal"] = errno.EIO

    with pytest.raises(OutputError, match="Input/output error"):
        run_writer(paths, use, capacity=1)


@pytest.mark.parametrize("name", ["journal", "rejects", "output"])
def test_an_error_of_a_write_is_fatal_at_once_and_leaves_nothing_torn(
    paths: OutputPaths, disk: Disk, name: str
) -> None:
    async def use(run: Run) -> None:
        await run.writer.put_synced(done(0))
        disk.failures["write", name] = errno.EIO
        run.writer.put_nowait(done(1))
        run.writer.put_nowait(rejected(2))

    with pytest.raises(OutputError, match="Input/output error; conversations that could not be saved: 1"):
        run_writer(paths, use, capacity=1)
    assert conversations(paths.output) == [conversation(0)]
    assert paths.rejects.read_bytes() == b""


def test_no_memory_to_write_with_is_fatal_and_nothing_is_lost_without_a_word(
    paths: OutputPaths, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_: int, __: bytes) -> int:
        raise MemoryError

    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))
        run.writer.put_nowait(lost(1))

    monkeypatch.setattr("asyncgen.output.append_file.os.write", write)
    with open_run(paths) as run:
        with pytest.raises(OutputError, match="no memory to write with; lower --concurrency"):
            drive(run, use)
        assert asyncio.run(run.writer.save_rest()) == 2


@pytest.mark.parametrize("name", ["journal", "rejects", "output"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_failed_sync_is_fatal_and_no_second_one_is_trusted(
    paths: OutputPaths, disk: Disk, name: str, error: int
) -> None:
    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))
        run.writer.put_nowait(rejected(1))

    disk.failures["sync", name] = error
    with open_run(paths) as run, pytest.raises(OutputError, match="the disk did not confirm the last write"):
        drive(run, use)
    assert disk.calls.count(("sync", name)) == 1
    assert run.written == []


def replace(path: Path) -> None:
    path.rename(path.with_suffix(".away"))
    path.touch()


def truncate(path: Path) -> None:
    os.truncate(path, 3)


def extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"[]\n")


@pytest.mark.parametrize("name", ["output", "journal", "rejects"])
@pytest.mark.parametrize("meddle", [Path.unlink, replace, truncate, extend])
def test_a_file_changed_by_someone_else_stops_the_run(
    paths: OutputPaths, meddle: Callable[[Path], None], name: str
) -> None:
    files = Files(paths)
    files.append_batch([done(0), rejected(1)])
    meddle(getattr(paths, name))
    with pytest.raises(OutputError, match=r"changed by someone else|gone while it was being written"):
        files.append_batch([done(2), rejected(3)])


def move(path: Path) -> None:
    path.rename(path.with_suffix(".away"))


def put_back(path: Path) -> None:
    if path.with_suffix(".away").exists():
        assert not path.exists()
        path.with_suffix(".away").rename(path)


@pytest.mark.parametrize("name", ["journal", "rejects"])
@pytest.mark.parametrize("meddle", [move, Path.unlink])
@pytest.mark.parametrize("sync", [0, 1, 2, 3], ids=["before", "journal", "rejects", "output"])
def test_a_side_file_that_goes_away_takes_nothing_with_it(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[Path], None], name: str, sync: int
) -> None:
    """Whenever it goes: all of the batch is written, the run is told once, and the next one finds nothing to mend."""
    path, syncs, told = getattr(paths, name), count(1), list[str]()
    files = prepare(paths, HEADER).open()
    monkeypatch.setattr(os, SYNC, lambda _: meddle(path) if next(syncs) == sync else None)
    if sync == 0:
        meddle(path)
    for index in range(4):
        try:
            files.append_batch([rejected(index), done(index)])
        except SideFileLostError as loss:
            told.append(str(loss))
    files.append_mark()
    files.close()
    fate = "moved away" if meddle is move else "deleted, and put back as it was"
    assert [f"{path}: gone while it was being written: {fate}" in sentence for sentence in told] == [True]
    put_back(path)
    start = prepare(paths, HEADER)
    assert start.patches == ()
    assert list(start.pending()) == [4, 5]
    assert conversations(paths.output) == [conversation(index) for index in range(4)]
    assert [reject.index for reject in rejects(paths.rejects)] == list(range(4))


@pytest.mark.parametrize("name", ["journal", "rejects"])
def test_a_side_file_that_is_deleted_when_all_is_written_is_put_back_at_the_close(
    paths: OutputPaths, name: str
) -> None:
    path = getattr(paths, name)
    files = prepare(paths, HEADER).open()
    files.append_batch([rejected(0), done(0)])
    files.append_mark()
    content = path.read_bytes()
    path.unlink()
    files.close()
    assert path.read_bytes() == content


def test_a_run_whose_side_file_goes_away_is_told_and_writes_what_is_under_way(paths: OutputPaths) -> None:
    async def use(run: Run) -> None:
        await run.writer.put_synced(rejected(0))
        paths.rejects.unlink()
        await run.writer.put_synced(rejected(1))
        await run.writer.put_synced(done(1))

    run = run_writer(paths, use)
    (loss,) = run.losses
    assert "x.jsonl.rejects: gone while it was being written: deleted" in str(loss)
    assert sum(map(len, run.written)) == 3
    assert [reject.index for reject in rejects(paths.rejects)] == [0, 1]


@pytest.mark.parametrize("meddle", [replace, truncate, extend])
def test_what_has_no_entry_any_more_is_kept_as_a_reject(paths: OutputPaths, meddle: Callable[[Path], None]) -> None:
    """A line that no journal knows would be a stranger to the next run."""
    files = Files(paths)
    files.append_batch([done(0)])
    before = paths.output.read_bytes()
    meddle(paths.journal)
    with pytest.raises(OutputError, match=r"changed by someone else .*; what had just arrived is in x\.jsonl\.rejects"):
        files.append_batch([rejected(1), done(2)])
    assert paths.output.read_bytes() == before
    assert [(reject.index, reject.reason) for reject in rejects(paths.rejects)] == [(1, "not-json"), (2, "no-output")]


@pytest.mark.parametrize("meddle", [replace, truncate, extend])
def test_rejects_that_someone_changes_do_not_keep_lines_from_the_output(
    paths: OutputPaths, meddle: Callable[[Path], None]
) -> None:
    files = Files(paths)
    files.append_batch([rejected(0), done(0)])
    meddle(paths.rejects)
    theirs = paths.rejects.read_bytes()
    with pytest.raises(OutputError, match=r"what had just arrived is in x\.jsonl\.rejects\.torn"):
        files.append_batch([rejected(1), done(1)])
    assert conversations(paths.output) == [conversation(0), conversation(1)]
    assert paths.rejects.read_bytes() == theirs
    assert [reject.index for reject in rejects(torn_path(paths.rejects))] == [1]


# ---- what is still journalled after a fault


async def fail(run: Run) -> None:
    with pytest.raises(OutputError):
        await run.writer.run()


@pytest.mark.parametrize("name", ["rejects", "output"])
def test_calls_that_a_fault_of_the_disk_cancels_are_journalled_where_the_journal_can_be(
    paths: OutputPaths, disk: Disk, name: str
) -> None:
    disk.failures["write", name] = errno.EIO
    with open_run(paths) as run:

        async def main() -> int:
            for record in (rejected(0), done(1)):
                run.writer.put_nowait(record)
            await fail(run)
            for record in (lost(2), done(3)):
                run.writer.put_nowait(record)
            return await run.writer.save_rest()

        assert asyncio.run(main()) == 0
    told = [entry for entry in entries(paths.journal) if not isinstance(entry, Mark)]
    assert [encode_entry(entry) for entry in told] == [
        record.entries for record in (rejected(0), done(1), lost(2), done(3))
    ]
    assert conversations(paths.output) == []


@pytest.mark.parametrize("call", ["write", "sync"])
def test_calls_of_which_the_journal_cannot_be_told_are_counted(paths: OutputPaths, disk: Disk, call: str) -> None:
    """After a sync that failed, nothing is written behind what may not be there."""
    disk.failures[call, "journal"] = errno.EIO
    with open_run(paths) as run:

        async def main() -> int:
            run.writer.put_nowait(done(1))
            await fail(run)
            run.writer.put_nowait(lost(2))
            disk.failures["write", "journal"] = errno.EIO
            return await run.writer.save_rest()

        assert asyncio.run(main()) == 2
    assert conversations(paths.output) == []


def test_what_arrives_behind_a_batch_for_which_there_is_no_output_is_kept_with_it(paths: OutputPaths) -> None:
    with open_run(paths) as run:

        async def main() -> int:
            paths.output.unlink()
            run.writer.put_nowait(done(1))
            await fail(run)
            run.writer.put_nowait(done(2))
            return await run.writer.save_rest()

        assert asyncio.run(main()) == 0
    assert written_indices(paths) == [1, 2]
    assert [reject.index for reject in rejects(paths.rejects)] == [1, 2]


@pytest.mark.parametrize("sync", [1, 2], ids=["of the journal", "of the rejects"])
def test_lines_for_an_output_that_goes_away_before_it_is_synced_are_kept_as_rejects(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch, sync: int
) -> None:
    files = Files(paths)
    files.append_batch([done(0)])
    syncs = count(1)
    monkeypatch.setattr(os, SYNC, lambda _: paths.output.unlink() if next(syncs) == sync else None)
    with pytest.raises(OutputError, match=r"gone while .*; what had just arrived is in x\.jsonl\.rejects"):
        files.append_batch([rejected(1), done(2), done(3)])
    first, *kept = rejects(paths.rejects)
    assert first.reason == "not-json"
    assert kept == [Reject(index, 1, "no-output", line(index).decode().rstrip()) for index in (2, 3)]
    assert not paths.output.exists()


def test_a_torn_line_that_cannot_be_taken_back_is_never_followed_by_another(
    paths: OutputPaths, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files = Files(paths)
    disk.room = 10
    monkeypatch.setattr("asyncgen.output.append_file.os.ftruncate", refuse)
    with pytest.raises(OutputError, match="torn line cannot be taken back"):
        files.append_batch([done(0)])


def test_an_error_of_close_is_reported_and_all_files_are_closed(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    def close(descriptor: int) -> None:
        closed.append(descriptor)
        real_close(descriptor)
        raise OSError(errno.ENOSPC, "No space left on device")

    files = Files(paths)
    real_close = os.close
    monkeypatch.setattr("asyncgen.output.append_file.os.close", close)
    with pytest.raises(OutputError, match="could not be closed: No space left on device"):
        files.close()
    assert len(closed) == 3


def test_a_limit_of_the_shell_on_the_size_of_files_is_named(paths: OutputPaths) -> None:
    async def use(run: Run) -> None:
        run.writer.put_nowait(done(0))

    with file_size_limit(30), pytest.raises(OutputError, match=r"File too large; .* could not be saved: 1"):
        run_writer(paths, use)
    assert batch_size(paths) == 0


# ---- paths and the lock


def test_two_names_of_one_output_are_one_output(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "x.jsonl")
    assert OutputPaths.of(tmp_path / "link.jsonl") == OutputPaths.of(tmp_path / "x.jsonl")


@pytest.mark.parametrize("name", ["/", "~no-such-user-here/x.jsonl"])
def test_a_path_that_names_no_file_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is a folder|leads nowhere"):
        OutputPaths.of(Path(name))


def test_a_second_run_is_told_who_writes_the_output(paths: OutputPaths) -> None:
    holder = f"is being written by process {os.getpid()} on {socket.gethostname()};"
    with locked(paths):
        with pytest.raises(ConfigError, match=holder), locked(paths):
            pass
        assert paths.lock.exists()
    with locked(paths):
        pass


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.symlink_to("elsewhere"), "a link"),
        (lambda path: path.symlink_to(path), "a link"),
        (lambda path: path.mkdir(), "a folder"),
        (os.mkfifo, "a pipe or a device"),
    ],
)
def test_what_stands_in_the_place_of_the_lock_is_named(
    paths: OutputPaths, make: Callable[[Path], object], what: str
) -> None:
    make(paths.lock)
    with pytest.raises(ConfigError, match=rf"x\.jsonl\.lock is {what}, .*: move it away"), locked(paths):
        pass
    assert os.path.lexists(paths.lock)


def test_the_lock_of_a_killed_run_is_free(paths: OutputPaths) -> None:
    paths.lock.write_text("process 1 on another-host with a longer name\n")
    with locked(paths):
        assert paths.lock.read_text().startswith(f"process {os.getpid()} on {socket.gethostname()}\n")


def test_a_refused_run_leaves_no_lock_file_that_was_not_there(paths: OutputPaths) -> None:
    with pytest.raises(ConfigError), locked(paths):
        raise ConfigError("refused")
    assert not paths.lock.exists()
    paths.lock.touch()
    with pytest.raises(ConfigError), locked(paths):
        raise ConfigError("refused")
    assert paths.lock.exists()


def test_a_lock_whose_file_is_unlinked_before_it_is_held_is_taken_again(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_flock, unlinked = fcntl.flock, list[int]()

    def flock(descriptor: int, operation: int) -> None:
        real_flock(descriptor, operation)
        if not unlinked:
            paths.lock.unlink()
            unlinked.append(descriptor)

    monkeypatch.setattr("asyncgen.output.lock.fcntl.flock", flock)
    with locked(paths), pytest.raises(ConfigError, match="is being written by"), locked(paths):
        pass
    assert unlinked


def test_a_lock_file_that_leads_elsewhere_is_refused(paths: OutputPaths, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("content")
    paths.lock.symlink_to(target)
    with pytest.raises(ConfigError, match=r"x\.jsonl\.lock is a link"), locked(paths):
        pass
    assert target.read_text() == "content"


def test_a_full_disk_does_not_keep_a_run_from_its_lock(paths: OutputPaths) -> None:
    with file_size_limit(0), locked(paths), pytest.raises(ConfigError, match="another run"), locked(paths):
        pass


# ---- folders


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "ENOSYS", "EIO", "EACCES", "EPERM"])
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_that_cannot_be_synced_stops_nobody(
    name: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CIFS, FUSE and old WSL cannot; the files in it are synced all the same."""

    def fail(*_: object) -> int:
        raise OSError(getattr(errno, name), "no")

    monkeypatch.setattr(os, call, fail)
    sync_directory(tmp_path)


def test_a_folder_that_is_gone_is_no_folder_that_cannot_be_synced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "nowhere")


def test_a_folder_on_a_full_disk_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no"):
        sync_directory(tmp_path)
