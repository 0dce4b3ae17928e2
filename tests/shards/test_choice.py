"""Which shard is meant: by its number, or by what an array job sets."""

import pytest
from quick import each_row

from asyncgen.errors import ConfigError
from asyncgen.shards.choice import VARIABLES, ShardChoice


@each_row(
    ("text", "environment", "number"),
    [
        ("3/5", {}, 3),
        ("0/5", {"SLURM_ARRAY_TASK_ID": "4"}, 0),
        ("auto", {"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "1"}, 4),
        ("auto", {"JOB_COMPLETION_INDEX": "0"}, 0),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "2"}, 2),
        ("auto", {"SKYPILOT_JOB_RANK": "1"}, 1),
        ("auto", {"BATCH_TASK_INDEX": "1"}, 1),
        ("auto", {"CLOUD_RUN_TASK_INDEX": "1"}, 1),
        ("auto", {"PBS_ARRAY_INDEX": "1"}, 1),
        ("auto-1", {"PBS_ARRAYID": "1"}, 0),
        ("auto", {"LSB_JOBINDEX": "1"}, 0),
        ("auto", {"SGE_TASK_ID": "5"}, 4),
        ("auto", {"SGE_TASK_ID": "undefined", "LSB_JOBINDEX": "0", "JOB_COMPLETION_INDEX": "2"}, 2),
        ("auto-1", {"SLURM_ARRAY_TASK_ID": "5"}, 4),
        ("auto+2", {"SLURM_ARRAY_TASK_ID": "1"}, 3),
        ("auto", {"SLURM_ARRAY_TASK_ID": "1", "JOB_COMPLETION_INDEX": "1"}, 1),
    ],
)
def test_the_shard_that_is_meant(text: str, environment: dict[str, str], number: int) -> None:
    assert ShardChoice.read(text).choose(5, environment) == number


@each_row("text", ["", "3", "3/", "/5", "-1/5", "auto1", "auto-", "AUTO", "1/5 ", "3/5/7", "٣/5"])
def test_what_names_no_shard(text: str) -> None:
    with pytest.raises(ValueError, match="expected K/M"):
        ShardChoice.read(text)


@each_row(
    ("text", "environment", "message"),
    [
        ("3/4", {}, "the plan has 5 shards"),
        ("5/5", {}, "0 to 4"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "5"}, "SLURM_ARRAY_TASK_ID 5: the plan has 5 shards, 0 to 4; .* auto-1"),
        ("auto-1", {"SLURM_ARRAY_TASK_ID": "0"}, "SLURM_ARRAY_TASK_ID -1"),
        ("auto", {}, "no part of an array"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "x"}, "no part of an array"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "1", "JOB_COMPLETION_INDEX": "2"}, "ID=1 and JOB_COMPLETION_INDEX=2 are set"),
    ],
)
def test_a_shard_that_is_not_there_is_refused(text: str, environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ShardChoice.read(text).choose(5, environment)


def test_no_variable_of_an_array_is_forgotten_in_the_message() -> None:
    with pytest.raises(ConfigError) as raised:
        ShardChoice.read("auto").choose(5, {})
    assert all(name in str(raised.value) for name in VARIABLES)
