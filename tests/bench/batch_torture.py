"""`asyncgen generate --batch` killed with SIGKILL at every step, again and again, until its output is complete.

The endpoint is `asyncgen serve --batches`, a process of its own that outlives every kill; it loses answers to creates,
shows new batches late, lets them expire in part, gives rows in any order and without usage. What must be true
afterwards is held against its books and the bytes on disk, never against a count of the run's own: a line of a batch
that was answered is paid for, so no index may be answered twice, except for what never came back whole.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec

sys.path.append(str(Path(__file__).parents[1]))

from engine_process import served  # the tests' own
from killable import ANY, STEPS, Kill
from rich.console import Console
from rich.progress import track
from torture import show_figures, write_recipe

CONVERSATIONS = 90  # an output; when it is complete, the next one is begun
BATCH_SIZE = 20
MOST_BORDERS = 6  # of one step, within which a kill falls
MOST_BORDERS_OF_ALL = 120
ANYWHERE = 0.3  # share of the kills that ask for no step
LATER = 0.05  # seconds, at most, from a border to such a kill
STOPPED, LEFT = 1, 4  # the status of a run that has ended early, or with batches under way
DETACHED, CANCELLED = 0.2, 0.05  # share of the runs that do not wait, or that cancel what is under way
PATIENCE = 120.0  # seconds that a run may take
PRICES = ("--price-in", "0.31", "--price-out", "2.57")  # US dollars a million tokens
FILES, INLINE = ("--base-url", "/v1"), ("--provider", "openrouter", "--base-url", "/api/v1")


@dataclass(frozen=True)
class Endpoint:
    """`form`: how a run is told of it; `knobs`: what it does to those who ask.

    `budget`: US dollars that kills may not overdraw; when they are used up, the output is completed without one.
    """

    name: str
    form: Sequence[str]
    knobs: Mapping[str, str]
    budget: Decimal | None = None


ENDPOINTS = (
    Endpoint("files", FILES, {"delay": "0.3"}),
    Endpoint("files, creates unanswered", FILES, {"delay": "0.2", "lost": "0.3", "errored": "0.2", "hidden": "0.2"}),
    Endpoint(
        "files, no labels",
        FILES,
        {"delay": "0.1", "lost": "0.4", "no-metadata": "", "late-files": "0.1", "shuffled": ""},
    ),
    Endpoint(
        "files, rows lack",
        FILES,
        {
            "delay": "0.1",
            "expired": "0.03",
            "missing": "0.03",
            "failed": "0.03",
            "absent-ids": "empty",
            "wrong-counts": "",
        },
    ),
    Endpoint(
        "files, small queue",
        FILES,
        {"delay": "0.1", "max-unfinished": "2", "queued-tokens": "4000", "unreadable": "0.08"},
    ),
    Endpoint("files, gateway", FILES, {"delay": "0.2", "gateway-errors": "0.2", "outage": "0.1", "string-bodies": ""}),
    Endpoint("files, budget", FILES, {"delay": "0.2", "lost": "0.2"}, Decimal("0.005")),
    Endpoint("inline", INLINE, {"delay": "0.2", "without-usage": "0.3"}),
    Endpoint(
        "inline, creates unanswered", INLINE, {"delay": "0.2", "lost": "0.3", "hidden": "0.2", "without-usage": "1"}
    ),
)


class Entry(msgspec.Struct):
    """What is read of a journal entry."""

    type: str
    index: int = -1
    label: str = ""
    id: str = ""


class Status(msgspec.Struct):
    cost_usd: Decimal | None


class Metadata(msgspec.Struct):
    number: str


class Line(msgspec.Struct):
    metadata: Metadata


class Event(msgspec.Struct):
    """A line of the endpoint's books."""

    event: str
    batch: str = ""
    custom_ids: list[str] = []
    custom_id: str = ""
    status: int | str = 0
    cost: Decimal | None = None


@dataclass(frozen=True)
class Output:
    """The files of one output as they are on disk. `numbers`: of the scenarios that are lines, in order."""

    numbers: tuple[str, ...]
    torn: int
    is_finished: bool
    entries: Sequence[Entry] = ()
    left: Sequence[str] = ()

    def ids(self) -> Counter[str]:
        return Counter(each.id for each in self.entries if each.type == "submitted")


@dataclass
class Books:
    """What an endpoint has done since the books were last looked at."""

    created: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)  # by custom_id, over all batches
    answered: Counter[int] = field(default_factory=Counter)  # by index
    cost: Decimal = Decimal(0)


@dataclass
class Tally:
    """All outputs together. Whatever is not as it must be becomes a sentence in `violations`."""

    kills: Counter[str] = field(default_factory=Counter)
    left: int = 0
    outputs: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    answered: int = 0
    lines: int = 0
    cost: Decimal = Decimal(0)
    violations: list[str] = field(default_factory=list)


