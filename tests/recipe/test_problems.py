import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asyncgen
from asyncgen.recipe.problems import Key, Problems, find_lines, write_key

ODD = (Path(__file__).parent / "odd.toml").read_text()


def keys_of(value: object, key: Key = ()) -> Iterator[Key]:
    yield key
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield from keys_of(each, (*key, name))


def test_every_key_and_item_has_its_line() -> None:
    lines = find_lines(ODD)
    assert lines == {
        ("name",): 2,
        ("a",): 3,
        ("a", "quoted.key"): 4,
        ("a", "dotted"): 5,
        ("a", "dotted", "inner"): 5,
        ("a", "dotted", "inner", "last"): 5,
        ("table",): 6,
        ("table", 0): 6,
        ("table", 0, "x"): 7,
        ("table", 0, "x", 0): 7,
        ("table", 0, "x", 1): 8,
        ("table", 0, "x", 1, 0): 8,
        ("table", 0, "x", 1, 1): 8,
        ("table", 0, "x", 2): 8,
        ("table", 0, "x", 2, "y"): 8,
        ("table", 0, "x", 2, "z"): 8,
        ("table", 0, "x", 2, "z", 0): 8,
        ("table", 0, "sub"): 10,
        ("table", 0, "sub", 0): 10,
        ("table", 0, "sub", 0, "text"): 11,
        ("table", 0, "sub", 1): 14,
        ("table", 0, "sub", 1, "raw"): 15,
        ("table", 0, "sub", 1, "time"): 17,
        ("table", 1): 18,
        ("table", 1, "deep", "er"): 19,
        ("table", 1, "deep", "er", "e"): 20,
    }
    assert set(keys_of(tomllib.loads(ODD))) - lines.keys() == {(), ("table", 1, "deep")}


def test_no_key_of_the_built_in_recipe_is_missed() -> None:
    toml = (Path(asyncgen.__file__).parent / "recipes" / "nanochat" / "recipe.toml").read_text(encoding="utf-8")
    assert set(keys_of(tomllib.loads(toml))) - find_lines(toml).keys() == {(), ("variables", "by")}  # never written


TABLES = st.recursive(
    st.sampled_from(["1", "'a]'", '"b\\"}"', "'''\n#\n'''", "2026-01-01", "[]", "{}"]),
    lambda value: (
        st.lists(value, min_size=1, max_size=3).map(lambda items: "[ # [\n" + ",\n".join(items) + ",\n]")
        | st.lists(value.filter(lambda each: "\n" not in each), min_size=1, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{place}.'x y' = {each}" for place, each in enumerate(items)) + "}"
        )
    ),
    max_leaves=8,
)


@given(st.lists(TABLES, min_size=1, max_size=4), st.sampled_from(["", "[a.'b.c']\n", "[[a]]\n[[a.b]]\n"]))
def test_no_value_hides_where_the_next_one_stands(values: list[str], header: str) -> None:
    toml = header + "\n".join(f"{chr(ord('p') + place)} = {value}" for place, value in enumerate(values))
    lines = find_lines(toml)
    assert set(keys_of(tomllib.loads(toml))) - lines.keys() <= {(), ("a",)}
    for place in range(len(values)):
        name = chr(ord("p") + place)
        (line,) = {line for key, line in lines.items() if key[-1] == name}
        assert toml.splitlines()[line - 1].startswith(f"{name} = ")


def test_nesting_that_cannot_be_followed_has_no_lines() -> None:
    assert find_lines("a = " + "[" * 5000) == {}


def test_a_key_is_written_as_a_person_would() -> None:
    assert write_key(("dimension", 1, "groups", "tools", 1, "weight")) == "dimension[1].groups.tools[1].weight"


@pytest.mark.parametrize(("key", "line"), [(("a", "b"), 2), (("a", "c"), 1), (("d",), 0), ((), 0)])
def test_what_is_not_there_stands_where_its_table_begins(key: Key, line: int) -> None:
    problems = Problems(Path("recipe.toml"))
    problems.toml = "[a]\nb = 1"
    problems.add(key, "wrong")
    assert problems.found[0].line == line


def test_problems_are_told_from_top_to_bottom_and_other_files_last() -> None:
    problems = Problems(Path("recipe.toml"))
    problems.toml = "[a]\nb = 1\nc = 2"
    problems.add(("a", "c"), "third", is_warning=True)
    problems.add_in(Path("a.md"), "fourth", 7)
    problems.add(("a", "b"), "second")
    problems.add((), "first")
    assert list(map(str, problems)) == [
        "recipe.toml: first",
        "recipe.toml:2: a.b: second",
        "recipe.toml:3: a.c: third",
        "a.md:7: fourth",
    ]
