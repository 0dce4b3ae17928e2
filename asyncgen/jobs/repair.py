"""Conversations that are looked at before they are written: with a finding, one is asked for again, with the evidence.

The first version is a step: it is paid for and journalled as such, so that no later run pays for it again. So is what a
judge says of what the rules have passed. What rules find in the second version makes it a bad reply like others, asked
for again as often as they are; what a judge finds in it ends the index: two versions and two verdicts are the most.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncgen.answered import UnusedReply
from asyncgen.conversation import Conversation, Message
from asyncgen.endpoint.answer import Completion
from asyncgen.errors import BadReplyError
from asyncgen.jobs.conversation import WHOLE, Conversations
from asyncgen.jobs.judgement import Exhibit, parse_judgement
from asyncgen.jobs.work import Product, Request, Work
from asyncgen.output.changes import MADE_AGAIN
from asyncgen.output.grades import Judgement
from asyncgen.output.keys import Keys
from asyncgen.recipe.recipe import JUDGE, MODEL, Recipe

Fault: TypeAlias = tuple[str, str]  # a rule that is broken, and the evidence
Look: TypeAlias = Callable[[int, Conversation], Sequence[Fault]]  # what is wrong with the conversation of an index
AGAIN = (
    "This {what} cannot be used as it is:\n{faults}\n\nWrite it once more for the same scenario, in the same "
    "form, whole and without these faults. Say nothing of them."
)


@dataclass(frozen=True, slots=True)
class Bench:
    """A judge beside the writer. `recipe`: how it is asked; `scenario`: of an index, as a judge is shown it.

    `find_faults`: what is not good enough in what it says.
    """

    recipe: Recipe
    scenario: Callable[[int], str]
    find_faults: Callable[[Judgement], Sequence[Fault]]


@dataclass(frozen=True, slots=True)
class Repaired:
    """`look`: what is wrong with what works of `job` make, of which the last reply can be asked for again."""

    job: Conversations
    look: Look
    bench: Bench | None = None

    @property
    def kind(self) -> str:
        return self.job.kind

    @property
    def prompts(self) -> Mapping[str, Recipe]:
        return {**self.job.prompts, **({} if self.bench is None else {JUDGE: self.bench.recipe})}

    @property
    def digests(self) -> Mapping[str, str]:
        return self.job.digests

    def open(self, index: int) -> "RepairWork":
        return RepairWork(self, index, self.job.open(index))


@dataclass(frozen=True, slots=True)
class Begun:
    """A line that is to be made again: what it is about, what it says, what is wrong with it, and in which messages.

    `places`: None among them for what is wrong with the whole; nothing of what a judge has said, who tells no place.
    """

    index: int
    conversation: Conversation
    faults: Sequence[Fault]
    places: Collection[int | None]


@dataclass(frozen=True, slots=True)
class Again:
    """Lines made again by the job that makes such lines. `read`: what a key stands for.

    `flags`: by which they are found.
    """

    job: Repaired
    keys: Keys
    read: Callable[[bytes], Begun]
    flags: str

    @property
    def kind(self) -> str:
        return self.job.kind

    @property
    def prompts(self) -> Mapping[str, Recipe]:
        return self.job.prompts

    @property
    def digests(self) -> Mapping[str, str]:
        return {**self.job.digests, MADE_AGAIN: self.flags}

    def open(self, index: int) -> "RepairWork":
        begun = self.read(self.keys[index])
        inner, text, what = self.job.job.reopen(begun.index, begun.conversation, begun.places)
        work = RepairWork(self.job, begun.index, inner)
        if text:
            work.write_again(text, begun.faults, what)
        return work


class RepairWork:
    __slots__ = ("_index", "_is_again", "_job", "_waiting", "_work", "request")

    def __init__(self, job: Repaired, index: int, work: Work) -> None:
        self._job = job
        self._index = index
        self._work = work
        self._is_again = False
        self._waiting: tuple[Bench, Completion, Product] | None = None  # for a verdict
        self.request = work.request

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        if self._waiting is not None:
            return self._take_verdict(reply, *self._waiting)
        product = self._work.take(reply, ask=ask)
        if product is None:
            self.request = self._work.request
            return None
        if found := self._job.look(self._index, product.conversation):
            if self._is_again:
                rule, evidence = found[0]
                raise BadReplyError(rule, f"it was written again, and is still {rule}: {evidence}")
            self.write_again(reply.text, found)
            return None
        if (bench := self._job.bench) is None:
            return product
        self._waiting = bench, reply, product
        exhibit = Exhibit(product.conversation, bench.scenario(self._index))
        self.request = Request(exhibit.values, JUDGE)
        return None

    def _take_verdict(self, reply: Completion, bench: Bench, written: Completion, product: Product) -> Product | None:
        questions = bench.recipe.judge.questions
        judgement = parse_judgement(reply.text, questions, finish_reason=reply.finish_reason)
        found = bench.find_faults(judgement)
        if found and self._is_again:
            told = "; ".join(evidence for _, evidence in found)
            kept = UnusedReply(f"{written.text}\n{reply.text}")
            raise BadReplyError(found[0][0], f"it was written again, and {told}", reply=kept, is_final=True)
        self._waiting = None
        if found:
            self.write_again(written.text, found)
            return None
        self.request = self._work.request
        return product._replace(written=written, verdict=reply.text, judge=str(bench.recipe.request[MODEL]))

    def write_again(self, text: str, found: Sequence[Fault], what: str = WHOLE) -> None:
        """It is asked for once more. `text`: `what` is there; `found`: what is wrong with it."""
        faults = "\n".join(f"- {rule}: {evidence}" for rule, evidence in found)
        said = (Message("assistant", text), Message("user", AGAIN.format(what=what, faults=faults)))
        values, seat, history = self._work.request
        self.request = Request(values, seat, (*history, *said))
        self._is_again = True
