"""A knowledge base as documents: one file as it stands, or several, each under a heading and with its source.

Folders are read in the order in which a person would list them, so that the same files are the same text on every
machine. What stands in a folder and is no text is told and left out; what is named by itself has to be text.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.text_file import UnreadableError, read_file, strip_blank_lines
from asyncgen.text import in_utf8

MARKDOWN = (".md", ".markdown", ".mdx")
TEXTS = (*MARKDOWN, ".txt", ".text", ".rst", ".adoc", ".org")  # how the names of texts in a folder end
MOST_BYTES_IN_ALL = 64 * 1024 * 1024
MOST_NAMED = 3  # in a sentence about files that are left out
_HEADING = re.compile(r"#{1,6}\s+\S")
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Document:
    """`source`: how the recipe names it; empty for a knowledge base that is one file."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`files`: what it was read from."""

    documents: tuple[Document, ...] = ()
    files: tuple[Path, ...] = ()

    def changed(self, change: Callable[[str], str]) -> "Knowledge":
        return replace(self, documents=tuple(replace(each, text=change(each.text)) for each in self.documents))

    def join(self) -> str:
        return "\n\n".join(map(write_document, self.documents))


def write_document(document: Document) -> str:
    """Under its own heading, or its name's, and with its source, where it is one of several."""
    if not document.source:
        return document.text
    first, _, rest = document.text.partition("\n")
    if not _HEADING.match(first):
        first, rest = f"# {Path(document.source).stem}", document.text
    return f"{first}\nSource: {document.source}\n\n{rest.lstrip(chr(10))}".rstrip("\n")


def read_documents(
    folder: Path, named: str | Sequence[str], key: Key, problems: Problems, others: Sequence[Path] = ()
) -> Knowledge:
    """The documents at these paths, which are relative to `folder`. `key`: where the recipe names them.

    `others`: files of the recipe that are no documents, wherever they stand.
    """
    if isinstance(named, str) and not (folder / named).is_dir():
        text = read_text(folder / named, "the knowledge base", problems)
        return Knowledge((Document("", strip_blank_lines(text)),), (folder / named,))
    files: dict[Path, str] = {}  # the same file counts once, whatever it is called
    for place, name in enumerate([named] if isinstance(named, str) else named):
        path = folder / name
        found = list(_find_texts(path, problems)) if path.is_dir() else [path]
        if not found:
            at = key if isinstance(named, str) else (*key, place)
            problems.add(at, f"expected documents in {path}, files that end in {', '.join(TEXTS)}")
        shown = Path(path.name if Path(name).is_absolute() else name)
        for each in found:
            files.setdefault(each.resolve(), in_utf8(str(shown / each.relative_to(path))))
    for each in others:
        files.pop(each.resolve(), None)
    documents = tuple(
        Document(source, strip_blank_lines(read_text(path, "the document", problems))) for path, source in files.items()
    )
    if (size := sum(len(each.text) for each in documents)) > MOST_BYTES_IN_ALL:
        problems.add(key, f"expected at most {MOST_BYTES_IN_ALL:,} characters in all, got {size:,}")
    return Knowledge(documents, tuple(files))


def read_text(path: Path, what: str, problems: Problems) -> str:
    """As it stands there, which is empty only after a problem."""
    try:
        text = read_file(path)
    except UnreadableError as error:
        problems.add_in(path, f"{what} {error}")
        return ""
    if not text.strip():
        problems.add_in(path, f"{what} is empty")
        return ""
    return text


def list_files(folder: Path) -> list[Path]:
    """The files in a folder and in the folders in it, without hidden ones, as a person would list them.

    Links to folders are followed once all that stands there itself is known, so that a folder has the name that it has
    without links, and none is read twice. One that leads to where it stands is listed as it is, and is no file.
    `~$` begins what Office keeps beside a document as long as it is open.
    """
    found: list[Path] = []
    seen: set[str] = set()
    waiting = [folder]
    while waiting:
        links: list[Path] = []
        for parent, folders, names in chain.from_iterable(map(os.walk, sorted(waiting, key=_order))):
            if (real := os.path.realpath(parent)) in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [each for each in folders if not each.startswith(".")]
            found += [Path(parent, each) for each in names if not each.startswith((".", "~$"))]
            links += [link for each in folders if (link := Path(parent, each)).is_symlink()]
        circular = [each for each in links if folder.resolve().is_relative_to(each.resolve())]
        found += circular
        waiting = [each for each in links if each not in circular]
    return sorted(found, key=_order)


def _find_texts(folder: Path, problems: Problems) -> Iterator[Path]:
    left_out = []
    for path in list_files(folder):
        if path.suffix.lower() in TEXTS:
            yield path
        else:
            left_out.append(str(path.relative_to(folder)))
    if left_out:
        more = f" and {len(left_out) - MOST_NAMED:,} more" if len(left_out) > MOST_NAMED else ""
        names = ", ".join(left_out[:MOST_NAMED]) + more
        what = f"left out, because not named as texts are: {names}"
        problems.add_in(folder, what, is_warning=True)


def _order(path: Path) -> list[tuple[object, ...]]:
    """By the parts of the path; numbers in them count as numbers."""
    return [
        tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in _DIGITS.split(part))
        for part in path.parts
    ]
