"""`asyncgen report`: its flags, and where the page goes."""

import argparse

from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.output_flags import add_output, add_sources, find_audit, open_dataset
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.runs.values import whole
from asyncgen.shards.address import local_path
from asyncgen.text import one_line

ABOUT = "One HTML page with charts and a sample of the conversations to search. It loads nothing from elsewhere."
CLOSING: Sections = {EXAMPLES: {"report data/nanochat.jsonl": "data/nanochat.jsonl.report.html, for somebody else"}}
_PAGE_BEGINS = b"<!doctype html>"


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    add = parser.add_argument
    add(
        *("--output", "-o"),
        type=local_path,
        metavar="FILE",
        dest="page",
        help="where the page goes (default: OUTPUT.report.html)",
    )
    add(
        "--sample",
        type=whole(0),
        default=500,
        metavar="K",
        help="conversations that can be read in it (default: %(default)s)",
    )
    add_sources(parser)


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.data.target import check_target
    from asyncgen.output.paths import OutputPaths
    from asyncgen.report.report import write_report

    with interrupts_raised():
        dataset = open_dataset(flags)
        output = dataset.paths.output
        page = OutputPaths.of(flags.page or output.with_name(f"{output.name}.report.html")).output
        refusal: str | None = "exists and is no report; choose another file"
        if page.is_file():  # hardly anything that matters looks like an earlier report
            with page.open("rb") as file:
                refusal = None if file.read(len(_PAGE_BEGINS)).lower() == _PAGE_BEGINS else refusal
        check_target(dataset, page, refusal=refusal)
        write_report(find_audit(flags, dataset, "report", ()), dataset, page, sample=flags.sample)
        print(f"report written to {one_line(str(page))}")  # noqa: T201
        return 0