def read_output(path: Path) -> Output:
    whole, _, rest = _bytes(path).rpartition(b"\n")
    lines = [_decode(line, Line) for line in whole.splitlines()]
    journal = _bytes(path.with_name(f"{path.name}.journal")).rpartition(b"\n")[0]
    entries = [_decode(line, Entry) for line in journal.splitlines()]
    folder = path.with_name(f"{path.name}.batches")
    return Output(
        numbers=tuple(line.metadata.number for line in lines if line is not None),
        torn=lines.count(None),
        is_finished=not rest,
        entries=[each for each in entries if each is not None],
        left=sorted(each.name for each in folder.iterdir()) if folder.is_dir() else (),
    )


def read_books(lines: Sequence[bytes]) -> Books:
    books = Books()
    for event in (msgspec.json.decode(line, type=Event) for line in lines):
        match event.event:
            case "created":
                books.created[event.batch] += 1
            case "accepted":
                books.asked.update(event.custom_ids)
            case "line":
                books.answered[index_of(event.custom_id)] += event.status == 200
                books.cost += event.cost or 0
    return books


def ask_for_books(address: str) -> Books:
    with urllib.request.urlopen(f"{address}/ledger/batches") as answer:
        return read_books(answer.read().splitlines())


def read_cost(path: Path) -> Decimal:
    told = subprocess.run(
        [sys.executable, "-m", "asyncgen", "status", str(path), "--json"], stdout=subprocess.PIPE, check=True
    )
    return msgspec.json.decode(told.stdout, type=Status).cost_usd or Decimal(0)


def index_of(custom_id: str) -> int:
    return int(custom_id.split("-")[-2])


def judge_kill(before: Output, after: Output) -> list[str]:
    """What a kill may not do to an output."""
    violations = []
    if lost := Counter(before.numbers) - Counter(after.numbers):
        violations.append(f"{lost.total()} lines that had been counted are gone")
    if after.torn:
        violations.append(f"{after.torn} torn lines in the middle")
    return violations


def judge_complete(output: Output, books: Books, shown: Decimal, *, num: int, is_whole: bool) -> list[str]:
    """What must be true of a complete output.

    `shown`: what it has cost, as its user is told; `is_whole`: whether each row that was answered comes back as it was;
    the others are asked for again, and kept.
    """
    violations = []
    there = Counter(output.numbers)
    expected = {f"no. {number}" for number in range(num)}
    if not output.is_finished or output.torn:
        violations.append("a line of a complete output is not whole")
    if missing := expected - set(there):
        violations.append(f"{len(missing)} conversations missing")
    if there.total() != len(there) or set(there) - expected:
        violations.append("conversations there twice, or of nobody")
    if twice := sorted(each for each, times in books.asked.items() if times > 1):
        violations.append(f"{len(twice)} lines are in two batches, such as {twice[0]}")
    if paid := sorted(index for index, times in books.answered.items() if times > 1 and is_whole):
        violations.append(f"{len(paid)} indices were answered twice, such as {paid[0]}")
    if (foreign := set(output.ids()) - set(books.created)) or (orphans := set(books.created) - set(output.ids())):
        what = f"{sorted(foreign)} are not its own" if foreign else f"{sorted(orphans)} were never taken up"
        violations.append(f"batches: {what}")
    if shown != books.cost:
        violations.append(f"{shown} US dollars are told, and {books.cost} were billed")
    labels = Counter(each.label for each in output.entries if each.type == "collected")
    if still := {each.label for each in output.entries if each.type == "submitting"} - set(labels):
        violations.append(f"{len(still)} batches are still open")
    if left := [each for each in output.left if is_whole or not each.endswith(".unread")]:
        violations.append(f"left beside the output: {', '.join(left)}")
    return violations


