"""Draws run.svg for the README from a real run against the offline engine, with the faults of a busy endpoint.

    python tests/pictures/draw.py

The frame is taken when half the conversations are written; under it stands the summary of the same run.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from asyncgen.command.commands import build_parser
from asyncgen.command.config import read_generate_config
from asyncgen.runs.forecast import Pace
from asyncgen.runs.open import conversations, opened
from asyncgen.runs.run import Run
from asyncgen.screen.frame import frame
from asyncgen.screen.terminal import Terminal

PICTURE = Path(__file__).with_name("run.svg")
WIDTH = 100
COMMAND = "make generate N=20000"
PRICES = ("--price-in", "0.50", "--price-cached", "0.05", "--price-out", "3")  # of the recipe's model
ENGINE = (
    *("serve", "--latency", "0.2", "--jitter", "0.3", "--rate-limited", "0.01", "--retry-after", "2"),
    *("--server-errors", "0.004", "--malformed", "0.006", "--exit-with-stdin"),
)


async def take_frame(run: Run) -> list[Text]:
    """The rows of the live region half-way through the run."""
    pace = Pace(time.monotonic(), run.counts.written)
    while run.counts.written < run.counts.num / 2:
        await asyncio.sleep(0.25)
        pace.observe(time.monotonic(), run.counts)
    return frame(run.counts, pace, WIDTH)


async def watch(terminal: Terminal, run: Run) -> list[Text]:
    watching = asyncio.create_task(take_frame(run))
    await terminal.execute()
    return await watching


def draw(base_url: str, folder: Path) -> None:
    flags = build_parser().parse_args(
        ["generate", "-n", "20000", "-c", "256", "--base-url", base_url, "-o", str(folder / "nanochat.jsonl"), *PRICES]
    )
    config = read_generate_config(flags, {}, COMMAND)
    sys.stderr = summary = StringIO()
    with opened(config, conversations) as run:
        rows = asyncio.run(watch(Terminal(config, run), run))
    sys.stderr = sys.__stderr__
    console = Console(record=True, width=WIDTH, file=StringIO(), color_system="truecolor", force_terminal=True)
    console.print(Text(f"$ {COMMAND}", style="bold"))
    for row in rows:
        console.print(row, no_wrap=True, overflow="ignore", crop=False)
    console.print()
    finished = summary.getvalue()[summary.getvalue().index("Finished") :]
    console.print(Text(finished.replace(str(folder), "data").rstrip()))
    svg = console.export_svg(title="asyncgen")
    # Fonts would be fetched from the network.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))


def main() -> None:
    engine = subprocess.Popen(
        [sys.executable, "-m", "asyncgen", *ENGINE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with engine, tempfile.TemporaryDirectory() as folder:
        if engine.stdout is None or engine.stdin is None:
            raise RuntimeError("started without pipes")
        draw(engine.stdout.readline().strip(), Path(folder))
        engine.stdin.close()


if __name__ == "__main__":
    main()
