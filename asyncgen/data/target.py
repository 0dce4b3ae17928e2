"""Where a file may be written: nowhere that the input, a run, or anything that matters stands."""

from pathlib import Path

from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import dropped_path
from asyncgen.data.labels import labels_path
from asyncgen.data.replaced import repair_paths
from asyncgen.errors import ConfigError
from asyncgen.output.grades import grades_paths
from asyncgen.output.journal import Header, decode_entry
from asyncgen.output.paths import OutputPaths, check_length


def check_target(dataset: Dataset, path: Path, *, refusal: str | None) -> None:
    """Raises ConfigError. `refusal`: why a file that is there stays there, None if it may be replaced."""
    check_length(path)
    paths = dataset.paths
    grades = grades_paths(paths)
    repair = repair_paths(paths)
    beside = (dropped_path(paths), labels_path(paths), audit_path(paths), *grades.data, grades.lock, *repair.data)
    for each in (*paths.data, paths.lock, *beside):
        if path == each or (path.exists() and each.exists() and path.samefile(each)):
            raise ConfigError(f"--output: {path} belongs to the input, which is never changed; choose another file")
    journal = OutputPaths(path).journal
    if journal.exists() and not is_of_filter(journal):
        raise ConfigError(f"--output: {path} is the output of a run, with a journal beside it; choose another file")
    if path.is_dir():
        raise ConfigError(f"--output: {path} is a folder; name a file in it")
    if path.exists() and refusal is not None:
        raise ConfigError(f"--output: {path} {refusal}")
    if not path.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {path.parent}; make it first")


def is_of_filter(journal: Path) -> bool:
    """Whether a filter has written that journal, and not a run: then what it describes can be had again."""
    try:
        with journal.open("rb") as file:
            header = decode_entry(file.readline())
    except (OSError, ValueError):
        return False
    return isinstance(header, Header) and bool(header.filtered)


def audit_path(paths: OutputPaths) -> Path:
    return paths.output.with_name(paths.output.name + ".audit.json")
