"""One shard as a run: the settings of all of them, over its own indices and with its part of money and pace."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from asyncgen.errors import ConfigError
from asyncgen.pacing.rates import Rates
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.open import Beside, conversations, make_header, nothing_beside
from asyncgen.shards.cut import name_shard
from asyncgen.shards.plan import VERSION, ShardFolder, ShardPlan
from asyncgen.shards.publish import published
from asyncgen.shards.stored import StoredShards
from asyncgen.text import quantity

PATIENCE = 120.0  # seconds for an orphan on a lost node, whose shard was given to this one meanwhile
_SHARD = re.compile(r"(--shard(?:=|\s+))auto\S*")


def make_plan(config: GenerateConfig, size: int, at_once: int, words: tuple[str, ...]) -> ShardPlan:
    """Raises ConfigError for a pace that cannot be divided."""
    _divide_rates(config, at_once)
    header = make_header(config, conversations(config))
    return ShardPlan(version=VERSION, asyncgen=header.asyncgen, size=size, at_once=at_once, words=words, header=header)


def of_shard(
    config: GenerateConfig,
    folder: ShardFolder,
    plan: ShardPlan,
    number: int,
    *,
    is_pooled: bool = False,
) -> GenerateConfig:
    """`config`: of a run of all; one that `is_pooled` has no part of its own of their budget and rates.

    Raises ConfigError for a run that is not as planned.
    """
    if config.append:
        raise ConfigError(
            "--append is not for a shard: lines that nothing is known of would be no indices of it; leave it out"
        )
    if config.plan.num != plan.num:
        raise ConfigError(f"-n {config.plan.num}: the plan has {plan.num:,}, and stays so; leave -n out")
    plan.check(make_header(config, conversations(config)))
    indices = plan.indices(number)
    budget = config.plan.budget
    command = _SHARD.sub(rf"\g<1>{number}/{len(plan)}", config.continue_command)
    if budget is not None and "--budget" not in command:
        command += f" --budget {budget}"  # where it is raised when it is used up
    config = replace(
        config,
        plan=replace(config.plan, first=indices.start, num=len(indices)),
        output=folder.shard(number).output,
        patience=PATIENCE,
        is_part=True,
        continue_command=command,
    )
    if is_pooled:
        return config
    share = Decimal(len(indices)) / plan.num
    return replace(
        config,
        plan=replace(config.plan, budget=None if budget is None else budget * share),
        share=share,
        rates=_divide_rates(config, plan.at_once),
    )


@dataclass(frozen=True, slots=True)
class ShardRun:
    """`beside`: what goes on beside it. `made`: where the shard is, if that is all made and nothing of it is here."""

    config: GenerateConfig
    beside: Beside = nothing_beside
    made: str | None = None


def of_stored_shard(
    config: GenerateConfig,
    shards: StoredShards,
    plan: ShardPlan,
    number: int,
    *,
    local: Path,
    is_pooled: bool = False,
) -> ShardRun:
    """The same for one in object storage, which is made in a folder of this machine, below `local`, and published."""
    folder, path = shards.local(local), f"{shards.path}/{name_shard(number)}/"
    in_a_folder = "one machine alone would know what is out; plan them in a folder that all machines see instead"
    for flag, is_given, instead in (
        ("--batch", config.batching is not None, in_a_folder),
        ("--overwrite", config.overwrite, f"delete what is in {path} and {folder.shard(number).output}* instead"),
    ):
        if is_given:
            raise ConfigError(f"{flag} is not for a shard in object storage: {instead}")
    shards.check_storage(plan)
    try:
        folder.put_plan(plan)
    except ConfigError as error:
        raise ConfigError(
            f"{folder.path} was made for another plan in {shards.path}: delete it, or name another folder with --local "
            f"({error})"
        ) from error
    config = of_shard(config, folder, plan, number, is_pooled=is_pooled)
    shard = shards.shard(number)
    shard.look()
    newest = None if folder.is_begun(number) else shard.newest
    is_made = newest is not None and newest.sums.done == config.plan.num
    return ShardRun(config, partial(published, shard, patience=PATIENCE), shard.path if is_made else None)


def _divide_rates(config: GenerateConfig, workers: int) -> Rates:
    """What each of the workers may use, so that all of them never use more."""
    requests, tokens = config.rates.requests, config.rates.tokens
    return Rates(_divide("--rpm", requests, workers, config), _divide("--tpm", tokens, workers, config))


def _divide(flag: str, rate: int | None, workers: int, config: GenerateConfig) -> int | None:
    if rate is None:
        return None
    if (part := rate // workers) < (least := max(1, len(config.plan.models))):
        raise ConfigError(
            f"{flag} {rate}: expected {workers * least} or more, for {quantity(workers, 'shard')} at a time"
        )
    return part
