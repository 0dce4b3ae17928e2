"""Every reader knows lines by the hash that their journal names, and a run goes on with the one it finds."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from outputs import HEADER, conversation, line

from asyncgen.audit.filter import MARKED, Plan, filter_output
from asyncgen.conversation import BLAKE2B, XXH3, LineHash, digest_conversation
from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import append_mark, read_dropped
from asyncgen.output.begin import prepare
from asyncgen.output.earlier import read_status
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.viewer.catalogue import Catalogue

LINES = 4


@pytest.fixture(params=[BLAKE2B, XXH3])
def line_hash(request: pytest.FixtureRequest) -> LineHash:
    given: LineHash = request.param
    return given


@pytest.fixture
def paths(tmp_path: Path, line_hash: LineHash) -> OutputPaths:
    """Four of six, begun with that hash."""
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    files = prepare(paths, msgspec.structs.replace(HEADER, line_hash=line_hash)).open()
    digests = [digest_conversation(conversation(index), line_hash).hex() for index in range(LINES)]
    files.append_batch(
        [Record(encode_entry(Done(index=index, digest=each)), line(index)) for index, each in enumerate(digests)]
    )
    files.append_mark()
    files.close()
    return paths


@contextmanager
def viewed(paths: OutputPaths) -> Iterator[Catalogue]:
    with closing(Catalogue(paths)) as catalogue:
        while catalogue.advance():
            pass
        yield catalogue


@pytest.mark.parametrize("wanted", [BLAKE2B, XXH3])
def test_a_run_goes_on_with_the_hash_of_the_output(paths: OutputPaths, line_hash: LineHash, wanted: LineHash) -> None:
    start = prepare(paths, msgspec.structs.replace(HEADER, line_hash=wanted))
    assert start.header.line_hash == line_hash
    assert list(start.pending()) == [4, 5]


def test_lines_that_are_kept_get_the_digests_of_the_others(paths: OutputPaths, line_hash: LineHash) -> None:
    with paths.output.open("ab") as file:
        file.write(line("foreign"))
    start = prepare(paths, msgspec.structs.replace(HEADER, line_hash=XXH3), append=True)
    assert start.kept == [digest_conversation(conversation("foreign"), line_hash)]
    start.open().close()
    assert list(prepare(paths, HEADER).pending()) == [4, 5]


def test_lines_that_are_adopted_get_those_of_the_run(tmp_path: Path, line_hash: LineHash) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    paths.output.write_bytes(line("foreign"))
    header = msgspec.structs.replace(HEADER, line_hash=line_hash)
    prepare(paths, header, append=True).open().close()
    assert prepare(paths, header).lines.kept == 1


def test_status_audit_and_view_find_all_lines(paths: OutputPaths) -> None:
    _, lines = read_status(paths)
    assert (lines.count_done(), lines.unknown, lines.missing) == (LINES, [], 0)
    dataset = Dataset.open(paths.output)
    assert [record.index for record in dataset.records()] == [0, 1, 2, 3]
    with viewed(paths) as catalogue:
        assert [catalogue.store.get(number).index for number in range(1, LINES + 1)] == [0, 1, 2, 3]


def test_a_mark_is_of_the_conversation_that_view_shows_and_filter_leaves_it_out(
    paths: OutputPaths, line_hash: LineHash
) -> None:
    append_mark(paths, digest_conversation(conversation(1), line_hash), is_dropped=True)
    with viewed(paths) as catalogue:
        assert catalogue.mark([3], is_dropped=True) == [3]
    assert read_dropped(paths) == {digest_conversation(conversation(index), line_hash) for index in (1, 2)}
    result = filter_output(Dataset.open(paths.output), Plan(clean=paths.output.with_name("clean.jsonl"), broken={}))
    assert result.dropped == {MARKED: 2}


def test_what_filter_writes_is_known_by_the_same_hash(paths: OutputPaths, line_hash: LineHash) -> None:
    with paths.output.open("ab") as file:
        file.write(line("foreign"))
    clean = OutputPaths.of(paths.output.with_name("clean.jsonl"))
    filter_output(Dataset.open(paths.output), Plan(clean=clean.output, broken={}))
    ledger, lines = read_status(clean)
    assert ledger.line_hash == line_hash
    assert (lines.count_done(), lines.kept, lines.unknown) == (LINES, 1, [])
