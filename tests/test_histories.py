"""Whole histories of one output: runs over real HTTP that end, are stopped or crash, and what a user does in between.

The endpoint's own books are the truth: each call it received, and what it answered. After every step the files are
held against them, read by the standard library. Each `check_` method is one of the promises of a run.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal

import hypothesis.strategies as st
import pytest
import test_fault_injection
from fake_provider import Call, FakeProvider, Reply, completion, error
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from quick import QUICK
from sweep import at_most
from test_fault_injection import Crash, Fault

from asyncgen.command.main import main
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs import events, interrupt
from asyncgen.runs import run as run_module
from asyncgen.runs.counts import Counts

MOST = 8  # indices
REASKS = 1
SAME_REJECTIONS = 3
KEY = "sk-marker-0a1b2c3d4e5f"
COST = Decimal("0.001")  # of every call that has one
RECIPE = f"""
name = "probe"
knowledge = "knowledge.md"
[request]
model = "fake"
[prompt]
user = "user.md"
[[dimension]]
name = "subject"
values = {[f"s{number}" for number in range(MOST)]}
[rules]
charset = "ascii"
"""
SAME = "always the same"
rename = os.rename
NEVER = Fault("nothing")


# ---- what the endpoint may answer


@dataclass(frozen=True)
class Kind:
    """A class of answers: what the journal must say of such a call, and what must become of its index then."""

    entry: Literal["done", "rejected", "lost"] | None
    then: Literal["done", "asked again", "tried again", "failed", "stopped"]
    reply: Callable[[int, int], Reply]
    is_cut_off: bool = False
    has_usage: bool = True

    @property
    def completes(self) -> bool:
        """Whether the answer is a chat completion with some text, good or bad."""
        return self.then in {"done", "asked again"} and self is not KINDS["only thinking"]

    @property
    def shows_that_the_key_is_good(self) -> bool:
        return self.entry in {"done", "rejected"} and self.then != "tried again"


def request_id(number: int) -> str:
    return f"gen-{number}"


def text_of(number: int, index: int) -> str:
    return f"{index} {request_id(number)} {'flour ' * (number % 9 * 9)}".strip()


def replying(content: str | None, number: int, finish_reason: str = "stop") -> Reply:
    return completion(
        content,
        finish_reason=finish_reason,
        request_id=request_id(number),
        prompt_tokens=100 + number,
        prompt_tokens_details={"cached_tokens": number},
        cost=float(COST),
    )


def conversing(number: int, text: str, roles: Sequence[str] = ("user", "assistant"), finish: str = "stop") -> Reply:
    contents = ("?", text)
    messages = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]
    return replying(json.dumps({"messages": messages}), number, finish)


def good(number: int, index: int) -> Reply:
    return conversing(number, text_of(number, index))


def cut_in_half(reply: Reply) -> Reply:
    return Reply(body=reply.body[: len(reply.body) * 2 // 3], headers=reply.headers)


def echoing(status: int, **headers: str) -> Reply:
    return error(status, f"no, {KEY}", **headers)


KINDS = {
    "good": Kind("done", "done", good),
    "the same": Kind("done", "done", lambda number, index: conversing(number, SAME)),
    "whole at the limit": Kind(
        "done", "done", lambda number, index: conversing(number, text_of(number, index), finish="length")
    ),
    "no JSON": Kind("rejected", "asked again", lambda number, index: replying(f"I am {request_id(number)}", number)),
    "roles": Kind(
        "rejected", "asked again", lambda number, index: conversing(number, request_id(number), ("assistant", "user"))
    ),
    "charset": Kind("rejected", "asked again", lambda number, index: conversing(number, f"面包 {request_id(number)}")),
    "cut off": Kind(
        "rejected",
        "asked again",
        lambda number, index: replying(f'{{"messages": [ {request_id(number)}', number, "length"),
        is_cut_off=True,
    ),
    "only thinking": Kind(
        "rejected", "asked again", lambda number, index: replying(None, number, "length"), is_cut_off=True
    ),
    "filtered": Kind("rejected", "failed", lambda number, index: replying(None, number, "content_filter")),
    "half a body": Kind(
        "rejected", "tried again", lambda number, index: cut_in_half(good(number, index)), has_usage=False
    ),
    "broken off": Kind(
        "lost",
        "tried again",
        lambda number, index: Reply(body=good(number, index).body, breaks_off=True),
    ),
    "reset": Kind("lost", "tried again", lambda number, index: Reply(abort=True)),
    "504": Kind("lost", "tried again", lambda number, index: error(504)),
    "429": Kind(None, "tried again", lambda number, index: echoing(429)),
    "429 with a time": Kind(None, "tried again", lambda number, index: echoing(429, Retry_After="2ms")),
    "500": Kind(None, "tried again", lambda number, index: echoing(500)),
    "400": Kind(None, "failed", lambda number, index: echoing(400)),
    "401": Kind(None, "stopped", lambda number, index: echoing(401)),
    "402": Kind(None, "stopped", lambda number, index: echoing(402)),
}
HELD = Kind("lost", "tried again", lambda number, index: Reply(hold=True))


@dataclass(frozen=True)
class Answer:
    """What the endpoint did with one call."""

    number: int
    run: int
    index: int
    kind: Kind
    text: str

    @property
    def id(self) -> str:
        return request_id(self.number)


# ---- the surroundings of a run


class Disk(test_fault_injection.Disk):
    """Remembers over runs what a crash has left in the cache: a later loss of power may take it all the same.

    `meanwhile`: what somebody else does while the next call of such a kind is about to be made.
    """

    meanwhile: tuple[str, Callable[[], None]] | None = None

    def _meets(self, kind: str) -> bool:
        if self.meanwhile is not None and kind == self.meanwhile[0]:
            (_, happens), self.meanwhile = self.meanwhile, None
            happens()
        return super()._meets(kind)

    def remember(self, before: "Disk") -> None:
        self._durable, self._created, self._renamed = before._durable, before._created, before._renamed

    def arm(self, fault: Fault) -> None:
        """Count the calls of its kind from now on."""
        self.fault = replace(fault, number=self._calls[fault.kind] + fault.number)

    def forget_cache(self) -> None:
        """After a loss of power, what is there is on disk."""
        self._durable = {path: path.read_bytes() for path in self.folder.iterdir()}

    def durable(self, path: Path) -> bytes:
        return self._durable.get(path, b"")

    def has_unsynced_names(self, paths: OutputPaths) -> bool:
        return bool(self._created.intersection(paths.data) or self._renamed)


class RemoteInterrupts(interrupt.Interrupts):
    """Ctrl-C pressed by the endpoint, in the middle of a call."""

    press: ClassVar[Callable[[], object]]
    loop: ClassVar[asyncio.AbstractEventLoop]

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        with super().handled():
            RemoteInterrupts.press, RemoteInterrupts.loop = self._receive, asyncio.get_running_loop()
            yield

    @classmethod
    def let_the_run_go_on(cls) -> None:
        """From another thread: return when whatever could go on in the loop has."""
        for _ in range(20):
            turn = threading.Event()
            cls.loop.call_soon_threadsafe(turn.set)
            assert turn.wait(10)


class MovedClock:
    shift: ClassVar[timedelta] = timedelta(0)

    @classmethod
    def time(cls) -> float:
        return time.time() + cls.shift.total_seconds()


TIMINGS = replace(
    QUICK,
    first_backoff=0.0,
    hint_spread=0.0,
    pause_spread=0.0,
    first_probe=0.0,
    longest_probe=0.0,
    clock=MovedClock.time,
)


@dataclass(frozen=True)
class Weather:
    """What happens in a run. `plan`: for some indices, what their first calls meet; all other calls meet `usual`.

    `stop_at`: the call at which Ctrl-C is pressed, twice if it `cancels`; if the disk `is_slow`, when it hangs next,
    and the second time when every call has been answered. `crash`: what the files meet from call `crash_at` on.
    `has_rival`: a second run is tried meanwhile. `vanishing`: which side file is taken away after call `vanish_at`,
    before the next write or sync, moved or else deleted.
    """

    plan: Mapping[int, Sequence[str]] = field(default_factory=dict)
    usual: str = "good"
    stop_at: int = 0
    cancels: bool = False
    is_slow: bool = False
    vanishing: Literal["", "journal", "rejects"] = ""
    vanish_at: int = 0
    vanish_before: str = "write"
    moves: bool = True
    crash_at: int = 0
    crash: Fault = NEVER
    has_rival: bool = False


@dataclass
class Run:
    """What a run did, as seen from outside. `status` is None when it crashed."""

    number: int
    num: int
    concurrency: int
    before: dict[str, bytes]
    budget: Decimal | None = None
    status: int | None = None
    shown: str = ""
    calls: list[Answer] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    counts: Counts | None = None
    is_over: bool = False
    was_stopped: bool = False
    was_cancelled: bool = False
    was_cancelled_when_all_had_arrived: bool = False

    @property
    def key(self) -> str:
        return f"{KEY}-{self.number}"

    @property
    def was_disturbed(self) -> bool:
        """Whether answers may have been sent that never arrived."""
        return self.was_cancelled or self.status is None

    def of(self, index: int) -> list[Answer]:
        return [call for call in self.calls if call.index == index]

    def settled(self) -> int:
        """The first call of which a 400 is a refusal of its index, and not perhaps of its format.

        That is known with the first completion, or if there was a 400 before it, once its format was asked for again;
        what was in flight with that answer may have been read before it.
        """
        completions = (call.number for call in self.calls if call.kind.completes)
        known = next(completions, MOST**9)
        if any(call.kind is KINDS["400"] for call in self.calls if call.number < known):
            again = (call for call in self.calls if call.number > known)
            telling = (call.number for call in again if call.kind.completes or call.kind is KINDS["400"])
            known = next(telling, MOST**9) + 1
        return known + self.concurrency - 1

    def outcomes(self) -> dict[int, str]:
        settled = self.settled()
        return {call.index: outcome(self.of(call.index), settled) for call in self.calls}

    @property
    def was_refused_by_all(self) -> bool:
        return self.status == 1 and "were all the same rejection" in self.shown

    def unsure(self) -> set[int]:
        """Indices that may have failed or be pending: a first 400 may have led to a lower step that was not tried.

        It is not where something else has ended the run before the index was asked again.
        """
        settled = self.settled()
        last = {call.index: call for call in self.calls}
        stepping = {index for index, call in last.items() if call.kind is KINDS["400"] and call.number < settled}
        failed = {index for index, state in self.outcomes().items() if state == "failed"}
        if (
            self.was_refused_by_all or self.was_cancelled_when_all_had_arrived
        ):  # a reply that is kept is kept; that is all
            return failed
        ended_early = self.was_stopped or self.status == 1
        return failed if self.was_cancelled else failed & stepping if ended_early else set()


def outcome(calls: Sequence[Answer], settled: int) -> str:
    """What must have become of an index after these answers: done, failed, pending. None of them may be in vain."""
    bad, was_cut_off, state = 0, False, "pending"
    for before, call in zip((None, *calls), calls, strict=False):
        steps_down = before is not None and before.kind is KINDS["400"] and before.number < settled
        assert state == "pending" or steps_down, f"{call.index} was {state} and has been asked again"
        kind, state = call.kind, "pending"
        if kind.then == "asked again":
            bad += 1
            state = "failed" if bad > REASKS or (was_cut_off and kind.is_cut_off) else "pending"
            was_cut_off = kind.is_cut_off
        elif kind.then in {"done", "failed"}:
            state = kind.then
    return state


@dataclass
class Era:
    """What has become of an output since it was begun.

    `lines`: the texts that are surely in the file. `loose`: texts that a crash may have left in it. `maybe_failed`:
    indices of which the same is unknown. `failed`: the number of the call that was the last for an index. `crashed`,
    `torn`: since the last run that ended. `booked`: calls that count for a budget.
    """

    calls: list[Answer] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    recorded: set[int] = field(default_factory=set)
    failed: dict[int, int] = field(default_factory=dict)
    maybe_failed: set[int] = field(default_factory=set)
    loose: Counter[str] = field(default_factory=Counter)
    crashed: bool = False
    torn: bool = False
    booked: int = 0

    def newest(self) -> dict[int, str]:
        """The text of the newest conversation that is known to have arrived, by index."""
        return {
            call.index: call.text for call in self.calls if call.kind.entry == "done" and call.number in self.recorded
        }

    def known(self) -> Counter[str]:
        return Counter(self.newest().values()) + self.kept

    def surely_done(self) -> set[int]:
        """Of equal conversations, nobody can say after a crash whose lines they are."""
        there, known = Counter(self.lines), self.known()
        return {
            index
            for index, text in self.newest().items()
            if there[text] >= known[text] and not (self.crashed and text == SAME)
        }


# ---- the machine

PLANS = st.dictionaries(
    st.integers(0, MOST - 1), st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3), max_size=4
)
USUAL = st.sampled_from(["good"] * 6 + ["the same"] * 3 + ["400", "filtered"])
NUMS = st.integers(1, MOST) | st.just(MOST)
DELETED = st.integers(0, MOST)
CONCURRENCIES = st.sampled_from([1, 2, 4])
POWER = st.none() | st.integers(0, 2**16)  # the seed of what is lost with it, if it fails
CRASHES = st.builds(
    Fault,
    kind=st.sampled_from(("write", "sync")),
    number=st.integers(1, 5),
    share=st.sampled_from((0.0, 0.3, 0.7, 0.99, 1.0)),
    seed=POWER,
)
EARLY_CRASHES = st.builds(
    Fault,
    kind=st.sampled_from(("open", "write", "sync", "truncate", "rename")),
    number=st.integers(1, 6),
    share=st.sampled_from((0.0, 0.5, 1.0)),
    seed=POWER,
)
SHIFTS = st.sampled_from([timedelta(0), timedelta(hours=-1), timedelta(days=-400), timedelta(days=40)])
CHANCES = st.integers(
    0, 2**16
)  # a random generator's, because what there is to choose from is not the same in every repetition


def line_of(text: str) -> bytes:
    return json.dumps([{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]).encode() + b"\n"


def reformatted(content: bytes, style: str) -> bytes:
    lines = [json.loads(line) for line in content.splitlines()]
    match style:
        case "spaces":
            return "".join(f" {json.dumps(line, separators=(' , ', ' : '))} \n" for line in lines).encode()
        case "escapes":
            return "".join(json.dumps(line).replace("l", "\\u006c") + "\n" for line in lines).encode()
        case "CRLF":
            return "".join(json.dumps(line) + "\r\n" for line in lines).encode()
        case _:
            return content.rstrip(b"\n")


def shown_files(folder: Path) -> dict[str, bytes]:
    """All that a refusal may not touch: a lock file may be signed by whoever looks in."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


