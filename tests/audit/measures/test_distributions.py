from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import COST, HEADER, digest, failed, line, make_run, rejected

from asyncgen.audit.measures.distributions import BINS, Shape, describe
from asyncgen.audit.results import ShapeResult
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Conversation, Message
from asyncgen.data.dataset import Dataset
from asyncgen.output.files import Record as OutputRecord
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group

DIMENSIONS = (
    Dimension("topic", (Group("", ("rye", "wheat")),)),
    Dimension("dynamic", (Group("", ("a short chat (2 messages)", "a long one (4 messages)")),)),
)
FOUR = {"dynamic": (("", "a long one (4 messages)"),)}


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths.of(tmp_path / "out.jsonl")


def done(index: int, **changed: object) -> OutputRecord:
    entry = msgspec.structs.replace(Done(index=index, digest=digest(index), cost=COST), **changed)
    return OutputRecord(encode_entry(entry), line(index))


def measure(paths: OutputPaths) -> ShapeResult:
    dataset = Dataset.open(paths.output)
    shape = Shape(dataset)
    for record in dataset.records():
        scenario = None if record.index is None else dataset.scenario(record.index)
        shape.add(Subject(record, scenario, "any"))
    for entry in dataset.calls():
        shape.add_entry(entry)
    return shape.result()


def messages(number: int, first: str = "hi") -> Conversation:
    return tuple(Message("assistant" if place % 2 else "user", first if place == 0 else "x") for place in range(number))


def test_messages_words_and_turns_are_counted(paths: OutputPaths) -> None:
    header = msgspec.structs.replace(HEADER, dimensions=DIMENSIONS, num=2)
    make_run(paths, [[done(0), done(1)]], header)
    result = measure(paths)
    assert result.messages == {2: 2}
    assert {role: (each.count, each.mean) for role, each in result.words.items()} == {
        "user": (2, 2.0),
        "assistant": (2, 2.0),
    }
    assert result.conversation_words is not None
    assert result.conversation_words.median == 4
    assert {each.value: each.found for each in result.turns} == {
        "a short chat (2 messages)": {2: 1},
        "a long one (4 messages)": {2: 1},
    }
    assert {each.dimension for each in result.turns} == {"dynamic"}


def test_calls_are_counted_by_finish_reason_model_and_asks(paths: OutputPaths) -> None:
    records = [
        done(0, finish_reason="stop", model="m-1"),
        done(1, finish_reason="stop", asks=3),
        done(2, finish_reason="length", model="m-1"),
        done(3),
    ]
    make_run(paths, [records])
    result = measure(paths)
    assert result.finish_reasons == {"stop": 2, "length": 1, "unknown": 1}
    assert result.models == {"m-1": 2}
    assert result.asks == {1: 3, 3: 1}


def test_failures_are_counted_by_reason_and_by_value(paths: OutputPaths) -> None:
    header = msgspec.structs.replace(HEADER, dimensions=DIMENSIONS, num=6)
    make_run(paths, [[rejected(0), rejected(0), done(0), failed(1), failed(2), done(2)]], header)
    dataset = Dataset.open(paths.output)
    result = measure(paths)
    assert result.rejected == {"not-json": 2}
    assert result.failed == {"request-rejected": 1}  # index 2 has been made since
    topics = {each.value: (each.failed, each.rejected) for each in result.failures["topic"]}
    expected: dict[str, tuple[dict[str, int], dict[str, int]]] = {"rye": ({}, {}), "wheat": ({}, {})}
    expected[dataset.scenario(0)["topic"][0][1]][1]["not-json"] = 2
    expected[dataset.scenario(1)["topic"][0][1]][0]["request-rejected"] = 1
    assert topics == {value: each for value, each in expected.items() if any(each)}


def test_roles_from_elsewhere_share_one_row(paths: OutputPaths) -> None:
    paths.output.write_bytes(
        b'[{"role":"system","content":"a b c"},{"role":"narrator","content":"d e"},{"role":"elf","content":"f"}]\n'
    )
    result = measure(paths)
    assert {role: each.count for role, each in result.words.items()} == {"system": 1, "other": 2}
    assert (result.failures, result.asks) == ({}, {})


def test_an_empty_output_has_an_empty_shape(paths: OutputPaths) -> None:
    paths.output.write_bytes(b"")
    result = measure(paths)
    assert (result.messages, result.words, result.conversation_words) == ({}, {}, None)


def test_the_result_is_plain_json(paths: OutputPaths) -> None:
    make_run(paths, [[done(0), rejected(1)]], msgspec.structs.replace(HEADER, dimensions=DIMENSIONS))
    result = measure(paths)
    assert msgspec.json.decode(msgspec.json.encode(result), type=ShapeResult) == result


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=300))
def test_a_distribution_agrees_with_the_sorted_values(values: list[int]) -> None:
    result = describe(Counter(values))
    assert result is not None
    values.sort()
    assert (result.count, result.lowest, result.highest) == (len(values), values[0], values[-1])
    assert result.mean == pytest.approx(sum(values) / len(values))
    assert values[0] <= result.p5 <= result.median <= result.p95 <= values[-1]
    assert result.median == values[(len(values) - 1) // 2]
    assert len(result.bins) <= BINS
    for each in result.bins:
        assert each.count == sum(each.first <= value <= each.last for value in values)
    assert sum(each.count for each in result.bins) == len(values)


def test_a_conversation_without_index_is_measured_too(paths: OutputPaths) -> None:
    make_run(paths, [[done(0)]])
    with paths.output.open("ab") as file:
        file.write(line("by hand"))
    assert measure(paths).messages == {2: 2}
