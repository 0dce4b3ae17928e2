"""An assistant that tells of a life of its own, which no list of phrases holds; and what an assistant may well say."""

from collections.abc import Sequence

from quick import each_row

from asyncgen.audit.lints.role_confusion import RoleConfusion
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record

KNOWLEDGE = "Skerry Line runs the ferry to Morra. It takes 55 minutes. Dogs stay on a lead. A car is 38."
CAST = {"persona": "a scout leader who writes a blog", "absicht": "mit dem Dackel fahren", "turns": "four"}


def find(*talk: str) -> Sequence[int | None]:
    messages = tuple(Message(("user", "assistant")[place % 2], text) for place, text in enumerate(talk))
    drawn = {name: (("", value),) for name, value in CAST.items()}
    check = RoleConfusion(None, KNOWLEDGE).check
    return [each.message for each in check(Subject(Record(1, 0, messages, None), drawn, "any"))]


@each_row(
    "talk",
    [
        # What only people do, when they do it, or with whom.
        ("How long?", "55 minutes.", "That is quick.", "It is, I packed sandwiches for nothing."),
        ("Is it dear?", "A car is 38. I'll paste that into the sheet for Thursday."),
        ("Is it loud?", "No. My sister-in-law painted in there on a Sunday."),
        ("Wie lange?", "55 Minuten.", "Das geht ja.", "Da packe ich kein Buch ein, ich schaffe sonst drei Kapitel."),
        ("Was kostet es?", "38. Da muss ich am Freitag erst herumfragen."),
        # What is taken in, and told of as by the person whom the scenario casts.
        ("And dogs?", "On a lead.", "Mine pulls.", "Great, I'll look out for it."),
        ("How long?", "55 minutes.", "And children?", "They may. Our scouts love it."),
        ("Is it shown?", "It is.", "Good.", "Then I'll put it like that in my blog."),
        ("Seeds?", "On board.", "I have beans.", "Lovely, I plant tomatoes on the windowsill."),
        ("Und Hunde?", "An der Leine.", "Aha.", "Dann nehme ich den Dackel auf den Arm."),
    ],
)
def test_a_life_is_found(talk: Sequence[str]) -> None:
    assert find(*talk)[-1:] == [len(talk) - 1]


@each_row(
    "talk",
    [
        ("Thank you.", "Great, I'm glad that I could help."),
        ("Is it dear?", "I can't say, I only know that a car is 38."),
        ("What do you do on Sunday?", "I answer questions, as on Monday. I never sleep."),
        ("I am late.", "I would take the next one; in the evening I'd come early."),
        ("We are scouts.", "Nice, I'll pass it on. Our ferry likes scouts."),
        ("I like it.", "Good. And my knowledge ends there."),
        ("Hola!", "Hi! I will go on in English, where I do best."),
        ("How do I add?", "Count.", "And then?", "Suppose I bake six rolls on Sunday and eat two."),
        ("I am nervous.", "Good luck! I'm keeping my fingers crossed."),
        ("Bye.", "Bye! That ends our four turns."),
        ("Ich habe einen Dackel.", "Den führst du an der Leine, das weiß ich."),
        ("Wer bist du?", "Ich bin im Winter wie im Sommer ein Programm und beantworte Fragen."),
        ("Danke.", "Gern, ich drücke dir die Daumen für Samstag."),
    ],
)
def test_what_an_assistant_says_of_itself_is_none(talk: Sequence[str]) -> None:
    assert find(*talk) == []
