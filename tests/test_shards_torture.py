"""Four shards made at once, each killed again and again, against one server, and merged."""

import json
import random
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from engine_process import served

from asyncgen.command.main import main
from asyncgen.data.dataset import Dataset
from asyncgen.output.earlier import read_status
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.plan import ShardFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300, method="thread")]  # four processes at once, many times

NUM, SHARDS, CONCURRENCY, KILLS = 6_344, 4, 16, 3
TIMEOUT = 200


@pytest.fixture
def address() -> Iterator[str]:
    with served("--latency", "0.02") as address:
        yield address


def answered(address: str) -> int:
    with urllib.request.urlopen(f"{address}/ledger") as page:
        return int(json.load(page)["answered"])


def make(number: int) -> subprocess.Popen[str]:
    words = ("generate", "--shard", f"{number}/{SHARDS}", "-o", "data/x", "--quiet")
    return subprocess.Popen([sys.executable, "-m", "asyncgen", *words], text=True, stderr=subprocess.DEVNULL)


def kill_at(process: subprocess.Popen[str], path: Path, size: int, number: signal.Signals) -> int:
    """Once the file has grown by so much, unless the process ends before; its exit status."""
    begin = path.stat().st_size if path.exists() else 0
    while True:
        try:
            return process.wait(0.02)
        except subprocess.TimeoutExpired:
            if path.exists() and path.stat().st_size > begin + size:
                process.send_signal(number)
                return process.wait(TIMEOUT)


def torment(folder: ShardFolder, number: signal.Signals, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(KILLS):
        processes = [make(each) for each in range(SHARDS)]
        for each, process in sorted(enumerate(processes), key=lambda _: chance.random()):
            kill_at(process, folder.shard(each).output, chance.randrange(200_000), number)
    statuses = [process.wait(TIMEOUT) for process in [make(each) for each in range(SHARDS)]]
    assert statuses == [0] * SHARDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_shards_that_are_killed_again_and_again_make_each_index_once(
    address: str, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan: Sequence[str] = ("shards", "data/x", "-n", str(NUM), "--size", "2048", "-c", str(CONCURRENCY))
    assert main([*plan, "--base-url", f"{address}/v1", "--model", "any"]) == 0
    folder = ShardFolder.of(Path("data/x"))
    torment(folder, number, seed=number)
    assert main(["merge", "data/x"]) == 0
    indices = sorted(record.index or 0 for record in Dataset.open(folder.merged).records())
    assert indices == list(range(NUM))
    totals = read_status(OutputPaths.of(folder.merged))[0].totals
    unknown = answered(address) - totals.calls  # in flight when nobody was left to write them down
    assert 0 <= unknown <= (KILLS * SHARDS * CONCURRENCY if number == signal.SIGKILL else totals.lost)