@dataclass(frozen=True)
class Files:
    """What is in the files, read without the program's help."""

    lines: list[str]
    entries: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    @classmethod
    def read(cls, paths: OutputPaths) -> "Files":
        """I3: the error of a torn or merged line is the test's failure."""
        lines, entries, rejects = (
            [json.loads(line, parse_float=Decimal) for line in whole_lines(path)] for path in paths.data
        )
        for line in lines:
            assert [set(message) for message in line] == [{"role", "content"}] * 2
            assert [message["role"] for message in line] == ["user", "assistant"]
        return cls([line[1]["content"] for line in lines], entries, rejects)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["type"] == kind]

    def failed(self) -> set[int]:
        """The indices whose newest entry says so."""
        failed = set()
        for entry in self.entries:
            if entry["type"] == "failed":
                failed.add(entry["index"])
            elif entry["type"] == "done":
                failed.discard(entry["index"])
        return failed


def whole_lines(path: Path) -> list[str]:
    content = path.read_bytes() if path.exists() else b""
    assert not content or content.endswith(b"\n")
    return [line for line in content.decode().split("\n")[:-1] if line.strip()]


def marker_of(text: str) -> int:
    found = re.search(r"gen-(\d+)", text)
    assert found is not None, text
    return int(found[1])


class Histories(RuleBasedStateMachine):
    """Anything that may happen to one output, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        home = Path(self.home.name).resolve()
        (home / "recipe.toml").write_text(RECIPE)
        (home / "knowledge.md").write_text("Bread is baked.")
        (home / "user.md").write_text("Write about {subject}. {knowledge}")
        self.recipe = home / "recipe.toml"
        self.folder = home / "data"
        self.folder.mkdir()
        self.paths = OutputPaths.of(self.folder / "x.jsonl")
        self.away = home / "away"
        recipe = load_recipe(str(self.recipe), knowledge=None)
        scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)
        self.indices = {scenarios.draw(index)["subject"]: index for index in range(MOST)}
        self.era = Era()
        self.numbers = 0
        self.weather = Weather()
        self.disk = Disk(self.folder, NEVER)
        self.violations: list[str] = []
        self.patch = pytest.MonkeyPatch()
        self.replace_surroundings()
        self.server = FakeProvider(self.answer).__enter__()

    def replace_surroundings(self) -> None:
        machine = self

        class SpiedRun(run_module.Run):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                machine.run.counts = self.counts
                self.watch(events.Written, lambda event: machine.note_counted(event.lines, self.counts))

        self.patch.setattr("asyncgen.runs.open.Run", SpiedRun)
        self.patch.setattr("asyncgen.screen.terminal.Interrupts", RemoteInterrupts)
        self.patch.setattr("asyncgen.runs.verdict.SAME_REJECTIONS", SAME_REJECTIONS)

    def teardown(self) -> None:
        self.server.__exit__(None, None, None)
        self.patch.undo()
        self.home.cleanup()

    # ---- the endpoint

    def answer(self, call: Call) -> Reply:
        found = re.search(r"about (s\d+)\.", call.scenario)
        assert found is not None
        index, run = self.indices[found[1]], self.run
        if run.is_over or call.headers["Authorization"] != f"Bearer {run.key}":
            return error(500)  # it left before a crash and comes after it: nobody waits for the answer
        before = run.of(index)
        self.check_kept_before_it_is_asked_again(before)
        planned = self.weather.plan.get(index, ())
        kind = KINDS[planned[len(before)] if len(before) < len(planned) else self.weather.usual]
        if run.budget is not None and not kind.has_usage:
            kind = KINDS["good"]
        is_stop = len(run.calls) + 1 == self.weather.stop_at
        if is_stop and self.weather.cancels and not self.weather.is_slow:
            kind = HELD
        text = SAME if kind is KINDS["the same"] else text_of(call.number, index)
        run.calls.append(Answer(call.number, run.number, index, kind, text))
        self.era.calls.append(run.calls[-1])
        if self.weather.has_rival and len(run.calls) == 1:
            self.check_a_rival_is_refused()
        if len(run.calls) == self.weather.crash_at:
            self.disk.arm(self.weather.crash)
        if len(run.calls) == self.weather.vanish_at:
            self.disk.meanwhile = self.weather.vanish_before, self.take_away
        if is_stop and self.weather.is_slow:
            self.disk.meanwhile = "sync", lambda: self.press_slowly(run)
        elif is_stop:
            self.press(run)
        return kind.reply(call.number, index)

    def press(self, run: Run) -> None:
        run.was_stopped = True
        RemoteInterrupts.press()
        if self.weather.cancels:
            run.was_cancelled = True
            RemoteInterrupts.press()

    def press_slowly(self, run: Run) -> None:
        """While the disk hangs: nothing is in flight when the calls are cancelled, so nothing may be lost."""
        run.was_stopped = True
        RemoteInterrupts.press()
        RemoteInterrupts.let_the_run_go_on()
        assert run.counts is not None
        while run.counts.in_flight:
            RemoteInterrupts.let_the_run_go_on()
        if self.weather.cancels:
            run.was_cancelled_when_all_had_arrived = True
            RemoteInterrupts.press()
            RemoteInterrupts.let_the_run_go_on()

    def take_away(self) -> None:
        path = getattr(self.paths, self.weather.vanishing)
        if self.weather.moves:
            rename(path, self.away)  # no call of the run's, so that its disk does not see it
        else:
            path.unlink()

    def bring_back(self) -> None:
        if self.away.exists():
            self.away.rename(getattr(self.paths, self.weather.vanishing))

    def note_counted(self, lines: Sequence[bytes], counts: Counts) -> None:
        """What is counted now must be on disk now."""
        self.run.counted += [json.loads(line)[1]["content"] for line in lines]
        durable = self.disk.durable(self.paths.output)
        if any(line not in durable for line in lines) or counts.done > len(durable.splitlines()):
            self.violations.append("I4: counted before it is on disk")

    # ---- running

    def flags(self, num: int, concurrency: int) -> list[str]:
        return [
            *("generate", "--recipe", str(self.recipe), "--base-url", self.server.base_url, "--quiet"),
            *("-n", str(num), "-c", str(concurrency), "--reasks", str(REASKS), "-o", str(self.paths.output)),
        ]

    def go(self, num: int, concurrency: int, *flags: str, weather: Weather | None = None) -> Run:
        self.numbers += 1
        before = {} if "--overwrite" in flags else shown_files(self.folder)
        self.run = run = Run(self.numbers, num, concurrency, before)
        if "--budget" in flags:
            run.budget = Decimal(flags[flags.index("--budget") + 1])
        self.patch.setenv("ASYNCGEN_API_KEY", run.key)
        self.weather = weather or Weather()
        disk, stream = Disk(self.folder, NEVER), io.StringIO()
        with disk.armed():
            if self.era.crashed:
                disk.remember(self.disk)
            self.disk = disk
            if not self.weather.crash_at:
                disk.arm(self.weather.crash)
            try:
                with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                    run.status = main([*self.flags(num, concurrency), *flags], TIMINGS)
                assert not disk.crashed, "went on after a crash"
            except (Crash, BaseExceptionGroup):
                if not disk.crashed:
                    raise
            finally:
                run.is_over = True
        run.shown = stream.getvalue()
        self.era.runs[run.number] = run
        assert not self.violations, self.violations
        return run

    def refused(self, *flags: str, num: int = MOST) -> None:
        run = self.go(num, 1, *flags)
        assert run.status == 2
        assert run.calls == []
        assert len(run.shown.splitlines()) == 1
        self.check_nothing_was_written(run)

    def finish(self, run: Run) -> None:
        """Hold the files against the books."""
        if run.status is None:
            self.note_crash(run)
            return
        wrote = shown_files(self.folder) != run.before
        if not wrote:
            assert run.calls == []
        if not wrote and run.status == 1:  # for want of money: what a crash has left is still as it was
            self.check_end(run)
            return
        files = Files.read(self.paths)
        self.check_only_own_files_and_no_key(run)
        self.check_every_entry_is_of_one_call(files)
        self.check_every_paid_answer_is_kept(files)
        self.check_lines(run, files)
        self.check_failed(run, files)
        self.check_nothing_is_asked_without_need(run)
        if not self.era.crashed:
            self.check_the_journal_of_the_run(run, files)
        self.check_end(run)
        self.check_what_is_told(run, files)
        if wrote:
            self.check_all_is_synced()
            self.era.crashed = self.era.torn = False

    def note_crash(self, run: Run) -> None:
        era, counted = self.era, Counter(run.counted)
        era.loose += Counter(call.text for call in run.calls if call.kind.entry == "done") - counted
        era.lines += counted.elements()
        era.maybe_failed |= {index for index, state in run.outcomes().items() if state == "failed"}
        era.crashed = True
        if self.disk.fault.seed is not None:
            self.disk.lose_power(self.disk.fault.seed)
            self.disk = Disk(self.folder, NEVER)
            self.disk.forget_cache()

    # ---- the promises

    def check_nothing_was_written(self, run: Run) -> None:
        assert shown_files(self.folder) == run.before

    def check_a_rival_is_refused(self) -> None:
        """Nothing is being written during the first call."""
        before = shown_files(self.folder)
        status = main([*self.flags(self.run.num, 1), "--timeout", "1", "--retries", "0"])
        if status != 2 or shown_files(self.folder) != before:
            self.violations.append("a second run was not refused, or has written")

    def check_kept_before_it_is_asked_again(self, before: Sequence[Answer]) -> None:
        """I2: what the last call for this index has brought is on disk."""
        if not before or before[-1].kind.entry != "rejected":
            return
        kept = re.compile(before[-1].id.encode() + rb"\b")
        named_in = (self.paths.journal, self.paths.rejects) if before[-1].kind.has_usage else (self.paths.rejects,)
        if not all(kept.search(self.disk.durable(path)) for path in named_in):
            self.violations.append(f"I2: {before[-1]} was asked again before it was kept")

    def check_every_entry_is_of_one_call(self, files: Files) -> None:
        """I1, I10: nothing is recorded that was not said, nothing twice, and nothing recorded is forgotten."""
        calls = {call.number: call for call in self.era.calls}
        recorded = Counter[int]()
        silent = Counter(call.index for call in self.era.calls if not call.kind.has_usage)
        for entry in (*files.of("done"), *files.of("rejected")):
            if entry.get("request_id") is None:
                assert entry["reason"] == "no-answer"
                silent[entry["index"]] -= 1
                continue
            call = calls[marker_of(entry["request_id"])]
            recorded[call.number] += 1
            assert (entry["index"], entry["type"]) == (call.index, call.kind.entry)
            assert entry["prompt_tokens"] == 100 + call.number
            assert entry["cost"] == COST
        assert all(number >= 0 for number in silent.values())
        assert set(recorded.values()) <= {1}
        texts = {marker_of(reject["text"]) for reject in files.rejects}
        now = set(recorded) | {number for number in texts if not calls[number].kind.has_usage}
        assert self.era.recorded <= now
        self.era.recorded = now
        self.era.booked = sum(len(files.of(kind)) for kind in ("done", "rejected", "lost"))

    def check_every_paid_answer_is_kept(self, files: Files) -> None:
        """I2. A crash, or a second Ctrl-C, may take the last answer for an index and no earlier one."""
        kept = Counter(marker_of(reject["text"]) for reject in files.rejects)
        assert set(kept.values()) <= {1}
        for run in self.era.runs.values():
            for index in {call.index for call in run.calls}:
                calls = run.of(index)
                for call in calls[:-1] if run.was_disturbed else calls:
                    if call.kind.entry in {"done", "rejected"}:
                        assert call.number in self.era.recorded, f"{call} is nowhere"
                    assert kept[call.number] == (call.kind.entry == "rejected"), f"{call} is not kept"

    def check_lines(self, run: Run, files: Files) -> None:
        """I1, I3: the lines are those of before and what has arrived, each known and for one index."""
        era = self.era
        new = Counter(call.text for call in run.calls if call.kind.entry == "done" and call.number in era.recorded)
        there, expected = Counter(files.lines), Counter(era.lines) + new
        assert expected <= there <= expected + era.loose, f"missing {expected - there}, too many {there - expected}"
        assert there <= era.known(), f"not known: {there - era.known()}"
        assert len(files.of("kept")) == era.kept.total()
        before, after = run.before.get(self.paths.output.name, b""), self.paths.output.read_bytes()
        if not era.crashed:
            assert after.startswith(before[: before.rfind(b"\n") + 1]), "a line has changed"
        era.lines, era.loose = files.lines, Counter()

    def check_failed(self, run: Run, files: Files) -> None:
        """I1: failed are those whose last answer says so."""
        era = self.era
        newest = {
            call.index: call.number for call in era.calls if call.kind.entry == "done" and call.number in era.recorded
        }
        era.maybe_failed |= run.unsure()
        for index, state in run.outcomes().items():
            if state == "failed" and index not in run.unsure():
                era.failed[index] = run.of(index)[-1].number
        certain = {index for index, number in era.failed.items() if newest.get(index, -1) < number}
        assert certain <= files.failed() <= certain | era.maybe_failed
        era.failed = {index: era.failed.get(index, self.server.calls[-1].number) for index in files.failed()}
        era.maybe_failed = set()

    def check_nothing_is_asked_without_need(self, run: Run) -> None:
        """I5, and no conversation is paid for twice. Within a run, `outcome` sees to that."""
        asked = set(run.outcomes())
        assert asked <= set(range(run.num))
        assert not asked & self.done_before, f"asked again although done: {asked & self.done_before}"
        if run.concurrency == 1:
            self.check_nothing_is_asked_after_the_end(run)

    def check_nothing_is_asked_after_the_end(self, run: Run) -> None:
        """A key that has been good is looked at twice."""
        is_good = False
        for call in run.calls[:-1]:
            assert call.kind is not KINDS["402"], "a call after the one that stopped the run"
            assert is_good or call.kind is not KINDS["401"], "a call with a key that was refused"
            is_good = call.kind is not KINDS["401"] and (is_good or call.kind.shows_that_the_key_is_good)

    def check_the_journal_of_the_run(self, run: Run, files: Files) -> None:
        """I2, I10: what has become of every call is in the entries that this run has added."""
        before = run.before.get(self.paths.journal.name, b"")
        added = self.paths.journal.read_bytes()
        assert added.startswith(before), "the journal only grows"
        entries = [json.loads(line) for line in added[len(before) :].splitlines()]
        found = Counter((entry["type"], entry["index"]) for entry in entries if "index" in entry)
        expected = Counter[tuple[str, int]]((call.kind.entry, call.index) for call in run.calls if call.kind.entry)
        expected += Counter(("failed", index) for index, state in run.outcomes().items() if state == "failed")
        if not run.was_cancelled:
            for index in run.unsure():
                del found["failed", index], expected["failed", index]
            assert found == expected
            return
        for index in {call.index for call in run.calls}:
            paid = sum(call.kind.entry is not None for call in run.of(index))
            entries_of = sum(found[kind, index] for kind in ("done", "rejected", "lost"))
            assert paid <= entries_of <= len(run.of(index)) + 1

    def check_end(self, run: Run) -> None:
        """I9: the exit status says what has happened, in one sentence."""
        states = run.outcomes().values()
        done = self.bounds_of_done(run.num)
        assert "Traceback" not in run.shown
        if run.status == 0:
            assert done[1] == run.num
        elif run.status == 3:
            assert "failed" in states
            assert "pending" not in states
            failed = {index for index in self.era.failed if index < run.num}
            assert done[1] + len(failed) >= run.num
        elif run.status == 130:
            assert run.was_stopped
            assert "Interrupted" in run.shown
        else:
            assert run.status == 1
            assert run.shown.count("Stopped: ") == 1
            self.check_why_it_stopped(run)
        if run.status in {0, 3}:
            assert not run.was_stopped
            assert all(call.kind is not KINDS["402"] for call in run.calls)

    def check_why_it_stopped(self, run: Run) -> None:
        if "gone while it was being written" in run.shown:
            assert self.weather.vanish_at
        elif "the budget of" in run.shown:
            assert run.budget is not None
            assert (self.era.booked + 1) * COST > run.budget
        elif run.was_refused_by_all:
            assert sum(state == "failed" for state in run.outcomes().values()) >= SAME_REJECTIONS
        else:
            assert any(call.kind.then == "stopped" for call in run.calls)

    def check_what_is_told(self, run: Run, files: Files) -> None:
        """I1, I4, I10: `status` and the run's own counts, against the books."""
        told = self.ask_for_status()
        recorded = [call for call in self.era.calls if call.number in self.era.recorded and call.kind.has_usage]
        num = told["num"]  # that of the newest run which had something to write
        low, high = self.bounds_of_done(num)
        failed = {index for index in self.era.failed if index < num}
        assert low <= told["done"] <= high
        assert len(failed - self.perhaps_done()) <= told["failed"] <= len(failed - self.era.surely_done())
        assert told["done"] + told["failed"] + told["pending"] == num
        assert told["prompt_tokens"] == sum(100 + call.number for call in recorded)
        assert told["cached_tokens"] == sum(call.number for call in recorded)
        assert told["completion_tokens"] == 20 * len(recorded)
        assert told["cost_usd"] == (COST * len(recorded) if recorded else None)
        refused = sum("status" in entry for entry in files.of("failed"))
        assert refused <= sum(call.kind is KINDS["400"] for call in self.era.calls)
        assert told["calls"] == len(files.of("done")) + len(files.of("rejected")) + refused
        if run.counts is not None:
            assert run.counts.written == len(run.counted)
            assert run.counts.in_flight == run.counts.waiting == 0
            low, high = self.bounds_of_done(run.num)
            assert low <= run.counts.done <= high

    def ask_for_status(self) -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            assert main(["status", str(self.paths.output), "--json"]) == 0
        told: dict[str, Any] = json.loads(stream.getvalue(), parse_float=Decimal)
        return told

    def bounds_of_done(self, num: int) -> tuple[int, int]:
        """How many indices below `num` have a line, at least and at most: equal conversations cannot be told apart."""
        below, above = defaultdict[str, int](int), defaultdict[str, int](int)
        for index, text in self.era.newest().items():
            (below if index < num else above)[text] += 1
        there = Counter(self.era.lines)
        low = sum(max(0, there[text] - above[text] - self.era.kept[text]) for text in below)
        return low, sum(min(there[text], number) for text, number in below.items())

    def perhaps_done(self) -> set[int]:
        return {index for index, text in self.era.newest().items() if text in self.era.lines}

    def check_all_is_synced(self) -> None:
        """I4: what a run leaves would survive a loss of power."""
        for path in self.paths.data:
            if path.exists():
                # But for what a killed recovery has done to a torn line: the next one would end it or cut it off again.
                durable, content = (each.rstrip(b"\n") for each in (self.disk.durable(path), path.read_bytes()))
                assert durable.startswith(content), path.name
                assert b"\n" not in durable.removeprefix(content).lstrip(b"\n"), path.name
        assert not self.disk.has_unsynced_names(self.paths)

    def check_only_own_files_and_no_key(self, run: Run) -> None:
        """I7, I8."""
        own = re.compile(r"x\.jsonl(\.journal|\.rejects)?(\.torn|\.mended)?(\.bak-\w+\.\w+)?|x\.jsonl\.lock")
        for path in self.folder.iterdir():
            assert own.fullmatch(path.name), path.name
            assert KEY.encode() not in path.read_bytes()
        assert KEY not in run.shown

    # ---- what may happen

    @property
    def is_whole(self) -> bool:
        return not self.era.crashed and self.paths.output.exists()

    @property
    def has_lines(self) -> bool:
        return self.is_whole and bool(self.era.lines) and not self.era.torn

    def make(self, num: int, concurrency: int, *flags: str, weather: Weather) -> Run:
        self.done_before = self.era.surely_done()
        run = self.go(num, concurrency, *flags, weather=weather)
        self.bring_back()
        self.finish(run)
        return run

    @initialize(num=NUMS, plan=PLANS)
    def first(self, num: int, plan: Mapping[int, Sequence[str]]) -> None:
        self.make(num, 2, weather=Weather(plan))

    @rule(num=NUMS, concurrency=CONCURRENCIES, plan=PLANS, usual=USUAL, has_rival=st.booleans(), shift=SHIFTS)
    def goes_on(
        self,
        *,
        num: int,
        concurrency: int,
        plan: Mapping[int, Sequence[str]],
        usual: str,
        has_rival: bool,
        shift: timedelta,
    ) -> None:
        MovedClock.shift = shift
        was_done = self.is_whole and self.bounds_of_done(num)[0] == num
        run = self.make(num, concurrency, weather=Weather(plan, usual, has_rival=has_rival))
        if was_done:
            assert run.status == 0
            assert run.calls == []

    @rule(num=NUMS, concurrency=CONCURRENCIES)
    def ends_well(self, num: int, concurrency: int) -> None:
        """Whatever has been before, a run without faults makes all there is to make."""
        self.make(num, concurrency, weather=Weather())
        assert self.bounds_of_done(num)[1] == num
        assert self.run.status == 0

    @rule(
        num=NUMS,
        concurrency=CONCURRENCIES,
        plan=PLANS,
        stop_at=st.integers(1, 5),
        cancels=st.booleans(),
        deleted=DELETED,
    )
    def is_stopped(
        self,
        *,
        num: int,
        concurrency: int,
        plan: Mapping[int, Sequence[str]],
        stop_at: int,
        cancels: bool,
        deleted: int,
    ) -> None:
        self.delete_lines(deleted)
        self.make(num, concurrency, weather=Weather(plan, stop_at=stop_at, cancels=cancels))

    @rule(
        num=NUMS,
        concurrency=CONCURRENCIES,
        plan=PLANS,
        stop_at=st.integers(1, 5),
        cancels=st.booleans(),
        deleted=DELETED,
    )
    def is_stopped_while_the_disk_hangs(
        self,
        *,
        num: int,
        concurrency: int,
        plan: Mapping[int, Sequence[str]],
        stop_at: int,
        cancels: bool,
        deleted: int,
    ) -> None:
        self.delete_lines(deleted)
        self.make(num, concurrency, weather=Weather(plan, stop_at=stop_at, cancels=cancels, is_slow=True))

    @rule(
        num=NUMS,
        concurrency=CONCURRENCIES,
        plan=PLANS,
        vanishing=st.sampled_from([("journal", True), ("journal", False), ("rejects", True)]),
        vanish_at=st.integers(1, 5),
        vanish_before=st.sampled_from(["write", "sync"]),
        deleted=DELETED,
    )
    def loses_a_side_file(
        self,
        *,
        num: int,
        concurrency: int,
        plan: Mapping[int, Sequence[str]],
        vanishing: tuple[Literal["journal", "rejects"], bool],
        vanish_at: int,
        vanish_before: str,
        deleted: int,
    ) -> None:
        """What was deleted is put back by the run, what was moved by hand."""
        self.delete_lines(deleted)
        name, moves = vanishing
        weather = Weather(plan, vanishing=name, vanish_at=vanish_at, vanish_before=vanish_before, moves=moves)
        self.make(num, concurrency, weather=weather)

    @rule(
        num=NUMS,
        concurrency=CONCURRENCIES,
        plan=PLANS,
        usual=st.sampled_from(["good", "good", "the same"]),
        crash=CRASHES,
        crash_at=st.integers(1, 4),
        deleted=DELETED,
    )
    def crashes_at_work(
        self,
        *,
        num: int,
        concurrency: int,
        plan: Mapping[int, Sequence[str]],
        usual: str,
        crash: Fault,
        crash_at: int,
        deleted: int,
    ) -> None:
        self.delete_lines(deleted)
        self.make(num, concurrency, weather=Weather(plan, usual, crash=crash, crash_at=crash_at))

    @rule(num=NUMS, plan=PLANS, crash=EARLY_CRASHES, deleted=DELETED)
    def crashes_while_beginning(self, num: int, plan: Mapping[int, Sequence[str]], crash: Fault, deleted: int) -> None:
        self.delete_lines(deleted)
        self.make(num, 1, weather=Weather(plan, crash=crash))

    @rule(num=NUMS, concurrency=CONCURRENCIES, plan=PLANS, calls=st.integers(0, 6), deleted=DELETED)
    def has_a_budget(
        self, *, num: int, concurrency: int, plan: Mapping[int, Sequence[str]], calls: int, deleted: int
    ) -> None:
        """I6: what the run may cost is never passed, because every call costs the same."""
        if self.era.crashed:
            return
        self.delete_lines(deleted)
        has_cost = any(call.number in self.era.recorded and call.kind.has_usage for call in self.era.calls)
        budget = (self.era.booked + calls + Decimal("0.5")) * COST
        run = self.make(num, concurrency, "--budget", str(budget), weather=Weather(plan))
        if has_cost:  # otherwise one call at a time is sent until the cost of one is known
            assert sum(call.kind.entry is not None for call in run.calls) <= calls

    @rule(
        flags=st.sampled_from([("--seed", "7"), ("--temperature", "0.5"), ("--model", "other"), ("--save-metadata",)])
    )
    def is_refused_with_other_settings(self, flags: tuple[str, ...]) -> None:
        if self.era.lines:
            self.refused(*flags)

    @rule(tampering=st.sampled_from(["emptied", "deleted", "without its journal", "damaged in the middle"]))
    def is_refused_after(self, tampering: str) -> None:
        if not self.has_lines:
            return
        output, journal = self.paths.output, self.paths.journal
        before = {path: path.read_bytes() for path in (output, journal)}
        match tampering:
            case "emptied":
                output.write_bytes(b"")
            case "deleted":
                output.unlink()
            case "without its journal":
                journal.unlink()
            case _:
                output.write_bytes(b"[{,\n" + before[output])
        self.refused()
        for path, content in before.items():
            path.write_bytes(content)

    @rule(
        chance=CHANCES,
        style=st.sampled_from(["as it is", "spaces", "escapes", "CRLF", "without the last newline"]),
        goes_on=st.booleans(),
    )
    def is_edited(self, *, chance: int, style: str, goes_on: bool) -> None:
        """Lines are deleted, shuffled and rewritten."""
        if not self.has_lines:
            return
        lines, random = self.paths.output.read_text().splitlines(), Random(chance)
        order = random.sample(range(len(lines)), random.randint(1, len(lines)))
        content = "".join(f"{lines[place]}\n" for place in order).encode()
        self.paths.output.write_bytes(content if style == "as it is" else reformatted(content, style))
        self.era.lines = [self.era.lines[place] for place in order]
        if goes_on:
            self.make(MOST, 1, weather=Weather())

    def delete_lines(self, number: int) -> None:
        """The first ones, but for one, so that there is something to make."""
        if not self.has_lines:
            return
        number = min(number, len(self.era.lines) - 1)
        lines = self.paths.output.read_bytes().splitlines(keepends=True)
        self.paths.output.write_bytes(b"".join(lines[number:]))
        del self.era.lines[:number]

    @rule(size=st.integers(2, 9))
    def loses_the_end_of_its_last_line(self, size: int) -> None:
        if not self.has_lines or len(self.era.lines) == 1:
            return
        content = self.paths.output.read_bytes().rstrip()
        self.paths.output.write_bytes(content[:-size])
        self.era.lines.pop()
        self.era.torn = True

    @rule(chance=CHANCES, num=NUMS, plan=PLANS, adopts=st.booleans())
    def gets_foreign_lines(
        self,
        *,
        chance: int,
        num: int,
        plan: Mapping[int, Sequence[str]],
        adopts: bool,
    ) -> None:
        """They are refused until they are adopted; so is a line there twice, and one that was made again since."""
        if not self.has_lines:
            return
        before, old, random = self.paths.output.read_bytes(), self.era.lines, Random(chance)
        made = [call.text for call in self.era.calls if call.kind.entry == "done" and call.number in self.era.recorded]
        texts = random.choices([*(f"own {number}" for number in range(3)), *old, *made], k=random.randint(1, 3))
        lines = [*map(line_of, texts), *(f"{line}\n".encode() for line in before.decode().splitlines())]
        now = [*texts, *old]
        places = random.sample(range(len(lines)), len(lines))
        strangers = Counter(now) - self.era.known()
        self.paths.output.write_bytes(b"".join(lines[place] for place in places))
        self.era.lines = [now[place] for place in places]
        if strangers:
            self.refused()
        if adopts or not strangers:
            self.era.kept += strangers
            self.make(num, 2, "--append", weather=Weather(plan))
        else:
            self.paths.output.write_bytes(before)
            self.era.lines = old

    @rule(num=NUMS, plan=PLANS)
    def is_begun_anew(self, num: int, plan: Mapping[int, Sequence[str]]) -> None:
        before = {path.name: path.read_bytes() for path in self.paths.data if path.exists()}
        self.era = Era()
        self.make(num, 2, "--overwrite", weather=Weather(plan))
        for name, content in before.items():
            assert content in [path.read_bytes() for path in self.folder.glob(f"{name}.bak-*")]


# To be reduced, a failure takes longer than a pass.
TestHistories = pytest.mark.timeout(300, method="thread")(Histories.TestCase)
TestHistories.settings = settings(at_most(10), stateful_step_count=12)


class LongHistories(Histories):
    """The same machine, for longer."""


TestLongHistories = pytest.mark.slow(
    pytest.mark.no_cover(pytest.mark.timeout(900, method="thread")(LongHistories.TestCase))
)
TestLongHistories.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
