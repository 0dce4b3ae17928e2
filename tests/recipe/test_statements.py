import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.recipe.load import load_recipe, read_recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.recipe.statements import Statement, read_statements

RECIPE = """\
name = "shop"
knowledge = "knowledge.md"
[request]
model = "some/model"
[prompt]
user = "user.md"
[[dimension]]
name = "facts"
statements = "statements.md"
pick = 3
"""
SECTIONS = {
    "money": [("A repair costs 20 euros.", 10), ("A tyre costs 30 euros.", 1), ("A bell costs 5 euros.", 1)],
    "people": [("Ann runs the shop.", 5), ("Bo repairs wheels.", 2)],
    "hours": [(f"Rule {number} of the hours.", 1) for number in range(7)],
    "place": [("It is in Bremen.", 3)],
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(statements: str, recipe: str = RECIPE) -> Path:
        (tmp_path / "recipe.toml").write_text(recipe)
        (tmp_path / "knowledge.md").write_text("A shop.")
        (tmp_path / "user.md").write_text("{knowledge} {facts}")
        (tmp_path / "statements.md").write_text(statements)
        return tmp_path

    return write


def written(sections: dict[str, list[tuple[str, int]]]) -> str:
    return "\n\n".join(
        f"## {name}\n\n" + "\n".join(f"- [{weight}] {text}" for text, weight in each) for name, each in sections.items()
    )


def test_headings_make_sections_dashes_statements_and_the_rest_is_for_people() -> None:
    text = "# Facts\n\n## Money\n- [10] A repair\n  costs 20.\n<!-- - not\n- this -->\n* Bells.\n\nprose\n- [x] y\n"
    assert list(read_statements(text)) == [
        Statement("Money", "A repair costs 20.", "10", 4, 5),
        Statement("Money", "Bells.", None, 8, 8),
        Statement("Money", "y", "x", 11, 11),
    ]


@given(st.text())
def test_any_text_is_read_and_no_statement_is_blank(text: str) -> None:
    assert all(each.text.strip() for each in read_statements(text))


@pytest.mark.parametrize("sampling", ["balanced", "random"])
@pytest.mark.parametrize("seed", [None, 7])
def test_a_scenario_names_statements_of_different_sections_as_often_as_they_weigh(
    write: Write, sampling: str, seed: int | None
) -> None:
    sections = {
        f"{name} {part}": [(f"{text} {part}", weight) for text, weight in each]
        for part in range(5)
        for name, each in SECTIONS.items()
    }
    recipe = load_recipe(str(write(written(sections))))
    scenarios = Scenarios(recipe.dimensions, sampling="balanced" if sampling == "balanced" else "random", seed=seed)
    num = 3000
    told: Counter[str] = Counter()
    for index in range(num):
        drawn = scenarios.draw_values(index)["facts"]
        assert len({section for section, _ in drawn}) == 3
        told.update(value for _, value in drawn)
    whole = sum(weight for each in sections.values() for _, weight in each)
    slack = 0.1 if sampling == "balanced" else 0.45  # what unequal parts and chance may do
    for text, weight in (each for section in sections.values() for each in section):
        assert told[text] == pytest.approx(3 * num * weight / whole, rel=slack), text


@each_row(
    ("sections", "fewest"),
    [
        ({"must": [("A.", 10)], "more": [("B.", 6)], "rest": [("C.", 1)]}, 300),
        ({"must": [("A.", 10), ("B.", 1)], "more": [("C.", 5), ("D.", 1)], "rest": [("E.", 1)]}, 272),
        ({"must": [("A.", 5)], "more": [("B.", 3)], "rest": [("C.", 2)]}, 300),
    ],
)
def test_a_section_of_its_share_of_all_is_in_every_conversation_and_its_statements_take_turns(
    write: Write, sections: dict[str, list[tuple[str, int]]], fewest: int
) -> None:
    recipe = load_recipe(str(write(written(sections), RECIPE.replace("pick = 3", "pick = 2"))))
    scenarios = Scenarios(recipe.dimensions, sampling="balanced", seed=None)
    drawn = [scenarios.draw_values(index)["facts"] for index in range(300)]
    assert all("must" in {section for section, _ in each} for each in drawn)
    told = sum("A." in {value for _, value in each} for each in drawn)
    assert fewest <= told <= fewest + 2


def test_the_same_statements_are_drawn_in_any_order_of_indices(write: Write) -> None:
    recipe = load_recipe(str(write(written(SECTIONS))))
    forwards = Scenarios(recipe.dimensions, sampling="balanced", seed=None)
    backwards = Scenarios(recipe.dimensions, sampling="balanced", seed=None)
    indices = range(0, 9000, 700)
    assert [forwards.draw(each) for each in indices] == [backwards.draw(each) for each in reversed(indices)][::-1]


@each_row(
    ("statements", "told"),
    [
        (
            "nothing but prose",
            r"statements\.md: dimension\[0\]\.statements: expected statements, lines that begin with a",
        ),
        (
            "## a\n- one\n## b\n- two\n",
            r"recipe\.toml:10: .*pick: expected at most 2, as many as there are sections, got 3",
        ),
        ("## a\n- [0] one\n", r"statements\.md:2: expected a weight above 0 in \[ \], got '0'"),
        ("## a\n- [ten] one\n", r"statements\.md:2: expected a weight above 0 in \[ \], got 'ten'"),
        ("## a\n- [inf] one\n", r"statements\.md:2: expected a weight above 0 in \[ \], got 'inf'"),
        ("## a\n- one\n## b\n- one\n", r"statements\.md:4: 'one' is there twice, expected a weight instead"),
        ("", r"statements\.md: dimension\[0\]\.statements is empty"),
    ],
)
def test_what_is_wrong_with_a_file_of_statements_is_told_with_its_line(
    write: Write, statements: str, told: str
) -> None:
    recipe, problems = read_recipe(str(write(statements)))
    assert recipe is None
    assert [True for each in problems if re.search(told, str(each))], [str(each) for each in problems]
