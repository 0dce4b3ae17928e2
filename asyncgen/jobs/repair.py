"""Conversations that are looked at before they are written: with a finding, one is asked for again, with the evidence.

The first version is a step: it is paid for and journalled as such, so that no later run pays for it again. What is
found in the second one makes it a bad reply like others, asked for again as often as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from asyncgen.conversation import Conversation, Message
from asyncgen.endpoint.answer import Completion
from asyncgen.errors import BadReplyError
from asyncgen.jobs.work import Job, Product, Request, Work
from asyncgen.recipe.recipe import Recipe

# What rules the conversation of an index breaks, each with its evidence.
Look = Callable[[int, Conversation], Sequence[tuple[str, str]]]
AGAIN = (
    "This conversation cannot be used as it is:\n{faults}\n\nWrite it once more for the same scenario, in the same "
    "form, whole and without these faults. Say nothing of them."
)


@dataclass(frozen=True, slots=True)
class Repaired:
    """`job`: of works that take one reply. `look`: what is wrong with a conversation."""

    job: Job
    look: Look

    @property
    def kind(self) -> str:
        return self.job.kind

    @property
    def prompts(self) -> Mapping[str, Recipe]:
        return self.job.prompts

    @property
    def digests(self) -> Mapping[str, str]:
        return self.job.digests

    def open(self, index: int) -> Work:
        return RepairWork(self.job.open(index), partial(self.look, index))


class RepairWork:
    __slots__ = ("_look", "_work", "request")

    def __init__(self, work: Work, look: Callable[[Conversation], Sequence[tuple[str, str]]]) -> None:
        self._work = work
        self._look = look
        self.request = work.request

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        product = self._work.take(reply, ask=ask)
        if product is None or not (found := self._look(product.conversation)):
            return product
        if self.request.history:
            rule, evidence = found[0]
            raise BadReplyError(rule, f"it was written again, and is still {rule}: {evidence}")
        faults = "\n".join(f"- {rule}: {evidence}" for rule, evidence in found)
        said = (Message("assistant", reply.text), Message("user", AGAIN.format(faults=faults)))
        self.request = Request(self.request.values, self.request.seat, said)
        return None
