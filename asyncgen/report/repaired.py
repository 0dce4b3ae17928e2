"""What a repair is about to make again, and what came of it, in a terminal."""

from collections import Counter

from rich.text import Text

from asyncgen.audit.flagged import FlaggedLines
from asyncgen.data.dataset import Dataset
from asyncgen.money.price import format_cost
from asyncgen.screen.rows import command_line, plain_console, print_copied, tally_grid
from asyncgen.text import quantity


def describe_flagged(dataset: Dataset, lines: FlaggedLines) -> str:
    """How many lines are to be made again, why, and what that may cost."""
    number = len(lines.by_key)
    reasons = Counter(each.reason for each in lines.by_key.values())
    why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    totals, made = dataset.ledger.totals, max(1, dataset.ledger.made)
    cost = f"{totals.prompt_tokens // made * number:,} tokens in and {totals.completion_tokens // made * number:,} out"
    if totals.cost is not None:
        cost = format_cost(totals.cost / made * number)
    told = f"{number:,} of {quantity(len(dataset), 'line')} to make again ({why})"
    return f"{dataset.paths.output}: {told}: about {cost}, by what its lines have taken"


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
