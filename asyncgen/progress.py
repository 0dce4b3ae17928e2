"""How a run looks while it works and when it ends: the counts, drawn with rich, on a terminal and off it.

The live region is redrawn here and not by rich's Live, which hides the cursor (a kill -9 cannot give it back), leaves
remains when the window shrinks, and draws over the shell after Ctrl-Z and `bg`. Rows are cut to the width before they
are printed, so that the region's height is known. Nothing here raises into the run: a broken terminal is ignored.
"""

import asyncio
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from textwrap import wrap
from types import TracebackType
from typing import Self, TextIO, TypeAlias, cast

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from asyncgen.body import clean
from asyncgen.counts import Counts
from asyncgen.errors import CUT_OFF_ADVICE, CUT_OFF_REASONS
from asyncgen.forecast import Pace
from asyncgen.money import FREE, ZERO, format_cost
from asyncgen.printable import one_line
from asyncgen.printer import Printer

LIVE_INTERVAL = 0.25  # seconds between two frames; a frame costs about a millisecond of CPU
PLAIN_TICKS = 20  # of these intervals between two lines off a terminal

MARGIN = 3  # columns left free: the echo of Ctrl-C must not start a new line under the region
LABEL_WIDTH = 9  # columns
TWO_COLUMNS = 130  # columns from which on the rows stand side by side
MIN_BAR = 10  # columns; a shorter bar says nothing
GAP = "   "
COPIED = {"output", "next"}  # rows of the summary that no line break of ours may enter
MAX_SAID = 2000  # characters of a message; ours bring their advice at the end
MAX_UNSAID = 100  # messages kept while the terminal takes none
MAX_NOTICE = 3  # rows
MAX_EXAMPLES = 5  # reasons of failures that are quoted

COUNT_UNITS = ((999_950_000, 1e9, "B"), (999_950, 1e6, "M"), (1_000, 1e3, "k"))  # from, size, sign
MAX_DURATION = 100 * 86_400.0  # seconds; a longer guess is no guess
NOTICE_STYLE = "bold reverse"  # readable on any theme and without colours


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
    ) -> None:
        self._counts = counts
        self._output = Printer(sys.stderr if stream is None else stream)
        self._console = _make_console(self._output, width)
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
        for tick in count(1):
            await asyncio.sleep(LIVE_INTERVAL)
            if self._is_open and (self._is_live or tick % PLAIN_TICKS == 0):
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

    def say(self, text: str) -> None:
        """A line above the live region; parts of it may be untrusted. Shown once the terminal takes it."""
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
        said = [*self._unsaid]
        self._unsaid.clear()
        if self._is_live:
            self._redraw(*(row for line in said for row in line.wrap(self._console, self._console.width)))
        else:
            for line in said:
                self._console.print(line, soft_wrap=True)

    def _redraw(self, *above: Text) -> None:
        """Print `above` and the live region over the last one, in one write, which does not flicker."""
        size = self._console.size
        is_drawable = self._is_live and (self._output.is_in_foreground() or not self._can_lose_foreground)
        rows: list[Text] = []
        if self._is_open and is_drawable:
            rows = frame(self._counts, self._pace, size.width)[: size.height - 1]
        erased = _erase(self._drawn if is_drawable else (), size.width)
        self._drawn = [row.cell_len for row in rows]
        lines = Text("\n").join([*above, Text("\n").join(rows)])
        self._console.print(erased, lines, end="", no_wrap=True, overflow="ignore", crop=False)