class Torture:
    """One output after the other, by turns at each endpoint, until so many kills are done."""

    def __init__(
        self,
        folder: Path,
        *,
        kills: int,
        seed: int,
        num: int = CONVERSATIONS,
        endpoints: Sequence[Endpoint] = ENDPOINTS,
    ) -> None:
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._random = Random(seed)
        self._num = num
        self._endpoints = endpoints
        self.tally = Tally()
        write_recipe(folder, num)

    def run(self) -> Iterator[int]:
        """Yields after each kill how many there were."""
        number = 0
        while self.tally.kills.total() < self._kills:
            endpoint = self._endpoints[number % len(self._endpoints)]
            path = self._folder / f"output-{number}" / "torture.jsonl"
            number += 1
            with served(*batch_flags(endpoint.knobs, self._seed + number)) as address:
                yield from self._complete(endpoint, address, path)

    def _complete(self, endpoint: Endpoint, address: str, path: Path) -> Iterator[int]:
        """Kill runs on one output until one of them has finished."""
        before, budget = read_output(path), endpoint.budget
        while True:
            done, step = self._run(endpoint, address, path, budget)
            after = read_output(path)
            self._note(endpoint, path, judge_kill(before, after))
            before = after
            if done.returncode == -signal.SIGKILL:
                self.tally.kills[step] += 1
                yield self.tally.kills.total()
            elif done.returncode == LEFT:
                self.tally.left += 1
            elif budget is not None and done.returncode == STOPPED:
                if (billed := ask_for_books(address).cost) > budget:
                    self._note(endpoint, path, [f"{billed} US dollars were billed on a budget of {budget}"])
                budget = None
            else:
                break
        if done.returncode or budget is not None:
            self._note(endpoint, path, [f"a run ended with {done.returncode}: {done.stderr}"])
        books = ask_for_books(address)
        is_whole = "unreadable" not in endpoint.knobs
        self._note(endpoint, path, judge_complete(after, books, read_cost(path), num=self._num, is_whole=is_whole))
        tally = self.tally
        tally.outputs[endpoint.name] += 1
        tally.batches += books.created.total()
        tally.answered += books.answered.total()
        tally.lines += len(after.numbers)
        tally.cost += books.cost

    def _note(self, endpoint: Endpoint, path: Path, violations: Sequence[str]) -> None:
        self.tally.violations += [f"{path.parent.name}, {endpoint.name}: {each}" for each in violations]

    def _run(
        self, endpoint: Endpoint, address: str, path: Path, budget: Decimal | None
    ) -> tuple[subprocess.CompletedProcess[str], str]:
        """A run, and the step at which it was killed."""
        told = self._folder / "step"
        told.unlink(missing_ok=True)
        kill = self._draw_kill(told)
        *form, where = endpoint.form
        flags: tuple[str, ...] = (
            "--batch",
            "--no-live",
            "--batch-size",
            str(BATCH_SIZE),
            "--num",
            str(self._num),
            "--quiet",
        )
        flags += (*self._draw_haste(), *(() if budget is None else ("--budget", str(budget))))
        what = ("--recipe", str(self._folder), "--output", str(path), "--save-metadata", *PRICES)
        done = subprocess.run(
            [
                *(sys.executable, str(Path(__file__).with_name("killable.py")), msgspec.json.encode(kill).decode()),
                *("generate", *form, f"{address}{where}", *flags, *what),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "OPENROUTER_API_KEY": "none"},
        )
        return done, told.read_text() if told.exists() else ""

    def _draw_haste(self) -> Sequence[str]:
        if self.tally.kills.total() >= self._kills:
            return ()
        drawn = self._random.random()
        return ("--cancel",) if drawn < CANCELLED else ("--detach",) if drawn < CANCELLED + DETACHED else ()

    def _draw_kill(self, told: Path) -> Kill:
        if self.tally.kills.total() >= self._kills:
            return Kill(ANY, 0, 0, str(told))
        if self._random.random() < ANYWHERE:
            at, later = self._random.randint(1, MOST_BORDERS_OF_ALL), self._random.uniform(0, LATER)
            return Kill(ANY, at, later, str(told))
        return Kill(self._random.choice(STEPS), self._random.randint(1, MOST_BORDERS), 0, str(told))


def batch_flags(knobs: Mapping[str, str], seed: int) -> Sequence[str]:
    """Of an offline engine with batches."""
    flags = [part for name, value in knobs.items() for part in (f"--batch-{name}", value) if part]
    return "--batches", "--seed", str(seed), *PRICES, *flags


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _decode(line: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(line, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def show(tally: Tally) -> None:
    rows: dict[str, object] = {
        "kills": tally.kills.total(),
        **{f"of them at: {step}": number for step, number in sorted(tally.kills.items())},
        **{f"outputs completed: {name}": number for name, number in tally.outputs.items()},
        "runs that left batches under way": tally.left,
        "batches": tally.batches,
        "lines of batches answered": tally.answered,
        "lines": tally.lines,
        "US dollars billed": tally.cost.normalize(),
        "violations": len(tally.violations),
    }
    show_figures("SIGKILL at every step of a batch", rows, tally.violations)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--endpoint", type=int, action="append", help="by number, instead of all by turns")
    parser.add_argument("--keep", type=Path, help="a folder in which the outputs stay")
    flags = parser.parse_args()
    endpoints = [ENDPOINTS[number] for number in flags.endpoint or range(len(ENDPOINTS))]
    with tempfile.TemporaryDirectory() as name:
        folder = (flags.keep or Path(name)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        torture = Torture(folder, kills=flags.kills, seed=flags.seed, endpoints=endpoints)
        for _ in track(torture.run(), total=flags.kills, transient=True, console=Console(stderr=True)):
            pass
    show(torture.tally)
    return 1 if torture.tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
