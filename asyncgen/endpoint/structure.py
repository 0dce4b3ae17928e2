"""What an endpoint is asked for, and how a run asks for less, or in other words, when the endpoint refuses it.

Servers differ: some enforce a JSON schema, some know only "a JSON object", some refuse a setting, and a few answer 500
to what they do not know. The first call of a run finds out, before a thousand others do. A step is believed when an
answer has proved it: one has come at the lower step, and the higher was refused in words that are about it, or has been
refused once more since. So a server that was only starting keeps its schema. Replies are checked here in any case, so a
lower step costs re-asks, not quality.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from asyncgen.answered import Refusal
from asyncgen.endpoint.refusal import is_routed_away
from asyncgen.endpoint.refused_settings import (
    OTHER_NAME,
    advice_on_limit,
    is_unsupported,
    named_settings,
    speaks_of_format,
)
from asyncgen.endpoint.settings import JUDGEMENT_SCHEMA, RESPONSE_FORMAT
from asyncgen.endpoint.tiers import SERVICE_TIER, asked_tier
from asyncgen.errors import AsyncgenError, NoAnswerError, NotFoundError, SameRejectionError, ServerError, TooLongError
from asyncgen.recipe.prompt import Payload, PayloadEncoder
from asyncgen.recipe.recipe import JsonValue, Recipe
from asyncgen.recipe.scenario import Scenario

JSON_SCHEMA = "json_schema"
JSON_OBJECT = "json_object"
PROMPT_ONLY = "prompt only"
STEPS = (JSON_SCHEMA, JSON_OBJECT, PROMPT_ONLY)
INSTRUCTION = (
    '\n\nAnswer with one JSON object of the form {"messages": [{"role": "user", "content": "..."}, '
    '{"role": "assistant", "content": "..."}]} and with nothing else.'
)
# For a schema of something else; its form is in the prompt.
ANY_INSTRUCTION = "\n\nAnswer with the JSON object that is asked for above and with nothing else."
GUESSING_STATUSES = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.NOT_IMPLEMENTED})
SERVER_ERRORS = 3  # in a row and without a reason, until they are taken for a refusal: a server may be starting
REQUIRE_PARAMETERS = "provider.require_parameters"
SHORTEN = "raise the server's context, or shorten the knowledge"
# What is refused is in the messages, or nothing is: the server is not ready.
_OTHER_WORDS = re.compile(
    r"\bmessages?\b ?(?:\[|\.[0-9]|:|must|is required)|['\"`]messages?['\"`]|\broles?\b|"
    r"connection|time[d ]?out|overload|loading|starting|unavailable|temporar|try again|retry"
)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What requests ask for: a step of structure, and all settings but those `without` which it goes.

    `depth`: how many steps it is below what was asked for at first. `is_in_words`: the prompt says it, too.
    """

    step: str
    without: frozenset[str]
    settings: Mapping[str, JsonValue] = field(repr=False)
    depth: int
    is_in_words: bool
    _encoder: PayloadEncoder = field(repr=False)

    def encode(self, scenario: Scenario, *, repeat: int = 0, history: Sequence[object] = ()) -> Payload:
        return self._encoder.encode(scenario, repeat=repeat, history=history)


