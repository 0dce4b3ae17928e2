"""The rule of blame, on its own and in runs that are only computed: events in virtual time, no loop and no socket."""

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest
from quick import each_row

from asyncgen.errors import (
    AsyncgenError,
    ConnectionFailedError,
    ContentFilteredError,
    GaveUpError,
    NoAnswerError,
    RateLimitedError,
    RejectedError,
    RequestRejectedError,
    ServerError,
    TimedOutError,
    TransientError,
)
from asyncgen.pacing.retry import wait_seconds
from asyncgen.runs.run import FEWEST_LIVE, LIVE_PER_PLACE
from asyncgen.runs.verdict import (
    CROWD,
    SAME_REJECTIONS,
    Verdict,
    may_be_own,
)

GIVE_UP = 600.0
RETRIES = 8
BLOCKED = RequestRejectedError("403: a page", status=403)
MODERATED = ContentFilteredError("no", status=400)


def failing(status: int = 500) -> TransientError:
    return ServerError("broken", status=status)


def refused() -> TransientError:
    return ConnectionFailedError("no connection")


# ---- a run that is only computed


@dataclass(frozen=True)
class Asked:
    index: int
    attempt: int
    now: float


Fault = Callable[[], AsyncgenError]
Script = Callable[[Asked], AsyncgenError | None]  # None: a good answer


@dataclass
class Simulation:
    """Indices, places in flight and waits as a run has them. Good answers take `seconds`, all others `quick`."""

    script: Script
    num: int
    concurrency: int = 8
    seconds: float = 5.0
    quick: float = 0.05
    has_worked: bool = False
    failed_before: Mapping[int, str] = field(default_factory=dict)
    give_up: float = GIVE_UP
    made: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    calls: Counter[int] = field(default_factory=Counter)
    spent: Counter[int] = field(default_factory=Counter)
    stopped: str = ""
    now: float = 0.0

    def run(self) -> "Simulation":
        self._verdict = Verdict(self.give_up, has_worked=self.has_worked, failed_before=self.failed_before)
        self._random = Random(5)
        self._events: list[tuple[float, int, str, int]] = []
        self._numbers = itertools.count()  # of what comes at the same time, the first to be sent is the first to come
        self._waiting: deque[int] = deque()
        self._next, self._alive, self._in_flight = 0, 0, 0
        self._begin()
        while self._events and not self.stopped:
            self.now, _, what, index = heapq.heappop(self._events)
            if what == "again":
                self._waiting.appendleft(index)
            else:
                self._in_flight -= 1
                self._end(index, self.script(Asked(index, self.calls[index], self.now)))
            self._begin()
        if not self.stopped:
            self._fail(self._verdict.release())
        return self

    def _begin(self) -> None:
        while self._next < self.num and self._alive < max(FEWEST_LIVE, LIVE_PER_PLACE * self.concurrency):
            self._verdict.begin(self._next)
            self._waiting.append(self._next)
            self._next += 1
            self._alive += 1
        self._verdict.everything_is_begun = self._next == self.num
        while self._waiting and self._in_flight < self.concurrency:
            index = self._waiting.popleft()
            self._in_flight += 1
            self._verdict.sent(index)
            self.calls[index] += 1
            is_good = self.script(Asked(index, self.calls[index], self.now)) is None
            self._at(self.seconds if is_good else self.quick, "answer", index)

    def _at(self, seconds: float, what: str, index: int) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), what, index))

    def _end(self, index: int, error: AsyncgenError | None) -> None:
        match error:
            case None:
                self._verdict.answered(index)
                self._fail(self._verdict.made(index))
                self.made.add(index)
                self._leave(index)
            case RejectedError():
                self._verdict.refused(index)
                self._reject(index, error)
            case TransientError():
                self.spent[index] += self._verdict.failed(index, error, self.now)
                if self._verdict.patience.trouble and self._verdict.patience.left(self.now) <= 0:
                    self.stopped = "endpoint down"
                elif self.spent[index] > RETRIES:
                    self._reject(index, GaveUpError(error.reason, "given up"))
                else:
                    self._at(wait_seconds(error.retry_after, self.calls[index], self._random), "again", index)
            case _:
                raise TypeError(error)

    def _reject(self, index: int, error: RejectedError) -> None:
        self._fail(self._verdict.rejected(index, error))
        if fatal := self._verdict.same_rejection():
            self.stopped = str(fatal)
        self._leave(index)

    def _fail(self, rejections: object) -> None:
        for each in rejections:  # type: ignore[attr-defined]
            self.failed[each.index] = each.error.reason

    def _leave(self, index: int) -> None:
        self._verdict.end(index)
        self._alive -= 1


