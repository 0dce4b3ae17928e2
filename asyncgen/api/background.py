"""A run in a thread and an event loop of its own.

So it goes on whatever the caller's loop does, works where one is running already, as in a notebook, and is not torn by
a cancellation that was meant for its caller. The thread is a daemon: a run never keeps a process from ending, and an
output survives that as it survives a kill.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from asyncgen.audit.checked import checked_conversations
from asyncgen.data.verdicts import keep_verdicts
from asyncgen.errors import BudgetSpentError, FatalError, OutOfMemoryError
from asyncgen.output.paths import OutputPaths
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.counts import Counts
from asyncgen.runs.event_loop import event_loop
from asyncgen.runs.events import Event, Retried, Said
from asyncgen.runs.open import opened
from asyncgen.runs.run import Run
from asyncgen.threads import start_thread

log = logging.getLogger("asyncgen")
log.addHandler(logging.NullHandler())  # or Python would print warnings where a program has set up no logging


@dataclass(frozen=True, slots=True)
class Failure:
    """Indices given up for one reason: how many, and what was said of the last one."""

    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has done, and how its output stands.

    `num`: asked for in all; of these `done` are there, `written` by this run, and `pending` are neither there nor given
    up. `failures`: by reason, those that this run has given up; a later run tries them again. `cost`: of this run in US
    dollars, exact, None while that of no call is known; `total_cost`: of all runs of the output. Tokens are this run's.
    """

    output: Path
    num: int
    done: int
    written: int
    pending: int
    failures: Mapping[str, Failure]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: Decimal | None
    total_cost: Decimal | None
    seconds: float

    @property
    def failed(self) -> int:
        return sum(each.count for each in self.failures.values())


class Background:
    """`follow` is called with the run before it begins, in the run's thread, as `on_event` is with all that happens.

    `before_each`: see `Run.execute`. `during`: entered in the run's loop. `on_end`: called in the run's thread, last.
    """

    _newest: ClassVar[dict[Path, "Background"]] = {}  # by output, while it has not ended
    _newest_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        config: GenerateConfig,
        *,
        on_event: Callable[[Event], object] | None,
        follow: Callable[[Run], None] = lambda _: None,
        during: Callable[[Counts], AbstractAsyncContextManager[object]] | None = None,
        before_each: Callable[[], Awaitable[None]] | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._on_event = on_event
        self._follow = follow
        self._during = during
        self._before_each = before_each
        self._on_end = on_end
        self._thread = threading.Thread(target=self._main, name="asyncgen", daemon=True)
        self._lock = threading.Lock()  # of what comes after it
        self._steps = 0
        self._target: tuple[asyncio.AbstractEventLoop, asyncio.Task[object], Run] | None = None
        self.ended = threading.Event()
        self.result: Result | None = None
        self.error: BaseException | None = None
        self._told_badly: BaseException | None = None
        self._path = Path()
        self._earlier: Background | None = None

    def start(self) -> None:
        """An earlier one on the same output that has been told to end is waited for, so that a call can go on.

        Raises OutOfMemoryError when there is no thread for it.
        """
        self._path = OutputPaths.of(self._config.output).output
        with self._newest_lock:
            earlier = self._newest.get(self._path)
            if earlier is None or earlier.is_ending:
                self._newest[self._path] = self
                self._earlier = earlier
        try:
            start_thread(self._thread)
        except OutOfMemoryError:
            self._leave()
            raise

    @property
    def is_ending(self) -> bool:
        return self._steps > 0

    def end(self) -> None:
        """From any thread. The first time the run drains, as after a first Ctrl-C; later calls cancel what is left."""
        with self._lock:
            self._steps += 1
            if self._target is not None:
                loop, task, run = self._target
                loop.call_soon_threadsafe(run.stop.request if self._steps == 1 else task.cancel)

    def outcome(self) -> Result:
        """Once it has ended. Raises what has ended it early."""
        if self.result is None or self.error is not None:
            raise self.error or RuntimeError("the run has not ended")
        return self.result

    def _main(self) -> None:
        try:
            if self._earlier is not None:
                self._earlier.ended.wait()
            with opened(self._config, checked_conversations) as run:
                self._make(run)
            if told := keep_verdicts(self._config, OutputPaths(self._path)):
                log.warning("%s", told)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self.error = error
        self._leave()
        self._on_end()

    def _leave(self) -> None:
        self._earlier = None
        with self._newest_lock:
            if self._newest.get(self._path) is self:
                del self._newest[self._path]
        self.ended.set()

    def _make(self, run: Run) -> None:
        began = time.monotonic()
        run.watch(Said, lambda event: log.warning("%s", event.text))
        run.watch(Retried, lambda event: log.info("retry in %.1f s: %s", event.seconds, event.error))
        self._follow(run)
        if self._on_event is not None:
            for kind in Event.__subclasses__():
                run.watch(kind, lambda event: self._tell(run, event))
        if run.has_work:
            run.check_price()
            if run.counts.account.is_used_up:
                raise BudgetSpentError(run.counts.account.explain_no_room())
            with event_loop() as runner:
                self.error = runner.run(self._execute(run))
        else:
            run.say_nothing_to_do()
        self.result = _sum_up(run, time.monotonic() - began)

    def _tell(self, run: Run, event: Event) -> None:
        """What the caller's function raises ends the run in order, and is raised where the run was begun."""
        try:
            if self._on_event is not None:
                self._on_event(event)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._on_event = None
            self._told_badly = error
            run.stop.request()

    async def _execute(self, run: Run) -> BaseException | None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("not in a task")
        with self._lock:
            self._target = asyncio.get_running_loop(), task, run
            if self._steps:
                run.stop.request()
        error: FatalError | None = None
        try:
            during = None if self._during is None else self._during(run.counts)
            error = await run.execute(during=during, before_each=self._before_each)
        except asyncio.CancelledError:
            if self._steps < 2:  # noqa: PLR2004 - not told to
                raise
        finally:
            with self._lock:
                self._target = None
        return self._told_badly or error


def _sum_up(run: Run, seconds: float) -> Result:
    counts = run.counts
    return Result(
        output=run.output,
        num=counts.num,
        done=counts.done,
        written=counts.written,
        pending=counts.pending,
        failures={
            reason: Failure(count, counts.failure_examples.get(reason, "")) for reason, count in counts.failed.items()
        },
        prompt_tokens=counts.prompt_tokens,
        cached_tokens=counts.cached_tokens,
        completion_tokens=counts.completion_tokens,
        cost=counts.cost,
        total_cost=counts.account.spent,
        seconds=seconds,
    )
