"""`asyncgen show`: its flags, and which conversations are printed."""

import argparse

from asyncgen.command.flag_values import condition
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.output_flags import add_output, add_sources, find_audit, open_dataset
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.runs.values import seed, whole

ABOUT = (
    "Each stands under its line, index, scenario and findings, with what each finding rests on. Conditions hold "
    "together."
)
CLOSING: Sections = {
    EXAMPLES: {
        "show data/nanochat.jsonl --random 3": "any three",
        "show data/nanochat.jsonl --finding ungrounded": "those that break a rule",
        "show data/nanochat.jsonl --where topic=training --limit 5": "those on a subject",
    }
}
SHOWN = 10  # conversations, where neither they nor a limit are named


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    add = parser.add_argument
    add(
        "--line",
        type=whole(1),
        action="append",
        default=[],
        metavar="N",
        help="this line; may be repeated (default: any)",
    )
    add(
        "--index",
        type=whole(0),
        action="append",
        default=[],
        metavar="I",
        help="this index; may be repeated (default: any)",
    )
    add(
        "--where",
        type=condition,
        action="append",
        default=[],
        metavar="DIMENSION=TEXT",
        help="scenarios whose value or group holds this text, such as topic=training; may be repeated (default: any)",
    )
    add("--finding", metavar="RULE", help="lines that break this rule (default: any)")
    add("--random", type=whole(1), metavar="K", help="so many of what fits, drawn at random (default: the first)")
    add("--seed", type=seed, default=0, metavar="N", help="another draw of --random (default: %(default)s)")
    add("--limit", type=whole(1), metavar="K", help=f"so many of what fits (default: {SHOWN}, or all that are named)")
    add_sources(parser)


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.audit.kept import read_audit
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.viewer.show import Conditions, show

    rules = [] if flags.finding is None else [flags.finding]
    check_rule_names("--finding", rules, may_repeat=False)
    with interrupts_raised():
        dataset = open_dataset(flags)
        audit = find_audit(flags, dataset, "--finding", rules) if rules else read_audit(dataset)
        conditions = Conditions(frozenset(flags.line), frozenset(flags.index), tuple(flags.where), flags.finding)
        limit = SHOWN if flags.limit is None and not (flags.line or flags.index) else flags.limit
        return show(dataset, conditions, audit, limit=limit, sample=flags.random, seed=flags.seed)
