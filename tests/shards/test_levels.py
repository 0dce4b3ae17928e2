"""What runs of one plan tell each other, by files beside their shards."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from asyncgen.command.main import main
from asyncgen.pacing.levels import Level
from asyncgen.runs.run import Run
from asyncgen.shards import levels
from asyncgen.shards.levels import STILL, Teller

HERE = "model http://localhost/v1"


class Asked:
    """A run that has a level, as its limiters tell, and keeps what these are told of its share."""

    def __init__(self, aim: int) -> None:
        self.level = Level(aim, 256, is_refused=True)
        self.shares: list[Mapping[str, float]] = []
        self.limiters = self

    def levels(self) -> dict[str, Level]:
        return {HERE: self.level}

    def ask_from_thread(self, question: Callable[[], Any], _seconds: float) -> Any:
        return question()

    def call_from_thread(self, call: Callable[[], None]) -> None:
        call()

    def share(self, shares: Mapping[str, float]) -> None:
        self.shares.append(shares)


def teller(folder: Path, number: int, aim: int) -> tuple[Teller, Asked]:
    run = Asked(aim)
    told = Teller(folder / "levels" / f"{number:05}.json")
    told.run = cast("Run", run)
    return told, run


def test_each_is_told_what_is_fair_among_all(tmp_path: Path) -> None:
    (one, first), (two, second) = teller(tmp_path, 0, 120), teller(tmp_path, 1, 40)
    for _ in range(2):
        one.tell()
        two.tell()
    assert first.shares[-1] == second.shares[-1] == {HERE: 80.0}


def test_what_stands_still_is_of_a_run_that_has_ended(tmp_path: Path) -> None:
    (one, _), (two, second) = teller(tmp_path, 0, 120), teller(tmp_path, 1, 40)
    one.tell()
    two.tell()
    assert second.shares == [{}]  # it may be of long ago
    one.tell()
    two.tell()
    assert second.shares[-1] == {HERE: 80.0}
    for _ in range(STILL):
        two.tell()
    assert second.shares[-1] == {}


def test_who_asks_elsewhere_shares_nothing_and_what_is_torn_is_passed_over(tmp_path: Path) -> None:
    two, second = teller(tmp_path, 1, 40)
    elsewhere = msgspec.json.encode({"count": 9, "levels": {"else http://elsewhere": second.level}})
    for content in (b"", b"{", elsewhere):
        (tmp_path / "levels").mkdir(exist_ok=True)
        (tmp_path / "levels" / "00002.json").write_bytes(content)
        two.tell()
        assert second.shares[-1] == {}


def test_a_shard_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(levels, "EVERY", 0.005)
    was_there = threading.Event()
    write = Path.write_bytes

    def write_bytes(path: Path, content: bytes) -> int:
        if path.parent.name == "levels":
            was_there.set()
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    assert main(["shards", "x", "-n", "200", "--size", "2048", "--provider", "offline"]) == 0
    assert main(["generate", "--shard", "0/1", "-o", "x", "--quiet"]) == 0
    assert was_there.is_set()
    assert not (tmp_path / "x.shards" / "levels").exists()
