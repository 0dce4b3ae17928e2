"""Text as sentences and terminals want it; untrusted text moves no cursor, changes no colour, turns no direction."""

import json
import re
import unicodedata
from collections.abc import Sequence

BYTES_A_TOKEN = 4  # of English; other scripts need more tokens for a byte
_NOT_PLAIN = re.compile(r"[^ -~]")
_UNBROKEN = re.compile(r"[^\n\t]+")


def one_line(text: str) -> str:
    """The text as a single line: a space for one of any width, "?" for every other character that cannot be printed."""
    if text.isprintable():  # as nearly always, and then it is a hundred times as quick
        return text
    return "".join(each if each.isprintable() else " " if unicodedata.category(each) == "Zs" else "?" for each in text)


def printable(text: str) -> str:
    """The same, with its line breaks and tabs kept."""
    return _UNBROKEN.sub(lambda part: one_line(part[0]), text)


def is_utf8(argument: str) -> bool:
    """Whether an argument or a path was UTF-8: what was not holds surrogates, which nothing can be encoded with."""
    return not any("\ud800" <= each <= "\udfff" for each in argument)


def in_utf8(name: str) -> str:
    """A file's name for a text, with "?" for every byte of it that is not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def ascii_json(document: str) -> str:
    """A JSON document in which all that is not plain ASCII is escaped, for programs that print what they are given."""
    return _NOT_PLAIN.sub(lambda character: json.dumps(character[0])[1:-1], document)


def estimate_tokens(size: int) -> int:
    """Of a text of so many bytes."""
    return round(size / BYTES_A_TOKEN)


def quantity(number: int, noun: str, plural: str | None = None) -> str:
    """A number and what there is of it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def name_some(names: Sequence[str], most: int = 5) -> str:
    """The first of them for a sentence, with a mark where there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
