"""What the journals of shards have told, in a file beside them: one that has not changed since is not read again.

It saves time and decides nothing: where it is missing, old or of another make, journals are read.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from asyncgen.data.whole_file import whole_file
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.earlier import describe_lost_journal
from asyncgen.output.journal import Done, decode_entry
from asyncgen.output.ledger import Ledger, read_journal
from asyncgen.output.lock import last_heard
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.sums import Seen, Sums

NAME = "figures.json"
VERSION = 2
NEWEST = 2**16  # bytes of a journal: some two hundred answers


class Figures(Sums, frozen=True, kw_only=True):
    """Of one journal. `size`, `changed`: its bytes and its time, as they were before it was read."""

    size: int
    changed: int

    def are_of(self, seen: os.stat_result) -> bool:
        return (self.size, self.changed) == (seen.st_size, seen.st_mtime_ns)


class _File(msgspec.Struct):
    version: int
    shards: dict[int, Figures]


def read_figures(folder: Path) -> dict[int, Figures]:
    """By shard; none where there are none to be used."""
    try:
        file = msgspec.json.decode((folder / NAME).read_bytes(), type=_File)
    except (OSError, ValueError):
        return {}
    return file.shards if file.version == VERSION else {}


def write_figures(folder: Path, figures: Mapping[int, Figures]) -> None:
    with contextlib.suppress(OutputError), whole_file(folder / NAME) as file:  # where nothing can be written, none are
        file.write(msgspec.json.encode(_File(VERSION, dict(figures))))


class JournalsView:
    """The shards of a folder: of a journal only what is new is read, or nothing if it is as it was for another one.

    What that takes, some 24 bytes an index, is held until a shard is forgotten.
    """

    def __init__(self, folder: Path, paths_of: Callable[[int], OutputPaths]) -> None:
        self._folder = folder
        self._paths_of = paths_of
        self._journals: dict[int, _GrowingJournal] = {}
        self._known = read_figures(folder)
        self._figures: dict[int, Figures] = {}

    def see(self, number: int) -> Seen | None:
        paths = self._paths_of(number)
        seen = paths.journal.stat() if paths.journal.exists() else None
        if seen is None or not seen.st_size:
            if (lost := describe_lost_journal(paths)) is not None:
                raise ConfigError(f"{paths.output} {lost}")
            return None
        known = self._known.get(number)
        if known is None or not known.are_of(seen):
            ledger = self._journals.setdefault(number, _GrowingJournal(paths.journal)).read()
            times = newest_times(paths.journal)
            known = Figures.of(ledger, times, size=seen.st_size, changed=seen.st_mtime_ns)
        self._figures[number] = known
        return Seen(known, last_heard(paths))

    def forget(self, number: int) -> None:
        self._journals.pop(number, None)

    def remember(self) -> None:
        if self._figures != self._known:
            write_figures(self._folder, self._figures)
            self._known = dict(self._figures)


class _GrowingJournal:
    """A journal that is read on from where it ended, unless it was cut or changed before that: then anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ledger: Ledger | None = None
        self._end = 0
        self._last = b""  # line that was read

    def read(self) -> Ledger:
        """Raises ConfigError and OSError, as `read_journal` does."""
        if self._ledger is not None:
            with self._path.open("rb") as file:
                file.seek(self._end - len(self._last))
                if file.read(len(self._last)) == self._last:
                    with contextlib.suppress(ValueError):  # what does not fit is looked at in its order
                        for line in file:
                            if not line.endswith(b"\n"):
                                break
                            self._ledger.add(decode_entry(line))
                            self._last, self._end = line, self._end + len(line)
                        return self._ledger
        journal = read_journal(self._path)
        self._ledger, self._end = journal.ledger, journal.tail_offset + len(journal.tail)
        self._last = journal.tail[journal.tail.rfind(b"\n", 0, -1) + 1 :]
        return journal.ledger


def newest_times(journal: Path) -> list[str]:
    """When the newest conversations were made."""
    times = []
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - NEWEST))
        for line in file:
            with contextlib.suppress(ValueError):  # the first line is cut, and the last one may still be on its way
                entry = decode_entry(line)
                times += [entry.time] if isinstance(entry, Done) else []
    return times
