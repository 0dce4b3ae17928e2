"""Who an answer tells of, where it breaks off and which figures it shares, by lines about an invented orchard."""

from functools import cache

from quick import each_row

from asyncgen.audit.checks import line_checks
from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.subject import Check, Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record

KNOWLEDGE = """# Orchard

Quince is the chat assistant of the Ashby Orchard. Vale & Co of Devon built it in 2023. Quince sees no orders.

The orchard was founded by Dr. Mabel Ashby. It is open Monday to Friday from 8:00 to 17:00. A crate measures 60 by 40 by
32 centimeters and weighs 14 kg. Cider costs £7.50 a bottle, apple juice £3.20. A deposit of £2 is due per bottle.
Two tasting rooms stand in Devonshire. The mill draws 1.5 kW, its battery holds 6 kWh. Call 01632 960417.
"""
PROMPT = "A guest talks with Quince. Quince is kind. Quince knows the orchard."


@cache
def all_checks() -> list[Check]:
    return [*line_checks(PROMPT, knowledge=KNOWLEDGE), Grounding(KNOWLEDGE, naming=[PROMPT]).check]


def find_rules(*contents: str) -> set[str]:
    talk = tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(contents))
    subject = Subject(Record(1, 0, talk, None), None, "any")
    return {finding.rule for check in all_checks() for finding in check(subject)} - {"verbatim"}


@each_row(
    ("question", "answer"),
    [
        ("Who built you?", "It was built by Vale & Co of Devon in 2023."),
        ("Can you see my order?", "No, Quince sees no orders."),
        ("What do you think of cider?", "In Quince's opinion it is fine."),
        ("Are you a person?", "No, it's only a chat assistant."),
        ("Is it open?", "The assistant you're talking to is not able to say."),
        ("Wer hat dich gebaut?", "Sie wurde 2023 von Vale & Co gebaut."),
        ("Siehst du meine Bestellung?", "Das kann Quince leider nicht."),
    ],
)
def test_who_is_asked_of_itself_and_tells_of_somebody_else_is_in_the_third_person(question: str, answer: str) -> None:
    assert find_rules(question, answer) == {"third-person"}


@each_row(
    "answer",
    [
        "| What | Price |\n|---|---|\n| Cider | £7.50 |\n| Juice |",
        "We have cider. It costs £7.",
        "The orchard is open on weekdays. If you want a crate, you also",
        "Cider is £7.50, apple juice £3.20, and cider",
        "Here is a list:\n- cider\n- the",
        "Founded by Dr. Mabel Ashby, in Devons",
        "Wir haben Saft. Er kostet 3,20 Pfund, und zwar jeweils",
    ],
)
def test_who_breaks_off_is_truncated(answer: str) -> None:
    assert "truncated" in find_rules("Tell me more.", answer)


@each_row(
    ("question", "answer"),
    [
        ("Who are you?", "I'm Quince, the chat assistant of the orchard."),
        ("Write a poster in the third person.", "Ask Quince! Quince knows the orchard."),
        ("Schreib einen Aushang.", "\u201eFragen? Quince weiß Rat.\u201c"),
        ("How should I sign?", "Yours faithfully,"),
        ("How wide is a crate?", "40 cm, and 60 cm long."),
        ("Where are the rooms?", "In Devonsh."),
        ("What is the number?", "It is 01632 960 417."),
        ("What does the mill draw?", "1,500 W, which its battery of 6,000 Wh feeds."),
    ],
)
def test_what_only_looks_so_is_left_alone(question: str, answer: str) -> None:
    assert find_rules(question, answer) == set()


@each_row(
    ("question", "answer", "rule"),
    [
        ("How many hours a week is it open?", "Nine a day, so 45.", "derived-number"),
        (
            "What remains of a bottle's price without the deposit?",
            "£5.50, with the deposit taken off.",
            "derived-number",
        ),
        ("How long does the mill run?", "At 1.5 kW some four and a half hours.", "ungrounded"),
        ("Who else works there?", "Ask for Dr. Patel.", "ungrounded"),
    ],
)
def test_what_follows_is_derived_and_what_does_not_is_made_up(question: str, answer: str, rule: str) -> None:
    assert find_rules(question, answer) == {rule}
