import asyncio
import contextlib
import io
import os
import re
import termios
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.errors import CUT_OFF_ADVICE
from asyncgen.money.account import Account, Tariff
from asyncgen.money.forecast import Forecast
from asyncgen.money.price import Price
from asyncgen.runs.counts import Counts
from asyncgen.runs.forecast import Pace
from asyncgen.screen.display import Display
from asyncgen.screen.figures import format_count, format_duration, format_rate
from asyncgen.screen.frame import MARGIN, frame, plain_line
from asyncgen.screen.printer import Printer
from asyncgen.screen.summary import Summary, print_summary
from asyncgen.timings import Timings

HOSTILE = (
    "[/x] [link=https://evil.example]here[/link] \x1b]52;c;aGk=\x07 \x1b[2J \x9b31m \u202ereversed\r\nsecond line\u2028"
)
SHOWN = "[/x] [link=https://evil.example]here[/link] ]52;c;aGk="
LONG_TOPIC = f"[/x] [link=https://evil.example] {'how attention works ' * 15}"[:300]

# What may be on a terminal: printable text, new lines, and the codes of colours and of moving within the region.
TOKEN = re.compile(r"\x1b\[(?P<number>[\d;]*)(?P<code>[AKm])|(?P<move>[\r\n])|(?P<text>[^\x00-\x1f\x7f-\x9f]+)")


