"""Settings as a Python program gives them: named, read and refused like the flags."""

import argparse
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, TypedDict

import msgspec

from asyncgen.api.background import log
from asyncgen.did_you_mean import did_you_mean
from asyncgen.endpoint.presets import PROVIDERS
from asyncgen.endpoint.tiers import TIERS
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import JsonValue, Recipe
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.configure import configure_run, read_environment
from asyncgen.runs.settings import Settings
from asyncgen.runs.values import budget, price, seconds, seconds_or_none, seed, temperature, whole
from asyncgen.shards.address import local_path
from asyncgen.shards.plan import check_no_plan


class GivenSettings(TypedDict, total=False):
    """What `generate` and `run` take beside a recipe; None stands for the default. Seconds, and US dollars.

    `asyncgen help commands` says what each is, under its flag: `give_up` is `--give-up`.
    """

    num: int | str | None
    seed: int | None
    provider: str | None
    base_url: str | None
    insecure_http: bool | None
    model: str | None
    temperature: float | None
    param: Mapping[str, JsonValue] | Sequence[str] | None
    tier: str | None
    budget: Decimal | float | str | None
    price_in: Decimal | float | str | None
    price_out: Decimal | float | str | None
    price_cached: Decimal | float | str | None
    concurrency: int | None
    no_adaptive: bool | None
    rpm: int | None
    tpm: int | None
    timeout: float | None
    retries: int | None
    reasks: int | None
    give_up: float | None
    grace: float | None
    output: str | os.PathLike[str] | None
    save_metadata: bool | None
    append: bool | None
    overwrite: bool | None
    allow_changed: bool | None
    batch: bool | None
    batch_size: int | None
    batch_files: str | os.PathLike[str] | None
    detach: bool | None
    cancel: bool | None
    finish_live: bool | None
    no_live: bool | None
    forget_batch: Sequence[str] | None


# What is read as the flag of that name reads it.
_READ: Mapping[str, Callable[[str], object]] = {
    "num": whole(1),
    "seed": seed,
    "temperature": temperature,
    "budget": budget,
    "price_in": price,
    "price_out": price,
    "price_cached": price,
    "concurrency": whole(1),
    "rpm": whole(1),
    "tpm": whole(1),
    "timeout": seconds,
    "retries": whole(0),
    "reasks": whole(0),
    "give_up": seconds,
    "grace": seconds_or_none,
    "batch_size": whole(1),
}
_CHOICES: Mapping[str, Collection[str]] = {"provider": PROVIDERS, "tier": TIERS}
_OF_RECIPE = ("knowledge", "set", "variables")
_NAMES = tuple(each.name for each in fields(Settings))


def configure(recipe: Recipe, given: Mapping[str, Any], environment: Mapping[str, str] | None) -> GenerateConfig:
    """`environment` stands in place of the process's and `.env`. Raises ConfigError."""
    settings = {name: _check(name, value) for name, value in given.items() if value is not None or name not in _NAMES}
    config = configure_run(
        recipe, Settings(**settings), read_environment(log.warning) if environment is None else environment
    )
    check_no_plan(config.output)
    return config


def _check(name: str, value: Any) -> Any:
    """What `Settings` holds; a value that is none of its kind is a ConfigError."""
    if name not in _NAMES:
        loaded = "; give what asyncgen.load_recipe(source, knowledge=..., variables={...}) returns"
        hint = loaded if name in _OF_RECIPE else did_you_mean(name, _NAMES)
        raise ConfigError(f"there is no setting {name!r}{hint}")
    if read := _READ.get(name):
        return _read(name, read, str(value))
    if name == "param":
        return _read_params(value)
    if name == "forget_batch":
        return [*value] if isinstance(value, list | tuple) else [value]
    if name in ("output", "batch_files"):
        if not isinstance(value, str | os.PathLike) or not os.fspath(value):
            raise ConfigError(f"{name}: expected a path, got {value!r}")
        return _read(name, local_path, os.fsdecode(value))
    if (choices := _CHOICES.get(name)) and value not in choices:
        hint = did_you_mean(str(value), choices)
        raise ConfigError(f"{name}: expected one of {', '.join(choices)}, got {value!r}{hint}")
    kind = str if name in ("provider", "base_url", "model", "tier") else bool
    if not isinstance(value, kind):
        raise ConfigError(f"{name}: expected a {kind.__name__}, got {value!r}")
    return value


def _read(name: str, read: Callable[[str], Any], value: str) -> Any:
    try:
        return read(value)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"{name}: {error}") from None


def _read_params(given: Any) -> list[str]:
    """As flags say them: KEY=VALUE."""
    if isinstance(given, Sequence) and not isinstance(given, str) and all(isinstance(each, str) for each in given):
        return list(given)
    if not isinstance(given, Mapping):
        raise ConfigError(f'param: expected a table such as {{"top_p": 0.9}}, or a list of KEY=VALUE, got {given!r}')
    try:
        return [f"{key}={msgspec.json.encode(value).decode()}" for key, value in given.items()]
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"param: expected what JSON can say, got {given!r}") from error
