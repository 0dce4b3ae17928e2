"""What can be set for a run, and what it is unless somebody sets it: the one place for names and defaults."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

TIMEOUT, FLEX_TIMEOUT = 300.0, 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What flags of `generate` say, under their names and with their defaults. Seconds, US dollars.

    `timeout`: None means TIMEOUT, and FLEX_TIMEOUT at tier flex, where answers may have to wait for minutes.
    """

    num: int = 1000
    seed: int | None = None
    provider: str | None = None
    base_url: str | None = None
    insecure_http: bool = False
    model: str | None = None
    temperature: float | None = None
    param: Sequence[str] = ()
    tier: str | None = None
    budget: Decimal | None = None
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    price_cached: Decimal | None = None
    concurrency: int = 256
    no_adaptive: bool = False
    rpm: int | None = None
    tpm: int | None = None
    timeout: float | None = None
    retries: int = 8
    reasks: int = 3
    give_up: float = 600.0
    grace: float = 30.0
    output: Path | None = None
    save_metadata: bool = False
    append: bool = False
    overwrite: bool = False
    allow_changed: bool = False
    batch: bool = False
    batch_size: int | None = None
    batch_files: Path | None = None
    detach: bool = False
    cancel: bool = False
    finish_live: bool = False
    no_live: bool = False
    forget_batch: Sequence[str] = ()


DEFAULTS = Settings()
