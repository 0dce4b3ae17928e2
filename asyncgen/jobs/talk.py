"""Conversations whose two sides are written by calls of their own: the scenarios are those of one call for both.

Every reply but the last one is a step: a run that goes on later does not ask for it again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain

from asyncgen.conversation import Conversation, Message
from asyncgen.endpoint.answer import Completion
from asyncgen.errors import BadReplyError
from asyncgen.jobs.conversation import Conversations, Reopened, encode_messages
from asyncgen.jobs.work import Product, Request, Work
from asyncgen.recipe.accept import check_conversation, clean_message, read_side
from asyncgen.recipe.talk import ASSISTANT, SAID, USER, count_messages
from asyncgen.text import quantity


@dataclass(frozen=True, slots=True)
class Apart(Conversations):
    """A call without the knowledge base for what the user says, and one for all answers."""

    def open(self, index: int) -> Work:
        return _ApartWork(self, index, self.scenarios.draw(index))

    def reopen(self, index: int, conversation: Conversation, places: Collection[int | None]) -> Reopened:
        """What the user says stays where nothing is wrong with it, and the answers are written again."""
        if any(place is None or not place % 2 for place in places):
            return Reopened(self.open(index))
        work = _ApartWork(self, index, self.scenarios.draw(index))
        work.answer(tuple(each.content for each in conversation if each.role == USER))
        return Reopened(work, encode_messages(tuple(each for each in conversation if each.role == ASSISTANT)))


@dataclass(frozen=True, slots=True)
class TurnByTurn(Conversations):
    """A call for each message; who plays the user sees the talk with the roles the other way round."""

    def open(self, index: int) -> Work:
        return self._go_on(index, ())

    def reopen(self, index: int, conversation: Conversation, places: Collection[int | None]) -> Reopened:
        """The talk stays up to the first message in which something is wrong, and goes on from there."""
        first = min((-1 if place is None else place for place in places), default=0)
        work = self._go_on(index, conversation[: max(first, 0)])
        return Reopened(work, conversation[first].content, "message") if first > 0 and first % 2 else Reopened(work)

    def _go_on(self, index: int, said: Conversation) -> Work:
        talk, values = self.recipe.talk, self.scenarios.draw(index)
        if talk is None:
            raise ValueError("the recipe's sides are written together")
        return _TurnsWork(self, index, values, count_messages(talk, values), said)


class _ApartWork:
    __slots__ = ("_index", "_job", "_said", "_values", "request")

    def __init__(self, job: Apart, index: int, values: Mapping[str, str]) -> None:
        self._job = job
        self._index = index
        self._values = values
        self._said: tuple[str, ...] = ()
        self.request = Request(values, USER)

    def answer(self, said: tuple[str, ...]) -> None:
        """What the user says is there, and the answers are asked for."""
        self._said = said
        numbered = "\n".join(f"{number}. {each}" for number, each in enumerate(said, 1))
        self.request = Request({**self._values, SAID: numbered}, ASSISTANT)

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        rules = self._job.recipe.rules
        if not self._said:
            self.answer(read_side(reply.text, USER, rules, finish_reason=reply.finish_reason))
            return None
        answers = read_side(reply.text, ASSISTANT, rules, finish_reason=reply.finish_reason)
        if len(answers) != len(self._said):
            told = f"{quantity(len(answers), 'answer')} to {quantity(len(self._said), 'message')} of the user"
            raise BadReplyError("too-few-messages" if len(answers) < len(self._said) else "roles", told)
        sides = zip(self._said, answers, strict=True)
        pairs = ((Message(USER, said), Message(ASSISTANT, answer)) for said, answer in sides)
        conversation = check_conversation(tuple(chain.from_iterable(pairs)), rules)
        return self._job.make_product(self._index, self._values, conversation, reply, ask)


class _TurnsWork:
    __slots__ = ("_index", "_job", "_messages", "_talk", "_values")

    def __init__(
        self, job: TurnByTurn, index: int, values: Mapping[str, str], messages: int, said: Conversation
    ) -> None:
        self._job = job
        self._index = index
        self._values = values
        self._messages = messages
        self._talk = said

    @property
    def request(self) -> Request:
        if len(self._talk) % 2:
            return Request(self._values, ASSISTANT, self._talk)
        flipped = tuple(Message(ASSISTANT if each.role == USER else USER, each.content) for each in self._talk)
        return Request(self._values, USER, flipped)

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        rules = self._job.recipe.rules
        content = clean_message(reply.text, rules, number=len(self._talk) + 1, finish_reason=reply.finish_reason)
        talk = (*self._talk, Message(ASSISTANT if len(self._talk) % 2 else USER, content))
        if len(talk) >= self._messages:
            check_conversation(talk, rules)
            return self._job.make_product(self._index, self._values, talk, reply, ask)
        self._talk = talk
        return None
