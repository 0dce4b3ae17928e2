"""Shards in object storage: what one machine has published another one goes on with, and no call is forgotten."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, cast

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from outputs import COST, conversation, conversations, done, failed, lost, make_run, rejected, rejects
from planned_shards import PLAN, header_of, make_all

from asyncgen.command.main import main
from asyncgen.data.state import make_report
from asyncgen.errors import ConfigError
from asyncgen.output.earlier import read_status
from asyncgen.output.files import Record
from asyncgen.output.lease import Lease, encode_lease, own_lease
from asyncgen.output.paths import OutputPaths
from asyncgen.pacing.rates import Rates
from asyncgen.runs.run import Run
from asyncgen.shards import publish
from asyncgen.shards.claim import ShardTakenError
from asyncgen.shards.drive import order_of
from asyncgen.shards.merge import merge
from asyncgen.shards.parts import Position
from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.pool import NAME, KeptPool, PoolTerms
from asyncgen.shards.publish import SUPERSEDED, published
from asyncgen.shards.scripts import KUBERNETES, SLURM, write_job
from asyncgen.shards.status import MADE, STILL, UNDER_WAY, report_on
from asyncgen.shards.store import LIBRARIES, ObjectStore, StorageError
from asyncgen.shards.stored import StoredShards
from asyncgen.stop import Stop

URL = "memory://bucket/x"
NUMBER = 1  # of the shard with indices 4 to 7


class Scripted(MemoryFileSystem):  # type: ignore[misc]  # which has no types
    """Object storage whose next calls fail as they are told. `puts`: how many objects were to be put."""

    cachable = False
    faults: ClassVar[list[Exception]] = []
    is_done_all_the_same = False
    puts = 0

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        type(self).puts += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault is None or self.is_done_all_the_same:
            super().pipe_file(path, value, mode, **options)
        if fault is not None:
            raise fault


@pytest.fixture(autouse=True)
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scripted]]:
    monkeypatch.setitem(LIBRARIES, "memory", "fsspec")
    monkeypatch.setattr(Scripted, "faults", [])
    monkeypatch.setattr(Scripted, "is_done_all_the_same", False)
    fsspec.register_implementation("memory", Scripted, clobber=True)
    yield Scripted
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def shards() -> StoredShards:
    shards = StoredShards(URL)
    assert shards.put_plan(PLAN)
    return shards


class Machine:
    """One with a disk of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.paths = OutputPaths.of(folder / "00001.jsonl")
        self.said: list[str] = []
        self.slept: list[float] = []

    def beside(self, patience: float = 0.0) -> AbstractContextManager[Callable[[Run], None]]:
        shard = StoredShards(URL).shard(NUMBER)
        return published(shard, self.paths, self.said.append, patience=patience, sleep=self.slept.append)

    def write(self, *records: Record) -> None:
        make_run(self.paths, [[record] for record in records], header_of(NUMBER))

    def make(self, *records: Record) -> None:
        with self.beside():
            self.write(*records)

    def contents(self) -> list[bytes]:
        return [path.read_bytes() for path in self.paths.data]


@pytest.fixture
def machines(tmp_path: Path) -> list[Machine]:
    return [Machine(tmp_path / name) for name in ("one", "two")]


def seen(number: int = NUMBER) -> tuple[int, int, int]:
    """Of a shard: done, failed, calls."""
    state = StoredShards(URL).view().see(number)
    assert state is not None
    return state.sums.done, sum(state.sums.failed.values()), state.sums.calls


def test_another_machine_goes_on_where_one_has_stopped(shards: StoredShards, machines: list[Machine]) -> None:
    one, two = machines
    one.make(done(4), rejected(5))
    two.make()
    assert conversations(two.paths.output) == [conversation(4)]
    assert [each.index for each in rejects(two.paths.rejects)] == [5]
    two.make(done(5), failed(6))
    before = two.contents()
    one.make()
    assert [mine.startswith(theirs) for mine, theirs in zip(one.contents(), before, strict=True)] == [True] * 3
    assert seen() == (2, 1, 4)
    assert not shards.store.read("00001/lease")


def test_a_machine_that_has_all_that_is_published_fetches_nothing(
    shards: StoredShards, machines: list[Machine]
) -> None:
    one, _ = machines
    one.make(done(4))
    one.write(done(5))  # and was killed before it could publish
    one.make(done(6))
    assert one.said == [f"{shards.path}/00001: all that is made is published, up to part {part}" for part in (1, 2)]
    assert seen() == (3, 0, 3)
    assert shards.is_planned()


