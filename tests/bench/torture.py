"""`asyncgen generate` killed with SIGKILL at random moments, again and again, until its output is complete.

Every third run has a disk that takes its time, so that answers wait for it when the kill comes.

What must be true afterwards is held against the ledger of an endpoint in this process and the bytes on disk, never
against a count of the run's own. Each conversation's scenario holds a number that no other index has, and each answer a
text that no other answer has; so lines can be told apart without asking the journal.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).parents[1]))

from fake_provider import Call, FakeProvider, Reply, completion, error  # the tests' own

CONVERSATIONS = 400  # an output; when it is complete, the next one is begun
CONCURRENCY = 16
# Calls in flight and answers waiting for the disk are as many together. What comes behind one that a kill has taken may
# be as many again: the answers to the calls that were sent meanwhile.
MOST_AT_A_KILL = 2 * CONCURRENCY
KILLED_WHILE_STARTING = 0.4  # share of the kills
STARTING = 0.025  # seconds from the lock to the first call, about
PATIENCE = 60.0  # seconds without the event that is waited for
LONGEST = 0.04  # seconds an answer takes
UNUSABLE = 0.05  # share of the answers that are no conversation
REFUSED = 0.02  # share of the requests that get no answer but a 503
NUMBER = re.compile(r"no\. (\d+)")

T = TypeVar("T")

RECIPE = """
name = "torture"
knowledge = "knowledge.md"
[request]
model = "fake"
[prompt]
user = "user.md"
[[dimension]]
name = "number"
values = {numbers}
"""


SLOW_DISK = """
import os, random, time
from asyncgen.command import main as cli
from asyncgen.output import append_file
sync = getattr(os, append_file.SYNC)
def wait_and_sync(descriptor):
    time.sleep(random.uniform(0, 0.1))
    sync(descriptor)
setattr(os, append_file.SYNC, wait_and_sync)
cli.script()
"""


@dataclass(frozen=True)
class Answer:
    """A 200. `run`: the process that asked; `number`: what its scenario was about; `text` is in no other answer."""

    run: int
    number: int
    text: str
    is_usable: bool


class Ledger:
    """What an endpoint answers, written down before it leaves: no answer can be received that is not here.

    The key of a run is its number.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.answers: list[Answer] = []
        self.by_run: Counter[int] = Counter()

    async def answer(self, call: Call) -> Reply:
        await asyncio.sleep(self._random.uniform(0, LONGEST))
        if self._random.random() < REFUSED:
            return error(503, "busy")
        found = NUMBER.search(call.scenario)
        assert found
        answer = Answer(
            run=int(call.headers["Authorization"].removeprefix("Bearer ")),
            number=int(found[1]),
            text=f"answer {len(self.answers) + 1} of {self._random.getrandbits(64):016x}",
            is_usable=self._random.random() >= UNUSABLE,
        )
        self.answers.append(answer)
        self.by_run[answer.run] += 1
        return completion(_content(answer), request_id=answer.text)


def _content(answer: Answer) -> str:
    if not answer.is_usable:
        return f"Sorry: {answer.text}"
    contents = {"user": f"What about no. {answer.number}?", "assistant": answer.text}
    messages = [{"role": role, "content": content} for role, content in contents.items()]
    return msgspec.json.encode({"messages": messages}).decode()