def simulate(script: Script, num: int, **settings: object) -> Simulation:
    return Simulation(script, num, **settings).run()  # type: ignore[arg-type]


def bad_luck(*bad: int, error: Fault = failing) -> Script:
    return lambda asked: error() if asked.index in bad else None


# ---- one index's bad luck

OWN: dict[str, Fault] = {
    "500": failing,
    "blank": lambda: NoAnswerError("blank"),
    "reset": lambda: ConnectionFailedError("cut", maybe_billed=True),
    "late": lambda: TimedOutError("late", maybe_billed=True),
}


@each_row("error", OWN.values(), ids=OWN)
@each_row("concurrency", [1, 8, 256])
@each_row("bad", [(3,), (9,), (0,), (0, 1), (7, 8, 9), (0, 4, 9)])
def test_an_index_that_always_fails_is_failed_and_all_others_made(
    bad: tuple[int, ...], concurrency: int, error: Fault
) -> None:
    run = simulate(bad_luck(*bad, error=error), 10, concurrency=concurrency)
    assert not run.stopped
    assert set(run.failed) == set(bad)
    assert run.made == set(range(10)) - set(bad)
    assert run.now < GIVE_UP
    assert max(run.calls.values()) <= RETRIES + 8


@pytest.mark.parametrize("number", [1, 3, 9, 40])
def test_the_next_run_fails_them_again_and_is_not_kept_by_them(number: int) -> None:
    bad = range(number)
    run = simulate(bad_luck(*bad), number, has_worked=True, failed_before=dict.fromkeys(bad, "server-error"))
    assert not run.stopped
    assert set(run.failed) == set(bad)
    assert max(run.calls.values()) <= RETRIES + 4


def test_some_always_fail_in_a_short_run_of_many() -> None:
    bad = Random(1).sample(range(1000), 20)
    run = simulate(bad_luck(*bad), 1000, concurrency=256)
    assert not run.stopped
    assert set(run.failed) == set(bad)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_in_the_middle_of_a_run_what_others_have_met_decides_whatever_the_failure(status: int) -> None:
    run = simulate(bad_luck(5, error=lambda: failing(status)), 400)
    assert set(run.failed) == {5}


# ---- the endpoint's bad hour


@each_row("error", [failing, refused, lambda: failing(503), lambda: NoAnswerError("blank")])
@each_row("concurrency", [1, 8, 32])
@each_row("seconds", [20, 500])
def test_an_outage_for_all_fails_nobody(seconds: float, concurrency: int, error: Fault) -> None:
    begin = 30.0
    num = concurrency * 20
    run = simulate(
        lambda asked: error() if begin <= asked.now < begin + seconds else None, num, concurrency=concurrency
    )
    assert not run.stopped
    assert not run.failed
    assert len(run.made) == num


@each_row("left", [1, 3, 9, 30])
@each_row("error", [refused, lambda: failing(502), lambda: RateLimitedError("no", status=429)])
def test_at_the_end_of_a_run_a_closed_door_is_nobodys_fault(left: int, error: Fault) -> None:
    run = simulate(lambda asked: error() if asked.index >= 50 and asked.now < 400 else None, 50 + left)
    assert not run.failed
    assert len(run.made) == 50 + left


@each_row("left", [1, 5, 9, 10, 30])
def test_at_the_end_of_a_run_half_a_minute_of_500_fails_nobody(left: int) -> None:
    run = simulate(lambda asked: failing() if asked.index >= 50 and asked.now < 65 else None, 50 + left)
    assert not run.failed
    assert len(run.made) == 50 + left


def test_ten_that_fail_for_the_first_time_at_the_end_are_an_outage() -> None:
    run = simulate(lambda asked: failing() if asked.index >= 50 else None, 50 + CROWD)
    assert run.stopped == "endpoint down"
    assert not run.failed
    assert GIVE_UP <= run.now < GIVE_UP + 120


@each_row("seed", range(20))
def test_in_any_weather_those_that_always_fail_are_failed_and_no_others(seed: int) -> None:
    """A share of all calls fails by chance, some indices always do, and for a while nobody is served."""
    chance = Random(seed)
    doors: list[Fault] = [refused, lambda: failing(502), lambda: RateLimitedError("no", status=429)]
    share, end = chance.choice([0, 0.03, 0.1, 0.2]), chance.choice([0, 60, 400])
    num = chance.choice([5, 20, 100, 400])
    bad = {index for index in range(num) if chance.random() < 0.02}
    closed, own = chance.choice(doors), chance.choice([*OWN.values()])

    def script(asked: Asked) -> AsyncgenError | None:
        if asked.index in bad:
            return own()
        if 30 <= asked.now < end:
            return closed()
        luck = Random(f"{seed} {asked.index} {asked.attempt}")
        return luck.choice([*doors, *OWN.values()])() if luck.random() < share else None

    run = simulate(script, num, concurrency=chance.choice([1, 4, 16, 64]), seconds=chance.choice([1.0, 20.0]))
    assert not run.stopped
    assert set(run.failed) == bad
    assert run.made == set(range(num)) - bad


