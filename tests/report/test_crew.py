"""A plan of shards driven to its end over an engine that writes what shards leave, and what is told of it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from outputs import done
from planned_shards import PLAN, make_shard, more
from rich.console import Console

from asyncgen.report.crew import CrewDisplay, conclude
from asyncgen.shards.child import Order
from asyncgen.shards.crew import Crew, End
from asyncgen.shards.drive import drive, order_of
from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.status import ShardsWatch

COMMAND = "asyncgen ray data/x --address auto"
SHARDS = range(len(PLAN))


@dataclass
class Engine:
    """`ends`: how the attempts of a shard end; then it is made. A wait takes a minute, of `now`."""

    folder: ShardFolder
    ends: dict[int, list[End]]
    interrupts: int = 0
    now: float = 0.0
    under_way: list[int] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    cancelled: list[bool] = field(default_factory=list)

    def start(self, number: int, order: Order) -> None:
        self.under_way.append(number)
        self.orders.append(order)

    def wait(self, seconds: float) -> Sequence[tuple[int, End]]:
        self.now += 60
        if not self.under_way:
            return []
        number = self.under_way.pop(0)
        end = self.ends.get(number, []).pop(0) if self.ends.get(number) else End(130 if self.cancelled else 0)
        _, *others = PLAN.indices(number)
        if not self.folder.shard(number).journal.exists():
            make_shard(self.folder, number, without=others)
        if end.status == 0:
            for each in others:
                more(self.folder, number, done(each))
        return [(number, end)]

    def cancel(self, *, at_once: bool = False) -> None:
        self.cancelled.append(at_once)


@dataclass
class Driven:
    status: int
    shown: str
    said: str
    engine: Engine


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShardFolder:
    monkeypatch.chdir(tmp_path)
    folder = ShardFolder.of(Path("x"))
    folder.put_plan(PLAN)
    return folder


class Drive:
    def __init__(self, folder: ShardFolder, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(self, *, is_terminal: bool = False, interrupts: int = 0, **ends: list[End]) -> Driven:
        engine = Engine(self._folder, {int(name[1:]): each for name, each in ends.items()}, interrupts)
        crew, watch = Crew.of(SHARDS, at_once=2), ShardsWatch(self._folder, PLAN)
        file = io.StringIO()
        console = Console(file=file, force_terminal=is_terminal, width=100)
        display = CrewDisplay(crew, watch, lambda: (3, 1), clock=lambda: engine.now, console=console)
        with display.shown():
            drive(
                engine,
                crew,
                watch,
                lambda number: order_of(number, self._folder, PLAN, ["--budget=9"], COMMAND),
                interrupts=lambda: engine.interrupts if engine.now > 60 else 0,
                show=display.show,
                say=display.say,
                clock=lambda: engine.now,
            )
        status = conclude(self._folder, crew, watch, COMMAND, was_interrupted=interrupts > 0)
        return Driven(status, file.getvalue(), self._capsys.readouterr().err, engine)


@pytest.fixture
def drive_all(folder: ShardFolder, capsys: pytest.CaptureFixture[str]) -> Drive:
    return Drive(folder, capsys)


def test_all_shards_are_made_by_the_ordinary_command_line_and_merging_comes_next(drive_all: Drive) -> None:
    driven = drive_all()
    assert driven.status == 0
    assert [each.words[:5] for each in driven.engine.orders] == [
        ("generate", "--shard", f"{number}/3", "-o", "x") for number in SHARDS
    ]
    assert {(each.words[-1], each.command) for each in driven.engine.orders} == {("--budget=9", COMMAND)}
    for told in ("Finished\n", "done  10 of 10", "cost  $0.010", "asyncgen merge x"):
        assert told in driven.said
    assert "missing" not in driven.said


def test_a_line_now_and_then_says_how_far_it_is_where_there_is_no_terminal(drive_all: Drive) -> None:
    first, *_, last = drive_all().shown.splitlines()
    assert first == "shards 3: 2 under way, 1 waiting; done 0 of 10; cost unknown; nodes 3, 1 lost"
    assert last.startswith("shards 3: 2 made, 1 under way; done 8 of 10; cost $0.008")


def test_a_terminal_shows_the_slowest_shards_and_is_given_back(drive_all: Drive) -> None:
    shown = drive_all(is_terminal=True).shown
    assert "slowest shard" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_a_shard_that_was_left_is_said_and_gone_on_with(drive_all: Drive) -> None:
    held = End(4, "x.shards/00001.jsonl is being written by process 7", where="node7")
    driven = drive_all(s1=[held, End(137)])
    assert driven.status == 0
    assert f"shard 1 on node7: {held.words}; it is gone on with later" in driven.shown
    assert [each.words[2] for each in driven.engine.orders].count("1/3") == 3


def test_a_fault_stops_the_others_which_drain_and_the_line_that_helps_is_told(drive_all: Drive) -> None:
    spent = End(1, "the budget is used up", f"{COMMAND} --budget 12", "node7")
    driven = drive_all(s0=[spent])
    assert driven.status == 1
    assert driven.engine.cancelled == [False]
    for told in ("Stopped: shard 0 on node7: the budget is used up", "missing  3 of 3 shards: 0-2", "--budget 12"):
        assert told in driven.said
    assert "merge" not in driven.said


def test_who_does_not_wait_for_a_drain_after_a_fault_interrupts_once(drive_all: Drive) -> None:
    driven = drive_all(interrupts=1, s0=[End(1, "no money")])
    assert (driven.status, driven.engine.cancelled) == (1, [False, True])


def test_a_plan_that_no_node_finds_is_usage(drive_all: Drive) -> None:
    assert drive_all(s0=[End(2, "x.shards has no plan")]).status == 2


def test_indices_that_have_failed_are_told_with_the_merge_and_the_line_that_tries_them_again(drive_all: Drive) -> None:
    driven = drive_all(s2=[End(3)])
    assert driven.status == 3
    assert COMMAND in driven.said
    assert "asyncgen merge x" in driven.said


@pytest.mark.parametrize(
    ("interrupts", "cancelled", "left"), [(1, [False], "with calls under way"), (2, [False, True], "")]
)
def test_an_interrupt_drains_and_a_second_one_waits_for_nothing(
    drive_all: Drive, interrupts: int, cancelled: list[bool], left: str
) -> None:
    driven = drive_all(interrupts=interrupts)
    assert driven.status == 130
    assert driven.engine.cancelled == cancelled
    assert left in driven.shown
    assert "Interrupted" in driven.said
    assert COMMAND in driven.said
