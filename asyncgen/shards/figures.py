"""What the journals of shards have told, in a file beside them: one that has not changed since is not read again.

It saves time and decides nothing: where it is missing, old or of another make, journals are read.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from asyncgen.data.whole_file import whole_file
from asyncgen.errors import OutputError
from asyncgen.output.ledger import Ledger

NAME = "figures.json"
VERSION = 1


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one journal. `size`, `changed`: its bytes and its time, as they were before it was read.

    `failed`: how many indices, by reason. `latest`: when the newest conversation was answered.
    """

    size: int
    changed: int
    done: int
    failed: dict[str, int]
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: Decimal | None
    latest: str | None

    @classmethod
    def of(cls, ledger: Ledger, seen: os.stat_result, latest: str | None) -> "Figures":
        totals = ledger.totals
        return cls(
            size=seen.st_size,
            changed=seen.st_mtime_ns,
            done=ledger.made,
            failed=Counter(ledger.failed.values()),
            calls=totals.calls,
            prompt_tokens=totals.prompt_tokens,
            cached_tokens=totals.cached_tokens,
            completion_tokens=totals.completion_tokens,
            cost=totals.cost,
            latest=latest,
        )

    def are_of(self, seen: os.stat_result) -> bool:
        return (self.size, self.changed) == (seen.st_size, seen.st_mtime_ns)


class _File(msgspec.Struct):
    version: int
    shards: dict[int, Figures]


def read_figures(folder: Path) -> dict[int, Figures]:
    """By shard; none where there are none to be used."""
    try:
        file = msgspec.json.decode((folder / NAME).read_bytes(), type=_File)
    except (OSError, ValueError):
        return {}
    return file.shards if file.version == VERSION else {}


def write_figures(folder: Path, figures: Mapping[int, Figures]) -> None:
    with contextlib.suppress(OutputError), whole_file(folder / NAME) as file:  # where nothing can be written, none are
        file.write(msgspec.json.encode(_File(VERSION, dict(figures))))
