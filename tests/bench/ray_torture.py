"""Shards on a Ray cluster of several nodes on this machine, with whatever is killed at random, against one server.

Killed are children, their tethers, workers, raylets with their workers, whole nodes, and the driver, which is started
again with the same line; with a --budget, which all shards share, also the actor that keeps it. In the end: one output
in which each index is once, books equal to the server's, no budget passed, and nothing left behind. A child that is not
itself killed drains, so at most its calls in flight may be missing for each that is.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from engine_process import served  # the tests' own
from ray.cluster_utils import Cluster
from torture import show_figures

from asyncgen.data.dataset import Dataset
from asyncgen.output.earlier import read_status
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.plan import ShardFolder

SIZE = 2048  # of a shard, unless more is asked for
MEMORY = 80 * 2**20  # bytes of a node's object store, in which nothing is put
FIRST = 15.0  # seconds until the first kill
TRIES = 5  # to start a node
ORPHANS = 40.0  # seconds in which the last child has drained
CHILD, TETHER, WORKER, RAYLET, NODE, DRIVER = VICTIMS = ("child", "tether", "worker", "raylet", "node", "driver")
POOL = "pool"


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    words: Sequence[str]


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    drivers: int = 0
    violations: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def check(self, sentence: str, *, holds: bool) -> None:
        if not holds:
            self.violations.append(sentence)


def processes(folder: Path) -> list[Process]:
    """Those that make shards in the folder."""
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            words = (each / "cmdline").read_bytes().decode().split("\0")
            if "--shard" in words and (each / "cwd").readlink() == folder:
                parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
                found.append(Process(int(each.name), parent, words))
    return found


class Torture:
    def __init__(self, folder: Path, cluster: Any, flags: argparse.Namespace) -> None:
        self._folder = folder
        self._cluster = cluster
        self._flags = flags
        self._random = Random(flags.seed)
        self._nodes: list[Any] = []
        self.tally = Tally()

    def add_node(self) -> None:
        """On a busy machine one may not be there within the time that Ray gives it."""
        for tries_left in reversed(range(TRIES)):
            try:
                node = self._cluster.add_node(num_cpus=self._flags.cpus, object_store_memory=MEMORY)
            except Exception:  # Ray raises nothing narrower
                if not tries_left:
                    raise
            else:
                self._nodes.append(node)
                return

    def start_driver(self) -> "subprocess.Popen[bytes]":
        self.tally.drivers += 1
        pool = () if self._flags.budget is None else ("--pool", "--budget", str(self._flags.budget))
        return asyncgen(self._folder, "ray", "data/x", "--address", self._cluster.address, *pool)

    def run(self) -> None:
        """Kill until enough is killed; then let it come to its end."""
        driver, due, victims = self.start_driver(), time.monotonic() + FIRST, self._victims()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = driver.wait(0.2)
                if status != -signal.SIGKILL:
                    self.tally.check(f"a driver ended with {status}", holds=status == 0)
                    return
                driver = self.start_driver()
            if self.tally.kills.total() < self._flags.kills and time.monotonic() > due:
                due = time.monotonic() + self._flags.pause * self._random.uniform(0.5, 1.5)
                victim = next(victims)
                if self._kill(victim, driver):
                    self.tally.kills[victim] += 1

    def _victims(self) -> Iterator[str]:
        """Each as often as the others."""
        victims = VICTIMS if self._flags.budget is None else (*VICTIMS, POOL)
        while True:
            yield from self._random.sample(victims, len(victims))

    def _kill(self, victim: str, driver: "subprocess.Popen[bytes]") -> bool:
        """Whether there was one."""
        if victim == DRIVER:
            driver.kill()
        elif victim == NODE:
            self._cluster.remove_node(self._nodes.pop(self._random.randrange(len(self._nodes))), allow_graceful=False)
            self.add_node()
        elif victim == RAYLET:
            node = self._nodes.pop(self._random.randrange(len(self._nodes)))
            raylet = node.all_processes["raylet"][0].process.pid
            for pid in [raylet, *_children(raylet)]:
                _kill(pid)
            self.add_node()
        else:
            running = processes(self._folder)
            tethers = [each for each in running if "asyncgen.shards.child" in each.words]
            children = [each for each in running if each not in tethers]
            among = [each.pid for each in (children if victim == CHILD else tethers)]
            if victim == WORKER:
                among = [each.parent for each in tethers]
            elif victim == POOL:  # on the node of the driver, with what it is as its title
                here = _children(self._cluster.head_node.all_processes["raylet"][0].process.pid)
                among = [pid for pid in here if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::KeptPool")]
            if not among:
                return False
            _kill(self._random.choice(among))
        return True


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def asyncgen(folder: Path, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "asyncgen", *words], cwd=folder, **options)


def judge(tally: Tally, folder: Path, flags: argparse.Namespace, answered: int) -> None:
    deadline = time.monotonic() + ORPHANS
    while (orphans := processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    tally.check(f"{len(orphans)} processes are left behind", holds=not orphans)
    kills = tally.kills.total()
    tally.check(f"it was over after {kills} kills: give it more to do (--num)", holds=kills == flags.kills)
    merged = asyncgen(folder, "merge", "data/x").wait()
    tally.check(f"merge ended with {merged}", holds=merged == 0)
    if merged:
        return
    path = ShardFolder.of(folder / "data" / "x").merged
    indices = Counter(record.index for record in Dataset.open(path).records())
    twice, missing = indices.total() - len(indices), flags.num - len({*range(flags.num)} & indices.keys())
    tally.check(f"{missing} indices missing, {twice} there twice", holds=not (missing or twice))
    totals = read_status(OutputPaths.of(path))[0].totals
    if flags.budget is not None:
        spent = totals.cost or Decimal(0)
        tally.check(f"${spent} spent of ${flags.budget}", holds=spent <= flags.budget)
        tally.figures |= {"dollars of the budget": flags.budget, "dollars in the journal": spent}
    unknown = answered - totals.calls
    most = totals.lost + tally.kills[CHILD] * flags.concurrency
    tally.check(f"{unknown} answers are in no journal, {most} were in flight", holds=0 <= unknown <= most)
    tally.figures |= {
        "answers the server has sent": answered,
        "calls in the journal of the whole": totals.calls,
        "in flight at a kill, and in no journal": unknown,
        "of them at most": most,
        "conversations there twice": twice,
        "conversations missing": missing,
        "processes left behind": len(orphans),
    }


def torture(folder: Path, flags: argparse.Namespace) -> Tally:
    (folder / "data").mkdir()
    head = {"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    run = Torture(folder, cluster, flags)
    try:
        for _ in range(flags.nodes):
            run.add_node()
        with served("--latency", str(flags.latency)) as address:
            words = ("-n", str(flags.num), "--size", str(flags.size), "-c", str(flags.concurrency))
            at_once = ("--at-once", str(flags.at_once))
            whom = ("--base-url", f"{address}/v1", "--model", "any", "--price-in", "0.1", "--price-out", "0.4")
            if asyncgen(folder, "shards", "data/x", *words, *at_once, *whom).wait():
                raise SystemExit("the shards are not planned")
            begin = time.monotonic()
            run.run()
            run.tally.figures["seconds"] = round(time.monotonic() - begin)
            with urllib.request.urlopen(f"{address}/ledger") as page:
                answered = int(json.load(page)["answered"])
            judge(run.tally, folder, flags, answered)
    finally:
        cluster.shutdown()
    return run.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--num", type=int, default=40_000, help="conversations")
    add("--size", type=int, default=SIZE, help="of a shard")
    add("--kills", type=int, default=20)
    add(
        "--pause",
        type=float,
        default=8.0,
        help="seconds from one kill to the next; half as long, or half as long again",
    )
    add("--nodes", type=int, default=3)
    add("--cpus", type=int, default=1, help="of a node: shards that it makes at a time")
    add("--at-once", type=int, default=3)
    add("--concurrency", type=int, default=32)
    add("--latency", type=float, default=0.3)
    add("--budget", type=Decimal, help="US dollars, for all shards from one pool, which is killed, too")
    add("--seed", type=int, default=0)
    flags = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with tempfile.TemporaryDirectory() as name:
        tally = torture(Path(name).resolve(), flags)
    killed: Mapping[str, object] = {f"killed: {each}": tally.kills[each] for each in (*VICTIMS, POOL)}
    show_figures("Shards on Ray", {**killed, "drivers": tally.drivers, **tally.figures}, tally.violations)
    return 1 if tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
