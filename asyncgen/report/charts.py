"""The data of charts: bars, histogram, heat-map and line. page/charts.html draws each, by its name.

What is measured in the data is here, what is measured in pixels is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

HEATS = 7  # steps of the scale in style.css
SMALLEST_SCALE = 1e-9
MOST_LABELS = 12  # under a histogram


@dataclass(frozen=True, slots=True)
class Bar:
    """`caption`: the value in words; `target`: where a mark says how long the bar was meant to be."""

    label: str
    value: float
    caption: str
    target: float | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar below each label, longest value (or target) the full width."""

    bars: Sequence[Bar]

    def percent(self, value: float) -> float:
        longest = max(max(each.value, each.target or 0) for each in self.bars)
        return 100 * value / longest if longest else 0


@dataclass(frozen=True, slots=True)
class Histogram:
    """A column for each (label, count), with the count above and the label below where there is room for it."""

    columns: Sequence[tuple[str, int]]

    @property
    def highest(self) -> int:
        return max([1, *(number for _, number in self.columns)])

    @property
    def labelled(self) -> int:
        """Every how many columns there is room for a label."""
        return ceil(len(self.columns) / MOST_LABELS)


@dataclass(frozen=True, slots=True)
class Cell:
    """`heat`: 0 to 1; `missing`: a meeting that was planned and did not come about."""

    value: int
    heat: float
    missing: bool = False

    @property
    def tone(self) -> str:
        return "is-error" if self.missing else f"heat-{min(HEATS - 1, floor(self.heat * HEATS))}"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A row of cells for each name; columns are lettered A, B, C, ..., for the key of the figure."""

    rows: Sequence[str]
    cells: Sequence[Sequence[Cell]]

    @property
    def columns(self) -> int:
        return max([1, *map(len, self.cells)])


@dataclass(frozen=True, slots=True)
class LineChart:
    """Values at equal steps over a filled area, from zero up; None leaves a gap. `ends`: what is first and last."""

    values: Sequence[float | None]
    ends: tuple[str, str]

    @property
    def ceiling(self) -> float:
        return nice_ceiling(max([0.0, *(each for each in self.values if each is not None)]))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Shares of the height, and the value there."""
        ticks = ((part, part * self.ceiling) for part in (1.0, 0.5, 0.0))
        return [
            (part, f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}")  # noqa: PLR2004
            for part, value in ticks
        ]

    @property
    def stretches(self) -> list[list[tuple[float, float]]]:
        """The points of each run of values without a gap, in a square of 1000."""
        step, ceiling = 1000 / max(len(self.values) - 1, 1), self.ceiling
        stretches: list[list[tuple[float, float]]] = [[]]
        for position, value in enumerate(self.values):
            if value is None:
                stretches.append([])
            else:
                stretches[-1].append((position * step, 1000 - 1000 * value / ceiling))
        return [  # a single point drawn out, because a line needs two ends to be seen
            points if len(points) > 1 else [(max(x - 2, 0.0), y), (min(x + 2, 1000.0), y)]
            for points in stretches
            for x, y in points[:1]
        ]


def letter(column: int) -> str:
    """A to Z, then AA, AB, ..., as in a spreadsheet and in CSS's upper-alpha."""
    name = ""
    while column >= 0:
        name = chr(ord("A") + column % 26) + name
        column = column // 26 - 1
    return name


def nice_ceiling(value: float) -> float:
    """The least of 1, 2, 4, 5, 8 and 10 times a power of ten that is not below the value; 1 for next to nothing."""
    if value < SMALLEST_SCALE:
        return 1.0
    power: float = 10.0 ** floor(log10(value))
    return next((step * power for step in (1, 2, 4, 5, 8) if value <= step * power), 10 * power)


def compact(number: int) -> str:
    """A count in four characters at most: 980, 9.8k, 98k, 1.2M."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"  # noqa: PLR2004
    return str(number)
