from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.measures.timeline import MOST_BUCKETS, Timeline
from asyncgen.output.journal import Done, Entry, Failed, Lost, Unused

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def done(seconds: float, *, took: float = 1.0, in_flight: int = 1) -> Done:
    return Done(index=0, digest="00", time=at(seconds), seconds=took, in_flight=in_flight)


def timeline(*entries: Entry) -> Timeline:
    made = Timeline()
    for entry in entries:
        made.add(entry)
    return made


def test_what_ends_in_the_same_second_is_one_moment() -> None:
    first, second = timeline(
        done(0.1, in_flight=4),
        done(0.9, in_flight=8),
        Unused(index=1, reason="not-json", time=at(0.2)),
        Failed(index=2, reason="refused", time=at(5)),
        Lost(index=3, reason="connection", time=at(5.5)),
    ).result()
    assert (first.time, first.seconds) == ("2026-01-01T00:00:00Z", 1)
    assert (first.done, first.rejected, first.failed, first.lost, first.in_flight) == (2, 1, 0, 0, 6.0)
    assert (second.time, second.done, second.failed, second.lost) == ("2026-01-01T00:00:05Z", 0, 1, 1)
    assert (second.in_flight, second.seconds_p50) == (None, None)


@pytest.mark.parametrize("took", [[0.25], [1, 2, 3], [0.2, 0.2, 90], [30, 10, 20, 11, 400]])
def test_the_median_is_right_to_a_few_percent(took: list[float]) -> None:
    (moment,) = timeline(*[done(0, took=each) for each in took]).result()
    assert moment.seconds_p50 == pytest.approx(sorted(took)[len(took) // 2], rel=0.03)


@given(st.lists(st.floats(0, 1e7), max_size=600))
def test_any_length_of_time_fits_into_a_bounded_number_of_moments(times: list[float]) -> None:
    moments = timeline(*[done(seconds) for seconds in times]).result()
    assert len(moments) <= MOST_BUCKETS
    assert sum(moment.done for moment in moments) == len(times)
    assert [moment.time for moment in moments] == sorted({moment.time for moment in moments})


def test_moments_that_become_one_keep_their_median_and_their_calls_in_flight() -> None:
    entries = [done(seconds, took=2.0, in_flight=3) for seconds in range(MOST_BUCKETS + 1)]
    moments = timeline(*entries).result()
    assert {moment.seconds for moment in moments} == {2}
    assert {moment.in_flight for moment in moments} == {3.0}
    assert all(moment.seconds_p50 == pytest.approx(2.0, rel=0.03) for moment in moments)


def test_an_entry_without_its_time_is_left_out() -> None:
    assert timeline(Done(index=0, digest="00"), Lost(index=1, reason="connection", time="soon")).result() == []
