"""Whole runs whose batches are files in a folder, and somebody who runs these."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from quick import QUICK

from asyncgen.command.main import main

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
JOBS = Path("jobs")
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def generate(*flags: str) -> int:
    who = ["--provider", "vllm", "--model", "org/m", "--batch", "--batch-files", str(JOBS)]
    return main(["generate", "-n", "30", *who, "--quiet", *flags], QUICK)


def answer(number: int) -> dict[str, object]:
    texts = [f"What is {WORDS[number % 10]} {number}?", f"It is {WORDS[number // 10]} {number}."]
    said = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=True)]
    choice = {"message": {"role": "assistant", "content": json.dumps({"messages": said})}, "finish_reason": "stop"}
    return {
        "id": f"c{number}",
        "model": "org/m",
        "choices": [choice],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
    }


def run_batches(*, spoilt: int = 0) -> int:
    """As run-batch of vLLM does, its last rows errors."""
    count = 0
    for requests in JOBS.glob("*.requests.jsonl"):
        results = requests.with_name(requests.name.replace(".requests.", ".results."))
        if results.exists():
            continue
        rows = []
        lines = [msgspec.json.decode(line) for line in requests.read_bytes().splitlines()]
        for position, line in enumerate(lines):
            assert line["body"]["model"] == "org/m"
            number = int(line["custom_id"].split("-")[1])
            response = {"status_code": 200, "request_id": "r", "body": answer(number)}
            error = None
            if position >= len(lines) - spoilt:
                response, error = {"status_code": 500, "request_id": "r", "body": None}, "CUDA error"
            rows.append(
                msgspec.json.encode({"id": "v", "custom_id": line["custom_id"], "response": response, "error": error})
            )
        results.write_bytes(b"\n".join(rows) + b"\n")
        count += len(lines)
    return count


def done() -> Counter[int]:
    entries = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return Counter(entry["index"] for entry in entries if entry["type"] == "done")


def test_requests_are_left_in_a_folder_and_their_results_are_taken_by_the_same_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def commands() -> set[str]:
        return {line for line in capsys.readouterr().err.splitlines() if "vllm run-batch -i jobs/" in line}

    assert generate("--batch-size", "20", "--detach") == 4
    assert len(told := commands()) == 2
    assert generate("--batch-size", "20", "--detach") == 4
    assert commands() == told, "as long as nobody has run them"
    assert len(list(JOBS.glob("*.requests.jsonl"))) == 2
    assert run_batches() == 30
    assert generate("--batch-size", "20", "--detach") == 0
    assert len(OUTPUT.read_bytes().splitlines()) == 30
    assert done() == Counter(range(30))


def test_what_a_batch_has_not_brought_goes_into_the_next_one() -> None:
    assert generate("--detach") == 4
    assert run_batches(spoilt=5) == 30
    assert generate("--detach") == 4
    assert run_batches() == 5
    assert generate("--detach") == 0
    assert done() == Counter(range(30))


def test_a_request_file_that_is_taken_away_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("--detach") == 4
    (requests,) = JOBS.glob("*.requests.jsonl")
    requests.rename("elsewhere.jsonl")
    assert generate("--detach") in (1, 4)
    assert "is not there; leave it in its place until it has its results" in capsys.readouterr().err
    Path("elsewhere.jsonl").rename(requests)
    assert run_batches() == 30
    assert generate("--detach") == 0
    assert done() == Counter(range(30))
