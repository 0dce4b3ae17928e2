"""A workbook of Excel as Markdown text: a table a sheet, with its cells as a spreadsheet shows them."""

from datetime import datetime, time
from typing import Any, BinaryIO

import openpyxl

from asyncgen.scaffold.decode import Decoded
from asyncgen.scaffold.table import write_table
from asyncgen.text import name_some

_DIGITS = 15  # of a number that a spreadsheet knows: 0.1 + 0.2 is 0.3


def read_workbook(stream: BinaryIO) -> Decoded:
    """Hidden sheets, which nobody is meant to read, are left out and told."""
    book = openpyxl.load_workbook(stream, data_only=True)
    shown = [each for each in book.worksheets if each.sheet_state == "visible"]
    tables = [f"## {each.title}\n\n{table}" for each in shown if (table := write_table(_rows(each)))]
    hidden = [each.title for each in book.worksheets if each.sheet_state != "visible"]
    return Decoded("\n\n".join(tables), f"hides sheets, which are left out: {name_some(hidden)}" if hidden else "")


def _rows(sheet: Any) -> list[list[str]]:
    """What a merged cell shows stands in each of its rows."""
    repeated = {
        (row, merged.min_col): sheet.cell(merged.min_row, merged.min_col)
        for merged in sheet.merged_cells.ranges
        for row in range(merged.min_row, merged.max_row + 1)
    }
    return [[_shown(repeated.get((each.row, each.column), each)) for each in row] for row in sheet.iter_rows()]


def _shown(cell: Any) -> str:
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value)
    if isinstance(value, float | int) and not isinstance(value, bool):
        is_share = "%" in cell.number_format
        number = f"{value * 100 if is_share else value:.{_DIGITS}g}"
        return f"{number} %" if is_share else number
    return str(value)
