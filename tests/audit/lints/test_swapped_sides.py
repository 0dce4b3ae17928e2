"""Who speaks, as only what was said before and after shows it, or the scenario; and right talk that looks alike."""

from collections.abc import Mapping, Sequence
from functools import cache

from quick import each_row

from asyncgen.audit.lints.role_confusion import RoleConfusion
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record

KNOWLEDGE = """Skerry Line runs the ferry to Morra. It carries 220 passengers and 34 cars and takes 55 minutes.
Cars must be booked; booking closes 2 hours before sailing. A car is 38, and a student pays half. Dogs stay on a lead.
"""
PROMPT = "A user talks with Skua, the assistant. Skua is kind. Skua knows the ferry."


@cache
def check() -> RoleConfusion:
    return RoleConfusion(PROMPT, KNOWLEDGE)


def find(talk: Sequence[str], scenario: Mapping[str, str] | None = None) -> list[int | None]:
    messages = tuple(Message(("user", "assistant")[place % 2], text) for place, text in enumerate(talk))
    drawn = {name: (("", value),) for name, value in (scenario or {}).items()}
    return [each.message for each in check().check(Subject(Record(1, 0, messages, None), drawn, "any"))]


@each_row(
    ["talk", "place"],
    [
        # What was answered is told again by who asked.
        (("How long?", "55 minutes, and dogs stay on a lead.", "It takes 55 minutes; dogs stay on a lead.", "Yes."), 2),
        (("What is a car?", "38 for a car.", "A car is 38. Would you like to book one?", "Yes, please."), 2),
        # A question is asked back.
        (("Can I bring my dog?", "Can you bring your dog?"), 1),
        (("What do I have to bring?", "What you have to bring."), 1),
        (("I'm late for the ferry.", "You're late for the ferry."), 1),
        # The user serves, and the assistant is served.
        (("If you need a place, I can put you down.", "That would be great."), 0),
        (("Booking closes 2 hours before sailing.", "Interesting, then I'm too late."), 0),
        (("Wo ist das?", "Am Hafen.", "Ich empfehle Ihnen den Bus.", "Gute Idee, ich nehme ihn."), 2),
        (("Where?", "At the pier.", "Boarding is at the pier; booking closes before sailing.", "I see, I will."), 2),
        (("Gibt es Soup?", "Ja.", "Wir haben leider nur Soup, aber ich kann Ihnen Tee bringen.", "Gut, dann Tee."), 2),
        (("How long?", "55 minutes.", "I've noted your question and pass it on."), 2),
        (("Und Hunde?", "An der Leine.", "Dann reservieren wir Ihnen einen Platz am Heck.", "Schön."), 2),
        # What only somebody says who is helped, or is a customer.
        (("It won't start.", "Press the key twice.", "Try it again.", "Now it works, you're a lifesaver!"), 3),
        (("Is it worth it?", "As a regular guest I can say that it is."), 1),
        (("I lost the key.", "That happened to us as well, it was in the pram."), 1),
        (("Is it slow?", "It takes 55 minutes. Couldn't you people build a faster one?"), 1),
        # What was said is taken in, and told on; somebody is asked of a third, and knows it.
        (("How many cars?", "It carries 34 cars. Only 34? Yes, it is small."), 1),
        (("Darf mein Enkel mit?", "Wie alt ist er denn? Er wird im Mai neun."), 1),
        (("A car?", '"Is it dear?" "It is 38."'), 1),
        (("How long? - It takes 55 minutes. - And what does a car cost?", "38."), 0),
        # The assistant has a life.
        (("How long does it take?", "That's longer than I thought. I'd better tell my wife."), 1),
        (("I lost my ticket.", "So did I! Where do I buy a new one?"), 1),
    ],
)
def test_what_the_other_side_would_say_is_found(talk: Sequence[str], place: int) -> None:
    assert place in find(talk)


