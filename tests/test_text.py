import json

from hypothesis import given
from hypothesis import strategies as st

from asyncgen.text import ascii_json, one_line, printable


@given(st.text())
def test_nothing_that_cannot_be_printed_is_left(text: str) -> None:
    assert one_line(text).isprintable()
    assert all(line.isprintable() for line in printable(text).replace("\t", " ").split("\n"))
    assert len(printable(text)) == len(text)


@given(st.text())
def test_escaped_json_is_plain_ascii_and_says_the_same(text: str) -> None:
    document = ascii_json(json.dumps({"name": text}, ensure_ascii=False))
    assert all(" " <= character <= "~" for character in document)
    assert json.loads(document) == {"name": text}
