"""What helps where a file cannot be written: of a right that lacks, the system's words alone do not say it."""

import errno
import os
from pathlib import Path

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def explain(error: OSError) -> str:
    """What the system says, and where a right to write lacks, which and what to do."""
    said = error.strerror or str(error)
    if error.errno not in _DENIED or not isinstance(error.filename, str | bytes):
        return said
    folder = Path(os.fsdecode(error.filename)).absolute().parent
    what = "write to it" if os.access(folder, os.W_OK) else f"write in {folder}"
    return f"{said}: you may not {what}; choose another place, or ask for the right"
