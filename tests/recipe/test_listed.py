import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from quick import each_row

from asyncgen.errors import ConfigError
from asyncgen.recipe.listed import Listed, list_file, list_passages
from asyncgen.recipe.load import load_recipe, read_recipe
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.recipe.scenario import Scenarios
from asyncgen.recipe.text_file import UnreadableError
from asyncgen.recipe.values import Values

RECIPE = """\
name = "shop"
knowledge = ["docs", "more.md"]
[request]
model = "some/model"
[prompt]
user = "user.md"
[[dimension]]
name = "persona"
from = "personas.jsonl"
field = "persona"
[[dimension]]
name = "mood"
[dimension.groups]
calm = {from = "calm.txt"}
eager = ["glad", "keen"]
[[dimension]]
name = "passage"
passages = 5
"""
FILES = {
    "recipe.toml": RECIPE,
    "user.md": "{persona} {mood} {passage}",
    "personas.jsonl": "".join(
        json.dumps({"persona": f"persona {number}", "id": number}) + "\n" for number in range(30)
    ),
    "calm.txt": "quiet\nslow\n",
    "docs/a.md": "# A\n\nOne two three four.\n\nFive six seven eight.",
    "docs/b.md": "Nine ten.",
    "more.md": "Eleven.",
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(**changed: str) -> Path:
        """The recipe's folder; a changed file by its name before the dot."""
        for name, text in FILES.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(changed.pop(path.stem, text))
        assert not changed
        return tmp_path

    return write


def file_of(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "field", "content", "values"),
    [
        ("x.txt", None, "\ufeffone\r\n\n  two \nthree", ["one", "two", "three"]),
        ("x.jsonl", "p", '\ufeff{"p": "one"}\n\n{"q": 1, "p": "two\\n3"}\n', ["one", "two\n3"]),
        ("x.jsonl", None, '{"p": "one"}\n{"p": "two"}\n', ["one", "two"]),
        ("x.ndjson", None, '"one"\n"two"', ["one", "two"]),
        ("x.csv", "p", '\ufeffid,p\r\n1,one\r\n2,"two,\r\nmore"\r\n3,\n4,"""5"""\n', ["one", "two,\r\nmore", '"5"']),
        ("x.CSV", "p", "id;p\n1;one, two\n2;three\n", ["one, two", "three"]),
        ("x.csv", None, "p\none\ntwo\n", ["one", "two"]),
        ("x.tsv", "p", "id\tp\n1\tone\n2\ttwo\n", ["one", "two"]),
    ],
)
def test_values_are_read_from_the_places_where_they_stand(
    tmp_path: Path, name: str, field: str | None, content: str, values: list[str]
) -> None:
    listed, file = list_file(file_of(tmp_path, name, content), field)
    assert (list(listed), list(file), len(listed)) == (values, values, len(values))
    assert [listed[number] for number in reversed(range(len(listed)))] == values[::-1]


@each_row(
    ("name", "field", "content", "told"),
    [
        ("x.json", None, "[]", ("has to end in .txt, .csv, .tsv, .jsonl, .ndjson to be a file of values", 0)),
        ("x.txt", "p", "one", ("has one value a line and no field 'p'; leave `field` out", 0)),
        ("x.txt", None, b"one\ncaf\xe9\n", ("is not UTF-8: save it as UTF-8", 2)),
        ("x.jsonl", "q", '{"p": "one"}', ("there is no field 'q' among p", 1)),
        ("x.jsonl", None, '{"p": "one", "q": "two"}', ("name with `field` which one holds the values: p, q", 1)),
        ("x.jsonl", "p", '{"p": "one"}\n{"p": 7}', ("expected text, got 7", 2)),
        ("x.jsonl", "p", '{"p": "one"}\n{"p": ', ("Input data was truncated", 2)),
        ("x.csv", "xyz", "id,persona\n1,x\n", ("there is no field 'xyz' among id, persona", 1)),
        ("x.csv", None, "id,persona\n1,x\n", ("name with `field` which one holds the values: id, persona", 1)),
        ("x.csv", "p", 'p,q\n"one', ("unexpected end of data", 2)),
        ("x.csv", "p", b"p,q\n1,2\n\xff,2\n", ("is not UTF-8: save it as UTF-8", 3)),
    ],
)
def test_a_file_without_such_values_is_told_with_its_line(
    tmp_path: Path, name: str, field: str | None, content: str | bytes, told: tuple[str, int]
) -> None:
    with pytest.raises(UnreadableError) as caught:
        list_file(file_of(tmp_path, name, content), field)
    assert (str(caught.value), caught.value.line) == told


