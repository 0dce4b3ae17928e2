"""How many indices a shard has: whole blocks of them, in which values are balanced."""

from pathlib import Path

from asyncgen.errors import ConfigError
from asyncgen.recipe.balanced import BLOCK_SIZE

SIZE = 10 * BLOCK_SIZE
AT_ONCE = 10
SUFFIX = ".shards"  # of the folder where they stand
LOCAL = Path("data")  # where one of object storage is made, unless --local says otherwise
MOST = 100_000  # shards: five digits


def name_shard(number: int) -> str:
    """Of a shard, where they stand: those of all of them have the order of the numbers."""
    return f"{number:05}"


def count_shards(num: int, size: int) -> int:
    return -(-num // size)


def indices_of(number: int, num: int, size: int) -> range:
    """Those of a shard; shards are counted from 0."""
    return range(num)[number * size : (number + 1) * size]


def check_cut(num: int, size: int) -> None:
    """Raises ConfigError for shards that would not be balanced, or too many."""
    if size % BLOCK_SIZE:
        nearest = max(1, round(size / BLOCK_SIZE)) * BLOCK_SIZE
        raise ConfigError(
            f"--size {size}: expected a multiple of {BLOCK_SIZE:,}, the block in which values are balanced, "
            f"such as {nearest:,}"
        )
    if count_shards(num, size) > MOST:
        raise ConfigError(f"--size {size}: {num:,} would be more than {MOST:,} shards; make them larger")