# ---- what all are asked with


def block(begin: float, error: AsyncgenError = BLOCKED) -> Script:
    return lambda asked: error if asked.now >= begin else None


@pytest.mark.parametrize("concurrency", [1, 8, 64, 256])
def test_a_block_in_mid_run_stops_it_and_marks_nobody(concurrency: int) -> None:
    run = simulate(block(23.0), 20_000, concurrency=concurrency)
    assert "all the same rejection" in run.stopped
    assert not run.failed
    assert run.calls.total() - len(run.made) <= 4 * max(concurrency, SAME_REJECTIONS)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("concurrency", [8, 256])
def test_refusals_of_single_indices_never_stop_a_run(concurrency: int, share: float) -> None:
    chance = Random(3)
    bad = {index for index in range(2000) if chance.random() < share}
    run = simulate(bad_luck(*bad, error=lambda: MODERATED), 2000, concurrency=concurrency, has_worked=True)
    assert not run.stopped
    assert set(run.failed) == bad


def test_a_block_in_a_run_with_many_refusals_stops_it_too() -> None:
    def script(asked: Asked) -> AsyncgenError | None:
        if asked.now > 200:
            return BLOCKED
        return MODERATED if asked.index % 4 == 0 else None

    run = simulate(script, 5000)
    assert "all the same rejection" in run.stopped
    assert set(run.failed.values()) == {"content-filtered"}


def test_what_an_earlier_run_has_found_refused_is_no_news() -> None:
    bad = range(30)
    run = simulate(
        bad_luck(*bad, error=lambda: MODERATED), 30, failed_before=dict.fromkeys(bad, MODERATED.reason), has_worked=True
    )
    assert set(run.failed) == set(bad)
    assert not run.stopped


# ---- the rule, call by call


@each_row(
    ("error", "is_own"),
    [
        (refused(), False),
        (RateLimitedError("no", status=429), False),
        (failing(502), False),
        (failing(503), False),
        (failing(500), True),
        (failing(504), True),
        (NoAnswerError("blank"), True),
        (ConnectionFailedError("cut", maybe_billed=True), True),
        (TimedOutError("late", maybe_billed=True), True),
    ],
)
def test_what_may_be_an_index_s_own(error: TransientError, is_own: bool) -> None:  # noqa: FBT001
    assert may_be_own(error) is is_own


def begun(*indices: int) -> Verdict:
    verdict = Verdict(GIVE_UP)
    for index in indices:
        verdict.begin(index)
        verdict.sent(index)
    return verdict


def test_an_answer_to_a_call_from_before_a_failure_proves_nothing() -> None:
    verdict = begun(1, 2)
    assert not verdict.failed(2, failing(), 0.0)
    verdict.answered(1)
    verdict.sent(2)
    assert not verdict.failed(2, failing(), 5.0)


def test_a_wait_that_the_provider_named_uses_up_no_attempt() -> None:
    verdict = begun(1, 2)
    verdict.answered(2)
    assert not verdict.failed(1, RateLimitedError("no", retry_after=5.0), 0.0)


def test_a_server_error_with_a_time_is_a_server_error() -> None:
    verdict = begun(1, 2)
    verdict.answered(2)
    assert verdict.failed(1, ServerError("broken", status=500, retry_after=1.0), 0.0)


def test_a_key_that_has_been_good_is_looked_at_twice() -> None:
    verdict = begun(1, 2, 3, 4)
    verdict.answered(1)
    assert not verdict.denied(2)
    assert not verdict.denied(3), "it was under way when the first was refused"
    verdict.sent(2)
    verdict.answered(2)
    assert not verdict.denied(4), "it is older than the answer"
    verdict.sent(3)
    assert verdict.denied(3)


def test_a_key_that_was_never_good_is_looked_at_once() -> None:
    assert begun(1).denied(1)


def test_an_index_that_goes_first_and_only_fails_brings_another_into_play() -> None:
    verdict = begun(0)
    for _ in range(2):
        assert not verdict.doubt.is_set()
        verdict.sent(0)
        verdict.failed(0, NoAnswerError("blank"), 0.0)
    assert verdict.doubt.is_set()