def test_blank_and_repeated_values_are_left_out(tmp_path: Path) -> None:
    listed, file = list_file(file_of(tmp_path, "x.txt", "one\n\none\ntwo\n \n"), None)
    assert (list(listed), file.blank, file.repeated) == (["one", "two"], 2, 1)


@pytest.mark.parametrize("path", [Path("/dev/null"), Path("/"), Path("nowhere.txt"), Path("a\0.txt")])
def test_what_is_no_ordinary_file_is_refused(path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"is no ordinary file|cannot be read"):
        list_file(path, None)


def test_a_file_that_changes_while_it_is_in_use_is_noticed(tmp_path: Path) -> None:
    path = file_of(tmp_path, "x.txt", "one\ntwo\n")
    listed, _ = list_file(path, None)
    assert listed[0] == "one"
    with path.open("a") as file:
        file.write("three\n")
    with pytest.raises(ConfigError, match=r"x\.txt: it has changed while it was in use; begin again"):
        listed[1]


def test_a_file_that_is_replaced_while_it_is_in_use_is_read_on(tmp_path: Path) -> None:
    path = file_of(tmp_path, "x.txt", "one\ntwo\n")
    listed, _ = list_file(path, None)
    assert listed[0] == "one"
    file_of(tmp_path, "y.txt", "other\n").rename(path)
    assert listed[1] == "two"


def test_values_are_known_by_number_where_their_file_is_another_one(tmp_path: Path) -> None:
    listed = Listed(str(file_of(tmp_path, "x.txt", "one\ntwo\n")), 2, "of other values")
    assert list(listed) == ["x.txt, 1", "x.txt, 2"]
    assert list(Listed(str(tmp_path / "gone.txt"), 1, "")) == ["gone.txt, 1"]


def test_passages_of_a_document_name_it(tmp_path: Path) -> None:
    path = file_of(tmp_path, "x.md", "\n\n# A\n\none two\n\nthree four\n")
    assert list(list_passages(path, 3, "")) == ["# A\n\none two", "# A\n\nthree four"]
    assert next(iter(list_passages(path, 3, "docs/x.md"))) == "Source: docs/x.md\n\n# A\n\none two"


def test_passages_cannot_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="is no ordinary file, and values are read again when they are drawn"):
        list_passages(tmp_path / "pipe", 3, "")


def test_a_journal_holds_where_values_are_and_not_the_values(write: Write) -> None:
    dimension = load_recipe(str(write())).dimensions[0]
    encoded = msgspec.json.encode(dimension)
    assert b"persona 7" not in encoded
    assert msgspec.json.decode(encoded, type=Dimension) == dimension
    assert Values(msgspec.json.decode(encoded, type=Dimension)).texts[7] == "persona 7"


def test_values_of_files_and_documents_are_drawn_like_all_others(write: Write) -> None:
    recipe = load_recipe(str(write()))
    persona, mood, passage = recipe.dimensions
    assert (persona.size, persona.grouped) == (30, False)
    assert [(group.name, list(group.values)) for group in mood.groups] == [
        ("calm", ["quiet", "slow"]),
        ("eager", ["glad", "keen"]),
    ]
    assert [(group.name, len(group.values)) for group in passage.groups] == [
        ("docs/a.md", 2),
        ("docs/b.md", 1),
        ("more.md", 1),
    ]
    rows = [Scenarios(recipe.dimensions, sampling="balanced", seed=None).draw(index) for index in range(30)]
    assert sorted(row["persona"] for row in rows) == sorted(f"persona {number}" for number in range(30))
    in_memory = Dimension("persona", (Group("", tuple(f"persona {number}" for number in range(30))),))
    alone = Scenarios((in_memory,), sampling="balanced", seed=None)
    assert [row["persona"] for row in rows] == [alone.draw(index)["persona"] for index in range(30)]
    assert {row["passage"] for row in rows} == {
        "Source: docs/a.md\n\n# A\n\nOne two three four.",
        "Source: docs/a.md\n\n# A\n\nFive six seven eight.",
        "Source: docs/b.md\n\nNine ten.",
        "Source: more.md\n\nEleven.",
    }


