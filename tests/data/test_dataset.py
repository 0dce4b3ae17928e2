import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, Snapshot, conversation, done, failed, line, lost, make_run, rejected, write_batches

from asyncgen.conversation import encode_line
from asyncgen.data.dataset import NO_JOURNAL, Dataset
from asyncgen.errors import ConfigError
from asyncgen.output.begin import prepare
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, Failed, Header, Lost, Unused
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.balanced import Numbers
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Dimension, Group, Recipe
from asyncgen.recipe.scenario import Scenarios

DIMENSIONS = (
    Dimension("topic", (Group("flour", ("rye", "wheat")), Group("tools", ("ovens", "tins"))), grouped=True),
    Dimension("persona", (Group("", ("a baker", "a child", "a cook")),)),
    Dimension("openers", (Group("short", ("hi", "yo")), Group("long", ("good day", "well met"))), grouped=True, pick=2),
)
RECIPE = """\
name = "bread"
knowledge = "baking.md"

[request]
model = "some/model"

[prompt]
user = "user.md"

[[dimension]]
name = "topic"
values = ["rye", "wheat"]
"""


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    folder = tmp_path / "data"
    folder.mkdir()
    return OutputPaths.of(folder / "out.jsonl")


@pytest.fixture
def bread(tmp_path: Path) -> Path:
    """The folder of a recipe."""
    folder = tmp_path / "bread"
    folder.mkdir()
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "user.md").write_text("About {topic}: {knowledge}")
    (folder / "baking.md").write_text("Bread is baked at 230 degrees.")
    return folder


def a_header(recipe: Recipe | None = None, **changed: object) -> Header:
    header = msgspec.structs.replace(HEADER, dimensions=DIMENSIONS)
    if recipe is not None:
        header = msgspec.structs.replace(
            header, recipe=recipe.source, dimensions=recipe.dimensions, digests=recipe.digests()
        )
    return msgspec.structs.replace(header, **changed)


def go_on(paths: OutputPaths, records: Sequence[Record], header: Header) -> None:
    """A further run, with other settings."""
    files = prepare(paths, header, allow_changed=True, append=True).open()
    asyncio.run(write_batches(files, [records]))
    files.close()


def indices(dataset: Dataset) -> list[int | None]:
    return [record.index for record in dataset.records()]


# ---- lines


def test_lines_are_read_in_their_order_with_number_offset_and_index(paths: OutputPaths) -> None:
    make_run(paths, [[done(1), done(0)], [done(2)]])
    records = list(Dataset.open(paths.output).records())
    assert [each.index for each in records] == [1, 0, 2]
    assert [each.number for each in records] == [1, 2, 3]
    assert [each.conversation for each in records] == [conversation(1), conversation(0), conversation(2)]
    content = paths.output.read_bytes()
    assert [content[each.offset :].startswith(line(each.index)) for each in records] == [True] * 3


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_shuffled_filtered_and_rewritten_lines_keep_their_index(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], deleted: set[int]
) -> None:
    paths = OutputPaths.of(tmp_path_factory.mktemp("data") / "out.jsonl")
    make_run(paths, [[done(index) for index in range(6)]])
    left = [index for index in order if index not in deleted]
    paths.output.write_bytes(b"".join(line(index).replace(b'","', b'" , "') for index in left))
    dataset = Dataset.open(paths.output)
    assert indices(dataset) == left
    assert dataset.lines.missing == len(deleted)


def test_two_equal_conversations_serve_two_indices(paths: OutputPaths) -> None:
    make_run(paths, [[done(0, "same"), done(1, "other"), done(2, "same")]])
    paths.output.write_bytes(line("same") + line("same") + line("other"))
    assert sorted(map(str, indices(Dataset.open(paths.output)))) == ["0", "1", "2"]


def test_a_line_in_the_format_with_metadata_is_known_too(paths: OutputPaths) -> None:
    make_run(paths, [[done(0)]])
    paths.output.write_bytes(encode_line(conversation(0), {"index": 7, "topic": "rye"}))
    (record,) = Dataset.open(paths.output).records()
    assert (record.index, record.conversation) == (0, conversation(0))


def test_an_index_made_again_is_that_of_its_newest_conversation(paths: OutputPaths) -> None:
    make_run(paths, [[done(0, "first"), done(1)]])
    paths.output.write_bytes(line(1))
    go_on(paths, [done(0, "second")], HEADER)
    paths.output.write_bytes(line("first") + line("second"))
    assert indices(Dataset.open(paths.output)) == [None, 0]


def test_a_kept_line_has_no_index_and_an_unknown_one_is_noted(paths: OutputPaths) -> None:
    paths.output.write_bytes(line("from elsewhere"))
    go_on(paths, [done(0)], HEADER)
    assert indices(kept := Dataset.open(paths.output)) == [None, 0]
    assert not any("does not know" in note for note in kept.notes)
    with paths.output.open("ab") as file:
        file.write(line("by hand"))
    assert indices(unknown := Dataset.open(paths.output)) == [None, 0, None]
    assert "lines that the journal does not know: 1, the first is line 3" in unknown.notes


