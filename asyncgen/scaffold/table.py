"""Rows of cells as a table of Markdown."""

from collections.abc import Sequence


def write_table(rows: Sequence[Sequence[str]]) -> str:
    """The first row that is not blank is the head; blank rows and columns are left out. All rows have as many cells."""
    told = [[" ".join(each.split()).replace("|", "\\|") for each in row] for row in rows]
    filled = [row for row in told if any(row)]
    columns = [number for number in range(len(filled[0])) if any(row[number] for row in filled)] if filled else []
    lines = [f"| {' | '.join(row[each] for each in columns)} |" for row in filled]
    return "\n".join([*lines[:1], f"| {' | '.join('---' for _ in columns)} |", *lines[1:]]) if lines else ""
