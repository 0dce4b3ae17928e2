import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Coroutine
from dataclasses import dataclass, field

import pytest
import uvloop

from asyncgen.runs.interrupt import SIGNALS, Interrupts
from asyncgen.stop import Stop

pytestmark = pytest.mark.usefixtures("_handlers_restored")

TIMEOUT = 20


@dataclass
class Ladder:
    stop: Stop = field(default_factory=Stop)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.interrupts = Interrupts(self.stop, grace=30, say=self.said.append, end=lambda: None)


def run(scenario: Coroutine[object, object, None], ladder: Ladder) -> None:
    with ladder.interrupts.received(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario)


async def receive(number: signal.Signals, ladder: Ladder) -> None:
    said = len(ladder.said)
    os.kill(os.getpid(), number)
    while len(ladder.said) == said:  # noqa: ASYNC110 - another thread is what is waited for
        await asyncio.sleep(0)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_for_a_drain_and_says_what_the_next_one_does(number: signal.Signals) -> None:
    ladder = Ladder()

    async def scenario() -> None:
        with ladder.interrupts.handled():
            await receive(number, ladder)
            assert ladder.stop.is_set()
            assert ladder.stop.error is None

    run(scenario(), ladder)
    (said,) = ladder.said
    assert "30 s" in said
    assert "Ctrl-C again cancels them" in said


def test_the_second_signal_of_any_kind_cancels_the_task_of_the_block() -> None:
    ladder = Ladder()

    async def work() -> None:
        with ladder.interrupts.handled():
            await receive(signal.SIGTERM, ladder)
            await receive(signal.SIGINT, ladder)
            await asyncio.Event().wait()

    async def scenario() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(work())

    run(scenario(), ladder)
    assert ladder.interrupts.count == 2
    assert "Ctrl-C again ends at once" in ladder.said[1]


def test_a_hang_up_that_was_switched_off_stays_off() -> None:
    ladder = Ladder()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def scenario() -> None:
        with ladder.interrupts.handled():
            signal.raise_signal(signal.SIGHUP)
            await receive(signal.SIGTERM, ladder)

    run(scenario(), ladder)
    assert ladder.interrupts.count == 1


def test_without_a_signal_the_handlers_are_as_before() -> None:
    ladder = Ladder()
    handlers = [signal.signal(number, lambda *_: None) for number in SIGNALS]
    before = [signal.getsignal(number) for number in SIGNALS]

    async def scenario() -> None:
        with ladder.interrupts.handled():
            pass

    run(scenario(), ladder)
    assert handlers
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not set(SIGNALS) & signal.pthread_sigmask(signal.SIG_BLOCK, ())


# ---- the last resort, in a process that may be ended

PROGRAM = """
import asyncio, contextlib, os, sys, uvloop
from asyncgen.runs.interrupt import Interrupts
from asyncgen.stop import Stop

def tell(text):
    print(text, flush=True)

def hang():
    '''In the system, where no handler of Python's runs, as on a disk that does not answer.'''
    tell("hangs")
    os.read(os.pipe()[0], 1)

def end():
    tell("last words")

async def hang_at_work():
    with interrupts.handled():
        hang()

async def be_stubborn():
    with interrupts.handled():
        tell("works")
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

interrupts = Interrupts(Stop(), grace=30, say=tell, end=end)
with interrupts.received(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
"""


def meet(body: str, *steps: str) -> tuple[int, str]:
    """Run `body` in the two blocks; at each line that begins with a step, one more signal. Status and last output."""
    command = [sys.executable, "-c", PROGRAM + textwrap.indent(textwrap.dedent(body), "    ")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for number, step in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), steps, strict=False):
            while not (line := process.stdout.readline()).startswith(step):
                assert line, f"{step!r} never came"
            process.send_signal(number)
        rest = process.communicate(timeout=TIMEOUT)[0]
    return process.returncode, rest


def test_the_third_signal_says_the_last_words_and_ends_at_once() -> None:
    status, rest = meet("runner.run(be_stubborn())", "works", "Stopping", "Cancelling")
    assert (status, rest) == (130, "last words\n")


def test_the_third_signal_ends_a_process_whose_loop_hangs() -> None:
    """The first two have not even been looked at."""
    command = [sys.executable, "-c", PROGRAM + "    runner.run(hang_at_work())"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "hangs\n":
            pass
        for number in SIGNALS:  # three of a kind might arrive as one
            process.send_signal(number)
        rest = process.communicate(timeout=TIMEOUT)[0]
    assert (process.returncode, rest) == (130, "last words\n")


@pytest.mark.slow
def test_last_words_that_nobody_takes_hold_nothing_up() -> None:
    body = """
    interrupts._end = hang
    runner.run(be_stubborn())
    """
    assert meet(body, "works", "Stopping", "Cancelling")[0] == 130


@pytest.mark.parametrize("before", [("works",), ("works", "Stopping")])
def test_a_signal_ends_a_process_whose_work_is_over_and_whose_loop_hangs_while_it_closes(
    before: tuple[str, ...],
) -> None:
    body = """
    async def drains():
        with interrupts.handled():
            tell("works")
            with contextlib.suppress(asyncio.CancelledError):
                await interrupts._stop.wait()
                if {cancels}:
                    await asyncio.Event().wait()
        asyncio.get_running_loop().run_in_executor(None, hang)
    runner.run(drains())
    """
    assert meet(body.format(cancels=len(before) > 1), *before, "hangs")[0] == 130


def test_a_signal_that_comes_before_the_work_ends_the_process() -> None:
    assert meet("hang()", "hangs") == (130, "")
