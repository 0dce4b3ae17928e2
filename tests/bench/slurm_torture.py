"""Shards on a Slurm of several nodes, interrupted in every way there is until all of them are made.

What is submitted is the script that `asyncgen shards --print slurm` prints, unchanged. An array whose parts have ended
is submitted again for the shards that are not made, as a person would. In the end all are merged; what is there is held
against the plan, and what it has cost against the ledger of the endpoint.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

sys.path.extend((str(Path(__file__).parent), str(Path(__file__).parents[1])))

from engine_process import served
from slurm_cluster import Process, Slurm, enter, fetch, processes
from torture import show_figures

from asyncgen.data.dataset import Dataset

NODES, CPUS = 3, 4
ASYNCGEN = (sys.executable, "-m", "asyncgen")
# Of each call in flight when a run is killed: itself, and an answer that has taken its place and waits for the disk.
MOST_AT_A_KILL = 2
STALLED = 600.0  # seconds without a call: longer than a part waits for a run that Slurm has lost sight of
AWAY = 25.0  # seconds until a lost node comes back: Slurm has given its parts to others by then
URGENT = "#!/bin/bash\n#SBATCH --partition=urgent --nodes=1 --exclusive --output=/dev/null\nsleep 5\n"
# Made, interrupted, or killed; also as Slurm has it when it has announced what it did.
ENDS = frozenset(
    f"{state} {status}"
    for state in ("COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", "TIMEOUT")
    for status in ("0:0", "130:0", "0:9", "0:15", "137:0")
) - {"FAILED 0:0"}


@dataclass
class Tally:
    """`killed`: runs of asyncgen. Whatever is not as it must be becomes a sentence in `violations`."""

    blows: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    submissions: int = 0
    requeues: int = 0
    killed: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


class Torture:
    """`blows`: how many, anywhere in the run."""

    def __init__(self, slurm: Slurm, folder: Path, address: str, flags: argparse.Namespace) -> None:
        self.tally = Tally()
        self._slurm = slurm
        self._folder = folder
        self._address = address
        self._num, self._at_once, self._concurrency = flags.num, flags.at_once, flags.concurrency
        self._random = random.Random(flags.seed)
        self._blows: Sequence[Callable[[Process], object]] = (
            *(self.process_killed, self.step_daemon_killed, self.node_daemon_restarted, self.node_cut_off),
            *(self.node_lost, self.requeued, self.preempted, self.cancelled, self.out_of_time),
        )
        self._due = sorted(self._random.uniform(0, 0.9 * flags.num) for _ in range(flags.blows))
        self._away: dict[str, float] = {}  # nodes, and when they come back
        plan = ["data/x", "-n", flags.num, "--size", flags.size, "-c", flags.concurrency, "--at-once", flags.at_once]
        whom = ("--base-url", f"{address}/v1", "--model", "any")
        script = self._asyncgen("shards", *map(str, plan), *whom, "--print", "slurm")
        (folder / "job.sh").write_text(script)
        (folder / "urgent.sh").write_text(URGENT)

    def run(self) -> None:
        job = self._submit()
        seen, deadline = Decimal(0), 0.0
        while True:
            if (answered := self.ledger()["answered"]) != seen or not deadline:
                seen, deadline = answered, time.monotonic() + STALLED
            elif time.monotonic() > deadline:
                raise TimeoutError(f"nothing was asked for in {STALLED:g} s; Slurm has {self._slurm.tasks(job)}")
            for node in [node for node, back in self._away.items() if time.monotonic() > back]:
                self._slurm.start_node(node)
                del self._away[node]
            if self._slurm.is_over(job):
                self._note_ends(job)
                if not (left := self._not_made()):
                    break
                job = self._submit("--array", f"{','.join(map(str, left))}%{self._at_once}")
            elif self._due and answered > self._due[0]:
                self._strike()
            time.sleep(0.5)
        self._judge()

    def ledger(self) -> dict[str, Decimal]:
        with urllib.request.urlopen(f"{self._address}/ledger") as page:
            told: dict[str, Decimal] = json.load(page, parse_float=Decimal, parse_int=Decimal)
            return told

    def _asyncgen(self, *words: str) -> str:
        return subprocess.run(
            [*ASYNCGEN, *words], cwd=self._folder, text=True, stdout=subprocess.PIPE, check=True
        ).stdout

    def _submit(self, *flags: str) -> str:
        self.tally.submissions += 1
        say(f"submitted {' '.join(flags) or 'all shards'}")
        return self._slurm.submit(self._folder / "job.sh", *flags)

    def _note_ends(self, job: str) -> None:
        for task in self._slurm.tasks(job):
            self.tally.ends[task.end] += 1
            self.tally.requeues += task.restarts
            if task.end not in ENDS:
                self.tally.violations.append(f"shard {task.number} has ended with {task.end}")

    def _not_made(self) -> list[int]:
        shards = json.loads(self._asyncgen("status", "data/x", "--json"))["shards"]
        return [each["number"] for each in shards if each["done"] < each["num"]]

    def _strike(self) -> None:
        if runs := [each for each in processes() if each.is_run and each.host not in self._away]:
            self._due.pop(0)
            blow, run = self._random.choice(self._blows), self._random.choice(runs)
            name = blow.__name__.replace("_", " ")
            self.tally.blows[name] += 1
            say(f"{name}: {run.task} on {run.host}")
            blow(run)

    def process_killed(self, run: Process) -> None:
        self.tally.killed += 1
        run.kill()

    def step_daemon_killed(self, run: Process) -> None:
        """The run goes on without it, and Slurm starts its part again."""
        self._slurm.kill_step_daemon(run)

    def node_daemon_restarted(self, run: Process) -> None:
        self._slurm.kill_node_daemon(run.host)
        self._slurm.start_node(run.host)

    def node_cut_off(self, run: Process) -> None:
        """Its runs go on, and Slurm starts their parts on other nodes."""
        self._slurm.kill_node_daemon(run.host)
        for each in self._runs_on(run.host):
            self.step_daemon_killed(each)
        self._away[run.host] = time.monotonic() + AWAY

    def node_lost(self, run: Process) -> None:
        self.node_cut_off(run)
        for each in self._runs_on(run.host):
            self.process_killed(each)

    def requeued(self, run: Process) -> None:
        self._slurm.run("scontrol", "requeue", run.task)

    def preempted(self, run: Process) -> None:
        self._slurm.submit(self._folder / "urgent.sh", "--nodelist", run.host)

    def cancelled(self, run: Process) -> None:
        self._slurm.run("scancel", run.task)

    def out_of_time(self, run: Process) -> None:
        """The limit is announced two minutes ahead, which is at once."""
        self._slurm.run("scontrol", "update", f"jobid={run.task}", "timelimit=1")

    def _runs_on(self, node: str) -> list[Process]:
        return [each for each in processes() if each.is_run and each.host == node]

    def _judge(self) -> None:
        """Merge, and look at what is there."""
        began = time.monotonic()
        self._asyncgen("merge", "data/x")
        seconds = time.monotonic() - began
        output = self._folder / "data/x.jsonl"
        indices = Counter(record.index for record in Dataset.open(output).records())
        told = json.loads(self._asyncgen("status", str(output), "--json"), parse_float=Decimal)
        ledger = self.ledger()
        gone = int(ledger["answered"]) - told["calls"]
        unpaid = ledger["cost"] - told["cost_usd"]
        logs = "".join(path.read_text() for path in (self._folder / "data/x.shards").glob("*.log"))
        self.tally.figures = {
            "times that a part has waited for another run": logs.count("s to end"),
            "times that it has gone on with a lost one's shard": logs.count("was left by"),
            "lines": indices.total(),
            "indices there twice": indices.total() - len(indices),
            "indices missing": len(set(range(self._num)) - indices.keys()),
            "answers the endpoint has sent": int(ledger["answered"]),
            "calls in the journal": told["calls"],
            "in flight or waiting for the disk at a kill": gone,
            "dollars at the endpoint": ledger["cost"],
            "dollars in the journal": told["cost_usd"],
            "seconds to merge": round(seconds, 1),
        }
        if indices != Counter(range(self._num)):
            self.tally.violations.append("not every index is there once")
        if not 0 <= gone <= MOST_AT_A_KILL * self._concurrency * self.tally.killed:
            self.tally.violations.append(f"{gone} answers are in no journal, after {self.tally.killed} kills")
        if (unpaid > 0) != (gone > 0):
            self.tally.violations.append(f"{unpaid} dollars are in no journal, and {gone} answers")


def show(tally: Tally, seconds: float) -> None:
    rows: Mapping[str, object] = {
        "seconds": round(seconds),
        "arrays submitted": tally.submissions,
        "parts requeued by Slurm": tally.requeues,
        **{f"blow: {name}": number for name, number in sorted(tally.blows.items())},
        "runs of asyncgen killed": tally.killed,
        **{f"parts that ended as {end}": number for end, number in sorted(tally.ends.items())},
        **tally.figures,
    }
    show_figures("shards on Slurm", rows, tally.violations)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=40_960)
    parser.add_argument("--size", type=int, default=4_096)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--blows", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mounts", action="store_true", help="have locks hold on one node each, as NFS may have them")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/asyncgen-slurm"), help="where Slurm is unpacked")
    flags = parser.parse_args()
    enter()
    began = time.monotonic()
    knobs = ("--latency", str(flags.latency), "--price-in", "0.1", "--price-out", "0.4")
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, served(*knobs) as address:
        folder = Path(name) / "a folder's 100%"  # which Slurm has to be told rightly
        folder.mkdir()
        slurm = Slurm(fetch(flags.cache), Path(name) / "slurm", NODES, CPUS, folder if flags.mounts else None)
        with slurm.running():
            torture = Torture(slurm, folder, address, flags)
            torture.run()
    show(torture.tally, time.monotonic() - began)
    return 1 if torture.tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
