"""`generate` and `run`: what is made, conversation by conversation as it comes to the disk, or all in one call."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack
from weakref import finalize

from asyncgen.api.background import Background, Result
from asyncgen.api.settings import GivenSettings, configure
from asyncgen.audit.rules import find_wrong_names
from asyncgen.conversation import Message
from asyncgen.recipe.load import load_recipe as load
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.tables import Scalar
from asyncgen.recipe.variables import write_value
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.events import Event, Made, Written
from asyncgen.runs.run import Run
from asyncgen.screen.notebook import notebook_display

OnEvent = Callable[[Event], object]


@dataclass(frozen=True, slots=True)
class Generated:
    """A conversation that a run has made and that is on disk.

    `scenario`: what the prompt said, by dimension. `cost`: of all calls for it, in US dollars, exact; None when that of
    one is unknown. `asks`: how often it was asked for.
    """

    index: int
    scenario: Mapping[str, str]
    messages: tuple[Message, ...]
    cost: Decimal | None
    model: str
    finish_reason: str | None
    asks: int


def load_recipe(
    source: str | os.PathLike[str],
    *,
    knowledge: str | os.PathLike[str] | None = None,
    variables: Mapping[str, Scalar] | None = None,
) -> Recipe:
    """The recipe of that name (built-in) or path (a folder, or its recipe.toml).

    `knowledge`: a file in place of the recipe's own; `variables`: values in place of its own. Raises ConfigError with
    file, line, key and what was expected.
    """
    path = None if knowledge is None else Path(knowledge)
    chosen = {name: write_value(each) for name, each in (variables or {}).items()}
    return load(os.fspath(source), knowledge=path, variables=chosen, check_audit=find_wrong_names)


def generate(
    recipe: Recipe | str | os.PathLike[str],
    *,
    on_event: OnEvent | None = None,
    bar: bool = True,
    environment: Mapping[str, str] | None = None,
    **settings: Unpack[GivenSettings],
) -> "Generation":
    """Make what is missing of `num` conversations, and iterate over them in the order in which they come to the disk.

    `on_event`: called in the run's thread with all that happens, in the middle of the work: it should be quick.
    `bar`: progress in a notebook. `environment`: in place of the process's variables and `.env`. Raises ConfigError;
    the iteration raises whatever FatalError ends the run early.
    """
    config = configure(_loaded(recipe), settings, environment)
    return Generation(config, on_event, bar=bar)


def run(
    recipe: Recipe | str | os.PathLike[str],
    *,
    on_event: OnEvent | None = None,
    bar: bool = True,
    environment: Mapping[str, str] | None = None,
    **settings: Unpack[GivenSettings],
) -> Result:
    """Make what is missing of `num` conversations, and return when it is done; also where an event loop is running.

    Takes what `generate` takes. After a KeyboardInterrupt the calls under way get `grace` seconds, after a second one
    they are cancelled; what has arrived is on disk. Raises ConfigError and FatalError.
    """
    config = configure(_loaded(recipe), settings, environment)
    background = Background(config, on_event=on_event, during=notebook_display() if bar else None)
    background.start()
    try:
        background.ended.wait()
    except KeyboardInterrupt:
        while not background.ended.is_set():
            background.end()
            with suppress(KeyboardInterrupt):
                background.ended.wait()
        raise
    return background.outcome()


def _loaded(recipe: Recipe | str | os.PathLike[str]) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


class Generation:
    """An async iterator over what a run makes. The run begins with the first step, and waits for a slow consumer.

    Left early, by `aclose`, by the end of its `async with` block or by a cancellation, the run drains as after a first
    Ctrl-C: calls under way get `grace` seconds, and what has arrived is on disk; a second cancellation cancels them.
    After a bare `break` it drains meanwhile, and the same call goes on when that is over.
    """

    def __init__(self, config: GenerateConfig, on_event: OnEvent | None, *, bar: bool) -> None:
        self._handover = _Handover(config, on_event, bar=bar)
        self._generated = _iterate(self._handover)
        # The loop closes the generator, but later or never, and a call that goes on at once has to find an ending run.
        finalize(self, self._handover.abandon).atexit = False

    @property
    def result(self) -> Result | None:
        """What the run has done, once it is over."""
        background = self._handover.background
        return None if background is None else background.result

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Generated:
        return await anext(self._generated)

    async def aclose(self) -> None:
        await self._generated.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _iterate(handover: "_Handover") -> AsyncGenerator[Generated, None]:
    """A generator, so that the loop closes it when it is left and forgotten."""
    handover.start()
    try:
        while (generated := await handover.take()) is not None:
            yield generated
    except BaseException as error:  # it is left early: closed, or cancelled
        await handover.end(cancelled=isinstance(error, asyncio.CancelledError))
        raise
    handover.outcome()


class _Handover:
    """From the run's thread to the loop of whoever iterates: conversations one way, room for more the other."""

    def __init__(self, config: GenerateConfig, on_event: OnEvent | None, *, bar: bool) -> None:
        self._config = config
        self._on_event = on_event
        self._bar = bar
        self._most = config.plan.concurrency  # that wait for their consumer before the run does
        self._made: deque[Made] = deque()  # on their way to the disk
        self._written: deque[Made] = deque()
        self._news = asyncio.Event()  # of the consumer's loop
        self._space = asyncio.Event()  # of the run's
        self._consumer: asyncio.AbstractEventLoop | None = None
        self._maker: asyncio.AbstractEventLoop | None = None
        self._run: Run | None = None
        self._is_left = False
        self.background: Background | None = None

    # ---- where they are consumed

    def start(self) -> None:
        self._consumer = asyncio.get_running_loop()
        self.background = Background(
            self._config,
            on_event=self._on_event,
            follow=self._follow,
            during=notebook_display() if self._bar else None,
            before_each=self._wait_for_space,
            on_end=self._tell,
        )
        self.background.start()

    async def take(self) -> Generated | None:
        """The next one; None when there is no more."""
        while not self._written:
            self._news.clear()
            if self._is_over and not self._written:
                return None
            if not self._written:
                await self._news.wait()
        made = self._written.popleft()
        if len(self._written) == self._most - 1 and self._maker is not None:
            with suppress(RuntimeError):  # it has ended this moment
                self._maker.call_soon_threadsafe(self._space.set)
        return Generated(
            made.index, made.values, made.conversation, made.cost, made.model, made.finish_reason, made.asks
        )

    def leave(self) -> None:
        """Nobody iterates any more."""
        if self.background is not None and not self._is_left:
            self._is_left = True
            self.background.end()

    def abandon(self) -> None:
        """It is forgotten: then nobody awaits the end of the run but a loop that is about to be closed."""
        self.leave()
        if self.background is None or self._consumer is None or self._is_over:
            return
        with suppress(RuntimeError):  # no loop is running here
            if asyncio.get_running_loop() is self._consumer:
                self._consumer.run_in_executor(None, self.background.ended.wait)

    async def end(self, *, cancelled: bool) -> None:
        """Return when the run has ended; a second cancellation hurries it. `cancelled`: there was a first one."""
        self.leave()
        again: asyncio.CancelledError | None = None
        while not self._is_over:
            self._news.clear()
            try:
                if not self._is_over:
                    await self._news.wait()
            except asyncio.CancelledError as error:
                if self.background is not None and (cancelled or again is not None):
                    self.background.end()
                again = error
        if again is not None:
            raise again

    def outcome(self) -> None:
        if self.background is not None:
            self.background.outcome()

    @property
    def _is_over(self) -> bool:
        return self.background is None or self.background.ended.is_set()

    # ---- where they are made

    def _follow(self, run: Run) -> None:
        self._run = run
        run.watch(Made, self._made.append)
        run.watch(Written, self._hand_over)
        run.stop.when_requested(self._space.set)

    def _hand_over(self, event: Written) -> None:
        self._written.extend([self._made.popleft() for _ in event.lines])
        self._tell()

    def _tell(self) -> None:
        if self._consumer is not None:
            with suppress(RuntimeError):  # it is closed, and nobody waits
                self._consumer.call_soon_threadsafe(self._news.set)

    async def _wait_for_space(self) -> None:
        self._maker = asyncio.get_running_loop()
        while self._run is not None and not self._run.stop.is_set() and len(self._written) >= self._most:
            self._space.clear()
            if len(self._written) >= self._most:
                await self._space.wait()
