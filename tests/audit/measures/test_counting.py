import zlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.measures.counting import DistinctCounter, HeavyHitters, TextSample
from asyncgen.audit.reading.words import WordNumbers, hash_shingles


@given(st.lists(st.lists(st.integers(0, 30), max_size=10)), st.integers(1, 6))
def test_a_count_is_never_too_high_and_too_low_by_the_error_at_most(batches: list[list[int]], capacity: int) -> None:
    counter: HeavyHitters[int] = HeavyHitters(capacity)
    truth: Counter[int] = Counter()
    for batch in batches:
        counter.add(batch)
        truth.update(batch)
    counts = dict(counter.most_common())
    assert all(truth[item] - counter.error <= counts.get(item, 0) <= truth[item] for item in truth)
    assert counter.error <= truth.total() / (capacity + 1)
    assert len(counts) <= 2 * capacity


def test_what_is_frequent_survives_any_number_of_rare_items() -> None:
    counter: HeavyHitters[str] = HeavyHitters(10)
    for number in range(2_000):
        counter.add(["often", f"rare {number}"])
    assert counter.most_common()[0][0] == "often"


def test_a_mapping_is_taken_as_its_keys() -> None:
    counter: HeavyHitters[str] = HeavyHitters(10)
    counter.add(dict.fromkeys(["a", "b"]))
    assert counter.most_common() == [("a", 1), ("b", 1)]


@given(st.lists(st.integers()))
def test_different_items_are_counted_exactly_while_they_fit(hashes: list[int]) -> None:
    counter = DistinctCounter(capacity=len(hashes))
    counter.add(hashes)
    assert (counter.estimate, counter.is_exact) == (len(set(hashes)), True)


def test_more_different_items_are_estimated_within_three_standard_errors() -> None:
    numbers = WordNumbers().number(b"%d" % number for number in range(40_001))
    counter = DistinctCounter(capacity=1 << 10)
    for _ in range(2):
        counter.add(hash_shingles(numbers, 2))
    assert not counter.is_exact
    assert len(counter._kept) <= 1 << 10
    assert counter.estimate == pytest.approx(40_000, rel=3 * 1.2 / 32)


def test_a_sample_is_everything_while_it_fits() -> None:
    sample = TextSample(capacity=100)
    for number in range(1, 11):
        sample.add(number, "ten bytes!")
    assert sample.is_whole
    assert sorted(sample.texts()) == ["ten bytes!"] * 10


def test_a_larger_file_is_sampled_within_the_bound_and_all_over_it() -> None:
    sample = TextSample(capacity=4_000)
    for number in range(1, 10_001):
        sample.add(number, f"{number:010}")
    numbers = sorted(map(int, sample.texts()))
    assert not sample.is_whole
    assert 100 <= len(numbers) <= 400
    assert all(any(start < number <= start + 1_000 for number in numbers) for start in range(0, 10_000, 1_000))


def test_one_text_of_a_megabyte_does_not_crowd_out_the_others() -> None:
    sample = TextSample(capacity=100_000)
    sample.add(1, "long" * 250_000)
    sample.add(2, "short")
    assert sorted(map(len, sample.texts())) == [5, 65_536]


def test_the_compression_ratio_is_that_of_zlib_and_none_without_text() -> None:
    sample = TextSample()
    assert sample.compression_ratio() is None
    sample.add(1, "again and again and again")
    sample.add(2, "")
    raw = b"again and again and again"
    assert sample.compression_ratio() == len(raw) / len(zlib.compress(raw))
