"""`asyncgen filter`: its flags, and the lines worth keeping."""

import argparse
from dataclasses import replace

from asyncgen.command.flag_values import score, share, similarity
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.output_flags import add_output, add_sources, find_audit, open_dataset
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.runs.values import seed
from asyncgen.shards.address import local_path

ABOUT = (
    "They are copied byte for byte and shuffled, and it says what went and why. Lines that were marked as dropped in "
    "view are left out. OUTPUT itself is only read. Each file has a journal of its own, with what its lines have cost "
    "and nothing else, so that status, audit, show, view and report know them as before; generate does not go on with "
    "it, because it would make again what was left out."
)
CLOSING: Sections = {
    EXAMPLES: {
        "filter data/nanochat.jsonl -o clean.jsonl --drop ungrounded --drop truncated": "leave out what breaks a rule",
        "filter data/nanochat.jsonl -o clean.jsonl --dedup --split 0.98": "clean.train.jsonl and "
        "clean.validation.jsonl, with near-duplicates on one side",
        "filter data/nanochat.jsonl -o clean.jsonl --below grounded=1": "leave out what a judge says no to",
    }
}


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    add = parser.add_argument
    add(
        *("--output", "-o"),
        type=local_path,
        required=True,
        metavar="CLEAN",
        dest="clean",
        help="where the lines that stay go (default: none, it has to be given)",
    )
    add(
        "--drop",
        action="append",
        default=[],
        metavar="RULE",
        help="leave out lines that break this rule; may be repeated (default: none)",
    )
    add(
        "--below",
        type=score,
        action="append",
        default=[],
        metavar="QUESTION=SCORE",
        help="leave out lines that a judge scores below this, such as grounded=1, or claims=0.9 for the share that is "
        "supported; may be repeated (default: none)",
    )
    add(
        "--dedup",
        type=similarity,
        nargs="?",
        const=0.5,
        metavar="T",
        help="leave out lines whose answers nearly repeat those of an earlier line, from this Jaccard similarity of "
        "three-word runs on, 0.5 where none is given (default: keep them)",
    )
    add(
        "--split",
        type=share,
        metavar="SHARE",
        help="write two files, .train with this share and .validation, near-duplicates together (default: one)",
    )
    add("--seed", type=seed, default=0, metavar="N", help="another shuffle, another split (default: %(default)s)")
    add("--keep-order", action="store_true", help="keep the order of the lines (default: shuffle them)")
    add("--overwrite", action="store_true", help="replace CLEAN if it exists (default: refuse)")
    add_sources(parser)


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.audit.below import BelowScores
    from asyncgen.audit.filter import Plan, check_parts, filter_output
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.report.filtered import print_filter
    from asyncgen.screen.bar import shown_progress

    check_rule_names("--drop", flags.drop)
    with interrupts_raised():
        dataset = open_dataset(flags)
        below = BelowScores(dataset, flags.below)
        plan = Plan(flags.clean, {}, flags.dedup, flags.split, flags.seed, flags.keep_order, flags.overwrite)
        check_parts(dataset, plan)  # before an audit that may take minutes
        if flags.drop:
            audit = find_audit(flags, dataset, "--drop", flags.drop)
            plan = replace(plan, broken={rule: audit.rules[rule].lines for rule in flags.drop})
        if flags.below:
            plan = replace(plan, broken={**plan.broken, **below.find()})
        with shown_progress() as progress:
            result = filter_output(dataset, plan, progress=progress)
        print_filter(dataset, result, flags.clean, unjudged=below.unjudged)
        return 0
