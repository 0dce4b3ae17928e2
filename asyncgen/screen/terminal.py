"""`generate` as a person at a terminal has it: what is shown and said, Ctrl-C, the last words and the exit status."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from decimal import ROUND_UP
from pathlib import Path

from asyncgen.errors import BudgetSpentError, ConfigError, FatalError
from asyncgen.jobs.work import Job
from asyncgen.money.price import CENT
from asyncgen.runs.advice import with_advice
from asyncgen.runs.config import GenerateConfig, raise_budget
from asyncgen.runs.event_loop import in_event_loop
from asyncgen.runs.events import Retried, Said, Written
from asyncgen.runs.interrupt import Interrupts
from asyncgen.runs.open import Beside, conversations, nothing_beside, opened
from asyncgen.runs.run import Run
from asyncgen.screen.chat import Show
from asyncgen.screen.display import Display
from asyncgen.screen.rows import command_line, export_line, plain_console
from asyncgen.screen.summary import Summary
from asyncgen.text import quantity

FINISHED = (0, 3)  # exit statuses of a run that has tried every index
LEFT = 4  # of one that was told not to wait, or to cancel
LAST_WORDS = 1.0  # seconds that a terminal gets to take them when a run ends at once

log = logging.getLogger("asyncgen")


def looking_commands(output: Path) -> list[str]:
    """What one does with a finished output."""
    return [command_line("view", output), command_line("audit", output), export_line(output)]


def generate(
    config: GenerateConfig,
    make_job: Callable[[GenerateConfig], Job] = conversations,
    look_at: Callable[[Path], list[str]] | None = looking_commands,
    beside: Beside = nothing_beside,
) -> int:
    """Make what is missing of `num`; the exit status. Raises ConfigError and FatalError.

    `look_at`: what to type when all is made; None where the caller tells what comes next when every index was tried.
    `beside`: what goes on beside the run.
    """

    def say(text: str) -> None:
        plain_console(stderr=True).print(text, soft_wrap=True)

    with opened(config, make_job, say=say, beside=beside) as run:
        terminal = Terminal(config, run, look_at)
        if not run.has_work:
            return terminal.report_nothing_to_do()
        run.check_price()
        if run.counts.account.is_used_up:
            return terminal.report_budget_spent()
        with terminal.interrupts.received():
            return in_event_loop(terminal.execute())


class Terminal:
    """Follows a run. `interrupts`: what Ctrl-C does to it."""

    def __init__(
        self, config: GenerateConfig, run: Run, look_at: Callable[[Path], list[str]] | None = looking_commands
    ) -> None:
        self._config = config
        self._run = run
        self._look_at = look_at
        # --show prints to the terminal on which a live display would draw.
        self._display = Display(run.counts, quiet=config.quiet or config.show, timings=config.timings)
        self._show = show = Show(run.stop) if config.show else None
        self.interrupts = Interrupts(
            run.stop, grace=config.grace, say=run.say, end=self.end_at_once, calls=lambda: run.counts.in_flight
        )
        self._began = time.monotonic()
        run.watch(Said, self.say)
        run.watch(Retried, lambda event: log.info("retry in %.1f s: %s", event.seconds, event.error))
        if show is not None:
            run.watch(Written, lambda event: show.show(event.lines))

    def say(self, event: Said) -> None:
        log.info("%s", event.text)
        self._display.say(event.text, is_in_frame=event.is_in_frame)

    def report_nothing_to_do(self) -> int:
        self._run.say_nothing_to_do()
        if self._show is not None:
            there = command_line("show", self._run.output)
            self._run.say(f"--show prints what a run makes, and this one makes nothing; what is there: {there}")
        is_all_there = not self._run.counts.pending
        for command in self._looking_commands(0) if is_all_there else [self._config.continue_command]:
            self._run.say(f"next     {command}")
        self._display.drain()
        return 0 if is_all_there else LEFT

    def report_budget_spent(self) -> int:
        """Earlier runs have spent it: nothing is sent, and nothing written."""
        status = self._report(BudgetSpentError(self._run.counts.account.explain_no_room()))
        self._display.drain()
        return status

    async def execute(self) -> int:
        """Run to an end of any kind; the exit status."""
        with self.interrupts.handled():
            try:
                error = await self._execute()
            except BaseException:
                self._display.drain(LAST_WORDS)
                raise
            if self._show is not None:
                with contextlib.suppress(asyncio.CancelledError):  # by a second Ctrl-C: nobody waits for readers then
                    await self._show.close()
                    if missed := self._show.missed:
                        why = "because nobody read on; all is in the output"
                        self._run.say(f"not shown: {quantity(missed, 'conversation')}, {why}")
            status = self._report(error)
            with contextlib.suppress(asyncio.CancelledError):
                await self._display.drained()
            return status

    async def _execute(self) -> FatalError | None:
        """What has ended the run, if it was a fault."""
        try:
            return await self._run.execute(
                during=self._display, before_each=None if self._show is None else self._show.room
            )
        except asyncio.CancelledError:
            if not self.interrupts.count:
                raise
            return self._run.stop.error
        finally:
            self._display.restore()

    def end_at_once(self) -> None:
        self._display.restore()
        self._display.say(f"Ended at once; what was on disk is whole. To go on: {self._config.continue_command}")
        self._display.drain(LAST_WORDS)

    def _report(self, error: FatalError | None) -> int:
        counts, command = self._run.counts, self._config.continue_command
        if error is not None:
            status, headline = error.exit_status, f"Stopped: {error}"
        elif self.interrupts.count:
            status, headline = 130, "Interrupted"
        elif self._config.batching is not None and counts.pending:
            status, headline = LEFT, "Cancelled" if self._config.batching.cancel else "Left: batches run on"
        elif counts.last_failure is None:
            status, headline = 0, "Finished"
        else:
            why = with_advice(counts.last_failure)
            status, headline = 3, f"Finished, but {counts.failed.total():,} failed. The last one: {why}"
        if isinstance(error, BudgetSpentError):
            limit = counts.account.higher_limit(counts.pending) / self._config.share
            command = raise_budget(command, limit.quantize(CENT, ROUND_UP))
        is_told_later = self._look_at is None and status in FINISHED
        summary = Summary(
            headline=headline,
            output=None if is_told_later else self._run.output,
            counts=counts,
            next_commands=[
                *([command] if status and not isinstance(error, ConfigError) and not is_told_later else []),
                *self._looking_commands(status),
            ],
            seconds=time.monotonic() - self._began,
            pending=counts.pending,
            time_left=None if counts.batches else self._display.time_left(),
        )
        log.info("%s", headline)
        self._display.conclude(summary, quiet=self._config.quiet)
        return status

    def _looking_commands(self, status: int) -> list[str]:
        if self._look_at is None or self._config.quiet or status not in FINISHED or not self._run.counts.done:
            return []
        return self._look_at(self._config.output)
