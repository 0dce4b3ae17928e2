from collections.abc import Sequence
from pathlib import Path

from asyncgen.audit.measures.telling import Statements, Telling
from asyncgen.audit.results import Told
from asyncgen.audit.subject import Subject
from asyncgen.conversation import XXH3, Message, digest_conversation, encode_document
from asyncgen.data.dataset import Record
from asyncgen.data.grades import Grades
from asyncgen.output.grades import Claim, Grade, Judgement
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group

COST = "A repair costs 20 euros and takes 3 days."
ANN = "Ann runs the workshop in Bremen."
FACTS = Dimension("facts", (Group("a", (COST,)), Group("b", (ANN,))), grouped=True, pick=2, by_weight=True)


def add(telling: Telling, subject: Subject, statements: Statements) -> None:
    telling.add(subject, statements.told(subject))


def tell(*answers: str, asked: Sequence[str] = (COST, ANN), of: Dimension = FACTS) -> Telling:
    statements = Statements([of])
    telling = Telling(statements)
    for answer in answers:
        conversation = (Message("user", COST), Message("assistant", answer))
        drawn = {"facts": tuple(("a", each) for each in asked)}
        add(telling, Subject(Record(1, 0, conversation, 0), drawn, "any"), statements)
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


def test_where_a_judge_has_read_the_answers_its_supported_claims_count_too(tmp_path: Path) -> None:
    said = (Message("user", "Well?"), Message("assistant", "It takes three days, and 20 euros. The boss is Ann."))
    claims = [
        Claim("A repair takes 3 days.", "supported", COST),
        Claim("A repair costs 20 euros and 3 days.", "supported", COST),
        Claim("The boss is Ann.", "absent", ANN),
    ]
    grade = Grade(digest_conversation(said, XXH3).hex(), "judge", Judgement(claims, {}))
    (tmp_path / "x.jsonl.grades.jsonl").write_bytes(encode_document(grade))
    statements = Statements([FACTS])
    telling = Telling(statements, Grades(OutputPaths(tmp_path / "x.jsonl")))
    for conversation in (said, (*said, *said)):
        drawn = {"facts": (("a", COST), ("b", ANN))}
        add(telling, Subject(Record(1, 0, conversation, 0), drawn, "any"), statements)
    result = telling.result()
    assert result is not None
    assert (result.asked, result.judged, result.supported) == (4, 2, 1)
    assert result.least[0] == Told(statement=COST, asked=2, told=0, judged=1, supported=1)


def test_a_recipe_without_statements_and_lines_that_no_run_made_have_no_result() -> None:
    assert Telling(Statements([])).result() is None
    plain = Dimension("facts", (Group("", (COST,)),))
    assert tell(ANN, of=plain).result() is None
    statements = Statements([FACTS])
    telling = Telling(statements)
    add(telling, Subject(Record(1, 0, (), None), None, "any"), statements)
    assert telling.result() is None
