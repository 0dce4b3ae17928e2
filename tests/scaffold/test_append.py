"""What is appended to the files of a recipe, and that nothing else of them changes."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.errors import ConfigError
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.statements import read_statements
from asyncgen.scaffold.append import append, append_items, append_statements
from asyncgen.scaffold.recipe import quote

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES = ("dimension", 0, "values")


def written(toml: str, *items: str) -> str:
    return append_items(f"[[dimension]]\n{toml}\n", VALUES, [quote(each) for each in items]).removeprefix(
        "[[dimension]]\n"
    )


@each_row(
    ("before", "after"),
    [
        ('values = ["a"]', 'values = ["a",\n    "b",\n    "c",\n]\n'),
        ('values = ["a", ]  # two', 'values = ["a",\n    "b",\n    "c",\n]  # two\n'),
        ('values = [\n  "a",  # one\n  # last\n]', 'values = [\n  "a",  # one\n  # last\n  "b",\n  "c",\n]\n'),
        ('values = [\n\t"a" # ]\n  ]', 'values = [\n\t"a", # ]\n\t"b",\n\t"c",\n  ]\n'),
        ('values = [\n    "a"]', 'values = [\n    "a",\n    "b",\n    "c",\n    ]\n'),
        (
            'values = [{value = "a", only_with = {x = ["y"]}}]',
            'values = [{value = "a", only_with = {x = ["y"]}},\n    "b",\n    "c",\n]\n',
        ),
        ('values = ["a"]\r\nname = "x"\r', 'values = ["a",\r\n    "b",\r\n    "c",\r\n]\r\nname = "x"\r\n'),
    ],
)
def test_a_list_goes_on_as_it_has_begun_with_every_remark_in_its_place(before: str, after: str) -> None:
    assert written(before, "b", "c") == after


LAYOUT = st.lists(st.sampled_from(["", " ", "\n", " # ]\n", "\n\n    ", "\t"]), min_size=3, max_size=3)


@given(st.lists(TEXT, min_size=1, max_size=4), st.lists(TEXT, min_size=1, max_size=3), LAYOUT, st.booleans())
def test_any_list_has_its_items_and_the_new_ones(old: list[str], new: list[str], layout: list[str], last: bool) -> None:  # noqa: FBT001
    first, between, end = layout
    items = f",{between}".join(map(quote, old)) + "," * last
    toml = f'name = "x"\n[[dimension]]\nvalues = [{first}{items}{end}]\n[dimension.groups]\n"a.b" = []\n'
    changed = append_items(toml, VALUES, list(map(quote, new)))
    expected = tomllib.loads(toml)
    expected["dimension"][0]["values"] += new
    assert tomllib.loads(changed) == expected
    kept = iter(changed)
    assert all(each in kept for each in toml if not each.isspace())  # nothing is taken away or moved


def test_statements_go_behind_the_last_one_of_their_section() -> None:
    text = "## A\n- one\n  goes on <!-- a\nremark -->\nprose\n\n## B\n- two\n## A\n- three"
    assert append_statements(text, "B", ["new"]).splitlines()[7:9] == ["- two", "- new"]
    assert append_statements(text, "A", ["new"]).endswith("- three\n- new")
    once = append_statements(text.rpartition("\n## A")[0], "A", ["new"])
    assert once.splitlines()[1:6] == ["- one", "  goes on <!-- a", "remark -->", "- new", "prose"]
    assert append_statements("## A\r\n- one", "A", ["new"]) == "## A\r\n- one\r\n- new"
    assert append_statements("## A\n- one\n\r\n", "A", ["new"]) == "## A\n- one\n- new\n\r\n"
    assert "- two\r\n- new\r\n" in append_statements(text.replace("\n", "\r\n"), "B", ["new"])


LINE = st.sampled_from(["## A", "## B", "- x", "* y", "  more", "prose", "", "<!-- r", "-->", "- [2] z <!-- q -->"])


@given(st.lists(LINE, max_size=12), st.booleans())
def test_any_file_of_statements_has_its_statements_and_the_new_one(lines: list[str], ends: bool) -> None:  # noqa: FBT001
    text = "\n".join(lines) + "\n" * ends
    before = [(each.section, each.text) for each in read_statements(text)]
    for section in {section for section, _ in before}:
        after = [(each.section, each.text) for each in read_statements(append_statements(text, section, ["new"]))]
        place = len(after) - after[::-1].index((section, "new")) - 1
        assert after[:place] + after[place + 1 :] == before


RECIPE = """\
name = "shop"
knowledge = "k.md"
[request]
model = "m"
[prompt]
user = "u.md"
[[dimension]]
name = "persona"
{values}
"""
FILES = {
    "lines.txt": (b"a child\nan expert", b"a child\nan expert\nnew, one\n"),
    "marked.txt": (b"\xef\xbb\xbfa child\r\nan expert", b"\xef\xbb\xbfa child\r\nan expert\r\nnew, one\r\n"),
    "mixed.txt": (b"a child\r\na\nb\n", b"a child\r\na\nb\nnew, one\n"),
    "alone.txt": (b"a child", b"a child\nnew, one\n"),
    "marked.csv": (b"\xef\xbb\xbfwho\r\n'a child'", b"\xef\xbb\xbfwho\r\n'a child'\r\n\"new, one\"\r\n"),
    "marked.jsonl": (b'{"who": "a"}\r\n{"who": "b"}', b'{"who": "a"}\r\n{"who": "b"}\r\n{"who":"new, one"}\r\n'),
    "lines.csv": (b"id;who\r\n1;a child\r\n", b"id;who\r\n1;a child\r\n;new, one\r\n"),
    "comma.csv": (b"who,id\na child,1", b'who,id\na child,1\n"new, one",\n'),
    "texts.jsonl": (b'"a child"\n', b'"a child"\n"new, one"\n'),
    "objects.jsonl": (b'{"who": "a child", "id": 1}\n', b'{"who": "a child", "id": 1}\n{"who":"new, one"}\n'),
}


def make(values: str) -> Path:
    Path("u.md").write_text("{persona} {knowledge}")
    Path("k.md").write_text("Some.")
    Path("recipe.toml").write_text(RECIPE.replace("{values}", values))
    return Path("recipe.toml")


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_values_has_a_further_record_of_its_own_kind(name: str) -> None:
    before, after = FILES[name]
    Path(name).write_bytes(before)
    field = '\nfield = "who"' if b"who" in before else ""
    append(make(f'from = "{name}"{field}'), "persona", [("", ["new, one"], None)])
    assert Path(name).read_bytes() == after
    (dimension,) = load_recipe("recipe.toml").dimensions
    assert list(dimension.groups[0].values)[-1] == "new, one"


def test_a_link_stays_one_and_a_byte_order_mark_and_rights_stay_too() -> None:
    make('values = ["a"]').rename("real.toml")
    real = Path("real.toml")
    real.write_bytes(b"\xef\xbb\xbf" + real.read_bytes())
    real.chmod(0o640)
    Path("recipe.toml").symlink_to("real.toml")
    assert append(Path("recipe.toml"), "persona", [("", ["b"], None)]) == [real.resolve()]
    assert Path("recipe.toml").is_symlink()
    assert real.read_bytes().startswith(b"\xef\xbb\xbfname")
    assert real.stat().st_mode & 0o777 == 0o640
    assert load_recipe("recipe.toml").dimensions[0].size == 2


def test_what_would_be_no_recipe_is_not_written() -> None:
    toml = make('values = ["a"]')
    before = toml.read_bytes()
    with pytest.raises(ConfigError, match=re.escape("nothing was written, since it would be no recipe")):
        append(toml, "persona", [("", ["a"], None)])
    with pytest.raises(ConfigError, match="there is no group 'gone' of persona"):
        append(toml, "persona", [("gone", ["b"], None)])
    with pytest.raises(ConfigError, match="there is no dimension 'topic'"):
        append(toml, "topic", [("", ["b"], None)])
    assert toml.read_bytes() == before
    assert {each.name for each in Path().iterdir()} == {"u.md", "k.md", "recipe.toml"}
