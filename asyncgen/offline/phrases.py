"""The words around the quotations: how users ask and react, how the assistant leads in.

Nothing here states a fact and nothing holds a digit: every figure in an answer comes from the knowledge base.
`{}` is the place of what is asked about.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in re.split(r"\||\n", text.strip()))


# Here `{}` is "about the oven" or "how the oven works", in the list after it "the oven".
QUESTIONS = _phrases("""
    Can you tell me {}? | Could you tell me {}? | Tell me {}, please. | I would like to know {}.
    I have been wondering {}. | I am curious {}. | Would you tell me {}?
""")
NAMED_QUESTIONS = _phrases("""
    What can you tell me about {}? | What should I know about {}? | Could you explain {}? | What about {}?
    What is the story with {}? | Could you walk me through {}? | Can we talk about {}? | What is there to say about {}?
""")
# The first words of a talk, about something that has no name.
OPENING_QUESTIONS = _phrases("""
    What can you tell me about this? | Where should I begin with this? | Could you give me an overview?
    What should I know first? | I have a question: what is this about? | Can you explain this to me, please?
    I am new to this. Where do I start? | What is the most important thing to know? | Tell me a bit about this, please.
    I would like to understand this better. | Would you introduce me to this? | What is this all about?
""")
MORE_QUESTIONS = _phrases("""
    Can you say more about that? | What else is there to know? | Could you go into more detail? | And beyond that?
    Is there more to it? | Can you go one step further? | Could you expand on that? | Go on, please.
    Anything else on that? | What would you add to that?
""")
CLAIMS = _phrases("""
    Is it true that {}? | I read that {}. Is that right? | Someone told me that {}. Can you confirm it?
    Is it correct that {}? | I have heard that {}. True? | Would it be fair to say that {}?
""")
MISTAKES = _phrases("""
    As far as I know, {}, right? | From what I have heard, {}. Is that right? | I always assumed that {}.
    My understanding is that {}. Yes? | I was told that {}. | So {}, correct?
""")
CONNECTORS = _phrases("Also, | And | While we are at it, | On top of that,")

GREETINGS = _phrases("""
    Hello! What would you like to know? | Hi! Ask me anything you like. | Hi there! What are you curious about?
    Hey! Nice to meet you. What is on your mind? | Hello! Where shall we begin? | Welcome! What can I help you with?
""")
FOREIGN_REPLIES = _phrases("""
    Hello! I work best in English, so let me answer in English. | Welcome! English works best for me.
    Hi there! I will go on in English, where I do best.