def test_without_a_journal_no_line_has_an_index(paths: OutputPaths) -> None:
    paths.output.write_bytes(line(0) + line(1))
    dataset = Dataset.open(paths.output)
    assert indices(dataset) == [None, None]
    assert dataset.header is None
    assert dataset.notes == (NO_JOURNAL,)
    assert list(dataset.calls()) == []


def test_a_last_line_being_written_is_left_out_and_so_is_what_comes_later(paths: OutputPaths) -> None:
    make_run(paths, [[done(0), done(1)]])
    paths.output.write_bytes(line(0) + line(1)[:20])
    dataset = Dataset.open(paths.output)
    paths.output.write_bytes(line(0) + line(1) + line(2))
    assert indices(dataset) == [0]
    assert len(dataset) == 1
    assert not any("no conversation" in note for note in dataset.notes)


def test_what_is_no_conversation_is_left_out_and_counted_as_a_line(paths: OutputPaths) -> None:
    make_run(paths, [[done(0), done(1)]])
    paths.output.write_bytes(line(0) + b"\n" + b'{"torn\n' + line(1))
    dataset = Dataset.open(paths.output)
    assert [(record.number, record.index) for record in dataset.records()] == [(1, 0), (4, 1)]
    assert len(dataset) == 4
    assert "lines that are no conversation and are left out: 1, the first is line 3" in dataset.notes


def test_a_line_is_read_again_by_its_offset(paths: OutputPaths) -> None:
    make_run(paths, [[done(index) for index in range(5)]])
    dataset = Dataset.open(paths.output)
    assert all(dataset.read(record.offset) == record.conversation for record in dataset.records())
    paths.output.write_bytes(b"something else altogether\n")
    with pytest.raises(ConfigError, match="changed while it was read"):
        dataset.read(3)


def test_nothing_is_written(paths: OutputPaths, bread: Path) -> None:
    make_run(paths, [[done(0)]], a_header(load_recipe(str(bread))))
    before = Snapshot.of(paths.output.parent)
    dataset = Dataset.open(paths.output)
    dataset.scenario(0)
    assert (indices(dataset), len(list(dataset.calls()))) == ([0], 2)
    assert Snapshot.of(paths.output.parent) == before


def test_an_output_that_cannot_be_read_is_refused(paths: OutputPaths) -> None:
    with pytest.raises(ConfigError, match=r"out\.jsonl: No such file"):
        Dataset.open(paths.output)
    with pytest.raises(ConfigError, match="is no ordinary file"):
        Dataset.open(paths.output.parent)


# ---- calls


def test_calls_come_in_the_order_of_the_journal(paths: OutputPaths) -> None:
    make_run(paths, [[rejected(0), done(0)], [failed(1), lost(2)]])
    with paths.journal.open("ab") as file:
        file.write(b'{"type":"done","index":3')
    dataset = Dataset.open(paths.output)
    assert [type(entry) for entry in dataset.calls()] == [Header, Unused, Done, Failed, Lost]


# ---- scenarios


@pytest.mark.parametrize(("version", "sampling"), [("balanced/1", "balanced"), ("random/1", "random")])
def test_scenarios_are_drawn_by_the_header_in_any_order(paths: OutputPaths, version: str, sampling: str) -> None:
    make_run(paths, [[done(0)]], a_header(sampling=version, seed=5))
    dataset = Dataset.open(paths.output)
    expected = Scenarios(DIMENSIONS, sampling="balanced" if sampling == "balanced" else "random", seed=5)
    wanted = random.Random(0).sample(range(3 * 2048), 100)
    drawn = {index: dataset.scenario(index) for index in wanted}
    assert drawn == {index: expected.draw_values(index) for index in sorted(wanted)}


