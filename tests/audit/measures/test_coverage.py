from collections import Counter
from itertools import product
from pathlib import Path

import msgspec
import pytest
from outputs import HEADER, done, failed, line, make_run

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.measures.coverage import ROOM, Coverage
from asyncgen.audit.results import CoverageResult
from asyncgen.audit.subject import Subject
from asyncgen.data.dataset import Dataset
from asyncgen.output.begin import prepare
from asyncgen.output.journal import Header
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.recipe.scenario import Scenarios

DIMENSIONS = (
    Dimension("topic", (Group("flour", ("rye", "wheat")), Group("tools", ("ovens", "tins"))), grouped=True),
    Dimension("persona", (Group("", ("a baker", "a child", "a cook")),)),
    Dimension("openers", (Group("short", ("hi", "yo")), Group("long", ("good day",))), grouped=True, pick=2),
)
SCENARIOS = Scenarios(DIMENSIONS, sampling="balanced", seed=None)


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths.of(tmp_path / "out.jsonl")


def a_header(num: int, **changed: object) -> Header:
    return msgspec.structs.replace(HEADER, num=num, dimensions=DIMENSIONS, **changed)


def measure(paths: OutputPaths, room: int = ROOM) -> CoverageResult | None:
    dataset = Dataset.open(paths.output)
    coverage = Coverage(dataset, room=room)
    for record in dataset.records():
        scenario = None if record.index is None else dataset.scenario(record.index)
        coverage.add(Subject(record, scenario, "any"))
    return coverage.result()


def measured(paths: OutputPaths, room: int = ROOM) -> CoverageResult:
    result = measure(paths, room)
    assert result is not None
    return result


def uses(result: CoverageResult, which: str) -> dict[tuple[str, str, str], int]:
    return {
        (name, each.group, each.value): getattr(each, which)
        for name, rows in result.dimensions.items()
        for each in rows
    }


def count(indices: set[int]) -> dict[tuple[str, str, str], int]:
    """The same, counted one by one."""
    values = [(each.name, group.name, value) for each in DIMENSIONS for group in each.groups for value in group.values]
    counts = Counter(
        (name, group, value)
        for index in indices
        for name, drawn in SCENARIOS.draw_values(index).items()
        for group, value in drawn
    )
    return {value: counts[value] for value in values}


@pytest.mark.parametrize(
    ("made", "num"),
    [(set(range(24)), 24), ({0, 3, 7}, 24), (set(), 24), (set(range(24)), 5), ({2, 20}, 10)],
    ids=["all done", "some missing", "none", "num was lowered", "both"],
)
def test_values_are_counted_as_planned_and_as_found(paths: OutputPaths, made: set[int], num: int) -> None:
    make_run(paths, [[done(index) for index in made]] if made else [], a_header(24))
    make_run(paths, [], a_header(num))
    result = measured(paths)
    assert (result.planned, result.found) == (num, len(made))
    assert uses(result, "planned") == count(set(range(num)))
    assert uses(result, "found") == count(made)


def test_pairs_are_counted_for_dimensions_with_one_value(paths: OutputPaths) -> None:
    made = {0, 1, 5, 11}
    make_run(paths, [[done(index) for index in made]], a_header(12))
    (pair,) = measured(paths).pairs
    met = Counter((drawn["topic"][0][1], drawn["persona"][0][1]) for drawn in map(SCENARIOS.draw_values, made))
    topics, personas = ("rye", "wheat", "ovens", "tins"), ("a baker", "a child", "a cook")
    assert (pair.first, pair.second, pair.pairs) == ("topic", "persona", 12)
    assert pair.matrix == [[met[topic, persona] for persona in personas] for topic in topics]
    assert pair.met == len(met)
    assert pair.planned_met == len(
        {(drawn["topic"], drawn["persona"]) for drawn in map(SCENARIOS.draw_values, range(12))}
    )


def test_a_line_that_no_run_made_counts_nowhere(paths: OutputPaths) -> None:
    make_run(paths, [[done(0)]], a_header(1))
    with paths.output.open("ab") as file:
        file.write(line("by hand"))
    assert measured(paths).found == 1


