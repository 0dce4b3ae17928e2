from collections.abc import Iterable, Mapping

import pytest

from asyncgen.audit.openers import OpenerCheck, find_clash
from asyncgen.audit.rules import Finding, Subject
from asyncgen.conversation import Conversation, Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.balanced import Drawn
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Dimension, Group

CALM = ("Who made you?", "How large are you?", "Good afternoon.")
LOW = ("so what are you", "hey, you up?", "waht is this")
LOUD = ("OMG finally!", "Who made you?", "hey there")


@pytest.mark.parametrize(
    ("opener", "examples", "clash"),
    [
        ("Hola! Que eres tu?", CALM, "not in English"),
        ("你好 你是谁", CALM, "not in English"),
        ("TELL ME HOW YOU WORK", CALM, "in capitals"),
        ("I love this!!! Tell me more.", CALM, "exclaiming"),
        ("Hello!", ("Who made you?", "is you open sorce?", "Can you browse?"), "only a greeting"),
        ("Could you describe your architecture?", LOW, "with capitals"),
        ("yo what can you do", CALM, "without capitals"),
        ("well, " + "and then " * 30 + "what?", LOW, "long"),
    ],
)
def test_an_opener_unlike_all_examples_is_told(opener: str, examples: tuple[str, ...], clash: str) -> None:
    assert find_clash(opener, examples) == clash


@pytest.mark.parametrize(
    ("opener", "examples"),
    [
        ("Hola, quien eres?", ("Bonjour! Qui es-tu?", "Hello.", "sup")),
        ("TELL ME HOW YOU WORK!!!", LOUD),
        ("HELLO!!!", LOUD),
        ("hey there", LOW),
        ("Hello. I would like to know how large the model is, and who has made it.", CALM),
        ("hi. Could you explain the release?", LOW),
        ("I ask because GPT-2 was larger.", LOW),
        ("GPT-2 was larger, was it not?", LOW),
        ("ok so tell me", LOW),
        ("Yes", LOW),
        ("?", CALM),
        ("", CALM),
        ("TELL ME", ()),
    ],
)
def test_an_opener_like_one_of_the_examples_passes(opener: str, examples: tuple[str, ...]) -> None:
    assert find_clash(opener, examples) is None


OPENERS = Dimension("first_message_examples", (Group("calm", CALM),), grouped=True, pick=1)
ANSWER = Message("assistant", "WITH PLEASURE, AND LOUDLY")


def check(found: Conversation, drawn: Drawn, *dimensions: Dimension) -> list[Finding]:
    scenario: Mapping[str, Drawn] = {dimensions[-1].name: drawn}
    return list(OpenerCheck(dimensions)(Subject(Record(7, 0, found, 0), scenario, "any")))


def test_the_first_message_of_the_user_is_what_is_looked_at() -> None:
    shown = tuple(("calm", each) for each in CALM)
    opener = Message("user", "TELL ME HOW YOU WORK")
    assert check((Message("user", "Who are you?"), ANSWER, opener), shown, OPENERS) == []
    (finding,) = check((Message("system", "Be calm."), opener, ANSWER), shown, OPENERS)
    assert finding == Finding("opener-style", 7, 1, "in capitals: TELL ME HOW YOU WORK")
    assert check((ANSWER,), shown, OPENERS) == []


def test_a_pick_of_something_else_says_nothing_about_openers() -> None:
    words = Dimension("words_to_use", (Group("calm", CALM),), grouped=True, pick=1)
    shown = tuple(("calm", each) for each in CALM)
    assert check((Message("user", "TELL ME HOW YOU WORK"), ANSWER), shown, words) == []


# ---- groups of examples, here of a bakery's recipe

TOPIC = Dimension("topic", (Group("", ("sourdough bread and its crust", "gluten free cakes", "opening hours")),))
BAKERY = {
    "polite": (
        "Good morning, could I ask about your bread?",
        "Hello, I would like to order a cake.",
        "Good afternoon, do you deliver?",
        "Hi, may I ask a question?",
        "Good evening, are you still open?",
    ),
    "terse": ("price of rye loaf", "open sunday?", "gluten free options", "delivery cost", "cake sizes"),
    "angry": (
        "My bread was STALE!",
        "This is UNACCEPTABLE!",
        "WHERE is my order?!",
        "I waited an HOUR!",
        "NEVER again!",
    ),
    "spanish": (
        "Hola, tienen pan de centeno?",
        "Buenas, que horario tienen?",
        "Hola! cuanto cuesta una tarta?",
        "hola, hacen entregas?",
        "Buenos dias, tienen algo sin gluten?",
    ),
    "asking": (
        "What time do you close?",
        "Do you sell rye bread?",
        "How long does the sourdough keep?",
        "Which cakes are gluten free?",
        "Where is the shop?",
    ),
}


