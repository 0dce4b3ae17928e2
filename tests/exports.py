"""What the tests of export build their outputs from, and how they run it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from audited import DIMENSIONS
from outputs import COST, HEADER, make_run

from asyncgen.conversation import Conversation, Message, digest_conversation, encode_line
from asyncgen.export.export import ExportPlan, ExportResult, export_output, open_sources
from asyncgen.export.formats import FORMATS
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group

PICKS = Dimension("openers", (Group("short", ("hi", "yo")), Group("long", ("good day",))), grouped=True, pick=2)


def talk(text: object, turns: int = 1) -> Conversation:
    """A question and an answer, so often; with what escapes, breaks lines and is not ASCII."""
    return tuple(
        each
        for turn in range(turns)
        for each in (
            Message("user", f'Q {text}.{turn} "a"\n\u2028b'),
            Message("assistant", f"A {text}.{turn}\té\U0001f600"),
        )
    )


def made(index: int, conversation: Conversation, model: str | None = None) -> Record:
    digest = digest_conversation(conversation).hex()
    entry = Done(index=index, digest=digest, cost=COST, model=model, prompt_tokens=100, completion_tokens=20)
    return Record(encode_entry(entry), encode_line(conversation))


def write_run(output: Path, conversations: Sequence[Conversation]) -> OutputPaths:
    """As a run leaves it whose indices came in reverse; the last line was written by another model."""
    paths = OutputPaths.of(output)
    header = msgspec.structs.replace(HEADER, num=len(conversations), dimensions=(*DIMENSIONS, PICKS))
    last = len(conversations) - 1
    records = [
        made(last - place, each, "another/model" if place == last else None) for place, each in enumerate(conversations)
    ]
    make_run(paths, [records], header)
    return paths


def export(output: Path, path: Path, to: str = "messages", **plan: Any) -> ExportResult:
    return export_output(open_sources(output), ExportPlan(path, FORMATS[to], **plan))


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
