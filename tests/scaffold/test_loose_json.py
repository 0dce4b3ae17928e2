"""JSON as models write it, and as everybody does."""

import json

from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.scaffold.loose_json import read_loosely

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(VALUES) | st.dictionaries(st.text(), VALUES), st.sampled_from([None, 2]), st.booleans())
def test_json_without_a_fault_is_read_as_anybody_reads_it(document: object, indent: int | None, is_ascii: bool) -> None:  # noqa: FBT001
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    assert list(read_loosely(f"Sure:\n{text}")) == [document]


@given(st.text(alphabet='[]{}",:\\\n a1\ud800'))
def test_any_text_is_read(text: str) -> None:
    for each in read_loosely(text):
        assert isinstance(each, list | dict)


@each_row(
    ("text", "found"),
    [
        ('["a", "b', [["a"]]),
        ('{"x": ["a"], "y": ["b", "c', [{"x": ["a"], "y": ["b"]}]),
        ('{"x": ["a"\n"b"], "y": 1,}', [{"x": ["a", "b"], "y": 1}]),
        ('["he said "hi" to me", "b"]', [['he said "hi" to me', "b"]]),
        ('["a", "he said "hi" to m', [["a"]]),
        (r'["it\'s", "\d", "\u00e4"]', [["it's", "d", "ä"]]),
        ('["a", // first\n"b"] and {"c": null', [["a", "b"], {"c": None}]),
        ("no [ list", [[]]),
        ("none", []),
    ],
)
def test_what_is_whole_is_read(text: str, found: object) -> None:
    assert list(read_loosely(text)) == found
