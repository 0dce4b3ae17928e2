import re
from collections.abc import Callable
from pathlib import Path

import pytest

from asyncgen.errors import ConfigError
from asyncgen.recipe.load import load_recipe, read_recipe

RECIPE = """\
name = "model"
knowledge = "knowledge.md"
[variables]
depth = 24
hours = 3.0
trained_by = ""
[variables.by.depth]
12 = {width = 768, size = "286 million"}
24 = {width = 1536, size = "1.38 billion"}
[request]
model = "some/model"
[prompt]
user = "user.md"
[[dimension]]
name = "facts"
statements = "statements.md"
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*edits: tuple[str, str]) -> Path:
        toml = RECIPE
        for old, new in edits:
            toml = toml.replace(old, new)
        (tmp_path / "recipe.toml").write_text(toml)
        (tmp_path / "knowledge.md").write_text("Depth {depth}, {size}, {hours} h.\nBy {trained_by}.\n{depths} {json}")
        (tmp_path / "user.md").write_text("{knowledge}\nwidth {width}\nby {trained_by}\n{facts}")
        (tmp_path / "statements.md").write_text("- Depth is {depth}.\n- By {trained_by}.")
        return tmp_path

    return write


def test_variables_are_filled_in_and_a_line_without_its_value_goes(write: Write) -> None:
    recipe = load_recipe(str(write()))
    assert recipe.knowledge == "Depth 24, 1.38 billion, 3 h.\n{depths} {json}"
    assert recipe.user == "{knowledge}\nwidth 1536\n{facts}"
    assert recipe.dimensions[0].groups[0].values == ("Depth is 24.",)


def test_what_is_set_is_another_recipe_with_what_follows_from_it(write: Write) -> None:
    folder = str(write())
    plain, deep = load_recipe(folder), load_recipe(folder, variables={"depth": "12", "trained_by": "Ann"})
    assert deep.knowledge == "Depth 12, 286 million, 3 h.\nBy Ann.\n{depths} {json}"
    assert deep.dimensions[0].groups[0].values == ("Depth is 12.", "By Ann.")
    assert plain.digests() != deep.digests()
    assert deep.variables["size"] == "286 million"


def test_for_a_value_without_a_row_all_that_follows_may_be_set(write: Write) -> None:
    recipe = load_recipe(str(write()), variables={"depth": "13", "width": "832", "size": "330 million"})
    assert recipe.knowledge.startswith("Depth 13, 330 million")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"trained_by": "{knowledge}"}, "--set trained_by={knowledge}: expected words without a placeholder"),
        (
            {"depth": "13"},
            "recipe.toml:7: variables.by.depth: expected one of 12, 24, got '13'; .*--set width=... --set size",
        ),
        ({"dept": "12"}, "--set dept=12: unknown variable, expected one of depth, hours.*did you mean depth"),
    ],
)
def test_what_cannot_be_set_is_told_with_what_can(write: Write, variables: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_recipe(str(write()), variables=variables)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("trained_by = ", "knowledge = "), "variables.knowledge: expected a name"),
        (("trained_by = ", '"a b" = '), "variables.a b: expected a name"),
        (("depth = 24", "deep = 24"), "variables.by.depth: expected a variable"),
        (("trained_by = ", "facts = "), "variables.facts: expected another name, a dimension is called so"),
        (("hours = 3.0", "hours = [3]"), "variables.hours: expected"),
    ],
)
def test_what_is_wrong_with_the_variables_of_a_recipe_is_told(write: Write, edit: tuple[str, str], told: str) -> None:
    recipe, problems = read_recipe(str(write(edit)))
    assert recipe is None
    assert [True for each in problems if re.search(re.escape(told), str(each))], [str(each) for each in problems]
