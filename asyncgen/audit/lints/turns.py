"""`wrong-turns`: the number of messages is none of those that the scenario's values name, in whatever language."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import inf

from asyncgen.audit.reading.language import listed, tables
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.text import quantity

_NUMBERS = {word: value for table in tables("numbers") for value, word in enumerate(table["small"][:12], start=1)}


def _any_of(name: str) -> str:
    return "|".join(sorted(listed("turns", name), key=len, reverse=True))


_NUMBER = rf"(?:\d{{1,3}}|{'|'.join(_NUMBERS)})"
_LENGTH = re.compile(
    rf"(?:\b(?:(?P<least>{_any_of('at-least')})|(?P<most>{_any_of('at-most')})|(?P<vague>{_any_of('vague')})"
    rf"|(?P<part>{_any_of('part')})) )?"
    rf"(?<![\d,.])\b(?P<low>{_NUMBER})(?: ?(?:-|{_any_of('to')}) ?(?P<high>{_NUMBER}))?"
    rf"(?P<more>\+| (?:{_any_of('or-more')}))?[ -](?:(?P<message>{_any_of('message')})|(?:{_any_of('turn')}))\b",
    re.IGNORECASE,
)
_MOST = 60  # messages; a larger number is about something else, and so is a single message


@lru_cache(maxsize=65_536)
def find_lengths(text: str) -> tuple[tuple[float, float], ...]:
    """The numbers of messages that a text names, as ranges (lowest, highest); empty when it names none.

    A turn is one message where messages are named too; otherwise nobody can tell whether it means a message or a pair
    of them, and both will do. Ranges ("4 to 6 messages", "at least four messages") count as such, a vague number
    ("about 4 messages") as none.
    """
    named = [match for match in _LENGTH.finditer(text) if not match["part"]]
    if any(match["vague"] for match in named):
        return ()
    turns = [_read_range(match) for match in named if not match["message"]]
    messages = [_read_range(match) for match in named if match["message"]]
    messages = [(low, high) for low, high in messages if high > 1 and low <= _MOST]
    return (*messages, *turns) if messages else (*turns, *[(2 * low, 2 * high) for low, high in turns])


def _read_range(match: re.Match[str]) -> tuple[float, float]:
    ends = match["low"], match["high"] or match["low"]
    low, high = (int(each) if each.isdecimal() else _NUMBERS[each.lower()] for each in ends)
    if match["least"] or match["more"]:
        return low, inf
    return (1, high) if match["most"] else (min(low, high), max(low, high))


class TurnsCheck:
    """Only what dimensions that draw one value say, of these names; no finding where none names a number."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def check(self, subject: Subject) -> Iterator[Finding]:
        record, scenario = subject.record, subject.scenario or {}
        count = len(record.conversation)
        values = [drawn[0][1] for name in self._names if (drawn := scenario.get(name))]
        naming = [value for value in values if find_lengths(value)]
        if naming and not any(low <= count <= high for value in naming for low, high in find_lengths(value)):
            told = f"{quantity(count, 'message')}, asked: {naming[0]}"
            yield Finding("wrong-turns", record.number, None, excerpt(told))