def test_parts_are_no_larger_than_they_may_be_and_put_together_again(
    shards: StoredShards, machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = machines
    monkeypatch.setattr(publish, "LARGEST", 1)
    one.make(*[done(index) for index in range(4, 8)], rejected(4))
    shard = shards.shard(NUMBER)
    shard.look()
    assert shard.parts > 5
    with two.beside():
        pass
    assert two.contents() == one.contents()


def test_who_was_overtaken_is_told_and_what_his_calls_have_cost_is_counted(
    shards: StoredShards, machines: list[Machine], tmp_path: Path
) -> None:
    one, two = machines
    one.make(done(4))

    def go_on() -> None:
        with one.beside():
            one.write(done(5))
            shards.store.remove("00001/lease")  # as after the machine has been out of sight
            two.make(done(5, "again"), done(6))
            one.write(done(6, "late"), rejected(7), lost(7))

    with pytest.raises(ShardTakenError, match="another run has put part 2"):
        go_on()
    assert "of no use, put aside and counted: 3" in one.said[-1]
    assert seen() == (3, 0, 6)
    two.make(done(7))
    with one.beside():
        pass
    assert one.said[-1] == "memory://bucket/x.shards/00001: fetching 3 parts"
    assert one.contents() == two.contents()
    for number in (0, 2):
        make_shard_in_storage(tmp_path, number)
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    result = merge(StoredShards(URL), PLAN, paths.output)
    assert (result.lines, result.obstacles, result.failed) == (10, {}, {})
    report = make_report(*read_status(paths))
    assert (report.done, report.calls) == (10, 13)
    assert Decimal(bytes(report.cost_usd or b"0").decode()) == 13 * COST
    assert [(each.index, each.reason) for each in rejects(paths.rejects)] == [
        (7, "not-json"),
        (5, SUPERSEDED),
        (6, SUPERSEDED),
    ]


def test_a_copy_that_was_changed_here_is_fetched_again_and_no_call_is_counted_twice(
    shards: StoredShards, machines: list[Machine]
) -> None:
    one, _ = machines
    one.make(done(4), done(5))
    before = one.contents()
    first, *others = one.paths.journal.read_bytes().splitlines(keepends=True)
    one.paths.journal.write_bytes(first + b"".join(others[2:]))
    one.paths.output.write_bytes(b"")
    with one.beside():
        assert one.contents() == before
    assert seen() == (2, 0, 2)
    assert shards.store.names("00001") == ["00001/part-000001"]


def make_shard_in_storage(tmp_path: Path, number: int) -> None:
    shard = StoredShards(URL).shard(number)
    paths = OutputPaths.of(tmp_path / f"{number}.jsonl")
    with published(shard, paths, print, patience=0.0):
        made = [[done(index)] for index in PLAN.indices(number)]
        make_run(paths, made, header_of(number))


def test_shards_in_storage_merge_as_those_in_a_folder(shards: StoredShards, tmp_path: Path) -> None:
    folder = make_all(tmp_path)
    for number, paths in folder.shards(PLAN):
        with published(shards.shard(number), paths, print, patience=0.0):
            pass
    merge(folder, PLAN, tmp_path / "one.jsonl")
    merge(StoredShards(URL), PLAN, tmp_path / "two.jsonl")
    one, two = (OutputPaths(tmp_path / name).data for name in ("one.jsonl", "two.jsonl"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    told = report_on(StoredShards(URL), PLAN, now=0.0)
    assert ([each.state for each in told.shards], told.done, told.calls) == ([MADE] * 3, 10, 10)
    assert [*tmp_path.glob(".shard-*")] == []


def test_a_storage_that_is_down_keeps_what_was_made_for_the_next_time(
    shards: StoredShards, machines: list[Machine], storage: type[Scripted]
) -> None:
    one, _ = machines

    def run() -> None:
        with one.beside():
            one.write(done(4))
            storage.faults += [OSError("no route")] * publish.LAST_TRIES

    with pytest.raises(StorageError, match=r"cannot be written: no route.*the same line publishes it") as raised:
        run()
    assert raised.value.exit_status == 4
    assert one.slept == [1.0, 2.0, 4.0, 8.0]
    assert shards.view().see(NUMBER) is None
    one.make()
    assert seen() == (1, 0, 1)


def test_a_part_that_was_put_and_never_confirmed_is_ones_own(
    shards: StoredShards, machines: list[Machine], storage: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = machines
    with one.beside():
        one.write(done(4))
        monkeypatch.setattr(storage, "is_done_all_the_same", True)
        storage.faults.append(TimeoutError("read timed out"))
    assert seen() == (1, 0, 1)
    assert shards.store.names("00001") == ["00001/part-000001"]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda store: store.remove("00001/part-000001"), "part-000001 is missing; restore it"),
        (lambda store: store.put("00001/part-000002", b"{"), "restore it from a backup of the storage"),
        (lambda store: store.put("00001/part-000002", store.read("00001/part-000001")), "is damaged"),
        (lambda store: store.put("00001/part-000002", store.read("00001/part-000002")[:-9]), "is damaged"),
        (
            lambda store: store.put(
                "00001/part-000001", store.read("00001/part-000001").replace(b'"index":4', b'"index":9')
            ),
            "is damaged",
        ),
    ],
)
def test_a_part_that_is_damaged_is_named(
    shards: StoredShards, machines: list[Machine], harm: Callable[[ObjectStore], None], told: str, tmp_path: Path
) -> None:
    one, two = machines
    one.make(done(4))
    one.make(done(5))
    for number in (0, 2):
        make_shard_in_storage(tmp_path, number)
    harm(shards.store)
    with pytest.raises(ConfigError, match=told), two.beside():
        pass
    obstacle = merge(StoredShards(URL), PLAN, tmp_path / "x.jsonl").obstacles[NUMBER]
    assert told in obstacle.text
    assert obstacle.remedy == "anew"


OTHER = Lease("process 7 on node7", "node7 boot", "1234")


def hold(shards: StoredShards, lease: Lease) -> None:
    shards.store.put("00001/lease", encode_lease(lease))


def test_a_shard_that_is_being_made_elsewhere_is_left_alone(
    shards: StoredShards, machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = machines
    hold(shards, OTHER)
    beats = iter(range(1, 1000))

    def beat(seconds: float) -> None:
        one.slept.append(seconds)
        hold(shards, Lease(OTHER.holder, OTHER.machine, OTHER.run, next(beats)))

    shard = shards.shard(NUMBER)
    with (
        pytest.raises(ShardTakenError, match=r"x\.shards/00001 is being made by process 7 on node7") as raised,
        published(shard, one.paths, one.said.append, patience=4.0, sleep=beat),
    ):
        pass
    assert raised.value.exit_status == 4
    assert sum(one.slept) >= 4.0
    assert shards.store.names("00001") == ["00001/lease"]


@pytest.mark.parametrize("is_other_machine", [True, False])
def test_a_shard_of_a_run_that_has_died_is_gone_on_with(
    shards: StoredShards,
    machines: list[Machine],
    is_other_machine: bool,  # noqa: FBT001
) -> None:
    one, _ = machines
    machine = OTHER.machine if is_other_machine else f"{own_lease().machine} {one.paths.output}"
    hold(shards, Lease("process 7 on node7", machine, "1234"))
    one.make(done(4))
    assert seen() == (1, 0, 1)
    assert (sum(one.slept) > 30) == is_other_machine


def test_of_two_that_take_a_shard_of_a_dead_run_at_once_one_does(shards: StoredShards, machines: list[Machine]) -> None:
    one, _ = machines
    hold(shards, OTHER)
    later = Lease("process 8 on node8", "node8 boot", "5678")

    def sleep(seconds: float) -> None:
        if seconds > 1.0:
            hold(shards, later)

    shard = shards.shard(NUMBER)
    with (
        pytest.raises(ShardTakenError, match="by process 8"),
        published(shard, one.paths, print, patience=0, sleep=sleep),
    ):
        pass


def test_a_storage_that_writes_over_what_is_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_over(self: MemoryFileSystem, path: str, value: bytes, mode: str = "", **_: object) -> None:
        MemoryFileSystem.pipe_file(self, path, value)

    monkeypatch.setattr(Scripted, "pipe_file", write_over)
    with pytest.raises(ConfigError, match="has written over an object"):
        StoredShards(URL).put_plan(PLAN)


def test_a_shard_is_under_way_while_it_is_held_and_parts_arrive(shards: StoredShards, machines: list[Machine]) -> None:
    one, _ = machines
    with one.beside():
        one.write(done(4))
    shard = shards.shard(NUMBER)
    shard.look()
    assert shard.newest is not None
    now = shard.newest.time + 60
    assert report_on(StoredShards(URL), PLAN, now=now).shards[NUMBER].state == STILL
    hold(shards, OTHER)
    assert report_on(StoredShards(URL), PLAN, now=now).shards[NUMBER].state == UNDER_WAY


def test_a_shard_is_made_by_the_command_line_and_found_made_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    assert main(["shards", URL, "-n", "2050", "--size", "2048", "--provider", "offline"]) == 0
    make = ["generate", "--shard", "1/2", "-o", URL, "--quiet"]
    assert main([*make, "--overwrite"]) == 2
    assert "delete what is in memory://bucket/x.shards/00001/ and " in capfd.readouterr().err
    assert main(make) == 0
    assert len(conversations(Path("data/memory/bucket/x.shards/00001.jsonl"))) == 2
    monkeypatch.chdir(tmp_path / "two")
    assert main([*make, "--local", "elsewhere"]) == 0
    assert "x.shards/00001: nothing to do, all is there: 2 conversations" in capfd.readouterr().err
    assert not Path("elsewhere/memory/bucket/x.shards/00001.jsonl").exists()
    assert main(["status", URL]) == 0
    assert "2: 1 not begun, 1 made" in capfd.readouterr().out
    assert main(["merge", URL, "-o", URL]) == 2
    assert main(["merge", URL, "-o", "x.jsonl"]) == 1
    assert f"to go on: asyncgen generate --shard 0/2 -o {URL}" in capfd.readouterr().err


def test_jobs_for_shards_in_storage_need_no_volume_that_is_shared(shards: StoredShards) -> None:
    script = write_job(KUBERNETES, shards, PLAN)
    assert "emptyDir: {}" in script
    assert "CLAIM" not in script
    assert f"asyncgen merge {URL} -o FILE" in write_job(SLURM, shards, PLAN)
    order = order_of(1, shards, PLAN, [], "")
    assert order.words[:5] == ("generate", "--shard", "1/3", "-o", URL)
    assert not order.is_shared


def test_what_is_left_here_of_another_plan_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ShardFolder.of(Path("data/memory/bucket/x")).put_plan(PLAN)
    assert main(["shards", URL, "-n", "2050", "--size", "2048", "--provider", "offline"]) == 0
    assert main(["generate", "--shard", "1/2", "-o", URL, "--quiet"]) == 2
    assert "was made for another plan in memory://bucket/x.shards: delete it" in capfd.readouterr().err


class Beats:
    """Stands for the event that ends a publisher: after so many waits, each of which is noted."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) > self.number


class Told:
    """Stands for a run."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stop = Stop()

    def say(self, text: str) -> None:
        self.said.append(text)

    def call_from_thread(self, call: Callable[[], None]) -> None:
        call()


def publish_beside(one: Machine, run: Told, beats: Beats) -> publish.Publisher:
    """What the thread does, until the beats are over."""
    publisher = publish.Publisher(StoredShards(URL).shard(NUMBER), one.paths, Position(), "run", one.said.append)
    publisher.follow(cast("Run", run))
    thread = threading.Thread(target=publisher.go_on, args=(beats,))
    thread.start()
    thread.join()
    return publisher


def test_a_storage_that_is_down_is_tried_again_later_and_later_and_told_of_once(
    shards: StoredShards, machines: list[Machine], storage: type[Scripted]
) -> None:
    one, _ = machines
    one.write(done(4))
    storage.faults += [OSError("no route")] * 3
    run, beats = Told(), Beats(5)
    publish_beside(one, run, beats).finish(one.slept.append)
    assert beats.waits == [1.0, 2.0, 4.0, 8.0, publish.EVERY, publish.EVERY]
    assert [text.rpartition(": ")[2] for text in run.said] == [
        "no route. The run goes on, on this disk; it is tried again",
        "published again",
    ]
    assert seen() == (1, 0, 1)
    assert shards.store.names("00001") == ["00001/part-000001"]


def test_a_run_that_was_overtaken_is_stopped_and_told_of_once(shards: StoredShards, machines: list[Machine]) -> None:
    one, two = machines
    two.make(done(4))
    one.write(done(4, "late"))
    run = Told()
    publisher = publish_beside(one, run, Beats(3))
    assert isinstance(run.stop.error, ShardTakenError)
    publisher.finish(one.slept.append)
    assert one.said == [f"{shards.path}/00001: calls of this run that are of no use, put aside and counted: 1"]
    assert seen() == (1, 0, 2)


def test_a_pool_stands_beside_the_parts_and_counts_what_they_tell(
    shards: StoredShards, machines: list[Machine]
) -> None:
    machines[0].make(done(4), lost(5))
    KeptPool(URL, PoolTerms(Decimal(1), Rates(), 1)).begin()
    content = shards.read_note(NAME)
    assert content is not None
    assert json.loads(content)["shards"] == {str(NUMBER): {"money": str(2 * COST), "run": None}}
