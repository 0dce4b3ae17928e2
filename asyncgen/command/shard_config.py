"""Turns what was typed into the configuration of shards: of all that are planned, and of one."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from asyncgen.command.config import read_generate_config, read_recipe, read_settings
from asyncgen.errors import ConfigError
from asyncgen.output.lock import last_heard
from asyncgen.runs.configure import configure_run
from asyncgen.runs.open import nothing_beside
from asyncgen.screen.rows import command_line
from asyncgen.shards.cut import check_cut
from asyncgen.shards.levels import levelled
from asyncgen.shards.places import shards_of
from asyncgen.shards.plan import ShardFolder, ShardPlan
from asyncgen.shards.pooled import pooled
from asyncgen.shards.shard import ShardRun, make_plan, of_shard, of_stored_shard
from asyncgen.text import is_utf8
from asyncgen.timings import USUAL, Timings


def read_shard_plan(
    flags: argparse.Namespace, environment: Mapping[str, str], timings: Timings = USUAL
) -> tuple[ShardPlan, Sequence[str]]:
    """A plan of shards of what `generate` would make with these flags, and what should be known of it."""
    check_cut(flags.num, flags.size)
    words = flags.parser.root.argv[1:]
    if unknown := [word for word in words if not is_utf8(word)]:
        raise ConfigError(f"{unknown[0]!r} is not UTF-8, in which a plan is written: choose another name")
    config = configure_run(read_recipe(flags), read_settings(flags), environment, timings=timings)
    return make_plan(config, flags.size, flags.at_once, tuple(words)), config.notices


def read_shard_config(
    flags: argparse.Namespace, environment: Mapping[str, str], command: str, timings: Timings = USUAL
) -> ShardRun:
    """Of one shard: what its plan was made with stands for the flags that are not given here. Raises ConfigError."""
    if flags.output is None:
        raise ConfigError("--shard: name with --output what asyncgen shards has planned")
    shards = shards_of(flags.output)
    plan, parser, argv = shards.read_plan(), flags.parser, flags.parser.root.argv
    planned = parser.root.commands["shards"].parse_args(plan.words)
    given = parser.parse_args(argv[1:], planned)
    given.output = None  # each has its own
    config = read_generate_config(given, environment, command, timings)
    number = flags.shard.choose(len(plan), environment)
    if isinstance(shards, ShardFolder):
        config = of_shard(config, shards, plan, number, is_pooled=flags.pooled)
        run = ShardRun(config, partial(levelled, nothing_beside) if config.adaptive else nothing_beside)
    else:
        run = of_stored_shard(config, shards, plan, number, local=flags.local, is_pooled=flags.pooled)
    if not flags.pooled:
        return run
    return replace(run, beside=partial(pooled, run.beside, number, run.config.rates))


def shards_commands(output: Path | str, made: Path) -> list[str]:
    """What one does when a shard is `made`: all of them are put together where no other one is under way, or waits.

    Their journals are not read for it: `merge` does that, and names what is not whole.
    """
    shards = shards_of(output)
    commands = [command_line("status", shards.stem)]
    if isinstance(shards, ShardFolder):
        others = [each for number in range(len(shards.read_plan())) if (each := shards.shard(number)).output != made]
        if all(each.journal.exists() and last_heard(each) is None for each in others):
            commands.append(command_line("merge", shards.stem))
    return commands
