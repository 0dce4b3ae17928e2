"""Shards in object storage, made by machines that are lost, overtaken and cut off, until all of them are made.

The storage is moto's, an S3 in this process. A machine is a folder of its own: a lost one is never looked at again.
What comes over it: SIGTERM; SIGKILL, after which another machine goes on, or the same one; a pause so long that another
one takes the shard, before it wakes up; two that begin at once; a storage that is down. In the end all shards are
merged; what is there is held against the plan, and what it has cost against the ledger of the endpoint.

    storage_torture.py --worker FLAGS...   is asyncgen with waits too short to be felt.
"""

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.extend((str(Path(__file__).parent), str(Path(__file__).parents[1])))

from engine_process import served
from torture import show_figures

from asyncgen.command import main as cli
from asyncgen.data.dataset import Dataset
from asyncgen.output import lease
from asyncgen.output.earlier import read_status
from asyncgen.output.paths import OutputPaths
from asyncgen.shards import publish
from asyncgen.shards.stored import StoredShards

SIZE, CONCURRENCY = 2_048, 16
BUCKET = "torture"
EVERY, BEAT, LOOKS = 0.4, 0.3, 2  # seconds, seconds, seconds
OUT_OF_SIGHT = 4.0  # seconds of a pause after which a lease has stood still for long enough
TIMEOUT = 240.0
MADE, LEFT, INTERRUPTED = 0, 4, 130  # LEFT: another run has it, or the storage is down
TERM, LOST, KILLED, ASLEEP, TWICE, DOWN = BLOWS = (
    *("told to stop", "lost", "killed", "asleep", "begun twice", "storage down"),
)


def work(words: Sequence[str]) -> None:
    publish.EVERY = EVERY
    lease.BEAT, lease.LOOKS = BEAT, LOOKS
    sys.argv = ["asyncgen", *words]
    cli.script()


