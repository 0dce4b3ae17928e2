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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

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


def run(row: Row, folder: Path) -> tuple[float, float]:
    """(share of the capacity used after warm-up, refusals per 1,000 calls)."""
    serve = [
        *(sys.executable, "-m", "asyncgen", "serve", "--canned", "--exit-with-stdin"),
        *("--latency", str(row.latency), "--max-concurrent", str(row.capacity), *row.flags),
    ]
    with subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("started without pipes")
        base_url = server.stdout.readline().strip()
        generate = [
            *(sys.executable, "-m", "asyncgen", "generate", "--quiet", "-n", str(row.conversations)),
            *("--base-url", base_url, "-o", str(folder / f"{row.name}.jsonl")),
        ]
        client = subprocess.Popen(generate, stderr=subprocess.DEVNULL)
        first = wait_for(base_url, row.conversations * WARM_UP)
        last = wait_for(base_url, row.conversations * LAST_LOOK)
        client.wait()
        calls = look(base_url)
        server.stdin.close()
    used = (last["busy_seconds"] - first["busy_seconds"]) / ((last["time"] - first["time"]) * row.capacity)
    return used, calls["statuses"].get("429", 0) / calls["calls"] * 1000


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
    Console().print(table)


if __name__ == "__main__":
    main()