class Ladder:
    """Which form the next request has, by what has become of those before it.

    `settled` is set once an answer shows which form works; until then requests should go one by one. `optional`:
    settings that asyncgen has added, which nobody misses. `on_step` is told of every form that is believed.
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
        self._settings = settings
        self._optional = optional
        self._asks_in_words = False
        self._marks_cache = marks_cache
        self.on_step: Callable[[Form], None] = lambda _: None
        self.settled = asyncio.Event()
        self._whole = self._form = self._believed = self._make(_step(settings), frozenset())
        self._doubted: Form | None = None  # a higher form whose refusal is no proof yet
        self._trial: Form | None = None  # the same once more, for the one call whose answer decides
        self._is_due = False  # the next call is that one
        self._is_lower_answered = False
        self._may_guess = True  # wordless refusals are taken for one of the format, until that has led nowhere
        self._server_errors = 0
        self._refused_prompts = 0

    @property
    def form(self) -> Form:
        """What all requests ask for now, but for one that tries a higher form again."""
        return self._form

    def take(self) -> Form:
        """The form of a request that leaves now; whoever takes it says what has become of it."""
        if self._is_due and self._doubted is not None:
            self._is_due = False
            self._trial = replace(self._doubted)
            return self._trial
        return self._form

    def begin_at(self, step: str, without: frozenset[str]) -> None:
        """Begin where an earlier run over the same endpoint has ended, but for one call that asks for everything."""
        if asked_tier(self._settings):
            without -= {SERVICE_TIER}  # it was another tier that was refused
        form = self._make(step, without)
        if form.depth:
            self._form = self._believed = form
            self._doubted, self._is_due, self._is_lower_answered = self._whole, True, True

    def ask_in_words(self) -> bool:
        """Say in the prompt, too, what the response format says; False where nothing is left to be said."""
        form = self._form
        if self._asks_in_words or form.is_in_words or form.step == PROMPT_ONLY:
            return False
        self._asks_in_words = True
        self._form = self._make(form.step, form.without)
        if self._believed is form:
            self._believed = self._form
        return True

    def answered(self, form: Form) -> None:
        if form is self._trial and self._doubted is not None:
            form = self._doubted
        if form is not self._form and form.depth >= self._form.depth:
            return
        self._form = form
        if self._doubted is None or form.depth <= self._doubted.depth:
            self._believe(form)
        elif not self._is_lower_answered:
            self._is_lower_answered = self._is_due = True

    def failed(self, form: Form, error: AsyncgenError) -> None:
        """It was not answered. Some servers answer 500, or an error inside a 200, to what they do not know."""
        refusal = error.refusal if isinstance(error, ServerError | NoAnswerError) else None
        if refusal is not None:
            is_worded = self._refused_settings(form, refusal) or self.is_about_format(form, error)
            is_often = False
            if not is_worded and refusal.status in GUESSING_STATUSES:
                self._server_errors += form is self._form
                is_often = form is self._trial or self._server_errors >= SERVER_ERRORS
                self._server_errors = 0 if is_often else self._server_errors
            if is_worded or is_often:  # there is no use in asking the same once more
                self.refused(form, error)
                return
        self._is_due = self._is_due or form is self._trial

    def refused(self, form: Form, error: AsyncgenError) -> bool:
        """Whether to ask again, in the form that is taken next. Raises SameRejectionError when no form will do."""
        refusal = error.refusal
        if refusal is None or (isinstance(error, NotFoundError) and not is_routed_away(refusal)):
            return False
        if form is self._trial:
            self._doubted = self._trial = None
            if self._believed is not self._form:
                self._believe(self._form)
        if form is not self._form:
            return True
        if self.settled.is_set():
            return False
        if isinstance(error, TooLongError):
            self._stop_when_named(form, error, refusal)
            return False
        return self._step_down(form, error, refusal)

    def is_about_format(self, form: Form, error: AsyncgenError) -> bool:
        """Whether an endpoint's words are about the structure that this form asks for."""
        refusal = error.refusal
        if refusal is None or "response_format" not in form.settings:
            return False
        return speaks_of_format(refusal)

    def _step_down(self, form: Form, error: AsyncgenError, refusal: Refusal) -> bool:
        lower: Form | None
        if named := self._refused_settings(form, refusal):
            lower = self._make(form.step, form.without | named)
        elif is_routed_away(refusal):
            routing = form.settings.get("provider")
            demands_all = isinstance(routing, dict) and routing.get("require_parameters")
            lower = (
                self._make(form.step, form.without | {REQUIRE_PARAMETERS}) if demands_all else self._lower_format(form)
            )
        elif self.is_about_format(form, error):
            lower = self._lower_format(form)
        else:
            self._stop_when_named(form, error, refusal)
            lower = None
            # An endpoint that gives no reason is most often one that does not know the field.
            if self._may_guess and not _OTHER_WORDS.search(refusal.text):
                lower = self._lower_format(form)
                self._doubted = self._doubted or form
                self._may_guess = lower is not None or refusal.status not in (400, 422)
        if lower is None:  # it was something else
            self._form, self._doubted = self._whole, None
            return False
        self._form = lower
        return True

    def _believe(self, form: Form) -> None:
        self.settled.set()
        if form is self._believed and form is self._form:
            return
        self._form, self._doubted, self._trial = form, None, None
        if form is not self._believed:
            self._believed = form
            self.on_step(form)

    def _make(self, step: str, without: frozenset[str]) -> Form:
        settings = dict(_leave_out(self._settings, without))
        if step == JSON_OBJECT and _step(self._settings) == JSON_SCHEMA:
            settings["response_format"] = {"type": JSON_OBJECT}
        elif step == PROMPT_ONLY:
            settings.pop("response_format", None)
        is_sure = step == _step(self._settings) and REQUIRE_PARAMETERS not in without
        is_in_words = self._asks_in_words or not is_sure
        words = ANY_INSTRUCTION if _is_judgement(self._settings.get("response_format")) else INSTRUCTION
        encoder = PayloadEncoder(
            self._recipe, settings, instruction=words if is_in_words else "", marks_cache=self._marks_cache
        )
        depth = len(without) + STEPS.index(step) - STEPS.index(_step(self._settings)) if step in STEPS else len(without)
        return Form(step, without, settings, depth, is_in_words, encoder)

    def _lower_format(self, form: Form) -> Form | None:
        given = form.settings.get("response_format")
        if given is None:
            return None
        is_ours = given == RESPONSE_FORMAT or _is_judgement(given)
        return self._make(JSON_OBJECT if is_ours else PROMPT_ONLY, form.without)

    def _refused_settings(self, form: Form, refusal: Refusal) -> frozenset[str]:
        """The settings that a refusal says it does not take at all, so that leaving them out is what cures."""
        named = frozenset(named_settings(form.settings, refusal))
        if asked_tier(form.settings):
            named -= {SERVICE_TIER}  # without it, the same calls would cost twice as much
        ours = named & self._optional
        if not is_unsupported(refusal):
            return ours
        limits = {key for key in named & OTHER_NAME.keys() if OTHER_NAME[key] not in form.without}
        return ours | (named - OTHER_NAME.keys()) | limits

    def _stop_when_named(self, form: Form, error: AsyncgenError, refusal: Refusal) -> None:
        """Raises SameRejectionError, with the flag that cures, for what every request would be refused for."""
        told = str(error).rstrip(". ")
        if advice := advice_on_limit(form.settings, refusal):
            raise SameRejectionError(f"{told}. {advice}") from error
        named = sorted(named_settings(form.settings, refusal))
        if SERVICE_TIER in named and (tier := asked_tier(form.settings)):
            advice = f"{SERVICE_TIER} is {tier}: leave --tier out, or choose a --model that is sold at that tier"
            raise SameRejectionError(f"{told}. {advice}") from error
        if named and named[0] != "model":
            key = named[0]
            flag = "--temperature T" if key == "temperature" else f"--param {key}=VALUE"
            advice = f"{key} is {form.settings[key]}: change it with {flag}, or leave it out with --param {key}=null"
            raise SameRejectionError(f"{told}. {advice} (either with --allow-changed)") from error
        if named or refusal.param.startswith("model"):
            raise SameRejectionError(f"{told}. Check --model") from error
        if refusal.param.startswith("messages") or re.search(r"\bmessages\b", refusal.text):
            self._refused_prompts += 1
            if self._refused_prompts > 1:
                advice = SHORTEN if isinstance(error, TooLongError) else "look at one with asyncgen plan --index 0"
                raise SameRejectionError(f"{told}. Two prompts were refused alike: {advice}") from error


