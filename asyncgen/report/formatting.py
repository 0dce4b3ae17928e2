"""Numbers, shares, times and names as people read them; text, on a page and in a terminal."""

import re

SMALLEST_SHARE = 0.1  # percent


def shorten(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 1].rstrip() + "…"


def share(part: float, whole: float = 1) -> str:
    """A percentage that says 0 % and 100 % only when it is so; a line never breaks before the sign."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < SMALLEST_SHARE:
        return f"below {SMALLEST_SHARE}\u00a0%"
    if 100 - SMALLEST_SHARE < percent < 100:  # noqa: PLR2004 - that is what a percentage is of
        return f"above {100 - SMALLEST_SHARE}\u00a0%"
    return f"{percent:.1f}".removesuffix(".0") + "\u00a0%"


def clock(time: str) -> str:
    """An ISO time for people."""
    return re.sub(r"T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)$", r" \1 UTC", time)


def capital(name: str) -> str:
    """The name of a dimension or the description of a rule as the beginning of a heading or a sentence."""
    return (name[:1].upper() + name[1:]).replace("_", " ")
