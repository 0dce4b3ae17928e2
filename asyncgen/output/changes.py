"""What a run asks for that differs from what an output was made with, in words."""

from collections.abc import Collection
from typing import TypeVar

import msgspec

from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError
from asyncgen.output.batches import Batches
from asyncgen.output.journal import JUDGEMENTS, Header
from asyncgen.output.paths import OutputPaths
from asyncgen.text import quantity

MADE_AGAIN = "what is made again"  # among a repair's digests, and told in full: the flags by which it is found
PLURAL = ("prompts", "rules")  # among the parts of a recipe
AGAIN = "again"  # the seat of a judge's second opinion, with which the parts of its digests begin
START_ANEW = "--overwrite starts anew and keeps the files under another name"
T = TypeVar("T")


def differences(old: Header, new: Header) -> list[str]:
    """What has changed between two runs and shapes the data, each as a phrase; empty when a run can go on."""
    changed = [
        f"{name}: {_json(old.variables.get(name))} -> {_json(new.variables.get(name))} (--set)"
        for name in _different(old.variables, new.variables)
    ]
    parts = _different(old.digests, new.digests)
    seconds = [
        part for part in parts if part.startswith(f"{AGAIN} ") and (part in old.digests) != (part in new.digests)
    ]
    if new.kind == JUDGEMENTS and seconds:
        changed.append(
            "judged --twice there, once here" if seconds[0] in old.digests else "judged once there, --twice here"
        )
        parts = [part for part in parts if part not in seconds]
    changed += [f"{part} {'have' if part.removeprefix(f'{AGAIN} ') in PLURAL else 'has'} changed" for part in parts]
    if old.sampling != new.sampling:
        changed.append(f"sampling: {old.sampling} -> {new.sampling}")
    if old.seed != new.seed:
        changed.append(f"seed: {_json(old.seed)} -> {_json(new.seed)}")
    changed += [
        f"{key}: {_json(old.shaping.get(key))} -> {_json(new.shaping.get(key))}"
        for key in _different(old.shaping, new.shaping)
    ]
    for model in _different(old.shaping_models, new.shaping_models):
        before, after = old.shaping_models.get(model, {}), new.shaping_models.get(model, {})
        changed += [
            f"{model}, {key}: {_json(before.get(key))} -> {_json(after.get(key))}" for key in _different(before, after)
        ]
    return changed


def has_one_place(header: Header) -> bool:
    """Whether no --output is chosen: the grades of an output have their place, and so has its repair."""
    return header.kind == JUDGEMENTS or MADE_AGAIN in header.digests


def elsewhere(header: Header) -> str:
    """What to do where a run may not go on."""
    return START_ANEW if has_one_place(header) else "choose another --output"


def check_same_kind(paths: OutputPaths, old: Header, new: Header, *, instead: str = "") -> None:
    """Raises ConfigError for what no flag allows. `instead`: what to do, where another output is none.

    That is quotations among a model's writing, two line formats, and making again what a filter has left out.
    """
    instead = instead or elsewhere(new)
    if old.filtered:
        raise ConfigError(
            f"{paths.output} is what a filter has kept of {old.filtered[-1].source}, and a run would make again what "
            "was left out: generate there and filter again, or choose another --output"
        )
    if (old.provider == OFFLINE) != (new.provider == OFFLINE):
        raise ConfigError(
            f"{paths.output} was made by {old.maker}, this run would use {new.maker}: the offline engine and "
            f"a model never share an output; {instead}"
        )
    if old.first != new.first:
        raise ConfigError(
            f"{paths.output} holds indices from {old.first:,} on, this run would make those from {new.first:,} on: a "
            "shard is made with --shard, as its plan has it; choose another --output"
        )
    if old.kind != new.kind:
        raise ConfigError(f"{paths.output} holds {old.kind}, this run would make {new.kind}; {instead}")
    if old.line_format != new.line_format:
        raise ConfigError(
            f"{paths.output} holds lines of {old.line_format}, this run would write {new.line_format} "
            "(--save-metadata): the format of a file cannot change; choose another --output"
        )


def check_none_is_under_way(labels: Collection[str]) -> None:
    """Raises ConfigError for batches that would run on, billed and forgotten."""
    if labels:
        forget = " ".join(f"--forget-batch {label}" for label in sorted(labels))
        raise ConfigError(
            f"--overwrite: batches under way would be billed and forgotten: let a run collect them first, end them "
            f"with --cancel, or give them up with {forget}"
        )


def check_batches(batches: Batches, old: Header, new: Header, *, collects: bool) -> None:
    """Raises ConfigError for what would lose batches that are out, pay for their lines twice, or mix them with others.

    No flag allows it. What they bring is collected first.
    """
    if not batches.open:
        return
    under_way = f"{quantity(len(batches.open), 'batch is', 'batches are')} under way"
    it = "it" if len(batches.open) == 1 else "them"
    forget = f"give {it} up with --forget-batch {' --forget-batch '.join(batches.open)}"
    if not collects:
        raise ConfigError(f"{under_way}, and what is in {it} would be paid for twice: add --batch, or {forget}")
    if old.asked != new.asked:
        raise ConfigError(
            f"{under_way}, asked for with other settings: let a run with those collect {it} first, or {forget}"
        )
    for batch in batches.open.values():
        if batch.intent.base_url != new.base_url:
            where = batch.intent.base_url
            raise ConfigError(f"{under_way} at {where}, which only that address can tell of: ask there, or {forget}")
    if (most := max(batch.indices[-1] for batch in batches.open.values())) not in new.indices:
        wanted = most + 1 - new.first
        raise ConfigError(
            f"--num {new.num}: {under_way}, with conversations of -n {wanted}: collect {it} with that first"
        )


def _different(old: dict[str, T], new: dict[str, T]) -> list[str]:
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]


def _json(value: object) -> str:
    text = "none" if value is None else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004
