"""What the tests of audit, filter and show build their outputs from."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
from outputs import HEADER

from asyncgen.conversation import Conversation, Message, digest_conversation, encode_line
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import Done, Header, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group

WORDS = [hashlib.blake2b(str(number).encode(), digest_size=4).hexdigest() for number in range(8000)]
DIMENSIONS = (
    Dimension("topic", (Group("diet", ("fish", "shells")), Group("play", ("sliding",))), grouped=True),
    Dimension("persona", (Group("", ("a child", "a biologist")),)),
)


def conversation(number: int, ending: str = "") -> Conversation:
    """Forty words of its own for each number, so that an ending does not make it unlike."""
    text = " ".join(WORDS[number * 40 : number * 40 + 40])
    return Message("user", f"Question {number}?"), Message("assistant", f"{text} {ending}".strip())


def header(num: int) -> Header:
    return msgspec.structs.replace(HEADER, num=num, dimensions=DIMENSIONS)


def write_output(output: Path, conversations: Sequence[Conversation]) -> OutputPaths:
    """As a run leaves it that made these, index by index."""
    paths = OutputPaths.of(output)
    paths.journal.write_bytes(encode_entry(header(len(conversations))))
    with closing(Files(paths)) as files:
        files.append_batch([_made(index, each) for index, each in enumerate(conversations)])
        files.append_mark()
    return paths


def _made(index: int, conversation: Conversation) -> Record:
    entry = Done(index=index, digest=digest_conversation(conversation).hex(), time=f"2026-01-01T00:00:{index % 60:02}Z")
    return Record(encode_entry(entry), encode_line(conversation))
