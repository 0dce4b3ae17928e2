from collections.abc import Sequence

from asyncgen.audit.rules import Subject
from asyncgen.audit.telling import Telling, Told
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.recipe import Dimension, Group

COST = "A repair costs 20 euros and takes 3 days."
ANN = "Ann runs the workshop in Bremen."
FACTS = Dimension("facts", (Group("a", (COST,)), Group("b", (ANN,))), grouped=True, pick=2, by_weight=True)


def tell(*answers: str, asked: Sequence[str] = (COST, ANN), of: Dimension = FACTS) -> Telling:
    telling = Telling([of])
    for answer in answers:
        conversation = (Message("user", COST), Message("assistant", answer))
        drawn = {"facts": tuple(("a", each) for each in asked)}
        telling.add(Subject(Record(1, 0, conversation, 0), drawn, "any"))
    return telling


def test_what_comes_up_in_other_words_with_its_figures_counts_as_told() -> None:
    result = tell("It takes 3 days to get a repair done, at 20 euros. In Bremen the workshop is run by Ann.").result()
    assert result is not None
    assert (result.statements, result.asked, result.told, result.least) == (2, 2, 2, [])


def test_another_figure_or_what_only_the_user_says_is_not_told() -> None:
    result = tell("A repair costs 25 euros and takes 3 days.", "No idea.").result()
    assert result is not None
    assert result.least == [Told(statement=COST, asked=2, told=0), Told(statement=ANN, asked=2, told=0)]


def test_what_is_told_least_comes_first_and_what_was_always_told_not_at_all() -> None:
    result = tell("The workshop of Ann in Bremen.", "20 euros and 3 days for repairs. Ann runs the workshop.").result()
    assert result is not None
    assert result.least == [Told(statement=COST, asked=2, told=1)]


def test_a_recipe_without_statements_and_lines_that_no_run_made_have_no_result() -> None:
    assert Telling([]).result() is None
    plain = Dimension("facts", (Group("", (COST,)),))
    assert tell(ANN, of=plain).result() is None
    telling = Telling([FACTS])
    telling.add(Subject(Record(1, 0, (), None), None, "any"))
    assert telling.result() is None
