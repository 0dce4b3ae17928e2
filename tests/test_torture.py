"""The torture bench: a short run of it, and proof that its judge sees what it is there to see."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"
sys.path.append(str(BENCH))

from torture import (  # noqa: E402  # a script, and no package
    MOST_AT_A_KILL,
    Answer,
    Output,
    Tally,
    Torture,
    judge_complete,
    judge_kill,
    read_output,
)

pytestmark = pytest.mark.slow

KILLS = 8
LEDGER = [Answer(run=1, number=number, text=f"answer {number}", is_usable=number < 3) for number in range(4)]
COMPLETE = Output(
    texts=("answer 0", "answer 1", "answer 2"),
    torn=0,
    is_finished=True,
    rejected=frozenset({"answer 3"}),
    done=frozenset({0, 1, 2}),
)


def test_a_run_that_is_killed_again_and_again_makes_each_conversation_once(tmp_path: Path) -> None:
    torture = Torture(tmp_path, kills=KILLS, seed=1, conversations=150)
    assert list(torture.run()) == list(range(1, KILLS + 1))
    tally = torture.tally
    assert tally.violations == []
    assert tally.lines == 150 * tally.outputs
    assert tally.answers == tally.lines + tally.rejects + tally.only_journalled + tally.gone


def test_the_script_ends_with_a_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH / "torture.py"), "--kills", "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "counted lines lost" in done.stdout


def test_nothing_is_held_against_a_complete_output() -> None:
    tally = Tally()
    judge_kill(tally, COMPLETE, COMPLETE)
    judge_complete(tally, COMPLETE, LEDGER, killed=(), num=3)
    assert tally.violations == []


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (replace(COMPLETE, texts=("answer 0", "answer 1")), "1 conversations missing, 0 there twice"),
        (replace(COMPLETE, texts=(*COMPLETE.texts, "answer 2")), "0 conversations missing, 1 there twice"),
        (replace(COMPLETE, done=frozenset({0, 1, 3})), "0 conversations missing"),
        (replace(COMPLETE, texts=(*COMPLETE.texts[:2], "made up")), "never said"),
        (replace(COMPLETE, rejected=frozenset({"answer 3", "made up"})), "never said"),
        (replace(COMPLETE, texts=(*COMPLETE.texts, "answer 3")), "never said"),
        (replace(COMPLETE, is_finished=False), "unfinished"),
        (replace(COMPLETE, rejected=frozenset()), "run 1: 1 answers are neither kept"),
    ],
)
def test_what_a_complete_output_lacks_is_seen(output: Output, sentence: str) -> None:
    tally = Tally()
    judge_complete(tally, output, LEDGER, killed=(), num=3)
    assert any(sentence in violation for violation in tally.violations)


@pytest.mark.parametrize(("after", "is_excused"), [(MOST_AT_A_KILL - 1, True), (MOST_AT_A_KILL, False)])
def test_only_the_last_answers_of_a_killed_run_may_be_gone(after: int, is_excused: bool) -> None:  # noqa: FBT001
    later = [Answer(run=1, number=0, text=f"later {number}", is_usable=False) for number in range(after)]
    output = replace(COMPLETE, rejected=frozenset(answer.text for answer in later))
    tally = Tally()
    judge_complete(tally, output, [*LEDGER, *later], killed=(1,), num=3)
    assert (tally.violations == []) == is_excused
    assert tally.most_gone == 1


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda lines: lines[1:], "1 lines that had been counted are gone"),
        (lambda lines: [lines[0], lines[1][:9] + b"\n", lines[2]], "1 torn lines"),
        (lambda lines: [lines[0], lines[1][:-1], lines[2]], "1 torn lines"),
    ],
)
def test_what_a_kill_may_not_do_is_seen(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], sentence: str
) -> None:
    path = tmp_path / "output"
    lines = [
        b'[{"role":"user","content":"?"},{"role":"assistant","content":"answer %d"}]\n' % number for number in range(3)
    ]
    path.write_bytes(b"".join(lines))
    before = read_output(path)
    assert before.texts == COMPLETE.texts
    path.write_bytes(b"".join(damage(lines)))
    tally = Tally()
    judge_kill(tally, before, read_output(path))
    assert any(sentence in violation for violation in tally.violations)


def test_an_unfinished_last_line_is_no_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_bytes(b'[{"role":"user","con')
    assert read_output(path) == Output(texts=(), torn=0, is_finished=False)
