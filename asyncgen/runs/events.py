"""What happens in a run, as it happens, and what each of it adds to the counts.

A display, a log, or whoever else follows is called in the middle of the work: a watcher is quick, waits for nothing and
raises nothing. Moments are on the monotonic clock.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from asyncgen.answered import Usage
from asyncgen.conversation import Conversation
from asyncgen.endpoint.tiers import count_tier
from asyncgen.errors import RejectedError, TransientError
from asyncgen.runs.counts import Counts

NEWS = 0.05  # of the mean time of a call; a smaller change of it is none


class Event(msgspec.Struct, frozen=True):
    def add_to(self, counts: Counts) -> None:
        """Count it; a sentence counts nothing."""


class Sent(Event, frozen=True, gc=False):
    """A request has left; `values`: what its prompt says."""

    at: float
    values: Mapping[str, str]

    def add_to(self, counts: Counts) -> None:
        counts.scenario = self.values
        counts.in_flight += 1
        counts.sent_sum += self.at


class Returned(Event, frozen=True, gc=False):
    """The call that was sent then is over, however it has ended."""

    sent_at: float

    def add_to(self, counts: Counts) -> None:
        counts.in_flight -= 1
        counts.sent_sum -= self.sent_at


class Answered(Event, frozen=True, gc=False):
    """A call was answered, took so much, and is billed at this service tier; None where that was not told."""

    usage: Usage
    tier: str | None

    def add_to(self, counts: Counts) -> None:
        counts.add_usage(self.usage)
        count_tier(counts.tiers, self.tier)


class Used(Event, frozen=True, gc=False):
    """This was used, beside what answers tell: by a batch."""

    usage: Usage

    def add_to(self, counts: Counts) -> None:
        counts.add_usage(self.usage)


class Unanswered(Event, frozen=True):
    """So many calls may have been billed without an answer."""

    number: int = 1

    def add_to(self, counts: Counts) -> None:
        counts.lost += self.number


class Reasked(Event, frozen=True):
    """A reply could not be used."""

    reason: str

    def add_to(self, counts: Counts) -> None:
        counts.reasked[self.reason] += 1


class Retried(Event, frozen=True):
    """A request will be sent again after so many seconds."""

    error: TransientError
    seconds: float

    def add_to(self, counts: Counts) -> None:
        counts.retries[self.error.reason] += 1


class Waiting(Event, frozen=True):
    """So many indices more, or less, wait between two attempts."""

    more: int

    def add_to(self, counts: Counts) -> None:
        counts.waiting += self.more


class Made(Event, frozen=True):
    """A conversation is on its way to the disk; conversations are written in the order in which they are made.

    `cost`: of all calls for its index, in US dollars; None when that of one is unknown.
    """

    index: int
    values: Mapping[str, str]
    conversation: Conversation
    cost: Decimal | None
    model: str
    finish_reason: str | None
    asks: int


class Written(Event, frozen=True):
    """These lines are on disk."""

    lines: Sequence[bytes]

    def add_to(self, counts: Counts) -> None:
        counts.written += len(self.lines)


class GivenUp(Event, frozen=True):
    """An index is given up."""

    error: RejectedError

    def add_to(self, counts: Counts) -> None:
        counts.last_failure = self.error
        counts.failed[self.error.reason] += 1
        counts.failure_examples[self.error.reason] = str(self.error)


class Abandoned(Event, frozen=True):
    """So many indices are left for a later run."""

    number: int = 1

    def add_to(self, counts: Counts) -> None:
        counts.abandoned += self.number


class Unrecorded(Event, frozen=True):
    """Of so many calls the journal could not be told, after a fault of the disk."""

    number: int

    def add_to(self, counts: Counts) -> None:
        counts.unrecorded = self.number


class Paced(Event, frozen=True, gc=False):
    """How many calls may be in flight, how long they take in the mean, and until when nothing is sent."""

    limit: int
    latency: float | None
    paused_until: float

    def add_to(self, counts: Counts) -> None:
        counts.limit, counts.latency, counts.paused_until = self.limit, self.latency, self.paused_until

    def is_news_to(self, counts: Counts) -> bool:
        if self.latency is None or self.limit != counts.limit or self.paused_until != counts.paused_until:
            return True
        return abs(self.latency - (counts.latency or 0.0)) > NEWS * self.latency


class Troubled(Event, frozen=True):
    """Calls only fail, in this way; None: no longer."""

    how: str | None

    def add_to(self, counts: Counts) -> None:
        counts.trouble = self.how


class HeldUp(Event, frozen=True):
    """Something holds the run up; None: no longer."""

    by: str | None

    def add_to(self, counts: Counts) -> None:
        counts.notice = self.by


class Batched(Event, frozen=True):
    """So many batches are under way, with so many lines, of which the endpoint tells so many as finished.

    `oldest`: when the oldest of them was made.
    """

    batches: int
    lines: int
    finished: int
    oldest: float

    def add_to(self, counts: Counts) -> None:
        counts.batches, counts.batch_lines, counts.batch_finished = self.batches, self.lines, self.finished
        counts.oldest_batch = self.oldest


class Ending(Event, frozen=True):
    """A stop was requested; calls still under way at that moment are cancelled."""

    at: float

    def add_to(self, counts: Counts) -> None:
        counts.grace_until = self.at


class Said(Event, frozen=True):
    """A sentence for whoever has started the run; `is_in_frame`: a live display shows it all the time."""

    text: str
    is_in_frame: bool = False


Emit: TypeAlias = Callable[[Event], None]