def _erase(drawn: Sequence[int], width: int) -> Control:
    """Erase rows of these widths, the cursor being at the end of the last; a narrowed terminal has wrapped them."""
    height = sum(max(1, -(-cells // width)) for cells in drawn)
    if not height:
        return Control()
    line_up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
    return Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *line_up * (height - 1))


# ---- a frame


def frame(counts: Counts, pace: Pace, width: int) -> list[Text]:
    """The rows of the live region, none wider than `width` less the margin."""
    width = max(1, width - MARGIN)
    rows = [_bar_row(counts, width), *_notice_rows(counts, pace, width)]
    work = [
        _row("speed", _speed_parts(counts, pace)),
        _row("calls", _call_parts(counts)),
        _row("tokens", _token_parts(counts)),
    ]
    trouble = [
        _breakdown_row("retries", counts.retries),
        _breakdown_row("re-asks", counts.reasked),
        _breakdown_row("failed", counts.failed, style="red"),
    ]
    if width < TWO_COLUMNS:
        rows += [row(width) for row in work + trouble]
    else:
        half = (width - len(GAP)) // 2
        rows += [_side_by_side(left(half), right(half), half) for left, right in zip(work, trouble, strict=True)]
    if money := _money_parts(counts):
        rows.append(_row("cost", money)(width))
    if counts.maker:
        rows.append(_row("made by", [clean(counts.maker)])(width))
    rows.append(_cut(_labelled("latest", Text(_describe(counts.scenario))), width))
    return rows


def plain_line(counts: Counts, pace: Pace) -> str:
    """The same in one line without a width, for logs and pipes."""
    parts = [
        f"[{format_duration(pace.elapsed)}] {counts.done:,} / {counts.num:,} {_percent(counts)}",
        f"{format_rate(pace.rate)}/s",
        *_time_left(counts, pace),
        *_call_parts(counts),
        *(f"{label} {_breakdown(counter)}" for label, counter in _trouble(counts)),
        f"tokens {GAP.join(_token_parts(counts))}",
        *(f"cost {GAP.join(money)}" for money in [_money_parts(counts)] if money),
        *(f"! {notice}" for notice in [_notice(counts, pace)] if notice),
    ]
    return GAP.join(parts)


def _notice_rows(counts: Counts, pace: Pace, width: int) -> list[Text]:
    notice = _notice(counts, pace)
    if not notice:
        return []
    lines = wrap(f"! {notice}", width, subsequent_indent="  ", break_on_hyphens=False) if width > MIN_BAR else [notice]
    shown = [*lines[: MAX_NOTICE - 1], " ".join(lines[MAX_NOTICE - 1 :])] if len(lines) > MAX_NOTICE else lines
    return [_cut(Text(line, style=NOTICE_STYLE), width) for line in shown]


def _notice(counts: Counts, pace: Pace) -> str:
    if counts.notice:
        return clean(counts.notice)
    if counts.grace_until is not None:
        return _countdown(counts, counts.grace_until - pace.now)
    if counts.trouble and pace.has_lasting_trouble:
        return clean(counts.trouble)
    if counts.paused_until > pace.now:
        return f"paused {format_duration(counts.paused_until - pace.now)}: rate limited"
    return ""


def _countdown(counts: Counts, seconds: float) -> str:
    if counts.in_flight and seconds > 0:
        calls = "call" if counts.in_flight == 1 else "calls"
        return f"stopping: {format_duration(seconds)} left for {counts.in_flight:,} {calls} under way"
    return "stopping: what has arrived is being saved"


def _bar_row(counts: Counts, width: int) -> Text:
    asked = f"{counts.num:,}"
    figures = _fit([f"{f'{counts.done:,}':>{len(asked)}} / {asked}", f"{_percent(counts):>6}"], width)
    room = width - len(figures) - len(GAP)
    if room < MIN_BAR:
        return _cut(Text(figures, style="bold"), width)
    return Text.assemble(_bar(counts, room), GAP, (figures, "bold"))


def _bar(counts: Counts, width: int) -> Text:
    """Heavy for what is written, red for what failed, light for the rest: it can be read without colours too."""
    done = _share(counts.done, counts.num, width)
    failed = min(_share(counts.failed.total(), counts.num, width), width - done)
    return Text.assemble(("━" * done, "green"), ("━" * failed, "red"), ("─" * (width - done - failed), "dim"))


def _share(part: int, whole: int, width: int) -> int:
    return min(width, part * width // whole) if whole > 0 else width


def _percent(counts: Counts) -> str:
    """Rounded down: 100 % is all of them."""
    return f"{_share(counts.done, counts.num, 1000) / 10:.1f}%"


def _speed_parts(counts: Counts, pace: Pace) -> list[str]:
    return [f"{format_rate(pace.rate)}/s", *_time_left(counts, pace), f"{format_duration(pace.elapsed)} so far"]


def _time_left(counts: Counts, pace: Pace) -> list[str]:
    if counts.grace_until is not None:
        return []
    if (start := pace.start) is None:
        return [f"{format_duration(pace.time_left(counts))} left"]
    return [f"starting: {', '.join(f'{limit:,}' for limit in start)}, …" if start else "starting: one call"]


def _call_parts(counts: Counts) -> list[str]:
    limit = "" if counts.limit is None else f" of {counts.limit:,}"
    parts = [f"{counts.in_flight:,}{limit} in flight", f"{counts.waiting:,} waiting"]
    return [*parts, f"{counts.lost:,} lost"] if counts.lost else parts


def _token_parts(counts: Counts) -> list[str]:
    return [
        f"{format_count(counts.prompt_tokens)} in ({int(counts.cached_share * 1000) / 10:.1f}% cached)",
        f"{format_count(counts.completion_tokens)} out",
    ]


def _trouble(counts: Counts) -> list[tuple[str, Counter[str]]]:
    """What went wrong, for where there is no need to say that nothing did."""
    rows = [("failed", counts.failed), ("retries", counts.retries), ("re-asks", counts.reasked)]
    return [(label, counter) for label, counter in rows if counter.total()]


def _money_parts(counts: Counts) -> list[str]:
    """What all runs have cost, what they will, and what that leaves; empty where nothing is paid for."""
    account = counts.account
    parts = [spent] if (spent := account.describe_spent()) else []
    if estimate := account.forecast.expect(account.spent or ZERO, max(0, counts.pending)):
        parts.append(f"{format_cost(estimate.total)} ± {format_cost(estimate.margin)} in the end")
    return parts + _budget_parts(counts) + _saved_parts(counts)


def _budget_parts(counts: Counts) -> list[str]:
    account = counts.account
    if account.limit is None or account.left is None:
        return []
    return [f"{format_cost(account.left)} left of {format_cost(account.limit)}"]


def _saved_parts(counts: Counts) -> list[str]:
    return [f"{format_cost(counts.saved)} saved by caching"] if counts.saved else []


Row: TypeAlias = Callable[[int], Text]


def _row(label: str, parts: Sequence[str]) -> Row:
    return lambda width: _cut(_labelled(label, Text(_fit(parts, width - LABEL_WIDTH))), width)


def _breakdown_row(label: str, counter: Counter[str], style: str = "") -> Row:
    style = style if counter.total() else "dim"
    return lambda width: _cut(_labelled(label, Text(_breakdown(counter, width - LABEL_WIDTH), style=style)), width)


def _fit(parts: Sequence[str], width: int) -> str:
    """As many of the parts as fit, and the first in any case."""
    shown = list(parts)
    while len(shown) > 1 and len(GAP.join(shown)) > width:
        shown.pop()
    return GAP.join(shown)


def _breakdown(counter: Counter[str], width: int | None = None) -> str:
    """The total and the reasons, the most frequent first, as many as fit."""
    reasons = [f"{number:,} {clean(reason)}" for reason, number in counter.most_common() if number]
    total, everything = f"{counter.total():,}", ", ".join(reasons)
    choices = [f"{total}: {everything}"] if len(reasons) > 1 else []
    choices += [everything] if reasons else []
    choices += [f"{total}: {', '.join(reasons[:shown])}, …" for shown in range(len(reasons) - 1, 0, -1)]
    return next((each for each in choices if width is None or cell_len(each) <= width), total)


def _describe(scenario: Mapping[str, str]) -> str:
    return " · ".join(clean(value) for value in scenario.values()) or "--"


def _labelled(label: str, value: Text) -> Text:
    return Text.assemble((f"{label:<{LABEL_WIDTH}}", "dim"), value)


def _side_by_side(left: Text, right: Text, width: int) -> Text:
    left.pad_right(width - left.cell_len)
    return Text.assemble(left, GAP, right)


def _cut(row: Text, width: int) -> Text:
    row.truncate(width, overflow="ellipsis")
    return row


# ---- the end


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told when a run ends; `seconds` is of this run."""

    headline: str
    output: Path
    counts: Counts
    next_commands: Sequence[str]
    seconds: float
    pending: int
    time_left: float | None = None


def print_summary(summary: Summary, output: Printer, *, quiet: bool = False) -> None:
    """The headline and a row for everything there is to tell; `quiet` keeps the headline and how to go on."""
    console = _make_console(output)
    is_terminal = output.isatty()
    is_good = not summary.pending and not summary.counts.failed.total()
    headline = Text(clean(summary.headline, MAX_SAID), style="bold green" if is_good else "bold")
    console.print(headline, soft_wrap=not is_terminal)
    previous = ""
    for label, text in _summary_rows(summary):
        if quiet and label != "next":
            continue
        value = Text(text)
        if is_terminal and label not in COPIED:
            lines = value.wrap(console, max(1, console.width - LABEL_WIDTH))
            value = Text("\n" + " " * LABEL_WIDTH).join(lines)
        console.print(_labelled("" if label == previous else label, value), soft_wrap=True)
        previous = label


def _summary_rows(summary: Summary) -> Iterator[tuple[str, str]]:
    """Labels and texts; further rows of the same label belong together."""
    counts = summary.counts
    yield "output", one_line(str(summary.output))
    work = [f"{counts.done:,} / {counts.num:,}", f"{counts.written:,} in this run", format_duration(summary.seconds)]
    if counts.written and summary.seconds > 0:
        work.append(f"{format_rate(counts.written / summary.seconds)}/s")
    yield "written", GAP.join(work)
    if counts.maker:
        yield "made by", clean(counts.maker)
    if summary.pending:
        time_left = f"{GAP}about {format_duration(summary.time_left)} more" if summary.time_left else ""
        yield "pending", f"{summary.pending:,}{time_left}"
    for label, counter in _trouble(counts):
        yield label, _breakdown(counter)
        if counter is counts.failed:
            yield from ((label, example) for example in _examples(counts, summary.headline))
    if counts.lost:
        billed = "" if counts.account.is_free else ", which may have been billed"
        yield "lost", f"{counts.lost:,} calls without an answer{billed}"
    if counts.unrecorded:
        yield "unknown", f"{counts.unrecorded:,} calls that the journal could not be told of: no later sum has them"
    yield "tokens", GAP.join(_token_parts(counts))
    if total := counts.account.describe_spent():
        costs = [] if counts.cost is None else [f"{format_cost(counts.cost)} in this run"]
        costs.append(total if total == FREE else f"{total} in all")
        yield "cost", GAP.join([*costs, *_saved_parts(counts), *_budget_parts(counts)])
    if CUT_OFF_REASONS & counts.failed.keys():
        yield "advice", f"replies were cut off by the token limit: {CUT_OFF_ADVICE}"
    yield from (("next", one_line(command)) for command in summary.next_commands)


def _examples(counts: Counts, headline: str) -> Iterator[str]:
    """What was said the last time, for the most frequent reasons of failures; not what the headline says."""
    for reason, _ in counts.failed.most_common(MAX_EXAMPLES):
        message = counts.failure_examples.get(reason)
        if message and message not in headline:
            yield f"{clean(reason)}: {clean(message)}"


# ---- figures and text


def format_duration(seconds: float | None) -> str:
    if seconds is None or seconds >= MAX_DURATION:
        return "--"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02}h"
    if hours:
        return f"{hours}h {minute:02}m"
    return f"{minutes}m {second:02}s" if minutes else f"{second}s"


def format_rate(rate: float | None) -> str:
    if rate is None:
        return "--"
    return f"{rate:,.1f}" if rate >= 1 else f"{rate:.2f}"


def format_count(number: int) -> str:
    """Three or four figures: 999, 12.3k, 93.4M."""
    for least, size, sign in COUNT_UNITS:
        if number >= least:
            return f"{number / size:,.1f}{sign}"
    return f"{number:,}"


def _make_console(output: Printer, width: int | None = None) -> Console:
    return Console(file=cast("TextIO", output), width=width, markup=False, emoji=False, highlight=False)
