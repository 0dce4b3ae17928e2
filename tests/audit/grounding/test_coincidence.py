"""Figures that others give by no coincidence, and small ones that are told with a unit."""

from quick import each_row

from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record

CLUB = """# Gliding club

The club was founded in 1954 and has 88 members, among them 19 juniors. The hangar was built in 2008.
Each member works 50 hours a year; each hour that is missing costs $12.
The course has five evenings of two hours each. A cabin is kept above 5 degrees.

The tower was mended for $8,200, half of it paid by the town. Lost things are kept for a week.
A guest flight costs $40 and lasts 15 minutes. A season ticket costs $310.
"""
GROUNDING = Grounding(CLUB)


def _rules(question: str, answer: str) -> set[str]:
    talk = (Message("user", question), Message("assistant", answer))
    return {each.rule for each in GROUNDING.check(Subject(Record(1, 0, talk, None), None, "any"))}


@each_row(
    ("question", "answer", "rules"),
    [
        ("How many grown-up members are there?", "There are 69 grown-up members.", {"derived-number"}),
        ("And what if a member works none?", "Then $600 a year are due.", {"derived-number"}),
        ("How long is the course?", "The whole course takes ten hours.", {"derived-number"}),
        ("What did the town pay for the tower?", "It paid $4,100.", {"derived-number"}),
        ("How many members are there?", "There are 74 members.", {"ungrounded"}),
        ("What does a guest flight cost?", "A guest flight costs $55.", {"ungrounded"}),
        ("Since when is the hangar there?", "It was built in 1962.", {"ungrounded"}),
    ],
)
def test_what_hardly_any_invention_would_agree_with_is_derived(question: str, answer: str, rules: set[str]) -> None:
    assert _rules(question, answer) == rules


@each_row(
    ("question", "answer", "rules"),
    [
        ("How long does a battery last?", "It lasts about four years.", {"ungrounded"}),
        ("How cold may the cabin be?", "Keep it above 3 degrees.", {"ungrounded"}),
        ("How cold may the cabin be?", "Keep it above five degrees.", set()),
        ("How fast does the rope run?", "It runs at 9 m/s.", {"ungrounded"}),
        ("How long are things kept?", "For seven days.", set()),
        ("How long do we need?", "Two or three hours will do, or an hour or so.", set()),
        ("I waited for four weeks!", "Four weeks is a long time.", set()),
        ("When is the tower manned?", "On four days a week.", set()),
        ("How long does a start take?", "It takes three minutes.", {"ungrounded"}),
        ("My friend says a flight is $70.", "Your friend is right, it is $70.", {"ungrounded"}),
        ("My friend says a flight is $70.", "It is less than the $70 your friend told you of.", set()),
    ],
)
def test_a_small_number_with_a_unit_has_to_be_known(question: str, answer: str, rules: set[str]) -> None:
    assert _rules(question, answer) == rules


@each_row(
    ("question", "answer", "rules"),
    [
        ("What do three flights cost?", "Three flights cost $135 together.", {"ungrounded", "derived-number"}),
        ("What do three flights cost?", "Three flights cost $120 together.", {"derived-number"}),
        ("What is half of 8,200?", "Half of 8,200 gives 4,300.", {"ungrounded", "derived-number"}),
        ("A flight and a season ticket?", "$40 and $310 are $360.", {"ungrounded", "derived-number"}),
        ("How long is it open?", "From 9:00 to 16:00, so eight hours.", {"ungrounded", "derived-number"}),
        ("How much is a member's year?", "50 times $12 makes $310.", {"ungrounded", "derived-number"}),
        ("How much is a member's year?", "50 times $12 makes $600.", {"derived-number"}),
        ("What about Otto?", "Otto Lilienthal is not in what I know.", set()),
        ("And the account?", "It is 20-44-51, number 73920186.", {"ungrounded"}),
        ("How cold may it get?", "It works down to minus 27 degrees.", {"ungrounded"}),
    ],
)
def test_a_wrong_result_of_known_figures_is_both(question: str, answer: str, rules: set[str]) -> None:
    assert _rules(question, answer) - {"secret"} == rules


@each_row(
    ("answer", "rules"),
    [
        ("The hangar comes from Norway.", {"ungrounded"}),
        ("Guests from Norway are welcome, and English is spoken.", set()),
        ("Some two thousand people come.", {"ungrounded"}),  # which no year rounds to
        ("Around two hundred a week.", {"ungrounded"}),
        ("Turn the hi-fi off.", set()),
        ("export API_TOKEN=your_token_here", set()),
    ],
)
def test_places_years_and_placeholders(answer: str, rules: set[str]) -> None:
    assert _rules("What else is there to know?", answer) == rules


@each_row(
    ("question", "answer", "rules"),
    [
        ("How many evenings is the course?", "It has eight evenings.", {"ungrounded"}),
        ("How many evenings is the course?", "It has 8 evenings of two hours each.", {"ungrounded"}),
        (
            "How many evenings is the course?",
            "It has five evenings; three of them are left after two.",
            set(),
        ),
        ("We need seven evenings!", "Seven evenings are more than the course has.", set()),
        ("What do I need?", "You need two things: time and ten fingers.", set()),
        ("How many winches are there?", "There are three winches.", set()),
        ("How many evenings?", "Not eight evenings, I am afraid.", set()),
    ],
)
def test_a_small_count_of_what_the_knowledge_base_counts_is_one_of_its_own(
    question: str, answer: str, rules: set[str]
) -> None:
    assert _rules(question, answer) == rules
