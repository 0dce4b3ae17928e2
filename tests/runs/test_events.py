"""A run without a terminal: who follows it sees what happens, and counts are the sum of that."""

from collections import Counter
from pathlib import Path

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, error
from quick import QUICK

from asyncgen.command.commands import build_parser
from asyncgen.command.config import read_generate_config
from asyncgen.errors import FatalError
from asyncgen.runs import events
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.configure import read_environment
from asyncgen.runs.counts import Counts
from asyncgen.runs.event_loop import in_event_loop
from asyncgen.runs.events import Event
from asyncgen.runs.open import conversations, opened
from asyncgen.runs.run import Run

KINDS: tuple[type[Event], ...] = tuple(
    each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event) and each is not Event
)


def configure(provider: FakeProvider, *flags: str) -> GenerateConfig:
    given = ["generate", "--base-url", provider.base_url, "-n", "6", "-c", "1", "-o", "x.jsonl", *flags]
    return read_generate_config(build_parser().parse_args(given), read_environment(print), "again", QUICK)


def follow(run: Run) -> list[Event]:
    seen: list[Event] = []
    for kind in KINDS:
        run.watch(kind, seen.append)
    return seen


def clumsy(call: Call) -> Reply:
    """A bad reply, a refusal, a call that is lost; then good ones."""
    script = {0: completion("no JSON", cost=0.5), 2: error(429), 3: Reply(abort=True)}
    return script.get(call.number, always_good(call))


def test_counts_are_the_sum_of_what_happens() -> None:
    with FakeProvider(clumsy) as provider, opened(configure(provider), conversations) as run:
        seen = follow(run)
        assert in_event_loop(run.execute()) is None
    summed = Counts(num=6, account=run.counts.account, maker=run.counts.maker)
    for event in seen:
        event.add_to(summed)
    assert summed == run.counts
    assert (summed.written, summed.in_flight, summed.waiting) == (6, 0, 0)
    assert (summed.reasked, summed.lost) == (Counter({"not-json": 1}), 1)
    assert summed.retries == Counter({"rate-limited": 1, "connection": 1})


def test_what_is_written_is_told_line_by_line() -> None:
    with FakeProvider() as provider, opened(configure(provider), conversations) as run:
        seen = follow(run)
        in_event_loop(run.execute())
    told = [line for event in seen if isinstance(event, events.Written) for line in event.lines]
    assert b"".join(told) == Path("x.jsonl").read_bytes()


def test_a_run_that_ends_early_says_why_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda _: error(401)) as provider, opened(configure(provider), conversations) as run:
        ended = in_event_loop(run.execute())
    assert isinstance(ended, FatalError)
    assert run.counts.abandoned
    assert capfd.readouterr() == ("", "")
