"""`asyncgen ray`: all shards of a plan on a Ray cluster."""

import argparse
import time
from typing import TYPE_CHECKING

from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.stderr import say
from asyncgen.errors import ConfigError
from asyncgen.runs.values import budget, whole
from asyncgen.shards.address import path_or_url
from asyncgen.text import quantity

if TYPE_CHECKING:
    from asyncgen.shards.plan import ShardPlan
    from asyncgen.shards.pool import PoolTerms

ABOUT = (
    "One task a shard of what asyncgen shards has planned, in a folder that all nodes share or in object storage. It "
    "may be killed at any time, as may workers and nodes: the same line goes on. A key comes from the environment of "
    "the nodes, or from a .env in the folder where this is typed."
)
CLOSING: Sections = {
    EXAMPLES: {
        "ray data/x --address auto": "on the cluster that this machine belongs to",
        "ray data/x": "on this machine, by a Ray of its own that ends with it",
        "ray data/x --pool --budget 500": "500 dollars for all shards, whichever of them need them",
    },
    "exit status": {
        "0": "all shards are made; it names the line that merges them",
        "1": "stopped by a fault of a shard, which the others would share",
        "2": "usage or configuration",
        "3": "finished, but some indices failed in their shards",
        "130": "interrupted",
    },
}


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "output",
        type=path_or_url,
        metavar="OUTPUT",
        help="what asyncgen shards has planned, as data/x or s3://bucket/x",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="of the cluster, as Ray has it: auto or HOST:PORT (default: that of RAY_ADDRESS, else this machine alone)",
    )
    parser.add_argument(
        "--at-once", type=whole(1), metavar="N", help="shards made at a time (default: as many as were planned)"
    )
    add = parser.add_argument_group("for each shard, instead of what was planned").add_argument
    add("--concurrency", "-c", type=whole(1), metavar="N", help="calls in flight of a shard (default: as planned)")
    add("--budget", type=budget, metavar="USD", help="US dollars that all may cost (default: as planned)")
    add("--base-url", metavar="URL", help="whom to ask (default: as planned)")
    parser.add_argument(
        "--pool",
        action="store_true",
        help="budget and rates are for all shards under way, which take of them what they need (default: each has its "
        "part)",
    )
    parser.set_defaults(parser=parser)


def run(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.command.interrupts import interrupts_counted
    from asyncgen.report.crew import CrewDisplay, conclude
    from asyncgen.runs.configure import read_environment
    from asyncgen.screen.bar import shown_progress
    from asyncgen.shards.crew import Crew
    from asyncgen.shards.drive import LOOK, drive, order_of
    from asyncgen.shards.places import shards_of
    from asyncgen.shards.plan import ShardFolder
    from asyncgen.shards.publish import EVERY
    from asyncgen.shards.ray_cluster import LOCAL, connected
    from asyncgen.shards.status import MADE, ShardsWatch, look_at_all

    shards, environment = shards_of(flags.output), read_environment(say)
    plan, command = shards.read_plan(), environment.get("ASYNCGEN_COMMAND", command)
    at_once, output = flags.at_once or plan.at_once, shards.stem
    terms = _terms(flags, plan, at_once)
    given = {"--concurrency": flags.concurrency, "--budget": flags.budget, "--base-url": flags.base_url}
    words = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    words += ["--pooled"] if terms is not None else []
    watch = ShardsWatch(shards, plan)
    with shown_progress() as progress:
        look_at_all(watch, now=time.time(), progress=progress)
    # Those whose journals say that they are made come last: their lines are looked at, too.
    crew = Crew.of(sorted(range(len(plan)), key=lambda number: watch.shards[number].state == MADE), at_once)
    address = flags.address or environment.get("RAY_ADDRESS") or LOCAL
    with connected(address, output if isinstance(output, str) else output.absolute(), terms) as cluster:
        display = CrewDisplay(crew, watch, cluster.count_nodes)
        with interrupts_counted() as interrupts, display.shown():
            drive(
                cluster,
                crew,
                watch,
                lambda number: order_of(number, shards, plan, words, command),
                interrupts=interrupts,
                show=display.show,
                say=display.say,
                every=LOOK if isinstance(shards, ShardFolder) else EVERY,
            )
            was_interrupted = interrupts() > 0
    return conclude(shards, crew, watch, command, was_interrupted=was_interrupted)


def _terms(flags: argparse.Namespace, plan: "ShardPlan", at_once: int) -> "PoolTerms | None":
    """Of a pool, if there is to be one. Raises ConfigError for what cannot be had by so many shards at a time."""
    from asyncgen.pacing.rates import Rates
    from asyncgen.shards.pool import PoolTerms

    planned = flags.parser.root.commands["shards"].parse_args(plan.words)
    budget = planned.budget if flags.budget is None else flags.budget
    rates = {"--rpm": planned.rpm, "--tpm": planned.tpm}
    if not flags.pool:
        for flag, rate in rates.items():
            if rate is not None and at_once > plan.at_once:
                raise ConfigError(
                    f"--at-once {at_once}: {flag} {rate} was planned for {quantity(plan.at_once, 'shard')} at a "
                    "time; take no more, give --pool, or plan another output"
                )
        return None
    if budget is None and not any(rates.values()):
        raise ConfigError("--pool: there is nothing to share, as no --budget, --rpm or --tpm was planned; leave it out")
    least = len(plan.header.models) + 2 if plan.header.models else 1  # who plays the user, and a judge, besides
    if planned.rpm is not None:
        rates["--rpm"] -= at_once * least  # of each who paces by himself, one request may be early
    for flag, rate in rates.items():
        if rate is not None and rate < at_once * least:
            raise ConfigError(
                f"--pool: {flag} {getattr(planned, flag[2:])} is too little for {quantity(at_once, 'shard')} at a "
                "time; lower --at-once, or leave --pool out"
            )
    return PoolTerms(budget, Rates(rates["--rpm"], rates["--tpm"]), at_once, least)
