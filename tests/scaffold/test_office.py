"""What is done with what markitdown reads, on a stand-in for it; and documents of Word and Excel."""

import io
import sys
import zipfile
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from asyncgen.scaffold.decode import Decoded

PACKAGE = "asyncgen.scaffold"
LETTER = """<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
<w:p><w:r><w:t>Open </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>all_day</w:t></w:r></w:p>
<w:tbl><w:tr>{first}{second}</w:tr><w:tr>{begun}{third}</w:tr><w:tr>{goes_on}{fourth}</w:tr></w:tbl>
</w:body></w:document>"""


def cell(text: str, merged: str = "") -> str:
    return f"<w:tc><w:tcPr>{merged}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


@pytest.fixture
def read_office(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], Decoded | None]:
    class DamagedError(Exception):
        pass

    class Converter:
        def convert(self, stream: io.BytesIO, _: object) -> Any:
            text = stream.read().decode()
            return SimpleNamespace(
                text_content=text, markdown=text, title=text.split("\n")[0].removeprefix("**Title:** ")
            )

    class MarkItDown:
        def __init__(self, *, enable_builtins: bool, **_: object) -> None:
            assert not enable_builtins  # one of them takes everything for text

        def register_converter(self, converter: Converter) -> None:
            self.converter = converter

        def convert_stream(self, stream: io.BytesIO, *, stream_info: object) -> Any:
            try:
                return self.converter.convert(stream, stream_info)
            except UnicodeDecodeError:
                raise DamagedError from None

    readers = dict.fromkeys(["EpubConverter", "PdfConverter", "PptxConverter", "XlsConverter"], Converter)
    of_markitdown: dict[str, dict[str, Any]] = {
        "": {
            "DocumentConverter": Converter,
            "DocumentConverterResult": lambda markdown: SimpleNamespace(text_content=markdown, title=None),
            "MarkItDown": MarkItDown,
            "MarkItDownException": DamagedError,
            "StreamInfo": SimpleNamespace,
        },
        ".converters": readers,
        ".converter_utils": {},
        ".converter_utils.docx": {},
        ".converter_utils.docx.pre_process": {"pre_process_docx": lambda stream: stream},
    }
    for name, contents in of_markitdown.items():
        module = ModuleType(f"markitdown{name}")
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def read_printed(stream: io.BytesIO) -> tuple[str, bool]:
        text = stream.read().decode().removeprefix("form: ").removeprefix("lined: ")
        return text, "lined" in stream.getvalue().decode()

    def read_deck(stream: io.BytesIO) -> SimpleNamespace:
        is_hidden = ["secret" in each for each in stream.read().decode().split("<!-- Slide")[1:]]
        return SimpleNamespace(slides=[SimpleNamespace(element={"show": "0"} if each else {}) for each in is_hidden])

    monkeypatch.setitem(sys.modules, "pptx", SimpleNamespace(Presentation=read_deck))
    of_print = SimpleNamespace(read_printed=read_printed)
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.printed", of_print)
    of_word = SimpleNamespace(read_letter=lambda stream: stream.read().decode())
    of_excel = SimpleNamespace(read_workbook=lambda stream: Decoded(stream.read().decode(), "hides sheets"))
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.letter", of_word)
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.workbook", of_excel)
    monkeypatch.delitem(sys.modules, f"{PACKAGE}.office", raising=False)
    from asyncgen.scaffold.office import read_office  # noqa: PLC0415 - on the stand-ins

    monkeypatch.delitem(sys.modules, f"{PACKAGE}.office")
    return read_office


def test_what_its_own_reader_cannot_read_is_no_text_to_quote(
    read_office: Callable[[bytes, str], Decoded | None],
) -> None:
    for suffix in (".docx", ".epub", ".pdf", ".pptx", ".xls", ".xlsx"):
        assert read_office(b"\xff", suffix) is None
        assert read_office(b"Text", suffix)


@pytest.mark.parametrize(
    ("suffix", "content", "read"),
    [
        (".xls", "| Part | Unnamed: 1 | NaN |\n| NaN | NaT | -3.0 |", "| Part |  |  |\n|  |  | -3 |"),
        (".xls", "| 2026-01-02 00:00:00 | 2.50 | 10.0 kg |", "| 2026-01-02 | 2.50 | 10.0 kg |"),
        (".pdf", "a  line\n\ngoes on. | NaN |", "a line\ngoes on. | NaN |"),
        (".pdf", "lined: Prices\n| a | table |", "Prices\n| a | table |"),
        (".pdf", "form: Prices\n| a | table |", "form: Prices\n| a | table |"),
        (".pdf", "form: Prices", "Prices"),
        (".pptx", "# Prices\n\n### Notes:\nAsk Ann.", "# Prices\n\nNotes:\nAsk Ann."),
        (
            ".epub",
            "**Title:** Roses\n**Identifier:** x\n\n1. [One](1.xhtml)\n[web](https://a.b/c)",
            "# Roses\n\n1. One\n[web](https://a.b/c)",
        ),
    ],
)
def test_what_is_no_knowledge_is_taken_out_of_what_was_read(
    read_office: Callable[[bytes, str], Decoded | None], suffix: str, content: str, read: str
) -> None:
    assert read_office(content.encode(), suffix) == Decoded(read)


def test_what_sheets_and_slides_hide_is_left_out_and_told(
    read_office: Callable[[bytes, str], Decoded | None],
) -> None:
    assert read_office(b"Text", ".xlsx") == Decoded("Text", "hides sheets")
    deck = b"<!-- Slide number: 1 -->\n# A\n<!-- Slide number: 2 -->\nsecret\n<!-- Slide number: 3 -->\nB"
    assert read_office(deck, ".pptx") == Decoded("\n# A\n\nB", "hides slides, which are left out: 2")


def test_a_letter_is_read_as_a_page_is() -> None:
    pytest.importorskip("mammoth")
    from asyncgen.scaffold.letter import read_letter  # noqa: PLC0415 - stands on an extra

    body = LETTER.format(
        first=cell("Season"),
        second=cell("Job"),
        begun=cell("Spring", '<w:vMerge w:val="restart"/>'),
        third=cell("Prune"),
        goes_on=cell("", "<w:vMerge/>"),
        fourth=cell("Sow"),
    )
    with zipfile.ZipFile(content := io.BytesIO(), "w") as archive:
        archive.writestr("word/document.xml", body)
    table = "| Season | Job |\n| --- | --- |\n| Spring | Prune |\n| Spring | Sow |"
    assert read_letter(content) == f"Open all_day\n\n{table}"


def test_a_workbook_is_read_as_it_is_shown() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    from asyncgen.scaffold.workbook import read_workbook  # noqa: PLC0415 - stands on an extra

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    for row in (
        ["Part", None, "Price"],
        [],
        ["Spade", None, 0.1 + 0.2],
        ["Spade", None, "a|b\nc"],
        ["VAT", None, 0.19],
    ):
        sheet.append(row)
    sheet.merge_cells("A3:A4")
    sheet["C5"].number_format = "0.00%"
    book.create_sheet("Margins").append(["secret"])
    book["Margins"].sheet_state = "hidden"
    book.create_sheet("Blank")
    book.save(content := io.BytesIO())
    assert read_workbook(content) == Decoded(
        "## Prices\n\n| Part | Price |\n| --- | --- |\n| Spade | 0.3 |\n| Spade | a\\|b c |\n| VAT | 19 % |",
        "hides sheets, which are left out: Margins",
    )
