"""A file of statements: what conversations are to tell, one a line, in sections, each with a weight where it has one.

    ## Money
    - [10] A nanochat of GPT-2 grade costs about $73.
    - The record of February 2, 2026 cost about $70.

Everything else in the file is for people and means nothing here.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from asyncgen.recipe.remarks import blank_remarks

_HEADING = re.compile(r"#{1,6}\s+(.*\S)")
_STATEMENT = re.compile(r"[-*]\s+(?:\[(?P<weight>[^\]\s]*)\]\s+)?(?P<text>.*\S)")


class Statement(NamedTuple):
    """`section`: the heading that it stands under. `weight`: as it is given, None without one. `end`: its last line."""

    section: str
    text: str
    weight: str | None
    line: int
    end: int


def read_statements(text: str) -> Iterator[Statement]:
    """The statements in order; one that goes on over lines is joined by blanks."""
    section, begun = "", None
    for number, line in enumerate(blank_remarks(text).split("\n"), 1):
        heading, statement = _HEADING.match(line), _STATEMENT.match(line)
        if begun is not None and not (heading or statement) and line[:1].isspace() and line.strip():
            begun = begun._replace(text=f"{begun.text} {line.strip()}", end=number)
            continue
        if begun is not None:
            yield begun
        begun = None
        if heading:
            section = heading[1]
        elif statement:
            begun = Statement(section, statement["text"], statement["weight"], number, number)
    if begun is not None:
        yield begun
