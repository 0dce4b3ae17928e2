"""What a run was asked to do, from its flags; they and the environment are read once, into frozen values."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

from asyncgen.audit.rules import find_wrong_names
from asyncgen.endpoint.presets import provider_and_address
from asyncgen.errors import ConfigError
from asyncgen.output.grades import grades_paths
from asyncgen.output.journal import OBJECTS, Header
from asyncgen.output.keys import Keys
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import JsonValue, Recipe
from asyncgen.runs.config import GenerateConfig, RunPlan
from asyncgen.runs.configure import configure_plan, configure_run
from asyncgen.runs.settings import Settings
from asyncgen.timings import USUAL, Timings

# Flags that are for once, with the blank before them, which under make is quoted by a backslash.
_ONCE = re.compile(
    r"""(?:\\?\s|(?<=[='"]))(?:--overwrite|--take|--cancel|--forget-batch(?:=|\\?\s)\w+)(?=\\?\s|['"]|$)"""
)
_SETTINGS = frozenset(each.name for each in fields(Settings))


def read_generate_config(
    flags: argparse.Namespace, environment: Mapping[str, str], command: str, timings: Timings = USUAL
) -> GenerateConfig:
    """Raises ConfigError for flags, recipe, key or address that cannot be used. `command`: the line as typed."""
    if isinstance(flags.output, str):
        raise ConfigError(
            f"--output {flags.output}: an object cannot be appended to; a run that is cut into shards is published "
            "as it goes on, with --shard, once asyncgen shards has planned it there"
        )
    recipe, settings = read_recipe(flags), read_settings(flags)
    return replace(_configure(flags, recipe, settings, environment, command=command, timings=timings), show=flags.show)


def read_judge_config(
    flags: argparse.Namespace, recipe: Recipe, keys: Keys, environment: Mapping[str, str], command: str
) -> GenerateConfig:
    """As above, for judgements of what `keys` stand for. `recipe`: how a judge is asked; see `judge_recipe`."""
    output = grades_paths(OutputPaths.of(flags.output)).output
    settings = replace(read_settings(flags), output=output)
    config = _configure(flags, recipe, settings, environment, command=command, timings=flags.timings)
    return replace(config, plan=replace(config.plan, keys=keys))


def read_repair_config(
    flags: argparse.Namespace,
    recipe: Recipe,
    keys: Keys,
    environment: Mapping[str, str],
    command: str,
    *,
    header: Header,
    output: Path,
) -> GenerateConfig:
    """As above, for lines that are made again as the run has made them whose `header` it is.

    With --take nobody is asked: then who was is known without flags, and there needs to be no key.
    """
    if not header.models:
        recipe = replace(recipe, request=cast("Mapping[str, JsonValue]", header.request))
    settings = replace(
        read_settings(flags), output=output, seed=header.seed, save_metadata=header.line_format == OBJECTS
    )
    if flags.take:
        provider, base_url = provider_and_address(header.provider, header.base_url)
        settings = replace(settings, provider=provider, base_url=base_url)
    config = _configure(
        flags, recipe, settings, environment, command=command, timings=flags.timings, asks=not flags.take
    )
    return replace(config, plan=replace(config.plan, keys=keys))


def _configure(
    flags: argparse.Namespace,
    recipe: Recipe,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    command: str,
    timings: Timings,
    asks: bool = True,
) -> GenerateConfig:
    config = configure_run(recipe, settings, environment, log=flags.log, timings=timings, asks=asks)
    # Going on must not set aside, cancel or give up what there is to go on with.
    again = _ONCE.sub("", environment.get("ASYNCGEN_COMMAND", command))
    return replace(config, quiet=flags.quiet, debug=flags.debug, continue_command=again)


def read_plan(flags: argparse.Namespace, environment: Mapping[str, str]) -> RunPlan:
    """The part of the flags that `generate` and `plan` share; planning needs no key. Raises ConfigError."""
    return configure_plan(read_recipe(flags), read_settings(flags), environment)


def read_recipe(flags: argparse.Namespace) -> Recipe:
    return load_recipe(
        flags.recipe, knowledge=flags.knowledge, variables=dict(flags.variables), check_audit=find_wrong_names
    )


def read_settings(flags: argparse.Namespace) -> Settings:
    settings = {name: value for name, value in vars(flags).items() if name in _SETTINGS}
    if isinstance(settings.get("output"), str):  # an address, below which each shard has its own output
        settings["output"] = None
    return Settings(**settings)
