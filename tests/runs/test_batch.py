"""Whole runs in batches over real HTTP against the offline engine, which misbehaves as real endpoints do."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from batch_server import BatchServer
from quick import QUICK

from asyncgen.command.main import main
from asyncgen.offline.knobs import Knobs

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
FOLDER = Path("data/nanochat.jsonl.batches")
PRICED = Knobs(price_in=Decimal("0.5"), price_out=Decimal(3))


def generate(server: BatchServer, *flags: str, num: int = 30) -> int:
    address = ["--base-url", server.base_url]
    return main(["generate", "-n", str(num), "--batch", *address, "-c", "8", "--quiet", *flags], QUICK)


def generate_inline(server: BatchServer, *flags: str, num: int = 30) -> int:
    address = ["--provider", "openrouter", "--base-url", server.inline_url]
    return main(["generate", "-n", str(num), "--batch", *address, "-c", "8", "--quiet", *flags], QUICK)


def entries(*kinds: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] in kinds]


def check_whole(num: int = 30) -> None:
    """Every index is one line, and nothing is under way or left lying about."""
    assert len(OUTPUT.read_bytes().splitlines()) == num
    assert Counter(entry["index"] for entry in entries("done")) == Counter(range(num))
    assert len(entries("submitting")) == len(entries("collected"))
    assert not FOLDER.exists()


def check_books(server: BatchServer) -> None:
    """The journal's money is the endpoint's, to the digit; no line ran twice, and every batch is known."""
    lines = server.books("line")
    told = [
        entry
        for entry in entries("done", "rejected", "failed", "lost", "collected")
        if "batch" in entry or "status" in entry
    ]
    spent = sum((Decimal(str(entry["cost"])) for entry in told if entry.get("cost") is not None), Decimal(0))
    assert spent == sum((Decimal(str(line["cost"])) for line in lines if line["cost"] is not None), Decimal(0))
    assert max(Counter(line["custom_id"] for line in lines).values()) == 1
    assert {entry["id"] for entry in entries("submitted")} == {each["batch"] for each in server.books("created")}


def test_all_but_the_first_are_made_in_a_batch() -> None:
    with BatchServer(PRICED) as server:
        assert generate(server) == 0
        check_whole()
        check_books(server)
        (created,) = server.books("created")
        assert len(server.books("line")) == 29
        assert created["metadata"] == {"asyncgen": entries("submitting")[0]["label"]}
    assert "batch" not in entries("done")[0]


def test_without_live_calls_the_first_is_in_the_batch_too() -> None:
    with BatchServer() as server:
        assert generate(server, "--no-live") == 0
        assert len(server.books("line")) == 30
    check_whole()


def test_inline_batches_make_the_same() -> None:
    with BatchServer(PRICED) as server:
        assert generate_inline(server, "--batch-size", "20") == 0
        check_whole()
        check_books(server)
        assert {each["form"] for each in server.books("created")} == {"inline"}


def test_batches_are_as_large_as_was_asked_for() -> None:
    with BatchServer() as server:
        assert generate(server, "--batch-size", "12") == 0
    check_whole()
    assert [entry["indices"] for entry in entries("submitting")] == ["1-12", "13-24", "25-29"]
