"""What a model suggests for a recipe: it is asked one call after another, and of its text only short lines are taken.

For a new recipe one call a language reads the documents and drafts lines of each kind.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import msgspec

from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint
from asyncgen.errors import BadReplyError, RejectedError, TransientError
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.retry import RetryPolicy, call_with_retries
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.recipe import JsonValue
from asyncgen.scaffold.answers import Answers
from asyncgen.scaffold.loose_json import read_loosely
from asyncgen.stop import Stop

T = TypeVar("T")


class Kind(NamedTuple):
    """`number`: lines of a draft for a new recipe. `what`: they are, as a model is told."""

    number: int
    what: str


STATEMENTS = "statements"
KINDS = {
    "topics": Kind(25, "things that users really ask about and that the documents answer, across all of them"),
    "personas": Kind(12, "kinds of people who would ask, each in at most fifteen words, with how they think and write"),
    "misconceptions": Kind(15, "things that users wrongly believe about this and that the documents correct"),
    "openers": Kind(
        30,
        "first messages as people type them, from a bare greeting to a question with typos; none of them knows the "
        "documents",
    ),
    STATEMENTS: Kind(
        40,
        "single facts from the documents, each one whole sentence that names its subject and is understood alone, with "
        "names and figures exactly as they are there",
    ),
}
LISTS = tuple(each for each in KINDS if each != STATEMENTS)
MOST = 60  # lines of a kind
LONGEST = 300  # characters of a line
ANSWER_TOKENS = 4500  # of a draft, for what it may cost
RETRIES = 5
TIMEOUT = 300.0  # seconds
_NO_TEXT = re.compile(r"[{}]|<!--|-->")  # what would mean something in a prompt or a file of statements
_MARKS = re.compile(r"(?:\[(?P<number>\d{1,4})\]\s+)?(?:\[[^\]\s]*\]\s+)*")  # before a statement: a weight is one


@dataclass(frozen=True, slots=True)
class Draft:
    """By kind, in one language, as far as a model has them.

    `statements`: by heading, with a weight in brackets before those that have one.
    """

    topics: Sequence[str]
    personas: Sequence[str]
    misconceptions: Sequence[str]
    openers: Sequence[str]
    statements: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def by_kind(self) -> Mapping[str, Sequence[str]]:
        told = [f"{heading}: {line}" for heading, lines in self.statements.items() for line in lines]
        lists = {kind: getattr(self, kind) for kind in LISTS} | {STATEMENTS: told}
        return {kind: lines for kind, lines in lists.items() if lines}

    @property
    def missing(self) -> list[str]:
        """The kinds of which there is no line."""
        return [kind for kind in KINDS if not getattr(self, kind)]


class Drafter:
    """A model that is asked one call after another. What it answers is kept before it is read."""

    def __init__(self, client: Client, settings: Mapping[str, JsonValue], answers: Answers) -> None:
        self._client = client
        self._settings = settings
        self._answers = answers

    async def ask(self, request: str, read: Callable[[str], T]) -> T:
        """What `read` makes of the answer, of a second one where it raises BadReplyError. Raises what a call raises."""
        message: JsonValue = {"role": "user", "content": request}
        body = msgspec.json.encode({**self._settings, "messages": [message], "stream": False})
        policy = RetryPolicy(RETRIES, Stop(), Random(), asyncio.sleep, lambda _error, _wait: None)  # noqa: S311 - jitter
        read_well: list[T] = []

        async def attempt() -> Outcome:
            try:
                completion = await self._client.complete([body])
                self._answers.keep(completion.text, completion.usage)
                read_well.append(read(completion.text))
            except (TransientError, BadReplyError, RejectedError) as error:
                if error.reply is not None:
                    self._answers.keep(error.reply.text, error.reply.usage)
                if error.reply is not None or isinstance(error, BadReplyError):
                    self._answers.is_unread = True
                if isinstance(error, TransientError):
                    return Outcome(error, is_own=True)
                raise
            return Outcome()

        try:
            await call_with_retries(attempt, policy)
        except BadReplyError:  # a model that has answered in prose once mostly does better the second time
            await call_with_retries(attempt, policy)
        return read_well[0]


@asynccontextmanager
async def open_drafter(
    endpoint: Endpoint, settings: Mapping[str, JsonValue], answers: Answers
) -> AsyncIterator[Drafter]:
    async with Client(endpoint, connections=1, timeout=TIMEOUT) as client:
        yield Drafter(client, settings, answers)


def clean_line(text: object) -> str | None:
    """A model's line as a value of a recipe; None where it is none."""
    line = " ".join(_NO_TEXT.sub("", text).split()) if isinstance(text, str) else ""
    return line if line and len(line) <= LONGEST and line.isprintable() and "\ufffd" not in line else None


