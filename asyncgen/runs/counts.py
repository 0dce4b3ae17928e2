"""What a run has done so far, in plain numbers: the sum of its events, read by the display a few times a second."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from asyncgen.answered import Usage
from asyncgen.errors import RejectedError
from asyncgen.money.account import Account


@dataclass(slots=True)
class Counts:
    """`num`: conversations asked for. `already`: of these, done by earlier runs. The rest is about this run.

    `maker`: who writes the conversations. `written`: lines on disk. `failed`: by reason; `failure_examples`: what was
    said the last time, for each. `retries`: by cause. `reasked`: bad replies, by reason. `lost`: calls that may have
    been billed without an answer. `unrecorded`: calls of which the journal could not be told, after a fault of the
    disk. `waiting`: indices between two attempts. `cost` is in US dollars, None until one is known; `account` has that
    of all runs. `tiers`: answered calls by the service tier that is billed, None where it was not told;
    `asks_for_tier`: whether one was asked for. `scenario`: the latest one drawn. `notice`: what holds the run up, if
    anything. `trouble`: while calls only fail, how and what to do about it. `limit`: how many calls may be in flight
    now. `latency`: mean seconds to an answer, None before the first. `batches`: under way, with `batch_lines`, of which
    `batch_finished` are finished as far as is told.

    On the monotonic clock: `sent_sum`: the sum of the moments at which the calls in flight have left. `paused_until`:
    when a wait that the provider has named is over. `grace_until`: after a stop, when calls under way are cancelled.
    `oldest_batch`: when the oldest one under way was made.
    """

    num: int
    already: int = 0
    maker: str = ""
    written: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failure_examples: dict[str, str] = field(default_factory=dict)
    last_failure: RejectedError | None = None
    abandoned: int = 0
    in_flight: int = 0
    sent_sum: float = 0.0
    waiting: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    reasked: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    unrecorded: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    tiers: Counter[str | None] = field(default_factory=Counter)
    asks_for_tier: bool = False
    account: Account = field(default_factory=Account)
    scenario: Mapping[str, str] = field(default_factory=dict)
    notice: str | None = None
    trouble: str | None = None
    limit: int | None = None
    latency: float | None = None
    paused_until: float = 0.0
    grace_until: float | None = None
    batches: int = 0
    batch_lines: int = 0
    batch_finished: int = 0
    oldest_batch: float = 0.0

    def add_usage(self, usage: Usage) -> None:
        self.prompt_tokens += usage.prompt_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        if usage.cost is not None:
            self.cost = (self.cost or Decimal(0)) + usage.cost

    @property
    def cached_share(self) -> float:
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    @property
    def done(self) -> int:
        return self.already + self.written

    @property
    def pending(self) -> int:
        """Neither written nor failed; what a later run would make besides trying the failed ones again."""
        return self.num - self.done - self.failed.total()