def test_of_values_that_are_bound_only_those_pairs_are_possible_that_may_be_drawn(paths: OutputPaths) -> None:
    personas = {"de": ("ein Kind", "ein Koch"), "en": ("a child", "a cook")}
    groups = tuple(
        Group(code, values, only_with=((None, (("language", (code,)),)),)) for code, values in personas.items()
    )
    bound = (Dimension("language", (Group("", ("de", "en")),)), Dimension("persona", groups, grouped=True))
    header = msgspec.structs.replace(a_header(8), dimensions=bound)
    make_run(paths, [[done(index) for index in range(8)]], header)
    (pair,) = measured(paths).pairs
    assert (pair.met, pair.planned_met, pair.pairs) == (4, 4, 4)


def test_without_a_journal_there_is_no_coverage(paths: OutputPaths) -> None:
    paths.output.write_bytes(line(0))
    assert measure(paths) is None


@pytest.mark.parametrize(("width", "is_written"), [(256, True), (257, False)])
def test_a_matrix_too_large_to_look_at_is_only_counted(paths: OutputPaths, width: int, *, is_written: bool) -> None:
    sizes = {"topic": 256, "persona": width}
    wide = tuple(Dimension(name, (Group("", tuple(map(str, range(size)))),)) for name, size in sizes.items())
    make_run(paths, [[done(0), done(1)]], msgspec.structs.replace(a_header(2), dimensions=wide))
    (pair,) = measured(paths).pairs
    assert (pair.pairs, pair.met, pair.matrix is not None) == (256 * width, 2, is_written)


def test_of_very_many_values_those_are_told_that_are_planned_or_found(paths: OutputPaths) -> None:
    personas = Dimension("persona", (Group("", tuple(f"persona {number}" for number in range(5000))),))
    header = msgspec.structs.replace(HEADER, num=8, dimensions=(personas,))
    make_run(paths, [[done(index) for index in range(3)]], header)
    told = measured(paths).dimensions["persona"]
    assert (len(told), sum(each.planned for each in told), sum(each.found for each in told)) == (8, 8, 3)


def test_values_that_only_an_earlier_run_had_follow_those_of_the_newest(paths: OutputPaths) -> None:
    spelt = (Dimension("topic", (Group("flour", ("spelt", "rye")),), grouped=True), DIMENSIONS[1])
    make_run(paths, [[done(0), done(1)]], a_header(4))
    prepare(paths, msgspec.structs.replace(a_header(4), dimensions=spelt), allow_changed=True).open().close()
    result = measured(paths)
    assert [each.value for each in result.dimensions["topic"]] == ["spelt", "rye", "wheat", "ovens", "tins"]
    assert list(result.dimensions) == ["topic", "persona", "openers"]
    assert sum(each.planned for each in result.dimensions["topic"]) == 4
    assert sum(each.planned for each in result.dimensions["openers"]) == 4  # of the two that are there
    (pair,) = result.pairs
    assert pair.matrix is not None
    assert sum(map(sum, pair.matrix)) == 2


def test_the_result_is_plain_json(paths: OutputPaths) -> None:
    make_run(paths, [[done(0)]], a_header(2))
    result = measured(paths)
    assert msgspec.json.decode(msgspec.json.encode(result), type=CoverageResult) == result


def test_planned_pairs_of_a_grid_are_all_met(paths: OutputPaths) -> None:
    make_run(paths, [[done(0)]], a_header(200))
    (pair,) = measured(paths).pairs
    assert pair.planned_met == len(list(product(range(4), range(3))))


def test_the_plan_of_a_run_that_has_hardly_begun_ends_where_it_has_come_to(paths: OutputPaths) -> None:
    made = {0, 1, 2, 5, 30}
    make_run(paths, [[*(done(index) for index in made), failed(40)]], a_header(3_000_000))
    result = measured(paths)
    assert (result.planned, result.found) == (41, 5)
    assert uses(result, "planned") == count(set(range(41)))
    assert any("the first 41 of 3,000,000 indices" in note for note in audit_dataset(Dataset.open(paths.output)).notes)


def test_a_line_far_ahead_of_all_others_makes_no_plan_of_millions(paths: OutputPaths) -> None:
    make_run(paths, [[done(0), done(2_000_000)]], a_header(3_000_000))
    result = measured(paths, room=100)
    assert (result.planned, result.found) == (104, 2)
