"""What goes wrong, on the standard error: a sentence on one line, and a trace for who wants to see it."""

import sys
import traceback
from types import TracebackType

from asyncgen.text import one_line

LONGEST_MESSAGE = 2000  # characters


def say(message: str) -> None:
    print(f"asyncgen: {sentence(message)}", file=sys.stderr)  # noqa: T201


def sentence(message: str) -> str:
    """The message on one line; of one that quotes a very long argument, how it begins and what to do."""
    half = LONGEST_MESSAGE // 2
    return one_line(message if len(message) <= LONGEST_MESSAGE else f"{message[:half]} ... {message[-half:]}")


def print_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As Python does, but for what the message of an error may quote."""
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    print(*map(one_line, lines), sep="\n", file=sys.stderr)  # noqa: T201
