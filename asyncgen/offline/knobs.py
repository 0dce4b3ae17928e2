"""How the engine misbehaves on request: latency, faults, and which call gets which.

The draw depends on the seed and on a call's sequence number only, so that a retry of the same request draws anew and
a run of tests can be repeated.
"""

import random
from dataclasses import dataclass, fields
from enum import Enum, auto

from asyncgen.errors import ConfigError

_LONG_TAIL = 10  # times the latency


class Fault(Enum):
    """One value per knob that is a share, in the order of the draw."""

    RATE_LIMITED = auto()
    SERVER_ERRORS = auto()
    RESETS = auto()
    HANGS = auto()
    TRUNCATED = auto()
    MALFORMED = auto()
    WRONG_SCHEMA = auto()
    EMPTY = auto()


@dataclass(frozen=True, slots=True)
class Knobs:
    """Shares are of all calls, from 0 to 1, and add up to at most 1; times are seconds.

    `unauthorized_after` and `no_money_after`: calls served before every further one is refused; None for never.
    """

    latency: float = 0.0
    jitter: float = 0.0
    long_tail: float = 0.0
    seed: int = 0
    rate_limited: float = 0.0
    retry_after: float = 1.0
    server_errors: float = 0.0
    resets: float = 0.0
    hangs: float = 0.0
    truncated: float = 0.0
    malformed: float = 0.0
    wrong_schema: float = 0.0
    empty: float = 0.0
    unauthorized_after: int | None = None
    no_money_after: int | None = None
    canned: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and field.name != "seed" and not 0 <= value < float("inf"):
                raise ConfigError(f"{_flag(field.name)}: expected 0 or more, got {value}")
        if self.long_tail > 1:
            raise ConfigError(f"--long-tail: expected a share from 0 to 1, got {self.long_tail}")
        if sum(self.shares.values()) > 1 + 1e-9:
            names = ", ".join(_flag(fault.name) for fault, share in self.shares.items() if share)
            raise ConfigError(f"{names}: the shares add up to more than 1")

    @property
    def shares(self) -> dict[Fault, float]:
        return {fault: float(getattr(self, fault.name.lower())) for fault in Fault}


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one call: how long it takes, and what goes wrong."""

    latency: float
    fault: Fault | None


class Fates:
    """Draws the fate of each call."""

    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._shares = {fault: share for fault, share in knobs.shares.items() if share}
        self._is_constant = not (self._shares or knobs.jitter or knobs.long_tail)
        self._constant = Fate(knobs.latency, None)

    def draw(self, sequence: int) -> Fate:
        if self._is_constant:
            return self._constant
        rng = random.Random(f"{self._knobs.seed}:{sequence}")  # noqa: S311 - repeatable, not secret
        return Fate(self._draw_latency(rng), self._draw_fault(rng))

    def _draw_latency(self, rng: random.Random) -> float:
        latency = self._knobs.latency + rng.uniform(0.0, self._knobs.jitter)
        return latency * _LONG_TAIL if rng.random() < self._knobs.long_tail else latency

    def _draw_fault(self, rng: random.Random) -> Fault | None:
        drawn = rng.random()
        for fault, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None


def _flag(name: str) -> str:
    return f"--{name.lower().replace('_', '-')}"
