"""`asyncgen generate`: its flags, and the run as a person at a terminal has it."""

import argparse
from functools import partial

from asyncgen.command.flag_values import shard_choice
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.request_flags import add_request_flags
from asyncgen.command.run_flags import add_batch_flags, add_call_flags, add_log, add_screen_flags
from asyncgen.command.stderr import say
from asyncgen.shards.address import local_path, path_or_url
from asyncgen.shards.cut import LOCAL
from asyncgen.text import quantity

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
        "4": "left with batches under way, cancelled, unpublished, or another run has the shard: the same line goes on",
        "130": "interrupted",
    },
}


def add_arguments(parser: Parser) -> None:
    add_call_flags(parser, add_request_flags(parser))
    add = parser.add_argument_group("files").add_argument
    add(
        "--output",
        "-o",
        type=path_or_url,
        metavar="FILE",
        help="where the lines go; of a shard also s3://BUCKET/NAME and the like (default: data/RECIPE.jsonl)",
    )
    add(
        "--local",
        type=local_path,
        default=LOCAL,
        metavar="DIR",
        help="where a shard of object storage is made on this machine (default: %(default)s)",
    )
    add("--save-metadata", action="store_true", help="write objects with messages and metadata (default: arrays)")
    add("--append", action="store_true", help="keep lines that were not made here (default: refuse them)")
    add("--overwrite", action="store_true", help="start anew; what is there is renamed, not deleted (default: go on)")
    add("--allow-changed", action="store_true", help="go on with a changed recipe or model (default: refuse)")
    add_log(add)
    add(
        "--shard",
        type=shard_choice,
        metavar="K/M",
        help="make shard K of M, from 0 on, of what asyncgen shards has planned for --output; auto takes the number of "
        "an array job, auto-1 one less (default: no shard)",
    )
    add(
        "--pooled",
        action="store_true",
        help="have money and pace for a shard from who has started it, as asyncgen ray --pool does (default: its part)",
    )
    add_batch_flags(parser)
    add = parser.add_argument_group("screen").add_argument
    add("--show", action="store_true", help="print the conversations made (default: only write them)")
    add_screen_flags(add)
    parser.set_defaults(parser=parser)


def run(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.audit.checked import checked_conversations
    from asyncgen.command.config import read_generate_config
    from asyncgen.command.log_file import start_logging
    from asyncgen.data.verdicts import keep_verdicts
    from asyncgen.output.paths import OutputPaths
    from asyncgen.runs.configure import read_environment
    from asyncgen.runs.open import Beside, nothing_beside
    from asyncgen.screen.terminal import generate, looking_commands
    from asyncgen.shards.plan import check_no_plan

    beside: Beside = nothing_beside
    look_at = looking_commands
    if flags.shard is None:
        config = read_generate_config(flags, read_environment(say), command, flags.timings)
        check_no_plan(config.output)
    else:
        from asyncgen.command.shard_config import read_shard_config, shards_commands

        shard = read_shard_config(flags, read_environment(say), command, flags.timings)
        config, beside, look_at = shard.config, shard.beside, partial(shards_commands, flags.output)
        if shard.made is not None:
            say(f"{shard.made}: nothing to do, all is there: {quantity(config.plan.num, 'conversation')}")
            return 0
    start_logging(config.log, debug=config.debug)
    status = generate(config, checked_conversations, look_at, beside=beside)
    if told := keep_verdicts(config, OutputPaths.of(config.output)):
        say(told)
    return status
