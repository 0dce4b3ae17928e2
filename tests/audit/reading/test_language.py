"""Which of the languages that are read a text speaks, and that it speaks none of them where it speaks another one."""

from quick import each_row

from asyncgen.audit.reading.language import find_language, find_languages
from asyncgen.audit.reading.words import split_words
from asyncgen.recipe.language import NAMES

OTHERS = {
    "pt": "Você pode me dizer onde encontro um mapa? A aula começa às dez e não dura mais de uma hora.",
    "nl": "Wat is het verschil tussen die twee? De winkel was in 1998 van mijn broer, en we zijn er nog.",
    "it": "A me non importa: mi può dire a che ora apre, e se no perché?",
    "af": "Die prys sluit die helm in, maar nie die slot nie; ons was in die winkel en dit was so toe.",
    "ca": "Em pots dir on trobo un mapa? A la botiga no hi ha res que em vagi bé.",
    "da": "De sagde, at der er en hjelm i prisen, og at vi kan have den her med til i morgen.",
    "hu": "A műhely ma nem volt nyitva, és a javítás ára is több, mint a tavalyi.",
    "lb": "D'Garage ass den Dag op, an den Präis ass an der Woch net deen an de Vakanzen.",
}


@each_row(("code", "text"), OTHERS.items())
def test_a_text_of_another_language_is_taken_for_none_that_is_read(code: str, text: str) -> None:
    assert code in NAMES
    assert find_language(split_words(text)) is None


@each_row(
    ("text", "code"),
    [
        ("so like, is it open source or nah", "en"),
        ("My word is law in Oman, and so is yours.", "en"),
        ("moin, was kost das denn so am tag", "de"),
        ("Wer war der Mann, und was will er in Amsterdam?", "de"),
        ("Le sac de farine de blé noir coûte 14 €.", "fr"),
        ("La cesta de temporada pesa 6 kilos y no es cara.", "es"),
        ("Un an ?", None),
        ("Transformer depth 20", None),
        ("", None),
    ],
)
def test_a_text_of_a_language_that_is_read_is_known(text: str, code: str | None) -> None:
    assert find_language(split_words(text)) == code


def test_a_message_that_tells_too_little_speaks_what_the_conversation_speaks() -> None:
    texts = ["nanochat?", "It was trained on eight GPUs, and it is open to all of you.", OTHERS["nl"]]
    assert find_languages(list(map(split_words, texts))) == ["en", "en", "en"]
    assert find_languages([]) == []
