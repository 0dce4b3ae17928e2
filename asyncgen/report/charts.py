"""Charts as SVG text: bars, histogram, heat-map and line, each a pure function of its data.

Lengths along x are shares of the width and everything else is in pixels: so a chart fills any column, on a telephone
and on paper, and its letters keep their size. Colours are classes of style.css, never attributes, because they change
with the reader's light or dark. A chart is one image to a screen reader, named by its title and description; the
tables with its numbers are the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from asyncgen.report.markup import shorten, text

HEATS = 7  # steps of the scale in style.css
SMALLEST_SCALE = 1e-9
LONGEST_LABEL = 200  # characters

_BAR_PITCH = 38
_PLOT_HEIGHT = 150
_TOP = 20  # of a plot; room for a number above it
_BASE = _TOP + _PLOT_HEIGHT
_ROW_HEIGHT = 23
_GUTTER = 44.0  # percent of a heat-map's width for the names of its rows
_PRINTED_HEIGHT = 800  # what fits on a page with its title
_LINE = 21  # of text
_LABELS = 12  # under a histogram


@dataclass(frozen=True, slots=True)
class Bar:
    """`caption`: the value in words; `target`: where a mark says how long the bar was meant to be."""

    label: str
    value: float
    caption: str
    target: float | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """`heat`: 0 to 1; `missing`: a meeting that was planned and did not come about."""

    value: int
    heat: float
    missing: bool = False


def bar_chart(title: str, description: str, bars: Sequence[Bar]) -> str:
    """A bar below each label, longest value (or target) the full width."""
    longest = max([0.0, *(max(each.value, each.target or 0) for each in bars)])
    rows = [_bar(each, number * _BAR_PITCH, longest) for number, each in enumerate(bars)]
    return _image(title, description, len(bars) * _BAR_PITCH, rows)


def _bar(bar: Bar, top: int, longest: float) -> str:
    tone = f" is-{bar.tone}" if bar.tone else ""
    parts = [
        _label(bar.label, top, "74%"),
        f'<text class="value" x="100%" y="{top + 15}" text-anchor="end">{text(bar.caption)}</text>',
        f'<rect class="track" x="0" y="{top + 22}" width="100%" height="8" rx="2"/>',
        f'<rect class="bar{tone}" x="0" y="{top + 22}" width="{_percent(bar.value, longest)}" height="8" rx="2"/>',
    ]
    if bar.target is not None:
        parts.append(
            f'<svg x="{_percent(bar.target, longest)}" y="{top + 19}" overflow="visible">'
            '<rect class="target" x="-2" width="2" height="14"/></svg>'
        )
    return "".join(parts)


def histogram(title: str, description: str, counts: Sequence[tuple[str, int]]) -> str:
    """A column for each (label, count), with the count above where there is room for it."""
    highest = max([1, *(number for _, number in counts)])
    step = ceil(len(counts) / _LABELS)
    parts = [_grid(_BASE)]
    for position, (label, number) in enumerate(counts):
        height = _PLOT_HEIGHT * number / highest
        left, width = 100 * position / len(counts), 100 / len(counts)
        parts.append(
            f'<rect class="bar" x="{_number(left + 0.08 * width)}%" y="{_number(_BASE - height)}" '
            f'width="{_number(0.84 * width)}%" height="{_number(height)}">'
            f"<title>{text(label)}: {number:,}</title></rect>"
        )
        if len(counts) <= _LABELS:
            parts.append(_centred("value", left + width / 2, _BASE - height - 6, _compact(number)))
        if position % step == 0:
            parts.append(_centred("axis", left + width / 2, _BASE + 18, shorten(label, 12)))
    return _image(title, description, _BASE + 26, parts)


def heat_map(title: str, description: str, rows: Sequence[str], cells: Sequence[Sequence[Cell]]) -> str:
    """A row of cells for each name; columns are lettered A, B, C, ..., for the caller's key."""
    columns = max([1, *(len(each) for each in cells)])
    width = (100 - _GUTTER) / columns
    parts = [_centred("axis", _GUTTER + (column + 0.5) * width, 14, letter(column)) for column in range(columns)]
    for number, (name, row) in enumerate(zip(rows, cells, strict=True)):
        top = 22 + number * _ROW_HEIGHT
        parts.append(_label(name, top, f"{_GUTTER - 1}%"))
        parts += [_cell(cell, name, column, width, top) for column, cell in enumerate(row)]
    return _image(title, description, 22 + len(rows) * _ROW_HEIGHT, parts)


