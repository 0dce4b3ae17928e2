"""Conversations as a person reads them, printed while they are made; safe to print whatever a model has written.

As long as the reader reads, none is left out: the run waits for a slow one before it asks for more. A reader who has
stopped reading holds nothing up: what he does not take is counted and stays in the output.
"""

import sys
from collections.abc import Sequence
from functools import partial

from asyncgen.conversation import Conversation, decode_line
from asyncgen.screen.printer import Printer
from asyncgen.stop import Stop
from asyncgen.text import printable

ROOM = 64  # conversations that may wait for the reader before the run does
PATIENCE = 5.0  # seconds; who takes nothing for so long has stopped reading


def format_conversation(conversation: Conversation) -> str:
    return "\n".join(f"{message.role}: {printable(message.content)}" for message in conversation)


def format_line(line: bytes) -> str:
    return f"{format_conversation(decode_line(line))}\n\n"


class Show:
    """Prints to `printer`. `patience`: seconds after which a reader who takes nothing has stopped reading."""

    def __init__(self, stop: Stop, printer: Printer | None = None, *, patience: float = PATIENCE) -> None:
        self._stop = stop
        self._printer = Printer(sys.stdout) if printer is None else printer
        self._patience = patience
        self._is_reader_away = False
        self._dropped = 0
        stop.when_requested(self._printer.wake)

    def show(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if self._is_reader_away and self._printer.backlog >= ROOM:
                self._dropped += 1
            else:
                self._printer.print(partial(format_line, line))
                self._printer.flush()

    @property
    def missed(self) -> int:
        """How many conversations were not shown."""
        return self._dropped + self._printer.lost

    async def room(self) -> None:
        """Wait until the reader has taken what was shown; not for one who has stopped reading, nor after a stop."""
        if self._printer.backlog < ROOM:
            self._is_reader_away = False
        while self._printer.backlog >= ROOM and not (self._is_reader_away or self._stop.is_set()):
            self._is_reader_away = not await self._printer.moved(self._patience)

    async def close(self) -> None:
        """Wait for the reader as long as he reads."""
        while self._printer.backlog and await self._printer.moved(self._patience):
            continue
        self._printer.forget()
