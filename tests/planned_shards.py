"""Shards as their runs would have left them, without any call."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from outputs import HEADER, done, failed, make_run

from asyncgen.conversation import BLAKE2B
from asyncgen.output.files import Record
from asyncgen.output.journal import RANGE_VERSION, VERSION, Header
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.plan import ShardFolder, ShardPlan

SIZE = 4  # no whole block, which only the command asks for
PLAN = ShardPlan(
    version=1,
    asyncgen="1.0",
    size=SIZE,
    at_once=2,
    words=("data/x",),
    header=msgspec.structs.replace(HEADER, num=10, line_hash=BLAKE2B),
)


def header_of(number: int, plan: ShardPlan = PLAN) -> Header:
    indices = plan.indices(number)
    version = RANGE_VERSION if indices.start else VERSION
    return msgspec.structs.replace(plan.header, version=version, first=indices.start, num=len(indices))


def make_shard(
    folder: ShardFolder, number: int, *, without: Iterable[int] = (), refused: Iterable[int] = ()
) -> OutputPaths:
    paths = folder.shard(number)
    made = [index for index in PLAN.indices(number) if index not in {*without, *refused}]
    make_run(
        paths, [[done(index) for index in reversed(made)], *([failed(each)] for each in refused)], header_of(number)
    )
    return paths


def make_all(tmp_path: Path) -> ShardFolder:
    folder = ShardFolder.of(tmp_path / "x")
    assert folder.put_plan(PLAN)
    for number in range(len(PLAN)):
        make_shard(folder, number)
    return folder


def more(folder: ShardFolder, number: int, record: Record) -> None:
    """A further record of a shard, by a run of its own."""
    make_run(folder.shard(number), [[record]], header_of(number))
