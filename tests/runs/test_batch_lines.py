import json
from array import array
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from asyncgen.answered import Usage
from asyncgen.endpoint.answer import Completion, classify_response
from asyncgen.endpoint.batches.rows import Row
from asyncgen.errors import NotRunError
from asyncgen.output.batches import OpenBatch
from asyncgen.output.journal import Submitting
from asyncgen.runs.batches.lines import Ask, Backlog, Results, custom_id, packed_asks

indices = st.integers(0, 2**31 - 1)
asks = st.builds(Ask, indices, st.integers(1, 2**16 - 1), st.integers(0, 127), st.booleans())


class Reader:
    """Of a form, as far as results need one."""

    @staticmethod
    def classify(row: Row) -> Completion:
        if row.status is None:
            raise NotRunError("not run")
        return classify_response(row.status, {}, row.body)


def answered(index: int, usage: dict[str, object] | None) -> bytes:
    body = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": f"A {index}"}}]}
    response = {"status_code": 200, "body": body if usage is None else {**body, "usage": usage}}
    row = {"custom_id": custom_id("b1", Ask(index)), "response": response, "error": None}
    return json.dumps(row).encode() + b"\n"


def batch_of(number: int) -> OpenBatch:
    return OpenBatch.of(Submitting(label="b1", indices=f"0-{number - 1}" if number > 1 else "0"))


def read(folder: Path, batch: OpenBatch, *lines: bytes, whole: Usage = Usage()) -> Results:  # noqa: B008 - frozen
    path = folder / "b1.results"
    path.write_bytes(b"".join(lines))
    return Results(path, batch, Reader, whole)  # type: ignore[arg-type]


@given(asks)
def test_an_ask_comes_back_from_its_eight_bytes(ask: Ask) -> None:
    assert Ask.unpack(array("Q", [ask.pack()])[0]) == ask


@given(st.lists(asks, unique_by=lambda each: each.index))
def test_packed_asks_are_in_the_order_of_their_indices(some: list[Ask]) -> None:
    ordered = [Ask.unpack(packed).index for packed in sorted(each.pack() for each in some)]
    assert ordered == sorted(each.index for each in some)


def test_what_a_run_knows_of_the_asks_of_a_batch_is_known_to_a_later_one() -> None:
    intent = Submitting(label="b1", indices="0-3", asks={2: "1"}, failures={3: "2-3"}, cut_off="1")
    assert [*map(Ask.unpack, packed_asks(OpenBatch.of(intent)))] == [
        Ask(0),
        Ask(1, 2, 0, was_cut_off=True),
        Ask(2, 1, 3),
        Ask(3, 1, 3),
    ]


def test_what_has_come_back_is_taken_before_what_is_new() -> None:
    backlog = Backlog(iter([5, 6, 7]))
    backlog.put_again(Ask(2, 2))
    assert (backlog.again, backlog.has_fresh) == (1, True)
    assert [Ask.unpack(each).index for each in backlog.take(2)] == [2, 5]
    backlog.put_back(Ask(5).pack())
    assert (backlog.again, backlog.has_fresh) == (0, True)
    assert [each.index for each in backlog.take_one_by_one()] == [5, 6, 7]
    assert not backlog.has_fresh


def test_results_are_in_the_order_of_their_lines_each_once(tmp_path: Path) -> None:
    strange = answered(0, None).replace(b"b1-0-1", b"other-0-1")
    results = read(
        tmp_path, batch_of(3), answered(2, None), answered(0, None), b"{\n", strange, answered(2, None), b"\n"
    )
    assert (results.found, results.unread, results.strange) == (2, 1, 1)
    assert [None if each is None else getattr(each, "text", each) for each in results] == ["A 0", None, "A 2"]


def test_an_answer_to_another_ask_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, batch_of(1), answered(0, None).replace(b"b1-0-1", b"b1-0-2")).strange == 1


@given(
    st.lists(st.none() | st.integers(1, 10_000), min_size=1, max_size=12),
    st.decimals(0, 1000, places=9, allow_nan=False),
    st.integers(0, 10**6),
)
def test_shares_sum_up_to_the_whole_to_the_digit(told: list[int | None], cost: Decimal, tokens: int) -> None:
    """Lines tell their tokens or nothing, the batch tells its cost and the tokens of all."""
    folder = Path("shares")
    folder.mkdir(exist_ok=True)
    lines = [
        answered(
            index, None if each is None else {"prompt_tokens": each, "completion_tokens": 1, "total_tokens": each + 1}
        )
        for index, each in enumerate(told)
    ]
    whole = Usage(prompt_tokens=sum(each or 0 for each in told) + tokens, cost=cost)
    results = read(folder, batch_of(len(told)), *lines, whole=whole)
    once, again = [*results], [*read(folder, batch_of(len(told)), *lines, whole=whole)]
    assert once == again
    usages = [each.usage for each in once if isinstance(each, Completion)]
    assert sum((each.cost or Decimal(0) for each in usages), results.unshared.cost or Decimal(0)) == cost
    assert (
        sum(each.prompt_tokens or 0 for each in usages) + (results.unshared.prompt_tokens or 0) == whole.prompt_tokens
    )
