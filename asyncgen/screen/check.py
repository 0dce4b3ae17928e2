"""A recipe looked at: what is wrong with it, and one request in short."""

import shlex
from collections.abc import Sequence

import msgspec

from asyncgen.endpoint.settings import settings_of
from asyncgen.program import program
from asyncgen.recipe.problems import Problem
from asyncgen.recipe.prompt import build_messages
from asyncgen.recipe.recipe import MODEL, Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.recipe.talk import prompts_by_seat
from asyncgen.text import one_line, printable, quantity

_BEGINNING, _END = 12, 24  # lines of a message that are shown; a prompt says last what it wants


def show_request(source: str, recipe: Recipe, seed: int | None, index: int) -> None:
    """One scenario and what would be sent for it: a message's middle, mostly the knowledge base, is left out."""
    scenario = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=seed).draw(index)
    whole = f"{program()} plan --recipe {shlex.quote(source)} --index {index}"
    model = next((each for each in recipe.models if each.name == scenario[MODEL]), None)
    parts = [f"--- scenario {index}"]
    for name, text in scenario.items():
        parts.append(f"{name}: " + ("\n  " + text.replace("\n", "\n  ") if "\n" in text else text))
    said = [
        (f"{seat}'s side: {message['role']}" if seat else message["role"], message["content"])
        for seat, each in prompts_by_seat(recipe).items()
        for message in build_messages(each, scenario)
        if message["content"]
    ]
    for title, content in said:
        lines = content.split("\n")
        left_out = lines[_BEGINNING:-_END]
        if len(left_out) > 1:
            size = len("\n".join(left_out).encode())
            lines[_BEGINNING:-_END] = [
                f"[... {quantity(len(left_out), 'line')}, {size:,} bytes; {whole} shows them ...]"
            ]
        parts += ["", f"--- {title}", *lines]
    parts += ["", "--- settings", msgspec.json.encode(settings_of(recipe, model)).decode(), ""]
    print(printable("\n".join(parts)))  # noqa: T201


def show_problems(source: str, problems: Sequence[Problem]) -> None:
    for each in problems:
        print(one_line(f"{each.place}: {'warning: ' if each.is_warning else ''}{each.text}"))  # noqa: T201
    warnings = sum(each.is_warning for each in problems)
    errors = len(problems) - warnings
    counted = [f"{number} {word}{'s' * (number > 1)}" for number, word in ((errors, "error"), (warnings, "warning"))]
    told = ", ".join(each for each in counted if not each.startswith("0 ")) or "nothing wrong"
    print(one_line(f"{source}: {told}"))  # noqa: T201
