"""How much structure an endpoint is asked for, and how a run steps down when the endpoint refuses it.

Servers differ: some enforce a JSON schema, some know only "a JSON object", some refuse the field, and a few answer 500
to it. The first call of a run finds out, before a thousand others do. Replies are checked here in any case, so a lower
step costs re-asks, not quality.
"""

import asyncio
import re
from collections.abc import Mapping

from asyncgen.prompt import Payload, PayloadEncoder
from asyncgen.recipe import JsonValue, Recipe
from asyncgen.scenario import Scenario
from asyncgen.settings import RESPONSE_FORMAT

JSON_SCHEMA = "json_schema"
JSON_OBJECT = "json_object"
PROMPT_ONLY = "prompt only"
INSTRUCTION = (
    '\n\nAnswer with one JSON object of the form {"messages": [{"role": "user", "content": "..."}, '
    '{"role": "assistant", "content": "..."}]} and with nothing else.'
)
_FORMAT_WORDS = re.compile(r"response_format|json_schema|json_object|schema|grammar|structured", re.IGNORECASE)


class Ladder:
    """Encodes requests at the present step. `settled` is set once an answer shows that the step works.

    `optional`: settings that only some endpoints know; they go first when an endpoint names one of them.
    `marks_cache`: see `PayloadEncoder`.
    """

    def __init__(
        self,
        recipe: Recipe,
        settings: Mapping[str, JsonValue],
        *,
        optional: frozenset[str] = frozenset(),
        marks_cache: bool = False,
    ) -> None:
        self._recipe = recipe
        self._marks_cache = marks_cache
        self._settings = dict(settings)
        self._optional = optional & set(settings)
        self._whole = self._settings, self._optional
        self._asks_in_words = False
        self.settled = asyncio.Event()
        self._build()

    def _build(self) -> None:
        instruction = INSTRUCTION if self._asks_in_words or self.step != self._first_step() else ""
        self._encoder = PayloadEncoder(
            self._recipe, self._settings, instruction=instruction, marks_cache=self._marks_cache
        )

    def _first_step(self) -> str:
        return _step(self._whole[0])

    @property
    def step(self) -> str:
        return _step(self._settings)

    def encode(self, scenario: Scenario, *, repeat: int = 0) -> Payload:
        return self._encoder.encode(scenario, repeat=repeat)

    def step_down(self, refusal: str) -> str | None:
        """Ask for less, and what is asked for now; None when there is nothing left to leave out.

        `refusal`: what the endpoint said. Settings it names are left out before the response format is.
        """
        if named := {key for key in self._optional if key in refusal}:
            self._optional -= named
            self._settings = {key: value for key, value in self._settings.items() if key not in named}
            self._build()
            return f"{self.step}, without {', '.join(sorted(named))}"
        if not self._lower_format():
            return None
        self._build()
        return self.step

    def _lower_format(self) -> bool:
        if self.step == JSON_SCHEMA and self._settings["response_format"] == RESPONSE_FORMAT:
            self._settings = {**self._settings, "response_format": {"type": JSON_OBJECT}}
        elif self.step == PROMPT_ONLY:
            return False
        else:
            self._settings = {key: value for key, value in self._settings.items() if key != "response_format"}
        return True

    def go_to(self, step: str) -> None:
        """Begin at a step that an earlier run over the same endpoint has found."""
        while self.step != step and self._lower_format():
            self._build()

    def go_back(self) -> None:
        """Ask for everything again: it was not the structure that was refused."""
        self._settings, self._optional = self._whole
        self._build()

    def ask_in_words(self) -> bool:
        """Say in the prompt, too, what the response format says; False where nothing is left to be said."""
        if self._asks_in_words or self.step == PROMPT_ONLY or self.step != self._first_step():
            return False
        self._asks_in_words = True
        self._build()
        return True

    @staticmethod
    def is_named_in(refusal: str) -> bool:
        """Whether an endpoint's words are about the structure that was asked for."""
        return _FORMAT_WORDS.search(refusal) is not None


def _step(settings: Mapping[str, JsonValue]) -> str:
    given = settings.get("response_format")
    kind = given.get("type") if isinstance(given, dict) else None
    return kind if isinstance(kind, str) else PROMPT_ONLY
