"""Many indices in few characters, as `0-4999,5003,5010-5012`, in rising order: what a batch holds, in one entry."""

import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise

_WHOLE = re.compile(r"(?:\d{1,10}(?:-\d{1,10})?(?:,(?!$)|$))*")
MOST = 100_000_000  # in one text; more is damage, which must not fill the memory


def write_indices(indices: Iterable[int]) -> str:
    """Of rising indices, each once."""
    parts: list[str] = []
    first = last = None
    for index in indices:
        if last is None or index != last + 1:
            if first is not None:
                parts.append(_part(first, last))
            first = index
        last = index
    return ",".join(parts if first is None else [*parts, _part(first, last)])


def write_by(pairs: Iterable[tuple[int, int]]) -> dict[int, str]:
    """Indices by the number that is said of them, of pairs in the order of indices; those with a 0 are left out."""
    by: dict[int, list[int]] = {}
    for number, index in pairs:
        if number:
            by.setdefault(number, []).append(index)
    return {number: write_indices(indices) for number, indices in sorted(by.items())}


def _part(first: int, last: int | None) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def read_indices(text: str) -> "array[int]":
    """Four bytes each; the text has been checked."""
    indices = array("i")
    for first, last in _ranges(text):
        indices.extend(range(first, last + 1))
    return indices


def check_indices(*texts: str) -> None:
    """Raises ValueError for what `write_indices` does not write."""
    for text in texts:
        if not _WHOLE.fullmatch(text):
            raise ValueError("not indices")
        ranges = [*_ranges(text)]
        is_rising = all(before[1] < after[0] for before, after in pairwise(ranges))
        if not is_rising or any(last < first for first, last in ranges):
            raise ValueError("not in order")
        if ranges and (ranges[-1][1] >= 2**31 or sum(last - first + 1 for first, last in ranges) > MOST):
            raise ValueError("too many indices")


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        yield int(first), int(last or first)
