import copy
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.endpoint.presets import PROVIDERS
from asyncgen.endpoint.settings import RESPONSE_FORMAT, Override, parse_param, request_settings
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import JsonValue

RECIPE: dict[str, JsonValue] = {"model": "m", "temperature": 1.0, "reasoning": {"effort": "low", "exclude": True}}
OPENROUTER = PROVIDERS["openrouter"].fields
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.lists(
    st.sampled_from(["a", "b", "model", "provider", "response_format", "reasoning"]), min_size=1, max_size=3
)


def settings_with(
    *params: str, recipe: Mapping[str, JsonValue] = RECIPE, fields: Mapping[str, JsonValue] = OPENROUTER
) -> dict[str, JsonValue]:
    return request_settings(recipe, fields, [parse_param(text) for text in params])


# ---- one --param


@each_row(
    ("text", "path", "value"),
    [
        ("temperature=0.7", ("temperature",), 0.7),
        ("max_tokens=4096", ("max_tokens",), 4096),
        ("top_k=-1", ("top_k",), -1),
        ("logprobs=true", ("logprobs",), True),
        ("response_format=null", ("response_format",), None),
        ("reasoning.effort=low", ("reasoning", "effort"), "low"),
        ('provider.order=["a", "b/c"]', ("provider", "order"), ["a", "b/c"]),
        ('provider={"sort": "price"}', ("provider",), {"sort": "price"}),
        ('a.b.c={\n  "d": 1\n}', ("a", "b", "c"), {"d": 1}),
        ("model=google/gemini-3-flash-preview:free@1.2", ("model",), "google/gemini-3-flash-preview:free@1.2"),
        ('user="two words = fine"', ("user",), "two words = fine"),
        ('stop="a=b"', ("stop",), "a=b"),
        ('user=""', ("user",), ""),
        ("user=Zoë", ("user",), "Zoë"),
    ],
)
def test_a_param_is_a_path_and_a_json_value_or_a_bare_word(text: str, path: tuple[str, ...], value: JsonValue) -> None:
    assert parse_param(text) == Override(path, value)


@each_row(
    ("text", "complaint"),
    [
        ("temperature", "expected KEY=VALUE"),
        ("=1", "expected KEY=VALUE"),
        (".a=1", "expected KEY=VALUE"),
        ("a..b=1", "expected KEY=VALUE"),
        ("a.=1", "expected KEY=VALUE"),
        ("a\x1b[2J=1", "expected KEY=VALUE"),
        ("a\udcff=1", "expected KEY=VALUE"),
        ("a=", "--param a: expected a JSON value"),
        ("a=two words", "expected a JSON value"),
        ("a=4o-mini", "expected a JSON value"),
        ("a=[1,", "expected a JSON value"),
        ("a=1e999", "expected a JSON value"),
        ("a=\udcff", "expected a JSON value"),
        ('a="\udcff"', "expected a JSON value"),
        ('a="\\ud800"', "expected a JSON value"),
        ("a=" + "[" * 100_000 + "]" * 100_000, "expected a JSON value"),
        ("messages=[]", "messages is set by asyncgen itself"),
        ("messages.a=1", "messages is set by asyncgen itself"),
        ("stream=true", "stream is set by asyncgen itself"),
        ("stream=null", "stream is set by asyncgen itself"),
    ],
)
def test_a_param_that_cannot_be_sent_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match="--param") as caught:
        parse_param(text)
    assert complaint in str(caught.value)


@given(value=JSON_VALUES)
def test_any_json_value_arrives_as_it_is(value: JsonValue) -> None:
    assert parse_param(f"a.b={msgspec.json.encode(value).decode()}") == Override(("a", "b"), value)


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_any_text_is_a_param_that_can_be_sent_or_one_refusal(text: str) -> None:
    try:
        override = parse_param(text)
    except ConfigError:
        return
    assert msgspec.json.encode([override.path, override.value])


# ---- all settings together


