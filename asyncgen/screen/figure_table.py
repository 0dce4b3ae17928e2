"""A table of texts and figures that cuts no figure, however narrow the terminal is.

The texts fold; where that is not enough, so do headings; and where not even that is, each row becomes a paragraph
below its name.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2  # columns behind each cell
MOST_UNFOLDED = 16  # columns of a word; a longer one, as in a name, is folded rather than the table given up

Row: TypeAlias = Sequence[Text]


class FigureTable:
    """`texts`: headings of what may fold and stands on the left; all other columns hold figures."""

    def __init__(self, *headings: str, texts: Collection[str]) -> None:
        self._headings = [Text(each) for each in headings]
        self._is_text = [each in texts for each in headings]
        self._rows: list[Row] = []

    def add_row(self, *cells: str | Text) -> None:
        self._rows.append([each if isinstance(each, Text) else Text(each) for each in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        folded = [each if is_text else Text(each.plain.replace(" ", "\n")) for each, is_text in self._columns()]
        for headings in (self._headings, folded):
            if widths := self._find_widths([headings, *self._rows], console, options):
                table = Table(box=None, padding=(0, GAP, 0, 0))
                for (_, is_text), heading, width in zip(self._columns(), headings, widths, strict=True):
                    table.add_column(heading, width=width, overflow="fold", justify="left" if is_text else "right")
                for row in self._rows:
                    table.add_row(*row)
                yield table
                return
        for first, *others in self._rows:
            yield first
            told = (
                Text(f"{heading} {cell.plain.strip()}")
                for heading, cell in zip(self._headings[1:], others, strict=True)
            )
            yield Padding(Text(", ").join(told), (0, 0, 0, GAP))

    def _columns(self) -> Iterator[tuple[Text, bool]]:
        return zip(self._headings, self._is_text, strict=True)

    def _find_widths(self, rows: Sequence[Row], console: Console, options: ConsoleOptions) -> list[int] | None:
        """Of all columns: figures have what they need, then texts, from left to right, as much as is there."""
        needed, widths = [], []
        for column, is_text in zip(zip(*rows, strict=True), self._is_text, strict=True):
            sizes = [each.__rich_measure__(console, options) for each in column]
            needed.append(max(each.maximum for each in sizes))
            words = max(each.minimum for each in sizes)
            widths.append(min(words, MOST_UNFOLDED) if is_text else needed[-1])
        spare = options.max_width - sum(widths) - GAP * len(widths)
        if spare < 0:
            return None
        for place, most in enumerate(needed):
            more = min(spare, most - widths[place])
            widths[place] += more
            spare -= more
        return widths
