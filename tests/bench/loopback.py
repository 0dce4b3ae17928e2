"""The adaptive limit against a real server on loopback: how much of its capacity a run uses, and what is refused.

The server is a process of its own and keeps the books: between two looks at its ledger, busy seconds divided by
capacity and time are the share used.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from engine_process import served  # the tests' own
from rich.console import Console
from rich.table import Table

RUNS, SHARED, SHARED_LATENCY = 8, 400, 1.0
SHARD = 20_480  # conversations: more than are made here
SHARED_WARM_UP, SHARED_SECONDS = 60.0, 120.0
WARM_UP = 0.4  # of the conversations, before the first look
LAST_LOOK = 0.9


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    capacity: int
    conversations: int
    latency: float
    flags: tuple[str, ...] = ("--no-retry-after",)


ROWS = (
    Row("1 at once", 1, 60, 0.2),
    Row("20 at once", 20, 2_000, 0.2),
    Row("20 at once, Retry-After: 1", 20, 2_000, 0.2, ()),
    Row("200 at once", 200, 12_000, 0.5),
)


def limits(capacity: int, latency: float) -> tuple[str, ...]:
    return "--canned", "--latency", str(latency), "--max-concurrent", str(capacity)


def asyncgen(*words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "asyncgen", *words], stderr=subprocess.DEVNULL)


def run(row: Row, folder: Path) -> tuple[float, float]:
    """(share of the capacity used after warm-up, refusals per 1,000 calls)."""
    with served(*limits(row.capacity, row.latency), *row.flags) as address:
        output = ("-o", str(folder / f"{row.name}.jsonl"))
        num = ("-n", str(row.conversations))
        client = asyncgen("generate", "--quiet", *num, "--base-url", f"{address}/v1", *output)
        first = wait_for(address, row.conversations * WARM_UP)
        last = wait_for(address, row.conversations * LAST_LOOK)
        client.wait()
        calls = look(address)
    used = (last["busy_seconds"] - first["busy_seconds"]) / ((last["time"] - first["time"]) * row.capacity)
    return used, calls["statuses"].get("429", 0) / calls["calls"] * 1000


def run_together(flags: Sequence[str], folder: Path) -> tuple[float, float, float, float]:
    """Eight shards at one server, begun two seconds apart: what they use, least and largest share, refusals."""
    stem = str(folder / "x")
    shards = [folder / "x.shards" / f"{number:05}.jsonl" for number in range(RUNS)]
    with served(*limits(SHARED, SHARED_LATENCY), *flags) as address:
        asyncgen("shards", stem, "-n", str(RUNS * SHARD), "--at-once", str(RUNS), "--base-url", f"{address}/v1").wait()
        clients = []
        for number in range(RUNS):
            clients.append(asyncgen("generate", "--quiet", "--shard", f"{number}/{RUNS}", "-o", stem))
            time.sleep(2)
        time.sleep(SHARED_WARM_UP)
        first, before = look(address), [count_lines(shard) for shard in shards]
        time.sleep(SHARED_SECONDS)
        last, after = look(address), [count_lines(shard) for shard in shards]
        for client in clients:
            client.terminate()
        for client in clients:
            client.wait()
    made = [b - a for a, b in zip(before, after, strict=True)]
    used = (last["busy_seconds"] - first["busy_seconds"]) / ((last["time"] - first["time"]) * SHARED)
    refused = last["statuses"].get("429", 0) - first["statuses"].get("429", 0)
    return used, min(made) / mean(made), max(made) / mean(made), refused / (last["calls"] - first["calls"]) * 1000


def count_lines(output: Path) -> int:
    with output.open("rb") as file:
        return sum(1 for _ in file)


def wait_for(address: str, answered: float) -> dict[str, Any]:
    while (ledger := look(address))["answered"] < answered:
        time.sleep(0.1)
    return ledger


def look(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/ledger") as answer:
        ledger: dict[str, Any] = json.load(answer)
    return {**ledger, "time": time.monotonic()}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    table = Table("server", "capacity used", "refused per 1,000", title="The adaptive limit on loopback")
    with tempfile.TemporaryDirectory() as folder:
        for row in ROWS:
            used, refused = run(row, Path(folder))
            table.add_row(row.name, f"{used:.1%}", f"{refused:.1f}")
        together = Table(
            "server", "capacity used", "shares, of the fair one", "refused per 1,000", title=f"{RUNS} shards"
        )
        for name, flags in (("", ("--no-retry-after",)), (", Retry-After: 1", ())):
            place = Path(folder) / f"together{name}"
            place.mkdir()
            used, least, largest, refused = run_together(flags, place)
            together.add_row(
                f"{SHARED} at once{name}", f"{used:.1%}", f"{least:.2f} to {largest:.2f}", f"{refused:.1f}"
            )
    Console().print(table)
    Console().print(together)


if __name__ == "__main__":
    main()
