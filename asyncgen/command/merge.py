"""`asyncgen merge`: all shards as one output."""

import argparse
from collections.abc import Iterable

from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.stderr import say
from asyncgen.errors import ConfigError
from asyncgen.shards.address import path_or_url
from asyncgen.text import quantity

NAME = "merge"
SHOWN = 20  # shards, one a line
PURPOSE = "make one output of all shards"
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
    from asyncgen.screen.rows import command_line
    from asyncgen.shards.merge import merge
    from asyncgen.shards.places import shards_of
    from asyncgen.shards.plan import ShardFolder

    folder = shards_of(flags.shards)
    plan, output = folder.read_plan(), flags.output or folder.merged
    if isinstance(output, str):
        raise ConfigError(f"--output {output}: name a file on this machine")
    with interrupts_raised(), shown_progress() as progress:
        merged = merge(folder, plan, output, progress=progress, say=say)

    def say_what_makes(numbers: Iterable[int], *flags: str) -> None:
        first, *others = numbers
        line = command_line("generate", "--shard", f"{first}/{len(plan)}", "-o", folder.stem, *flags)
        say(f"to go on: {line}" + (f" (shards {write_indices([first, *others])} likewise)" if others else ""))

    if merged.faults:
        for number, fault in list(merged.faults.items())[:SHOWN]:
            say(f"shard {number} {fault.text}")
        say(f"{output} is not written: {len(merged.faults):,} of {quantity(len(plan), 'shard')} not whole")
        pending, damaged = ([n for n, each in merged.faults.items() if each.is_damaged == is_] for is_ in (False, True))
        if pending:
            say_what_makes(pending)
        if damaged and isinstance(folder, ShardFolder):
            say_what_makes(damaged, "--overwrite")
        elif damaged:
            say(f"delete all objects of shards {write_indices(damaged)}, as {folder.path}/{damaged[0]:05}/, and then")
            say_what_makes(damaged)
        return 1
    say(f"{output}: {quantity(merged.lines, 'conversation')} of {quantity(len(plan), 'shard')}")
    if merged.failed:
        failed = [index for indices in merged.failed.values() for index in indices]
        say(f"failed: {len(failed):,} of {quantity(plan.num, 'index', 'indices')}: {write_indices(failed)}")
        say_what_makes(merged.failed)
        return 3
    return 0
