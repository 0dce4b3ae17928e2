"""The text of bytes of which nobody says for certain in which encoding they are.

Most are UTF-8. Those that are not are taken for windows-1252, alone: an old file is read whole, and of a damaged one
only the damage is read wrong. In an alphabet that windows-1252 has not, it would be nonsense, and no text is better.
"""

import logging
import re
from dataclasses import dataclass

import webencodings
from bs4 import UnicodeDammit
from bs4.dammit import EncodingDetector

from asyncgen.text import quantity

_STRAY = re.compile(r"[\udc80-\udcff]")  # how Python escapes a byte that is no UTF-8
_WINDOWS_1252 = {0xDC00 + each: bytes([each]).decode("windows-1252", "replace") for each in range(0x80, 0x100)}
_GUESSED_AT_LAST = ("utf-8", "windows-1252")  # by what guesses, which is asked where these do not fit

logging.getLogger("bs4.dammit").setLevel(logging.ERROR)  # a reader who is told of a file is told which one


@dataclass(frozen=True, slots=True)
class Decoded:
    """`doubt`: why some of it may be wrong, as the end of a sentence about the file; empty where it is certain."""

    text: str
    doubt: str = ""


def decode(content: bytes, declared: str | None = None) -> Decoded | None:
    """By its mark, as it declares itself, as UTF-8, or by a guess, which is told. None: no encoding fits."""
    content, marked = EncodingDetector.strip_byte_order_mark(content)
    if marked and marked != "utf-8":
        return _decode_marked(content, marked)
    known = webencodings.lookup(declared) if declared else None
    # Who could read a declaration byte by byte reads no UTF-16.
    named = [known.codec_info.name] if known and not known.name.startswith("utf-16") else []
    for encoding in (*named, "utf-8"):
        try:
            return Decoded(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    text = content.decode("utf-8", "surrogateescape")
    stray = len(_STRAY.findall(text))
    if stray <= sum(map(bytes.isalpha, re.findall(rb"[A-Za-z]", content))):
        return Decoded(text.translate(_WINDOWS_1252), _doubt_stray(text, stray))
    return _guess(content)


def _decode_marked(content: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(content.decode(encoding))
    except UnicodeDecodeError as error:
        doubt = f"is marked as {encoding.upper()} and is none at byte {error.start:,}: what could not be read is \ufffd"
        return Decoded(content.decode(encoding, "replace"), doubt)


def _doubt_stray(text: str, stray: int) -> str:
    first = _STRAY.search(text)
    is_utf_8_otherwise = re.search(r"[^\x00-\x7f\udc80-\udcff]", text)
    if first is None or not is_utf_8_otherwise:
        return "is no UTF-8: read as windows-1252"
    line = text.count("\n", 0, first.start()) + 1
    number = quantity(stray, "byte that is", "bytes that are")
    return f"has {number} no UTF-8, on line {line:,}{' first' * (stray > 1)}: read as windows-1252"


def _guess(content: bytes) -> Decoded | None:
    """By what finds encodings, where that is installed, as the extra `documents` does."""
    guess = UnicodeDammit(content, exclude_encodings=_GUESSED_AT_LAST)
    if not guess.unicode_markup or guess.contains_replacement_characters:
        return None
    return Decoded(guess.unicode_markup, f"is no UTF-8: read as {guess.original_encoding}, which is a guess")
