"""`asyncgen shards`: a run cut into shards, each for a process of its own, on whatever machine."""

import argparse

from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.request_flags import add_request_flags
from asyncgen.command.run_flags import add_call_flags
from asyncgen.command.stderr import say
from asyncgen.runs.values import whole
from asyncgen.shards.address import path_or_url
from asyncgen.shards.cut import AT_ONCE, SIZE
from asyncgen.shards.scripts import SYSTEMS, write_job

ABOUT = (
    "Writes OUTPUT.shards/plan.json, once; generate --shard K/M -o OUTPUT makes a shard with the settings given here, "
    "merge makes one file of all."
)
CLOSING: Sections = {
    EXAMPLES: {
        "shards data/x -n 10m --at-once 20": "489 shards of 20,480, of which 20 are made at a time",
        "shards s3://bucket/x -n 10m": "the same in object storage, for machines that share no folder",
        "shards data/x --print slurm": "a job script for what is planned; submits nothing",
    }
}


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "output", type=path_or_url, metavar="OUTPUT", help="where the lines go, as data/x or s3://bucket/x"
    )
    add_call_flags(parser, add_request_flags(parser))
    add = parser.add_argument_group("shards").add_argument
    add(
        "--size",
        type=whole(1),
        default=SIZE,
        metavar="N",
        help="conversations of a shard, a multiple of 2,048 (default: %(default)s)",
    )
    add(
        "--at-once",
        type=whole(1),
        default=AT_ONCE,
        metavar="N",
        help="shards made at a time, among which --rpm and --tpm are divided (default: %(default)s)",
    )
    add("--save-metadata", action="store_true", help="write objects with messages and metadata (default: arrays)")
    add("--print", choices=SYSTEMS, metavar="SYSTEM", help=f"print a job for {' or '.join(SYSTEMS)} (default: do not)")
    parser.set_defaults(parser=parser)


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.command.shard_config import read_shard_plan
    from asyncgen.runs.configure import read_environment
    from asyncgen.screen.rows import command_line
    from asyncgen.shards.places import shards_of
    from asyncgen.text import quantity

    folder = shards_of(flags.output)
    words, no_number = flags.parser.root.argv[1:], argparse.Namespace(num=None)
    is_numbered = flags.parser.parse_args(words, no_number).num is not None
    # What is planned is known: nothing need be given again. Without a number a name may be mistyped.
    if flags.print is not None and (folder.is_planned() or not is_numbered):
        print(write_job(flags.print, folder, folder.read_plan()), end="")  # noqa: T201
        return 0
    plan, notices = read_shard_plan(flags, read_environment(say), flags.timings)
    is_new = folder.put_plan(plan)
    for notice in notices:
        say(notice)
    when = "planned just now" if is_new else "as planned before"
    say(
        f"{folder.path} has {quantity(len(plan), 'shard')} of {plan.size:,}, {when}; "
        f"to make one: {command_line('generate', '--shard', f'0/{len(plan)}', '-o', folder.stem)}"
    )
    if flags.print is not None:
        print(write_job(flags.print, folder, plan), end="")  # noqa: T201
    return 0
