"""Typographic characters in their plain spelling, and Latin letters without accents."""

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

_ASCII = frozenset(map(chr, range(128)))
# Soft hyphen, joiners, zero-width spaces, bidi controls, variation selectors, byte order mark.
INVISIBLES = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
_FEW = 16  # different characters to be folded
_INVISIBLE = re.compile(f"[{INVISIBLES}]")
_LOOSE_ACCENTS = re.compile(r"(?<=[A-Za-z])[\u0300-\u0362]+")
_SPELLINGS = {
    "'": "‘’‚‛‹›′´ʹʻʼʾʿ",
    '"': "“”„‟«»″",
    "-": "‐‑‒–−•‣⁃◦▪●",
    "--": "—―",
    "*": "·∙⋅",
    ".": "․",
    "..": "‥",
    "...": "…",
    "?": "¿",
    "!": "¡",
    "!!": "‼",
    "??": "⁇",
    "?!": "⁈‽",
    "!?": "⁉",
    "/": "⁄∕÷",
    "||": "‖",
    "~": "≈∼",
    "x": "×",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "+/-": "±",
    "->": "→",
    "<-": "←",
    "<->": "↔",
    "=>": "⇒",
    "<=>": "⇔",
    "(c)": "©",
    "(r)": "®",
    "(tm)": "™",
    "K": "\u212a",  # kelvin and angstrom: symbols that only look like letters
    "A": "\u212b",
    "\n": "\u2028\u2029",
}
_PLAIN = {character: spelling for spelling, characters in _SPELLINGS.items() for character in characters}


def fold_to_ascii(text: str) -> str:
    """The text with typographic characters in their plain spelling and Latin letters without accents.

    What has no plain spelling (other scripts, emoji, superscripts, currencies) stays as it is.
    """
    folded = {
        character: plain for character in set(text) - _ASCII if (plain := _fold_character(character)) != character
    }
    if len(folded) > _FEW:
        text = text.translate({ord(character): plain for character, plain in folded.items()})
    else:  # a pass for each is twenty times as fast as one that looks at every character
        for character, plain in folded.items():
            text = text.replace(character, plain)
    # Not by NFC: it takes quadratic time over the run of accents a looping model can write.
    return text if text.isascii() else _LOOSE_ACCENTS.sub("", text)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    if _INVISIBLE.match(character):
        return ""
    if "\uff01" <= character <= "\uff5e":  # fullwidth forms, in the order of ASCII
        return chr(ord(character) - 0xFEE0)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in {"Lu", "Ll", "Lt"} and unicodedata.name(character, "").startswith("LATIN "):
        letters = anyascii(character)
        if letters.isalpha():  # tone letters and glottal stops become digits and quotes
            return letters
    return character
