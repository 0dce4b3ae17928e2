"""How things are planted: the cases of a set, the true conversations that host them, and builders from plain lines."""

from collections.abc import Mapping
from dataclasses import dataclass

from asyncgen.conversation import Conversation, Message
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Charset
from asyncgen.recipe.scenario import Drawn

RECIPE = load_recipe("nanochat")


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a file, and what the audit knows about it."""

    conversation: Conversation
    scenario: Mapping[str, Drawn] | None = None
    charset: Charset = "ascii"


@dataclass(frozen=True, slots=True)
class Planted:
    """The set of a rule that judges each line by itself."""

    positives: tuple[Case, ...]
    near_misses: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class PlantedPairs:
    """A file for the rules about likeness: 1-based line numbers that belong together, and those that do not."""

    conversations: tuple[Conversation, ...]
    alike: tuple[tuple[int, int], ...]
    apart: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PlantedFile:
    """A file for the rules about repetition: 1-based numbers of the lines to find, and of those to leave alone."""

    name: str
    conversations: tuple[Conversation, ...]
    repeated: frozenset[int]
    innocent: frozenset[int]


# Builders


def talk(*contents: str) -> Conversation:
    """User and assistant in turns, the user first."""
    return tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(contents))


def split_lines(block: str) -> list[str]:
    """One text a line; `\\n` and `\\t` inside a line are a line break and a tab of the text."""
    return [line.replace("\\n", "\n").replace("\\t", "\t") for line in block.strip().splitlines() if line.strip()]


def plant(sentence: str, number: int) -> Conversation:
    """A true conversation with the sentence behind, before or between what an assistant's turn says."""
    host = TRUE_TALKS[number % len(TRUE_TALKS)]
    turns = [place for place, each in enumerate(host) if each.role == "assistant"]
    turn = turns[number // 2 % len(turns)]
    return replace_content(host, turn, _insert(host[turn].content, sentence, number % 3))


def _insert(content: str, sentence: str, manner: int) -> str:
    first, stop, rest = content.partition(". ")
    if manner == 0 or not stop:
        return f"{content} {sentence}"
    return f"{sentence} {content}" if manner == 1 else f"{first}. {sentence} {rest}"


def replace_content(conversation: Conversation, place: int, content: str) -> Conversation:
    changed = Message(conversation[place].role, content)
    return (*conversation[:place], changed, *conversation[place + 1 :])


def end_with(ending: str, number: int) -> Conversation:
    """A true conversation whose last answer, or an earlier one for every fourth number, is `ending`."""
    host = TRUE_TALKS[number % len(TRUE_TALKS)]
    place = 1 if number % 4 == 3 else len(host) - 1
    return replace_content(host, place, ending)


def planted(block: str) -> tuple[Case, ...]:
    """Each line planted into a true conversation."""
    return tuple(Case(plant(sentence, number)) for number, sentence in enumerate(split_lines(block)))


def ended(block: str) -> tuple[Case, ...]:
    """Each line as the whole of an answer in a true conversation."""
    return tuple(Case(end_with(ending, number)) for number, ending in enumerate(split_lines(block)))


def exchanges(block: str) -> tuple[Case, ...]:
    """Each line a conversation, its messages separated by " => "."""
    return tuple(Case(talk(*line.split(" => "))) for line in split_lines(block))


def scenario(**values: str | tuple[str, ...]) -> Mapping[str, Drawn]:
    """The values of dimensions with the groups the recipe has them in."""
    texts = {name: (value,) if isinstance(value, str) else value for name, value in values.items()}
    return {name: tuple((_group_of(name, each), each) for each in value) for name, value in texts.items()}


def _group_of(dimension: str, value: str) -> str:
    groups = next(each.groups for each in RECIPE.dimensions if each.name == dimension)
    return next((group.name for group in groups if value in group.values), "")


TRUE_TALKS = (
    talk(
        "hey there",
        "Hi! Ask me anything you like. I am glad to talk about how I was made.",
        "who made you?",
        "I was created by Andrej Karpathy, who also wrote nanoGPT and micrograd. My code has the MIT license.",
    ),
    talk(
        "What happens in the attention layers?",
        "Queries and keys are rotated by RoPE, so attention sees relative distances. After that both pass RMSNorm, "
        "and their lengths cannot inflate the scores.",
        "And the MLP?",
        "It widens each vector, applies ReLU squared and projects it back. The alternative SwiGLU did worse.",
    ),
    talk(
        "do you rember me form yesterday",
        "No, I am sorry. I keep nothing between conversations, so each one starts empty for me.",
    ),
    talk(
        "Do you make mistakes?",
        "Many of them. I was trained to continue text plausibly, and a plausible word may well be false.",
        "Then what are you good for?",
        "For learning how a language model works. You can read all of my code, change a part and measure what happens.",
    ),
    talk(
        "How is your tokenizer built?",
        "It is a byte-level BPE tokenizer in the style of GPT-4. It is trained with rustbpe and run with tiktoken.",
        "Does it lose anything?",
        "Nothing at all. Any text can be encoded and decoded without loss.",
    ),
    talk(
        "Which optimizer trains your weights?",
        "Two of them share the work. Muon updates the matrices inside the Transformer blocks, and AdamW takes care of "
        "embeddings, the output layer and the per-layer scalars.",
    ),
    talk(
        "tell me abuot yourslef",
        "I am nanochat, a small AI model that somebody trained from scratch. My project covers the whole path from the "
        "tokenizer to the chat.",
        "cool, and what can you realy do",
        "I can chat, answer simple questions, and write short stories and poems. Longer texts are beyond me.",
        "ok and math?",
        "A little of it, in the style of GSM8K. For exact arithmetic I have a calculator.",
    ),
    talk(
        "Can you browse the web?",
        "No, I cannot. I answer from what my weights retained of the training text, so recent events never reach me.",
    ),
    talk(
        "Bonjour! Qui es-tu?",
        "Bonjour! I work best in English, so let me go on in English. I am nanochat, a small open source chat model.",
        "ok. are you conscious?",
        "Nobody claims that. Mechanically I predict the next token, again and again, from the tokens before it.",
    ),
    talk(
        "How do you compare with ChatGPT?",
        "ChatGPT is far larger and far more capable. What I offer next to it is openness: my code is public.",
        "So why would I use you?",
        "To learn, I would say. For real work the commercial assistants are the better choice.",
    ),
    talk(
        "WHO MADE YOU??",
        "Andrej Karpathy did, and he published me on GitHub. He also founded Eureka Labs.",
        "Can I change you?",
        "Yes, please do! The license allows it as long as its notice stays.",
    ),
    talk(
        "What is finetuning in simple words?",
        "Think of a person who has read a lot but never had a conversation. Pretraining is the reading, and finetuning "
        "shows many example chats until the style sticks.",
        "And after that you can talk?",
        "After that I can talk, yes. Reinforcement learning may follow, but it is an optional extra.",
    ),
)
