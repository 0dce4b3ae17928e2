import asyncio
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import COST, HEADER, conversation, digest, done, entries, line, make_run, rejected, write_batches
from sweep import at_most

from asyncgen.audit.filter import Plan, filter_output
from asyncgen.command.main import main
from asyncgen.conversation import digest_conversation
from asyncgen.data.dataset import Dataset
from asyncgen.data.state import make_report
from asyncgen.errors import ConfigError
from asyncgen.output.begin import prepare
from asyncgen.output.earlier import read_status
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, Header, Kept, Mark, Step, encode_entry
from asyncgen.output.ledger import read_journal
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group

TOPICS = (Dimension("topic", (Group("", ("rye", "wheat")),)),)
MOODS = (Dimension("mood", (Group("", ("calm", "eager")),)),)


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    """Six indices, one of which took a reply that could not be used."""
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    header = msgspec.structs.replace(HEADER, dimensions=TOPICS)
    make_run(paths, [[rejected(3), *map(done, range(6))]], header)
    return paths


def go_on(paths: OutputPaths, records: Sequence[Record], header: Header) -> None:
    files = prepare(paths, header, allow_changed=True, append=True).open()
    asyncio.run(write_batches(files, [records]))
    files.close()


def keep(paths: OutputPaths, *, without: Sequence[int] = (), **plan: object) -> OutputPaths:
    """What a filter keeps that leaves out the lines of these numbers."""
    clean = paths.output.with_name(f"clean-{paths.output.name}")
    filter_output(Dataset.open(paths.output), Plan(clean, {"email": without}, **plan))  # type: ignore[arg-type]
    return OutputPaths.of(clean)


def test_each_line_keeps_its_index_its_scenario_and_its_call(paths: OutputPaths) -> None:
    source, clean = Dataset.open(paths.output), Dataset.open(keep(paths, without=[2]).output)
    indices = {record.conversation: record.index for record in source.records()}
    records = list(clean.records())
    assert [record.index for record in records] == [indices[record.conversation] for record in records]
    assert all(source.scenario(each) == clean.scenario(each) for each in (0, 2, 3, 4, 5))
    assert [each.cost for each in clean.calls() if isinstance(each, Done)] == [COST] * 5


def test_the_parts_of_a_split_cost_what_their_lines_did_and_no_more(paths: OutputPaths) -> None:
    filter_output(Dataset.open(paths.output), Plan(paths.output.with_name("clean.jsonl"), {"email": [1]}, split=0.6))
    parts = [Dataset.open(paths.output.with_name(f"clean.{part}.jsonl")) for part in ("train", "validation")]
    assert [part.ledger.totals.calls for part in parts] == [3, 2]
    assert sum(part.ledger.totals.cost or 0 for part in parts) == 5 * COST
    assert [each.filtered[-1].part for part in parts for each in part.ledger.headers] == ["train", "validation"]


def test_the_header_says_where_the_lines_are_from_and_what_that_took(paths: OutputPaths) -> None:
    (filtered,) = read_journal(keep(paths, without=[2]).journal).ledger.headers[0].filtered
    assert filtered.source == str(paths.output)
    assert (filtered.lines, filtered.left_out, filtered.part) == (6, {"email": 1}, None)
    assert (filtered.calls, filtered.cost, filtered.rejected) == (7, 7 * COST, {"not-json": 1})


def test_a_path_that_is_no_utf_8_is_told_as_far_as_it_can_be(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / os.fsdecode(b"x\xff.jsonl"))
    make_run(paths, [[done(0)]])
    clean = paths.output.with_name("clean.jsonl")
    filter_output(Dataset.open(paths.output), Plan(clean, {}))
    (header,) = read_journal(OutputPaths(clean).journal).ledger.headers
    assert header.filtered[0].source == str(tmp_path / "x?.jsonl")


def test_what_was_filtered_twice_tells_both(paths: OutputPaths) -> None:
    first = keep(paths, without=[1])
    second = Dataset.open(keep(first, without=[1, 2]).output)
    assert [each.lines for each in (second.header or HEADER).filtered] == [6, 5]
    assert second.ledger.totals.cost == 3 * COST
    assert [note for note in second.notes if "filtered" in note] == [
        f"filtered from {paths.output}, of whose 6 lines were left out: 1 email",
        f"filtered from {first.output}, of whose 5 lines were left out: 2 email",
    ]


@at_most(20)
@given(seed=st.integers(0, 99), without=st.sets(st.integers(1, 6)))
def test_entries_stand_in_the_order_of_the_lines(
    tmp_path_factory: pytest.TempPathFactory, seed: int, without: set[int]
) -> None:
    paths = OutputPaths.of(tmp_path_factory.mktemp("data") / "x.jsonl")
    make_run(paths, [list(map(done, range(6)))])
    clean = keep(paths, without=sorted(without), seed=seed)
    journalled = [each for _, each in read_journal(clean.journal).ledger.conversations()]
    assert journalled == [digest_conversation(each.conversation) for each in Dataset.open(clean.output).records()]


