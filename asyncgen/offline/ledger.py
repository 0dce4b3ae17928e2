"""What a server has seen and done, for tests and benchmarks: the figures of `GET /ledger`.

Its field names are the names on the wire. Time is passed in, so that a virtual clock serves as well as a real one.
What became of batches is in books beside it, those of `GET /ledger/batches`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from asyncgen.offline.protocol import encode

NO_ANSWER = 0  # counted where a status would be


@dataclass(slots=True)
class Ledger:
    """`calls` are live ones and, unless a knob fails them, lines of batches; `lines` are all of these that were run.

    `answered` are live completions sent whole, whatever was in them.

    In flight are the calls being served: neither those refused nor those that wait their turn. `busy_seconds` is their
    number summed over time, up to the last `tick`.
    """

    calls: int = 0
    lines: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    answered: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    busy_seconds: float = 0.0
    cost: Decimal = Decimal(0)
    _ticked: float = 0.0

    def tick(self, now: float) -> None:
        self.busy_seconds += self.in_flight * (now - self._ticked)
        self._ticked = now

    def begin(self, now: float) -> None:
        self.tick(now)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, now: float) -> None:
        self.tick(now)
        self.in_flight -= 1

    def encode(self, now: float) -> bytes:
        self.tick(now)
        return encode(
            {
                "calls": self.calls,
                "lines": self.lines,
                "statuses": self.statuses,
                "answered": self.answered,
                "in_flight": self.in_flight,
                "most_in_flight": self.most_in_flight,
                "busy_seconds": self.busy_seconds,
                "cost": self.cost,
            }
        )


class Books:
    """Events of batches, a line of JSON each in a file, so that they may be more than memory. Close them."""

    def __init__(self, new_path: Callable[[], Path]) -> None:
        self._new_path = new_path
        self._file: BinaryIO | None = None

    def close(self) -> None:
        if self._file:
            self._file.close()

    def write(self, **event: object) -> None:
        if self._file is None:
            self._file = self._new_path().open("wb")
        self._file.write(encode(event) + b"\n")

    def flush(self) -> Path | None:
        """Where all that was written is; None for nothing."""
        if self._file is None:
            return None
        self._file.flush()
        return Path(self._file.name)
