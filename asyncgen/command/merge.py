"""`asyncgen merge`: all shards as one output."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.stderr import say
from asyncgen.errors import ConfigError
from asyncgen.shards.address import path_or_url
from asyncgen.text import quantity

if TYPE_CHECKING:
    from asyncgen.shards.merge import Obstacle, Remedy
    from asyncgen.shards.places import Shards

SHOWN = 20  # shards, one a line
ABOUT = (
    "Every index once, proved from the journals of the shards, which stay as they are. With a journal for the whole: "
    "status, audit, view and export work on it, and generate goes on with it. May be repeated; it appears whole."
)
CLOSING: Sections = {
    EXAMPLES: {
        "merge data/x": "data/x.jsonl, of what is in data/x.shards",
        "merge s3://bucket/x -o data/x.jsonl": "the same of shards in object storage",
    },
    "exit status": {
        "0": "merged, all indices are there",
        "1": "nothing written: shards are missing, unfinished or damaged; it names what makes them",
        "2": "usage or configuration",
        "3": "merged, but some indices had failed in their shards",
    },
}


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "shards", type=path_or_url, metavar="OUTPUT", help="what asyncgen shards has planned, as data/x"
    )
    parser.add_argument(
        "--output", "-o", type=path_or_url, metavar="FILE", help="where the lines go (default: OUTPUT.jsonl)"
    )


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.output.indices import write_indices
    from asyncgen.screen.bar import shown_progress
    from asyncgen.shards.merge import merge
    from asyncgen.shards.places import shards_of

    shards = shards_of(flags.shards)
    plan, output = shards.read_plan(), flags.output or shards.merged
    if isinstance(output, str):
        raise ConfigError(f"--output {output}: name a file on this machine")
    with interrupts_raised(), shown_progress() as progress:
        merged = merge(shards, plan, output, progress=progress, say=say)
    if merged.obstacles:
        for number, obstacle in list(merged.obstacles.items())[:SHOWN]:
            say(f"shard {number} {obstacle.text}")
        say(f"{output} is not written: {len(merged.obstacles):,} of {quantity(len(plan), 'shard')} not whole")
        for step in _next_steps(flags, shards, len(plan), merged.obstacles):
            say(f"to go on: {step}")
        return 1
    say(f"{output}: {quantity(merged.lines, 'conversation')} of {quantity(len(plan), 'shard')}")
    if merged.failed:
        failed = [index for indices in merged.failed.values() for index in indices]
        say(f"failed: {len(failed):,} of {quantity(plan.num, 'index', 'indices')}: {write_indices(failed)}")
        say(f"to go on: {_line_that_makes(shards, len(plan), list(merged.failed))}")
        return 3
    return 0


def _next_steps(
    flags: argparse.Namespace, shards: "Shards", number: int, obstacles: "Mapping[int, Obstacle]"
) -> Iterator[str]:
    """What mends obstacles of shards, of which there is that number in all."""
    from asyncgen.output.indices import write_indices
    from asyncgen.screen.rows import command_line
    from asyncgen.shards.cut import name_shard
    from asyncgen.shards.plan import ShardFolder

    by_remedy: dict[Remedy, list[int]] = {}
    for each, obstacle in obstacles.items():
        by_remedy.setdefault(obstacle.remedy, []).append(each)
    if pending := by_remedy.get("its next run"):
        yield _line_that_makes(shards, number, pending)
    damaged = by_remedy.get("anew", [])
    if not isinstance(shards, ShardFolder):
        damaged = sorted(damaged + by_remedy.get("by hand", []))  # nobody edits an object
        if damaged:
            objects = f"all objects of shards {write_indices(damaged)}, as {shards.path}/{name_shard(damaged[0])}/"
            yield f"delete {objects}, and then {_line_that_makes(shards, number, damaged)}"
        return
    if "by hand" in by_remedy:
        again = command_line("merge", shards.stem, *([] if flags.output is None else ["-o", flags.output]))
        yield f"delete the lines that are named, and then {again}"
    if damaged:
        yield _line_that_makes(shards, number, damaged, "--overwrite")


def _line_that_makes(shards: "Shards", number: int, wanted: Sequence[int], *flags: str) -> str:
    from asyncgen.output.indices import write_indices
    from asyncgen.screen.rows import command_line

    line = command_line("generate", "--shard", f"{wanted[0]}/{number}", "-o", shards.stem, *flags)
    return line if len(wanted) == 1 else f"{line} (shards {write_indices(wanted)} likewise)"
