"""What is told of all shards while they are made."""

import errno
import os
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from outputs import COST, HEADER, digest, line, make_run, rejected
from planned_shards import PLAN, header_of, make_shard, more

from asyncgen.output.files import Record
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.lease import encode_lease, own_lease
from asyncgen.output.ledger import Journal, read_journal
from asyncgen.output.lock import LIVELY, locked
from asyncgen.shards import figures
from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.status import (
    FAILED,
    MADE,
    STILL,
    UNDER_WAY,
    UNREADABLE,
    WAITING,
    ShardsReport,
    ShardState,
    report_on,
)


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    folder = ShardFolder.of(tmp_path / "x")
    folder.put_plan(PLAN)
    return folder


def report(folder: ShardFolder, *, later: float = 0.0) -> ShardsReport:
    """`later`: seconds after the newest beat of shard 1."""
    lock = folder.shard(1).lock
    now = lock.stat().st_mtime if lock.exists() else 0.0
    return report_on(folder, PLAN, now=now + later)


def hold(folder: ShardFolder, *, machine: str = "node7") -> None:
    """A run has shard 1."""
    lease = msgspec.structs.replace(own_lease(), machine=machine)
    folder.shard(1).lock.write_bytes(encode_lease(lease))


def states(folder: ShardFolder, *, later: float = 0.0) -> list[str]:
    return [each.state for each in report(folder, later=later).shards]


def test_a_shard_is_made_under_way_lying_still_or_not_begun(folder: ShardFolder) -> None:
    assert states(folder) == [WAITING] * 3
    make_shard(folder, 0)
    make_shard(folder, 1, without=[5])
    assert states(folder) == [MADE, STILL, WAITING]
    hold(folder)
    assert states(folder) == [MADE, UNDER_WAY, WAITING]
    assert states(folder, later=LIVELY + 1) == [MADE, STILL, WAITING]
    os.truncate(folder.shard(1).lock, 0)  # given back
    assert states(folder) == [MADE, STILL, WAITING]


def test_whether_a_run_of_this_machine_is_alive_its_lock_tells_at_once(folder: ShardFolder) -> None:
    make_shard(folder, 1, without=[5])
    hold(folder, machine=own_lease().machine)  # as one that was killed leaves it
    assert states(folder) == [WAITING, STILL, WAITING]
    with locked(folder.shard(1)):
        os.utime(folder.shard(1).lock, (0, 0))  # its beat came to nothing, on a full disk
        assert report_on(folder, PLAN, now=time.time()).shards[1].state == UNDER_WAY


def test_a_shard_whose_rest_has_failed_is_told_apart(folder: ShardFolder) -> None:
    make_shard(folder, 1, refused=[5])
    assert states(folder, later=LIVELY + 1) == [WAITING, FAILED, WAITING]
    told = report(folder)
    assert (told.done, told.failed, told.pending) == (3, 1, 6)
    assert told.failed_by_reason == {"request-rejected": 1}


def test_a_damaged_journal_keeps_nobody_from_the_others(folder: ShardFolder) -> None:
    make_shard(folder, 0)
    journal = make_shard(folder, 1).journal
    journal.write_bytes(journal.read_bytes().replace(b'"type":"done"', b'"type":"dome"', 1))
    told = report(folder)
    assert [each.state for each in told.shards] == [MADE, UNREADABLE, WAITING]
    assert "is damaged" in (told.shards[1].message or "")
    assert told.done == 4
    journal.unlink()
    lost = report(folder).shards[1]
    assert (lost.state, "has lines and no journal" in (lost.message or "")) == (UNREADABLE, True)


def test_sums_are_those_of_all_shards(folder: ShardFolder) -> None:
    for number in range(3):
        make_shard(folder, number)
    more(folder, 1, rejected(5))
    told = report(folder)
    assert (told.num, told.done, told.pending, told.calls) == (10, 10, 0, 11)
    assert Decimal(bytes(told.cost_usd or b"0").decode()) == 11 * COST


def answered(index: int, second: int) -> Record:
    time = f"2026-01-01T00:00:{second:02}.000Z"
    return Record(encode_entry(Done(index=index, digest=digest(index), time=time)), line(index))


def test_the_rate_is_that_of_the_newest_answers(folder: ShardFolder) -> None:
    make_run(folder.shard(1), [[answered(4, 10)], [answered(5, 14), answered(6, 18)]], header_of(1))
    hold(folder)
    shard = report(folder).shards[1]
    assert (shard.rate, shard.latest, shard.seconds_left) == (0.25, "2026-01-01T00:00:18.000Z", 4.0)


def test_of_a_shard_that_stands_nobody_knows_when_it_will_be_made() -> None:
    assert ShardState(number=0, num=4, state=UNDER_WAY).seconds_left == float("inf")


def test_a_shard_of_another_plan_is_counted_as_it_is(folder: ShardFolder) -> None:
    make_run(folder.shard(0), [], msgspec.structs.replace(HEADER, num=4))
    assert report(folder).shards[0].done == 0


def test_a_journal_that_has_not_changed_is_not_read_again(folder: ShardFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        make_shard(folder, number)
    make_shard(folder, 2, refused=[9])
    first = report(folder)
    read: list[Path] = []

    def note(path: Path) -> Journal:
        read.append(path)
        return read_journal(path)

    monkeypatch.setattr(figures, "read_journal", note)
    assert msgspec.json.encode(report(folder)) == msgspec.json.encode(first)
    assert read == []
    more(folder, 1, rejected(5))
    assert report(folder).calls == first.calls + 1
    assert read == [folder.shard(1).journal]


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":2,"shards":{}}', b'{"version":1,"shards":{"0":{}}}'])
def test_figures_that_cannot_be_used_are_made_anew(folder: ShardFolder, content: bytes) -> None:
    make_shard(folder, 0)
    (folder.path / "figures.json").write_bytes(content)
    assert report(folder).done == 4
    assert msgspec.json.decode((folder.path / "figures.json").read_bytes())["shards"]["0"]["done"] == 4


def test_a_folder_that_is_only_to_be_read_is_told_of(folder: ShardFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    make_shard(folder, 0)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert report(folder).done == 4
