"""What the journal says of batches: folded, matched with the output, and what no run may do while they are out."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, digest, done, line, make_run
from quick import each_row

from asyncgen.answered import Usage
from asyncgen.errors import ConfigError
from asyncgen.output.begin import Start, prepare
from asyncgen.output.files import Record
from asyncgen.output.indices import check_indices, read_indices, write_indices
from asyncgen.output.journal import (
    BATCHES_VERSION,
    FORGOTTEN,
    NOT_MADE,
    QUEUE_FULL,
    TOO_LARGE,
    Collected,
    Done,
    Entry,
    Failed,
    Header,
    Lost,
    Step,
    Submitted,
    Submitting,
    Unused,
    Uploaded,
    decode_entry,
    encode_entry,
)
from asyncgen.output.ledger import IN_BATCHES, USUAL_TIER, Ledger, Uncertain, read_journal
from asyncgen.output.paths import OutputPaths

BATCHED = msgspec.structs.replace(HEADER, version=BATCHES_VERSION)
INTENT = Submitting(label="b1", indices="1-3,5", asks={2: "3"}, base_url=HEADER.base_url)
COST = Decimal("0.001")


@given(st.sets(st.integers(0, 2**31 - 1), max_size=50), st.sets(st.integers(0, 60)))
def test_indices_come_back_from_their_text(scattered: set[int], dense: set[int]) -> None:
    for given_ones in (scattered, dense):
        text = write_indices(sorted(given_ones))
        check_indices(text)
        assert [*read_indices(text)] == sorted(given_ones)


def test_indices_in_a_row_take_a_few_characters() -> None:
    assert write_indices(range(5_000)) == "0-4999"
    assert write_indices([1, 2, 3, 5]) == "1-3,5"


@each_row("text", ["3-1", "2,1", "1,1", "1-3,2", "x", "1,", ",1", "-1", "99999999999", "0-2147483647"])
def test_what_no_run_writes_is_no_list_of_indices(text: str) -> None:
    with pytest.raises(ValueError, match=r"ind|order"):
        check_indices(text)
    with pytest.raises(ValueError, match=r"."):
        decode_entry(encode_entry(msgspec.structs.replace(INTENT, indices=text)))


def folded(*entries: Entry) -> Ledger:
    ledger = Ledger()
    ledger.add_all([BATCHED, *entries])
    return ledger


def made(index: int, batch: str | None = "b1") -> Done:
    return Done(index=index, digest=digest(index), cost=COST, batch=batch)


def test_a_batch_is_out_until_it_is_collected() -> None:
    ledger = folded(INTENT, Uploaded(label="b1", file="file-1"), Submitted(label="b1", id="batch-1"))
    (batch,) = ledger.batches.open.values()
    assert (batch.file, batch.id, [*batch.indices], [*batch.asks]) == ("file-1", "batch-1", [1, 2, 3, 5], [1, 1, 2, 1])
    ledger.add(Collected(label="b1", status="completed"))
    assert not ledger.batches.open


def test_a_line_that_is_told_again_is_booked_once() -> None:
    ledger = folded(INTENT, made(1), Unused(index=2, reason="not-json", cost=COST, batch="b1"))
    before = (ledger.totals.calls, ledger.totals.cost)
    ledger.add_all(
        [made(1), Unused(index=2, reason="not-json", cost=COST, batch="b1"), Lost(index=2, reason="x", batch="b1")]
    )
    assert (ledger.totals.calls, ledger.totals.cost, ledger.totals.lost) == (*before, 0)
    ledger.add(made(3))
    assert ledger.totals.cost == 3 * COST


def test_another_call_for_the_same_index_is_booked_beside_that_of_the_batch() -> None:
    ledger = folded(INTENT, made(1), made(1, batch=None), made(1, batch="b0"))
    assert ledger.totals.cost == 3 * COST


def test_a_failure_is_told_beside_the_reply_that_led_to_it() -> None:
    ledger = folded(
        INTENT, Unused(index=2, reason="not-json", batch="b1"), Failed(index=2, reason="not-json", batch="b1")
    )
    assert ledger.failed == {2: "not-json"}


def test_what_no_line_has_of_a_batch_is_a_part_of_the_sums() -> None:
    ledger = folded(
        INTENT, made(1), Collected(label="b1", status="expired", missing=3, lost=3, cost=COST, prompt_tokens=7)
    )
    totals = ledger.totals
    assert (totals.calls, totals.cost, totals.prompt_tokens) == (1, 2 * COST, 7)
    assert totals.uncertain == {IN_BATCHES: Uncertain(COST, lost=3)}


def test_a_batch_of_the_offline_engine_has_ended_with_its_run() -> None:
    batches = folded(msgspec.structs.replace(INTENT, base_url=""), msgspec.structs.replace(INTENT, label="b2")).batches
    assert ([*batches.open], [*batches.under_way]) == (["b1", "b2"], ["b2"])


def test_replies_are_kept_as_long_as_a_batch_may_have_to_bring_the_last_one_again() -> None:
    step = Step(index=1, text="a", batch="b0")
    ledger = folded(INTENT, step, made(1))
    assert ledger.steps == {1: [step]}
    ledger.add(Collected(label="b1", status="completed"))
    assert not ledger.steps


def test_what_lines_of_batches_have_cost_is_known_with_their_tokens() -> None:
    told = msgspec.structs.replace(made(1), prompt_tokens=7, completion_tokens=3)
    inferred = msgspec.structs.replace(made(2), prompt_tokens=5, completion_tokens=1, priced=True)
    ledger = folded(INTENT, told, told, inferred)
    assert ledger.batches.samples == {"": Usage(7, 0, 3, COST)}


@pytest.mark.parametrize("status", [TOO_LARGE, QUEUE_FULL])
def test_a_size_that_was_refused_is_remembered_by_half(status: str) -> None:
    assert folded(INTENT, Collected(label="b1", status=status)).batches.most == 2
    assert folded(INTENT, Collected(label="b1", status=NOT_MADE)).batches.most is None


def test_what_a_full_queue_has_halved_grows_again_with_every_batch_that_is_taken() -> None:
    full, taken = Collected(label="b1", status=QUEUE_FULL), Collected(label="b1", status="completed")
    assert folded(INTENT, full, INTENT, taken, INTENT, taken).batches.most == 8
    beside_another = (INTENT, msgspec.structs.replace(INTENT, label="b2"), full)
    assert folded(*beside_another).batches.most is None


def test_the_dearest_call_of_batches_is_known_by_itself() -> None:
    ledger = folded(INTENT, made(1), Done(index=4, digest=digest(4), cost=9 * COST))
    assert ledger.totals.uncertain == {IN_BATCHES: Uncertain(COST), USUAL_TIER: Uncertain(9 * COST)}


# ---- a start on an output whose batches are out


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    entries: tuple[Entry, ...] = (INTENT, Uploaded(label="b1", file="file-1"), Submitted(label="b1", id="batch-1"))
    told = Record(encode_entry(made(1)), line(1))
    bad = Record(encode_entry(Unused(index=2, reason="not-json", batch="b1")))
    make_run(paths, [[done(0), Record(b"".join(map(encode_entry, entries)))], [told, bad]], BATCHED)
    return paths


def test_what_is_out_is_not_pending(paths: OutputPaths) -> None:
    start = prepare(paths, BATCHED, collects=True)
    assert [*start.pending()] == [2, 4]  # 2 was answered, and its reply could not be used
    assert start.ledger.batches.open["b1"].untold == 2


def test_a_line_of_a_batch_that_is_gone_is_not_pending_while_the_batch_can_bring_it_again(paths: OutputPaths) -> None:
    paths.output.write_bytes(line(0))
    assert [*prepare(paths, BATCHED, collects=True).pending()] == [2, 4]


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (HEADER, "--batch"),
        (msgspec.structs.replace(BATCHED, seed=7), "other settings"),
        (msgspec.structs.replace(BATCHED, base_url="https://elsewhere.example/v1"), "https://there.example/v1"),
        (msgspec.structs.replace(BATCHED, num=5), "-n 6"),
    ],
)
def test_a_run_that_would_lose_or_mix_what_is_out_is_refused(paths: OutputPaths, header: Header, named: str) -> None:
    before = paths.journal.read_bytes()
    with pytest.raises(ConfigError, match=named):
        prepare(paths, header, allow_changed=True, collects=header is not HEADER)
    assert paths.journal.read_bytes() == before


def test_a_batch_that_is_forgotten_is_made_again_and_may_have_been_billed(paths: OutputPaths) -> None:
    start = prepare(paths, HEADER, forget=["b1"])
    assert [*start.pending()] == [2, 3, 4, 5]
    start.open().close()
    ledger = read_journal(paths.journal).ledger
    assert not ledger.batches.open
    assert ledger.totals.lost == 2
    assert FORGOTTEN.encode() in paths.journal.read_bytes()


def test_only_a_batch_that_is_out_can_be_forgotten(paths: OutputPaths) -> None:
    with pytest.raises(ConfigError, match="there are: b1"):
        prepare(paths, BATCHED, forget=["b2"], collects=True)


def test_starting_anew_keeps_the_folder_of_batches_under_another_name(paths: OutputPaths) -> None:
    paths.batches.mkdir()
    (paths.batches / "b1.jsonl").write_text("x")
    with pytest.raises(ConfigError, match="--forget-batch b1"):
        prepare(paths, HEADER, overwrite=True)
    start = prepare(paths, HEADER, overwrite=True, forget=["b1"])
    assert isinstance(start, Start)
    start.open().close()
    assert not paths.batches.exists()
    assert [each.name for each in paths.output.parent.glob("*.batches.bak-*/*")] == ["b1.jsonl"]
