"""A file or a folder that appears whole or not at all, together with the sidecar that tells its rows.

All of it is written into a folder beside it, readable by its owner only, synced, and renamed at the end. What is
replaced is only removed once the new one has its name.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import BinaryIO

from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import dropped_path
from asyncgen.data.target import audit_path
from asyncgen.denied import explain
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.append_file import sync_directory
from asyncgen.output.paths import OWNER_ONLY, belongs_to_output, check_length, is_same_path

MADE, ROWS, REPLACED = "made", "rows", "replaced"  # names in the folder
# All that an export leaves in a folder, and what readers leave beside it.
_OURS = re.compile(
    r"(train|valid|test)\.jsonl|(data/|default/(train|validation|test)/)?[a-z0-9-]*\d{5}\.parquet"
    r"|dataset_info\.json|README\.md|default/(train|validation|test)/manifest\.json(\.lock)?|\.cache/.*|\.DS_Store"
)


def rows_path(path: Path) -> Path:
    """The sidecar: which line and index each row is."""
    return path.with_name(f"{path.name}.rows.jsonl")


def check_place(datasets: list[Dataset], path: Path, *, is_file: bool, overwrite: bool) -> None:
    """Raises ConfigError for a place where nothing may be written."""
    check_length(path)
    for dataset in datasets:
        paths = dataset.paths
        own = (*paths.all, paths.lock, dropped_path(paths), audit_path(paths))
        is_own = any(is_same_path(*each) for each in product(own, (path, rows_path(path))))
        if is_own or paths.output.is_relative_to(path):
            raise ConfigError(f"--output: {path} belongs to the input, which is never changed; choose another name")
    for each in (path, rows_path(path)):
        if belongs_to_output(each):
            raise ConfigError(f"--output: {each} is an output with a journal, or beside one; choose another name")
    if not path.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {path.parent}; make it first")
    if os.path.lexists(path):
        _check_replaceable(path, is_file=is_file, overwrite=overwrite)


def _check_replaceable(path: Path, *, is_file: bool, overwrite: bool) -> None:
    if is_file and not path.is_file():
        raise ConfigError(f"--output: {path} is no file; choose another name")
    if not is_file and not path.is_dir():
        raise ConfigError(f"--output: {path} is no folder, and a folder is to be written; choose another name")
    if not overwrite:
        raise ConfigError(f"--output: {path} exists; choose another name, or replace it with --overwrite")
    for at, _, names in os.walk(path):  # of a folder; in a file there is nothing to walk
        for name in names:
            inside = (Path(at) / name).relative_to(path).as_posix()
            if not _OURS.fullmatch(inside):
                raise ConfigError(f"--output: {path} holds {inside}, which no export has written; choose another name")


def create(path: Path) -> BinaryIO:
    """A new file that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY), "wb")


def make_folder(path: Path) -> None:
    """It, and what is missing above it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(0o700)


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A folder to write `MADE`, a file or a folder, and `ROWS` into.

    When the block ends well, they become `path` and its sidecar. Raises OutputError when something cannot be written.
    """
    try:
        stage = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            yield stage
            _sync(stage)
            (stage / ROWS).replace(rows_path(path))  # a sidecar without its rows does no harm
            if path.is_dir():  # no folder is renamed over another
                path.rename(stage / REPLACED)
            try:
                (stage / MADE).replace(path)
            except OSError:
                if (stage / REPLACED).is_dir():
                    (stage / REPLACED).rename(path)
                raise
            sync_directory(path.parent)
        finally:
            shutil.rmtree(stage)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {explain(error)}") from error


def _sync(folder: Path) -> None:
    for at, _, names in os.walk(folder, topdown=False):
        for name in names:
            descriptor = os.open(Path(at) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(at))
