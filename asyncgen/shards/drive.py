"""All shards of a plan, made by an engine that runs command lines wherever it has room.

The driver only starts and looks: how far a shard is, its journal says. So it may be killed, and started again.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from asyncgen import __version__
from asyncgen.shards.child import Order
from asyncgen.shards.crew import Crew, End
from asyncgen.shards.places import Shards
from asyncgen.shards.plan import ShardFolder, ShardPlan
from asyncgen.shards.status import ShardsWatch
from asyncgen.text import quantity

WAIT = 2.0  # seconds from one look at the engine to the next
LOOK = 2.0  # seconds from one look at the shards to the next, unless looking has a price


def order_of(number: int, shards: Shards, plan: ShardPlan, words: Sequence[str], command: str) -> Order:
    """What makes a shard from the folder where this is. `words`: what is to stand instead of what was planned."""
    shard = ("generate", "--shard", f"{number}/{len(plan)}", "-o", str(shards.stem), "--quiet")
    is_shared = isinstance(shards, ShardFolder)
    return Order(__version__, (*shard, *words), str(Path.cwd()), command, is_shared=is_shared)


class Engine(Protocol):
    def start(self, number: int, order: Order) -> None: ...

    def wait(self, seconds: float) -> Sequence[tuple[int, End]]:
        """Those that have ended since, once there are any or the time is over."""

    def cancel(self, *, at_once: bool = False) -> None:
        """Let all that are under way drain; `at_once`: as if their workers were lost."""


def drive(
    engine: Engine,
    crew: Crew,
    watch: ShardsWatch,
    order: Callable[[int], Order],
    *,
    interrupts: Callable[[], int],
    show: Callable[[], None],
    say: Callable[[str], None],
    every: float = LOOK,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Until all are made. At a fault that they share, or an interrupt, they drain; a further one waits for nothing.

    `interrupts`: how many there were. `every`: seconds from one look at the shards to the next.
    """
    heard: int | None = None  # when the drain began
    due = clock()
    while not crew.is_over:
        for number in crew.start(clock()):
            engine.start(number, order(number))
        show()
        for number, end in engine.wait(WAIT):
            shard = watch.look(number, time.time())
            crew.take(number, end, shard.done, clock())
            if end.is_finished:
                watch.forget(number)
            elif end.is_to_go_on and not crew.is_stopping:
                say(f"{end.tell(number)}; it is gone on with later")
        if clock() >= due:
            due = clock() + every
            for number in crew.under_way:
                watch.look(number, time.time())
        if heard is None and (crew.is_stopping or interrupts()):
            heard, crew.is_stopping = min(interrupts(), 1), True
            engine.cancel()
            say(f"Stopping: {quantity(len(crew.under_way), 'shard')} with calls under way. Ctrl-C leaves at once.")
        elif heard is not None and interrupts() > heard:
            engine.cancel(at_once=True)
            return