def grouped(groups: Mapping[str, tuple[str, ...]]) -> Dimension:
    return Dimension("openers", tuple(Group(*each) for each in groups.items()), grouped=True, pick=1)


def clashes(opener: str, groups: Iterable[str], recipe: Mapping[str, tuple[str, ...]] = BAKERY) -> set[bool]:
    """Whether there is a finding, with the first examples of these groups and with their last."""
    talk = (Message("user", opener), ANSWER)
    return {
        bool(check(talk, tuple((group, recipe[group][place]) for group in groups), TOPIC, grouped(recipe)))
        for place in (0, -1)
    }


@pytest.mark.parametrize(
    ("opener", "groups"),
    [
        ("What time do you close on Sundays?", "polite spanish"),
        ("How long does the crust stay crisp?", "polite angry"),
        ("I would like to know which cakes are free of gluten.", "terse spanish"),
        ("Could you tell me whether you deliver within the city?", "terse angry"),
        ("Your bread is the best in town.", "asking"),
        ("MY CAKE NEVER ARRIVED!!!", "asking polite"),
        ("Hola, que tartas tienen para el domingo?", "asking terse"),
        ("wo ist der laden und was kostet das brot", "asking polite"),
        ("ok so u guys open or what", "asking"),
        ("The loaf that I bought yesterday was too dense.", "polite terse"),
    ],
)
def test_an_opener_without_the_marks_of_any_group_shown_is_told(opener: str, groups: str) -> None:
    assert clashes(opener, groups.split()) == {True}


@pytest.mark.parametrize(
    ("opener", "groups"),
    [
        ("Hello! Which loaf would you recommend?", "polite spanish"),
        ("I want my money BACK!", "polite angry"),
        ("birthday cake for ten", "terse spanish"),
        ("Rye loaf price", "terse polite"),
        ("What is teh price of the rye loaf?", "terse angry"),
        ("Tell me how the sourdough is made.", "asking"),
        ("Hi there, what do you charge for delivery?", "asking polite"),
        ("Buenas tardes, abren hoy?", "spanish angry"),
        ("Good day. My cake was burnt, and I would like a refund.", "polite angry"),
        ("I wonder if you have baguettes.", "polite asking"),
        ("Rye?", "polite spanish"),
    ],
)
def test_an_opener_with_the_marks_of_one_group_shown_passes(opener: str, groups: str) -> None:
    assert clashes(opener, groups.split()) == {False}


def test_groups_of_few_examples_or_without_a_style_ask_for_nothing() -> None:
    few = {name: values[:4] for name, values in BAKERY.items()}
    mixed = {"mixed": tuple(values[0] for values in BAKERY.values())}
    assert clashes("The loaf that I bought yesterday was too dense.", ["polite", "angry"], few) == {False}
    assert clashes("The loaf that I bought yesterday was too dense.", ["mixed"], mixed) == {False}


def test_descriptions_of_openers_are_no_examples_of_them() -> None:
    described = {"how": ("a short greeting", "a polite question", "an angry complaint", "a typo or two", "plain words")}
    assert clashes("What time do you close on Sundays?", ["how"], described) == {False}


def test_plain_speech_of_another_language_is_not_held_to_greetings_in_it() -> None:
    german = {
        "gruss": ("Hallo!", "Hallo, wer bist du?", "Guten Tag, sind Sie da?", "Hallo zusammen!", "Hallo, wie geht es?")
    }
    assert clashes("Mich interessiert, wie das Brot gebacken wird.", ["gruss"], german) == {False}


# ---- the built-in recipe


def test_every_example_fits_every_other_of_its_group() -> None:
    dimensions = load_recipe("nanochat").dimensions
    (openers,) = [each for each in dimensions if each.pick is not None]
    opener_check = OpenerCheck(dimensions)
    for group in openers.groups:
        for opener in group.values:
            talk = (Message("user", opener), ANSWER)
            for example in group.values:
                subject = Subject(Record(1, 0, talk, 0), {openers.name: ((group.name, example),)}, "ascii")
                assert list(opener_check(subject)) == []
