import pytest

from asyncgen.scaffold.page import page_as_markdown

NOTES = '<ol><li id="footnote-2"><p>Roses <i>only</i> half. <a href="#footnote-ref-2">\u2191</a></p></li></ol>'


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ("<tr><td>a<td>b<tr><td rowspan=2>c<td>d<tr><td>e", ["a | b", "c | d", "c | e"]),
        ("<tr><th rowspan=2>a<th colspan=2>b<tr><th>c<th>d", ["a | b |", "a | c | d"]),
        ("<tr><td rowspan=2 colspan=2>a<td>b<tr><td>c", ["a | | b", "a | | c"]),
        ("<tr><td>a<td rowspan=3>b<tr><td>c<tr><td>d<tr><td>e<td>f", ["a | b", "c | b", "d | b", "e | f"]),
        ("<tr><td>a<td rowspan=x>b<tr><td rowspan=9>c", ["a | b", "c"]),
        ("<tr><td>a<td rowspan=3>b<tr><tr><td>c<tr><td>d<td>e", ["a | b", "", "c | b", "d | e"]),
    ],
)
def test_a_cell_that_spans_rows_stands_in_each_so_that_none_slides_into_its_column(rows: str, read: list[str]) -> None:
    lines = page_as_markdown(f"<table>{rows}</table>").splitlines()
    assert [each.strip("| ") for each in lines if "---" not in each] == [each.strip("| ") for each in read]


def test_a_table_in_a_cell_keeps_its_own_rows() -> None:
    page = page_as_markdown("<table><tr><td rowspan=2>a<td><table><tr><td>b<tr><td>c</table><tr><td>d</table>")
    assert page.count("a") == 2
    assert page.count("b") == page.count("c") == page.count("d") == 1


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("<details><summary>Do you ship?</summary>Yes.</details>", "Do you ship?\n\nYes."),
        ("<fieldset><legend>Hours</legend>At six.</fieldset>", "Hours\n\nAt six."),
        ("<address>Elm Street</address>Call us.", "Elm Street\n\nCall us."),
        ("<p>Size <select><option>S<option>M</select>", "Size"),
        ("<p>10<sup>3</sup> m<sup>2</sup>, 10<sup>-6</sup>, the 1<sup>st</sup>", "10³ m², 10⁻⁶, the 1st"),
        ('<p>Begun in 2025<sup><a href="#cite-1">[1]</a></sup>.', "Begun in 2025."),
        (
            f'<p>A year<sup><a href="#footnote-2" id="footnote-ref-2">[1]</a></sup>.{NOTES}',
            "A year (Roses only half.).",
        ),
    ],
)
def test_words_stay_apart_raised_or_beside_what_they_belong_to(html: str, read: str) -> None:
    assert page_as_markdown(html) == read
