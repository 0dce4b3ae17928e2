"""The flags of `audit`, `filter`, `show`, `report` and `view`, and what each flag leads to.

The work is imported only to be done, so that `--help` does not wait for it.
"""
# ruff: noqa: PLC0415

import argparse
import contextlib
import math
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from asyncgen.command.flag_values import seed, whole
from asyncgen.errors import ConfigError
from asyncgen.text import one_line

if TYPE_CHECKING:
    from asyncgen.audit.audit import Audit
    from asyncgen.data.dataset import Dataset

PASSED = 3  # exit status when a rate is above what --fail-on allows
SEED = 0
SHOWN = 10  # conversations that `show` prints
SAMPLE = 500  # conversations in a report
_MAX_PORT = 65535
_PAGE_BEGINS = b"<!doctype html>"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    purpose: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, str], int]


def _add_audit(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    _add_sources(parser)
    parser.add_argument(
        "--fail-on",
        type=_limit,
        action="append",
        default=[],
        metavar="RULE=RATE",
        help="exit with 3 when more of the lines break a rule, such as 0.01 or 1%%; may be repeated (default: never)",
    )
    parser.add_argument("--json", action="store_true", help="print the audit as one JSON object (default: a summary)")


def _add_filter(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    add = parser.add_argument
    add(
        *("--output", "-o"),
        type=Path,
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
        "--dedup",
        type=_similarity,
        metavar="T",
        help="leave out near-duplicates, from this Jaccard similarity on, but for the first (default: keep them)",
    )
    add(
        "--split",
        type=_share,
        metavar="SHARE",
        help="write two files, .train with this share and .validation, near-duplicates together (default: one)",
    )
    add("--seed", type=seed, default=SEED, metavar="N", help="another shuffle, another split (default: %(default)s)")
    add("--keep-order", action="store_true", help="keep the order of the lines (default: shuffle them)")
    add("--overwrite", action="store_true", help="replace CLEAN if it exists (default: refuse)")
    _add_sources(parser)


def _add_show(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
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
        type=_condition,
        action="append",
        default=[],
        metavar="DIMENSION=TEXT",
        help="scenarios whose value or group holds this text, such as topic=training; may be repeated (default: any)",
    )
    add("--finding", metavar="RULE", help="lines that break this rule (default: any)")
    add("--random", type=whole(1), metavar="K", help="so many of what fits, drawn at random (default: the first)")
    add("--seed", type=seed, default=SEED, metavar="N", help="another draw of --random (default: %(default)s)")
    add("--limit", type=whole(1), metavar="K", help=f"so many of what fits (default: {SHOWN}, or all that are named)")
    _add_sources(parser)


def _add_report(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    add = parser.add_argument
    add(
        *("--output", "-o"),
        type=Path,
        metavar="FILE",
        dest="page",
        help="where the page goes (default: OUTPUT.report.html)",
    )
    add(
        "--sample",
        type=whole(0),
        default=SAMPLE,
        metavar="K",
        help="conversations that can be read in it (default: %(default)s)",
    )
    _add_sources(parser)


def _add_view(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument(
        "--port", type=int, default=0, metavar="PORT", help="port on loopback, 0 for a free one (default: %(default)s)"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="an output of generate")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--recipe", metavar="PATH", help="the recipe to judge by (default: that of the run)")
    add("--knowledge", type=Path, metavar="FILE", help="the knowledge base to judge by (default: that of the run)")


# ---- what the commands do


def _audit(flags: argparse.Namespace) -> int:
    from asyncgen.audit.audit import encode_audit, write_audit
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.data.target import audit_path
    from asyncgen.report.terminal import describe_passed, print_above, print_summary

    limits: Sequence[tuple[str, float]] = flags.fail_on
    check_rule_names("--fail-on", [rule for rule, _ in limits])
    dataset = _open(flags)
    audit = _make_audit(dataset, "--fail-on", [rule for rule, _ in limits])
    write_audit(dataset, audit)
    if flags.json:
        sys.stdout.write(encode_audit(audit).decode())
    else:
        print_summary(audit, audit_path(dataset.paths))
    passed = list(describe_passed(audit, limits))
    print_above(passed)
    return PASSED if passed else 0


def _filter(flags: argparse.Namespace) -> int:
    from asyncgen.audit.filter import Plan, check_parts, filter_output
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.report.kept import print_result
    from asyncgen.screen.bar import shown_progress

    check_rule_names("--drop", flags.drop)
    dataset = _open(flags)
    plan = Plan(flags.clean, {}, flags.dedup, flags.split, flags.seed, flags.keep_order, flags.overwrite)
    check_parts(dataset, plan)  # before an audit that may take minutes
    if flags.drop:
        audit = _find_audit(flags, dataset, "--drop", flags.drop)
        plan = replace(plan, broken={rule: audit.rules[rule].lines for rule in flags.drop})
    with shown_progress() as progress:
        result = filter_output(dataset, plan, progress=progress)
    print_result(dataset, result)
    return 0


def _show(flags: argparse.Namespace) -> int:
    from asyncgen.audit.audit import read_audit
    from asyncgen.audit.rules import check_rule_names
    from asyncgen.viewer.browse import Choice, show

    rules = [] if flags.finding is None else [flags.finding]
    check_rule_names("--finding", rules)
    dataset = _open(flags)
    audit = _find_audit(flags, dataset, "--finding", rules) if rules else read_audit(dataset)
    choice = Choice(frozenset(flags.line), frozenset(flags.index), tuple(flags.where), flags.finding)
    limit = SHOWN if flags.limit is None and not (flags.line or flags.index) else flags.limit
    return show(dataset, choice, audit, limit=limit, sample=flags.random, seed=flags.seed)


def _report(flags: argparse.Namespace) -> int:
    from asyncgen.data.target import check_target
    from asyncgen.output.paths import OutputPaths
    from asyncgen.report.report import write_report

    dataset = _open(flags)
    output = dataset.paths.output
    page = OutputPaths.of(flags.page or output.with_name(f"{output.name}.report.html")).output
    check_target(dataset, page, refusal=None if _is_page(page) else "exists and is no report; choose another file")
    write_report(_find_audit(flags, dataset, "report", ()), dataset, page, sample=flags.sample)
    print(f"report written to {one_line(str(page))}")  # noqa: T201
    return 0


def _is_page(path: Path) -> bool:
    """An earlier report may be written over, and hardly anything that matters looks like one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_PAGE_BEGINS)).lower() == _PAGE_BEGINS


def _view(flags: argparse.Namespace) -> int:
    if not 0 <= flags.port <= _MAX_PORT:
        raise ConfigError(f"--port: expected 0 to {_MAX_PORT}, got {flags.port}")
    from asyncgen.viewer.server import serve_view

    return serve_view(flags.output, port=flags.port)


def _open(flags: argparse.Namespace) -> "Dataset":
    from asyncgen.data.dataset import Dataset

    return Dataset.open(flags.output, recipe=flags.recipe, knowledge=flags.knowledge)


def _find_audit(flags: argparse.Namespace, dataset: "Dataset", flag: str, rules: Sequence[str]) -> "Audit":
    """The audit beside the output while it is true of it; otherwise one made now, which is not written."""
    from asyncgen.audit.audit import check_rules_ran, read_audit

    audit = read_audit(dataset) if flags.recipe is None and flags.knowledge is None else None
    if audit is None:
        return _make_audit(dataset, flag, rules)
    check_rules_ran(flag, rules, audit.rules)
    return audit


def _make_audit(dataset: "Dataset", flag: str, rules: Sequence[str]) -> "Audit":
    from asyncgen.audit.audit import audit_dataset, check_rules_ran, rules_to_run
    from asyncgen.screen.bar import shown_progress

    check_rules_ran(flag, rules, rules_to_run(dataset))
    with shown_progress() as progress:
        return audit_dataset(dataset, progress=progress)


# ---- Ctrl-C


def _in_order(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace, str], int]:
    """A command that ends by way of its `finally` blocks when it is interrupted: they remove half-written files."""

    def run_in_order(flags: argparse.Namespace, _: str) -> int:
        with _interrupts_raised():
            return run(flags)

    return run_in_order


@contextlib.contextmanager
def _interrupts_raised() -> Iterator[None]:
    signals = [each for each in _SIGNALS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
    before = {each: signal.getsignal(each) for each in signals}

    def interrupt(*_: object) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)  # a second one would interrupt what the first one has begun
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


COMMANDS = (
    Command("audit", "measure an output: coverage, diversity, duplicates, findings", _add_audit, _in_order(_audit)),
    Command("filter", "write the lines worth keeping to files of their own", _add_filter, _in_order(_filter)),
    Command("show", "print conversations as chat", _add_show, _in_order(_show)),
    Command("report", "write an audit as a page for a browser", _add_report, _in_order(_report)),
    Command("view", "browse an output in a browser, on loopback", _add_view, lambda flags, _: _view(flags)),
)


# ---- values of flags


def _limit(text: str) -> tuple[str, float]:
    """RULE=RATE, the rate as a share or in percent."""
    rule, equals, rate = text.partition("=")
    number = _number(rate.removesuffix("%")) / (100 if rate.endswith("%") else 1)
    if not (rule and equals and 0 <= number <= 1):
        raise argparse.ArgumentTypeError(f"expected RULE=RATE with a rate such as 0.01 or 1%, got {text!r}")
    return rule, number


def _similarity(text: str) -> float:
    number = _number(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a similarity above 0, 1 at most, got {text!r}")
    return number


def _share(text: str) -> float:
    number = _number(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, got {text!r}")
    return number


def _condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected DIMENSION=TEXT, got {text!r}")
    return name, value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
