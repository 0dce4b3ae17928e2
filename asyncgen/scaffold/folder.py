"""A recipe's folder on disk: made whole or not at all, and renewed without touching what a person has edited."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from asyncgen.denied import explain
from asyncgen.errors import ConfigError

KNOWLEDGE_FILE = "knowledge.md"
SOURCES_FILE = "sources.json"
NEW_KNOWLEDGE_FILE = "knowledge.new.md"


class Sources(msgspec.Struct, frozen=True):
    """Where the knowledge base is from. `paths`: relative to the folder; `digest`: of the text written last."""

    paths: Sequence[str]
    digest: str


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the block ends well. Raises ConfigError where there is one already."""
    if os.path.lexists(folder):
        raise ConfigError(
            f"{folder}: is there already; --update renews its knowledge, another name makes another recipe"
        )
    staged = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        yield staged
        staged.rename(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {explain(error)}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def copy_recipe(source: Path, folder: Path) -> None:
    """With the name of its new folder. Raises ConfigError."""
    with made_whole(folder) as staged:
        for path in sorted(each for each in source.rglob("*") if "__pycache__" not in each.parts):
            target = staged / path.relative_to(source)
            # Not as copytree does it, with the permissions of what is installed and a list of all that failed.
            if path.is_dir():
                target.mkdir()
            else:
                shutil.copyfile(path, target)
        toml = staged / "recipe.toml"
        text = toml.read_text(encoding="utf-8")
        toml.write_text(
            re.sub(r'^name = ".*"', f'name = "{folder.name}"', text, count=1, flags=re.MULTILINE), encoding="utf-8"
        )


def write_knowledge(folder: Path, text: str, paths: Sequence[Path], home: Path) -> None:
    """The knowledge base and where it is from. `home`: where the folder will stand."""
    (folder / KNOWLEDGE_FILE).write_text(text, encoding="utf-8")
    relative = [os.path.relpath(each.resolve(), home.resolve()) for each in paths]
    sources = Sources(relative, _digest(text.encode()))
    (folder / SOURCES_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(sources)) + b"\n")


def read_sources(folder: Path) -> Sources:
    """Raises ConfigError when the folder is none that `init` has made."""
    try:
        return msgspec.json.decode((folder / SOURCES_FILE).read_bytes(), type=Sources)
    except OSError as error:
        raise ConfigError(
            f"{folder / SOURCES_FILE}: cannot be read: {error.strerror}; --from PATH says where the knowledge is from"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{folder / SOURCES_FILE}: not what init writes: {error}; --from PATH replaces it") from error


def is_edited(folder: Path) -> bool:
    """Whether the knowledge base is not the one that was written last, or nothing says whether it is."""
    try:
        written = (folder / KNOWLEDGE_FILE).read_bytes()
    except FileNotFoundError:
        return False
    try:
        return _digest(written) != read_sources(folder).digest
    except ConfigError:
        return True


def renew_knowledge(folder: Path, text: str, paths: Sequence[Path], *, keeps_old: bool) -> Path:
    """Where the new text stands: beside the old one if that `keeps_old`, which a person has edited."""
    partial = folder / f".{KNOWLEDGE_FILE}.partial"
    new = folder / (NEW_KNOWLEDGE_FILE if keeps_old else KNOWLEDGE_FILE)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        write_knowledge(partial, text, paths, folder)
        (partial / KNOWLEDGE_FILE).replace(new)
        (partial / SOURCES_FILE).replace(folder / SOURCES_FILE)
    except OSError as error:
        raise ConfigError(f"{new}: cannot be written: {explain(error)}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return new


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
