"""What a model has answered and was paid for: it stays in a file until it has become values of a recipe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from asyncgen.answered import Usage
from asyncgen.denied import explain
from asyncgen.errors import ConfigError
from asyncgen.text import printable


class Answers:
    """`number`: how many there are. `is_unread`: of one of them nothing could be read."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path = path
        self._file = file
        self._costs: list[Decimal | None] = []
        self.is_unread = False

    @property
    def number(self) -> int:
        return len(self._costs)

    @property
    def cost(self) -> Decimal | None:
        """In US dollars, of all; None where the provider has not told it of each."""
        return None if None in self._costs else sum(filter(None, self._costs), Decimal(0))

    def keep(self, text: str, usage: Usage) -> None:
        """On disk before anything is made of it. Raises ConfigError."""
        self._costs.append(usage.cost)
        try:
            self._file.write(f"{printable(text).rstrip()}\n\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error


@contextmanager
def open_answers(path: Path) -> Iterator[Answers]:
    """The file is there before anything is paid for, and has nothing of these any more where the block ends well.

    One of which nobody could read anything stays in any case. Raises ConfigError where it cannot be written.
    """
    try:
        file = path.open("a", encoding="utf-8", errors="replace")
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        before = file.tell()
        answers = Answers(path, file)
        try:
            yield answers
            if not answers.is_unread:
                file.truncate(before)
        finally:
            if not os.fstat(file.fileno()).st_size:
                path.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}, for what the model answers, cannot be written: {explain(error)}")
