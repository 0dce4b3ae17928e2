"""Cutting a run into shards: they cover it, none twice, in whole blocks, and what is added comes at the end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.errors import ConfigError
from asyncgen.recipe.balanced import BLOCK_SIZE
from asyncgen.shards.cut import SIZE, check_cut, count_shards, indices_of

NUMS = st.integers(1, 3_000_000)
SIZES = st.integers(1, 30).map(lambda blocks: blocks * BLOCK_SIZE)


@given(NUMS, SIZES)
def test_shards_cover_every_index_once_and_in_order(num: int, size: int) -> None:
    shards = [indices_of(number, num, size) for number in range(count_shards(num, size))]
    assert shards[0].start == 0
    assert shards[-1].stop == num
    assert all(one.stop == other.start for one, other in pairwise(shards))
    assert all(len(each) == size for each in shards[:-1])
    assert 0 < len(shards[-1]) <= size


@given(NUMS, NUMS, SIZES)
def test_more_of_them_are_new_shards_at_the_end(num: int, more: int, size: int) -> None:
    for number in range(num // size):
        assert indices_of(number, num, size) == indices_of(number, num + more, size)


@given(NUMS, SIZES)
def test_shards_begin_with_a_block(num: int, size: int) -> None:
    check_cut(num, size)
    assert all(indices_of(number, num, size).start % BLOCK_SIZE == 0 for number in range(count_shards(num, size)))


def test_ten_million_are_fewer_shards_than_an_array_has_parts() -> None:
    assert count_shards(10_000_000, SIZE) == 489


@pytest.mark.parametrize(("size", "nearest"), [(20_000, "20,480"), (1, "2,048"), (5_000, "4,096")])
def test_shards_of_no_whole_blocks_are_refused_with_a_size_that_would_do(size: int, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"such as {nearest}"):
        check_cut(10, size)


def test_too_many_shards_are_refused() -> None:
    with pytest.raises(ConfigError, match="make them larger"):
        check_cut(2**31 - 1, BLOCK_SIZE)
