"""Takes the body of a create apart while it comes in: what precedes `requests`, then one request after the other.

OpenRouter reads so, and only so do 200 MB of requests never sit in memory. It is no validator: what is taken out is
decoded by whoever gets it.
"""

import re
from collections.abc import Iterator

_MARK = re.compile(rb'["{}\[\]]')
_KEY = b'"requests"'
_LIST_BEGUN = re.compile(rb"\s*+:\s*+\[")
_LIST_AWAITED = re.compile(rb"\s*+:?\s*+\Z")
_BETWEEN = b" \t\r\n,"
_DOCUMENT, _LIST = 1, 2  # depths of what is inside
_LONGEST_HEAD = 1024 * 1024  # bytes


class SplitError(Exception):
    """It is no JSON object, or its requests are no list of objects."""

    def __init__(self) -> None:
        super().__init__("expected one JSON object whose 'requests', the last of its keys, are a list of objects")


class Splitter:
    """`head`: the document up to its requests, once their list has begun; of one without requests, the whole."""

    def __init__(self) -> None:
        self.head = b""
        self.has_requests = False
        self._buffer = b""
        self._place = 0  # up to where the buffer has been read
        self._start = 0  # of the request that is being read
        self._depth = 0
        self._is_listing = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The requests that have become whole. Raises SplitError."""
        self._buffer += chunk
        while mark := _MARK.search(self._buffer, self._place):
            token, end = mark[0], mark.end()
            if token == b'"':
                end = _end_of_string(self._buffer, mark.start())
                token = self._buffer[mark.start() : end]
                if not end or (self._may_begin(token) and _LIST_AWAITED.match(self._buffer, end)):
                    break  # more of it is to come
            self._check_between(mark.start())
            self._place = end
            if self._step(token, mark.start()):
                yield self._buffer[self._start : end]
        kept_from = self._start if self._depth > _LIST else self._place
        if self.has_requests:
            self._buffer, self._place, self._start = self._buffer[kept_from:], self._place - kept_from, 0
        elif len(self._buffer) > _LONGEST_HEAD:
            raise SplitError

    def end(self) -> None:
        """Raises SplitError when the document is not whole."""
        self._check_between(len(self._buffer))
        if self._depth or not self.head:
            raise SplitError

    def _may_begin(self, token: bytes) -> bool:
        """Whether it may be the key of the requests."""
        return token == _KEY and self._depth == _DOCUMENT and not self.has_requests

    def _step(self, token: bytes, start: int) -> bool:
        """Whether a request has become whole."""
        is_inside = self._depth > (_LIST if self._is_listing else 0)
        if self._may_begin(token) and (begun := _LIST_BEGUN.match(self._buffer, self._place)):
            self.head = self._buffer[:start].strip(_BETWEEN) + b"}"
            self.has_requests = self._is_listing = True
            self._depth, self._place = _LIST, begun.end()
        elif token in (b"{", b"["):
            if not is_inside and (token != b"{" or (self.head and not self._is_listing)):
                raise SplitError
            self._start = self._start if is_inside else start
            self._depth += 1
        elif token in (b"}", b"]"):
            self._depth -= 1
            self._is_listing = self._is_listing and self._depth >= _LIST
            if not self._depth and not self.has_requests:
                self.head = self._buffer[: self._place]
            return self._is_listing and self._depth == _LIST
        elif not is_inside:
            raise SplitError
        return False

    def _check_between(self, end: int) -> None:
        """Between requests, and around the document, there is nothing."""
        is_between = not self._depth or (self._is_listing and self._depth == _LIST)
        if is_between and self._buffer[self._place : end].strip(_BETWEEN):
            raise SplitError


def _end_of_string(buffer: bytes, start: int) -> int:
    """Behind its closing quote; 0 where that has not come. For long strings it is ten times as fast as a pattern."""
    end = buffer.find(b'"', start + 1)
    while end >= 0:
        unescaped = end
        while buffer[unescaped - 1 : unescaped] == b"\\":
            unescaped -= 1
        if (end - unescaped) % 2 == 0:
            return end + 1
        end = buffer.find(b'"', end + 1)
    return 0
