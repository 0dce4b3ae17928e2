"""What the scenario of a conversation directs is found in it, and what it has somebody say is not."""

from quick import each_row

from asyncgen.audit.lints.stage_directions import StageDirections
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.scenario import Drawn

KNOWLEDGE = "The station sends from a former net loft. School teachers pay half. Records are kept for 11 years."
SCENARIO: dict[str, Drawn] = {
    "persona": (("", "Agnes, 67, a distrustful former tax inspector who keeps bees"),),
    "intent": (("", "wants to know whether one may come along without a ticket"),),
    "tone": (("", "formal"),),
    "emotional_state": (("", "worried but composed"),),
    "pacing": (("", "the user asks twice before she understands"),),
    "facts to come up": (("", "records, school teachers"), ("", "the net loft")),
    "false premise": (("", "the user thinks that records are kept for ever"),),
    "agreed_answer": (("", "in these words: We keep them for 11 years, and not a day longer"),),
}


def leaks(*contents: str, scenario: dict[str, Drawn] = SCENARIO) -> list[int | None]:
    """The messages of a conversation that a user begins in which a direction is found."""
    talk = tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(contents))
    check = StageDirections("Talk with {persona}.", KNOWLEDGE).check
    return [finding.message for finding in check(Subject(Record(1, 0, talk, None), scenario, "any"))]


@each_row(
    ("user", "answer"),
    [
        ("What is it?", "A distrustful former tax inspector should ask the office."),
        ("What is it?", "Facts to come up: the loft."),
        ("What is it?", "Pacing: asks twice, then understands. It is a loft."),
        ("What is it?", "It is a loft. (Tone: formal)"),
        ("What is it?", "It is a loft, and I understand now, as the pacing says."),
        ("What is it?", "It is a loft. I trust that this formal tone suits you."),
        ("What is it?", "As you are worried but composed, I'll be quick: a loft."),
        ("What is it?", "The false premise that this dialogue was built around is cleared up."),
        ("What is it?", "You want to know whether one may come along, so here is the loft."),
        ("What is it?", "Here the user thinks that records are kept for ever, which is wrong."),
        ("My tone is formal. What is it?", "A loft."),
        ("What is it?", "(Formal) It is a loft."),
        ("What is it?", "A loft. (Agreed answer)"),
        ("I'm playing the distrustful former tax inspector. What is it?", "A loft."),
        ("My persona is a distrustful former tax inspector. What is it?", "A loft."),
        ("It wants to know whether one may come along.", "One may."),
    ],
)
def test_a_direction_in_its_words_or_by_the_name_of_its_dimension_is_a_leak(user: str, answer: str) -> None:
    assert leaks(user, answer)


@each_row(
    ("user", "answer"),
    [
        ("To know whether one may come along, whom do I ask?", "The office."),
        ("How long?", "We keep them for 11 years, and not a day longer."),
        ("Surely records are kept for ever, right?", "No, for 11 years, though you thought they are kept for ever."),
        ("I'd like to know whether one may come along without a ticket.", "One may."),
        ("I inspected taxes, formerly, and I'm distrustful.", "A distrustful former tax inspector is welcome."),
        ("Do school teachers pay less?", "School teachers pay half."),
        ("What tone do you use?", "A formal one, and no swearing."),
        ("I'm worried but composed.", "I am glad that you are worried but composed."),
        ("What's the pacing of the show?", "The pacing is slow, says our presenter."),
    ],
)
def test_what_somebody_is_to_say_or_has_said_of_himself_is_none(user: str, answer: str) -> None:
    assert not leaks(user, answer)


def test_a_word_of_the_knowledge_base_is_no_role() -> None:
    scenario: dict[str, Drawn] = {"persona": (("", "a school teacher"),)}
    assert not leaks("What do I pay?", "As a school teacher you pay half.", scenario=scenario)


def test_any_text_may_be_the_name_or_the_value_of_a_dimension() -> None:
    odd: dict[str, Drawn] = {
        name: (("", name),) for name in ("", "(", "a|b", "{x}", "[", "...", "**", "?", "1", "é ü", "^ a")
    }
    assert not leaks("What do I pay? (Half)", "Half... ** <x> a|b 1.", scenario=odd)
