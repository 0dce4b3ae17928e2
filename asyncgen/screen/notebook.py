"""The progress of a run in a notebook, where one is running: a display that is updated in place."""

import asyncio
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.text import Text

from asyncgen.runs.counts import Counts
from asyncgen.runs.forecast import Pace
from asyncgen.screen.frame import frame

WIDTH = 100  # columns
EVERY = 0.5  # seconds from one update to the next


def notebook_display() -> Callable[[Counts], "NotebookDisplay"] | None:
    """Makes the display of a run below the cell that asks for it; None where no notebook is running."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None
    handle = ipython.display.display(Text(""), display_id=True)
    return lambda counts: NotebookDisplay(counts, handle.update)


class NotebookDisplay:
    """Shows `counts` while the block runs. `update`: takes what a notebook can show; rich's texts escape themselves."""

    def __init__(self, counts: Counts, update: Callable[[Any], object]) -> None:
        self._counts = counts
        self._update = update
        self._pace = Pace(time.monotonic(), counts.written)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._refresh_regularly(), name="display")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._refresh()

    async def _refresh_regularly(self) -> None:
        while True:
            self._refresh()
            await asyncio.sleep(EVERY)

    def _refresh(self) -> None:
        self._pace.observe(time.monotonic(), self._counts)
        self._update(Text("\n").join(frame(self._counts, self._pace, WIDTH)))
