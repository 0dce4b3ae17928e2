"""What a run leaves on disk, byte for byte but for moments, durations and places: journal, output and rejects.

Every way a call can end is in the script. Entries stand in the order of their indices, because which of two calls ends
first is chance. Who changes the format on purpose deletes a golden file, runs the test, and reads the difference.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, completion, conversation, error
from quick import QUICK

from asyncgen.command.main import main

GOLDENS = Path(__file__).parent / "goldens"
RECIPE = """
name = "golden"
knowledge = "knowledge.md"
[request]
model = "fake"
temperature = 0.5
[prompt]
system = "system.md"
user = "user.md"
[[dimension]]
name = "number"
values = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"]
[[dimension]]
name = "mood"
values = ["calm", "eager"]
"""
MOMENTS = (
    (re.compile(rb'"(time|started)":"[^"]*"'), rb'"\1":""'),
    (re.compile(rb'"seconds":[0-9.e-]+'), rb'"seconds":0'),
    (re.compile(rb"127\.0\.0\.1:[0-9]+"), rb"127.0.0.1:0"),
    (re.compile(rb'"(asyncgen|recipe)":"[^"]*"'), rb'"\1":""'),
)


def good(number: str, **usage: object) -> Reply:
    told: dict[str, Any] = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, **usage}
    messages = json.loads(json.loads(conversation(number).body)["choices"][0]["message"]["content"])
    return completion(json.dumps(messages), request_id=f"gen-{number}", **told)


SCRIPTS: dict[str, list[Reply]] = {
    "n0": [good("n0", cost=0.0015)],
    "n1": [completion("no JSON", cost=0.002), completion("[]"), good("n1", cost=0.001)],
    "n2": [error(429), good("n2", prompt_tokens_details={"cached_tokens": 80})],
    "n3": [error(503), error(500), good("n3")],
    "n4": [completion("I cannot", finish_reason="content_filter", cost=0.25)],
    "n5": [Reply(body=good("n5").body, breaks_off=True), Reply(abort=True), good("n5")],
    "n6": [completion("one"), completion("two"), completion("three", cost=0.5), completion("four")],
    "n7": [completion('{"messages": [', finish_reason="length"), completion("", finish_reason="length")],
    "n8": [completion(None, finish_reason="error", cost=0.01), good("n8")],
    "n9": [good("n9", cost="0.00000012")],
}


def play(call: Call, played: Counter[str]) -> Reply:
    number = call.scenario.split()[-1]
    played[number] += 1
    return SCRIPTS[number][played[number] - 1]


def blank(line: bytes) -> bytes:
    for pattern, replacement in MOMENTS:
        line = pattern.sub(replacement, line)
    return line


def place_of(line: bytes) -> tuple[int, bytes]:
    """Entries of an index stay in their order; a line of the output has no other place than its text gives it."""
    document = json.loads(line)
    if isinstance(document, dict) and "messages" not in document:
        return int(document.get("index", -1)), b""
    return -1, line


def settled(path: Path) -> bytes:
    """The lines without marks, in the order of their indices."""
    lines = [blank(line) for line in path.read_bytes().splitlines(keepends=True) if b'"type":"mark"' not in line]
    lines.sort(key=place_of)
    return b"".join(lines)


@pytest.mark.parametrize("style", ["arrays", "objects"])
def test_what_a_run_leaves_on_disk_is_what_it_always_was(style: str) -> None:
    Path("recipe.toml").write_text(RECIPE, "utf-8")
    Path("knowledge.md").write_text("Bread is baked.", "utf-8")
    Path("system.md").write_text("Know: {knowledge}", "utf-8")
    Path("user.md").write_text("In a {mood} mood: {number}", "utf-8")
    played: Counter[str] = Counter()
    flags = ["--save-metadata"] if style == "objects" else ["--price-in", "1", "--price-out", "2"]
    with FakeProvider(lambda call: play(call, played)) as provider:
        command = ["generate", "--base-url", provider.base_url, "--recipe", "recipe.toml", "-n", "10", "-c", "1"]
        assert main([*command, "--no-adaptive", "--retries", "4", *flags, "-o", "x.jsonl"], QUICK) == 3
    for name in ("journal", "rejects", "jsonl"):
        found = settled(Path("x.jsonl" if name == "jsonl" else f"x.jsonl.{name}"))
        golden = GOLDENS / f"{style}.{name}"
        if not golden.exists():
            golden.write_bytes(found)
        assert found == golden.read_bytes()
