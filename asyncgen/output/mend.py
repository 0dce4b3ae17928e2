"""A torn end is mended: whole lines are written again and synced, the rest is cut off after it has been copied aside.

Lines that stay where they are are written in place, and lines that must move, into a copy that then takes the file's
name: so there is no moment at which a whole line is missing, and mending may be killed at any point and repeated.
"""

import io
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asyncgen.denied import explain
from asyncgen.errors import OutputError
from asyncgen.output.append_file import APPENDING, sync_directory
from asyncgen.output.journal import Mark, encode_entry
from asyncgen.output.ledger import Journal
from asyncgen.output.paths import OWNER_ONLY, mended_path, torn_path
from asyncgen.output.rejects import decode_reject


@dataclass(frozen=True, slots=True)
class Patch:
    """The end of one file: from `offset` on it shall hold `whole`, and `found` is what lies there now."""

    path: Path
    offset: int
    whole: bytes
    found: bytes

    @property
    def cuts(self) -> bool:
        """Whether something, more than blank lines, is not whole and will only be found in the copy beside the file."""
        return bool(self.found.strip()) and not self.whole.startswith(self.found)

    @property
    def moves(self) -> bool:
        """Whether a whole line is behind one that is not, so that it will begin elsewhere."""
        return self.cuts and not self.found.startswith(self.whole)


def patch_journal(path: Path, journal: Journal) -> Patch | None:
    found = read_from(path, journal.tail_offset)
    if journal.mark is not None and found == encode_entry(journal.mark):
        return None
    return Patch(path, journal.tail_offset, journal.tail, found)


def patch_rejects(path: Path, mark: Mark | None) -> Patch | None:
    """What makes the end of the rejects whole. Where the mark does not fit, a last line only gets its newline."""
    size = size_of(path)
    if mark is None or not is_line_start(path, mark.rejects):
        return None if is_line_start(path, size) else Patch(path, size, b"\n", b"")
    if size == mark.rejects:
        return None
    found = read_from(path, mark.rejects)
    whole = b"".join(line for line in io.BytesIO(found) if decode_reject(line) is not None)
    return Patch(path, mark.rejects, whole, found)


def discard(path: Path) -> Patch | None:
    """What empties a file; its content is kept beside it."""
    found = read_from(path, 0)
    return Patch(path, 0, b"", found) if found else None


def mend(patches: Iterable[Patch]) -> None:
    """Apply patches, each synced. What is cut off is first copied to `….torn`. Raises OutputError."""
    for patch in patches:
        try:
            if patch.cuts:
                descriptor = os.open(torn_path(patch.path), APPENDING, OWNER_ONLY)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(patch.found)
                    file.flush()
                    os.fsync(descriptor)
                sync_directory(patch.path.parent)
            if patch.moves:
                copy = Path(shutil.copy(patch.path, mended_path(patch.path)))
                _write(copy, patch)
                copy.replace(patch.path)
                sync_directory(patch.path.parent)
            else:
                _write(patch.path, patch)
        except OSError as error:
            raise OutputError(f"{patch.path}: cannot be mended: {explain(error)}") from error


def _write(path: Path, patch: Patch) -> None:
    with path.open("r+b") as file:
        file.seek(patch.offset)
        file.write(patch.whole)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def is_line_start(path: Path, offset: int) -> bool:
    """Whether the file reaches `offset` and a line begins (or would begin) there."""
    if offset == 0:
        return True
    if size_of(path) < offset:
        return False
    with path.open("rb") as file:
        file.seek(offset - 1)
        return file.read(1) == b"\n"


def read_from(path: Path, offset: int) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()
