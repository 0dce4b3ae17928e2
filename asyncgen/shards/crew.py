"""Which shard is made next, again or no more, by the exit statuses of those who have made them; as a driver decides it.

Whoever makes a shard may be lost at any time, so an end that is nobody's fault is gone on from later, for as long as
there is something new after each: a shard that never gets further is a fault, too.
"""

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

TRIES = 10  # of a shard that gets no further
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds before it is tried again; twice as long after each

# Exit statuses.
ALL_THERE, STOPPED, USAGE, SOME_FAILED, GO_ON_LATER, INTERRUPTED = 0, 1, 2, 3, 4, 130
LOST = 128  # and the number of the signal that has ended it


@dataclass(frozen=True, slots=True)
class End:
    """How a shard was left: `words`, the last ones of who made it; `command`, what it said goes on; `where` it was."""

    status: int
    words: str = ""
    command: str = ""
    where: str = ""

    def tell(self, number: int) -> str:
        """As a sentence about the shard of that number."""
        shard = f"shard {number} on {self.where}" if self.where else f"shard {number}"
        if self.words:
            return f"{shard}: {self.words}"
        number = -self.status if self.status < 0 else self.status - LOST
        if number > 0 and (cause := signal.strsignal(number)) is not None:
            return f"{shard} was ended by a signal ({cause})"
        return f"{shard} ended with status {self.status}"

    @property
    def is_finished(self) -> bool:
        return self.status in (ALL_THERE, SOME_FAILED)

    @property
    def is_to_go_on(self) -> bool:
        """Its process was stopped or lost, or another one has the shard still; whether the same again may help."""
        return self.status < 0 or self.status == GO_ON_LATER or self.status > LOST


@dataclass(slots=True)
class _Halt:
    """A shard that was left. `made`: conversations it had then, `tries`: how often it has had no more since."""

    made: int
    tries: int = 0
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What stops all of them. `text`: a sentence."""

    end: End
    text: str


@dataclass(slots=True)
class Crew:
    """`at_once`: how many may be under way. Time is an argument, in seconds of any clock."""

    waiting: deque[int]
    at_once: int
    under_way: set[int] = field(default_factory=set)
    made: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    fault: Fault | None = None
    is_stopping: bool = False
    _halts: dict[int, _Halt] = field(default_factory=dict)
    _halted: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, numbers: Iterable[int], at_once: int) -> "Crew":
        return cls(deque(numbers), at_once)

    @property
    def is_over(self) -> bool:
        return not self.under_way and (self.is_stopping or not (self.waiting or self._halted))

    @property
    def to_go_on(self) -> int:
        """How many were left and are not under way again."""
        return len(self._halted)

    def start(self, now: float) -> Iterator[int]:
        """Those to be begun now: first what was left, for money is in it."""
        while not self.is_stopping and len(self.under_way) < self.at_once:
            due = [number for number in self._halted if self._halts[number].due <= now]
            if not due and not self.waiting:
                return
            number = min(due) if due else self.waiting.popleft()
            self._halted.discard(number)
            self.under_way.add(number)
            yield number

    def take(self, number: int, end: End, made: int, now: float) -> None:
        """A shard has ended, with so many conversations in it."""
        self.under_way.remove(number)
        if end.is_finished:
            (self.made if end.status == ALL_THERE else self.failed).add(number)
            self._halts.pop(number, None)
        elif end.is_to_go_on:
            self._halt(number, end, made, now)
        else:
            self._stop(Fault(end, end.tell(number)))

    def _halt(self, number: int, end: End, made: int, now: float) -> None:
        halt = self._halts.setdefault(number, _Halt(made))
        halt.tries = halt.tries + 1 if made == halt.made else 1
        halt.made = made
        halt.due = now + min(FIRST_PAUSE * 2 ** (halt.tries - 1), LONGEST_PAUSE)
        self._halted.add(number)
        if halt.tries >= TRIES and not self.is_stopping:
            self._stop(Fault(end, f"tried {TRIES} times, and it got no further: {end.tell(number)}"))

    def _stop(self, fault: Fault) -> None:
        self.fault = self.fault or fault
        self.is_stopping = True
