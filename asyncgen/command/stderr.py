"""What goes wrong, on the standard error: a sentence on one line, and a trace for who wants to see it."""

import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from asyncgen.text import one_line

LONGEST_MESSAGE = 2000  # characters
LONGEST_ARGUMENT = 200  # characters that are quoted whole, because a path among them may be copied
QUOTED = 60  # characters of a longer one


def say(message: str, argv: Sequence[str] = ()) -> None:
    print(f"asyncgen: {sentence(message, argv)}", file=sys.stderr)  # noqa: T201


def sentence(message: str, argv: Sequence[str] = ()) -> str:
    """The message on one line; of a very long argument that it quotes, how that begins."""
    for part in (part for argument in argv for part in (argument, *argument.split("=", 1))):
        text = part.rstrip("/")  # as a path is told
        if len(text) > LONGEST_ARGUMENT:
            for quoted in (text, repr(text)[1:-1]):
                message = message.replace(quoted, f"{quoted[:QUOTED]}... ({len(text):,} characters)")
    half = LONGEST_MESSAGE // 2
    return one_line(message if len(message) <= LONGEST_MESSAGE else f"{message[:half]} ... {message[-half:]}")


def print_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As Python does, but for what the message of an error may quote."""
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    print(*map(one_line, lines), sep="\n", file=sys.stderr)  # noqa: T201
