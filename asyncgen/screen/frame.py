"""The counts of a run as rows of a live display, or as one plain line."""

from collections import Counter
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import TypeAlias

from rich.cells import cell_len
from rich.text import Text

from asyncgen.endpoint.body import clean
from asyncgen.money.price import ZERO, format_cost
from asyncgen.runs.counts import Counts
from asyncgen.runs.forecast import Pace
from asyncgen.screen.figures import format_count, format_duration, format_rate
from asyncgen.screen.rows import LABEL_WIDTH, labelled
from asyncgen.text import quantity

MARGIN = 3  # columns left free: the echo of Ctrl-C must not start a new line under the region
TWO_COLUMNS = 130  # columns from which on the rows stand side by side
MIN_BAR = 10  # columns; a shorter bar says nothing
GAP = "   "
MAX_SAID = 2000  # characters of a message; ours bring their advice at the end
MAX_NOTICE = 3  # rows
MAX_EXAMPLES = 5  # reasons of failures that are quoted
NOTICE_STYLE = "bold reverse"  # readable on any theme and without colours


def frame(counts: Counts, pace: Pace, width: int) -> list[Text]:
    """The rows of the live region, none wider than `width` less the margin."""
    width = max(1, width - MARGIN)
    rows = [_bar_row(counts, width), *_notice_rows(counts, pace, width)]
    so_far = f"{format_duration(pace.elapsed)} so far"
    work = [
        _row("speed", [f"{format_rate(pace.rate)}/s", *_time_left(counts, pace), so_far]),
        _row("calls", _call_parts(counts)),
        _row("tokens", token_parts(counts)),
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
        for left, right in zip(work, trouble, strict=True):
            first = left(half)
            first.pad_right(half - first.cell_len)
            rows.append(Text.assemble(first, GAP, right(half)))
    if counts.batches:
        rows.append(_row("batches", batch_parts(counts, pace.now))(width))
    if money := _money_parts(counts):
        rows.append(_row("cost", money)(width))
    if counts.maker:
        rows.append(_row("made by", [clean(counts.maker)])(width))
    latest = " · ".join(clean(value) for value in counts.scenario.values()) or "--"
    rows.append(_cut(labelled("latest", Text(latest)), width))
    return rows


def plain_line(counts: Counts, pace: Pace) -> str:
    """The same in one line without a width, for logs and pipes."""
    parts = [
        f"[{format_duration(pace.elapsed)}] {counts.done:,} / {counts.num:,} {_percent(counts)}",
        f"{format_rate(pace.rate)}/s",
        *_time_left(counts, pace),
        *_call_parts(counts),
        *(f"batches {GAP.join(batch_parts(counts, pace.now))}" for _ in range(min(1, counts.batches))),
        *(f"{label} {breakdown(counter)}" for label, counter in trouble(counts)),
        f"tokens {GAP.join(token_parts(counts))}",
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
        if not counts.in_flight or counts.grace_until <= pace.now:
            return "stopping: what has arrived is being saved"
        left = format_duration(counts.grace_until - pace.now)
        return f"stopping: {left} left for {quantity(counts.in_flight, 'call')} under way"
    if counts.trouble and pace.has_lasting_trouble:
        return clean(counts.trouble)
    if counts.paused_until > pace.now:
        return f"paused {format_duration(counts.paused_until - pace.now)}: rate limited"
    return ""


def _bar_row(counts: Counts, width: int) -> Text:
    """Heavy for what is written, red for what failed, light for the rest: it can be read without colours too."""
    asked = f"{counts.num:,}"
    figures = _fit([f"{f'{counts.done:,}':>{len(asked)}} / {asked}", f"{_percent(counts):>6}"], width)
    room = width - len(figures) - len(GAP)
    if room < MIN_BAR:
        return _cut(Text(figures, style="bold"), width)
    done = _share(counts.done, counts.num, room)
    failed = min(_share(counts.failed.total(), counts.num, room), room - done)
    bar = (("━" * done, "green"), ("━" * failed, "red"), ("─" * (room - done - failed), "dim"))
    return Text.assemble(*bar, GAP, (figures, "bold"))


def _share(part: int, whole: int, width: int) -> int:
    return min(width, part * width // whole) if whole > 0 else width


def _percent(counts: Counts) -> str:
    """Rounded down: 100 % is all of them."""
    return f"{_share(counts.done, counts.num, 1000) / 10:.1f}%"


def _time_left(counts: Counts, pace: Pace) -> list[str]:
    if counts.grace_until is not None or counts.batches:
        return []
    if (start := pace.start) is None:
        return [f"{format_duration(pace.time_left(counts))} left"]
    return [f"starting: {', '.join(f'{limit:,}' for limit in start)}, …" if start else "starting: one call"]


def _call_parts(counts: Counts) -> list[str]:
    limit = "" if counts.limit is None else f" of {counts.limit:,}"
    parts = [f"{counts.in_flight:,}{limit} in flight", f"{counts.waiting:,} waiting"]
    return [*parts, f"{counts.lost:,} lost"] if counts.lost else parts


def batch_parts(counts: Counts, now: float) -> list[str]:
    return [
        f"{counts.batches:,} under way",
        f"{counts.batch_finished:,} of {counts.batch_lines:,} answered",
        f"the oldest {format_duration(max(0.0, now - counts.oldest_batch))} ago",
    ]


def token_parts(counts: Counts) -> list[str]:
    return [
        f"{format_count(counts.prompt_tokens)} in ({int(counts.cached_share * 1000) / 10:.1f}% cached)",
        f"{format_count(counts.completion_tokens)} out",
    ]


def trouble(counts: Counts) -> list[tuple[str, Counter[str]]]:
    """What went wrong, for where there is no need to say that nothing did."""
    rows = [("failed", counts.failed), ("retries", counts.retries), ("re-asks", counts.reasked)]
    return [(label, counter) for label, counter in rows if counter.total()]


def _money_parts(counts: Counts) -> list[str]:
    """What all runs have cost, what they will, and what that leaves; empty where nothing is paid for."""
    account = counts.account
    parts = [spent] if (spent := account.describe_spent()) else []
    if estimate := account.forecast.expect(account.spent or ZERO, max(0, counts.pending)):
        parts.append(f"{format_cost(estimate.total)} ± {format_cost(estimate.margin)} in the end")
    return parts + budget_parts(counts) + saved_parts(counts)


def budget_parts(counts: Counts) -> list[str]:
    account = counts.account
    if account.limit is None or account.left is None:
        return []
    return [f"{format_cost(account.left)} left of {format_cost(account.limit)}"]


def saved_parts(counts: Counts) -> list[str]:
    saved = counts.account.saved_by_caching
    return [f"{format_cost(saved)} saved by caching"] if saved else []


Row: TypeAlias = Callable[[int], Text]


def _row(label: str, parts: Sequence[str]) -> Row:
    return lambda width: _cut(labelled(label, Text(_fit(parts, width - LABEL_WIDTH))), width)


def _breakdown_row(label: str, counter: Counter[str], style: str = "") -> Row:
    style = style if counter.total() else "dim"
    return lambda width: _cut(labelled(label, Text(breakdown(counter, width - LABEL_WIDTH), style=style)), width)


def _fit(parts: Sequence[str], width: int) -> str:
    """As many of the parts as fit, and the first in any case."""
    shown = list(parts)
    while len(shown) > 1 and len(GAP.join(shown)) > width:
        shown.pop()
    return GAP.join(shown)


def breakdown(counter: Counter[str], width: int | None = None) -> str:
    """The total and the reasons, the most frequent first, as many as fit."""
    reasons = [f"{number:,} {clean(reason)}" for reason, number in counter.most_common() if number]
    total, everything = f"{counter.total():,}", ", ".join(reasons)
    choices = [f"{total}: {everything}"] if len(reasons) > 1 else []
    choices += [everything] if reasons else []
    choices += [f"{total}: {', '.join(reasons[:shown])}, …" for shown in range(len(reasons) - 1, 0, -1)]
    return next((each for each in choices if width is None or cell_len(each) <= width), total)


def _cut(row: Text, width: int) -> Text:
    row.truncate(width, overflow="ellipsis")
    return row
