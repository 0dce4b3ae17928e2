"""Charts are well-formed and say in words what they show."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.report.blocks import Figure
from asyncgen.report.charts import Bar, Bars, Cell, HeatMap, Histogram, LineChart, letter, nice_ceiling
from asyncgen.report.templates import templates

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script> & "quoted" ]]> \u202eback\u202c \x00 \u2028 \''

texts = st.text(max_size=40) | st.just(HOSTILE)
counts = st.integers(0, 10**9)
amounts = st.floats(0, 1e12)


def draw(chart: Bars | Histogram | HeatMap | LineChart, title: str = "", note: str = "") -> str:
    macros = templates.get_template("charts.html").module
    return str(getattr(macros, type(chart).__name__.lower())(Figure(title, note, chart)))


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def rects(svg: str, kind: str) -> list[ET.Element]:
    return [each for each in parse(svg).iter(f"{SVG}rect") if each.get("class", "").split()[0] == kind]


def words(svg: str) -> list[str]:
    return [each.text or "" for each in parse(svg).iter() if each.tag in {f"{SVG}text", f"{SVG}div"}]


@given(
    texts, texts, st.lists(st.builds(Bar, texts, amounts, texts, st.none() | amounts, st.sampled_from(["", "error"])))
)
def test_any_bars_are_well_formed_and_named(title: str, description: str, bars: list[Bar]) -> None:
    check_image(draw(Bars(bars), title, description), len(bars), "bar")


@given(texts, texts, st.lists(st.tuples(texts, counts), max_size=60))
def test_any_histogram_is_well_formed_and_named(title: str, description: str, columns: list[tuple[str, int]]) -> None:
    check_image(draw(Histogram(columns), title, description), len(columns), "bar")


@given(texts, st.lists(st.lists(st.builds(Cell, counts, st.floats(0, 1), st.booleans()), max_size=30), max_size=8))
def test_any_heat_map_is_well_formed_and_named(name: str, cells: list[list[Cell]]) -> None:
    svg = draw(HeatMap([name] * len(cells), cells), name, name)
    check_image(svg, sum(map(len, cells)), "cell")


@given(texts, st.lists(st.none() | amounts, max_size=200))
def test_any_line_is_well_formed_and_named(name: str, values: list[float | None]) -> None:
    check_image(draw(LineChart(values, (name, name)), name, name), 0, "bar")


def check_image(svg: str, expected: int, kind: str) -> None:
    image = parse(svg)
    assert image.get("role") == "img"
    assert image.get("aria-label")
    assert [child.tag for child in image][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert len(rects(svg, kind)) == expected
    assert not any("style" in each.attrib for each in image.iter())
    assert image.find(f".//{SVG}script") is None
    for rect in image.iter(f"{SVG}rect"):
        for length in ("x", "width"):
            if value := rect.get(length):
                assert -2 <= float(value.rstrip("%")) <= 100.01


def test_a_bar_is_as_long_as_its_share_of_the_longest() -> None:
    svg = draw(Bars([Bar("a", 10, "ten"), Bar("b", 5, "five"), Bar("c", 0, "none")]))
    assert [each.get("width") for each in rects(svg, "bar")] == ["100%", "50%", "0%"]
    assert words(svg) == ["a", "ten", "b", "five", "c", "none"]


def test_a_target_beyond_every_value_sets_the_scale() -> None:
    svg = draw(Bars([Bar("a", 5, "5 of 10", target=10)]))
    assert [each.get("width") for each in rects(svg, "bar")] == ["50%"]
    assert 'x="100%" y="19"' in svg


def test_a_bar_can_have_the_tone_of_a_severity() -> None:
    assert rects(draw(Bars([Bar("a", 1, "", tone="error")])), "bar")[0].get("class") == "bar is-error"


def test_many_columns_lose_their_counts_and_most_labels() -> None:
    svg = draw(Histogram([(str(number), 1) for number in range(48)]))
    assert words(svg) == [str(number) for number in range(0, 48, 4)]


def test_a_missing_pair_stands_out_from_a_rare_one() -> None:
    svg = draw(HeatMap(["row"], [[Cell(0, 0, missing=True), Cell(0, 0), Cell(7, 1.0)]]))
    assert [each.get("class") for each in rects(svg, "cell")] == ["cell is-error", "cell heat-0", "cell heat-6"]


def test_a_gap_parts_the_line() -> None:
    lines = list(parse(draw(LineChart([1, 2, None, 4], ("", "")))).iter(f"{SVG}polyline"))
    assert [each.get("points") for each in lines] == ["0,750 333.33,500", "998,0 1000,0"]


def test_large_counts_are_written_short_and_in_full() -> None:
    svg = draw(HeatMap(["row"], [[Cell(9_949, 1.0), Cell(12_345, 1.0), Cell(1_200_000, 1.0)]]))
    assert words(svg)[3:] == ["row", "9.9k", "12k", "1.2M"]
    assert "12,345" in svg


@each_row(("column", "expected"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")])
def test_columns_are_lettered_as_in_a_spreadsheet(column: int, expected: str) -> None:
    assert letter(column) == expected


@each_row(("value", "expected"), [(0, 1), (0.03, 0.04), (1, 1), (3, 4), (81, 100), (100, 100), (4_100, 5_000)])
def test_a_scale_ends_at_a_round_number(value: float, expected: float) -> None:
    assert nice_ceiling(value) == pytest.approx(expected)
