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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

RUNS, SHARED, SHARED_LATENCY = 8, 400, 1.0
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


@contextmanager
def serving(capacity: int, latency: float, flags: Sequence[str]) -> Iterator[str]:
    """The address of a server that keeps books."""
    serve = [
        *(sys.executable, "-m", "asyncgen", "serve", "--canned", "--exit-with-stdin"),
        *("--latency", str(latency), "--max-concurrent", str(capacity), *flags),
    ]
    with subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("started without pipes")
        yield server.stdout.readline().strip()
        server.stdin.close()


def start(base_url: str, output: Path, conversations: int) -> "subprocess.Popen[bytes]":
    generate = [
        *(sys.executable, "-m", "asyncgen", "generate", "--quiet", "-n", str(conversations)),
        *("--base-url", base_url, "-o", str(output)),
    ]
    return subprocess.Popen(generate, stderr=subprocess.DEVNULL)


def run(row: Row, folder: Path) -> tuple[float, float]:
    """(share of the capacity used after warm-up, refusals per 1,000 calls)."""
    with serving(row.capacity, row.latency, row.flags) as base_url:
        client = start(base_url, folder / f"{row.name}.jsonl", row.conversations)
        first = wait_for(base_url, row.conversations * WARM_UP)
        last = wait_for(base_url, row.conversations * LAST_LOOK)
        client.wait()
        calls = look(base_url)
    used = (last["busy_seconds"] - first["busy_seconds"]) / ((last["time"] - first["time"]) * row.capacity)
    return used, calls["statuses"].get("429", 0) / calls["calls"] * 1000


def run_together(flags: Sequence[str], folder: Path) -> tuple[float, float, float, float]:
    """Eight runs at one server, begun two seconds apart: what they use, the least and the largest share, refusals."""
    outputs = [folder / f"{number}.jsonl" for number in range(RUNS)]
    with serving(SHARED, SHARED_LATENCY, flags) as base_url:
        clients = []
        for output in outputs:
            clients.append(start(base_url, output, 1_000_000))
            time.sleep(2)
        time.sleep(SHARED_WARM_UP)
        first, before = look(base_url), [count_lines(output) for output in outputs]
        time.sleep(SHARED_SECONDS)
        last, after = look(base_url), [count_lines(output) for output in outputs]
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


def wait_for(base_url: str, answered: float) -> dict[str, Any]:
    while (ledger := look(base_url))["answered"] < answered:
        time.sleep(0.1)
    return ledger


def look(base_url: str) -> dict[str, Any]:
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/ledger") as answer:
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
            "server", "capacity used", "shares, of the fair one", "refused per 1,000", title=f"{RUNS} runs"
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