class Line(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A line of the output: what was asked and what was answered."""

    question: dict[str, str]
    answer: dict[str, str]


class Reject(msgspec.Struct):
    text: str


class Entry(msgspec.Struct):
    """What is read of a journal entry."""

    type: str
    index: int = -1
    request_id: str = ""


@dataclass(frozen=True)
class Output:
    """The files of one output as they are on disk. `texts`: of the answers that are lines, in order."""

    texts: tuple[str, ...]
    torn: int
    is_finished: bool
    rejected: frozenset[str] = frozenset()
    journalled: frozenset[str] = frozenset()
    done: frozenset[int] = frozenset()


@dataclass
class Tally:
    """All outputs together. Whatever is not as it must be becomes a sentence in `violations`."""

    kills: int = 0
    kills_before_an_answer: int = 0
    outputs: int = 0
    answers: int = 0
    lines: int = 0
    rejects: int = 0
    only_journalled: int = 0
    gone: int = 0
    most_gone: int = 0
    torn: int = 0
    twice: int = 0
    missing: int = 0
    lost_lines: int = 0
    violations: list[str] = field(default_factory=list)


def read_output(path: Path) -> Output:
    """Whole lines that are no conversation are torn; an unfinished last one is not counted as a line."""
    whole, _, rest = _bytes(path).rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    conversations = [line for line in (_decode(line, Line) for line in lines) if line is not None]
    entries = _decode_all(_bytes(_beside(path, ".journal")), Entry)
    rejects = _decode_all(_bytes(_beside(path, ".rejects")), Reject)
    return Output(
        texts=tuple(line.answer["content"] for line in conversations),
        torn=len(lines) - len(conversations),
        is_finished=not rest,
        rejected=frozenset(reject.text.removeprefix("Sorry: ") for reject in rejects),
        journalled=frozenset(entry.request_id for entry in entries if entry.type in {"done", "rejected"}),
        done=frozenset(entry.index for entry in entries if entry.type == "done"),
    )


def judge_kill(tally: Tally, before: Output, after: Output) -> None:
    """What a kill may not do to an output."""
    lost = set(before.texts) - set(after.texts)
    tally.lost_lines += len(lost)
    tally.torn += after.torn
    if len(after.texts) < len(before.texts) or lost:
        tally.violations.append(f"{len(lost)} lines that had been counted are gone")
    if after.torn:
        tally.violations.append(f"{after.torn} torn lines in the middle")


def judge_complete(
    tally: Tally, output: Output, ledger: Sequence[Answer], killed: Iterable[int], *, num: int = CONVERSATIONS
) -> None:
    """What must be true of a complete output, given every answer that was sent for it and which runs were killed."""
    by_text = {answer.text: answer for answer in ledger}
    numbers = [by_text[text].number for text in output.texts if text in by_text]
    twice, missing = len(numbers) - len(set(numbers)), len(set(range(num)) - set(numbers))
    tally.outputs += 1
    tally.answers += len(ledger)
    tally.lines += len(output.texts)
    tally.rejects += len(output.rejected)
    tally.twice += twice
    tally.missing += missing
    if not output.is_finished:
        tally.violations.append("the last line of a complete output is unfinished")
    if (
        len(numbers) != len(output.texts)
        or not all(by_text[text].is_usable for text in output.texts if text in by_text)
        or not output.rejected <= by_text.keys()
    ):
        tally.violations.append("something is in the files that the endpoint never said")
    if twice or missing or output.done != frozenset(range(num)):
        tally.violations.append(f"{missing} conversations missing, {twice} there twice")
    _judge_answers(tally, output, ledger, frozenset(killed))


def _judge_answers(tally: Tally, output: Output, ledger: Sequence[Answer], killed: frozenset[int]) -> None:
    """Every answer is kept, or was among the last ones of a run that was killed."""
    kept = output.rejected.union(output.texts)
    tally.only_journalled += sum(answer.text in output.journalled - kept for answer in ledger)
    for run in {answer.run for answer in ledger}:
        sent = [answer.text for answer in ledger if answer.run == run]
        gone = [place for place, text in enumerate(reversed(sent)) if text not in kept | output.journalled]
        tally.gone += len(gone)
        tally.most_gone = max(tally.most_gone, len(gone))
        if gone and (run not in killed or max(gone) >= MOST_AT_A_KILL):
            tally.violations.append(f"run {run}: {len(gone)} answers are neither kept nor were they the last ones")


class Torture:
    """One output after the other, until so many kills are done."""

    def __init__(self, folder: Path, *, kills: int, seed: int, conversations: int = CONVERSATIONS) -> None:
        self._folder = folder
        self._kills = kills
        self._random = Random(seed)
        self._num = conversations
        self._ledger = Ledger(seed)
        self._run = 0
        self.tally = Tally()
        write_recipe(folder, conversations)

    def run(self) -> Iterator[int]:
        """Yields after each kill how many there were."""
        with FakeProvider(self._ledger.answer) as endpoint:
            while self.tally.kills < self._kills:
                path = self._folder / f"output-{self.tally.outputs}" / "torture.jsonl"
                yield from self._complete(path, endpoint.base_url)

    def _complete(self, path: Path, base_url: str) -> Iterator[int]:
        """Kill runs on one output until one of them has finished."""
        killed: list[int] = []
        before, first = read_output(path), self._run + 1
        while True:
            self._run += 1
            process = self._start(path, base_url)
            if self.tally.kills < self._kills:
                self._wait_for_the_moment(process, path)
                process.kill()
            _, shown = process.communicate(timeout=PATIENCE)
            after = read_output(path)
            judge_kill(self.tally, before, after)
            before = after
            if process.returncode != -signal.SIGKILL:
                break
            killed.append(self._run)
            self.tally.kills += 1
            self.tally.kills_before_an_answer += not self._ledger.by_run[self._run]
            yield self.tally.kills
        if process.returncode:
            self.tally.violations.append(f"a run ended with {process.returncode}: {shown.decode()}")
        ledger = [answer for answer in self._ledger.answers if answer.run >= first]
        judge_complete(self.tally, after, ledger, killed, num=self._num)

    def _start(self, path: Path, base_url: str) -> subprocess.Popen[bytes]:
        flags = ("--num", str(self._num), "--concurrency", str(CONCURRENCY), "--reasks", "50", "--quiet")
        where = ("--recipe", str(self._folder), "--output", str(path))
        program = ("-m", "asyncgen") if self._run % 3 else ("-c", SLOW_DISK)
        return subprocess.Popen(
            [sys.executable, *program, "generate", "--base-url", base_url, *flags, *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "ASYNCGEN_API_KEY": str(self._run)},
        )

    def _wait_for_the_moment(self, process: subprocess.Popen[bytes], path: Path) -> None:
        """While the run mends and starts, or anywhere later, with calls under way and records on their way to disk."""
        if self._random.random() < KILLED_WHILE_STARTING:
            lock, owner = _beside(path, ".lock"), f"process {process.pid} ".encode()
            _wait(process, lambda: _bytes(lock).startswith(owner))
        else:
            answers = self._random.randrange(3 * CONCURRENCY)
            _wait(process, lambda: self._ledger.by_run[self._run] > answers)
        time.sleep(self._random.uniform(0, STARTING))


def _wait(process: subprocess.Popen[bytes], has_come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and not has_come():
        if time.monotonic() > deadline:
            raise TimeoutError("the run neither went on nor ended")
        time.sleep(0.002)


def write_recipe(folder: Path, conversations: int) -> None:
    numbers = msgspec.json.encode([f"no. {number}" for number in range(conversations)]).decode()
    (folder / "recipe.toml").write_text(RECIPE.format(numbers=numbers))
    (folder / "knowledge.md").write_text("Every number is a number.")
    (folder / "user.md").write_text("Talk about {number}. {knowledge}")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _decode(line: bytes, type_: type[T]) -> T | None:
    try:
        return msgspec.json.decode(line, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _decode_all(data: bytes, type_: type[T]) -> list[T]:
    found = (_decode(line, type_) for line in data.splitlines())
    return [value for value in found if value is not None]


def show_figures(title: str, rows: Mapping[str, object], violations: Sequence[str]) -> None:
    table = Table("what", "number", title=title)
    table.columns[1].justify = "right"
    for what, number in rows.items():
        table.add_row(what, f"{number:,}")
    console = Console()
    console.print(table)
    for violation in violations:
        console.print(f"VIOLATED: {violation}", markup=False)


def show(tally: Tally) -> None:
    rows = {
        "kills": tally.kills,
        "of them before the run's first answer": tally.kills_before_an_answer,
        f"outputs completed, {CONVERSATIONS} conversations each": tally.outputs,
        "answers the endpoint has sent": tally.answers,
        "lines": tally.lines,
        "rejects": tally.rejects,
        "journalled, superseded because the line was not on disk": tally.only_journalled,
        "in flight or waiting for the disk at a kill": tally.gone,
        "most of these at one kill": tally.most_gone,
        "torn lines": tally.torn,
        "conversations there twice": tally.twice,
        "conversations missing": tally.missing,
        "counted lines lost": tally.lost_lines,
    }
    show_figures("SIGKILL at random moments", rows, tally.violations)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        torture = Torture(Path(name), kills=flags.kills, seed=flags.seed)
        for _ in track(torture.run(), total=flags.kills, transient=True, console=Console(stderr=True)):
            pass
    show(torture.tally)
    return 1 if torture.tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
