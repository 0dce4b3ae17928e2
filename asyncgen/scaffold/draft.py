"""What a model suggests for a recipe after reading the documents: topics, personas, misconceptions and openers.

One call a language. What comes back is a model's text: lists of short lines are taken from it, and nothing else.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from importlib.resources import files
from random import Random

import msgspec

from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint
from asyncgen.errors import BadReplyError, TransientError
from asyncgen.pacing.outcome import Outcome
from asyncgen.pacing.retry import RetryPolicy, call_with_retries
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.recipe import JsonValue
from asyncgen.stop import Stop

KINDS = ("topics", "personas", "misconceptions", "openers")
MOST = 60  # lines of a kind
LONGEST = 300  # characters of a line
ANSWER_TOKENS = 3000  # of a draft, for what it may cost
RETRIES = 5
TIMEOUT = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Draft:
    """By kind, in one language."""

    topics: Sequence[str]
    personas: Sequence[str]
    misconceptions: Sequence[str]
    openers: Sequence[str]

    def by_kind(self) -> Mapping[str, Sequence[str]]:
        return {kind: getattr(self, kind) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Drafts:
    """By language; `cost` in US dollars, as far as the provider tells."""

    drafts: Mapping[str, Draft]
    cost: Decimal | None


def write_request(language: str, name: str, about: str, knowledge: str) -> str:
    """The documents come first, so that the second language reads them from a provider's cache."""
    asked = (files("asyncgen.scaffold") / "draft.md").read_text(encoding="utf-8")
    beginning, ending = asked.split("{knowledge}")
    beginning = beginning.replace("{name}", name).replace("{about}", f", {about.rstrip('.')}" if about else "")
    return f"{beginning}{knowledge}{ending.replace('{name}', name).replace('{language}', NAMES[language])}"


async def ask_for_drafts(endpoint: Endpoint, settings: Mapping[str, JsonValue], requests: Mapping[str, str]) -> Drafts:
    """`requests`: by language. Raises what a call raises, and BadReplyError for a second draft that nobody can read."""
    drafts: dict[str, Draft] = {}
    costs: list[Decimal | None] = []
    policy = RetryPolicy(RETRIES, Stop(), Random(), asyncio.sleep, lambda _error, _wait: None)  # noqa: S311 - jitter

    async def ask(client: Client, language: str, body: bytes) -> Outcome:
        try:
            completion = await client.complete([body])
        except TransientError as error:
            return Outcome(error, is_own=True)
        costs.append(completion.usage.cost)
        drafts[language] = read_draft(completion.text)
        return Outcome()

    async with Client(endpoint, connections=1, timeout=TIMEOUT) as client:
        for language, request in requests.items():
            message: JsonValue = {"role": "user", "content": request}
            body = msgspec.json.encode({**settings, "messages": [message], "stream": False})
            call = partial(ask, client, language, body)
            try:
                await call_with_retries(call, policy)
            except BadReplyError:  # a model that has answered in prose once mostly does better the second time
                await call_with_retries(call, policy)
    return Drafts(drafts, None if None in costs else sum(filter(None, costs), Decimal(0)))


def read_draft(text: str) -> Draft:
    """Whatever stands around the object; raises BadReplyError where there is none with such lists."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1], strict=False)
    except (ValueError, RecursionError) as error:
        raise BadReplyError("not-json", "the model's draft is no JSON object; try again, or another --model") from error
    lists: dict[str, list[str]] = {}
    for kind in KINDS if isinstance(found, dict) else ():
        listed = found.get(kind)
        texts = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
        lines = [" ".join(re.sub(r"[{}]", "", each).split()) for each in texts]
        fit = [each for each in lines if each and len(each) <= LONGEST and each.isprintable() and "\ufffd" not in each]
        lists[kind] = list(dict.fromkeys(fit))[:MOST]
    if not all(lists.values()) or not lists:
        missing = ", ".join(kind for kind in KINDS if not lists.get(kind))
        raise BadReplyError("not-json", f"the model's draft has no {missing}; try again, or another --model")
    return Draft(**lists)