def test_however_indices_are_ordered_each_block_is_drawn_once(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    class Counted(Scenarios):
        def draw_numbers(self, index: int) -> tuple[Numbers, ...]:
            drawn.append(index)
            return super().draw_numbers(index)

    monkeypatch.setattr("asyncgen.data.scenarios.Scenarios", Counted)
    make_run(paths, [[done(0)]], a_header())
    dataset = Dataset.open(paths.output)
    for index in random.Random(0).sample(range(2 * 2048), 500):
        dataset.scenario(index)
    assert sorted(drawn) == list(range(2 * 2048))


def test_an_index_keeps_the_scenario_of_the_run_that_made_it(paths: OutputPaths) -> None:
    cities = (Dimension("city", (Group("", ("Rome", "Oslo", "Lima")),)),)
    make_run(paths, [[done(0), done(1)]], a_header())
    go_on(paths, [done(1, "again"), done(2)], a_header(dimensions=cities))
    dataset = Dataset.open(paths.output)
    old, new = Scenarios(DIMENSIONS, sampling="balanced", seed=None), Scenarios(cities, sampling="balanced", seed=None)
    assert dataset.scenario(0) == old.draw_values(0)
    assert [dataset.scenario(index) for index in (1, 2, 5)] == [new.draw_values(index) for index in (1, 2, 5)]


def test_scenarios_of_a_newer_sampling_are_refused(paths: OutputPaths) -> None:
    make_run(paths, [[done(0)]], a_header(sampling="balanced/9"))
    with pytest.raises(ConfigError, match="balanced/9, which is not known here"):
        Dataset.open(paths.output)


# ---- recipe and knowledge base


def test_recipe_and_knowledge_are_found_by_the_header(paths: OutputPaths, bread: Path) -> None:
    recipe = load_recipe(str(bread))
    make_run(paths, [[done(0)]], a_header(recipe))
    dataset = Dataset.open(paths.output)
    assert (dataset.recipe, dataset.knowledge, dataset.notes) == (recipe, "Bread is baked at 230 degrees.", ())


def test_the_built_in_recipe_is_found_by_its_name(paths: OutputPaths) -> None:
    recipe = load_recipe("nanochat")
    make_run(paths, [[done(0)]], a_header(recipe))
    dataset = Dataset.open(paths.output)
    assert (dataset.recipe, dataset.charset) == (recipe, "ascii")


def test_a_changed_recipe_is_not_used_unless_it_is_insisted_on(paths: OutputPaths, bread: Path) -> None:
    make_run(paths, [[done(0)]], a_header(load_recipe(str(bread))))
    (bread / "recipe.toml").write_text(RECIPE + '[rules]\ncharset = "ascii"\n')
    dataset = Dataset.open(paths.output)
    assert (dataset.recipe, dataset.charset, dataset.knowledge) == (None, "any", "Bread is baked at 230 degrees.")
    assert "rules differ from the newest run's, so it is not used" in dataset.notes[0]
    insisted = Dataset.open(paths.output, recipe=str(bread))
    assert insisted.charset == "ascii"
    assert insisted.notes[0].endswith("rules differ from the newest run's")


def test_a_changed_knowledge_base_is_not_used_unless_it_is_insisted_on(paths: OutputPaths, bread: Path) -> None:
    make_run(paths, [[done(0)]], a_header(load_recipe(str(bread))))
    (bread / "baking.md").write_text("Bread is fried.")
    dataset = Dataset.open(paths.output)
    assert dataset.knowledge is None
    assert dataset.recipe is not None
    assert dataset.notes[0].startswith("the knowledge base differs from the newest run's, so it is not used; ")
    insisted = Dataset.open(paths.output, knowledge=bread / "baking.md")
    assert insisted.knowledge == "Bread is fried."
    assert insisted.notes == ("the knowledge base differs from the newest run's",)


def test_a_run_with_a_knowledge_base_of_its_own_is_given_it_again(paths: OutputPaths, bread: Path) -> None:
    own = bread.parent / "own.md"
    own.write_text("\nBread rises.\n\n")
    make_run(paths, [[done(0)]], a_header(load_recipe(str(bread), knowledge=own)))
    assert Dataset.open(paths.output).knowledge is None
    dataset = Dataset.open(paths.output, knowledge=own)
    assert (dataset.knowledge, dataset.notes) == ("Bread rises.", ())


def test_a_recipe_that_is_gone_leaves_a_note_and_the_knowledge_may_still_be_given(
    paths: OutputPaths, bread: Path
) -> None:
    make_run(paths, [[done(0)]], a_header(load_recipe(str(bread))))
    (bread / "recipe.toml").unlink()
    dataset = Dataset.open(paths.output, knowledge=bread / "baking.md")
    assert (dataset.recipe, dataset.knowledge) == (None, "Bread is baked at 230 degrees.")
    assert dataset.notes[0].startswith("the recipe is not at hand (no recipe at ")
    with pytest.raises(ConfigError, match="no recipe at"):
        Dataset.open(paths.output, recipe=str(bread / "recipe.toml"))


def test_without_a_journal_recipe_and_knowledge_may_be_given(paths: OutputPaths, bread: Path) -> None:
    paths.output.write_bytes(line(0))
    assert Dataset.open(paths.output, recipe=str(bread)).knowledge == "Bread is baked at 230 degrees."
    assert Dataset.open(paths.output, knowledge=bread / "user.md").knowledge == "About {topic}: {knowledge}"


def test_runs_with_different_recipes_are_noted(paths: OutputPaths, bread: Path) -> None:
    make_run(paths, [[done(0)]], a_header(load_recipe(str(bread))))
    (bread / "baking.md").write_text("Bread is fried.")
    go_on(paths, [done(1)], a_header(load_recipe(str(bread))))
    dataset = Dataset.open(paths.output)
    assert dataset.knowledge == "Bread is fried."
    assert [note for note in dataset.notes if note.startswith("earlier runs had another recipe")]
