"""By which it is seen that a file is another one, or has been written to, since it was read."""

import os
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int, int]


def stamp_of(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_stamp(path: Path) -> Stamp | None:
    """None where there is no file, or none that can be looked at."""
    try:
        return stamp_of(path.stat())
    except OSError:
        return None
