"""The documents of a recipe to be: found, converted, and put together as one knowledge base."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncgen.errors import ConfigError
from asyncgen.recipe.documents import MOST_NAMED, Document, Knowledge, list_files
from asyncgen.recipe.text_file import MOST_BYTES
from asyncgen.scaffold.convert import SUFFIXES, UnreadableDocumentError, read_as_markdown
from asyncgen.scaffold.decode import Decoded
from asyncgen.text import in_utf8, is_utf8, name_some, quantity

MOST_TOLD = 8  # reasons in a sentence about files
LONGEST_TITLE = 80  # characters of a first line that is taken for one
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t#]*$")
_TITLE_START = re.compile(r"(?:\d+(?:\.\d+)*\.?\s+)?[^\W\d_a-zß-ÿ]")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
_NUMBERING = re.compile(r"^(?:\d+\.)*\d+[.)]?\s+(?=\S)")
_MARKS = re.compile(r"[*_`]|\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Section:
    """`title`: its heading without marks and numbering. `is_empty`: only further headings follow."""

    title: str
    level: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """What one document is about: its own title, which is the first heading in it, and all of them."""

    title: str
    sections: Sequence[Section]


@dataclass(frozen=True, slots=True)
class Collected:
    """Files by what is told of them, beginning with a verb. `skipped`: left out; `doubted`: perhaps misread."""

    knowledge: Knowledge
    skipped: Mapping[str, Sequence[Path]]
    doubted: Mapping[str, Sequence[Path]]


def collect_documents(paths: Sequence[Path], named_by: str = "--from") -> Collected:
    """All documents at these paths, in their order; those of a folder as a person would list them.

    `named_by`: where to change the paths.

    Raises ConfigError for a path that is not there, for a file named by itself that cannot be read, and where nothing
    is left or more than a knowledge base holds.
    """
    documents: dict[Path, Document] = {}
    skipped: dict[str, list[Path]] = {}
    doubted: dict[str, list[Path]] = {}
    for each in paths:
        if not os.path.lexists(each):
            raise ConfigError(f"{named_by} {each}: no such file or folder")
        if not is_utf8(str(each)):
            raise ConfigError(f"--from {each}: its name is not UTF-8, in which the recipe tells of it; rename it")
    found = [(each, path) for each in paths for path in (list_files(each) if each.is_dir() else [each])]
    for named, path in found:
        try:
            read = _read(named, path)
        except UnreadableDocumentError as error:
            if path == named:
                raise ConfigError(f"--from {path}: {error}") from error
            skipped.setdefault(str(error), []).append(path)
            continue
        source = path.name if path == named else str(Path(named.resolve().name, path.relative_to(named)))
        if path.resolve() not in documents:
            stem = _in_one_line(path.stem)
            documents[path.resolve()] = Document(_in_one_line(source), _under_one_title(read.text, stem))
            if read.doubt:
                doubted.setdefault(read.doubt, []).append(path)
    if not documents:
        raise ConfigError(
            f"--from: no documents in {', '.join(map(str, paths))}: "
            + (tell_files(skipped) or f"expected files that end in {', '.join(SUFFIXES)}")
        )
    return Collected(_put_together(documents), skipped, doubted)


def _in_one_line(name: str) -> str:
    """A name may hold anything, and what stands in a line of its own would be a document's text."""
    return " ".join(in_utf8(name).splitlines())


def _read(named: Path, path: Path) -> Decoded:
    """Raises UnreadableDocumentError, also for what asyncgen has made in a folder; whoever names a recipe means it."""
    folders = () if path == named else path.relative_to(named).parents[:-1]
    if any((named / each / "recipe.toml").is_file() for each in folders):
        raise UnreadableDocumentError("belongs to a recipe")
    if path != named and path.name.endswith(".jsonl.report.html"):
        raise UnreadableDocumentError("is a report of an audit")
    if path.is_dir():
        raise UnreadableDocumentError("is a link that leads back to where it stands")
    return read_as_markdown(path)


def _put_together(documents: Mapping[Path, Document]) -> Knowledge:
    knowledge = Knowledge(tuple(documents.values()), tuple(documents))
    if (size := len(knowledge.join().encode())) >= MOST_BYTES:
        largest, document = max(documents.items(), key=lambda item: len(item[1].text))
        raise ConfigError(
            f"--from: {size:,} bytes of text, and a knowledge base holds {MOST_BYTES:,}: leave documents out, or cut "
            f"them; the largest is {largest} ({len(document.text.encode()):,})"
        )
    return knowledge


def tell_files(files: Mapping[str, Sequence[Path]]) -> str:
    """What is told of them once, with a few of the files, and of many how many there are of each kind."""
    told = []
    for reason, paths in files.items():
        kinds = Counter(path.suffix.lower() or "without a suffix" for path in paths).most_common()
        counts = f" ({name_some([f'{number:,} {kind}' for kind, number in kinds])})"
        is_many = len(paths) > MOST_NAMED
        names = name_some([str(path) for path in paths], MOST_NAMED) + (counts if is_many else "")
        told.append(f"{names} {reason}" if len(paths) == 1 else f"{names}: each {reason}")
    more = sum(map(len, list(files.values())[MOST_TOLD:]))
    return "; ".join([*told[:MOST_TOLD], *([f"and {quantity(more, 'further file')}"] if more else [])])


def outline(document: Document) -> Outline:
    lines = document.text.split("\n")
    found = list(_headings(lines))
    sections = [
        Section(title, level, not any(each.strip() for each in lines[number + 1 : end]))
        for (number, (level, title)), (end, _) in zip(found, [*found[1:], (len(lines), (0, ""))], strict=True)
    ]
    return Outline(sections[0].title, sections)


def _under_one_title(text: str, stem: str) -> str:
    """One heading of the first level, at the top: a short first line, or else the file's name, where it has none.

    A text without any heading, as those from print are, has them where a short line stands alone above a longer one.
    """
    lines = text.split("\n")
    first = next(_headings(lines), (None,))[0]
    if first is None:
        often = Counter(lines)  # what comes again is the head or the foot of a page
        around = [*zip(lines, lines[1:], lines[2:], lines[3:], strict=False)]
        for number, (before, line, after, text_below) in enumerate(around, 1):
            is_alone = not (before.strip() or after.strip()) and often[line] == 1
            is_longer_below = len(text_below) > len(line) and not _is_title(text_below)
            if is_alone and _TITLE_START.match(line) and _is_title(line) and is_longer_below:
                lines[number] = f"## {line}"
    if first != 0:
        is_titled = _is_title(lines[0]) and not "".join(lines[1:2]).strip()
        # In words: dashes part them where nothing else does.
        name = stem.replace("_", " ") if re.search(r"[ _]", stem) else stem.replace("-", " ")
        lines[:0] = [] if is_titled else [name, ""]
    lines[0] = f"# {lines[0].lstrip('# ')}"
    others = list(_headings(lines))[1:]
    if any(level == 1 for _, (level, _) in others):
        for number, _ in others:
            lines[number] = f"#{lines[number]}"
    return "\n".join(lines)


def _is_title(line: str) -> bool:
    return len(line) <= LONGEST_TITLE and line[-1] not in ".!?:;,"


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, tuple[int, str]]]:
    """The number of each line that is a heading, its level and its words; what looks like one in code is none."""
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and (heading := _HEADING.match(line)):
            words = _MARKS.sub(r"\1", heading[2]).strip() or heading[2]
            yield number, (len(heading[1]), _NUMBERING.sub("", words) or words)
