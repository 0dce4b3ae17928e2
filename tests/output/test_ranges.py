"""An output that begins at another index than 0: everything is about its range, and costs no more than one from 0."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, digest, done, failed, make_run

from asyncgen.data.dataset import Dataset
from asyncgen.data.state import make_report
from asyncgen.errors import ConfigError
from asyncgen.output.begin import prepare
from asyncgen.output.earlier import read_status
from asyncgen.output.journal import MAX_INDEX, RANGE_VERSION, Done, decode_entry, encode_entry
from asyncgen.output.ledger import Ledger, read_journal
from asyncgen.output.paths import OutputPaths

FAR = 2_000_000_000
SHARD = msgspec.structs.replace(HEADER, version=RANGE_VERSION, first=FAR)


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths(tmp_path / "x.jsonl")


def test_a_range_is_made_and_gone_on_with(paths: OutputPaths) -> None:
    assert list(prepare(paths, SHARD).pending()) == list(range(FAR, FAR + 6))
    make_run(paths, [[done(FAR + 4), done(FAR)], [failed(FAR + 1)]], SHARD)
    start = prepare(paths, SHARD)
    assert list(start.pending()) == [FAR + 1, FAR + 2, FAR + 3, FAR + 5]
    assert start.lines.count_done() == 2
    report = make_report(*read_status(paths))
    assert (report.num, report.done, report.failed, report.pending) == (6, 2, 1, 3)


def test_a_line_of_a_range_has_its_index(paths: OutputPaths) -> None:
    make_run(paths, [[done(FAR + 4), done(FAR)]], SHARD)
    make_run(paths, [[done(FAR + 1)]], msgspec.structs.replace(SHARD, started="2026-01-02T00:00:00Z"))
    assert [record.index for record in Dataset.open(paths.output).records()] == [FAR + 4, FAR, FAR + 1]


@given(st.integers(0, MAX_INDEX - 9))
def test_the_last_of_a_range_takes_no_room_for_what_is_before_it(first: int) -> None:
    ledger = Ledger()
    ledger.add_all([msgspec.structs.replace(SHARD, first=first), Done(index=first + 5, digest=digest("a"))])
    assert len(ledger._newest) == 6
    assert [index for index, _ in ledger.conversations()] == [first + 5]


@pytest.mark.parametrize("index", [0, FAR - 1, FAR + 6])
def test_an_index_outside_the_range_is_damage(paths: OutputPaths, index: int) -> None:
    make_run(paths, [[done(FAR)], [done(index)], [done(FAR + 1)]], SHARD)
    with pytest.raises(ConfigError, match="is damaged"):
        read_journal(paths.journal)


def test_a_run_from_another_index_on_is_refused(paths: OutputPaths) -> None:
    make_run(paths, [[done(FAR)]], SHARD)
    for header in (HEADER, msgspec.structs.replace(SHARD, first=FAR + 1)):
        with pytest.raises(ConfigError, match=r"holds indices from 2,000,000,000 on.*--shard"):
            prepare(paths, header, allow_changed=True)


def test_a_journal_of_a_range_is_refused_by_versions_that_know_none(paths: OutputPaths) -> None:
    make_run(paths, [[done(FAR)]], SHARD)
    assert b'"version":4' in paths.journal.read_bytes().splitlines()[0]


@pytest.mark.parametrize(("first", "num"), [(-1, 5), (MAX_INDEX, 2), (0, MAX_INDEX + 2)])
def test_no_range_reaches_beyond_the_indices_there_are(first: int, num: int) -> None:
    with pytest.raises(ValueError, match="range of indices"):
        decode_entry(encode_entry(msgspec.structs.replace(SHARD, first=first, num=num)))
