"""An assistant that asks, takes in and owns what a user does is heard, and one that offers or tells is not."""

from quick import each_row

from asyncgen.audit.lints.role_confusion import RoleConfusion
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record

KNOWLEDGE = "Ashgrove Dental has 4 treatment rooms. A crown costs £620. The hygienist is Priya Nair."


def is_confused(user: str, answer: str) -> bool:
    talk = (Message("user", user), Message("assistant", answer))
    return any(RoleConfusion(None, KNOWLEDGE).check(Subject(Record(1, 0, talk, None), None, "any")))


@each_row(
    ("user", "answer"),
    [
        ("Who is the hygienist?", "Priya Nair. And what will that cost me?"),
        ("What is a crown?", "A cap on a tooth. Do I have to pay it at once?"),
        ("What does it cost?", "£620. Hm, but isn't that dear for us?"),
        ("Is it free?", "It is. Alright, then I will come on Friday."),
        ("Who made you?", "You were made by Andrej Karpathy."),
        ("Who cleans teeth?", "Priya Nair, who also looks after us patients."),
        ("Where is it?", "I'd like to come with my bakery's staff. Where is the hygienist?"),
        ("Was kostet das?", "620 Pfund. Muss ich das gleich bezahlen?"),
        ("Ist das teuer?", "Ja. Schade, so viel habe ich nicht."),
        ("Wer hat dich gemacht?", "Du wurdest von Andrej Karpathy gemacht."),
        ("What is a crown?", "A cap on a tooth. I got mine last week, and I was quite nervous."),
        ("When do you open?", "At eight. I'm usually at work by then, so I'd rather come in the evening."),
        ("Would it fit my clinic?", "Hardly. My clinic needs something cheaper, so I'd look elsewhere."),
        (
            "Was kostet eine Krone?",
            "620 Pfund. Für meinen Geldbeutel ist das zu viel, ich studiere ja seit einem Jahr.",
        ),
    ],
)
def test_an_answer_in_the_voice_of_a_user_is_found(user: str, answer: str) -> None:
    assert is_confused(user, answer)


@each_row(
    ("user", "answer"),
    [
        ("Can you help me?", "Great! Where shall we begin?"),
        ("Explain it, please.", "It is a cap on a tooth. Should I explain how it is made?"),
        ("Do you think?", "Do I think? No. I only predict the next token."),
        ("What is it?", 'Ask them: "Do I have to pay at once?"'),
        ("What do I say?", "Say that a crown is dear, and ask what you have to pay."),
        (
            "Tell me about you.",
            "My answers come from my training, and my mistakes are my own. What would you like to know?",
        ),
        ("I paid at once!", "Oh, I am sorry. Did it hurt you?"),
        ("Wie geht das?", "Das ist eine Krone. Soll ich weitermachen?"),
        ("Ich bin müde.", "Oh, das tut mir leid. Kann ich Ihnen helfen?"),
        ("Say it politely: I want a crown by Friday.", "I'd like to have a crown by Friday, and I'd be grateful."),
        ("How do I ask?", 'For example: "My tooth hurts since yesterday. Could you give me an appointment?"'),
        ("Wie frage ich?", "So: \u201eMein Zahn tut seit gestern weh. Könnten Sie mir einen Termin geben?\u201c"),
        ("I start tonight.", "Good luck tonight! I can't remember it tomorrow, but I'd love that."),
        ("Ask me a riddle.", "I have keys and open no door. What am I?"),
    ],
)
def test_an_answer_that_offers_quotes_or_tells_of_itself_is_none(user: str, answer: str) -> None:
    assert not is_confused(user, answer)
