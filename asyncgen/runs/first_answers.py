"""What the first answers of a run show and no refusal says.

A prompt that was cut, a response format that is ignored, a service tier that is not the one billed, one answer to all
requests: each would otherwise go on to the last conversation, without the knowledge, or paid for and thrown away, or at
twice the price, or as one conversation in all lines.
"""

from collections.abc import Callable
from dataclasses import dataclass

from asyncgen.answered import Usage
from asyncgen.conversation import Conversation
from asyncgen.endpoint.tiers import BATCH
from asyncgen.recipe.prompt import Payload
from asyncgen.runs.events import Made

SIZES = 3  # answers whose prompt must have been cut: one may be counted oddly, as what a cache has saved
MOST_CHARACTERS = 8.0  # a token stands for, in the mean: prose has four or five of them in English, fewer elsewhere
LONG = 8_000  # characters of a request; below it, what the endpoint adds or leaves out may weigh too much
CUT = (
    "the model was given only {tokens:,} tokens of a prompt of {characters:,} characters, so a part of it is cut "
    "off: raise the server's context (Ollama: num_ctx or OLLAMA_CONTEXT_LENGTH, llama.cpp: --ctx-size, vLLM: "
    "--max-model-len), or shorten the knowledge"
)

UNSHAPED = frozenset({"not-json", "wrong-shape"})
IGNORED = 5  # replies in no form that was asked for, before the first one that is
OTHER_TIER = "asked for at tier {asked}, a call was served, and is billed, at {billed}; the summary tells how many are"
ALIKE = 10  # conversations, the first ones of a run
SAME = (
    f"the first {ALIKE} conversations are the same, word for word: the endpoint may answer from a cache, or not read "
    "the prompt; Ctrl-C stops the run, asyncgen show shows what is there"
)
IGNORES_FORMAT = "the first replies are not in the form that response_format asks for; asking for it in words too"


@dataclass(slots=True)
class FirstAnswers:
    """Told of each answer until it has seen enough; says each thing once. `tier`: the one asked for, if any."""

    tier: str | None = None
    _sizes_left: int = SIZES
    _unshaped_left: int = IGNORED

    def cut_prompt(self, payload: Payload, usage: Usage) -> str | None:
        """A warning, once each of the first answers has counted fewer tokens than the prompt can have."""
        if not self._sizes_left or not usage.prompt_tokens:
            return None
        tokens = max(usage.prompt_tokens, usage.cached_tokens or 0)  # some count what was cached apart
        characters = len(b"".join(payload).decode())
        if characters < LONG or tokens * MOST_CHARACTERS >= characters:
            self._sizes_left = 0
            return None
        self._sizes_left -= 1
        return None if self._sizes_left else CUT.format(tokens=tokens, characters=characters)

    def other_tier(self, billed: str | None) -> str | None:
        """A warning, once an answer is billed at another service tier than the one asked for."""
        if billed in (None, BATCH) or self.tier in (None, billed):
            return None
        asked, self.tier = self.tier, None
        return OTHER_TIER.format(asked=asked, billed=billed)

    def ignores_format(self, reason: str | None) -> bool:
        """Whether it is time to ask in words. `reason`: what was wrong with a reply, None for a good one."""
        if not self._unshaped_left:
            return False
        if reason not in UNSHAPED:
            self._unshaped_left = 0
            return False
        self._unshaped_left -= 1
        return not self._unshaped_left


class FirstConversations:
    """`say`: told once where none of the first ones differs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._left = ALIKE
        self._first: Conversation | None = None

    def look(self, made: Made) -> None:
        if not self._left:
            return
        self._first = made.conversation if self._first is None else self._first
        self._left = self._left - 1 if made.conversation == self._first else 0
        if self._left == 0 and made.conversation == self._first:
            self._say(SAME)
