"""Where the files of an output stand, and which paths belong to one."""

import errno
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from asyncgen.errors import ConfigError

OWNER_ONLY = 0o600
SIDE_SUFFIXES = frozenset({".journal", ".rejects", ".lock", ".torn", ".mended", ".next", ".batches"})


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """The output and the files beside it. `output` is resolved: two names of one file share one lock."""

    output: Path

    @classmethod
    def of(cls, output: Path) -> "OutputPaths":
        """Raises ConfigError for a path that names no file."""
        try:
            resolved = output.expanduser().resolve()
        except RuntimeError as error:
            raise ConfigError(f"{output} leads nowhere: it is a link to itself, or there is no such user") from error
        if not resolved.name:
            raise ConfigError(f"{output} is a folder; name a file in it")
        check_length(resolved)
        return cls(resolved)

    def _beside(self, suffix: str) -> Path:
        return self.output.with_name(self.output.name + suffix)

    @property
    def journal(self) -> Path:
        return self._beside(".journal")

    @property
    def rejects(self) -> Path:
        return self._beside(".rejects")

    @property
    def lock(self) -> Path:
        return self._beside(".lock")

    @property
    def batches(self) -> Path:
        """The folder of what goes out in batches and comes back, until it is in the other files."""
        return self._beside(".batches")

    @property
    def data(self) -> tuple[Path, Path, Path]:
        return self.output, self.journal, self.rejects

    @property
    def all(self) -> tuple[Path, ...]:
        """All files but the lock, which holds nothing, with those that mending or a repair may have left."""
        return *self.data, *(name(path) for path in self.data for name in (torn_path, mended_path, next_path))

    def owns(self, path: Path) -> bool:
        """Whether that is one of these files, under whatever name, or would be if it were there."""
        own = _own_files(self)
        if Path(os.path.realpath(path)) in own:
            return True
        return path.exists() and any(each.exists() and each.samefile(path) for each in own)


@lru_cache(maxsize=8)  # each file of a recipe is asked about
def _own_files(paths: OutputPaths) -> tuple[Path, ...]:
    return *paths.all, paths.lock


def check_length(output: Path) -> None:
    """Raises ConfigError for a name that leaves no room for those of the files beside it."""
    try:
        os.lstat(mended_path(OutputPaths(output).journal))
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ConfigError(f"{output} is too long a name; choose a shorter one") from error


def is_same_path(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, or would if it were there."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def belongs_to_output(path: Path) -> bool:
    """Whether a file is an output with a journal, or beside one: nothing else may be written there."""
    path = Path(os.path.realpath(path))
    while not OutputPaths(path).journal.is_file():
        if path.suffix not in SIDE_SUFFIXES:
            return False
        path = path.with_suffix("")
    return True


def torn_path(path: Path) -> Path:
    """Where what is cut off is kept."""
    return path.with_name(path.name + ".torn")


def mended_path(path: Path) -> Path:
    """The copy of a file until it takes the file's place."""
    return path.with_name(path.name + ".mended")


def next_path(path: Path) -> Path:
    """What a file is to be replaced by, until it takes its place."""
    return path.with_name(path.name + ".next")
