"""The plan of shards: written once, whole, whoever else tries at the same time, and kept to."""

import threading
from pathlib import Path

import msgspec
import pytest
from planned_shards import PLAN

from asyncgen.errors import ConfigError
from asyncgen.shards.plan import ShardFolder


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    return ShardFolder.of(tmp_path / "x")


@pytest.mark.parametrize("name", ["x", "x.jsonl", "x.shards"])
def test_a_folder_is_found_by_its_output_and_by_its_own_name(folder: ShardFolder, name: str) -> None:
    named = folder.stem.with_name(name)
    assert ShardFolder.find(named) is None
    folder.put_plan(PLAN)
    assert ShardFolder.find(named) == folder
    assert folder.path.name == "x.shards"
    assert folder.shard(17).output.name == "00017.jsonl"


def test_a_file_that_is_there_is_meant_by_its_name(folder: ShardFolder) -> None:
    folder.put_plan(PLAN)
    folder.merged.touch()
    assert ShardFolder.find(folder.merged) is None
    assert ShardFolder.find(folder.stem) == folder


def test_a_plan_comes_back_and_is_put_once(folder: ShardFolder) -> None:
    assert folder.put_plan(PLAN)
    assert folder.read_plan() == PLAN
    assert not folder.put_plan(PLAN)
    assert [each.name for each in folder.path.iterdir()] == ["plan.json"]


def test_of_many_that_plan_at_once_one_does(folder: ShardFolder) -> None:
    put: list[bool] = []
    threads = [threading.Thread(target=lambda: put.append(folder.put_plan(PLAN))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(put) == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 8}, "planned with --size 4"),
        ({"at_once": 3}, "--at-once 2"),
        ({"header": msgspec.structs.replace(PLAN.header, num=11)}, "-n 10"),
        ({"header": msgspec.structs.replace(PLAN.header, seed=7)}, r"seed: none -> 7"),
        ({"header": msgspec.structs.replace(PLAN.header, digests={"prompts": "99"})}, "prompts have changed"),
        ({"header": msgspec.structs.replace(PLAN.header, provider="offline")}, "is the key set on this machine"),
        ({"header": msgspec.structs.replace(PLAN.header, line_format="objects with metadata")}, "line_format"),
    ],
)
def test_another_cut_and_other_settings_are_refused(
    folder: ShardFolder, change: dict[str, object], message: str
) -> None:
    folder.put_plan(PLAN)
    with pytest.raises(ConfigError, match=message):
        folder.put_plan(msgspec.structs.replace(PLAN, **change))
    assert folder.read_plan() == PLAN


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}'])
def test_what_is_no_plan_is_refused(folder: ShardFolder, content: str) -> None:
    folder.path.mkdir()
    folder.plan_path.write_text(content)
    with pytest.raises(ConfigError, match="is no plan of shards"):
        folder.read_plan()


def test_a_plan_of_a_newer_version_is_refused(folder: ShardFolder) -> None:
    folder.put_plan(msgspec.structs.replace(PLAN, version=2, asyncgen="9.9"))
    with pytest.raises(ConfigError, match=r"by asyncgen 9\.9, a newer one"):
        folder.read_plan()


def test_without_a_plan_it_is_said_what_makes_one(folder: ShardFolder) -> None:
    with pytest.raises(ConfigError, match=r"asyncgen shards .*x -n NUM"):
        folder.read_plan()
