"""Shards as one types them: planned once, made one by one, merged, and what is said when something does not fit."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from planned_shards import PLAN, make_all, make_shard

import asyncgen
from asyncgen.command.main import main
from asyncgen.command.shard_config import shards_commands
from asyncgen.output.lock import locked
from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.scripts import write_job
from asyncgen.shards.stored import StoredShards

Told = Callable[..., str]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Told:
    """Run a line, which ends with this status; what it says, and what it prints."""
    monkeypatch.chdir(tmp_path)

    def tell(*words: str, status: int = 0) -> str:
        assert main(words) == status
        return "".join(reversed(capfd.readouterr()))

    return tell


@pytest.fixture
def planned(told: Told) -> Told:
    told("shards", "data/x", "-n", "2050", "--size", "2048", "--provider", "offline", "--at-once", "2")
    return told


def test_a_shard_is_made_as_planned_and_ends_at_once_when_it_is_there(planned: Told, tmp_path: Path) -> None:
    said = planned("generate", "--shard", "1/2", "-o", "data/x")
    assert "asyncgen status data/x" in said
    assert not any(command in said for command in ("asyncgen audit", "asyncgen merge"))  # shard 0 is not there
    lines = (tmp_path / "data" / "x.shards" / "00001.jsonl").read_bytes()
    assert lines.count(b"\n") == 2
    assert "nothing to do, all is there: 2 conversations" in planned("generate", "--shard", "1/2", "-o", "data/x.jsonl")
    status = planned("status", "data/x")
    assert "1 not begun, 1 made" in status
    assert "2 of 2,050" in status
    shards = msgspec.json.decode(planned("status", "data/x", "--json"))["shards"]
    assert [each["done"] for each in shards] == [0, 2]
    said = planned("merge", "data/x", status=1)
    assert "shard 0 has not been begun" in said
    assert "generate --shard 0/2 -o data/x" in said
    assert not (tmp_path / "data" / "x.jsonl").exists()
    for command in (("audit",), ("view",), ("export", "-o", "x.jsonl")):
        assert "asyncgen merge data/x makes one file" in planned(*command, "data/x.jsonl", status=2)
    refused = {
        "data/x": "has a plan of shards: make one with --shard",
        "data/x.shards/00001.jsonl": "belongs to the plan of shards",
        "link.jsonl": "belongs to the plan of shards",
    }
    (tmp_path / "link.jsonl").symlink_to("data/x.shards/00001.jsonl")
    for output, why in refused.items():
        assert why in planned("generate", "-o", output, "--quiet", status=2)
        with pytest.raises(asyncgen.ConfigError, match=why):
            asyncgen.run("nanochat", num=4, provider="offline", output=output)
    assert (tmp_path / "data" / "x.shards" / "00001.jsonl").read_bytes() == lines


def test_when_no_other_shard_is_left_the_next_line_is_merge(tmp_path: Path) -> None:
    folder = ShardFolder.of(tmp_path / "x")
    folder.put_plan(PLAN)
    for number in range(2):
        make_shard(folder, number)
    assert "merge" in shards_commands(folder.stem, folder.shard(2).output)[-1]
    with locked(folder.shard(0)):
        assert len(shards_commands(folder.stem, folder.shard(2).output)) == 1


def test_a_line_too_many_is_deleted_and_no_shard_made_anew_for_it(told: Told, tmp_path: Path) -> None:
    folder = make_all(tmp_path)
    output = folder.shard(1).output
    whole = output.read_bytes()
    output.write_bytes(whole + whole.splitlines(keepends=True)[0])
    said = told("merge", str(folder.stem), "-o", "y.jsonl", status=1)
    assert "line 5 repeats line 1, word for word: delete it\n" in said
    again = said.partition("to go on: delete the lines that are named, and then asyncgen ")[2]
    assert "generate" not in said
    output.write_bytes(whole)
    told(*shlex.split(again))


def test_the_number_of_an_array_job_names_the_shard(planned: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert "Finished" in planned("generate", "--shard", "auto", "-o", "data/x", "--quiet")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard", "1/3", "-o", "data/x"], "the plan has 2 shards"),
        (["--shard", "auto", "-o", "data/x"], "no part of an array"),
        (["--shard", "1/2"], "name with --output"),
        (["--shard", "1/2", "-o", "data/y"], "data/y.shards has no plan"),
        (["--shard", "1/2", "-o", "data/x", "--seed", "3"], "seed: none -> 3"),
        (["--shard", "1/2", "-o", "data/x", "-n", "9"], "-n 9: the plan has 2,050"),
        (["--shard", "1/2", "-o", "data/x", "--append"], "--append is not for a shard: "),
        (["--shard", "1/2", "-o", "data/x", "--temperature", "0.3"], "temperature"),
        (["--shard", "1/2", "-o", "data/x", "--rpm", "1"], "--rpm 1: expected 2 or more, for 2 shards at a time"),
    ],
)
def test_a_shard_that_is_not_as_planned_is_refused(
    planned: Told, words: list[str], message: str, tmp_path: Path
) -> None:
    assert message in planned("generate", *words, status=2)
    assert [each.name for each in (tmp_path / "data" / "x.shards").iterdir()] == ["plan.json"]


def test_a_plan_is_made_once(planned: Told) -> None:
    assert "asyncgen shards data/xx -n NUM makes one" in planned("shards", "data/xx", "--print", "slurm", status=2)
    assert "2 shards of 2,048, planned just now" in planned("shards", "data/xx", "-n", "4k", "--size", "2048")
    again = ("shards", "data/x", "-n", "2050", "--size", "2048", "--provider", "offline", "--at-once", "2")
    assert "2 shards of 2,048, as planned before" in planned(*again)
    assert "planned with -n 2050" in planned("shards", "data/x", "-n", "9000", "--size", "2048", status=2)
    assert "expected a multiple of 2,048" in planned("shards", "data/y", "--size", "5000", status=2)


@pytest.mark.parametrize(("num", "shards"), [(2050, 2), (3_000_000, 1465)])
def test_a_job_script_for_slurm_is_one_that_bash_reads(told: Told, num: int, shards: int) -> None:
    told("shards", "data/x", "-n", str(num), "--size", "2048", "--provider", "offline")
    script = told("shards", "data/x", "--print", "slurm")
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=True, capture_output=True).stderr == ""
    assert f"--array=0-{min(shards, 1000) - 1}%{min(10, shards)}\n" in script
    for flag in ("--signal=B:TERM@120", "--requeue", "--open-mode=append", "--time="):
        assert f"#SBATCH {flag}" in script
    last = script.splitlines()[-1]
    assert last.startswith("exec asyncgen generate --shard ")
    assert "--grace 20" in last
    assert ("--dependency=afterany:$JOB --export=ALL,FROM=1000 --array=0-464%10" in script) == (shards > 1000)
    assert ("%A-%5a.log" in script) == (shards > 1000)  # two arrays have parts of one number


@pytest.mark.slow
def test_what_the_script_for_slurm_starts_makes_its_shard(planned: Told, tmp_path: Path) -> None:
    script = planned("shards", "data/x", "--print", "slurm")
    environment = {**os.environ, "PATH": os.defpath, "SLURM_ARRAY_TASK_ID": "1"}  # it knows where asyncgen is
    done = subprocess.run(["bash"], input=script, text=True, check=False, env=environment, cwd="/")
    assert done.returncode == 0
    assert (tmp_path / "data" / "x.shards" / "00001.jsonl").exists()


def test_a_job_for_kubernetes_is_indexed(planned: Told, tmp_path: Path) -> None:
    script = planned("shards", "data/x", "--print", "kubernetes")
    for line in ("completionMode: Indexed", "completions: 2", "parallelism: 2", "terminationGracePeriodSeconds: 30"):
        assert f"  {line}\n" in script
    assert '"--shard", "auto", "-o", "data/x", "--grace", "20"' in script
    assert f'mountPath: "{tmp_path}"\n' in script


def test_a_job_for_kubernetes_mounts_what_it_writes_to(told: Told, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / "elsewhere"
    flags = ("-n", "2050", "--size", "2048", "--provider", "offline", "--print", "kubernetes")
    assert f'mountPath: "{elsewhere}"\n' in told("shards", str(elsewhere / "x"), *flags)
    in_storage = write_job("kubernetes", StoredShards("s3://bucket/x"), PLAN)
    assert f'mountPath: "{tmp_path}/data"\n' in in_storage  # a recipe in the image stays in sight


@pytest.mark.slow
def test_a_folder_of_any_name_is_the_one_that_is_meant(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'it\'s 50%a: "x"'
    folder.mkdir()
    monkeypatch.chdir(folder)
    told("shards", "data/x", "-n", "2050", "--size", "2048", "--provider", "offline")
    script = told("shards", "data/x", "--print", "slurm")
    (output,) = [line.removeprefix("#SBATCH --output=") for line in script.splitlines() if "--output=" in line]
    assert shlex.split(output) == [f"{folder}/data/x.shards/%5a.log".replace("50%a", "50%%a")]
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "1"}
    assert subprocess.run(["bash"], input=script, text=True, check=False, env=environment, cwd="/").returncode == 0
    job = told("shards", "data/x", "--print", "kubernetes")
    assert f"mountPath: {json.dumps(str(folder))}\n" in job


def test_the_loop_of_the_page_goes_on_when_a_shard_is_killed(tmp_path: Path) -> None:
    (tmp_path / "asyncgen").write_text('#!/bin/sh\necho "$3" >> begun\nkill -9 $$\n')
    (tmp_path / "asyncgen").chmod(0o755)
    page = files("asyncgen.pages").joinpath("many-machines.md").read_text("utf-8")
    loop = next(line for line in page.splitlines() if line.startswith("seq ")).replace("488", "5")
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(loop, shell=True, check=True, cwd=tmp_path, env={"PATH": path}, capture_output=True)
    assert len((tmp_path / "begun").read_text().splitlines()) == 6
