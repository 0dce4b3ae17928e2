"""Heads and feet that come again on each printed page: they would cut sentences, and number what nobody asks about."""

import re
from collections import Counter
from collections.abc import Sequence

_EDGE = 2  # lines at the top of a page, and at its bottom
_NUMBERING = re.compile(
    r"(?:\b(?:page|p\.|seite|s\.|página|pág\.)\s*|\A[\W_]*)(\d{1,6})(?:\s*(?:/|of|von|de)\s*\d+)?(?:[\W_]*\Z)?",
    re.IGNORECASE,
)
_NUMBER = "#"


def without_running_lines(pages: Sequence[str]) -> list[str]:
    """Of a line that comes again on most pages the first one stays, as a title; of one that numbers them none."""
    lines = [page.split("\n") for page in pages]
    often = Counter(
        key
        for number, page in enumerate(lines)
        for key in {_key(page[at], number) for edge in _edges(page) for at in edge}
    )
    running = {key for key, count in often.items() if key and count > max(len(pages) / 2, 1)}
    seen: set[str] = set()
    for number, page in enumerate(lines):
        for edge in _edges(page):
            for at in edge:
                if (key := _key(page[at], number)) not in running:
                    break  # what stands further in is text
                page[at] = "" if key in seen or _NUMBER in key else page[at]
                seen.add(key)
    return ["\n".join(page) for page in lines]


def _edges(page: Sequence[str]) -> tuple[Sequence[int], Sequence[int]]:
    """The numbers of its first lines, and of its last ones from the end on."""
    told = [number for number, line in enumerate(page) if line.strip()]
    return told[:_EDGE], told[: -_EDGE - 1 : -1]


def _key(line: str, page: int) -> str:
    """What is the same on every page, where a number of the page is one that counts up with them.

    Empty for a row of a table.
    """
    if line.startswith("|"):
        return ""

    def count(found: re.Match[str]) -> str:
        is_alone = found.start() == 0 and found.end() < len(line) and not found[0][0].isalpha()
        return found[0] if is_alone else f" {_NUMBER}{int(found[1]) - page}"  # "3 of a kind" is no number of a page

    return " ".join(_NUMBERING.sub(count, line.strip().replace(_NUMBER, " ")).casefold().split())