def split_weight(line: str) -> tuple[str, int]:
    """A statement without marks in brackets before it, and its weight, which is 1 where none is given."""
    marks = _MARKS.match(line)
    return (line[marks.end() :], int(marks["number"] or 1)) if marks else (line, 1)


# ---- drafts of a new recipe


def write_request(language: str, name: str, about: str, knowledge: str) -> str:
    """The documents come first, so that the second language reads them from a provider's cache."""
    asked = (Path(__file__).parent / "draft.md").read_text(encoding="utf-8")
    beginning, ending = asked.split("{knowledge}")
    beginning = beginning.replace("{name}", name).replace("{about}", f", {about.rstrip('.')}" if about else "")
    lists = "\n".join(f'"{each}": {KINDS[each].number} {KINDS[each].what}' for each in LISTS)
    statements = KINDS[STATEMENTS]
    for word, text in {
        "{lists}": lists,
        "{statements}": f"{statements.number} {statements.what}",
        "{name}": name,
        "{language}": NAMES[language],
    }.items():
        ending = ending.replace(word, text)
    return f"{beginning}{knowledge}{ending}"


async def ask_for_drafts(drafter: Drafter, requests: Mapping[str, str], drafts: dict[str, Draft]) -> None:
    """Fills `drafts`, by language like `requests`.

    Raises what a call raises, and BadReplyError for a second draft that nobody can read; those before it are there.
    """
    for language, request in requests.items():
        drafts[language] = await drafter.ask(request, read_draft)


def read_draft(text: str) -> Draft:
    """All that can be read of the object with most lists, also of one that something is wrapped around.

    Raises BadReplyError where there is none with any.
    """
    outermost = list(read_loosely(text))
    inside = [part for each in outermost for part in (each.values() if isinstance(each, dict) else each)]
    drafts = [
        Draft(
            **{kind: _read_lines(each.get(kind)) for kind in LISTS}, statements=_read_statements(each.get(STATEMENTS))
        )
        for each in (*outermost, *inside)
        if isinstance(each, dict)
    ]
    fullest = min(drafts, key=lambda each: len(each.missing), default=None)
    if fullest is None or len(fullest.missing) == len(KINDS):
        what = f"has no {', '.join(KINDS)}" if drafts else "is no JSON object"
        raise BadReplyError("not-json", f"the model's draft {what}; try again, or another --model")
    return fullest


def _read_lines(given: object) -> list[str]:
    lines = map(clean_line, given if isinstance(given, list) else ())
    return list(dict.fromkeys(filter(None, lines)))[:MOST]


def _read_statements(given: object) -> dict[str, list[str]]:
    """By heading; one without any statement that has not been there before is left out."""
    sections: dict[str, list[str]] = {}
    known: set[str] = set()
    for heading, listed in given.items() if isinstance(given, dict) else ():
        title = (clean_line(heading) or "").lstrip("# ")
        for line in _read_lines(listed):
            text, weight = split_weight(line)
            if title and text not in known:
                known.add(text)
                sections.setdefault(title, []).append(f"[{weight}] {text}" if weight > 1 else text)
    return sections
