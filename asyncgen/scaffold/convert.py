"""A document of any kind as Markdown text.

What stands in a web page for browsers and for finding one's way (scripts, styles, menus, forms) is no knowledge and is
left out. Formats of offices are read by markitdown, which is installed with the extra `documents`.
"""

import io
import re
from dataclasses import replace
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EncodingDetector
from markdownify import ATX, MarkdownConverter

from asyncgen.errors import AsyncgenError
from asyncgen.recipe.documents import MARKDOWN, TEXTS
from asyncgen.recipe.text_file import UnreadableError, read_bytes
from asyncgen.scaffold.decode import Decoded, decode

PAGES = (".html", ".htm", ".xhtml")
SHEETS = (".xls", ".xlsx")
OFFICE = (".docx", ".epub", ".pdf", ".pptx", *SHEETS)
SUFFIXES = (*TEXTS, *PAGES, *OFFICE)
LARGEST = 256 * 2**20  # bytes: what is larger is no document but data
_NO_KNOWLEDGE = frozenset(
    {
        "button",
        "canvas",
        "dialog",
        "footer",
        "form",
        "iframe",
        "nav",
        "noscript",
        "script",
        "style",
        "svg",
        "template",
    }
)
_NO_KNOWLEDGE_BY_ROLE = frozenset({"alertdialog", "dialog", "navigation", "search"})
_SETEXT = re.compile(r"^(?!\s*[-=>#|*+])(\S.*)\n(=+|-{2,})[ \t]*$", re.MULTILINE)
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,})[\s\S]*?(?:^ {0,3}\1|\Z)|`[^`\n]*`", re.MULTILINE)
_CODE_OR_COMMENT = re.compile(rf"{_CODE.pattern}|<!--[\s\S]*?-->", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
_WIDE_BLANK = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_CUT_SENTENCE = re.compile(r"(?<=[^\s.!?:;|])\n\n(?=[a-zß-ÿ])")  # by the end of a line in print
_BLANK_CELL = re.compile(r"(?<=\| )(?:NaN|NaT|Unnamed: \d+(?:_level_\d+)?)(?= \|)")
_WHOLE_CELL = re.compile(r"(?<=\| )(-?\d+)\.0(?= \|)|(?<=-\d\d) 00:00:00(?= \|)")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


class UnreadableDocumentError(AsyncgenError):
    """A document that cannot be read as text; the message says why, without its name."""


def read_as_markdown(path: Path) -> Decoded:
    """Raises UnreadableDocumentError, for an empty document too. A name without a suffix is a text's."""
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise UnreadableDocumentError(f"is no document by its name: expected one of {', '.join(SUFFIXES)}")
    try:
        content = read_bytes(path, LARGEST)
    except UnreadableError as error:
        raise UnreadableDocumentError(str(error)) from error
    if suffix in OFFICE and content:
        read = Decoded(_read_office(content, suffix))
    else:
        read = _read_page(content) if suffix in PAGES else _read_text(content, is_markdown=suffix in MARKDOWN)
    text = _CONTROL.sub("", read.text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        is_scan = suffix == ".pdf" and content
        raise UnreadableDocumentError("has no text: scanned pages need OCR first" if is_scan else "is empty")
    return replace(read, text=_BLANK_LINES.sub("\n\n", text).strip())


def _read_text(content: bytes, *, is_markdown: bool) -> Decoded:
    """Markdown without remarks, and without the table in front that is for the site it was written for."""
    read = _decode(content)
    if "\0" in read.text:
        raise UnreadableDocumentError("is no text")
    text = read.text.replace("\r\n", "\n")
    if is_markdown:
        text = _FRONT_MATTER.sub("", text)
    # Headings that are underlined, as all others.
    text = _SETEXT.sub(lambda heading: f"{'#' if heading[2][0] == '=' else '##'} {heading[1]}", text)
    return replace(read, text=_without_comments(text) if is_markdown else text)


def without_code(markdown: str) -> str:
    return _CODE.sub("", markdown)


def _without_comments(text: str) -> str:
    return _CODE_OR_COMMENT.sub(lambda found: "" if found[0].startswith("<!--") else found[0], text)


def _read_page(content: bytes) -> Decoded:
    read = _decode(content, EncodingDetector.find_declared_encoding(content, is_html=True))
    soup = BeautifulSoup(read.text, "html5lib")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    # No CSS selectors: the patterns by which these are read fail in the `re` of some Pythons 3.11.
    for each in soup.find_all(_is_no_knowledge):
        each.decompose()
    for each in soup.find_all("header"):  # of a site, if nothing in it is a heading
        if each.find(re.compile("h[1-6]")) is None:
            each.decompose()
    main = soup.find("main") or soup.find(role="main") or soup.body or soup
    text = _Converter().convert_soup(main).strip()
    return replace(read, text=text if not title or text.startswith("#") else f"# {title}\n\n{text}")


def _is_no_knowledge(tag: Tag) -> bool:
    is_hidden = tag.has_attr("hidden") or tag.get("aria-hidden") == "true"
    return is_hidden or tag.name in _NO_KNOWLEDGE or tag.get("role") in _NO_KNOWLEDGE_BY_ROLE


def _decode(content: bytes, declared: str | None = None) -> Decoded:
    read = decode(content, declared)
    if read is None:
        raise UnreadableDocumentError("is no text" if b"\0" in content else "is not in UTF-8: save it so")
    return read


class _Converter(MarkdownConverter):
    """Words and structure: no links, no pictures, no backslashes."""

    def __init__(self) -> None:
        super().__init__(
            heading_style=ATX,
            bullets="-",
            strip=["a", "b", "em", "i", "img", "strong"],
            escape_asterisks=False,
            escape_underscores=False,
            escape_misc=False,
        )


def _read_office(content: bytes, suffix: str) -> str:
    try:
        from markitdown import MarkItDown, MarkItDownException, StreamInfo  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UnreadableDocumentError(f"needs what reads {suffix}: pip install 'asyncgen[documents]'") from error
    try:
        converted = MarkItDown(enable_plugins=False).convert_stream(
            io.BytesIO(content), stream_info=StreamInfo(extension=suffix)
        )
    except MarkItDownException as error:
        raise UnreadableDocumentError("is damaged, protected, or not what its name says") from error
    text = _without_comments(str(converted.text_content))
    if suffix == ".pdf":
        return _CUT_SENTENCE.sub("\n", _WIDE_BLANK.sub(" ", text))
    return _tidy_cells(text) if suffix in SHEETS else text


def _tidy_cells(table: str) -> str:
    """As a spreadsheet shows them: pandas names what is blank, and makes a column with a blank one of fractions."""
    return _WHOLE_CELL.sub(r"\1", _BLANK_CELL.sub("", table))
