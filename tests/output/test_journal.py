import contextlib
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, digest
from quick import each_row
from sweep import sweep

from asyncgen.errors import ConfigError
from asyncgen.output.changes import differences
from asyncgen.output.indices import write_indices
from asyncgen.output.journal import (
    MAX_ASK,
    MAX_INDEX,
    NEWEST_VERSION,
    VERSION,
    Collected,
    Done,
    Entry,
    Failed,
    Header,
    Kept,
    Lost,
    Mark,
    Step,
    Stepped,
    Submitted,
    Submitting,
    Unused,
    Uploaded,
    checksum,
    decode_entry,
    encode_entry,
)
from asyncgen.output.ledger import Ledger, Totals, Uncertain, read_journal
from asyncgen.recipe.recipe import Dimension, Group

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_texts = st.none() | texts
counts = st.integers(0, 2**53)
some_counts = st.none() | counts
indices = st.integers(0, MAX_INDEX)
costs = st.none() | st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=18)
finite = st.floats(allow_nan=False, allow_infinity=False)
digests = st.binary(min_size=16, max_size=16).map(bytes.hex)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    values = draw(st.lists(texts, min_size=1, unique=True))
    weights = st.none() | st.tuples(*[st.floats(0.001, 1e9)] * len(values))
    return Group(draw(texts), tuple(values), draw(weights))


@st.composite
def dimensions(draw: st.DrawFn) -> Dimension:
    grouped = draw(st.booleans())
    drawn = draw(st.lists(groups(), min_size=1, max_size=2 if grouped else 1, unique_by=lambda group: group.name))
    return Dimension(draw(texts), tuple(drawn), grouped, draw(st.integers(1, 5) | st.none()) if grouped else None)


some_indices = st.sets(indices, min_size=1, max_size=5).map(sorted).map(write_indices)
usage = {
    "prompt_tokens": some_counts,
    "cached_tokens": some_counts,
    "completion_tokens": some_counts,
    "cost": costs,
    "request_id": some_texts,
    "time": texts,
    "batch": some_texts,
}
entries = st.one_of(
    st.builds(
        Header,
        version=st.integers(1, VERSION),
        asyncgen=texts,
        started=texts,
        num=st.integers(0, MAX_INDEX + 1),
        provider=texts,
        base_url=texts,
        recipe=texts,
        dimensions=st.lists(dimensions(), max_size=2, unique_by=lambda each: each.name).map(tuple),
        sampling=texts,
        seed=st.none() | st.integers(-(2**63), 2**63),
        request=st.dictionaries(texts, json_values, max_size=3),
        line_format=texts,
        digests=st.dictionaries(texts, texts, max_size=3),
    ),
    st.builds(Mark, counts, counts, counts, some_counts),
    st.builds(
        Done,
        index=indices,
        digest=digests,
        asks=counts,
        finish_reason=some_texts,
        model=some_texts,
        seconds=finite,
        in_flight=counts,
        **usage,
    ),
    st.builds(Unused, index=indices, reason=texts, ask=counts, **usage),
    st.builds(Step, index=indices, text=texts, ask=counts, finish_reason=some_texts, model=some_texts, **usage),
    st.builds(Failed, index=indices, reason=texts, message=texts, status=some_counts, asks=counts, time=texts),
    st.builds(Lost, index=indices, reason=texts, time=texts),
    st.builds(Kept, digest=digests),
    st.builds(
        Submitting,
        label=texts,
        indices=some_indices,
        asks=st.dictionaries(st.integers(1, MAX_ASK), some_indices, max_size=2),
        seat=texts,
        base_url=texts,
        size=counts,
        held=costs,
        time=texts,
    ),
    st.builds(Uploaded, label=texts, file=texts),
    st.builds(Submitted, label=texts, id=texts, time=texts),
    st.builds(Collected, label=texts, status=texts, missing=counts, lost=counts, unread=counts, time=texts),
)


@given(entries)
def test_an_entry_is_one_line_and_comes_back_equal(entry: Entry) -> None:
    encoded = encode_entry(entry)
    assert encoded.index(b"\n") == len(encoded) - 1
    assert decode_entry(encoded) == entry


def test_a_step_of_an_older_version_goes_without_nothing() -> None:
    entry = decode_entry(b'{"type":"stepped","step":"json_object","base_url":"http://x/v1","model":"m"}\n')
    assert entry == Stepped(step="json_object", base_url="http://x/v1", model="m", without=())


