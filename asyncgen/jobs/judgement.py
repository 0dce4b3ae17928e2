"""Judgements: a conversation each, read by a model with the knowledge base before it, and its verdicts with evidence.

What is asked is the same for all conversations but for the conversation itself, which comes last: the rest is one
prefix, which providers cache.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import NamedTuple

import msgspec

from asyncgen.conversation import Conversation, encode_document
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.presets import Endpoint
from asyncgen.endpoint.settings import judgement_format
from asyncgen.errors import BadReplyError
from asyncgen.finish import meaning_of
from asyncgen.jobs.work import Product, Request
from asyncgen.output.changes import AGAIN
from asyncgen.output.grades import Grade, Judgement
from asyncgen.output.journal import JUDGEMENTS
from asyncgen.output.keys import Keys
from asyncgen.recipe.judge import asked_questions
from asyncgen.recipe.recipe import MODEL, JsonValue, JudgeOptions, Recipe, Rules

MOST_TOKENS = 8192  # of an answer; the claims of a long conversation take some two thousand
NO_JUDGE = (
    "the offline engine is no model and no judge: it says yes to every question, which shows nothing but how it runs"
)
_FENCE = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)
_decoder = msgspec.json.Decoder(Judgement)


class Exhibit(NamedTuple):
    """What a judge is shown. `scenario`: as text, "" where it is not known."""

    conversation: Conversation
    scenario: str

    @property
    def values(self) -> dict[str, str]:
        """Of the prompt's variables."""
        turns = (f"[{number}] {each.role}: {each.content}" for number, each in enumerate(self.conversation, 1))
        return {"scenario": self.scenario or "(not known)", "conversation": "\n\n".join(turns)}


def judge_recipe(recipe: Recipe, knowledge: str, model: str) -> Recipe:
    """How a judge is asked about conversations of a recipe."""
    questions = asked_questions(recipe.judge)
    request: dict[str, JsonValue] = {
        MODEL: model,
        "max_tokens": MOST_TOKENS,
        "response_format": judgement_format(questions),
    }
    return replace(
        recipe,
        knowledge=knowledge,
        system=_system(questions),
        user=_read("judge_user.md"),
        request=request,
        models=(),
        repair=None,
        talk=None,
        dimensions=(),
        rules=Rules(),
        judge=JudgeOptions(model, questions),
    )


def warn_of_judge(judge: str, writers: Iterable[str], endpoint: Endpoint) -> list[str]:
    """What a person should know of a judge before it is paid."""
    if endpoint.is_offline:
        return [NO_JUDGE]
    if judge not in writers:
        return []
    told = f"{judge} judges what it has written itself, and models are lenient there"
    return [f"{told}: choose another judge, with model under [judge] in the recipe, or with the flag --model of judge"]


def _system(questions: Mapping[str, str]) -> str:
    asked = "\n".join(f"- {name}: {text}" for name, text in questions.items())
    return _read("judge_system.md").replace("{questions}", asked)


def _read(name: str) -> str:
    return (files("asyncgen") / "jobs" / name).read_text("utf-8").rstrip("\n")


@dataclass(frozen=True, slots=True)
class Judgements:
    """`recipe`: see `judge_recipe`. `read`: what a key stands for. `twice`: judged again, in reverse order."""

    recipe: Recipe
    model: str
    keys: Keys
    read: Callable[[bytes], Exhibit]
    twice: bool = False
    kind: str = JUDGEMENTS

    @property
    def prompts(self) -> Mapping[str, Recipe]:
        if not self.twice:
            return {"": self.recipe}
        backwards = dict(reversed([*self.recipe.judge.questions.items()]))
        return {"": self.recipe, AGAIN: replace(self.recipe, system=_system(backwards))}

    @property
    def digests(self) -> Mapping[str, str]:
        first, *others = self.prompts.items()
        told = ((f"{seat} {part}", each) for seat, recipe in others for part, each in recipe.digests().items())
        return {**first[1].digests(), **dict(told)}

    def open(self, index: int) -> "JudgementWork":
        return JudgementWork(self, self.keys[index])


class JudgementWork:
    __slots__ = ("_conversation", "_first", "_job", "_key", "request")

    def __init__(self, job: Judgements, key: bytes) -> None:
        self._job = job
        self._key = key
        exhibit = job.read(key)
        self._conversation = exhibit.conversation
        self._first: Judgement | None = None
        self.request = Request(exhibit.values)

    def take(self, reply: Completion, *, ask: int) -> Product | None:  # noqa: ARG002 - a grade does not tell it
        judgement = parse_judgement(
            reply.text, self._job.recipe.judge.questions.keys(), finish_reason=reply.finish_reason
        )
        if self._job.twice and self._first is None:
            self._first = judgement
            self.request = self.request._replace(seat=AGAIN)
            return None
        first, again = (judgement, None) if self._first is None else (self._first, judgement)
        grade = Grade(self._key.hex(), reply.model or self._job.model, first, again)
        return Product(self._conversation, encode_document(grade))


def parse_judgement(text: str, questions: Collection[str], *, finish_reason: str | None = None) -> Judgement:
    """The verdicts in a reply, or BadReplyError: all of them, each in its form, and nothing half understood."""
    fenced = _FENCE.fullmatch(text)
    try:
        judgement = _decoder.decode(fenced[1] if fenced else text)
    except msgspec.ValidationError as error:
        raise BadReplyError("wrong-shape", f"the reply is no judgement: {error}") from None
    except (ValueError, RecursionError):
        if meaning_of(finish_reason) == "length":
            raise BadReplyError("cut-off", "the reply reached the token limit before its JSON ended") from None
        raise BadReplyError("not-json", "the reply is not JSON") from None
    if missing := [name for name in questions if name not in judgement.questions]:
        raise BadReplyError("wrong-shape", f"the reply leaves questions out: {', '.join(missing)}")
    if len(judgement.questions) > len(questions):
        raise BadReplyError("wrong-shape", "the reply answers what was not asked")
    for number, claim in enumerate(judgement.claims, 1):
        if not claim.text.strip():
            raise BadReplyError("wrong-shape", f"claim {number} says nothing")
        if claim.verdict != "absent" and not claim.sentence.strip():
            raise BadReplyError("wrong-shape", f"claim {number} is {claim.verdict} by no sentence of the knowledge")
    return judgement
