import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.scaffold.decode import Decoded, decode

GERMAN = "Für Räder\ngibt es Größen"
UTF_8 = GERMAN.encode()


@each_row(
    ("content", "text", "doubt"),
    [
        (UTF_8, GERMAN, ""),
        (codecs.BOM_UTF8 + UTF_8, GERMAN, ""),
        (GERMAN.encode("utf-16"), GERMAN, ""),
        (GERMAN.encode("utf-32"), GERMAN, ""),
        (GERMAN.encode("windows-1252"), GERMAN, "is no UTF-8: read as windows-1252"),
        (b"a\x81b", "a\ufffdb", "is no UTF-8: read as windows-1252"),
        (UTF_8 + b"\xfc", GERMAN + "ü", "has 1 byte that is no UTF-8, on line 2: read as windows-1252"),
        (
            b"\xff" + UTF_8 + b"\xe9",
            f"ÿ{GERMAN}é",
            "has 2 bytes that are no UTF-8, on line 1 first: read as windows-1252",
        ),
        (
            codecs.BOM_UTF16_LE + "aü".encode("utf-16-le") + b"x",
            "aü\ufffd",
            "is marked as UTF-16LE and is none at byte 4: what could not be read is \ufffd",
        ),
    ],
)
def test_bytes_that_are_no_utf_8_are_read_alone_in_another_encoding_and_told(
    content: bytes, text: str, doubt: str
) -> None:
    assert decode(content) == Decoded(text, doubt)


def test_another_alphabet_is_no_windows_1252(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bs4.dammit._chardet_dammit", lambda _: None)  # as without the extra
    for text, encoding in (
        ("Ремонт стоит 500", "windows-1251"),
        ("自転車の説明。", "shift_jis"),
        ("ضمان", "windows-1256"),
    ):
        assert decode(text.encode(encoding)) is None
        assert decode(text.encode(encoding), encoding) == Decoded(text)
        monkeypatch.setattr("bs4.dammit._chardet_dammit", lambda _, name=encoding: name)
        guessed = decode(text.encode(encoding))
        assert guessed is not None
        assert guessed.text == text
        assert guessed.doubt.endswith("which is a guess")
        monkeypatch.setattr("bs4.dammit._chardet_dammit", lambda _: None)


@given(st.binary(), st.text("abü\n"))
def test_any_bytes_are_a_text_that_can_be_written_or_none(content: bytes, text: str) -> None:
    found = decode(content)
    assert found is None or found.text.encode() is not None
    assert decode(text.encode()) == Decoded(text)