def explain(form: Form, whole: Mapping[str, JsonValue], host: str) -> str:
    """What a run goes on with, for people."""
    parts = []
    for key in sorted(form.without):
        if key == REQUIRE_PARAMETERS:
            parts.append(f"{host} has nobody who takes all settings; going on without require_parameters")
        else:
            other = OTHER_NAME.get(key)
            instead = f"with {other}" if other in form.settings else "without it"
            parts.append(f"{host} takes no {key}; going on {instead}")
    if form.step != _step(whole):
        parts.append(f"{host} refused what was asked for; going on with {form.step}")
    return "; ".join(parts) or f"{host} takes all that is asked for; going on with {form.step}"


def _is_judgement(response_format: JsonValue) -> bool:
    schema = response_format.get("json_schema") if isinstance(response_format, dict) else None
    return isinstance(schema, dict) and schema.get("name") == JUDGEMENT_SCHEMA


def _leave_out(settings: Mapping[str, JsonValue], without: frozenset[str]) -> Iterator[tuple[str, JsonValue]]:
    for key, value in settings.items():
        if key in without:
            other = OTHER_NAME.get(key)
            if other is not None and other not in settings and other not in without:
                yield other, value
        elif key == "provider" and REQUIRE_PARAMETERS in without and isinstance(value, dict):
            if routing := {name: each for name, each in value.items() if name != "require_parameters"}:
                yield key, routing
        else:
            yield key, value


def _step(settings: Mapping[str, JsonValue]) -> str:
    given = settings.get("response_format")
    kind = given.get("type") if isinstance(given, dict) else None
    return kind if isinstance(kind, str) else PROMPT_ONLY
