"""The flags of every command that makes something by many calls: at what pace, when they fail, in batches."""

import argparse
from collections.abc import Callable

from asyncgen.command.parser import Parser
from asyncgen.runs.settings import DEFAULTS, FLEX_TIMEOUT, TIMEOUT
from asyncgen.runs.values import seconds, seconds_or_none, whole
from asyncgen.shards.address import local_path


def add_log(add: Callable[..., object]) -> None:
    add(
        "--log",
        type=local_path,
        metavar="FILE",
        help="append retries, failures and notices to this file (default: none)",
    )


def add_screen_flags(add: Callable[..., object]) -> None:
    add("--quiet", action="store_true", help="show no progress (default: show it)")
    add("--debug", action="store_true", help="show a trace with an error, log in detail (default: one line)")


def add_call_flags(parser: Parser, pace: argparse._ArgumentGroup) -> None:
    add = pace.add_argument
    add("--no-adaptive", action="store_true", help="keep --concurrency in flight (default: find what is served well)")
    add("--rpm", type=whole(1), metavar="N", help="requests a minute at most (default: no limit)")
    add("--tpm", type=whole(1), metavar="N", help="tokens a minute at most (default: no limit)")
    add = parser.add_argument_group("when calls fail").add_argument
    add(
        "--timeout",
        type=seconds,
        metavar="S",
        help=f"seconds an answer may take (default: {TIMEOUT:g}, at tier flex {FLEX_TIMEOUT:g})",
    )
    add(
        "--retries",
        type=whole(0),
        default=DEFAULTS.retries,
        metavar="N",
        help="retries of a call that fails (default: %(default)s)",
    )
    add(
        "--reasks",
        type=whole(0),
        default=DEFAULTS.reasks,
        metavar="N",
        help="further asks after a bad reply (default: %(default)s)",
    )
    add(
        "--give-up",
        type=seconds,
        default=DEFAULTS.give_up,
        metavar="S",
        help="stop when calls have only failed for so many seconds (default: %(default)g)",
    )
    add(
        "--grace",
        type=seconds_or_none,
        default=DEFAULTS.grace,
        metavar="S",
        help="seconds that calls under way get after the first Ctrl-C (default: %(default)g)",
    )


def add_batch_flags(parser: Parser) -> None:
    add = parser.add_argument_group("batches").add_argument
    add("--batch", action="store_true", help="ask in batches, cheaper and slower (default: live calls)")
    add("--batch-size", type=whole(1), metavar="N", help="requests of a batch at most (default: as many as fit)")
    files = "write batches there for vLLM's run-batch, take results from there, call nothing (default: none)"
    add("--batch-files", type=local_path, metavar="DIR", help=files)
    add("--detach", action="store_true", help="leave when all that fits is under way (default: wait for the results)")
    add("--cancel", action="store_true", help="cancel the batches under way, collect what they have (default: go on)")
    add("--finish-live", action="store_true", help="make what is in no batch by live calls (default: a few at the end)")
    add("--no-live", action="store_true", help="make nothing by live calls (default: the first, and a few at the end)")
    add(
        "--forget-batch",
        action="append",
        default=[],
        metavar="LABEL",
        help="give a batch up, and make what is in it again; may be repeated (default: none)",
    )