@each_row(
    "talk",
    [
        ("How long?", "55 minutes.", "55 minutes, good. And with a dog?", "The same."),
        ("Is it 38 for a car?", "It is 38 for a car."),
        ("I can help you carry bags if you need somebody.", "That's very kind of you! Ask at the pier."),
        ("Tell me about the ferry, please.", "It carries 220 passengers."),
        ("It takes 55 minutes, I've heard.", "That's right."),
        ("I missed the ferry.", "I'm sorry! Do you have a car with you?"),
        ("What do people ask you?", "People ask: how much does it cost, and can I bring my dog?"),
        ("My script stopped. In which format is the plan?", "It's on paper. Put a short pause in between."),
        ("It won't start.", "Press the key.", "It works now.", "Happy to hear that it works now!"),
        ("I'll pass it on to my pupils.", "Good!"),
        ("How old is he?", "How old is he? I don't know whom you mean."),
        ("The buoy is gone.", "Thanks for telling us.", "You're welcome. Is it back?", "I don't know."),
        ("Die Boje ist weg.", "Danke für den Hinweis!", "Gern geschehen.", "Bis bald!"),
        ("We sell tickets in our shop. What would you charge us?", "Ask at the pier."),
        ("Kann ich euch helfen?", "Das ist ein tolles Angebot! Frag am Hafen."),
        ("Dogs?", "Do you mean whether you may bring one? Yes, on a lead."),
        ("Hunde?", "Du möchtest wissen, ob dein Hund mitdarf? Ja, an der Leine."),
        ("Kannst du ein Gespräch an Bord schreiben?", "Kind: Wie weit ist es?\nVater: 55 Minuten."),
        (
            "My brother swears it takes an hour.",
            "Then I'm sorry for your brother: 55 minutes. How sure was he, I wonder?",
        ),
        ("Do you sleep?", "I only run while I'm answering. My silence can't tell you what sleep is. Are you tired?"),
        ("We sing on Friday.", "Bye! That's the best news I've heard in a while. See you at the pier."),
        ("Darf ich mit?", "Schön, dann wünsche ich Ihnen morgen eine gute Fahrt. Haben Sie denn ein Auto?"),
        (
            "I'm seasick.",
            "Sit outside.",
            "And on Hallay?",
            "I'd pack ginger biscuits tonight. Sit where your sister does.",
        ),
        ("A song?", "Is it a love song?", "Of my ex.", "Then I'd take that. May I ask how long ago it was?"),
        ("My file says:\nuser: anna\nport: 38\nWhat's wrong?", "I don't know that file."),
    ],
)
def test_what_either_side_may_say_is_left_alone(talk: Sequence[str]) -> None:
    assert find(talk) == []


def test_a_person_whom_the_scenario_casts_is_told_of_by_a_narrator_alone() -> None:
    scenario = {"persona": "a retired plumber who likes to chat", "topic": "a car"}
    for answer in (
        "It takes 55 minutes. The retired plumber rubs his knees.",
        "The plumber's face falls, and he looks at the sea.",
        "It takes 55 minutes, and the plumber thanks her.",
    ):
        assert find(["How long?", answer], scenario) == [1], answer
    for answer in ("The plumber you mentioned may board first.", "Ask the plumber.", "The car takes 55 minutes."):
        assert find(["How long?", answer], scenario) == [], answer


def test_whoever_the_scenario_calls_by_its_first_words_is_told_of_where_nobody_speaks() -> None:
    for scenario, first, is_told in (
        ({"persona": "Lars, a ferry captain"}, "Lars, a ferry captain with a cap, asks how long it takes.", True),
        ({"persona": "Frau Behrens, Lehrerin"}, "Frau Behrens, Lehrerin, tippt langsam: Wie lange?", True),
        ({"persona": "skipper of a trawler"}, "The skipper frowns and looks at his watch.", True),
        ({"persona": "Lars, a ferry captain"}, "Lars, a ferry captain, told me that it takes long.", False),
        ({"persona": "a former sound engineer"}, "A former sound engineer is welcome.", False),
    ):
        assert (find([first, "It takes 55 minutes."], scenario) == [0]) is is_told, first


def test_a_person_of_the_knowledge_base_may_do_there_what_it_says() -> None:
    scenario = {"persona": "a student"}
    assert find(["What is a car?", "The student boards with half a fare."], scenario) == []
    assert find(["What is a car?", "It is 38. The student smiles."], scenario) == [1]
