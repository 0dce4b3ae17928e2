"""What a conversation made in batches takes of this machine, beside one made by a live call.

The endpoint is `asyncgen serve --batches`, a process of its own. Of memory the peaks of a few and of many conversations
are told: what grows with their number shows there. The results of an inline batch are mapped from disk while they are
read, and such pages count until others need the memory.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from batch_torture import FILES, INLINE, PRICES
from engine_process import served
from rich.console import Console
from rich.table import Table
from speed import Use, describe_machine, measure

CONVERSATIONS = 20_000
FEW = 0.1  # share of them that a first run makes
WAYS: dict[str, Sequence[str]] = {
    "live": (*FILES, "--concurrency", "64"),
    "files": (*FILES, "--batch"),
    "inline": (*INLINE, "--batch"),
}


@dataclass(frozen=True, slots=True)
class Figures:
    few: Use
    many: Use
    cpu: float  # milliseconds a conversation beyond the few


def run(way: Sequence[str], address: str, num: int) -> Use:
    where = way.index("--base-url") + 1
    flags = [f"{address}{each}" if place == where else each for place, each in enumerate(way)]
    with tempfile.TemporaryDirectory() as folder:
        what = ("--num", str(num), "--model", "m", "--output", f"{folder}/output.jsonl", "--quiet")
        return measure([sys.executable, "-m", "asyncgen", "generate", *flags, *what])


def compare(num: int) -> dict[str, Figures]:
    os.environ["OPENROUTER_API_KEY"] = "none"
    few, figures = int(FEW * num), {}
    with served("--batches", "--canned", *PRICES) as address:
        for name, way in WAYS.items():
            first, second = run(way, address, few), run(way, address, num)
            figures[name] = Figures(first, second, (second.cpu - first.cpu) / (num - few) * 1000)
    return figures


def show(figures: dict[str, Figures], num: int) -> Table:
    table = Table("", "CPU ms each", "x live", "wall s", f"peak MB, {int(FEW * num):,}", f"peak MB, {num:,}")
    for name, each in figures.items():
        table.add_row(
            name,
            f"{each.cpu:.3f}",
            f"{each.cpu / figures['live'].cpu:.2f}",
            f"{each.many.wall:.1f}",
            f"{each.few.memory:.0f}",
            f"{each.many.memory:.0f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=CONVERSATIONS)
    num = parser.parse_args().num
    Console().print(describe_machine(), show(compare(num), num), sep="\n")


if __name__ == "__main__":
    main()
