"""`asyncgen repair`: its flags, and the lines of an output that are made again."""

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncgen.command.drafting import agrees, check_who_agrees
from asyncgen.command.flag_values import score
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.output_flags import add_output, add_sources, find_audit, find_sources, open_dataset
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.request_flags import add_model_flags
from asyncgen.command.run_flags import add_batch_flags, add_call_flags, add_log, add_screen_flags
from asyncgen.command.stderr import say
from asyncgen.errors import ConfigError
from asyncgen.text import quantity

if TYPE_CHECKING:
    from asyncgen.audit.flagged import FlaggedLines
    from asyncgen.data.dataset import Dataset
    from asyncgen.output.journal import Header
    from asyncgen.output.paths import OutputPaths

ABOUT = (
    "Only flagged lines are made again: whoever wrote one is shown it, and what is wrong with it. What comes is held "
    "against the same rules, and read by a judge where the recipe's [repair] has one. When all are made or given up, a "
    "new line takes the place of its old one, which is kept in OUTPUT.rejects; what could not be mended stays as it "
    "was. Until then OUTPUT is only read, and the same line goes on after any stop. It says how many lines and what "
    "they would cost, and asks before it begins."
)
CLOSING: Sections = {
    EXAMPLES: {
        "repair data/nanochat.jsonl": "what breaks the rules of [repair]",
        "repair data/nanochat.jsonl --rules ungrounded --rules markdown --budget 5 --yes": "other rules, not asked",
        "repair data/nanochat.jsonl --below grounded=1 --below claims=0.9": "what a judge says no to",
    },
    "exit status": {
        "0": "all mended, or nothing to mend",
        "1": "stopped by a fault of the run",
        "2": "usage or configuration, or the answer was no",
        "3": "finished, but some lines could not be mended and stay as they were",
        "4": "left with batches under way, or cancelled: the same line goes on",
        "130": "interrupted",
    },
}


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    add = parser.add_argument_group("what to make again").add_argument
    add(
        "--rules",
        action="append",
        default=[],
        metavar="RULE",
        help="lines that break this rule of an audit; may be repeated (default: those of the recipe's [repair])",
    )
    add(
        "--below",
        type=score,
        action="append",
        default=[],
        metavar="QUESTION=SCORE",
        help="lines that a judge scores below this, such as grounded=1, or claims=0.9 for the share that is supported; "
        "may be repeated (default: what the recipe's [repair] is not content with, where a judge has read them)",
    )
    add("--yes", action="store_true", help="begin without asking (default: ask)")
    add_sources(parser)
    add_call_flags(parser, add_model_flags(parser, "that of the run"))
    add = parser.add_argument_group("files").add_argument
    add("--overwrite", action="store_true", help="begin a repair anew that was stopped (default: go on with it)")
    take = "put in place what a stopped repair has made, and give up the rest of it (default: go on with it)"
    add("--take", action="store_true", help=take)
    add_log(add)
    add_batch_flags(parser)
    add_screen_flags(parser.add_argument_group("screen").add_argument)


