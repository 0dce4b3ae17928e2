"""`verbatim`, and what else asks whether a message repeats so many words in a row of another text.

The words of a message are looked up a third of a run at a time: every run holds a shorter one that begins at a multiple
of the rest, so most messages cost a few look-ups and no more.
"""

from collections.abc import Iterable, Iterator, Sequence

from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject

_VERBATIM = 12  # words in a row of the knowledge base


def runs_of(words: Sequence[bytes], length: int) -> Iterable[tuple[bytes, ...]]:
    return zip(*(words[offset:] for offset in range(length)), strict=False)


class WordRuns:
    """The runs of `length` words that some texts have. `without`: a text whose runs do not count."""

    def __init__(self, texts: Iterable[str], length: int, without: str = "") -> None:
        self._length, self._anchor = length, length // 2
        self._stride = length - self._anchor + 1
        self._runs: set[tuple[bytes, ...]] = set()
        self._anchors: set[tuple[bytes, ...]] = set()
        for text in texts:
            words = split_words(text)
            self._runs.update(runs_of(words, length))
            self._anchors.update(runs_of(words, self._anchor))
        self._runs.difference_update(runs_of(split_words(without), length))

    def find(self, words: Sequence[bytes]) -> bytes | None:
        """The first run that the words share with the texts, if there is one."""
        anchors, anchor, stride = self._anchors, self._anchor, self._stride
        for place in range(0, len(words) - anchor + 1, stride):
            if tuple(words[place : place + anchor]) in anchors:
                for start in range(max(place - stride + 1, 0), place + 1):
                    if (run := tuple(words[start : start + self._length])) in self._runs:
                        return b" ".join(run)
        return None


class Verbatim:
    """Finds answers that recite the knowledge base."""

    def __init__(self, knowledge: str) -> None:
        self._runs = WordRuns([knowledge], _VERBATIM)

    def check(self, subject: Subject) -> Iterator[Finding]:
        for position, (message, plain) in enumerate(zip(subject.record.conversation, subject.plain, strict=True)):
            if message.role == "assistant" and (run := self._runs.find(plain.words)):
                yield Finding("verbatim", subject.record.number, position, excerpt(run.decode("utf-8", "replace")))
