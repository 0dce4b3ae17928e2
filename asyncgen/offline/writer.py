"""Requests to conversations: a few knowledge bases are kept ready, and one draft is written per request.

Everything a draft draws comes from one generator seeded by the request's own text, so the same request gets the
same conversation from any process.
"""

import hashlib
import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from asyncgen.offline.brief import Message, read_brief
from asyncgen.offline.draft import Draft
from asyncgen.offline.source import Source

_SOURCES_KEPT = 4
_DIGEST_SIZE = 12  # bytes; it is also the visible part of an answer's id


class Writer:
    """Writes conversations. Close it: each knowledge base it keeps holds an index."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, Source] = OrderedDict()

    def write(self, messages: Sequence[Message], digest: bytes) -> list[Message]:
        """The conversation for a request's messages (at least one), drawn from the request's digest."""
        brief = read_brief(messages)
        rng = random.Random(digest)  # noqa: S311 - repeatable, not secret
        source = self._open(brief.knowledge)
        return Draft(replace(brief, about=source.find_subject(brief)), source, rng).write()

    def close(self) -> None:
        while self._sources:
            self._sources.popitem()[1].library.close()

    def _open(self, knowledge: str) -> Source:
        source = self._sources.get(knowledge)
        if source is None:
            source = self._sources[knowledge] = Source(knowledge)
            if len(self._sources) > _SOURCES_KEPT:
                self._sources.popitem(last=False)[1].library.close()
        else:
            self._sources.move_to_end(knowledge)
        return source


def digest_request(messages: Iterable[Message], seed: int | None) -> bytes:
    """What makes two requests the same: roles, contents and the seed asked for."""
    digest = hashlib.sha256(repr(seed).encode())
    for message in messages:
        digest.update(f"\0{message.role}\0{message.content}".encode("utf-8", "surrogatepass"))
    return digest.digest()[:_DIGEST_SIZE]
