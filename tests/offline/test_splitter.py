"""A create's body in pieces: what precedes the requests, and each request as it was sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.offline.splitter import SplitError, Splitter

_text = st.text(alphabet='ab"\\[]{},: \n\u00e9', max_size=8)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text | st.just("requests"), inner, max_size=3),
    max_leaves=8,
)
_object = st.dictionaries(_text | st.just("requests"), _json, max_size=3)


def split(body: bytes, size: int) -> tuple[Splitter, list[bytes]]:
    splitter = Splitter()
    requests = [each for start in range(0, len(body), size) for each in splitter.feed(body[start : start + size])]
    splitter.end()
    return splitter, requests


@given(
    before=st.dictionaries(_text, _json, max_size=3),
    requests=st.lists(_object, max_size=4),
    after=st.dictionaries(_text, _json, max_size=2),
    indent=st.sampled_from([None, 1]),
    size=st.integers(1, 64),
)
def test_any_document_is_taken_apart_wherever_it_is_cut(
    before: dict[str, Any], requests: list[Any], after: dict[str, Any], indent: int | None, size: int
) -> None:
    later = {name: value for name, value in after.items() if name not in before}
    body = json.dumps({**before, "requests": requests, **later}, indent=indent, ensure_ascii=False).encode()
    splitter, found = split(body, size)
    assert splitter.has_requests
    assert json.loads(splitter.head) == before
    assert [json.loads(each) for each in found] == requests


@given(st.dictionaries(_text, _json, max_size=3), st.integers(1, 64))
def test_a_document_without_requests_is_all_head(document: dict[str, Any], size: int) -> None:
    body = json.dumps(document).encode()
    splitter, found = split(body, size)
    assert (splitter.has_requests, splitter.head, found) == (False, body, [])


@each_row(
    "body",
    [
        *(b"", b" ", b"[]", b'"a"', b"{", b'{"a', b"{}x", b"{} {}", b"{}]"),
        *(b'{"requests":[1]}', b'{"requests":["a"]}', b'{"requests":[[]]}', b'{"requests":[{}', b'{"requests":[{}x]}'),
        *(b'{"requests":[{}]', b'{"requests":[{}]}}', b'{"requests":[{}]} {}', b'{"requests":[{}]}{'),
    ],
)
@each_row("size", [1, 100])
def test_what_is_no_object_with_a_list_of_objects_is_refused(body: bytes, size: int) -> None:
    with pytest.raises(SplitError):
        split(body, size)


def test_a_head_is_not_kept_for_ever() -> None:
    splitter = Splitter()
    with pytest.raises(SplitError):
        list(splitter.feed(b'{"a": "' + b"x" * 2_000_000))