def test_of_a_filtered_file_nothing_is_pending(paths: OutputPaths, capfd: pytest.CaptureFixture[str]) -> None:
    clean = keep(paths, without=[2, 4])
    report = make_report(*read_status(clean))
    assert (report.num, report.done, report.pending, report.failed) == (4, 4, 0, 0)
    assert main(["status", str(clean.output)]) == 0
    told = " ".join(capfd.readouterr().out.split())
    assert "4 of 4" in told
    assert "of whose 6 lines were left out: 2 email" in told


@pytest.mark.parametrize("without", [[2], [1, 2, 3, 4, 5, 6]])
def test_no_run_goes_on_with_a_filtered_file(paths: OutputPaths, without: list[int]) -> None:
    clean = keep(paths, without=without)
    header = read_journal(paths.journal).ledger.headers[0]
    for flag in ("", "append", "allow_changed"):
        with pytest.raises(ConfigError, match="generate there and filter again"):
            prepare(clean, header, append=flag == "append", allow_changed=flag == "allow_changed")
    assert prepare(clean, header, overwrite=True).set_aside


def test_a_later_filter_replaces_an_earlier_one_if_told(paths: OutputPaths) -> None:
    clean = keep(paths, without=[2])
    with pytest.raises(ConfigError, match="exists"):
        keep(paths)
    keep(paths, overwrite=True)
    assert make_report(*read_status(clean)).done == 6


def test_lines_without_a_journal_leave_none_and_none_of_an_earlier_filter(paths: OutputPaths) -> None:
    clean = keep(paths)
    assert clean.journal.exists()
    paths.journal.unlink()
    keep(paths, overwrite=True)
    assert not clean.journal.exists()
    assert Dataset.open(clean.output).header is None


def test_lines_that_no_run_made_are_known_as_such(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    paths.output.write_bytes(line("from elsewhere"))
    go_on(paths, [done(0), done(1)], HEADER)
    clean = keep(paths, without=[2])
    assert {each.digest for each in entries(clean.journal) if isinstance(each, Kept)} == {digest("from elsewhere")}
    _, lines = read_status(clean)
    assert (lines.kept, lines.count_done(), lines.unknown) == (1, 1, [])


def test_each_index_keeps_the_scenario_of_the_run_that_made_it(paths: OutputPaths) -> None:
    for header in (
        msgspec.structs.replace(HEADER, dimensions=MOODS, num=8, digests={"prompts": "other"}),
        msgspec.structs.replace(HEADER, dimensions=TOPICS, num=9, seed=1),
    ):
        go_on(paths, [done(header.num - 2), done(header.num - 1)][1 - (header.num == 8) :], header)
    source, clean = Dataset.open(paths.output), Dataset.open(keep(paths, without=[1]).output)
    assert [record.index for record in source.records()] == list(range(9))
    assert all(clean.scenario(each) == source.scenario(each) for each in range(1, 9))
    assert {len(clean.ledger.headers), len(source.ledger.headers)} == {3}


def test_calls_that_led_to_a_line_come_with_it_without_their_text(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    step = Step(index=0, text="a draft", cost=Decimal("0.25"))
    record = done(0)
    make_run(paths, [[Record(encode_entry(step) + record.entries, record.line), done(1)]])
    clean = keep(paths, without=[2])
    assert [each for each in entries(clean.journal) if isinstance(each, Step)] == [
        msgspec.structs.replace(step, text="")
    ]
    assert read_journal(clean.journal).ledger.totals.cost == COST + Decimal("0.25")


def test_calls_of_a_line_that_is_gone_stay_behind(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    for text in ("first", "second"):
        record = done(0, text)
        step = encode_entry(Step(index=0, text=text, cost=Decimal(1)))
        made = [Record(step + record.entries, record.line)]
        make_run(paths, [[*made, done(1)]]) if text == "first" else go_on(paths, made, HEADER)
        paths.output.write_bytes(line(1) + (record.line if text == "second" else b""))
    clean = keep(paths)
    assert read_journal(clean.journal).ledger.totals.cost == 2 * COST + 1


def test_a_journal_that_goes_meanwhile_is_said(paths: OutputPaths) -> None:
    dataset = Dataset.open(paths.output)
    paths.journal.unlink()
    with pytest.raises(ConfigError, match=r"x\.jsonl\.journal: No such file"):
        filter_output(dataset, Plan(paths.output.with_name("clean.jsonl"), {}))


def test_damage_is_found_as_in_the_journal_of_a_run(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    header = msgspec.structs.replace(HEADER, num=600)
    make_run(paths, [list(map(done, range(600)))], header)
    clean = keep(paths)
    marks = [each for each in entries(clean.journal) if isinstance(each, Mark)]
    assert len(marks) == 3
    assert marks[-1].output == clean.output.stat().st_size
    content = clean.journal.read_bytes()
    clean.journal.write_bytes(content.replace(b'"index":7,', b'"index":8,'))
    with pytest.raises(ConfigError, match="is damaged"):
        Dataset.open(clean.output)
    assert conversation(7) in {each.conversation for each in Dataset.open(paths.output).records()}
