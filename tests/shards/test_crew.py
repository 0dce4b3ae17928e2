"""Which shard is begun next, by how others have ended; nothing runs, and no time passes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.shards.crew import FIRST_PAUSE, LONGEST_PAUSE, TRIES, Crew, End

MADE, LEFT = End(0), End(130)
LATER = 1000.0  # seconds: longer than any pause


def test_so_many_are_under_way_and_each_is_begun_once() -> None:
    crew = Crew.of(range(5), at_once=2)
    assert list(crew.start(0)) == [0, 1]
    crew.take(1, MADE, 9, 0)
    assert list(crew.start(0)) == [2]
    assert list(crew.start(0)) == []


@each_row("status", [4, 129, 130, 137, 143, -9, -15])
def test_what_was_stopped_lost_or_held_by_another_is_gone_on_with_before_anything_new(status: int) -> None:
    crew = Crew.of(range(3), at_once=1)
    assert list(crew.start(0)) == [0]
    crew.take(0, End(status), 7, 0)
    assert list(crew.start(0)) == [1]
    crew.take(1, MADE, 9, FIRST_PAUSE)
    assert list(crew.start(FIRST_PAUSE)) == [0]


@pytest.mark.parametrize(("status", "words"), [(1, "no money"), (2, "no plan"), (64, "")])
def test_a_fault_that_all_would_share_stops_them(status: int, words: str) -> None:
    crew = Crew.of(range(3), at_once=2)
    assert len(list(crew.start(0))) == 2
    crew.take(0, End(status, words, where="node7"), 7, 0)
    assert crew.fault is not None
    assert crew.fault.text == f"shard 0 on node7{f': {words}' if words else ' ended with status 64'}"
    assert (list(crew.start(LATER)), crew.is_over) == ([], False)
    crew.take(1, LEFT, 7, 0)
    assert crew.is_over


def test_of_several_faults_the_first_one_is_told() -> None:
    crew = Crew.of(range(2), at_once=2)
    list(crew.start(0))
    for number in range(2):
        crew.take(number, End(1, "no money"), 0, 0)
    assert crew.fault is not None
    assert crew.fault.text == "shard 0: no money"


def test_pauses_grow_and_a_shard_that_gets_no_further_is_a_fault_in_the_end() -> None:
    crew, now = Crew.of([0], at_once=1), 0
    begun = []
    while crew.fault is None:
        if list(crew.start(now)):
            begun.append(now)
            crew.take(0, End(137, "killed"), 7, now)
        now += 1
    pauses = [after - before for before, after in pairwise(begun)]
    assert len(begun) == TRIES
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE, LONGEST_PAUSE)
    assert crew.fault.text == f"tried {TRIES} times, and it got no further: shard 0: killed"


def test_a_shard_that_gets_further_each_time_is_gone_on_with_for_ever() -> None:
    crew = Crew.of([0], at_once=1)
    for made in range(10 * TRIES):
        assert list(crew.start(made * LATER)) == [0]
        crew.take(0, LEFT, made, made * LATER)
    assert (crew.fault, crew.is_over) == (None, False)


def test_failed_indices_are_told_apart_and_not_tried_again() -> None:
    crew = Crew.of(range(2), at_once=2)
    list(crew.start(0))
    crew.take(0, End(3), 6, 0)
    crew.take(1, MADE, 9, 0)
    assert (crew.made, crew.failed, crew.is_over) == ({1}, {0}, True)


@given(
    at_once=st.integers(1, 4),
    statuses=st.lists(st.sampled_from([0, 0, 0, 3, 4, 130, 137]), max_size=60),
    data=st.data(),
)
def test_whatever_happens_each_shard_is_in_one_place_and_never_under_way_twice(
    at_once: int, statuses: list[int], data: st.DataObject
) -> None:
    crew, count = Crew.of(range(6), at_once), 6
    for made, status in enumerate(statuses):
        begun = list(crew.start(made * LATER))
        assert len({*begun}) == len(begun)
        assert len(crew.under_way) <= at_once
        assert len(crew.under_way) + len(crew.made) + len(crew.failed) + crew.to_go_on + len(crew.waiting) == count
        if crew.is_over:
            assert len(crew.made | crew.failed) == count
            return
        crew.take(data.draw(st.sampled_from(sorted(crew.under_way))), End(status), made, made * LATER)
