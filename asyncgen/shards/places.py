"""Where shards may stand: in a folder that all machines see, or in object storage."""

from pathlib import Path
from typing import TypeAlias

from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.stored import StoredShards

Shards: TypeAlias = ShardFolder | StoredShards


def shards_of(output: Path | str) -> Shards:
    """Those that are meant by an output, or by the folder's own name. Raises ConfigError for an unusable address."""
    return StoredShards(output) if isinstance(output, str) else ShardFolder.of(output)


def find_shards(output: Path | str) -> Shards | None:
    """Those that are there, unless a path is that of a file."""
    return StoredShards(output) if isinstance(output, str) else ShardFolder.find(output)
