"""How shards come on while a driver has them made: a table that is drawn again, or a line now and then."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rich.console import Console, Group
from rich.live import Live

from asyncgen.output.indices import write_indices
from asyncgen.report.shards import describe_cost, slowest_tables
from asyncgen.screen.figures import format_duration
from asyncgen.screen.rows import command_line, labelled_grid, plain_console, print_copied
from asyncgen.shards.crew import ALL_THERE, INTERRUPTED, SOME_FAILED, STOPPED, USAGE, Crew
from asyncgen.shards.places import Shards
from asyncgen.shards.status import ShardState, ShardsWatch
from asyncgen.text import one_line, quantity

LINE = 30.0  # seconds from one line to the next, where there is no terminal


@dataclass(slots=True)
class CrewDisplay:
    """`nodes`: how many there are and how many were lost."""

    crew: Crew
    watch: ShardsWatch
    nodes: Callable[[], tuple[int, int]]
    clock: Callable[[], float] = time.monotonic
    console: Console = field(default_factory=lambda: plain_console(stderr=True))
    _live: Live | None = None
    _due: float = 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """It leaves nothing behind."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False, transient=True, redirect_stdout=False) as self._live:
            yield
        self._live = None

    def say(self, text: str) -> None:
        self.console.print(one_line(text), soft_wrap=True)

    def show(self) -> None:
        if self._live is not None:
            self._live.update(Group(labelled_grid(self.rows()), *slowest_tables(self.under_way)), refresh=True)
        elif self.clock() >= self._due:
            self._due = self.clock() + LINE
            self.say("; ".join(f"{label} {value}" for label, value in self.rows()))

    @property
    def under_way(self) -> Sequence[ShardState]:
        return [self.watch.shards[number] for number in sorted(self.crew.under_way)]

    def rows(self) -> Iterator[tuple[str, str]]:
        crew, report = self.crew, self.watch.report()
        states = {
            "made": len(crew.made),
            "with failed indices": len(crew.failed),
            "under way": len(crew.under_way),
            "to go on": crew.to_go_on,
            "waiting": len(crew.waiting),
        }
        told = ", ".join(f"{number:,} {state}" for state, number in states.items() if number)
        yield "shards", f"{len(self.watch.shards):,}: {told}"
        yield "done", f"{report.done:,} of {report.num:,}"
        if report.failed:
            yield "failed", f"{report.failed:,}"
        if rate := sum(each.rate or 0.0 for each in self.under_way):
            yield "rate", f"{rate:,.1f} a second, {format_duration(report.pending / rate)} left at that"
        yield "cost", describe_cost(report, is_free=self.watch.is_free)
        there, lost = self.nodes()
        yield "nodes", f"{there:,}" + (f", {lost:,} lost" if lost else "")


def conclude(shards: Shards, crew: Crew, watch: ShardsWatch, command: str, *, was_interrupted: bool) -> int:
    """What came of it, what is missing and what comes next, on stderr; the exit status. `command`: goes on."""
    console, report, fault = plain_console(stderr=True), watch.report(), crew.fault
    missing = [each.number for each in watch.shards if each.number not in crew.made | crew.failed]
    next_command = command
    if fault is not None:
        status, headline = fault.end.status if fault.end.status == USAGE else STOPPED, f"Stopped: {fault.text}"
        next_command = fault.end.command or command
    elif was_interrupted and missing:
        status, headline = INTERRUPTED, "Interrupted"
    elif crew.failed:
        status, headline = SOME_FAILED, f"Finished, but {report.failed:,} failed"
    else:
        status, headline = ALL_THERE, "Finished"
    console.print(one_line(headline), soft_wrap=True)
    rows = {"done": f"{report.done:,} of {report.num:,}", "cost": describe_cost(report, is_free=watch.is_free)}
    if missing:
        rows["missing"] = f"{len(missing):,} of {quantity(len(watch.shards), 'shard')}: {write_indices(missing)}"
    console.print(labelled_grid(rows))
    if status:
        print_copied(console, "next", next_command)
    if not missing:
        target = ("-o", f"{PurePosixPath(shards.stem).name}.jsonl") if isinstance(shards.stem, str) else ()
        print_copied(console, "next", command_line("merge", shards.stem, *target))
    return status
