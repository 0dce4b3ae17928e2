"""`asyncgen audit`: its flags, and its exit status for pipelines."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from asyncgen.command.flag_values import jobs, limit
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.output_flags import add_output, add_sources, make_audit, open_dataset
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.stderr import say
from asyncgen.errors import OutputError

ABOUT = (
    "Also while a run is writing it: how well the plan is covered, turns and words, openers, stock phrases and "
    "near-duplicates, facts that are not in the knowledge base, leaked prompts, disclaimers, control tokens, addresses "
    "and more. Tells the result and writes it to OUTPUT.audit.json, where each rule has its severity, its rate, its "
    "lines and examples."
)
CLOSING: Sections = {
    EXAMPLES: {
        "audit data/nanochat.jsonl": "what is in it, and which lines to look at",
        "audit data/nanochat.jsonl --fail-on ungrounded=1% --fail-on near-duplicate=0.05": "a gate for a pipeline",
    },
    "exit status": {"3": "a rate is above what --fail-on allows, or there is no conversation to tell one of"},
}
ABOVE_A_LIMIT = 3  # exit status when a rate is above what --fail-on allows


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    add_sources(parser)
    parser.add_argument(
        "--fail-on",
        type=limit,
        action="append",
        default=[],
        metavar="RULE=RATE",
        help="exit with 3 when more of the lines break a rule, such as 0.01 or 1%%; may be repeated (default: never)",
    )
    parser.add_argument(
        "--jobs",
        type=jobs,
        metavar="N",
        help="processes that look at the lines; the result is the same with any number (default: one for each core)",
    )
    parser.add_argument("--json", action="store_true", help="print the audit as one JSON object (default: a summary)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.audit.kept import encode_audit, write_audit
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.data.target import audit_path
    from asyncgen.report.audited import describe_passed, print_above, print_audit

    limits: Sequence[tuple[str, float]] = flags.fail_on
    rules = [rule for rule, _ in limits]
    check_rule_names("--fail-on", rules)
    with interrupts_raised():
        dataset = open_dataset(flags)
        audit = make_audit(dataset, "--fail-on", rules, flags.jobs)
        path: Path | None = audit_path(dataset.paths)
        try:
            write_audit(dataset, audit)
        except OutputError as error:  # it has taken its time, and is told whether it can be kept or not
            say(f"the audit is not kept: {error}")
            path = None
        if flags.json:
            sys.stdout.write(encode_audit(audit).decode())
        else:
            print_audit(audit, path)
        above = list(describe_passed(audit, limits))
        print_above(above)
        return ABOVE_A_LIMIT if above else 0
