from pathlib import Path

from asyncgen.data.scenarios import Plans
from asyncgen.output.journal import ARRAYS, VERSION, Header
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.recipe.scenario import Scenarios

GERMAN = ((None, (("language", ("de",)),)),)
DIMENSIONS = (
    Dimension("language", (Group("", ("de", "en")),)),
    Dimension(
        "opener", (Group("short", ("Moin",), only_with=GERMAN), Group("any", ("ok", "oh"))), grouped=True, pick=2
    ),
)


def test_a_pick_of_which_bindings_leave_fewer_is_drawn_again_as_it_was() -> None:
    header = Header(
        version=VERSION,
        asyncgen="",
        started="",
        num=9,
        provider="fake",
        base_url="",
        recipe="x",
        dimensions=DIMENSIONS,
        sampling="balanced/1",
        seed=None,
        request={},
        line_format=ARRAYS,
        digests={},
    )
    plans = Plans(Path("x.journal"))
    plan = plans.of(header)
    scenarios = Scenarios(DIMENSIONS, sampling="balanced", seed=None)
    rows = [scenarios.draw_values(index) for index in range(20)]
    assert {len(row["opener"]) for row in rows} == {1, 2}
    assert [plan.scenario(index) for index in range(20)] == rows
    assert [plan.numbers(index).count(-1) for index in range(20)] == [2 - len(row["opener"]) for row in rows]
