"""The torture bench of batches: a short run of it, and proof that its judge sees what it is there to see."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

BENCH = Path(__file__).parent / "bench"
sys.path.append(str(BENCH))

from batch_torture import (  # noqa: E402  # a script, and no package
    ENDPOINTS,
    Books,
    Entry,
    Output,
    Torture,
    judge_complete,
    judge_kill,
    read_books,
    read_output,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300, method="thread")]

KILLS = 10
COST = Decimal("0.25")
OUTPUT = Output(
    numbers=("no. 1", "no. 0"),
    torn=0,
    is_finished=True,
    entries=(Entry("submitting", label="a"), Entry("submitted", label="a", id="b1"), Entry("collected", label="a")),
)
BOOKS = Books(created=Counter(b1=1), asked=Counter({"a-0-1": 1, "a-1-1": 1}), answered=Counter({0: 1, 1: 1}), cost=COST)


@pytest.mark.timeout(300, method="thread")
@pytest.mark.parametrize("name", ["files, creates unanswered", "inline, creates unanswered"])
def test_a_run_in_batches_that_is_killed_again_and_again_makes_and_pays_each_conversation_once(
    tmp_path: Path, name: str
) -> None:
    endpoint = next(each for each in ENDPOINTS if each.name == name)
    torture = Torture(tmp_path, kills=KILLS, seed=2, num=30, endpoints=(endpoint,))
    assert list(torture.run()) == list(range(1, KILLS + 1))
    assert torture.tally.violations == []
    assert torture.tally.lines == torture.tally.answered == 30 * torture.tally.outputs.total()


def test_nothing_is_held_against_a_complete_output() -> None:
    assert judge_kill(OUTPUT, OUTPUT) == []
    assert judge_complete(OUTPUT, BOOKS, COST, num=2, is_whole=True) == []


@pytest.mark.parametrize(
    ("output", "books", "sentence"),
    [
        (replace(OUTPUT, is_finished=False), BOOKS, "not whole"),
        (replace(OUTPUT, torn=1), BOOKS, "not whole"),
        (replace(OUTPUT, numbers=("no. 0",)), BOOKS, "1 conversations missing"),
        (replace(OUTPUT, numbers=("no. 0", "no. 1", "no. 1")), BOOKS, "there twice"),
        (replace(OUTPUT, left=("a.jsonl",)), BOOKS, "left beside the output: a.jsonl"),
        (replace(OUTPUT, entries=OUTPUT.entries[:2]), BOOKS, "1 batches are still open"),
        (OUTPUT, replace(BOOKS, asked=Counter({"a-0-1": 2})), "1 lines are in two batches, such as a-0-1"),
        (OUTPUT, replace(BOOKS, answered=Counter({0: 2})), "1 indices were answered twice, such as 0"),
        (OUTPUT, replace(BOOKS, created=Counter(b1=1, b2=1)), "['b2'] were never taken up"),
        (OUTPUT, replace(BOOKS, created=Counter()), "['b1'] are not its own"),
        (OUTPUT, replace(BOOKS, cost=COST + Decimal("1e-12")), "were billed"),
    ],
)
def test_what_may_not_be_is_seen(output: Output, books: Books, sentence: str) -> None:
    found = judge_complete(output, books, COST, num=2, is_whole=True)
    assert any(sentence in violation for violation in found), found


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda lines: lines[1:], "1 lines that had been counted are gone"),
        (lambda lines: [lines[0], lines[1][:9] + b"\n", lines[2]], "1 torn lines"),
        (lambda lines: [*lines, b'{"messa'], None),
    ],
)
def test_what_a_kill_may_not_do_is_seen(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], sentence: str | None
) -> None:
    path = tmp_path / "output"
    lines = [b'{"messages":[],"metadata":{"number":"no. %d"}}\n' % number for number in range(3)]
    path.write_bytes(b"".join(lines))
    before = read_output(path)
    assert before.numbers == ("no. 0", "no. 1", "no. 2")
    path.write_bytes(b"".join(damage(lines)))
    found = judge_kill(before, read_output(path))
    assert found == [] if sentence is None else any(sentence in violation for violation in found)


def test_the_books_are_read_by_index_whatever_the_label() -> None:
    events = [
        {"event": "created", "batch": "b1"},
        {"event": "accepted", "batch": "b1", "custom_ids": ["x-y-7-1", "x-y-8-1"]},
        {"event": "line", "batch": "b1", "custom_id": "x-y-7-1", "status": 200, "cost": 0.25},
        {"event": "line", "batch": "b1", "custom_id": "x-y-8-1", "status": 500},
        {"event": "ended", "batch": "b1", "status": "completed", "cost": 0.25},
    ]
    books = read_books([msgspec.json.encode(each) for each in events])
    assert books.answered == Counter({7: 1})
    assert books.created.total() == 1
    assert books.asked.total() == len(books.asked)
    assert books.cost == COST
