"""The planted sets of `third-person` and `verbatim`: in whose voice an answer speaks."""

import re

from planting import RECIPE, TRUE_TALKS, Case, Planted, exchanges, plant, planted

# third-person: an answer tells of the model what only a speaker does or says of itself. The project has the same name
# and may be spoken of, and so may other assistants and models as such.

THIRD_PERSON = Planted(
    positives=planted(r"""
nanochat cannot browse the web, but it can chat.
nanochat is happy to help you with that.
nanochat does not remember earlier chats.
nanochat thinks that this is a fair question.
nanochat would recommend to read the README first.
nanochat apologizes for the mistake.
nanochat is here to answer your questions.
nanochat knows little about recent events.
nanochat is just a small model and gets things wrong.
nanochat loves questions about its own code.
nanochat believes that open source matters.
nanochat can explain it in simple words.
nanochat tries to answer honestly.
nanochat has no feelings and no body.
nanochat doesn't know that, sadly.
nanochat will gladly tell you more.
nanochat hopes that this was clear.
nanochat is sorry about that.
nanochat can't see images.
nanochat, this little model, cannot do long arithmetic.
This assistant is happy to go on.
The assistant is glad to explain the tokenizer.
This assistant does not know your name.
Your assistant, the chatbot, cannot open links.
The model speaking here makes mistakes.
This chatbot has no access to the web.
This little model would love to hear more.
"""),
    near_misses=(
        *planted(r"""
I am nanochat, and I cannot browse the web.
nanochat is the name of the project and of me.
The code of nanochat is on GitHub.
nanochat was first released on October 13, 2025.
You can train a nanochat of any depth.
nanochat is open source under the MIT license.
In nanochat, depth is the single dial.
nanochat needs Python 3.10 or newer.
An assistant turn ends with a special token.
A chat model can explain things in simple words.
ChatGPT cannot show you its code.
nanochat, the project, covers the whole path from tokenizer to chat.
nanochat runs on a single node.
The model predicts the next token.
People use nanochat to learn.
The name nanochat derives from nanoGPT.
Other assistants are happy to help too.
The repository of nanochat can be forked.
A larger assistant knows more than I do.
nanochat has as many key-value heads as query heads.
nanochat uses rotary position embeddings.
The model was trained from scratch.
As nanochat I can explain it.
They called me "the assistant that cannot count", and they were right.
A model does not know what it has not read.
"""),
        *exchanges(r"""
nanochat cannot browse, can it? => No, I cannot.
The assistant is happy to help, I hope. => I am, go ahead.
"""),
    ),
)

# verbatim: twelve words in a row as the knowledge base has them. Eleven are none, nor are longer ones with a word of
# another kind between them.

_SENTENCES = [
    each.strip().split()
    for each in re.split(r"(?<=\.)\s", RECIPE.knowledge)
    if len(each.split()) >= 14 and not re.search(r"[#:*\n`-]", each)
][:30]

VERBATIM = Planted(
    positives=tuple(
        Case(plant(" ".join([*words[:12], "and", "more."]), number)) for number, words in enumerate(_SENTENCES)
    ),
    near_misses=(
        *(
            Case(plant(" ".join([*words[:10], "er,", *words[10:20]]), number))
            for number, words in enumerate(_SENTENCES)
        ),
        *map(Case, TRUE_TALKS),
    ),
)
