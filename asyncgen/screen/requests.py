"""The requests of a plan: all of them as a file, or one in full as text."""

import os
from pathlib import Path
from textwrap import indent

import msgspec

from asyncgen.denied import explain
from asyncgen.errors import ConfigError
from asyncgen.output.paths import OWNER_ONLY, belongs_to_output
from asyncgen.recipe.prompt import build_messages
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.config import RunPlan
from asyncgen.text import printable

REQUEST_BEGINS = b'{"index":'


def write_requests(path: Path, plan: RunPlan, scenarios: Scenarios) -> None:
    """Write a line per index: `{"index", "scenario", "messages"}`.

    Only a file of such lines is written over: any other may be an output, a journal or a recipe.
    """
    try:
        is_other = belongs_to_output(path)
        if not is_other and path.is_file():
            with path.open("rb") as file:
                is_other = file.read(len(REQUEST_BEGINS)) not in (b"", REQUEST_BEGINS)
        if is_other:
            raise ConfigError(f"--requests: {path} exists and holds something else; choose another file")
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            encoder = msgspec.json.Encoder()
            for index in range(plan.num):
                scenario = scenarios.draw(index)
                messages = build_messages(plan.recipe, scenario)
                file.write(encoder.encode({"index": index, "scenario": scenario, "messages": messages}) + b"\n")
    except OSError as error:
        raise ConfigError(f"--requests: {path} cannot be written: {explain(error)}") from error


def format_request(recipe: Recipe, scenarios: Scenarios, index: int) -> str:
    """A request as plain text: its scenario, then each message under its role."""
    scenario = scenarios.draw(index)
    parts = [f"--- scenario {index}"]
    parts += [f"{name}:\n{indent(text, '  ')}" for name, text in scenario.items()]
    for message in build_messages(recipe, scenario):
        parts += ["", f"--- {message['role']}", message["content"]]
    return printable("\n".join(parts) + "\n")
