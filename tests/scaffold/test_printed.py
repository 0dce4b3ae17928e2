from types import SimpleNamespace

import pytest

from asyncgen.scaffold.printed import in_order
from asyncgen.scaffold.table import write_table

TABLE = [["Part", "Price"], ["Tyre", "30"]]
WRITTEN = "| Part | Price |\n| --- | --- |\n| Tyre | 30 |"


def letters(text: str, x0: float, top: float) -> dict[str, object]:
    return {"text": f"{text}\n", "x0": x0, "top": top, "x1": x0 + 100, "bottom": top + 10}


@pytest.mark.parametrize(
    ("places", "read"),
    [
        ([("Above", 50, 80), ("Part Price", 50, 101), ("Tyre 30", 50, 121), ("Below", 50, 160)], ["Above", 0, "Below"]),
        ([("Part Price", 50, 101), ("Tyre 30", 50, 121), ("Below", 50, 160)], [0, "Below"]),
        # The reader of the page has put the second column first.
        ([("Right", 300, 80), ("Above", 50, 80), ("Tyre 30", 50, 121)], ["Right", "Above", 0]),
        ([("Above", 50, 80), ("Tyre 30", 50, 121), ("Right", 300, 50)], ["Above", 0, "Right"]),
    ],
)
def test_a_table_stands_behind_what_is_above_it_and_its_letters_stand_there_alone(
    places: list[tuple[str, float, float]], read: list[str | int]
) -> None:
    boxes = [letters(*each) for each in places]
    page = SimpleNamespace(textboxhorizontals=boxes, textlinehorizontals=boxes)
    table = SimpleNamespace(bbox=(48, 100, 200, 140), extract=lambda: TABLE)
    assert [*in_order(page, [table])] == [WRITTEN if each == 0 else each for each in read]


def test_a_line_that_was_put_together_with_letters_of_a_table_stays() -> None:
    lines = [letters("Tyre 30", 50, 121), letters("Below", 50, 145)]
    box = {"text": "Tyre 30\nBelow\n", "x0": 50, "top": 121, "x1": 150, "bottom": 155}
    page = SimpleNamespace(textboxhorizontals=[box], textlinehorizontals=lines)
    table = SimpleNamespace(bbox=(48, 100, 200, 140), extract=lambda: TABLE)
    assert [*in_order(page, [table])] == [WRITTEN, "Below"]


def test_larger_letters_are_a_paragraph_of_their_own() -> None:
    lines = [letters("Chapter 1", 50, 20), letters("Text goes", 50, 45), letters("on.", 50, 60)]
    lines[0]["bottom"] = 38.0
    box = {"text": "", "x0": 50, "top": 20, "x1": 150, "bottom": 70}
    page = SimpleNamespace(textboxhorizontals=[box], textlinehorizontals=lines)
    assert [*in_order(page, [])] == ["Chapter 1\n\nText goes\non."]


@pytest.mark.parametrize(
    ("rows", "written"),
    [
        ([], ""),
        ([["", " "]], ""),
        ([["a", ""], ["", ""], ["b|c\nd", " "]], "| a |\n| --- |\n| b\\|c d |"),
    ],
)
def test_blank_rows_and_columns_are_left_out_and_a_cell_stands_in_one_line(rows: list[list[str]], written: str) -> None:
    assert write_table(rows) == written
