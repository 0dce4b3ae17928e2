import pytest

from asyncgen.scaffold.running_lines import without_running_lines


def left(*pages: str) -> list[list[str]]:
    return [[line for line in page.split("\n") if line] for page in without_running_lines(pages)]


@pytest.mark.parametrize(
    "foot",
    ["Page {}", "{}", "- {} -", "Seite {} von 9", "Page {} of 9", "Rosenhof | page {}", "{} / 9"],
)
def test_what_numbers_pages_is_left_out_and_a_head_that_comes_again_stays_once(foot: str) -> None:
    pages = [
        f"Leaflet 2026\n\nText {number}.\nMore.\nAnd more {number}.\n\n{foot.format(number)}" for number in range(1, 6)
    ]
    assert left(*pages) == [
        ["Leaflet 2026", "Text 1.", "More.", "And more 1."],
        *[[f"Text {number}.", "More.", f"And more {number}."] for number in range(2, 6)],
    ]


@pytest.mark.parametrize(
    "pages",
    [
        [f"Lesson {number}\n\nText {number}.\nAnd so on {number}." for number in range(9)],
        [f"Text {number}.\nMore {number}.\nprice\n\n{number * 5}" for number in range(9)],
        [f"{number} of them\nText {number}.\nMore {number}." for number in range(9)],
        [f"Text {number}.\nTrue.\nb{number}\nSo.\nEnd {number}." for number in range(9)],
        [f"| Part | Price |\n| --- | --- |\n| Tyre {number} | 30 |" for number in range(9)],
        ["Head\nText.\nMore.", "Head\na\nb", "c\nd", "e\nf"],
    ],
    ids=[
        "numbered headings",
        "figures that do not count pages",
        "counts",
        "within a page",
        "tables",
        "on half of the pages",
    ],
)
def test_what_belongs_to_a_text_stays(pages: list[str]) -> None:
    assert left(*pages) == [
        page.split("\n") if "\n\n" not in page else [*filter(None, page.split("\n"))] for page in pages
    ]