def test_later_settings_win_and_tables_are_merged() -> None:
    settings = settings_with("temperature=0.2", "reasoning.effort=high", "provider.sort=price", "seed=7")
    assert settings == {
        "response_format": RESPONSE_FORMAT,
        "provider": {"require_parameters": True, "sort": "price"},
        "model": "m",
        "temperature": 0.2,
        "reasoning": {"effort": "high", "exclude": True},
        "seed": 7,
    }


def test_a_recipe_adds_to_the_table_of_a_provider() -> None:
    recipe: dict[str, JsonValue] = {"model": "m", "provider": {"order": ["x"], "deep": {"a": 1}}}
    assert settings_with(recipe=recipe)["provider"] == {"require_parameters": True, "order": ["x"], "deep": {"a": 1}}


def test_a_recipe_overrides_a_field_of_the_provider() -> None:
    recipe: dict[str, JsonValue] = {"model": "m", "provider": {"require_parameters": False}}
    assert settings_with(recipe=recipe)["provider"] == {"require_parameters": False}


def test_a_response_format_is_replaced_whole_and_not_mixed_with_ours() -> None:
    other: JsonValue = {"type": "json_object"}
    assert settings_with(recipe={"model": "m", "response_format": other})["response_format"] == other
    assert settings_with('response_format={"type": "json_object"}')["response_format"] == other


def test_a_part_of_our_response_format_can_be_changed() -> None:
    changed = settings_with("response_format.json_schema.strict=false", "response_format.json_schema.name=null")
    json_schema = changed["response_format"]
    assert isinstance(json_schema, dict)
    assert json_schema["type"] == "json_schema"
    assert isinstance(json_schema["json_schema"], dict)
    assert json_schema["json_schema"].keys() == {"strict", "schema"}
    assert json_schema["json_schema"]["strict"] is False


@each_row(
    ("params", "gone"),
    [
        (["response_format=null"], "response_format"),
        (["temperature=null"], "temperature"),
        # The last key takes its table along: an empty one may be refused like the setting itself.
        (["provider.require_parameters=null"], "provider"),
        (["reasoning.effort=null", "reasoning.exclude=null"], "reasoning"),
        (["a=1", "a=null"], "a"),
        (["a.b.c=1", "a.b.c=null"], "a"),
    ],
)
def test_null_takes_a_setting_away(params: list[str], gone: str) -> None:
    assert settings_with(*params).keys() == settings_with().keys() - {gone}


@pytest.mark.parametrize("text", ["seed=null", "no.such.table=null", "temperature.x=null", "reasoning.effort.x=null"])
def test_null_for_what_is_not_there_changes_nothing(text: str) -> None:
    assert settings_with(text) == settings_with()


def test_a_table_takes_the_place_of_a_value() -> None:
    assert settings_with("temperature.x=1")["temperature"] == {"x": 1}


@pytest.mark.parametrize("text", ["model=null", 'model=""', "model=5", "model.name=x"])
def test_a_request_without_a_model_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--model"):
        settings_with(text)


@given(
    recipe=st.dictionaries(st.sampled_from(["a", "b", "provider", "response_format", "reasoning"]), JSON_VALUES),
    overrides=st.lists(st.builds(Override, KEYS.map(tuple), JSON_VALUES), max_size=6),
)
def test_what_it_is_made_from_is_never_changed(recipe: dict[str, JsonValue], overrides: list[Override]) -> None:
    fields, own = copy.deepcopy(dict(OPENROUTER)), copy.deepcopy(RESPONSE_FORMAT)
    given_recipe = copy.deepcopy(recipe)
    given_overrides = copy.deepcopy(overrides)
    try:
        first = request_settings({**recipe, "model": "m"}, OPENROUTER, overrides)
    except ConfigError:
        first = {}
    else:
        assert first == request_settings({**recipe, "model": "m"}, OPENROUTER, overrides)
    assert (recipe, overrides, OPENROUTER, RESPONSE_FORMAT) == (given_recipe, given_overrides, fields, own)
