"""Untrusted text and numbers as HTML: escaped, with what cannot be seen called by its code point.

All that a page shows passes through `text`. A bidi control that only was escaped would still turn the direction of
the words behind it, and a zero-width space would hide why two strings differ.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_HARMLESS = frozenset("\n\t\u200c\u200d")  # joiners spell words in several scripts, and emoji


SMALLEST_SHARE = 0.1  # percent


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    is_number: bool = False


def text(value: str) -> str:
    """The text for an element or a quoted attribute."""
    if not value.isprintable():
        value = "".join(map(_visible, value))
    return escape(value)


def shorten(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 1].rstrip() + "…"


def share(part: float, whole: float) -> str:
    """A percentage that says 0 % and 100 % only when it is so; a line never breaks before the sign."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < SMALLEST_SHARE:
        return f"below {SMALLEST_SHARE}\u00a0%"
    if 100 - SMALLEST_SHARE < percent < 100:  # noqa: PLR2004 - that is what a percentage is of
        return f"above {100 - SMALLEST_SHARE}\u00a0%"
    return f"{percent:.1f}".removesuffix(".0") + "\u00a0%"


def count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def clock(time: str) -> str:
    """An ISO time for people; not escaped."""
    return re.sub(r"T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)$", r" \1 UTC", time)


def capital(name: str) -> str:
    """The name of a dimension or a rule as the beginning of a heading."""
    return (name[:1].upper() + name[1:]).replace("_", " ")


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A data table of cells that are HTML already; the first cell of a row is its heading."""
    kinds = [' class="number"' if each.is_number else "" for each in columns]
    head = "".join(
        f'<th scope="col"{kind}>{text(each.heading)}</th>' for each, kind in zip(columns, kinds, strict=True)
    )
    body = "\n".join(f"<tr>{_row(cells, kinds)}</tr>" for cells in rows)
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption or columns[0].heading)}">'
        f'<table class="data">{title}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'
    )


def _row(cells: Sequence[str], kinds: Sequence[str]) -> str:
    first, *others = zip(cells, kinds, strict=True)
    heading = f'<th scope="row"{first[1]}>{first[0]}</th>'
    return heading + "".join(f"<td{kind}>{cell}</td>" for cell, kind in others)


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they stand for; the values are HTML already."""
    return '<dl class="terms">' + "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in pairs) + "</dl>"


def figure(title: str, note: str, chart: str, *, numbers: str = "", key: Sequence[str] = ()) -> str:
    """A chart under its title, with its numbers as a table for who cannot see it."""
    legend = '<ol class="key">' + "".join(f"<li>{text(each)}</li>" for each in key) + "</ol>" if key else ""
    details = f'<details class="numbers"><summary>The same as a table</summary>{numbers}</details>' if numbers else ""
    return (
        f"<figure><figcaption><strong>{text(title)}</strong><span>{text(note)}</span></figcaption>"
        f"\n{chart}\n{legend}{details}</figure>"
    )


def _visible(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"[U+{ord(character):04X}]"
