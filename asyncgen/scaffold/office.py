"""Documents of offices as Markdown text; the libraries that read them come with the extra `documents`.

Each kind is read by its own reader alone: what is no such file is damaged, and not a text to quote. A letter (.docx)
becomes a page of HTML first, so that its tables and notes are read as those of the web.
"""

import io
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from markitdown import DocumentConverter, DocumentConverterResult, MarkItDown, MarkItDownException, StreamInfo
from markitdown.converter_utils.docx.pre_process import pre_process_docx
from markitdown.converters import EpubConverter, PdfConverter, PptxConverter, XlsConverter
from pptx import Presentation

from asyncgen.scaffold.decode import Decoded
from asyncgen.scaffold.letter import read_letter
from asyncgen.scaffold.printed import read_printed
from asyncgen.scaffold.running_lines import without_running_lines
from asyncgen.scaffold.workbook import read_workbook
from asyncgen.text import name_some

_BLANKS = re.compile(r"\n{3,}")
_WIDE_BLANK = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_CUT_SENTENCE = re.compile(r"(?<=[^\s.!?:;|])\n\n(?=[a-zß-ÿ])")  # by the end of a line in print
_BLANK_CELL = re.compile(r"(?<=\| )(?:NaN|NaT|Unnamed: \d+(?:_level_\d+)?)(?= \|)")
_WHOLE_CELL = re.compile(r"(?<=\| )(-?\d+)\.0(?= \|)|(?<=-\d\d) 00:00:00(?= \|)")
_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
_NOTES = re.compile(r"^#+ (?=Notes:$)", re.MULTILINE)
_SLIDE = re.compile(r"<!-- Slide number: (\d+) -->")
_ABOUT_A_BOOK = re.compile(r"\A(?:\*\*\w+:\*\* .*\n?)+")
_LINK_WITHIN = re.compile(r"\[([^\]\n]*)\]\((?!\w+:)[^)\n]*\)")


class _Reader(DocumentConverter):  # type: ignore[misc]  # an extra has no types here
    """One of ours beside those of markitdown, which turns whatever either raises into an error of its own."""

    def __init__(self, read: Callable[[BinaryIO], Decoded]) -> None:
        self._read = read
        self.doubt = ""

    def accepts(self, *_: object, **__: object) -> bool:
        return True

    def convert(self, file_stream: BinaryIO, *_: object, **__: object) -> DocumentConverterResult:
        read = self._read(file_stream)
        self.doubt = read.doubt
        return DocumentConverterResult(markdown=read.text)


def _of_print(stream: BinaryIO) -> Decoded:
    text, has_tables = read_printed(stream)
    if not has_tables:
        stream.seek(0)
        guessed = PdfConverter().convert(stream, StreamInfo(extension=".pdf")).markdown
        text = guessed if _ROW.search(guessed) else text  # a form, or a table without lines
    text = "\n\n".join(without_running_lines(text.removesuffix("\f").split("\f")))
    return Decoded(_CUT_SENTENCE.sub("\n", _WIDE_BLANK.sub(" ", _BLANKS.sub("\n\n", text))))


def _of_slides(stream: BinaryIO) -> Decoded:
    """Without hidden ones; notes for who holds the talk are under no heading, and so no topic."""
    deck = Presentation(stream)
    hidden = {str(number) for number, each in enumerate(deck.slides, 1) if each.element.get("show") == "0"}
    stream.seek(0)
    text = PptxConverter().convert(stream, StreamInfo(extension=".pptx")).markdown
    first, *slides = _SLIDE.split(_NOTES.sub("", text))
    shown = [said for number, said in zip(slides[::2], slides[1::2], strict=True) if number not in hidden]
    told = name_some(sorted(hidden, key=int))
    return Decoded("".join([first, *shown]), f"hides slides, which are left out: {told}" if hidden else "")


def _of_a_letter(stream: BinaryIO) -> Decoded:
    return Decoded(read_letter(pre_process_docx(stream)))  # formulas of Word as text


_READERS: dict[str, Callable[[], Any]] = {
    ".docx": lambda: _Reader(_of_a_letter),
    ".epub": EpubConverter,
    ".pdf": lambda: _Reader(_of_print),
    ".pptx": lambda: _Reader(_of_slides),
    ".xls": XlsConverter,
    ".xlsx": lambda: _Reader(read_workbook),
}


def read_office(content: bytes, suffix: str) -> Decoded | None:
    """None: damaged, protected, or not what its suffix says."""
    reader = _READERS[suffix]()
    markitdown = MarkItDown(enable_builtins=False, enable_plugins=False)
    markitdown.register_converter(reader)
    try:
        converted = markitdown.convert_stream(io.BytesIO(content), stream_info=StreamInfo(extension=suffix))
    except MarkItDownException:
        return None
    text = str(converted.text_content)
    if suffix == ".xls":  # pandas names what is blank, and makes a column with a blank one of fractions
        text = _WHOLE_CELL.sub(r"\1", _BLANK_CELL.sub("", text))
    elif suffix == ".epub":
        heading = f"# {converted.title}\n" if converted.title else ""
        text = _LINK_WITHIN.sub(r"\1", _ABOUT_A_BOOK.sub(heading, text))
    return Decoded(text, reader.doubt if isinstance(reader, _Reader) else "")