@each_row("cost", ["0", "0.1", "0.30", "0.000000000000000001", "123456789.000000001", "1E+3"])
def test_a_cost_keeps_every_digit(cost: str) -> None:
    entry = Unused(index=1, reason="not-json", cost=Decimal(cost))
    encoded = encode_entry(entry)
    assert b'"cost":"' not in encoded  # a number, for whoever else reads the journal
    decoded = decode_entry(encoded)
    assert isinstance(decoded, Unused)
    assert decoded.cost is not None
    assert decoded.cost.as_tuple() == Decimal(cost).as_tuple()


@given(st.binary())
def test_any_bytes_are_an_entry_or_a_value_error(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_entry(line)


@given(entries, st.floats(0, 1), st.binary(max_size=3))
def test_a_garbled_entry_is_an_entry_or_a_value_error(entry: Entry, place: float, garbage: bytes) -> None:
    encoded = encode_entry(entry)
    position = int(place * len(encoded))
    with contextlib.suppress(ValueError):
        decode_entry(encoded[:position] + garbage + encoded[position + 1 :])


@each_row(
    "line",
    [
        b"",
        b"\0" * 4096,
        b"null",
        b"[]",
        b'{"type":"lost"}',
        b'{"type":"nonsense","index":1}',
        b'{"type":"lost","index":1,"reason":"\xff"}',
        b'{"type":"lost","index":1,"reason":"a\0b"}',
        b'{"type":"lost","index":1,"reason":"x"}{',
        b'{"type":"lost","index":-1,"reason":"x"}',
        b'{"type":"lost","index":2147483648,"reason":"x"}',
        b'{"type":"lost","index":1e99,"reason":"x"}',
        b'{"type":"lost","index":1,"reason":"x","more":' + b"[" * 100_000,
        b'{"type":"rejected","index":1,"reason":"x","prompt_tokens":' + b"9" * 10_000 + b"}",
        b'{"type":"rejected","index":1,"reason":"x","cost":' + b"9" * 10_000 + b"}",
        b'{"type":"rejected","index":1,"reason":"x","cost":1e999999999}',
        b'{"type":"rejected","index":1,"reason":"x","cost":1e-999999999}',
        b'{"type":"rejected","index":1,"reason":"x","cost":"NaN"}',
        b'{"type":"rejected","index":1,"reason":"x","cost":"Infinity"}',
        b'{"type":"done","index":1,"digest":""}',
        b'{"type":"done","index":1,"digest":"' + b"0" * 30 + b'"}',
        b'{"type":"kept","digest":"' + b"x" * 32 + b'"}',
        b'{"type":"mark","output":-1,"journal":0,"rejects":0}',
    ],
)
def test_what_is_no_plausible_entry_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode_entry(line)


def write(path: Path, *parts: Entry | bytes, version: int = VERSION) -> bytes:
    """A journal; each mark gets the offset at which it stands and, but in format 1, its checksum."""
    content, begin = b"", 0
    for part in parts:
        entry = part
        if isinstance(part, Mark):
            check = None if version == 1 else checksum(content[begin:])
            entry, begin = msgspec.structs.replace(part, journal=len(content), check=check), len(content)
        elif isinstance(part, Header):
            entry = msgspec.structs.replace(part, version=version)
        content += entry if isinstance(entry, bytes) else encode_entry(entry)
    path.write_bytes(content)
    return content


MARK = Mark(0, 0, 0)
DONE = Done(index=0, digest=digest(0))
DAMAGE = [
    b"\0" * 100 + b"\n",
    b"\n",
    b"{}\n",
    encode_entry(DONE)[:40] + b"\n",
    encode_entry(Lost(index=HEADER.num, reason="of an index that no run had")),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_before_the_newest_mark_is_refused_with_line_and_byte(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "x.jsonl.journal"
    offset = len(encode_entry(HEADER) + encode_entry(DONE))
    write(path, HEADER, DONE, damage, DONE, MARK)
    with pytest.raises(ConfigError, match=rf"x\.jsonl\.journal: line 3 \(byte {offset}\) is damaged"):
        read_journal(path)


@pytest.mark.parametrize("damage", [*DAMAGE, b"\0" * 10_000, encode_entry(DONE)[:-1], b'{"type":'])
def test_damage_behind_the_newest_mark_is_left_out(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal"
    before = write(path, HEADER, DONE)
    whole = write(path, HEADER, DONE, MARK, Lost(index=1, reason="x"))
    path.write_bytes(whole + damage)
    journal = read_journal(path)
    assert (journal.tail_offset, journal.tail) == (len(before), whole[len(before) :])
    assert (len(journal.ledger), journal.trusted_conversations, journal.ledger.totals.lost) == (1, 1, 1)


def test_whole_entries_behind_damage_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, HEADER, MARK, b"\0\0\n", DONE)
    journal = read_journal(path)
    assert len(journal.ledger) == 1
    assert journal.trusted_conversations == 0
    assert journal.tail.endswith(encode_entry(DONE))
    assert b"\0" not in journal.tail


def test_a_journal_without_a_mark_is_a_tail_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = write(path, HEADER)
    journal = read_journal(path)
    assert (journal.mark, journal.tail_offset, journal.tail) == (None, 0, content)


def test_a_line_that_grows_while_it_is_read_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = write(tmp_path / "journal", HEADER, MARK, DONE, MARK).splitlines(keepends=True)
    read = [*lines[:2], lines[2][:20], lines[2][20:], lines[3]]
    monkeypatch.setattr(Path, "open", lambda path, mode: contextlib.nullcontext(iter(read)))
    journal = read_journal(tmp_path / "journal")
    assert journal.tail == lines[1]


@pytest.mark.parametrize("version", [1, VERSION])
@pytest.mark.parametrize("behind", [(), (DONE,), (DONE, MARK)])
def test_a_mark_that_does_not_stand_where_it_was_written_is_refused(
    tmp_path: Path, version: int, behind: tuple[Entry, ...]
) -> None:
    """A byte before it is missing, or there is one too many: no crash does that."""
    path = tmp_path / "x.jsonl.journal"
    whole = write(path, HEADER, MARK, DONE, MARK, DONE, *behind, version=version)
    before, entry, after = whole.partition(encode_entry(DONE))
    path.write_bytes(before + entry[1:] + after)
    with pytest.raises(ConfigError, match=rf"line 3 \(byte {len(before)}\) is damaged"):
        read_journal(path)
    offset = len(encode_entry(HEADER))
    path.write_bytes(before + entry.replace(b",", b", ", 1) + after)  # in which no line is damaged
    with pytest.raises(ConfigError, match=rf"line 2 \(byte {offset}\), or one behind it up to line 4, is damaged"):
        read_journal(path)


def test_no_byte_before_the_newest_mark_can_be_changed_unseen(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    priced = msgspec.structs.replace(DONE, cost=Decimal("0.001"), prompt_tokens=100)
    whole = write(path, HEADER, MARK, priced, priced, MARK, Lost(index=1, reason="x"), HEADER, MARK, priced, MARK)
    newline = whole.rindex(b'\n{"type":"mark"')  # without which the newest mark is none
    for place in sweep(newline):
        for other in (b"1", b"2") if whole[place : place + 1] != b"1" else (b"2", b"7"):
            path.write_bytes(whole[:place] + other + whole[place + 1 :])
            if path.read_bytes() != whole:
                with pytest.raises(ConfigError, match=r"line \d+ \(byte \d+\).* (is damaged|a newer one)"):
                    read_journal(path)


def test_a_newest_mark_that_has_lost_its_line_is_damage_behind_the_mark_before(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = write(path, HEADER, MARK, DONE, MARK, DONE, MARK)
    before, _, behind = whole.rpartition(b'\n{"type":"mark"')
    path.write_bytes(before + b'1{"type":"mark"' + behind)
    journal = read_journal(path)
    assert journal.mark is not None
    assert journal.damage == (5, before.rindex(b"\n") + 1)
    assert journal.tail_offset < journal.damage[1]


def test_a_changed_digit_of_a_cost_is_refused_with_the_batch_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.journal"
    priced = msgspec.structs.replace(DONE, cost=Decimal("0.001"))
    whole = write(path, HEADER, MARK, DONE, MARK, DONE, priced, MARK, DONE)
    path.write_bytes(whole.replace(b"0.001", b"0.007"))
    offset = whole[: whole.index(b"0.001")].rindex(b'{"type":"mark"')
    with pytest.raises(
        ConfigError,
        match=rf"x\.jsonl\.journal: line 4 \(byte {offset}\), or one behind it up to line 7, is damaged",
    ):
        read_journal(path)


def test_a_mark_without_a_checksum_is_refused_in_format_2(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = write(path, HEADER, MARK, DONE)
    path.write_bytes(content + encode_entry(Mark(0, len(content), 0)))
    with pytest.raises(ConfigError, match="is damaged"):
        read_journal(path)


def test_format_1_is_read_and_continued_in_format_2(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    old = write(path, HEADER, MARK, DONE, MARK, DONE, version=1)
    assert read_journal(path).mark == Mark(0, old.rindex(b'{"type":"mark"'), 0)
    mark = Mark(0, len(old), 0, checksum(old[old.rindex(b'{"type":"mark"') :]))
    new = old + encode_entry(mark) + encode_entry(HEADER)
    path.write_bytes(new)
    journal = read_journal(path)
    assert [header.version for header in journal.ledger.headers] == [1, VERSION]
    assert journal.mark == mark


@pytest.mark.parametrize(
    "header",
    [
        encode_entry(msgspec.structs.replace(HEADER, version=NEWEST_VERSION + 1, asyncgen="9.9")),
        b'{"type":"run","version":5,"asyncgen":"9.9","all":"else differs","num":"many"}\n',
    ],
)
def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "journal"
    write(path, HEADER, MARK, DONE, header)
    with pytest.raises(ConfigError, match=r"written by asyncgen 9\.9, a newer one than this"):
        read_journal(path)


def test_an_index_is_plausible_below_the_largest_num_of_the_runs_before_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, HEADER, msgspec.structs.replace(HEADER, num=10), HEADER, MARK, Lost(index=9, reason="x"), MARK)
    assert read_journal(path).ledger.totals.lost == 1


def conversations_of(*parts: Entry) -> list[tuple[int | None, str]]:
    ledger = Ledger()
    ledger.add_all(parts)
    return [(index, each.hex()) for index, each in ledger.conversations()]


def test_a_newer_conversation_of_an_index_takes_the_place_of_an_older_one() -> None:
    first, second, other = (Done(index=index, digest=digest(text)) for index, text in ((3, "a"), (3, "b"), (1, "a")))
    assert conversations_of(first, other, second) == [(1, digest("a")), (3, digest("b"))]


def test_kept_lines_stand_beside_the_indices() -> None:
    kept = Kept(digest=digest("a"))
    assert conversations_of(kept, DONE, kept) == [(None, digest("a")), (0, digest(0)), (None, digest("a"))]


def test_an_index_that_is_done_in_the_end_has_not_failed() -> None:
    ledger = Ledger()
    ledger.add_all([Failed(index=0, reason="roles"), Failed(index=1, reason="roles"), DONE])
    assert ledger.failed == {1: "roles"}


def test_a_ledger_takes_at_most_forty_bytes_an_index() -> None:
    number, some_digest = 5_000, digest(0)
    tracemalloc.start()
    try:
        ledger = Ledger()
        ledger.add_all(Done(index=index, digest=some_digest) for index in range(number))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ledger) == number
    assert size < 40 * number


def test_totals_are_sums_over_all_calls() -> None:
    totals = Totals()
    for entry in (
        Done(index=0, digest=digest(0), prompt_tokens=10, cached_tokens=5, completion_tokens=3, cost=Decimal("0.1")),
        Unused(index=1, reason="roles", prompt_tokens=1, completion_tokens=1, cost=Decimal("0.2")),
        Unused(index=1, reason="roles"),
        Failed(index=1, reason="request-rejected", status=400),
        Failed(index=2, reason="connection"),
        Lost(index=3, reason="connection"),
        Kept(digest=digest("k")),
        HEADER,
        MARK,
    ):
        totals.add(entry)
    assert (totals.calls, totals.prompt_tokens, totals.cached_tokens, totals.completion_tokens) == (4, 11, 5, 4)
    assert str(totals.cost) == "0.3"
    assert totals.rejected == {"roles": 2}
    assert totals.lost == 1


def test_a_cost_that_nobody_reported_is_unknown_and_not_zero() -> None:
    totals = Totals()
    totals.add(DONE)
    assert totals.cost is None
    totals.add(msgspec.structs.replace(DONE, cost=Decimal(0)))
    assert totals.cost == 0


def test_totals_know_the_dearest_call_and_how_many_have_no_cost() -> None:
    totals = Totals()
    for cost in ("0.2", None, "0.3", "0.1", None):
        totals.add(Unused(index=1, reason="not-json", cost=None if cost is None else Decimal(cost)))
    totals.add(Lost(index=1, reason="connection"))
    totals.add(Failed(index=1, reason="request-rejected", status=400))
    assert (totals.cost, totals.unpriced, totals.lost) == (Decimal("0.6"), 2, 1)
    assert totals.uncertain == {frozenset({"default"}): Uncertain(Decimal("0.3"), 2, 1)}


def test_totals_keep_apart_what_runs_at_different_service_tiers_know_of_a_call() -> None:
    at_flex = msgspec.structs.replace(HEADER, request={**HEADER.request, "service_tier": "flex"})
    several = {"a": {"service_tier": "flex"}, "b": {"service_tier": "auto"}}
    totals = Totals()
    for entry in (
        HEADER,
        msgspec.structs.replace(DONE, cost=Decimal("0.4")),
        at_flex,
        msgspec.structs.replace(DONE, cost=Decimal("0.1"), tier="flex"),
        msgspec.structs.replace(DONE, cost=Decimal("0.2"), tier="default"),
        Lost(index=1, reason="connection"),
        msgspec.structs.replace(HEADER, models=several),
        DONE,
    ):
        totals.add(entry)
    assert totals.tiers == {"flex": 1, "default": 1, None: 2}
    assert totals.uncertain == {
        frozenset({"default"}): Uncertain(Decimal("0.4")),
        frozenset({"flex"}): Uncertain(Decimal("0.2"), lost=1),
        frozenset({"default", "flex"}): Uncertain(unpriced=1),
    }


def test_another_service_tier_asks_for_the_same_conversations() -> None:
    at_flex = msgspec.structs.replace(
        HEADER,
        request={**HEADER.request, "service_tier": "flex"},
        models={"a": {"temperature": 1, "service_tier": "flex"}},
    )
    usual = msgspec.structs.replace(HEADER, models={"a": {"temperature": 1}})
    assert at_flex.asked == usual.asked
    assert differences(at_flex, usual) == differences(usual, at_flex) == []
    warmer = msgspec.structs.replace(usual, models={"a": {"temperature": 2}})
    assert at_flex.asked != warmer.asked
    assert differences(at_flex, warmer) == ["a, temperature: 1 -> 2"]


@pytest.mark.parametrize("priced", [True, False])
def test_a_computed_cost_is_told_from_a_reported_one(*, priced: bool) -> None:
    entry = Unused(
        index=1,
        reason="not-json",
        prompt_tokens=1,
        cached_tokens=0,
        completion_tokens=1,
        cost=Decimal("0.25"),
        priced=priced,
    )
    line = encode_entry(entry)
    assert (b'"priced":true' in line) is priced
    assert decode_entry(line) == entry


def stepped_on(index: int, text: str = "a draft") -> Step:
    return Step(index=index, text=text, cost=Decimal("0.5"))


def test_a_step_is_a_call_and_kept_until_its_index_is_done() -> None:
    ledger = Ledger()
    ledger.add_all([HEADER, stepped_on(1), stepped_on(2), Failed(index=2, reason="refused")])
    assert {index: [step.text for step in steps] for index, steps in ledger.steps.items()} == {
        1: ["a draft"],
        2: ["a draft"],
    }
    ledger.add(Done(index=1, digest=digest(1)))
    assert list(ledger.steps) == [2]
    assert (ledger.totals.calls, ledger.totals.cost) == (3, Decimal("1.0"))


@each_row(
    ("change", "keeps"),
    [
        ({"num": 50, "asyncgen": "9", "base_url": "http://elsewhere/v1"}, True),
        ({"seed": 7}, False),
        ({"digests": {"prompts": "56"}}, False),
        ({"request": {"model": "another/model"}}, False),
        ({"kind": "judgements"}, False),
    ],
)
def test_a_run_that_asks_for_something_else_has_no_use_for_steps(change: dict[str, Any], keeps: bool) -> None:  # noqa: FBT001
    ledger = Ledger()
    ledger.add_all([HEADER, stepped_on(1), msgspec.structs.replace(HEADER, **change)])
    assert bool(ledger.steps) is keeps


def test_a_header_says_what_is_made_where_that_is_something_else() -> None:
    assert b"kind" not in encode_entry(HEADER)
    assert b'"kind":"judgements"' in encode_entry(msgspec.structs.replace(HEADER, kind="judgements"))
