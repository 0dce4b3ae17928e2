"""How a run looks while it works and when it ends: the counts, drawn with rich, on a terminal and off it.

The live region is redrawn here and not by rich's Live, which hides the cursor (a kill -9 cannot give it back), leaves
remains when the window shrinks, and draws over the shell after Ctrl-Z and `bg`. Rows are cut to the width before they
are printed, so that the region's height is known. Nothing here raises into the run: a broken terminal is ignored.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Self, TextIO

from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from asyncgen.endpoint.body import clean
from asyncgen.runs.counts import Counts
from asyncgen.runs.forecast import Pace
from asyncgen.screen.frame import MAX_SAID, frame, plain_line
from asyncgen.screen.printer import Printer, make_console
from asyncgen.screen.summary import Summary, print_summary
from asyncgen.timings import USUAL, Timings

MAX_UNSAID = 100  # messages kept while the terminal takes none


class Display:
    """Shows `counts` while the block runs; `say` and `restore` may be called at any time, before and after it too.

    `quiet` leaves out the progress, not what is said. `width` stands for the terminal's own, for tests and pictures.
    """

    def __init__(
        self,
        counts: Counts,
        *,
        stream: TextIO | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        width: int | None = None,
        timings: Timings = USUAL,
    ) -> None:
        self._counts = counts
        self._timings = timings
        self._output = Printer(sys.stderr if stream is None else stream)
        self._console = make_console(self._output, width)
        self._is_live = self._output.isatty() and self._console.is_interactive
        self._quiet = quiet
        self._clock = clock
        self._pace = Pace(clock(), counts.written)
        self._task: asyncio.Task[None] | None = None
        # Under `timeout` it is never in the foreground, and nobody else uses the terminal.
        self._can_lose_foreground = self._output.is_in_foreground()
        self._is_open = False
        self._drawn: list[int] = []
        self._unsaid: deque[Text] = deque(maxlen=MAX_UNSAID)

    async def __aenter__(self) -> Self:
        self._pace = Pace(self._clock(), self._counts.written)
        self._is_open = not self._quiet
        self._task = asyncio.create_task(self._refresh_regularly(), name="display")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()  # a bug in drawing shows its trace, once the run is over

    async def _refresh_regularly(self) -> None:
        if self._is_live:
            self.refresh()
        frame = self._timings.frame
        frames_per_line = 1 if self._is_live else max(1, round(self._timings.plain_line / frame))
        for tick in count(1):
            await asyncio.sleep(frame)
            if self._is_open and tick % frames_per_line == 0:
                self.refresh()
            else:
                self._look()

    def _look(self) -> None:
        self._pace.observe(self._clock(), self._counts)
        if self._unsaid and not self._output.backlog:
            self._draw()

    def refresh(self) -> None:
        """Show the counts as they are now, unless what was shown before is not taken yet."""
        if not self._is_open:
            return
        self._look()
        if self._output.backlog:
            return
        if self._is_live:
            self._draw()
        else:
            self._console.print(Text(plain_line(self._counts, self._pace)), soft_wrap=True)

    def say(self, text: str, *, is_in_frame: bool = False) -> None:
        """A line above the live region; parts of it may be untrusted. Shown once the terminal takes it.

        `is_in_frame`: a live region says it itself.
        """
        if is_in_frame and self._is_live and self._is_open:
            return
        self._unsaid.append(Text(clean(text, MAX_SAID)))
        if self._task is None or not self._output.backlog:
            self._draw()

    def restore(self) -> None:
        """Give the terminal back: the live region is gone and does not return."""
        if self._is_open or self._unsaid:
            self._is_open = False
            self._draw()

    def time_left(self) -> float | None:
        """The forecast as it is, or was when the run began to end."""
        return self._pace.time_left(self._counts)

    def conclude(self, summary: "Summary", *, quiet: bool) -> None:
        """The last words, where everything else was said."""
        self.restore()
        print_summary(summary, self._output, quiet=quiet)

    def drain(self, timeout: float | None = None) -> None:
        """Block until all is shown, for so many seconds at most."""
        self._output.drain(timeout)

    async def drained(self) -> None:
        """Wait until all is shown."""
        while self._output.backlog:
            await self._output.moved()

    def _draw(self) -> None:
        """What is to be said, and the live region over the last one, in one write, which does not flicker."""
        said = [*self._unsaid]
        self._unsaid.clear()
        if not self._is_live:
            for line in said:
                self._console.print(line, soft_wrap=True)
            return
        size = self._console.size
        above = [row for line in said for row in line.wrap(self._console, size.width)]
        is_drawable = self._output.is_in_foreground() or not self._can_lose_foreground
        rows: list[Text] = []
        if self._is_open and is_drawable:
            rows = frame(self._counts, self._pace, size.width)[: size.height - 1]
        # The cursor is at the end of the last row, and a narrowed terminal has wrapped them.
        height = sum(max(1, -(-cells // size.width)) for cells in self._drawn) if is_drawable else 0
        line_up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        first = (ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)) if height else ()
        erased = Control(*first, *line_up * (height - 1))
        self._drawn = [row.cell_len for row in rows]
        lines = Text("\n").join([*above, Text("\n").join(rows)])
        self._console.print(erased, lines, end="", no_wrap=True, overflow="ignore", crop=False)
