"""Printed pages (.pdf) as text in which tables with lines are tables, and not one column after another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from asyncgen.scaffold.table import write_table

_LEAST = 2  # rows and columns: a frame around a paragraph is no table
_FILLED = 0.5  # of the cells: nor are the lines of a drawing
_LARGER = 1.2  # times as high are letters of a heading
_SLACK = 2.0  # points by which letters may stand over the lines around them


def read_printed(stream: BinaryIO) -> tuple[str, bool]:
    """Its pages, parted by form feeds, and whether any table has lines: other readers know more of those without."""
    import pdfplumber  # noqa: PLC0415 - an extra

    pages: list[str] = []
    has_tables = False
    with pdfplumber.open(stream, laparams={}) as printed:
        for page in printed.pages:
            tables = [each for each in page.find_tables() if _is_table(each)]
            has_tables |= bool(tables)
            pages.append("\n\n".join(in_order(page, tables)))
            page.close()
    return "\n\n\f".join(pages), has_tables


def _is_table(found: Any) -> bool:
    cells = [cell for row in found.extract() for cell in row]
    is_wide = len(found.rows) >= _LEAST and len(found.columns) >= _LEAST
    return is_wide and sum(bool(cell and cell.strip()) for cell in cells) >= _FILLED * len(cells)


def in_order(page: Any, tables: Sequence[Any]) -> Iterator[str]:
    """Paragraphs as they are read, column by column; each table behind the last paragraph above it."""
    boxes = [_box_of(each) for each in tables]
    places: dict[int, list[str]] = {}
    paragraphs: list[str] = []
    for paragraph in page.textboxhorizontals:
        lines = [each for each in page.textlinehorizontals if _is_within(each, paragraph)]
        paragraphs.append(_write_lines([each for each in lines if not any(_is_within(each, box) for box in boxes)]))
    for table, box in zip(tables, boxes, strict=True):
        above = [number for number, each in enumerate(page.textboxhorizontals) if _is_above(each, box)]
        rows = [[cell or "" for cell in row] for row in table.extract()]
        places.setdefault(max(above, default=-1), []).append(write_table(rows))
    for number, paragraph in enumerate(["", *paragraphs], -1):
        yield from [paragraph] if paragraph else []
        yield from places.get(number, [])


def _write_lines(lines: Sequence[Mapping[str, Any]]) -> str:
    """Where letters become larger or smaller, a heading ends or begins."""
    told = ""
    before = 0.0
    for each in lines:
        height = each["bottom"] - each["top"]
        is_like = before <= height * _LARGER and height <= before * _LARGER
        told += ("\n" if is_like else "\n\n") + each["text"].strip()
        before = height
    return told.strip()


def _box_of(table: Any) -> dict[str, float]:
    return dict(zip(("x0", "top", "x1", "bottom"), table.bbox, strict=True))


def _is_within(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    begins = bool(inner["x0"] >= outer["x0"] - _SLACK and inner["top"] >= outer["top"] - _SLACK)
    return begins and bool(inner["x1"] <= outer["x1"] + _SLACK and inner["bottom"] <= outer["bottom"] + _SLACK)


def _is_above(paragraph: Mapping[str, Any], table: Mapping[str, float]) -> bool:
    is_over = (paragraph["top"] + paragraph["bottom"]) / 2 <= table["top"]
    return bool(is_over and paragraph["x0"] < table["x1"] and paragraph["x1"] > table["x0"])