class Storage:
    """An S3 of this process. `is_down`: it answers 503 to everything."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415 - takes a second
        from werkzeug.serving import make_server  # noqa: PLC0415

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.is_down = False
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, environment: Any, start_response: Any) -> Iterable[bytes]:
        if self.is_down:
            start_response("503 Slow Down", [("Content-Length", "0")])
            return []
        answer: Iterable[bytes] = self._application(environment, start_response)
        return answer


@dataclass
class Tally:
    """Whatever is not as it must be becomes a sentence in `violations`. `killed`: runs that had calls in flight."""

    blows: Counter[str] = field(default_factory=Counter)
    ends: Counter[int] = field(default_factory=Counter)
    killed: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class Torture:
    def __init__(self, folder: Path, storage: Storage, endpoint: str, seed: int) -> None:
        self.tally = Tally()
        self._folder = folder
        self._storage = storage
        self._endpoint = endpoint
        self._random = random.Random(seed)
        self._machines = 0
        self._plans = 0
        self.url = ""

    def plan(self, shards: int) -> None:
        self._plans += 1
        self.url = f"s3://{BUCKET}/{self._plans}/x"
        self.num = shards * SIZE - 100
        words = ("shards", self.url, "-n", str(self.num), "--size", str(SIZE), "-c", str(CONCURRENCY))
        assert cli.main([*words, "--base-url", f"{self._endpoint}/v1", "--model", "any"]) == 0
        self.count = shards

    def machine(self) -> Path:
        self._machines += 1
        path = self._folder / f"machine-{self._machines}"
        path.mkdir()
        return path

    def start(self, number: int, machine: Path) -> "subprocess.Popen[str]":
        words = ("generate", "--shard", f"{number}/{self.count}", "-o", self.url, "--quiet")
        with (machine / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, __file__, "--worker", *words], cwd=machine, stdout=log, stderr=log, text=True
            )

    def wait(self, process: "subprocess.Popen[str]") -> int:
        status = process.wait(TIMEOUT)
        self.tally.ends[status] += 1
        return status

    def make(self, number: int, blows: int) -> None:
        """A shard, with so many blows on its way."""
        machine = self.machine()
        for _ in range(blows):
            blow = self._random.choice(BLOWS)
            self.tally.blows[blow] += 1
            process = self.start(number, machine)
            self._work_for(process)
            machine = self.strike(blow, number, machine, process)
        for _ in range(5):
            if (status := self.wait(self.start(number, machine))) == MADE:
                return
            if status not in (LEFT, INTERRUPTED):
                break
        self.tally.violations.append(f"shard {number} is not made: {(machine / 'log').read_text()[-300:]}")

    def _work_for(self, process: "subprocess.Popen[str]") -> None:
        """Until it has been at work for a while, or has ended."""
        answered = self.answered()
        until = time.monotonic() + TIMEOUT
        wanted = self._random.choice((1, 20, 100, 250))
        while process.poll() is None and self.answered() < answered + wanted and time.monotonic() < until:
            time.sleep(0.02)

    def strike(self, blow: str, number: int, machine: Path, process: "subprocess.Popen[str]") -> Path:
        """The machine on which it is gone on with."""
        if blow == TERM:
            process.send_signal(signal.SIGTERM)
            self._expect(self.wait(process), blow, MADE, INTERRUPTED, LEFT)
            return self._random.choice((machine, self.machine()))
        if blow in (LOST, KILLED):
            process.kill()
            self.tally.killed += self.wait(process) == -signal.SIGKILL
            return machine if blow == KILLED else self.machine()
        if blow == ASLEEP:
            process.send_signal(signal.SIGSTOP)
            time.sleep(OUT_OF_SIGHT)
            other = self.machine()
            second = self.start(number, other)
            self._work_for(second)
            process.send_signal(signal.SIGCONT)
            self._expect(self.wait(process), blow, MADE, LEFT)
            second.send_signal(signal.SIGTERM)
            self._expect(self.wait(second), blow, MADE, INTERRUPTED, LEFT)
            return self._random.choice((machine, other))
        if blow == TWICE:
            other = self.machine()
            second = self.start(number, other)
            time.sleep(1.0)
            process.send_signal(signal.SIGTERM)
            self._expect(self.wait(process), blow, MADE, INTERRUPTED, LEFT)
            second.send_signal(signal.SIGTERM)
            self._expect(self.wait(second), blow, MADE, INTERRUPTED, LEFT, -signal.SIGTERM)
            return self._random.choice((machine, other))
        self._storage.is_down = True
        self._work_for(process)
        if self._random.random() < 0.5:
            process.send_signal(signal.SIGTERM)
            time.sleep(1.0)
        self._storage.is_down = False
        process.send_signal(signal.SIGTERM)
        self._expect(self.wait(process), blow, MADE, INTERRUPTED, LEFT)
        return machine

    def _expect(self, status: int, blow: str, *statuses: int) -> None:
        if status not in statuses:
            self.tally.violations.append(f"{blow}: status {status}")

    def answered(self) -> int:
        with urllib.request.urlopen(f"{self._endpoint}/ledger") as page:
            return int(json.load(page)["answered"])

    def judge(self, answered: int) -> None:
        """All shards, merged. `answered`: by the endpoint, for this plan."""
        output = self._folder / f"{self._plans}.jsonl"
        if cli.main(["merge", self.url, "-o", str(output)]) != MADE:
            self.tally.violations.append("not merged")
            return
        indices = Counter(record.index for record in Dataset.open(output).records())
        if indices != Counter(range(self.num)):
            self.tally.violations.append("not every index is there once")
        totals = read_status(OutputPaths.of(output))[0].totals
        told = sum(
            seen.sums.calls for number in range(self.count) if (seen := StoredShards(self.url).view().see(number))
        )
        unknown = answered - totals.calls
        figures = self.tally.figures
        for name, figure in (
            ("lines", indices.total()),
            ("answers the endpoint has sent", answered),
            ("calls in the journal", totals.calls),
            ("of these superseded", totals.rejected["superseded"]),
            ("answers that nobody knows of", unknown),
        ):
            figures[name] = int(str(figures.get(name, 0))) + figure
        if told != totals.calls:
            self.tally.violations.append(f"status tells {told} calls, the merged journal {totals.calls}")
        if unknown < 0:
            self.tally.violations.append(f"{-unknown} calls are in the books twice")


def run(flags: argparse.Namespace, folder: Path, endpoint: str) -> Tally:
    import fsspec  # noqa: PLC0415

    storage = Storage()
    os.environ |= {
        "AWS_ENDPOINT_URL": storage.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }
    fsspec.filesystem("s3").mkdir(BUCKET)
    torture = Torture(folder, storage, endpoint, flags.seed)
    while torture.tally.blows.total() < flags.blows and not torture.tally.violations:
        answered, before = torture.answered(), torture.tally.killed
        torture.plan(shards=2)
        for number in range(torture.count):
            torture.make(number, blows=4)
        had, sent = int(str(torture.tally.figures.get("answers that nobody knows of", 0))), torture.answered()
        torture.judge(sent - answered)
        gone = int(str(torture.tally.figures.get("answers that nobody knows of", 0))) - had
        if gone and torture.tally.killed == before:
            torture.tally.violations.append(f"{gone} answers are in no book, and nothing was killed")
    return torture.tally


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blows", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, served("--latency", "0.02") as endpoint:
        tally = run(flags, Path(folder), endpoint)
    rows: dict[str, object] = {
        "seconds": round(time.monotonic() - began),
        **{f"blow: {name}": number for name, number in sorted(tally.blows.items())},
        "runs of asyncgen killed": tally.killed,
        **{f"runs that ended with {status}": number for status, number in sorted(tally.ends.items())},
        **tally.figures,
    }
    show_figures("shards in object storage", rows, tally.violations)
    return 1 if tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
