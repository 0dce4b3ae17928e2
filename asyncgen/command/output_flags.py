"""What the commands that look at an output have in common: which one, what it is judged by, and its audit."""

import argparse
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asyncgen.command.parser import Parser
from asyncgen.did_you_mean import nearest
from asyncgen.errors import ConfigError
from asyncgen.shards.address import local_path, path_or_url
from asyncgen.shards.cut import SUFFIX

if TYPE_CHECKING:
    from asyncgen.audit.results import Audit
    from asyncgen.data.dataset import Dataset
    from asyncgen.recipe.recipe import Recipe


def add_output(parser: Parser) -> None:
    parser.add_argument("output", type=output_path, metavar="OUTPUT", help="an output of generate")


def output_path(text: str) -> Path:
    """Of one that is not there, what was meant: the offline engine's has a name of its own."""
    from asyncgen.output.paths import SIDE_SUFFIXES
    from asyncgen.shards.plan import ShardFolder

    path = path_or_url(text)
    if isinstance(path, str):
        raise argparse.ArgumentTypeError(
            "what is in object storage is cut into shards: asyncgen merge ADDRESS -o FILE makes one file of them here"
        )
    if ShardFolder.find(path):
        return path
    # os.path has no error for what may not be looked at: who opens it says so.
    if os.path.isdir(path):  # noqa: PTH112
        raise argparse.ArgumentTypeError(f"{text} is a folder; name a file in it")
    if path.suffix in SIDE_SUFFIXES and os.path.isfile(path) and os.path.lexists(path.with_suffix("")):  # noqa: PTH113
        raise argparse.ArgumentTypeError(f"{text} stands beside an output; name that: {path.with_suffix('')}")
    if any(os.path.lexists(f"{path}{suffix}") for suffix in ("", ".journal", SUFFIX)):
        return path
    stems: list[str] = []
    with contextlib.suppress(OSError):  # what is wrong with the path is said by who opens it
        stems += (each.stem for each in path.parent.iterdir() if each.suffix == ".jsonl")
    if stem := nearest(path.name.removesuffix(".jsonl"), stems):
        raise argparse.ArgumentTypeError(f"{text} is not there; did you mean {path.with_name(f'{stem}.jsonl')}?")
    return path


def add_sources(parser: Parser) -> None:
    add = parser.add_argument
    add("--recipe", metavar="RECIPE", help="the recipe to judge by (default: that of the run)")
    add(
        "--knowledge", type=local_path, metavar="FILE", help="the knowledge base to judge by (default: that of the run)"
    )


def check_is_one_file(output: Path) -> None:
    """Raises ConfigError for shards."""
    from asyncgen.shards.plan import ShardFolder

    if folder := ShardFolder.find(output):
        raise ConfigError(
            f"{output} is cut into shards: asyncgen merge {folder.stem} makes one file of them, {folder.merged}"
        )


def open_dataset(flags: argparse.Namespace) -> "Dataset":
    from asyncgen.data.dataset import Dataset

    check_is_one_file(flags.output)
    return Dataset.open(flags.output, recipe=flags.recipe, knowledge=flags.knowledge)


def find_sources(dataset: "Dataset", lacking: str) -> "tuple[Recipe, str]":
    """Recipe and knowledge base. Raises ConfigError where they are not at hand; `lacking`: what that means."""
    if dataset.recipe is None or dataset.knowledge is None:
        why = "; ".join(dataset.notes) or "no recipe is known"
        if dataset.header is None:
            why = "no journal beside it says by which recipe it was made; --recipe names one"
        raise ConfigError(f"{dataset.paths.output}: {lacking}: {why}")
    return dataset.recipe, dataset.knowledge


def find_audit(flags: argparse.Namespace, dataset: "Dataset", flag: str, rules: Sequence[str]) -> "Audit":
    """The audit beside the output while it is true of it; otherwise one made now, which is not written."""
    from asyncgen.audit.audit import check_rules_ran
    from asyncgen.audit.kept import read_audit

    audit = read_audit(dataset) if flags.recipe is None and flags.knowledge is None else None
    if audit is None:
        return make_audit(dataset, flag, rules)
    check_rules_ran(flag, rules, audit.rules)
    return audit


def make_audit(dataset: "Dataset", flag: str, rules: Sequence[str], jobs: int | None = None) -> "Audit":
    """`jobs`: processes to look at lines; as many as there are cores when nothing is said."""
    from asyncgen.audit.audit import audit_dataset, check_rules_ran, rules_to_run
    from asyncgen.screen.bar import shown_progress

    check_rules_ran(flag, rules, rules_to_run(dataset))
    with shown_progress() as progress:
        return audit_dataset(dataset, progress=progress, jobs=jobs or os.cpu_count() or 1)
