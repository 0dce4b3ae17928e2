"""What a run was asked to do, in frozen values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from asyncgen.endpoint.presets import Endpoint
from asyncgen.endpoint.tiers import asked_tier
from asyncgen.money.price import Price
from asyncgen.output.keys import Keys
from asyncgen.pacing.rates import Rates
from asyncgen.recipe.recipe import MODEL, JsonValue, Recipe
from asyncgen.timings import USUAL, Timings

_BUDGET = re.compile(r"(--budget(?:=|\\?\s+))[^\s'\"\\]+")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is to make: of what recipe and how much, whom it asks, and for how much; `plan` shows it.

    `num`: indices, from `first` on. `models`: the settings by model, where several share the work; `settings` are those
    of the first. `seats`: the settings of those who are asked otherwise than the others. `budget` in US dollars;
    `price`: the one given by flags. `keys`: what is to be made, where it is more than a number of indices.
    """

    recipe: Recipe
    endpoint: Endpoint
    settings: Mapping[str, JsonValue]
    seed: int | None
    num: int
    concurrency: int
    first: int = 0
    budget: Decimal | None = None
    price: Price | None = None
    models: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    keys: Keys | None = None
    seats: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)

    def settings_of(self, seat: str) -> Mapping[str, JsonValue]:
        """What a seat of the job is asked with: a model's name, or another one's where one model answers all."""
        return self.models.get(seat) or self.seats.get(seat, self.settings)

    def model_of(self, seat: str) -> str:
        return str(self.settings_of(seat)[MODEL])

    @property
    def tiers(self) -> frozenset[str]:
        """The service tiers that its calls ask for, but for the usual one."""
        tiers = map(asked_tier, self.models.values() or [self.settings])
        return frozenset(each for each in tiers if each is not None)

    @property
    def model(self) -> str:
        return str(self.settings[MODEL])

    @property
    def default_output(self) -> Path:
        return name_output(self.recipe.name, self.endpoint)


def name_output(recipe: str, endpoint: Endpoint) -> Path:
    """Where conversations go. Quotations and a model's writing never share a file, so they differ in name."""
    return Path("data") / f"{recipe}{'.offline' if endpoint.is_offline else ''}.jsonl"


@dataclass(frozen=True, slots=True)
class Batching:
    """How a run asks in batches.

    `size`: lines of one at most. `files`: the folder for those of a server without a call for them. `detach`: leave
    when all that fits is under way. `cancel`: end what is under way, and collect it. `finish_live`: make no further
    batch. `no_live`: make nothing by live calls.
    """

    size: int | None = None
    files: Path | None = None
    detach: bool = False
    cancel: bool = False
    finish_live: bool = False
    no_live: bool = False


@dataclass(frozen=True, slots=True)
class GenerateConfig:
    """A run of `generate`. Times in seconds. `continue_command`: what a user types to go on after a stop.

    `patience`: how long another run on the output gets to end. `share`: this run's part of the budget that is given.
    `is_part`: its output is one of several, in which no line has a place that is no index of it. `batching`: None where
    every call is a live one. `forgotten`: labels of batches that are given up.
    """

    plan: RunPlan
    output: Path
    timeout: float
    retries: int
    reasks: int
    grace: float
    give_up: float
    adaptive: bool
    rates: Rates
    save_metadata: bool
    append: bool
    overwrite: bool
    allow_changed: bool
    notices: Sequence[str]
    batching: Batching | None = None
    forgotten: Sequence[str] = ()
    patience: float = 0.0
    share: Decimal = Decimal(1)
    is_part: bool = False
    log: Path | None = None
    show: bool = False
    quiet: bool = False
    debug: bool = False
    continue_command: str = ""
    timings: Timings = USUAL


def raise_budget(command: str, limit: Decimal) -> str:
    """The command that goes on with another budget."""
    return _BUDGET.sub(rf"\g<1>{limit}", command)
