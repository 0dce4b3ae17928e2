import json
from typing import Any

import pytest

from asyncgen.ladder import INSTRUCTION, JSON_OBJECT, JSON_SCHEMA, PROMPT_ONLY, Ladder
from asyncgen.recipe import Dimension, Group, JsonValue, Recipe, Rules
from asyncgen.settings import RESPONSE_FORMAT

RECIPE = Recipe(
    name="test",
    description="",
    source="test",
    sampling="balanced",
    knowledge="k",
    system=None,
    user="About {topic}",
    request={"model": "m"},
    headers=(),
    dimensions=(Dimension("topic", (Group("", ("apples",)),)),),
    rules=Rules(),
)
SETTINGS: dict[str, JsonValue] = {"model": "m", "response_format": RESPONSE_FORMAT}


def body(ladder: Ladder) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(b"".join(ladder.encode({"topic": "apples"})))
    return decoded


def test_it_steps_from_a_schema_to_an_object_to_words() -> None:
    ladder = Ladder(RECIPE, SETTINGS)
    assert ladder.step == JSON_SCHEMA
    assert body(ladder)["response_format"] == RESPONSE_FORMAT
    assert ladder.step_down("no schema here") == JSON_OBJECT
    assert body(ladder)["response_format"] == {"type": "json_object"}
    assert ladder.step_down("nor this") == PROMPT_ONLY
    assert "response_format" not in body(ladder)
    assert ladder.step_down("nor that") is None


def test_below_the_first_step_the_prompt_asks_for_json_in_words() -> None:
    ladder = Ladder(RECIPE, SETTINGS)
    assert body(ladder)["messages"][-1]["content"] == "About apples"
    ladder.step_down("no")
    assert body(ladder)["messages"][-1]["content"] == f"About apples{INSTRUCTION}"
    assert "json" in INSTRUCTION.lower(), "some servers insist on the word"


def test_going_back_asks_for_everything_again() -> None:
    ladder = Ladder(RECIPE, {**SETTINGS, "session_id": "s"}, optional=frozenset({"session_id"}))
    before = body(ladder)
    ladder.step_down("session_id is unknown")
    ladder.step_down("no")
    ladder.go_back()
    assert body(ladder) == before


def test_optional_settings_that_are_named_go_before_the_format() -> None:
    settings: dict[str, JsonValue] = {**SETTINGS, "provider": {"a": 1}, "session_id": "s", "temperature": 1.0}
    ladder = Ladder(RECIPE, settings, optional=frozenset({"provider", "session_id"}))
    assert ladder.step_down("Unexpected fields in the request: {'provider', 'temperature'}") is not None
    assert "provider" not in body(ladder)
    assert body(ladder)["session_id"] == "s"
    assert body(ladder)["temperature"] == 1.0, "what the recipe asks for is not left out"
    assert ladder.step == JSON_SCHEMA


@pytest.mark.parametrize("step", [JSON_SCHEMA, JSON_OBJECT, PROMPT_ONLY])
def test_a_run_can_begin_at_the_step_an_earlier_one_found(step: str) -> None:
    ladder = Ladder(RECIPE, SETTINGS)
    ladder.go_to(step)
    assert ladder.step == step


def test_a_format_of_the_users_own_is_only_ever_left_out() -> None:
    own: JsonValue = {"type": "json_schema", "json_schema": {"name": "own", "schema": {}}}
    ladder = Ladder(RECIPE, {"model": "m", "response_format": own})
    assert ladder.step_down("no") == PROMPT_ONLY
    assert ladder.step_down("no") is None


def test_without_a_format_there_is_nothing_to_leave_out() -> None:
    assert Ladder(RECIPE, {"model": "m"}).step_down("no") is None


@pytest.mark.parametrize(
    ("words", "is_about_format"),
    [
        ("This response_format type is unavailable now", True),
        ("Grammar error: Unimplemented keys", True),
        ("JSON schema error at #: unrecognized type", True),
        ("Internal Server Error", False),
        ("maximum context length is 2048 tokens", False),
    ],
)
def test_it_knows_what_a_refusal_is_about(words: str, is_about_format: bool) -> None:  # noqa: FBT001
    assert Ladder.is_named_in(words) is is_about_format


def test_what_is_ignored_is_asked_for_in_words_once() -> None:
    ladder = Ladder(RECIPE, SETTINGS)
    assert ladder.ask_in_words()
    assert not ladder.ask_in_words()
    assert ladder.step == JSON_SCHEMA
    assert body(ladder)["messages"][-1]["content"] == f"About apples{INSTRUCTION}"


def test_nothing_is_said_twice_at_a_lower_step() -> None:
    ladder = Ladder(RECIPE, SETTINGS)
    ladder.step_down("no response_format")
    assert not ladder.ask_in_words()
