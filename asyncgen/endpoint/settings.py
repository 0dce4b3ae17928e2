"""The request settings sent with every call: the provider's fields, the recipe's, then what the flags say.

Later ones win; tables are merged key by key, and a flag's `null` takes a setting away, which is how a server that
refuses a field can be served without touching the recipe. `response_format` alone is replaced whole, because half of
one kind and half of another is neither.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import MODEL, JsonValue, Model, Recipe
from asyncgen.text import is_utf8

RESPONSE_FORMAT: dict[str, JsonValue] = {
    "type": "json_schema",
    "json_schema": {
        "name": "conversation",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "messages": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "role": {"type": "string", "enum": ["user", "assistant"]},
                            "content": {"type": "string"},
                        },
                        "required": ["role", "content"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["messages"],
            "additionalProperties": False,
        },
    },
}
JUDGEMENT_SCHEMA = "judgement"
_RESERVED = ("messages", "stream")
_DEEPEST = 32  # dotted keys, far more than any request has
_BARE_WORD = re.compile(r"[A-Za-z][\w./:@-]*")


@dataclass(frozen=True, slots=True)
class Override:
    """One setting from a flag: the path of its key, and its value; None takes the setting away."""

    path: tuple[str, ...]
    value: JsonValue


def parse_param(text: str) -> Override:
    """An override from `KEY=VALUE`: dotted keys, JSON values, a bare word as itself. Raises ConfigError."""
    key, equals, value = text.partition("=")
    path = tuple(key.split("."))
    if not equals or not all(path) or not key.isprintable() or len(path) > _DEEPEST:
        raise ConfigError(f"--param: expected KEY=VALUE, for example reasoning.effort=low, got {text!r}")
    if path[0] in _RESERVED:
        raise ConfigError(f"--param: {path[0]} is set by asyncgen itself; leave it out")
    try:
        return Override(path, msgspec.json.decode(value))
    except (ValueError, RecursionError):  # ValueError: not JSON, or bytes that are not UTF-8
        if _BARE_WORD.fullmatch(value):
            return Override(path, value)
        raise ConfigError(f"--param {key}: expected a JSON value (quote text: '\"…\"'), got {value!r}") from None


def judgement_format(questions: Iterable[str]) -> dict[str, JsonValue]:
    """What a judge is to answer, with a property for each question; the evidence comes before what it decides."""
    text: dict[str, JsonValue] = {"type": "string"}
    verdict: dict[str, JsonValue] = {"type": "string", "enum": ["supported", "contradicted", "absent"]}
    claim = _object({"text": text, "sentence": text, "verdict": verdict})
    answer = _object({"evidence": text, "holds": {"type": "boolean"}})
    asked = _object(dict.fromkeys(questions, answer))
    schema = _object({"claims": {"type": "array", "items": claim}, "questions": asked})
    return {"type": "json_schema", "json_schema": {"name": JUDGEMENT_SCHEMA, "strict": True, "schema": schema}}


def _object(properties: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def request_settings(
    recipe: Mapping[str, JsonValue], provider_fields: Mapping[str, JsonValue], overrides: Iterable[Override]
) -> dict[str, JsonValue]:
    """All settings of a request except its messages. Raises ConfigError when an override takes the model away."""
    settings = {"response_format": RESPONSE_FORMAT} | _merged(provider_fields, recipe)
    for override in overrides:
        _apply(settings, override.path, override.value)
    if settings.get("n", 1) != 1:
        raise ConfigError(
            "n: a call makes one conversation, further choices would be paid for and dropped; leave it out"
        )
    model = settings.get("model")
    if not isinstance(model, str) or not model or not is_utf8(model):
        raise ConfigError("--model: expected the model's name, in UTF-8")
    return settings


def settings_of(recipe: Recipe, model: Model | None = None) -> Mapping[str, JsonValue]:
    """What a recipe asks one of its models with; the first one, unless it is named."""
    model = model or next(iter(recipe.models), None)
    return recipe.request if model is None else _merged(recipe.request, {**model.request, MODEL: model.name})


def _merged(below: Mapping[str, JsonValue], above: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Settings over others, table by table."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _apply(settings: dict[str, JsonValue], path: tuple[str, ...], value: JsonValue) -> None:
    key, *rest = path
    if rest:
        inner = settings.get(key)
        if value is None and not isinstance(inner, dict):
            return
        settings[key] = inner = dict(inner) if isinstance(inner, dict) else {}
        _apply(inner, tuple(rest), value)
        if not inner:
            del settings[key]
    elif value is None:
        settings.pop(key, None)
    else:
        settings[key] = value