def test_one_document_is_one_list_of_passages(write: Write) -> None:
    folder = write(recipe=RECIPE.replace('["docs", "more.md"]', '"docs/a.md"'))
    passage = load_recipe(str(folder)).dimensions[2]
    assert (passage.grouped, list(passage.groups[0].values)) == (
        False,
        ["# A\n\nOne two three four.", "# A\n\nFive six seven eight."],
    )


def test_a_folder_of_documents_is_bound_as_one(write: Write) -> None:
    bound = RECIPE + '[dimension.only_with]\ndocs = {mood = "calm"}\n"more.md" = {mood = "eager"}\n'
    recipe = load_recipe(str(write(recipe=bound)))
    scenarios = Scenarios(recipe.dimensions, sampling="balanced", seed=None)
    rows = [scenarios.draw_values(index) for index in range(40)]
    assert {(row["mood"][0][0], row["passage"][0][0]) for row in rows} == {
        ("calm", "docs/a.md"),
        ("calm", "docs/b.md"),
        ("eager", "more.md"),
    }


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"personas": '{"persona": "x"}\n'}, {"dimension persona"}),
        ({"calm": "still\n"}, {"dimension mood"}),
        ({"a": "# A\n\nOther words."}, {"dimension passage", "knowledge"}),
    ],
)
def test_a_changed_file_is_a_changed_dimension(write: Write, changed: dict[str, str], parts: set[str]) -> None:
    before = load_recipe(str(write())).digests()
    after = load_recipe(str(write(**changed))).digests()
    assert {part for part in before if before[part] != after[part]} == parts


def test_a_recipe_that_is_moved_is_the_same_one(write: Write, tmp_path: Path) -> None:
    before = load_recipe(str(write())).digests()
    for name in FILES:
        (tmp_path / "elsewhere" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    assert load_recipe(str(tmp_path / "elsewhere")).digests() == before


@each_row(
    ("before", "after", "complaint"),
    [
        ('field = "persona"', 'field = "person"', "personas.jsonl:1: dimension[0].from: there is no field 'per"),
        ('"personas.jsonl"', '"none.jsonl"', "none.jsonl: dimension[0].from: cannot be read: No such"),
        ('from = "calm.txt"', 'from = "calm.md"', "calm.md: dimension[1].groups.calm.from: cannot be read: No such"),
        ('from = "calm.txt"', 'form = "calm.txt"', "recipe.toml:14: dimension[1].groups.calm.form: unknown key"),
        ('from = "personas.jsonl"\n', "", "recipe.toml:7: dimension[0]: expected one of groups, values, from"),
        ("passages = 5", 'passages = 5\nvalues = ["x"]', "recipe.toml:16: dimension[2]: expected one of groups"),
        ("passages = 5", "passages = 0", "recipe.toml:18: dimension[2].passages: expected a whole number >= 1"),
        ("passages = 5", "passages = 5\npick = 2", "recipe.toml:19: dimension[2].pick: expected groups to pick"),
        ("passages = 5", 'passages = 5\nfield = "x"', "recipe.toml:19: dimension[2].field: expected `from` beside it"),
    ],
)
def test_a_mistake_about_files_is_one_sentence_with_its_place(
    write: Write, before: str, after: str, complaint: str
) -> None:
    assert before in RECIPE
    folder = write(recipe=RECIPE.replace(before, after))
    recipe, problems = read_recipe(str(folder))
    assert recipe is None
    assert str(problems.found[0]).removeprefix(f"{folder}/").startswith(complaint)


def test_what_is_left_out_of_a_file_is_a_warning(write: Write) -> None:
    folder = write(calm="quiet\n\nquiet\n")
    assert load_recipe(str(folder)).warnings == (
        f"{folder}/calm.txt: dimension[1].groups.calm.from: left out: 1 blank and 1 repeated; used: 1",
    )


def test_a_file_of_blanks_holds_no_values(write: Write) -> None:
    _, problems = read_recipe(str(write(calm="\n\n")))
    assert "calm.txt: dimension[1].groups.calm.from: holds no values" in str(problems.found[0])


def test_an_output_is_never_written_over_a_file_of_values(write: Write) -> None:
    folder = write()
    assert {folder / name for name in FILES} == set(load_recipe(str(folder)).files)
