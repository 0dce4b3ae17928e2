"""A small recipe, and the endpoint that writes its conversations: some leak, and are mended when told."""

import json
from pathlib import Path

from fake_provider import Call, Reply, completion

LEAK = "According to the knowledge base, bread is baked."
GOOD = "Bread is baked at 220 degrees."


def write_recipe(more: str = "", *, numbers: int = 4) -> None:
    """In this folder, with a dimension of so many numbers: n0, n1, …"""
    recipe = f"""
name = "bakery"
knowledge = "knowledge.md"
[request]
model = "writer"
[prompt]
user = "user.md"
[[dimension]]
name = "number"
values = {[f"n{number}" for number in range(numbers)]}
"""
    Path("recipe.toml").write_text(recipe + more, "utf-8")
    Path("knowledge.md").write_text("Bread is baked at 220 degrees.", "utf-8")
    Path("user.md").write_text("{number} {knowledge}", "utf-8")


def number_of(call: Call) -> str:
    return str(call.body["messages"][0]["content"]).split()[0]


def is_second(call: Call) -> bool:
    """Whether it is told what is wrong with its first version."""
    return len(call.body["messages"]) > 1


def talk(answer: str, user: str = "How hot?", **usage: object) -> Reply:
    messages = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return completion(json.dumps({"messages": messages}), **usage)  # type: ignore[arg-type]  # of the usage alone
