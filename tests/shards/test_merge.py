"""Merging shards: every index once, or a sentence that names the shard and what is wrong with it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from outputs import conversation, conversations, done, entries, line, lost, make_run, rejected, rejects
from planned_shards import PLAN, header_of, make_all, make_shard, more

from asyncgen.data.dataset import Dataset
from asyncgen.data.state import make_report
from asyncgen.errors import ConfigError
from asyncgen.output.begin import prepare
from asyncgen.output.earlier import read_status
from asyncgen.output.files import Record
from asyncgen.output.journal import Header, Submitting, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.merge import Merged, Remedy, merge
from asyncgen.shards.plan import ShardFolder

WHOLE = PLAN.header


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    return make_all(tmp_path)


def merged(folder: ShardFolder) -> Merged:
    return merge(folder, PLAN, folder.merged)


def test_every_index_is_a_line_of_the_whole(folder: ShardFolder) -> None:
    result = merged(folder)
    assert (result.lines, result.obstacles, result.failed) == (10, {}, {})
    assert {*conversations(folder.merged)} == {conversation(index) for index in range(10)}
    assert sorted(record.index or 0 for record in Dataset.open(folder.merged).records()) == list(range(10))


def test_a_run_goes_on_with_the_whole(folder: ShardFolder) -> None:
    merged(folder)
    paths = OutputPaths(folder.merged)
    start = prepare(paths, msgspec.structs.replace(WHOLE, num=12))
    assert start.patches == ()
    assert list(start.pending()) == [10, 11]
    make_run(paths, [[done(10)], [done(11)]], msgspec.structs.replace(WHOLE, num=12))
    assert make_report(*read_status(paths)).done == 12


def test_books_and_rejects_are_those_of_all_shards(folder: ShardFolder) -> None:
    more(folder, 0, rejected(1))
    more(folder, 2, rejected(8))
    more(folder, 2, lost(9))
    merged(folder)
    paths = OutputPaths(folder.merged)
    ledger, lines = read_status(paths)
    apart = [read_status(shard)[0].totals for _, shard in folder.shards(PLAN)]
    assert ledger.totals.calls == sum(each.calls for each in apart) == 12
    assert ledger.totals.cost == sum(each.cost or 0 for each in apart)
    assert ledger.totals.lost == 1
    assert [each.index for each in rejects(paths.rejects)] == [1, 8]
    assert prepare(paths, WHOLE).patches == ()
    assert lines.count_done() == 10


def test_headers_that_say_nothing_new_are_left_out(folder: ShardFolder) -> None:
    elsewhere = msgspec.structs.replace(header_of(1), base_url="http://node7:8000/v1")
    make_run(folder.shard(1), [[rejected(5)]], elsewhere)
    merged(folder)
    headers = [each for each in entries(OutputPaths(folder.merged).journal) if isinstance(each, Header)]
    assert [each.base_url for each in headers] == [WHOLE.base_url, elsewhere.base_url, WHOLE.base_url]
    assert {(each.first, each.num, each.merged) for each in headers} == {(0, 10, 3)}


def test_merging_again_gives_the_same_and_takes_what_is_new(folder: ShardFolder) -> None:
    paths = OutputPaths(folder.merged)
    merged(folder)
    before = [path.read_bytes() for path in paths.data]
    merged(folder)
    assert [path.read_bytes() for path in paths.data] == before
    more(folder, 0, rejected(1))
    merged(folder)
    assert read_status(paths)[0].totals.calls == 11
    paths.output.unlink()  # as after a kill between two renames
    merged(folder)
    assert len(conversations(paths.output)) == 10


def test_failed_indices_are_told_and_may_be_tried_again(tmp_path: Path) -> None:
    folder = ShardFolder.of(tmp_path / "x")
    folder.put_plan(PLAN)
    make_shard(folder, 0)
    make_shard(folder, 1, refused=[5, 7])
    make_shard(folder, 2)
    result = merged(folder)
    assert (result.lines, result.failed, result.obstacles) == (8, {1: [5, 7]}, {})
    report = make_report(*read_status(OutputPaths(folder.merged)))
    assert (report.done, report.failed, report.pending) == (8, 2, 0)
    assert list(prepare(OutputPaths(folder.merged), WHOLE).pending()) == [5, 7]


def swap(folder: ShardFolder) -> None:
    for one, other in zip(folder.shard(0).data, folder.shard(1).data, strict=True):
        shutil.copy(one, other)


def of_another_recipe(folder: ShardFolder) -> None:
    header = msgspec.structs.replace(header_of(1), digests={"prompts": "99"})
    prepare(folder.shard(1), header, allow_changed=True).open().close()


def delete_a_line(folder: ShardFolder) -> None:
    path = folder.shard(1).output
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def edit_a_line(folder: ShardFolder) -> None:
    path = folder.shard(1).output
    path.write_bytes(path.read_bytes().replace(b"Q 5", b"Q 55"))


def add_a_line(folder: ShardFolder) -> None:
    with folder.shard(1).output.open("ab") as file:
        file.write(line("a stranger"))


def repeat_a_line(folder: ShardFolder) -> None:
    with folder.shard(1).output.open("ab") as file:
        file.write(line(5))


def tear(folder: ShardFolder) -> None:
    with folder.shard(1).journal.open("ab") as file:
        file.write(b'{"type":"done","ind')


def damage(folder: ShardFolder) -> None:
    path = folder.shard(1).journal
    path.write_bytes(path.read_bytes().replace(b'"type":"done"', b'"type":"dome"', 1))


def index_outside(folder: ShardFolder) -> None:
    with folder.shard(1).journal.open("r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(content.replace(b'"index":5', b'"index":1'))


def batch_out(folder: ShardFolder) -> None:
    more(folder, 1, Record(encode_entry(Submitting(label="b1", indices="5", base_url="https://batches.example/v1"))))


Plant: TypeAlias = Callable[[ShardFolder], object]


@pytest.mark.parametrize(
    ("plant", "told", "remedy"),
    [
        (
            lambda folder: folder.shard(1).journal.unlink(),
            "has lines and no journal that tells of them (00001.jsonl.journal)",
            "anew",
        ),
        (lambda folder: folder.shard(1).journal.write_bytes(b""), "has lines and no journal", "anew"),
        (lambda folder: [path.unlink() for path in folder.shard(1).data[:2]], "has not been begun", "its next run"),
        (lambda folder: folder.shard(1).output.unlink(), "no conversation", "anew"),
        (swap, "holds indices 0 to 3", "anew"),
        (of_another_recipe, "prompts have changed", "anew"),
        (delete_a_line, "lacks 1 of 4", "its next run"),
        (edit_a_line, "line 3 was not made here", "by hand"),
        (add_a_line, "line 5 was not made here", "by hand"),
        (repeat_a_line, "line 5 repeats line ", "by hand"),
        (tear, "was ended while it wrote", "its next run"),
        (damage, "is damaged", "anew"),
        (index_outside, "is damaged", "anew"),
        (batch_out, "has batches under way", "its next run"),
    ],
)
def test_a_fault_of_one_shard_is_found_and_nothing_is_written(
    folder: ShardFolder,
    plant: Plant,
    told: str,
    remedy: Remedy,
) -> None:
    plant(folder)
    result = merged(folder)
    ((number, obstacle),) = result.obstacles.items()
    assert number == 1
    assert told in obstacle.text
    assert obstacle.remedy == remedy
    assert "--append" not in obstacle.text
    assert not folder.merged.exists()
    assert not OutputPaths(folder.merged).journal.exists()
    assert list(folder.merged.parent.glob(".*.part")) == []


def test_all_faults_are_told_at_once(folder: ShardFolder) -> None:
    delete_a_line(folder)
    with folder.shard(2).output.open("ab") as file:
        file.write(line("a stranger"))
    assert [*merged(folder).obstacles] == [1, 2]


def test_what_is_no_merge_of_these_shards_is_not_written_over(folder: ShardFolder) -> None:
    folder.merged.write_bytes(line("mine"))
    with pytest.raises(ConfigError, match="is not what a merge of these shards has written"):
        merged(folder)
    folder.merged.unlink()
    merged(folder)
    make_run(OutputPaths(folder.merged), [[done(10)]], msgspec.structs.replace(WHOLE, num=11))
    with pytest.raises(ConfigError, match="has been gone on with since"):
        merged(folder)
    assert len(conversations(folder.merged)) == 11


def test_a_shard_is_not_written_over(folder: ShardFolder) -> None:
    with pytest.raises(ConfigError, match="belongs to a shard"):
        merge(folder, PLAN, folder.shard(1).output)
