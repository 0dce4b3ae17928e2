"""What the commands that look at an output have in common: which one, what it is judged by, and its audit."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asyncgen.command.parser import Parser

if TYPE_CHECKING:
    from asyncgen.audit.audit import Audit
    from asyncgen.data.dataset import Dataset


def add_output(parser: Parser) -> None:
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="an output of generate")


def add_sources(parser: Parser) -> None:
    add = parser.add_argument
    add("--recipe", metavar="PATH", help="the recipe to judge by (default: that of the run)")
    add("--knowledge", type=Path, metavar="FILE", help="the knowledge base to judge by (default: that of the run)")


def open_dataset(flags: argparse.Namespace) -> "Dataset":
    from asyncgen.data.dataset import Dataset

    return Dataset.open(flags.output, recipe=flags.recipe, knowledge=flags.knowledge)


def find_audit(flags: argparse.Namespace, dataset: "Dataset", flag: str, rules: Sequence[str]) -> "Audit":
    """The audit beside the output while it is true of it; otherwise one made now, which is not written."""
    from asyncgen.audit.audit import check_rules_ran, read_audit

    audit = read_audit(dataset) if flags.recipe is None and flags.knowledge is None else None
    if audit is None:
        return make_audit(dataset, flag, rules)
    check_rules_ran(flag, rules, audit.rules)
    return audit


def make_audit(dataset: "Dataset", flag: str, rules: Sequence[str]) -> "Audit":
    from asyncgen.audit.audit import audit_dataset, check_rules_ran, rules_to_run
    from asyncgen.screen.bar import shown_progress

    check_rules_ran(flag, rules, rules_to_run(dataset))
    with shown_progress() as progress:
        return audit_dataset(dataset, progress=progress)
