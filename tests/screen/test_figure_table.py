from io import StringIO

import pytest
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from asyncgen.screen.figure_table import FigureTable

ROWS = [
    ("together", "300", "1,016,500", "$0.8579", "about 44s at 10 s a call"),
    ("turn by turn", "1,200", "31,315,200", "$1.10", "1 batch: 24 h at most"),
]


def shown(width: int) -> str:
    table = FigureTable("way", "calls", "input", "warm cache", "time", texts={"way", "time"})
    for way, *others in ROWS:
        table.add_row(Text(way), *others)
    console = Console(file=StringIO(), width=width, markup=False)
    console.print(Panel(Group(table)))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", range(18, 100))
def test_no_figure_is_cut_at_any_width(width: int) -> None:
    text = shown(width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    words = text.replace("│", " ").replace(",\n", "\n").split()
    told = {word.rstrip(",") for word in words}
    assert told >= {"300", "1,200", "1,016,500", "31,315,200", "$0.8579", "$1.10", "44s", "24"}


def test_texts_fold_first_then_headings_and_a_table_without_room_is_told_row_by_row() -> None:
    rows = {width: [line.strip("│ ") for line in shown(width).splitlines()[1:-1]] for width in (100, 60, 50, 48)}
    assert rows[100][0] == "way           calls       input  warm cache  time"
    assert rows[60][:2] == [rows[100][0], "together        300   1,016,500     $0.8579  about 44s"]
    assert [each.split() for each in rows[50][:2]] == [["warm"], ["way", "calls", "input", "cache", "time"]]
    assert rows[48][:2] == ["together", "calls 300, input 1,016,500, warm cache"]
