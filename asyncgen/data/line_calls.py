"""The calls that have led to each line of a data set, found in its journal once: 12 bytes an index."""

from array import array
from contextlib import suppress
from typing import BinaryIO, TypeVar

from asyncgen.data.dataset import Dataset
from asyncgen.errors import ConfigError
from asyncgen.output.journal import Call, Done, Header, Step, Unused, decode_entry

E = TypeVar("E", bound=Call)


class LineCalls:
    """Asked by index, for those that have a line. Raises ConfigError for a journal that has changed."""

    def __init__(self, dataset: Dataset) -> None:
        self._journal = dataset.paths.journal
        self._first = dataset.ledger.first
        self._offsets = array("q")  # by index from the first one on, of its newest entry
        self._runs = array("i")  # likewise, the number of the run that made it
        self._before: dict[int, list[int]] = {}  # by index, of further entries that led there
        headers = dataset.ledger.headers
        under_way: dict[int, list[int]] = {}
        offset, run = 0, -1
        with self.opened() as file:
            for line in file:
                with suppress(ValueError):
                    entry = decode_entry(line)
                    if isinstance(entry, Header):
                        run += 1
                        if run == len(headers):
                            return  # it has begun since the data set was opened
                        if run and entry.asked != headers[run - 1].asked:
                            under_way.clear()  # replies to something else
                    elif isinstance(entry, Step | Unused):
                        under_way.setdefault(entry.index, []).append(offset)
                    elif isinstance(entry, Done):
                        place = entry.index - self._first
                        missing = place + 1 - len(self._offsets)
                        self._offsets.extend([-1] * missing)
                        self._runs.extend([-1] * missing)
                        self._offsets[place], self._runs[place] = offset, run
                        self._before.pop(entry.index, None)
                        if entry.index in under_way:
                            self._before[entry.index] = under_way.pop(entry.index)
                offset += len(line)

    def opened(self) -> BinaryIO:
        """The journal, for `before` and `last`."""
        try:
            return self._journal.open("rb")
        except OSError as error:
            raise ConfigError(f"{self._journal}: {error.strerror}") from error

    def run_of(self, index: int) -> int:
        """The number of the run, by the headers."""
        return self._runs[index - self._first]

    def before(self, index: int, journal: BinaryIO) -> list[Call]:
        """What was asked for in vain (Unused), and steps."""
        return [self._read(journal, offset, (Unused, Step)) for offset in self._before.get(index, ())]

    def last(self, index: int, journal: BinaryIO) -> Done:
        """The call whose conversation it is."""
        return self._read(journal, self._offsets[index - self._first], (Done,))

    def _read(self, journal: BinaryIO, offset: int, kinds: tuple[type[E], ...]) -> E:
        journal.seek(offset)
        with suppress(ValueError):
            entry = decode_entry(journal.readline())
            if isinstance(entry, kinds):
                return entry
        raise ConfigError(f"{self._journal}: changed while it was read; begin again")
