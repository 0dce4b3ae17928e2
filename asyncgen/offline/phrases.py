"""The words around the quotations: how users ask and react, how the assistant leads in.

Nothing here states a fact and nothing holds a digit: every figure in an answer comes from the knowledge base.
`{}` is the place of what is asked about.
"""

import re


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
