"""What a repair is about to make again, and what came of it, in a terminal."""

from collections import Counter
from decimal import Decimal

from rich.text import Text

from asyncgen.audit.flagged import FlaggedLines
from asyncgen.data.dataset import Dataset
from asyncgen.data.replaced import repair_paths
from asyncgen.money.price import format_cost
from asyncgen.output.earlier import read_status
from asyncgen.output.grades import grades_paths
from asyncgen.output.keys import Keys
from asyncgen.output.ledger import Ledger, Totals, read_journal
from asyncgen.runs.config import GenerateConfig
from asyncgen.screen.rows import command_line, plain_console, print_copied, tally_grid
from asyncgen.text import quantity

EVIDENCE_TOKENS = 100  # of what is said to be wrong with a line, and what to do about it


def describe_flagged(dataset: Dataset, lines: FlaggedLines, config: GenerateConfig) -> str:
    """How many lines are to be made again, why, and what that may cost, as far as a stopped repair leaves it to do."""
    reasons = Counter(each.reason for each in lines.by_key.values())
    why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    told = f"{len(lines.by_key):,} of {quantity(len(dataset), 'line')} to make again ({why})"
    begun, repair = Ledger(), repair_paths(dataset.paths)
    left = len(lines.by_key)
    if repair.journal.is_file() and not config.overwrite:
        begun, there = read_status(repair)
        keys = Keys([*lines.by_key])
        keys.settle(bytes(begun.keys))
        left -= sum(map(there.is_done, keys.indices))
    if made := len(lines.by_key) - left:
        told += f", {made:,} of which {'is' if made == 1 else 'are'} made, {left:,} left"
        costs = f"about {_describe_use(begun.totals, left / made)}, by what those have taken"
    else:
        costs = _foresee(dataset, left, config)
    return f"{dataset.paths.output}: {told}: {costs}"


def _foresee(dataset: Dataset, number: int, config: GenerateConfig) -> str:
    """By what its lines have taken: each is asked for again with its old version and what is wrong with it.

    Nobody knows how often that has to be repeated.
    """
    totals, made, replies = dataset.ledger.totals, max(1, dataset.ledger.made), 1 + config.reasks
    taken = max(1, totals.prompt_tokens + totals.completion_tokens)
    added = (totals.completion_tokens + EVIDENCE_TOKENS * made) / taken
    least = _describe_use(totals, number / made)
    most = _describe_use(totals, number / made * (1 + added) * replies)
    each = f"where each takes {quantity(replies, 'reply', 'replies')} (--reasks)"
    told = f"at least {least}, by what its lines have taken, and {most} {each}"
    if not config.plan.recipe.is_judged:
        return told
    grades = grades_paths(dataset.paths).journal
    judge = read_journal(grades).ledger if grades.is_file() else Ledger()
    if judge.totals.calls:  # otherwise it has read them as they were made, and is among what they have taken
        return f"{told}, and for a judge {_describe_use(judge.totals, number / max(1, judge.made))} or more"
    return told if dataset.grades else f"{told}, and what a judge takes for each"


def _describe_use(totals: Totals, share: float) -> str:
    if totals.cost is not None:
        return format_cost(totals.cost * Decimal(share))
    return f"{totals.prompt_tokens * share:,.0f} tokens in and {totals.completion_tokens * share:,.0f} out"


def print_repaired(dataset: Dataset, lines: FlaggedLines, number: int, *, again: str) -> None:
    """`number`: lines that were replaced. `again`: what tries the others once more."""
    console, output, rejects = plain_console(), dataset.paths.output, dataset.paths.rejects.name
    rows = [("repaired", f"{number:,}", f"of {output}" + (f"; the old ones are in {rejects}" if number else ""))]
    if left := len(lines.by_key) - number:
        rows.append(("as before", f"{left:,}", f"could not be mended; what was tried is in {rejects}"))
    console.print(tally_grid(rows))
    console.print(Text(f"{number:,} of {quantity(len(lines.by_key), 'flagged line')} repaired", style="bold"))
    for command in [*([again] if left else []), command_line("audit", output)]:
        print_copied(console, "next", command)
