"""`asyncgen generate`: its flags, and the run as a person at a terminal has it."""

import argparse
from pathlib import Path

from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.request_flags import add_request_flags
from asyncgen.runs.settings import DEFAULTS, FLEX_TIMEOUT, TIMEOUT
from asyncgen.runs.values import seconds, seconds_or_none, whole

NAME = "generate"
PURPOSE = "make conversations, going on where an earlier run stopped"
ABOUT = "The same line goes on after any stop. Whole numbers may be written 20000, 20,000, 20_000, 20k or 1.5m."
CLOSING: Sections = {
    EXAMPLES: {
        "generate -n 3 --show": "look at three before paying for more; without a key the offline engine answers",
        "generate -n 20k --budget 25": "20,000 conversations for 25 dollars at most",
        "generate -n 1000 --provider ollama --model qwen3:8b": "a model of your own",
        "generate -n 25k --recipe my-recipe -o data/mine.jsonl": "a recipe of your own",
    },
    "environment (also read from .env)": {
        "OPENROUTER_API_KEY": "the key of OpenRouter; with it openrouter is the provider",
        "OPENAI_API_KEY": "the key of --provider openai",
        "ASYNCGEN_API_KEY": "the key of --base-url, or of a local server",
        "HTTPS_PROXY, NO_PROXY": "a proxy, and which hosts are asked without it; also HTTP_PROXY, ALL_PROXY",
        "SSL_CERT_FILE": "a file with a further certificate authority to trust",
    },
    "exit status": {
        "0": "all there",
        "1": "stopped by a fault of the run",
        "2": "usage or configuration; nothing was sent, or one call that showed that a budget cannot be kept",
        "3": "finished, but some indices failed",
        "4": "left with batches under way, or cancelled: the same line goes on",
        "130": "interrupted",
    },
}


def add_arguments(parser: Parser) -> None:
    add = add_request_flags(parser).add_argument
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
    add = parser.add_argument_group("files").add_argument
    add("--output", "-o", type=Path, metavar="FILE", help="where the lines go (default: data/RECIPE.jsonl)")
    add("--save-metadata", action="store_true", help="write objects with messages and metadata (default: arrays)")
    add("--append", action="store_true", help="keep lines that were not made here (default: refuse them)")
    add("--overwrite", action="store_true", help="start anew; what is there is renamed, not deleted (default: go on)")
    add("--allow-changed", action="store_true", help="go on with a changed recipe or model (default: refuse)")
    add("--log", type=Path, metavar="FILE", help="append retries, failures and notices to this file (default: none)")
    add = parser.add_argument_group("batches").add_argument
    add("--batch", action="store_true", help="ask in batches, cheaper and slower (default: live calls)")
    add("--batch-size", type=whole(1), metavar="N", help="requests of a batch at most (default: as many as fit)")
    files = "write batches there for vLLM's run-batch, take results from there, call nothing (default: none)"
    add("--batch-files", type=Path, metavar="DIR", help=files)
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
    add = parser.add_argument_group("screen").add_argument
    add("--show", action="store_true", help="print the conversations made (default: only write them)")
    add("--quiet", action="store_true", help="show no progress (default: show it)")
    add("--debug", action="store_true", help="show a trace with an error, log in detail (default: one line)")


def run(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.command.config import read_generate_config
    from asyncgen.command.log_file import start_logging
    from asyncgen.runs.configure import read_environment
    from asyncgen.screen.terminal import generate

    config = read_generate_config(flags, read_environment(), command, flags.timings)
    start_logging(config.log, debug=config.debug)
    return generate(config)