def _cell(cell: Cell, name: str, column: int, width: float, top: int) -> str:
    kind = "is-missing" if cell.missing else f"heat-{min(HEATS - 1, floor(cell.heat * HEATS))}"
    left = _GUTTER + column * width
    return (
        f'<rect class="cell {kind}" x="{_number(left)}%" y="{top}" width="{_number(width)}%" '
        f'height="{_ROW_HEIGHT}"><title>{text(name)}, {letter(column)}: {cell.value:,}</title></rect>'
    ) + _centred(f"cell-value {kind}", left + width / 2, top + 16, _compact(cell.value))


def line_chart(title: str, description: str, values: Sequence[float | None], ends: tuple[str, str]) -> str:
    """Values at equal steps over a filled area, from zero up; None leaves a gap. `ends`: what is first and last."""
    ceiling = nice_ceiling(max([0.0, *(each for each in values if each is not None)]))
    parts = []
    for part in (1.0, 0.5, 0.0):
        height = _BASE - part * _PLOT_HEIGHT
        parts.append(_grid(height))
        parts.append(f'<text class="axis" x="0" y="{_number(height - 5)}">{_tick(part * ceiling)}</text>')
    place = f'x="0" y="{_TOP}" width="100%" height="{_PLOT_HEIGHT}"'
    lines = "".join(_stretch(points) for points in _stretches(values, ceiling))
    parts.append(f'<svg {place} viewBox="0 0 1000 1000" preserveAspectRatio="none">{lines}</svg>')
    parts.append(f'<text class="axis" x="0" y="{_BASE + 18}">{text(ends[0])}</text>')
    parts.append(f'<text class="axis" x="100%" y="{_BASE + 18}" text-anchor="end">{text(ends[1])}</text>')
    return _image(title, description, _BASE + 26, parts)


def _stretches(values: Sequence[float | None], ceiling: float) -> list[list[tuple[float, float]]]:
    """The points of each run of values without a gap, in a square of 1000."""
    step = 1000 / max(len(values) - 1, 1)
    stretches: list[list[tuple[float, float]]] = [[]]
    for position, value in enumerate(values):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((position * step, 1000 - 1000 * value / ceiling))
    return [each for each in stretches if each]


def _stretch(points: list[tuple[float, float]]) -> str:
    if len(points) == 1:  # a line needs two ends to be seen
        points = [(max(points[0][0] - 2, 0), points[0][1]), (min(points[0][0] + 2, 1000), points[0][1])]
    line = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    first, last = _number(points[0][0]), _number(points[-1][0])
    return (
        f'<polygon class="area" points="{first},1000 {line} {last},1000"/>'
        f'<polyline class="line" points="{line}" vector-effect="non-scaling-stroke"/>'
    )


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


def _image(title: str, description: str, height: float, parts: Sequence[str]) -> str:
    kind = " is-tall" if height > _PRINTED_HEIGHT else ""
    return (
        f'<svg class="chart{kind}" role="img" aria-label="{text(f"{title}. {description}")}" width="100%" '
        f'height="{_number(height)}"><title>{text(title)}</title><desc>{text(description)}</desc>\n'
        + "\n".join(parts)
        + "</svg>"
    )


def _label(label: str, top: int, width: str) -> str:
    """As HTML inside the image, because SVG has no ellipsis for what does not fit."""
    words = text(shorten(label, LONGEST_LABEL))
    return (
        f'<foreignObject x="0" y="{top}" width="{width}" height="{_LINE}">'
        f'<div class="label" dir="auto" title="{text(label)}">{words}</div></foreignObject>'
    )


def _centred(kind: str, middle: float, base: float, words: str) -> str:
    return f'<text class="{kind}" x="{_number(middle)}%" y="{_number(base)}" text-anchor="middle">{text(words)}</text>'


def _grid(height: float) -> str:
    return f'<line class="grid" x1="0" x2="100%" y1="{_number(height)}" y2="{_number(height)}"/>'


def _percent(value: float, whole: float) -> str:
    return f"{_number(100 * value / whole if whole else 0)}%"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _compact(number: int) -> str:
    """A count in four characters at most: 980, 9.8k, 98k, 1.2M."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"  # noqa: PLR2004
    return str(number)


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"  # noqa: PLR2004
