"""Conversations: a scenario each, one request, and the reply that keeps the recipe's rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from asyncgen.conversation import Conversation, encode_document, encode_line
from asyncgen.endpoint.answer import Completion
from asyncgen.jobs.work import Product, Request, Work
from asyncgen.output.journal import CONVERSATIONS
from asyncgen.recipe.accept import parse_conversation
from asyncgen.recipe.recipe import MODEL, Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.recipe.talk import prompts_by_seat

WHOLE = "conversation"
METADATA_KEYS = frozenset({"index", "model", "finish_reason", "asks", "request_id"})


class Reopened(NamedTuple):
    """A work that begins where a line is to be written again.

    `text`: what is there, as whoever is asked has written it; `what`: a word for that. Without a text who is asked is
    shown nothing.
    """

    work: Work
    text: str = ""
    what: str = WHOLE


@dataclass(frozen=True, slots=True)
class Conversations:
    """`model`: the one that is asked. `save_metadata`: lines say what they are made of."""

    recipe: Recipe
    scenarios: Scenarios
    model: str
    save_metadata: bool
    kind: str = CONVERSATIONS

    @property
    def prompts(self) -> Mapping[str, Recipe]:
        """Every model that shares the work has a seat of its own with the same prompts; so has each side of a talk."""
        return {each.name: self.recipe for each in self.recipe.models} or prompts_by_seat(self.recipe)

    @property
    def digests(self) -> Mapping[str, str]:
        return self.recipe.digests()

    def make_product(
        self, index: int, values: Mapping[str, str], conversation: Conversation, reply: Completion, ask: int
    ) -> Product:
        """`values`: the scenario. `reply`: the last one; `ask`: how often it was asked for."""
        if not self.save_metadata:
            return Product(conversation, encode_line(conversation))
        metadata = {
            "index": index,
            **values,
            "model": reply.model or (values[MODEL] if self.recipe.models else self.model),
            "finish_reason": reply.finish_reason,
            "asks": ask,
            "request_id": reply.request_id,
        }
        return Product(conversation, encode_line(conversation, metadata))

    def open(self, index: int) -> Work:
        return ConversationWork(self, index)

    def reopen(self, index: int, conversation: Conversation, places: Collection[int | None]) -> Reopened:
        """`places`: the messages in which something is wrong, None for the whole of it."""
        del places
        return Reopened(self.open(index), encode_messages(conversation))


def encode_messages(conversation: Conversation) -> str:
    """As a reply has them."""
    return encode_document({"messages": conversation}).decode().rstrip("\n")


class ConversationWork:
    __slots__ = ("_index", "_job", "request")

    def __init__(self, job: Conversations, index: int) -> None:
        self._job = job
        self._index = index
        values = job.scenarios.draw(index)
        self.request = Request(values, values[MODEL] if job.recipe.models else "")

    def take(self, reply: Completion, *, ask: int) -> Product:
        conversation = parse_conversation(reply.text, self._job.recipe.rules, finish_reason=reply.finish_reason)
        return self._job.make_product(self._index, self.request.values, conversation, reply, ask)
