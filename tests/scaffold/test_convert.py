import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from asyncgen.scaffold.convert import UnreadableDocumentError, read_as_markdown
from asyncgen.scaffold.decode import Decoded

PAGE = """<!doctype html><html><head><meta charset="{charset}"><title>Preise</title><style>p {{}}</style>
<script>alert("no")</script></head><body>
<header><a href="/">Logo</a></header><nav>Menü</nav><main><h1>Preise &amp; Zeiten</h1>
<p>Geöffnet <b>Mo</b> bis <a href="x">Fr</a>.<img alt="bild" src="x"></p><div hidden>geheim</div>
<table><tr><th>Rad<th>Preis</tr><tr><td>Velora<td>1.299 &euro;</tr></table><ul><li>eins<li>zwei</ul></main>
<form>Suche</form><footer>Impressum</footer></body></html>"""
READ = """# Preise & Zeiten

Geöffnet Mo bis Fr.

| Rad | Preis |
| --- | --- |
| Velora | 1.299 € |

- eins
- zwei"""


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_page_keeps_its_words_and_its_structure_and_nothing_that_is_for_browsers(tmp_path: Path) -> None:
    page = written(tmp_path, "x.html", PAGE.format(charset="utf-8").encode())
    assert read_as_markdown(page).text == READ


def test_a_page_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    content = PAGE.format(charset="iso-8859-15").encode("iso-8859-15", "xmlcharrefreplace")
    assert read_as_markdown(written(tmp_path, "x.htm", content)).text == READ


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ("", "windows-1252"),
        ('<meta charset="no-such">', "utf-8"),
        ('<meta charset="utf-16">', "utf-8"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">', "windows-1252"),
        ('<meta charset="utf-8">', "windows-1252"),
    ],
)
def test_a_page_is_read_as_a_browser_reads_it_and_as_utf_8_where_that_fits(
    tmp_path: Path, mark: str, encoding: str
) -> None:
    content = f"<html><head>{mark}</head><body><h1>Straße</h1><p>Our “café”: 5 €.</p></body></html>".encode(encoding)
    assert read_as_markdown(written(tmp_path, "x.html", content)).text == "# Straße\n\nOur “café”: 5 €."


def test_a_page_is_read_without_css_selectors_whose_patterns_fail_in_python_3_11_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soupsieve.compile", None)
    content = "<body><p aria-hidden=true>no<p role=search>no<div role=main><h1>Hours</h1><p>At six.</div>no"
    assert read_as_markdown(written(tmp_path, "x.html", content.encode())).text == "# Hours\n\nAt six."


def test_a_page_without_a_heading_has_its_title(tmp_path: Path) -> None:
    page = written(tmp_path, "x.html", b"<title>Prices</title><p>Nothing is free.")
    assert read_as_markdown(page).text == "# Prices\n\nNothing is free."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_a_text_is_read_in_the_encodings_that_editors_write(tmp_path: Path, encoding: str) -> None:
    assert read_as_markdown(written(tmp_path, "x.txt", "Größe: 5 €\r\n".encode(encoding))).text == "Größe: 5 €"


def test_markdown_loses_its_front_matter_and_has_headings_of_one_style(tmp_path: Path) -> None:
    text = b"---\nlayout: page\n---\nBikes\n=====\n\nText\n\nPrices\n---\n\n- a\n\n---\n"
    assert read_as_markdown(written(tmp_path, "x.md", text)).text == "# Bikes\n\nText\n\n## Prices\n\n- a\n\n---"


def test_remarks_are_left_out_and_code_stays_as_it_is(tmp_path: Path) -> None:
    text = b"# A\n\n<!-- draft\nmore -->\nText\n\n```html\n<!-- kept -->\n```\n\n`<!-- this -->`"
    assert read_as_markdown(written(tmp_path, "x.md", text)).text == (
        "# A\n\nText\n\n```html\n<!-- kept -->\n```\n\n`<!-- this -->`"
    )


def test_an_empty_file_is_told_by_its_name_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnreadableDocumentError, match="is empty"):
        read_as_markdown(written(tmp_path, "x.md", b""))
    assert not caplog.records


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocumentError, match="is no text"):
        read_as_markdown(written(tmp_path, "x.txt", b"\x89PNG\0\0\0"))
    with pytest.raises(UnreadableDocumentError, match="cannot be read: Is a directory"):
        read_as_markdown(tmp_path)


def test_what_cannot_be_seen_is_left_out(tmp_path: Path) -> None:
    assert read_as_markdown(written(tmp_path, "x.txt", "a\u200bb\x07c\n\n\n\n\nd".encode())).text == "abc\n\nd"


def test_a_document_of_an_office_without_the_extra_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncgen.scaffold.office", None)
    with pytest.raises(UnreadableDocumentError, match=r"needs what reads \.pdf: pip install 'asyncgen\[documents\]'"):
        read_as_markdown(written(tmp_path, "x.pdf", b"%PDF-1.7"))


def test_what_an_office_file_cannot_give_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_office(content: bytes, _: str) -> Decoded | None:
        return None if content == b"damaged" else Decoded(content.decode(), "hides sheets")

    monkeypatch.setitem(sys.modules, "asyncgen.scaffold.office", SimpleNamespace(read_office=read_office))
    read = read_as_markdown(written(tmp_path, "x.docx", b"# A\n<!-- Slide number: 1 -->\n\n\n\nText"))
    assert read == Decoded("# A\n\nText", "hides sheets")
    for name, content, told in (
        ("x.pptx", b"damaged", "is damaged, protected, or not what its name says"),
        ("x.docx", b"", "is empty"),
        ("x.pdf", b" ", "has no text: scanned pages need OCR first"),
    ):
        with pytest.raises(UnreadableDocumentError, match=f"^{told}$"):
            read_as_markdown(written(tmp_path, name, content))