""")
INTROS = _phrases(
    "Sure. | Gladly. | Of course. | Happy to explain. | Certainly. | Here is the gist. | Let me tell you."
)
CONFIRMATIONS = _phrases("Yes, that is right. | That is correct. | Yes. | Right. | Yes, exactly. | You heard right.")
CORRECTIONS = _phrases("Not quite. | That is a common mix-up, but no. | Actually, no. | Let me set that straight.")
NOTHING_LEFT = tuple(
    begin + end
    for begin in ("", "Sorry, that was it. ", "Let me be plain. ", "To be honest: ")
    for end in _phrases("""
        That is all I know about it. | My knowledge of this ends here. | I have no further facts on it.
        More than that I cannot tell you. | I do not know more than that.
    """)
)

# By persona and dynamic: how a user reacts to an answer; the first list is for everybody.
REACTIONS = tuple(
    (re.compile(pattern, re.IGNORECASE), _phrases(phrases))
    for pattern, phrases in (
        ("", "Thanks. | I see. | Okay. | Got it. | That helps. | Interesting. | Good to know. | Makes sense."),
        ("skeptic|sceptic|doubt", "Hm, fair enough. | I am not convinced yet. | If you say so. | Sounds too good."),
        ("beginner|novice|child|new to", "Oh, okay. | I think I follow. | That is new to me. | I had no idea."),
        ("engineer|expert|technical|contributor", "Understood. | Noted. | Clear so far. | That is useful."),
        ("journalist|reporter|writer", "Thank you, that is quotable. | That is clear. | I can use that."),
        ("student|teacher|pupil", "Ah, now it clicks. | Thanks, that helps a lot. | That is a good example."),
        ("enthusias|excited", "Wow! | Love it! | That is so cool! | Amazing! | Great stuff!"),
        ("casual|relaxed|hobby", "Ah ok. | Cool. | Nice. | Huh, neat. | Fair. | Gotcha."),
    )
)
# Personas and dynamics whose users often ask whether a statement is true, or assume the opposite of one.
DOUBTFUL = re.compile("[sS][ck]eptic|doubt|misconception|mistake|false")


@dataclass(frozen=True, slots=True)
class Voice:
    """What is said in a language other than English. In `named`, `{}` is a heading of the knowledge base."""

    openings: tuple[str, ...]
    more: tuple[str, ...]
    named: tuple[str, ...]
    reactions: tuple[str, ...]
    greetings: tuple[str, ...]
    intros: tuple[str, ...]
    nothing_left: tuple[str, ...]


_GERMAN = Voice(
    openings=_phrases("""
        Was sollte ich zuerst wissen? | Können Sie mir das erklären? | Womit fange ich am besten an?
        Worum geht es hier? | Ich bin neu hier. Was ist wichtig? | Können Sie mir einen Überblick geben?
    """),
    more=_phrases("""
        Können Sie dazu mehr sagen? | Was gibt es noch zu wissen? | Und darüber hinaus? | Gibt es noch etwas dazu?
        Können Sie das genauer erklären? | Was sollte ich noch beachten? | Und sonst? | Können Sie das ausführen?
    """),
    named=_phrases("""
        Was können Sie mir zu „{}“ sagen? | Was sollte ich über „{}“ wissen? | Können Sie mir „{}“ erklären?
        Wie ist das mit „{}“? | Was gibt es zu „{}“ zu sagen?
    """),
    reactions=_phrases("Danke. | Verstehe. | Alles klar. | Das hilft mir. | Gut zu wissen. | Aha. | Vielen Dank!"),
    greetings=_phrases("""
        Hallo! Was möchten Sie wissen? | Guten Tag! Womit kann ich helfen? | Hallo! Worum geht es?
    """),
    intros=_phrases("Gern. | Natürlich. | Aber gern. | Sicher. | Kurz gesagt:"),
    nothing_left=_phrases("""
        Mehr weiß ich darüber leider nicht. | Dazu habe ich keine weiteren Angaben. | Mehr kann ich dazu nicht sagen.
        Hier endet, was ich weiß. | Das weiß ich leider nicht.
    """),
)
_FRENCH = Voice(
    openings=_phrases("""
        Que faut-il savoir avant tout ? | Pouvez-vous m'expliquer cela ? | Par où commencer ? | De quoi s'agit-il ?
        Je découvre tout cela. Qu'est-ce qui est important ? | Pouvez-vous me donner une vue d'ensemble ?
    """),
    more=_phrases("""
        Pouvez-vous m'en dire plus ? | Qu'y a-t-il d'autre à savoir ? | Et à part cela ? | Y a-t-il autre chose ?
        Pouvez-vous préciser ? | À quoi dois-je encore faire attention ? | Et ensuite ? | Pouvez-vous développer ?
    """),
    named=_phrases("""
        Que pouvez-vous me dire sur « {} » ? | Que faut-il savoir sur « {} » ? | Pouvez-vous m'expliquer « {} » ?
        Et pour « {} », comment ça se passe ? | Qu'y a-t-il à savoir sur « {} » ?
    """),
    reactions=_phrases("Merci. | Je vois. | D'accord. | Ça m'aide. | C'est bon à savoir. | Ah bon. | Merci beaucoup !"),
    greetings=_phrases("""
        Bonjour ! Que voulez-vous savoir ? | Bonjour ! Comment puis-je vous aider ? | Bonjour ! De quoi s'agit-il ?
    """),
    intros=_phrases("Volontiers. | Bien sûr. | Avec plaisir. | Certainement. | En bref :"),
    nothing_left=_phrases("""
        Je n'en sais pas plus, désolé. | Je n'ai pas d'autre information à ce sujet. | Je ne peux pas en dire plus.
        Mes connaissances s'arrêtent là. | Malheureusement, je ne le sais pas.
    """),
)
_SPANISH = Voice(
    openings=_phrases("""
        ¿Qué debería saber primero? | ¿Me lo puede explicar? | ¿Por dónde empiezo? | ¿De qué se trata?
        Soy nuevo en esto. ¿Qué es lo importante? | ¿Me puede dar una visión general?
    """),
    more=_phrases("""
        ¿Me puede contar más? | ¿Qué más hay que saber? | ¿Y aparte de eso? | ¿Hay algo más?
        ¿Puede precisarlo? | ¿Qué más debo tener en cuenta? | ¿Y después? | ¿Puede explicarlo con más detalle?
    """),
    named=_phrases("""
        ¿Qué me puede decir sobre «{}»? | ¿Qué hay que saber sobre «{}»? | ¿Me puede explicar «{}»?
        ¿Y cómo es lo de «{}»? | ¿Qué hay que decir sobre «{}»?
    """),
    reactions=_phrases(
        "Gracias. | Ya veo. | De acuerdo. | Eso me ayuda. | Es bueno saberlo. | Ah, vale. | ¡Muchas gracias!"
    ),
    greetings=_phrases("""
        ¡Hola! ¿Qué le gustaría saber? | ¡Buenas! ¿En qué puedo ayudarle? | ¡Hola! ¿De qué se trata?
    """),
    intros=_phrases("Con mucho gusto. | Claro. | Por supuesto. | Desde luego. | En resumen:"),
    nothing_left=_phrases("""
        No sé más sobre eso, lo siento. | No tengo más información al respecto. | No puedo decir más.
        Hasta aquí llega lo que sé. | Lamentablemente, eso no lo sé.
    """),
)
# As a scenario names a language.
VOICES: Mapping[str, Voice] = {
    name: voice
    for names, voice in (
        ("de german deutsch", _GERMAN),
        ("fr french français", _FRENCH),
        ("es spanish español", _SPANISH),
    )
    for name in names.split()
}
