"""The pages as templates, and what they do to whatever is put into them.

All that is put into a page passes `show`, and Jinja2 escapes it: neither can be forgotten. A bidi control that only was
escaped would still turn the direction of the words behind it, and a zero-width space would hide why two strings differ.
Only style, script and the JSON of the sample go into a page as they are, which report.html marks as safe.
"""

import unicodedata
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from asyncgen.report import formatting
from asyncgen.report.charts import compact, letter
from asyncgen.text import quantity

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_HARMLESS = frozenset("\n\t\u200c\u200d")  # joiners spell words in several scripts, and emoji


def show(value: object) -> str:
    """Text with what cannot be seen called by its code point; a float is a length, to two decimals."""
    if isinstance(value, str) and hasattr(value, "__html__"):  # what a macro made of its own calls of this
        return value
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if not isinstance(value, str | int):
        raise TypeError(f"a page shows text and numbers, not {value}")
    text = str(value)
    return (
        text
        if text.isprintable()
        else "".join(
            f"[U+{ord(each):04X}]" if unicodedata.category(each) in _UNSEEN and each not in _HARMLESS else each
            for each in text
        )
    )


def read_page_file(name: str) -> str:
    return (Path(__file__).parent / "page" / name).read_text(encoding="utf-8")


templates = Environment(
    loader=FunctionLoader(read_page_file),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=show,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
templates.filters |= {
    "capital": formatting.capital,
    "clock": formatting.clock,
    "compact": compact,
    "kind": lambda block: type(block).__name__.lower(),
    "letter": letter,
    "share": formatting.share,
    "shorten": formatting.shorten,
    "thousands": "{:,}".format,
}
templates.globals["quantity"] = quantity