def run(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.data.replaced import repair_paths
    from asyncgen.output.begin import check_ordinary
    from asyncgen.output.earlier import read_earlier
    from asyncgen.output.lock import locked
    from asyncgen.output.mend import mend
    from asyncgen.output.paths import OutputPaths
    from asyncgen.output.swap import settle

    if flags.take and flags.overwrite:
        raise ConfigError("--take keeps what a stopped repair has made and --overwrite sets it aside: give one of them")
    paths = OutputPaths.of(flags.output)
    repair = repair_paths(paths)
    with locked(paths, say=say):
        with interrupts_raised():
            check_ordinary(paths)
            settle(paths)
            if (earlier := read_earlier(paths, adopt=True)) is not None:
                mend(earlier.patches)
            dataset = open_dataset(flags)
            if (header := dataset.header) is None:
                raise ConfigError(f"{paths.output}: {'; '.join(dataset.notes)}, so no line can be made again")
            begun = None if flags.overwrite else _find_begun(dataset, repair)
            lines = _find_lines(flags, dataset)
        if lines.strangers:
            say(f"{quantity(lines.strangers, 'flagged line')} left as before: made by no run, or edited since")
        other = "" if begun is None else _tell_of_other(flags, repair, begun, header, lines)
        if lines.by_key and other:
            raise ConfigError(f"{other}; --overwrite sets it aside and begins this one")
        if lines.by_key:
            if flags.take and begun:
                header = begun
            return _make_again(flags, dataset, header, lines, command)
        say(f"{paths.output}: nothing to repair")
        if begun:
            left = f"{repair.output} is of a repair that was stopped, and of lines not flagged any more"
            say(other or left)
        return 0


def _find_begun(dataset: "Dataset", repair: "OutputPaths") -> "Header | None":
    """Of a repair that was stopped. What one has left that was killed when all was done is cleared away."""
    from asyncgen.data.replaced import clear, name_repair
    from asyncgen.output.changes import MADE_AGAIN
    from asyncgen.output.ledger import DamagedJournalError, read_journal

    try:
        ledger = read_journal(repair.journal).ledger if repair.journal.is_file() else None
    except DamagedJournalError as error:
        raise ConfigError(f"{error}; --overwrite sets this repair aside and begins another one") from error
    if ledger is None or not ledger.headers:
        return None
    name = name_repair(repair, ledger)
    if any(header.repair == name for header in dataset.ledger.headers):
        clear(repair)
        return None
    return ledger.headers[-1] if MADE_AGAIN in ledger.headers[-1].digests else None


def _tell_of_other(
    flags: argparse.Namespace, repair: "OutputPaths", begun: "Header", header: "Header", lines: "FlaggedLines"
) -> str:
    """Of a stopped repair by other flags, and what goes on with it; "" where these are its own."""
    from asyncgen.output.changes import MADE_AGAIN
    from asyncgen.screen.rows import command_line

    what = begun.digests[MADE_AGAIN]
    if what == lines.flags:
        return ""
    line = command_line("repair", flags.output, *shlex.split(what), *_flags_of_settings(begun, header))
    return (
        f"{repair.output} is of a repair by {what} that was stopped: {line} goes on with it, and with --take puts in "
        "place what is made"
    )


def _flags_of_settings(begun: "Header", made: "Header") -> "Iterator[str]":
    """Whom a repair has asked, and how, where that is not as the run has asked that `made` the output."""
    from asyncgen.endpoint.presets import endpoint_flags
    from asyncgen.endpoint.tiers import SERVICE_TIER
    from asyncgen.recipe.recipe import MODEL

    yield from () if begun.recipe == made.recipe else ("--recipe", begun.recipe)
    yield from endpoint_flags(begun.provider, begun.base_url)
    flags = {MODEL: "--model", SERVICE_TIER: "--tier"}
    for key, value in {**dict.fromkeys(made.request), **begun.request}.items():
        if value != made.request.get(key):
            is_named = key in flags and isinstance(value, str)
            yield from (flags[key], str(value)) if is_named else ("--param", f"{key}={json.dumps(value)}")


def _find_lines(flags: argparse.Namespace, dataset: "Dataset") -> "FlaggedLines":
    """Raises ConfigError for rules and questions that nobody has looked for."""
    from asyncgen.audit.audit import rules_to_run
    from asyncgen.audit.flagged import FlaggedLines
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.recipe.judge import least_scores
    from asyncgen.recipe.tables import REPAIRABLE

    check_rule_names("--rules", flags.rules)
    rules, below = flags.rules, flags.below
    if not rules and not below:
        recipe, ran = dataset.recipe, rules_to_run(dataset)
        own = REPAIRABLE if recipe is None or recipe.repair is None else recipe.repair.rules
        rules = [each for each in own if each in ran]
        if recipe is not None and recipe.is_judged and dataset.grades:
            below = [*least_scores(recipe).items()]
    audit = find_audit(flags, dataset, "--rules", rules) if rules else None
    return FlaggedLines(dataset, audit, rules, below)


def _make_again(
    flags: argparse.Namespace, dataset: "Dataset", header: "Header", lines: "FlaggedLines", command: str
) -> int:
    from asyncgen.audit.flagged import make_again
    from asyncgen.command.config import read_repair_config
    from asyncgen.command.log_file import start_logging
    from asyncgen.data.replaced import clear, repair_paths, replace_lines, take_up
    from asyncgen.data.verdicts import keep_verdicts
    from asyncgen.output.keys import Keys
    from asyncgen.report.repaired import describe_flagged, print_repaired
    from asyncgen.runs.configure import read_environment
    from asyncgen.runs.open import find_start
    from asyncgen.screen.terminal import FINISHED, generate

    keys, repair = Keys([*lines.by_key]), repair_paths(dataset.paths)
    recipe, knowledge = find_sources(dataset, "nothing to make lines again by")
    recipe = replace(recipe, knowledge=knowledge)
    config = read_repair_config(
        flags, recipe, keys, read_environment(say), command, header=header, output=repair.output
    )
    job, told = make_again(config, dataset, lines)
    if flags.take:
        take_up(repair, keys, say)
        status = 0
    else:
        find_start(config, job)  # before anybody is asked
        say(describe_flagged(dataset, lines, config))
        check_who_agrees(flags, "lines are made again when somebody has agreed")
        if not agrees(flags, "Make them again?"):
            raise ConfigError("nothing was made again")
        start_logging(config.log, debug=config.debug)
        status = generate(config, lambda _: job, look_at=None)
    if status in FINISHED:
        with interrupts_raised():
            number = replace_lines(dataset, repair, lines.by_index(keys), told)
            clear(repair)
            print_repaired(dataset, lines, number, again=config.continue_command)
        if flags.take and number < len(lines.by_key):
            status = 3
        if kept := keep_verdicts(config, dataset.paths):
            say(kept)
    return status
