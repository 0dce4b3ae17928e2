"""Which shard a process is to make: as it is told, or by the number that whatever has started it gives to its parts.

How many there are is never read from there: a part of an array that is submitted again has another count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from asyncgen.errors import ConfigError
from asyncgen.text import quantity

# By the variable that holds the number of a part: who sets it, and whether it counts from 1 always.
VARIABLES: Mapping[str, tuple[str, int]] = {
    "SLURM_ARRAY_TASK_ID": ("Slurm", 0),
    "JOB_COMPLETION_INDEX": ("Kubernetes", 0),
    "AWS_BATCH_JOB_ARRAY_INDEX": ("AWS Batch", 0),
    "SKYPILOT_JOB_RANK": ("SkyPilot", 0),
    "BATCH_TASK_INDEX": ("Google Batch", 0),
    "CLOUD_RUN_TASK_INDEX": ("Cloud Run", 0),
    "PBS_ARRAY_INDEX": ("PBS", 0),
    "PBS_ARRAYID": ("Torque", 0),
    "LSB_JOBINDEX": ("LSF", 1),
    "SGE_TASK_ID": ("Grid Engine", 1),
}
_CHOICE = re.compile(r"(?P<number>\d{1,6})/(?P<count>\d{1,6})|auto(?P<offset>[+-]\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShardChoice:
    """`number` of `count`, or, where there is none, a variable's number and `offset`."""

    number: int | None = None
    count: int | None = None
    offset: int = 0

    @classmethod
    def read(cls, text: str) -> "ShardChoice":
        """Raises ValueError for what is no choice."""
        if (match := _CHOICE.fullmatch(text)) is None:
            raise ValueError(
                f"expected K/M as in 3/489, or auto, or auto-1 for an array that counts from 1, got {text!r}"
            )
        if match["number"] is None:
            return cls(offset=int(match["offset"] or 0))
        return cls(int(match["number"]), int(match["count"]))

    def choose(self, shards: int, environment: Mapping[str, str]) -> int:
        """The number of one of so many shards, from 0 on. Raises ConfigError."""
        if self.count is not None and self.count != shards:
            raise ConfigError(
                f"--shard {self.number}/{self.count}: the plan has {quantity(shards, 'shard')}; write K/{shards}"
            )
        number, source = (self.number, "--shard") if self.number is not None else self._from(environment)
        if not 0 <= number < shards:
            raise ConfigError(
                f"{source} {number}: the plan has {quantity(shards, 'shard')}, 0 to {shards - 1}"
                + ("; of an array that counts from 1, --shard auto-1 takes the right one" if number == shards else "")
            )
        return number

    def _from(self, environment: Mapping[str, str]) -> tuple[int, str]:
        """A number, and the variable it is from."""
        found = {}
        for name, (_, base) in VARIABLES.items():
            text = environment.get(name, "")
            if text.isascii() and text.isdecimal() and int(text) >= base:  # 0 and "undefined" mean that it is no array
                found[name] = int(text) - base + self.offset
        if not found:
            raise ConfigError(
                f"--shard auto: none of {', '.join(VARIABLES)} is set, so this is no part of an array: name the shard, "
                "as in --shard 3/489"
            )
        if len({*found.values()}) > 1:
            told = " and ".join(f"{name}={environment[name]}" for name in found)
            raise ConfigError(f"--shard auto: {told} are set and differ: name the shard, as in --shard 3/489")
        name, number = next(iter(found.items()))
        return number, name
