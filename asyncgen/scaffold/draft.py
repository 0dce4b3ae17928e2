"""What a model suggests for a recipe: it is asked one call after another, and of its text only short lines are taken.

For a new recipe one call a language reads the documents and drafts lines of each kind.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import msgspec

from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint
from asyncgen.errors import BadReplyError, TransientError
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.retry import RetryPolicy, call_with_retries
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.recipe import JsonValue
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
    """By kind, in one language. `statements`: by heading, with a weight in brackets before those that have one."""

    topics: Sequence[str]
    personas: Sequence[str]
    misconceptions: Sequence[str]
    openers: Sequence[str]
    statements: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def by_kind(self) -> Mapping[str, Sequence[str]]:
        told = [f"{heading}: {line}" for heading, lines in self.statements.items() for line in lines]
        return {kind: getattr(self, kind) for kind in LISTS} | ({STATEMENTS: told} if told else {})


@dataclass(frozen=True, slots=True)
class Drafts:
    """By language; `cost` in US dollars, as far as the provider tells."""

    drafts: Mapping[str, Draft]
    cost: Decimal | None


class Drafter:
    """A model that is asked one call after another."""

    def __init__(self, client: Client, settings: Mapping[str, JsonValue]) -> None:
        self._client = client
        self._settings = settings
        self._costs: list[Decimal | None] = []

    @property
    def cost(self) -> Decimal | None:
        """In US dollars, of all calls; None where the provider has not told it of each."""
        return None if None in self._costs else sum(filter(None, self._costs), Decimal(0))

    async def ask(self, request: str, read: Callable[[str], T]) -> T:
        """What `read` makes of the answer, of a second one where it raises BadReplyError. Raises what a call raises."""
        message: JsonValue = {"role": "user", "content": request}
        body = msgspec.json.encode({**self._settings, "messages": [message], "stream": False})
        policy = RetryPolicy(RETRIES, Stop(), Random(), asyncio.sleep, lambda _error, _wait: None)  # noqa: S311 - jitter
        answers: list[T] = []

        async def attempt() -> Outcome:
            try:
                completion = await self._client.complete([body])
            except TransientError as error:
                return Outcome(error, is_own=True)
            self._costs.append(completion.usage.cost)
            answers.append(read(completion.text))
            return Outcome()

        try:
            await call_with_retries(attempt, policy)
        except BadReplyError:  # a model that has answered in prose once mostly does better the second time
            await call_with_retries(attempt, policy)
        return answers[0]


@asynccontextmanager
async def open_drafter(endpoint: Endpoint, settings: Mapping[str, JsonValue]) -> AsyncIterator[Drafter]:
    async with Client(endpoint, connections=1, timeout=TIMEOUT) as client:
        yield Drafter(client, settings)


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


async def ask_for_drafts(endpoint: Endpoint, settings: Mapping[str, JsonValue], requests: Mapping[str, str]) -> Drafts:
    """`requests`: by language. Raises what a call raises, and BadReplyError for a second draft that nobody can read."""
    async with open_drafter(endpoint, settings) as drafter:
        drafts = {language: await drafter.ask(request, read_draft) for language, request in requests.items()}
        return Drafts(drafts, drafter.cost)


def read_draft(text: str) -> Draft:
    """Whatever stands around the object; raises BadReplyError where there is none with such lists."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1], strict=False)
    except (ValueError, RecursionError) as error:
        raise BadReplyError("not-json", "the model's draft is no JSON object; try again, or another --model") from error
    found = found if isinstance(found, dict) else {}
    lists = {kind: _read_lines(found.get(kind)) for kind in LISTS}
    if missing := [kind for kind, lines in lists.items() if not lines]:
        raise BadReplyError("not-json", f"the model's draft has no {', '.join(missing)}; try again, or another --model")
    return Draft(**lists, statements=_read_statements(found.get(STATEMENTS)))


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