class Terminal(io.StringIO):
    """A terminal that wraps its rows anew when its width changes, and refuses codes that it has no need of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, width: int, height: int = 50) -> None:
        super().__init__()
        self._height = height
        self.rows = [""]
        self._row = self._column = 0
        self._monkeypatch = monkeypatch
        self.resize(width)

    def isatty(self) -> bool:
        return True

    def resize(self, width: int) -> None:
        self._monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((width, self._height)))
        above = self.rows[: self._row + 1]  # nothing is ever shown below the cursor
        self.rows = [row[at : at + width] for row in above for at in range(0, max(1, len(row)), width)]
        self._row, self._column = len(self.rows) - 1, len(self.rows[-1])
        self._width = width

    def write(self, text: str) -> int:
        at = 0
        while at < len(text):
            token = TOKEN.match(text, at)
            assert token, f"not for a terminal: {text[at : at + 20]!r}"
            self._apply(token)
            at = token.end()
        return len(text)

    def _apply(self, token: re.Match[str]) -> None:
        if token["code"] == "A":
            self._row -= int(token["number"])
            assert self._row >= 0
        elif token["code"] == "K":
            self.rows[self._row] = ""
        elif token["move"] == "\r":
            self._column = 0
        elif token["move"] == "\n":
            self._row, self._column = self._row + 1, 0
            self.rows += [""] * (self._row == len(self.rows))
        elif token["text"]:
            row = self.rows[self._row]
            self.rows[self._row] = row[: self._column].ljust(self._column) + token["text"]
            self._column += len(token["text"])
            assert self._column <= self._width

    def shown(self) -> list[str]:
        return [row for row in self.rows if row]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def mid_run() -> Counts:
    return Counts(
        num=20_000,
        already=5_000,
        written=7_655,
        failed=Counter({"content-filtered": 2, "not-json": 1}),
        in_flight=64,
        sent_sum=64 * 20.0,
        waiting=12,
        retries=Counter({"rate-limited": 1_100, "server-error": 100, "connection": 30}),
        reasked=Counter({"not-json": 8, "charset": 4}),
        lost=2,
        prompt_tokens=93_400_000,
        cached_tokens=91_200_000,
        completion_tokens=18_300_000,
        cost=Decimal("12.34"),
        account=Account(spent=Decimal("30.12")),
        scenario={"topic": "how the tokenizer is trained", "persona": "a journalist", "dynamic": "short 2-turn"},
    )


def well_known_costs() -> Forecast:
    forecast = Forecast()
    for number in range(100):
        forecast.add(Decimal("0.001") if number % 2 else Decimal("0.003"))
    return forecast


def paying() -> Counts:
    """7,342 to come at $0.002, after $25.40 of a budget of $50."""
    counts = mid_run()
    price = Price(input=Decimal("0.0000005"), output=Decimal("0.000003"), cached=Decimal("0.00000005"))
    tariff = Tariff(price, dearest=Decimal(0), cached_tokens=counts.cached_tokens)
    counts.account = Account(Decimal(50), Decimal("25.40"), [tariff], well_known_costs())
    return counts


def waiting() -> Counts:
    return Counts(num=1_000, waiting=256, retries=Counter({"rate-limited": 70_000, "no-answer": 1_234}))


def disk_full() -> Counts:
    counts = mid_run()
    counts.notice = "the disk is full"
    return counts


def finished() -> Counts:
    return Counts(num=1_000_000, already=0, written=1_000_000, completion_tokens=2_000_000_000)


def hostile() -> Counts:
    return Counts(
        num=10,
        failed=Counter({HOSTILE: 1, "[bold]": 2}),
        retries=Counter({HOSTILE: 3}),
        scenario={"topic": HOSTILE, "persona": LONG_TOPIC},
        notice=HOSTILE,
    )


def long_topic() -> Counts:
    counts = mid_run()
    counts.scenario = {"topic": LONG_TOPIC, "persona": "a journalist"}
    return counts


MOMENTS = (mid_run, paying, waiting, disk_full, finished, hostile, long_topic, lambda: Counts(num=0))


def settled_pace() -> Pace:
    """Of a run that has made 10.4 conversations a second for a while."""
    pace = Pace(0, 0)
    for now in range(1, 21):
        pace.observe(now, Counts(num=20_000, written=round(10.4 * now), limit=64, latency=1.0))
    return pace


PACE = settled_pace()


def rows_of(counts: Counts, width: int, pace: Pace = PACE) -> list[str]:
    return [row.plain for row in frame(counts, pace, width)]


def summary_of(counts: Counts, headline: str = "Interrupted", **changes: object) -> Summary:
    values: dict[str, object] = {
        "headline": headline,
        "output": Path("data/nanochat.jsonl"),
        "counts": counts,
        "next_commands": ["make generate N=20000"],
        "seconds": 734.0,
        "pending": counts.pending,
    }
    return Summary(**{**values, **changes})  # type: ignore[arg-type]


def summary_text(summary: Summary, *, quiet: bool = False) -> str:
    stream = io.StringIO()
    print_summary(summary, Printer(stream), quiet=quiet)
    return stream.getvalue()


# ---- frames


def test_a_frame_shows_every_count() -> None:
    bar, *rows = rows_of(mid_run(), 80)
    assert bar.endswith("   12,655 / 20,000    63.2%")
    assert rows == [
        "speed    10.4/s   11m 44s left   20s so far",
        "calls    64 in flight   12 waiting   2 lost",
        "tokens   93.4M in (97.6% cached)   18.3M out",
        "retries  1,230: 1,100 rate-limited, 100 server-error, 30 connection",
        "re-asks  12: 8 not-json, 4 charset",
        "failed   3: 2 content-filtered, 1 not-json",
        "cost     $30.12",
        "latest   how the tokenizer is trained · a journalist · short 2-turn",
    ]


def test_a_wide_frame_puts_the_rows_side_by_side() -> None:
    rows = rows_of(mid_run(), 200)
    assert len(rows) == 6
    assert re.fullmatch(r"speed    10\.4/s .* so far +retries  1,230: .* 30 connection", rows[1])


def test_the_cost_row_foresees_the_total_and_tells_what_is_left_and_saved() -> None:
    row = next(row for row in rows_of(paying(), 120) if row.startswith("cost"))
    assert row == "cost     $25.40   $40.08 ± $1.49 in the end   $24.60 left of $50.00   $41.04 saved by caching"


@each_row(
    ("account", "row"),
    [
        (Account(), None),
        (Account(tariffs=[Tariff(unpriced=3)]), "cost     unknown"),
        (Account(None, Decimal("0.0123"), [Tariff(unpriced=3)]), "cost     at least $0.0123"),
        (Account(limit=Decimal(5)), "cost     $5.00 left of $5.00"),
        (
            Account(Decimal(5), Decimal(3), [Tariff(dearest=Decimal("0.5"), lost=2, unpriced=1)]),
            "cost     at least $3.00   $0.5000 left of $5.00",
        ),
    ],
)
def test_a_cost_that_is_not_known_is_never_told_as_nothing(account: Account, row: str | None) -> None:
    rows = rows_of(Counts(num=10, account=account), 100)
    assert next((each for each in rows if each.startswith("cost")), None) == row


@each_row("width", [40, 60, 80, 200])
@each_row("counts", [moment() for moment in MOMENTS])
def test_no_row_is_wider_than_the_terminal(counts: Counts, width: int) -> None:
    assert all(row.cell_len <= width - MARGIN for row in frame(counts, PACE, width))


@each_row("width", [40, 60, 80, 200])
@each_row("counts", [moment() for moment in MOMENTS])
def test_a_narrow_frame_drops_figures_and_cuts_none(counts: Counts, width: int) -> None:
    whole = set(re.findall(r"[\d.,]*\d[\d.,]*\w*", " ".join(rows_of(counts, 1_000))))
    latest, *figures = reversed(rows_of(counts, width))
    assert latest.startswith("latest")
    assert set(re.findall(r"[\d.,]*\d[\d.,]*\w*", " ".join(row for row in figures if row[0] != "!"))) <= whole


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "1,230: 1,100 rate-limited, 100 server-error, 30 connection"),
        (68, "1,100 rate-limited, 100 server-error, 30 connection"),
        (55, "1,230: 1,100 rate-limited, …"),
        (35, "1,230"),
    ],
)
def test_a_breakdown_keeps_what_fits(width: int, text: str) -> None:
    assert f"retries  {text}" in rows_of(mid_run(), width)


def test_the_bar_is_readable_without_colours() -> None:
    counts = Counts(num=100, written=50, failed=Counter({"not-json": 10}))
    bar = rows_of(counts, 60)[0].split(" ")[0]
    assert bar.count("━") == pytest.approx(0.6 * len(bar), abs=1)
    assert bar == "━" * bar.count("━") + "─" * bar.count("─")


def test_all_but_one_is_not_100_percent() -> None:
    assert "99.9%" in rows_of(Counts(num=20_000, written=19_999), 80)[0]
    assert "100.0%" in rows_of(Counts(num=20_000, written=20_000), 80)[0]


def test_what_holds_the_run_up_stands_right_under_the_bar() -> None:
    assert rows_of(disk_full(), 80)[1] == "! the disk is full"


def test_a_long_topic_is_cut_with_an_ellipsis() -> None:
    assert re.fullmatch(r"latest   \[/x\] \[link=https://evil\.example\] how .*…", rows_of(long_topic(), 80)[-1])


def test_markup_is_shown_and_escapes_are_not() -> None:
    rows = rows_of(hostile(), 400)
    assert rows[-1].startswith(f"latest   {SHOWN}")
    assert rows[1].startswith(f"! {SHOWN}")
    assert all(row.isprintable() for row in rows)


def observed(counts: Counts, *moments: float) -> Pace:
    pace = Pace(0.0, counts.written)
    for moment in moments:
        pace.observe(moment, counts)
    return pace


TROUBLE = (
    "127.0.0.1:8000 refuses the connection: is the server running? Start it, or give another --base-url to this one"
)


def test_why_nothing_is_answered_stands_under_the_bar_after_the_first_seconds() -> None:
    counts = Counts(num=10, trouble=TROUBLE)
    assert rows_of(counts, 200, observed(counts, 0.5, 1.5))[1].startswith("speed")
    assert rows_of(counts, 200, observed(counts, 0.5, 2.5))[1] == f"! {TROUBLE}"
    assert plain_line(counts, observed(counts, 5.0)).endswith(f"   ! {TROUBLE}")


def test_what_the_live_region_tells_itself_is_said_only_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def said(*, quiet: bool) -> list[str]:
        terminal = Terminal(monkeypatch, 200)
        async with Display(Counts(num=10, trouble=TROUBLE), stream=terminal, quiet=quiet) as display:
            await asyncio.sleep(0)
            display.say(TROUBLE, is_in_frame=True)
        return terminal.shown()

    assert asyncio.run(said(quiet=False)) == []
    assert asyncio.run(said(quiet=True)) == [TROUBLE]


def test_a_call_that_fails_while_others_are_answered_is_no_trouble() -> None:
    counts = Counts(num=10, written=1)
    pace = observed(counts, 5.0)
    counts.trouble = TROUBLE
    pace.observe(5.25, counts)
    assert not any(TROUBLE[:9] in row for row in rows_of(counts, 200, pace))


def test_a_long_notice_is_wrapped_at_words() -> None:
    counts = Counts(num=10, trouble=TROUBLE)
    rows = rows_of(counts, 63, observed(counts, 5.0))
    assert rows[1:3] == [
        "! 127.0.0.1:8000 refuses the connection: is the server",
        "  running? Start it, or give another --base-url to this one",
    ]
    counts.trouble = TROUBLE * 9
    assert [row[:2] for row in rows_of(counts, 60, observed(counts, 5.0))[1:5]] == ["! ", "  ", "  ", "sp"]


@pytest.mark.parametrize(
    ("in_flight", "now", "notice"),
    [
        (34, 103.0, "! stopping: 27s left for 34 calls under way"),
        (1, 129.5, "! stopping: 0s left for 1 call under way"),
        (0, 103.0, "! stopping: what has arrived is being saved"),
        (2, 130.5, "! stopping: what has arrived is being saved"),
    ],
)
def test_a_stop_counts_down_what_is_left_for_calls_under_way(in_flight: int, now: float, notice: str) -> None:
    counts = Counts(num=1_000, in_flight=in_flight, grace_until=130.0)
    _, row, speed, *_ = rows_of(counts, 80, observed(counts, now))
    assert row == notice
    assert speed == f"speed    --/s   {format_duration(now)} so far", "no time is left to be told"
    assert notice in plain_line(counts, observed(counts, now))


def test_a_run_that_starts_shows_how_it_grows_in_place_of_a_time() -> None:
    counts = Counts(num=1_000, limit=8, latency=5.0)
    pace = observed(counts, 5.0)
    counts.limit = 35
    pace.observe(6.0, counts)
    assert rows_of(counts, 80, pace)[1] == "speed    --/s   starting: 8, 16, 32, …   6s so far"


def test_who_writes_and_that_it_is_free_are_told() -> None:
    counts = Counts(num=10, maker="the offline engine", account=Account(tariffs=[Tariff(is_free=True)]), lost=2)
    assert rows_of(counts, 80)[-3:] == ["cost     free", "made by  the offline engine", "latest   --"]
    told = {"cost     free", "made by  the offline engine", "lost     2 calls without an answer"}
    assert told <= set(summary_text(summary_of(counts)).splitlines())


@each_row("counts", [moment() for moment in MOMENTS])
def test_a_frame_fits_into_80_by_24(counts: Counts) -> None:
    counts.maker, counts.trouble = "some/model at 127.0.0.1", TROUBLE * 9
    assert len(rows_of(counts, 80, observed(counts, 5.0))) < 24


counters = st.builds(Counter[str], st.dictionaries(st.text(max_size=20), st.integers(0, 10**9), max_size=9))
any_sums = st.decimals(0, 10**9, allow_nan=False)
any_counts = st.builds(
    Counts,
    num=st.integers(0, 10**9),
    already=st.integers(0, 10**9),
    written=st.integers(0, 10**9),
    failed=counters,
    in_flight=st.integers(0, 10**6),
    waiting=st.integers(0, 10**6),
    retries=counters,
    reasked=counters,
    lost=st.integers(0, 10**6),
    prompt_tokens=st.integers(0, 10**15),
    account=st.builds(
        Account,
        limit=st.none() | any_sums,
        spent=st.none() | any_sums,
        tariffs=st.tuples(st.builds(Tariff, unpriced=st.integers(0, 10**6), dearest=st.none() | any_sums)),
    ),
    scenario=st.dictionaries(st.text(max_size=9), st.text(st.characters(), max_size=400), max_size=4),
    notice=st.none() | st.text(st.characters()),
)


@given(any_counts, st.integers(1, 300))
def test_any_counts_make_printable_rows_that_fit(counts: Counts, width: int) -> None:
    for row in frame(counts, PACE, width):
        assert row.cell_len <= max(1, width - MARGIN)
        assert row.plain.isprintable()
    assert plain_line(counts, PACE).isprintable()


def test_what_earlier_runs_wrote_is_in_the_bar_and_not_in_the_rate() -> None:
    moments = iter([0.0, 0.0, 10.0])
    counts = Counts(num=20_000, already=5_000)
    stream = io.StringIO()

    async def run() -> None:
        async with Display(counts, stream=stream, clock=lambda: next(moments)) as display:
            counts.written = 20
            display.refresh()

    asyncio.run(run())
    assert stream.getvalue().startswith("[10s] 5,020 / 20,000 25.1%   2.0/s   starting: one call   ")


# ---- on a terminal


async def drive(display: Display, counts: Counts, steps: int = 3) -> None:
    async with display:
        for _ in range(steps):
            counts.written += 1
            display.refresh()


def test_the_region_is_drawn_over_itself_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, terminal = mid_run(), Terminal(monkeypatch, 80)
    display = Display(counts, stream=terminal)

    async def run() -> None:
        display.say("before")
        async with display:
            await asyncio.sleep(0)
            for _ in range(3):
                display.refresh()
            display.say(f"said {HOSTILE}")
            assert len(terminal.shown()) == 2 + 1 + 9
            assert terminal.shown()[-1].startswith("latest")

    asyncio.run(run())
    display.say("after")
    assert terminal.shown() == ["before", f"said {SHOWN} [2J 31m reversed ", "second line", "after"]


@pytest.mark.parametrize("widths", [(80, 60), (200, 80), (80, 200), (80, 37, 120)])
def test_a_resized_window_keeps_no_remains(monkeypatch: pytest.MonkeyPatch, widths: Sequence[int]) -> None:
    counts, terminal = mid_run(), Terminal(monkeypatch, 80)

    async def run() -> None:
        async with Display(counts, stream=terminal, clock=lambda: 0.0) as display:
            display.say("said")
            for width in widths:
                terminal.resize(width)
                display.refresh()
            assert terminal.shown() == ["said", *(row.rstrip() for row in rows_of(counts, widths[-1], Pace(0, 0)))]

    asyncio.run(run())
    assert terminal.shown() == ["said"]


def test_a_low_window_shows_the_top_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, terminal = mid_run(), Terminal(monkeypatch, 80, height=4)

    async def run() -> None:
        async with Display(counts, stream=terminal) as display:
            display.refresh()
            display.refresh()
            assert [row.split()[0] for row in terminal.shown()[1:]] == ["speed", "calls"]

    asyncio.run(run())


def test_restore_ends_the_region_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, terminal = mid_run(), Terminal(monkeypatch, 80)

    async def run() -> None:
        display = Display(counts, stream=terminal)
        display.restore()
        async with display:
            display.refresh()
            display.restore()
            display.restore()
            display.refresh()
            assert terminal.shown() == []

    asyncio.run(run())


def test_an_exception_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)

    async def run() -> None:
        async with Display(mid_run(), stream=terminal) as display:
            display.refresh()
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(run())
    assert terminal.shown() == []


def test_a_run_in_the_background_leaves_the_terminal_to_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)
    is_in_foreground = True
    monkeypatch.setattr(Printer, "is_in_foreground", lambda _: is_in_foreground)

    async def run() -> None:
        nonlocal is_in_foreground
        async with Display(mid_run(), stream=terminal) as display:
            is_in_foreground = False
            terminal.write("$ ls\n")
            display.refresh()
            display.say("said")
            assert terminal.shown() == ["$ ls", "said"]
            is_in_foreground = True
            display.refresh()
            assert len(terminal.shown()) == 2 + 9

    asyncio.run(run())
    assert terminal.shown() == ["$ ls", "said"]


def test_a_run_that_never_had_the_foreground_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)
    monkeypatch.setattr(Printer, "is_in_foreground", lambda _: False)

    async def run() -> None:
        async with Display(mid_run(), stream=terminal) as display:
            display.refresh()
            assert len(terminal.shown()) == 9

    asyncio.run(run())


def test_the_display_refreshes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)

    async def run() -> None:
        async with Display(mid_run(), stream=terminal):
            await asyncio.sleep(0)
            assert len(terminal.shown()) == 9

    asyncio.run(run())


def test_a_bug_in_drawing_is_raised_when_the_run_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = mid_run()
    counts.scenario = {"topic": None}  # type: ignore[dict-item]
    reached = []

    async def run() -> None:
        async with Display(counts, stream=Terminal(monkeypatch, 80)):
            await asyncio.sleep(0)
            reached.append("the end of the run")

    with pytest.raises(TypeError):
        asyncio.run(run())
    assert reached


# ---- off a terminal


def test_off_a_terminal_a_refresh_is_one_plain_line() -> None:
    stream, counts = io.StringIO(), disk_full()
    asyncio.run(drive(Display(counts, stream=stream, clock=lambda: 0.0), counts, steps=2))
    first, second = stream.getvalue().splitlines()
    assert first == (
        "[0s] 12,656 / 20,000 63.2%   --/s   starting: one call   64 in flight   12 waiting   2 lost"
        "   failed 3: 2 content-filtered, 1 not-json"
        "   retries 1,230: 1,100 rate-limited, 100 server-error, 30 connection   re-asks 12: 8 not-json, 4 charset"
        "   tokens 93.4M in (97.6% cached)   18.3M out   cost $30.12"
        "   ! the disk is full"
    )
    assert second.startswith("[0s] 12,657 / 20,000")


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    counts, terminal = mid_run(), Terminal(monkeypatch, 400)
    monkeypatch.setenv("TERM", term)
    asyncio.run(drive(Display(counts, stream=terminal), counts, steps=2))
    assert [row[:10] for row in terminal.shown()] == ["[0s] 12,65", "[0s] 12,65"]


def test_what_is_said_off_a_terminal_is_one_plain_line() -> None:
    stream = io.StringIO()
    Display(mid_run(), stream=stream).say(f"{HOSTILE} {'word ' * 50}")
    assert stream.getvalue() == f"{SHOWN} [2J 31m reversed second line {'word ' * 49}word\n"


def test_quiet_shows_no_progress_and_still_says() -> None:
    stream, counts = io.StringIO(), mid_run()
    display = Display(counts, stream=stream, quiet=True)
    asyncio.run(drive(display, counts))
    assert stream.getvalue() == ""
    display.say("the disk is nearly full")
    assert stream.getvalue() == "the disk is nearly full\n"


# ---- streams


@contextlib.contextmanager
def left_pipe() -> Iterator[TextIO]:
    reader, writer = os.pipe()
    os.close(reader)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield stream


@contextlib.contextmanager
def hung_up_terminal() -> Iterator[TextIO]:
    controller, terminal = os.openpty()
    with contextlib.suppress(OSError), os.fdopen(terminal, "w", encoding="utf-8") as stream:
        os.close(controller)
        yield stream


@contextlib.contextmanager
def closed_file() -> Iterator[TextIO]:
    stream = io.StringIO()
    stream.close()
    yield stream


@pytest.mark.parametrize("broken", [left_pipe, hung_up_terminal, closed_file])
def test_a_broken_stream_is_ignored(broken: Callable[[], contextlib.AbstractContextManager[TextIO]]) -> None:
    counts = mid_run()
    with broken() as stream:
        display = Display(counts, stream=stream)
        display.say("said")
        asyncio.run(drive(display, counts))
        print_summary(summary_of(counts), Printer(stream))
        display.drain()


def test_a_stream_that_breaks_in_mid_run_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, terminal = mid_run(), Terminal(monkeypatch, 80)

    async def run() -> None:
        async with Display(counts, stream=terminal) as display:
            display.refresh()
            terminal.close()
            display.refresh()
            display.say("said")

    asyncio.run(run())


def test_no_stderr_at_all_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = mid_run()
    monkeypatch.setattr("sys.stderr", None)
    asyncio.run(drive(Display(counts), counts))
    print_summary(summary_of(counts), Printer(None))


def test_a_reader_that_is_behind_for_a_moment_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    display = Display(mid_run(), stream=stream)
    with monkeypatch.context() as patch:
        patch.setattr(stream, "write", blocked)
        display.say("lost")
    display.say("said")
    assert stream.getvalue() == "said\n"


def blocked(_: str) -> int:
    raise BlockingIOError


def read_all(descriptor: int) -> str:
    os.set_blocking(descriptor, False)
    chunks = []
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(descriptor, 65_536):
            chunks.append(chunk)
    return b"".join(chunks).decode()


def test_a_terminal_that_is_held_with_ctrl_s_does_not_hold_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    controller, terminal = os.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream, os.fdopen(controller, "rb"):

        async def run() -> None:
            async with Display(mid_run(), stream=stream, timings=Timings(frame=1000)) as display:
                await asyncio.sleep(0)  # the first frame comes by itself
                await display.drained()
                read_all(controller)
                termios.tcflow(terminal, termios.TCOOFF)
                display.refresh()
                display.say("said meanwhile")
                display.refresh()
                assert read_all(controller) == ""
                termios.tcflow(terminal, termios.TCOON)
                await display.drained()
                display.refresh()
                await display.drained()
                shown.append(read_all(controller))

        shown: list[str] = []
        asyncio.run(run())
    assert shown[0].count("latest") == 2, "one frame waited, and those that came meanwhile were not drawn"
    assert "said meanwhile" in shown[0]


def test_a_pipe_that_nobody_reads_does_not_hold_the_run() -> None:
    with full_pipe() as (reader, stream):

        async def run() -> None:
            async with Display(mid_run(), stream=stream, clock=lambda: 0.0) as display:
                for _ in range(9):
                    display.refresh()
                display.say("said meanwhile")
                shown = read_all(reader)
                await display.drained()
            await display.drained()
            lines = (shown + read_all(reader)).lstrip("x").splitlines()
            assert [line[:15].strip() for line in lines] == ["[0s] 12,655 / 2", "said meanwhile"]

        asyncio.run(run())


@contextlib.contextmanager
def full_pipe() -> Iterator[tuple[int, TextIO]]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with os.fdopen(reader, "rb"), os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield reader, stream


class EncodedTerminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_unicode_gets_plain_characters(encoding: str) -> None:
    counts = long_topic()
    counts.notice = "日本語"
    stream = EncodedTerminal(io.BytesIO(), encoding=encoding, errors="strict")
    display = Display(counts, stream=stream, width=80)
    asyncio.run(drive(display, counts))
    display.say("naïve 日本語")
    print_summary(summary_of(counts), Printer(stream))
    stream.seek(0)
    shown = stream.read()
    assert "#####" in shown
    assert "-----" in shown
    assert "! ???" in shown
    assert "naïve ???" in shown or encoding == "ascii"


# ---- the end


def test_a_summary_tells_everything() -> None:
    assert summary_text(summary_of(mid_run())).splitlines() == [
        "Interrupted",
        "output   data/nanochat.jsonl",
        "written  12,655 / 20,000   7,655 in this run   12m 14s   10.4/s",
        "pending  7,342",
        "failed   3: 2 content-filtered, 1 not-json",
        "retries  1,230: 1,100 rate-limited, 100 server-error, 30 connection",
        "re-asks  12: 8 not-json, 4 charset",
        "lost     2 calls without an answer, which may have been billed",
        "tokens   93.4M in (97.6% cached)   18.3M out",
        "cost     $12.34 in this run   $30.12 in all",
        "next     make generate N=20000",
    ]


def test_a_summary_without_trouble_is_short() -> None:
    counts = Counts(num=5, written=5, prompt_tokens=900, completion_tokens=1_500)
    text = summary_text(summary_of(counts, "Finished", next_commands=[], seconds=2.5))
    assert text.splitlines() == [
        "Finished",
        "output   data/nanochat.jsonl",
        "written  5 / 5   5 in this run   2s   2.0/s",
        "tokens   900 in (0.0% cached)   1.5k out",
    ]


def test_a_summary_tells_what_was_saved_and_what_the_budget_has_left() -> None:
    (cost,) = [row for row in summary_text(summary_of(paying())).splitlines() if row.startswith("cost")]
    assert cost == ("cost     $12.34 in this run   $25.40 in all   $41.04 saved by caching   $24.60 left of $50.00")


@pytest.mark.parametrize("reason", ["cut-off", "only-thinking"])
def test_a_summary_tells_what_helps_against_replies_that_are_cut_off(reason: str) -> None:
    text = summary_text(summary_of(Counts(num=5, failed=Counter({reason: 1}))))
    assert "--param max_tokens=N" in text
    assert "advice" not in summary_text(summary_of(mid_run()))


def test_a_summary_does_not_repeat_what_its_headline_advises() -> None:
    counts = Counts(num=5, failed=Counter({"cut-off": 1}))
    text = summary_text(summary_of(counts, f"Finished, but 1 failed. The last one: cut off; {CUT_OFF_ADVICE}"))
    assert text.count("--param max_tokens=N") == 1


def test_a_summary_quotes_what_was_said_the_last_time_for_each_reason() -> None:
    counts = mid_run()
    counts.failure_examples = {"content-filtered": f"moderated {HOSTILE}", "not-json": "asked 4 times: no JSON"}
    rows = summary_text(summary_of(counts, "Finished, but 3 failed. The last one: asked 4 times: no JSON")).splitlines()
    at = rows.index("failed   3: 2 content-filtered, 1 not-json")
    assert rows[at + 1] == f"         content-filtered: moderated {SHOWN} [2J 31m reversed second line"
    assert rows[at + 2].startswith("retries"), "what the headline says is not said twice"


def test_a_summary_tells_how_long_the_rest_takes() -> None:
    assert "pending  7,342   about 12m 14s more" in summary_text(summary_of(mid_run(), time_left=734.0))


def test_the_commands_that_follow_stand_one_a_line() -> None:
    commands = ["asyncgen view data/x.jsonl", "asyncgen audit data/x.jsonl"]
    assert summary_text(summary_of(finished(), "Finished", next_commands=commands)).splitlines()[-2:] == [
        "next     asyncgen view data/x.jsonl",
        "         asyncgen audit data/x.jsonl",
    ]


def test_a_quiet_summary_is_the_headline_and_how_to_go_on() -> None:
    assert summary_text(summary_of(mid_run()), quiet=True) == "Interrupted\nnext     make generate N=20000\n"
    assert summary_text(summary_of(mid_run(), "Finished", next_commands=[]), quiet=True) == "Finished\n"


def test_a_summary_on_a_terminal_wraps_at_words_but_never_a_path_or_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Terminal(monkeypatch, 1_000)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((60, 50)))
    path, command = Path("x" * 100), "asyncgen generate " + "y" * 100
    counts = Counts(num=9, failed=Counter({f"reason-{number}": 1 for number in range(9)}))
    print_summary(summary_of(counts, "Stopped: " + "why " * 30, output=path, next_commands=[command]), Printer(stream))
    rows = stream.shown()
    assert f"output   {path}" in rows
    assert f"next     {command}" in rows
    assert all(len(row) <= 60 for row in rows if not row.startswith(("output", "next")))
    at = next(at for at, row in enumerate(rows) if row.startswith("failed"))
    assert rows[at + 1].startswith("         1 reason-")


def test_nothing_in_a_summary_reaches_the_terminal_as_code(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal(monkeypatch, 2_000)
    summary = summary_of(hostile(), f"Stopped: {HOSTILE}", output=Path(f"data/{HOSTILE}"), next_commands=[HOSTILE])
    print_summary(summary, Printer(stream))
    assert stream.shown()[0].startswith(f"Stopped: {SHOWN}")
    assert stream.shown()[-1].startswith("next     [/x] [link=https://evil.example]here[/link] ?]52;c;aGk=? ?[2J")


# ---- figures


@each_row(
    ("seconds", "text"),
    [
        (None, "--"),
        (0.9, "0s"),
        (59.9, "59s"),
        (60, "1m 00s"),
        (3_599, "59m 59s"),
        (3_600, "1h 00m"),
        (86_400, "1d 00h"),
        (99 * 86_400, "99d 00h"),
        (100 * 86_400, "--"),
        (float("inf"), "--"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(None, "--"), (0.016, "0.02"), (1, "1.0"), (1234.56, "1,234.6")])
def test_rates(rate: float | None, text: str) -> None:
    assert format_rate(rate) == text


@each_row(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.0k"),
        (999_949, "999.9k"),
        (999_950, "1.0M"),
        (93_400_000, "93.4M"),
        (999_949_999, "999.9M"),
        (999_950_000, "1.0B"),
        (10**13, "10,000.0B"),
    ],
)
def test_token_counts(number: int, text: str) -> None:
    assert format_count(number) == text


def test_a_pause_says_how_long_it_lasts() -> None:
    pace = Pace(100.0, 0)
    pace.observe(110.0, Counts(num=10))
    counts = Counts(num=10, paused_until=133.0)
    assert any("paused 23s: rate limited" in row.plain for row in frame(counts, pace, 80))
    pace.observe(140.0, counts)
    assert not any("paused" in row.plain for row in frame(counts, pace, 80))
