"""A document of any kind as Markdown text: texts here, pages and documents of offices by modules of their own."""

import re
from dataclasses import replace
from pathlib import Path

from bs4.dammit import EncodingDetector

from asyncgen.errors import AsyncgenError
from asyncgen.recipe.documents import MARKDOWN, TEXTS
from asyncgen.recipe.text_file import UnreadableError, read_bytes
from asyncgen.scaffold.decode import Decoded, decode
from asyncgen.scaffold.page import page_as_markdown

PAGES = (".html", ".htm", ".xhtml")
OFFICE = (".docx", ".epub", ".pdf", ".pptx", ".xls", ".xlsx")
SUFFIXES = (*TEXTS, *PAGES, *OFFICE)
LARGEST = 256 * 2**20  # bytes: what is larger is no document but data
_SETEXT = re.compile(r"^(?!\s*[-=>#|*+])(\S.*)\n(=+|-{2,})[ \t]*$", re.MULTILINE)
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,})[\s\S]*?(?:^ {0,3}\1|\Z)|`[^`\n]*`", re.MULTILINE)
_CODE_OR_COMMENT = re.compile(rf"{_CODE.pattern}|<!--[\s\S]*?-->", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
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
        read = _read_office(content, suffix)
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
    return replace(read, text=page_as_markdown(read.text))


def _decode(content: bytes, declared: str | None = None) -> Decoded:
    read = decode(content, declared)
    if read is None:
        raise UnreadableDocumentError("is no text" if b"\0" in content else "is not in UTF-8: save it so")
    return read


def _read_office(content: bytes, suffix: str) -> Decoded:
    try:
        from asyncgen.scaffold.office import read_office  # noqa: PLC0415 - stands on an extra
    except ImportError as error:
        raise UnreadableDocumentError(f"needs what reads {suffix}: pip install 'asyncgen[documents]'") from error
    read = read_office(content, suffix)
    if read is None:
        raise UnreadableDocumentError("is damaged, protected, or not what its name says")
    return replace(read, text=_without_comments(read.text))
