"""Scenario to request: the same messages for the same scenario, the same bytes for the same messages.

The system message usually holds the whole knowledge base and is the same for every index. It is rendered and
encoded once; what changes, the user message, is put at the end of the body, so that a provider's prefix cache
sees one long constant beginning and the client encodes a few hundred bytes per request instead of 30 KB. A body stays
in parts until it is sent, so that requests that wait for their answers share one copy of the prompt.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, TypedDict

import msgspec

from asyncgen.recipe.recipe import KNOWLEDGE, PLACEHOLDER, JsonValue, Recipe
from asyncgen.recipe.scenario import Scenario

Payload: TypeAlias = tuple[bytes, ...]  # the parts of a body, the first one shared by all bodies where it can be


class PromptMessage(TypedDict):
    role: str
    content: str


def build_messages(recipe: Recipe, scenario: Scenario) -> list[PromptMessage]:
    """The messages sent for a scenario: the system message, when the recipe has one, and the user message."""
    messages: list[PromptMessage] = []
    if recipe.system is not None:
        messages.append({"role": "system", "content": render(recipe.system, recipe.knowledge, scenario)})
    messages.append({"role": "user", "content": render(recipe.user, recipe.knowledge, scenario)})
    return messages


def render(template: str, knowledge: str, scenario: Scenario) -> str:
    """The template with each placeholder replaced once; what a value contains is never replaced again."""
    return _template(template, knowledge).render(scenario)


class _Template:
    """A template cut at its placeholders once, so that it can be filled in often."""

    def __init__(self, text: str, knowledge: str) -> None:
        self._parts = PLACEHOLDER.split(text)  # text, name, text, name, … text
        self._names = [(name, knowledge if name == KNOWLEDGE else f"{{{name}}}") for name in self._parts[1::2]]

    def render(self, scenario: Scenario) -> str:
        parts = self._parts.copy()
        parts[1::2] = [scenario.get(name, otherwise) for name, otherwise in self._names]
        return "".join(parts)


_template = lru_cache(maxsize=8)(_Template)


class PayloadEncoder:
    """Encodes request bodies whose settings and, where the recipe allows, system message are constant.

    `instruction` is added at the end of every user message. `marks_cache`: a constant system message carries the mark
    without which some models cache nothing.
    """

    def __init__(
        self, recipe: Recipe, settings: Mapping[str, JsonValue], *, instruction: str = "", marks_cache: bool = False
    ) -> None:
        self._instruction = instruction
        self._seed = settings.get("seed")
        constant = {key: value for key, value in settings.items() if key != "seed"}
        self._user = _Template(recipe.user, recipe.knowledge)
        self._system = None if recipe.system is None else _Template(recipe.system, recipe.knowledge)
        self._settings = msgspec.json.encode({**constant, "stream": False})[:-1] + b',"messages":['
        names = {each.name for each in recipe.dimensions}
        used = set(PLACEHOLDER.findall(recipe.system or ""))
        self._begin = None if used & names else self._settings + self._encode_system({}, is_marked=marks_cache)

    def encode(self, scenario: Scenario, *, repeat: int = 0, history: Sequence[object] = ()) -> Payload:
        """The body for a scenario, in parts.

        `history`: messages said before, behind the user message, which a recipe without words for it does not have.
        `repeat` counts the requests already sent for it. It is added to a `seed` among the settings, because
        a seeded request that failed once would fail again in the same way.
        """
        begin = self._settings + self._encode_system(scenario) if self._begin is None else self._begin
        text = self._user.render(scenario)
        said = [{"role": "user", "content": text + self._instruction}] if text or not history else []
        user = msgspec.json.encode([*said, *history])[1:-1]
        if self._seed is None:
            return begin, user, b"]}"
        seed = self._seed + repeat if isinstance(self._seed, int) else self._seed
        return begin, user, b'],"seed":', msgspec.json.encode(seed), b"}"

    def _encode_system(self, scenario: Scenario, *, is_marked: bool = False) -> bytes:
        if self._system is None:
            return b""
        text = self._system.render(scenario)
        part = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
        return msgspec.json.encode({"role": "system", "content": [part] if is_marked else text}) + b","
