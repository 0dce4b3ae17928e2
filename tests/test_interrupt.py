import asyncio
import os
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field

import pytest
import uvloop

from asyncgen.interrupt import SIGNALS, Interrupts
from asyncgen.stop import Stop

pytestmark = pytest.mark.usefixtures("_handlers_restored")


@dataclass
class Ladder:
    stop: Stop = field(default_factory=Stop)
    said: list[str] = field(default_factory=list)
    restored: int = 0

    def __post_init__(self) -> None:
        self.interrupts = Interrupts(self.stop, grace=30, say=self.said.append, end=self._restore)

    def _restore(self) -> None:
        self.restored += 1


def run(scenario: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario)


async def receive(number: signal.Signals, ladder: Ladder) -> None:
    count = ladder.interrupts.count
    signal.raise_signal(number)
    while ladder.interrupts.count == count:  # noqa: ASYNC110 - the loop's own handler is what is waited for
        await asyncio.sleep(0)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_for_a_drain_and_says_what_the_next_one_does(number: signal.Signals) -> None:
    ladder = Ladder()

    async def scenario() -> None:
        with ladder.interrupts.handled():
            await receive(number, ladder)
            await asyncio.sleep(0)
            assert ladder.stop.is_set()
            assert ladder.stop.error is None

    run(scenario())
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

    run(scenario())
    assert ladder.interrupts.count == 2
    assert "Ctrl-C again ends at once" in ladder.said[1]


def test_the_third_signal_restores_the_terminal_and_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ladder, ended = Ladder(), asyncio.Event()
    statuses: list[int] = []

    def end(status: int) -> None:
        assert ladder.restored == 1
        statuses.append(status)
        ended.set()

    monkeypatch.setattr(os, "_exit", end)

    async def work() -> None:
        with ladder.interrupts.handled():
            try:
                for _ in range(2):
                    await receive(signal.SIGINT, ladder)
                await asyncio.Event().wait()
            finally:
                signal.raise_signal(signal.SIGHUP)
                await ended.wait()

    async def scenario() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(work())

    run(scenario())
    assert statuses == [130]


def test_after_the_block_signals_are_no_longer_ours() -> None:
    async def scenario() -> None:
        with Ladder().interrupts.handled():
            pass
        assert [signal.getsignal(number) for number in SIGNALS] == [
            signal.default_int_handler,
            signal.SIG_DFL,
            signal.SIG_DFL,
        ]

    run(scenario())


def test_a_hang_up_that_nohup_switched_off_stays_off() -> None:
    ladder = Ladder()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def scenario() -> None:
        with ladder.interrupts.handled():
            signal.raise_signal(signal.SIGHUP)
            await receive(signal.SIGTERM, ladder)

    run(scenario())
    assert ladder.interrupts.count == 1
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_after_a_signal_the_end_of_the_run_is_not_disturbed_by_another() -> None:
    async def scenario() -> None:
        ladder = Ladder()
        with ladder.interrupts.handled():
            await receive(signal.SIGINT, ladder)
        signal.raise_signal(signal.SIGINT)

    run(scenario())
