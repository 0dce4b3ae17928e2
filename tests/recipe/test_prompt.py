import json
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.recipe.prompt import PayloadEncoder, build_messages, render
from asyncgen.recipe.recipe import Dimension, Group, JsonValue, Recipe, Rules

SYSTEM = "Facts:\n{knowledge}"
USER = "Topic: {topic}\nPersona: {persona}"


def make_recipe(*, system: str | None = SYSTEM, user: str = USER, knowledge: str = "Bread is baked.") -> Recipe:
    return Recipe(
        name="bread",
        description="",
        source="bread",
        sampling="balanced",
        knowledge=knowledge,
        system=system,
        user=user,
        request={"model": "some/model"},
        headers=(),
        dimensions=tuple(Dimension(name, (Group("", ("a", "b")),)) for name in ("topic", "persona")),
        rules=Rules(),
    )


SCENARIO = {"topic": "rye", "persona": "a baker"}
SETTINGS: Mapping[str, JsonValue] = {"model": "some/model", "temperature": 0.7}

texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
settings_maps = st.dictionaries(texts.filter(lambda key: key not in {"messages", "stream", "seed"}), json_values)


@each_row(
    ("template", "rendered"),
    [
        ("{topic}", "rye"),
        ("{topic}{persona}{topic}", "ryea bakerrye"),
        ("{knowledge}", "Bread is baked."),
        ('{"json": 1}, {topic: 1}, {}, {0}, { topic }', '{"json": 1}, {topic: 1}, {}, {0}, { topic }'),
        ("{{topic}}", "{rye}"),
        ("{topic!r} {topic.x} {topic[0]}", "{topic!r} {topic.x} {topic[0]}"),
        (r"\1 \g<0> {topic}", r"\1 \g<0> rye"),
        ("no placeholder", "no placeholder"),
    ],
)
def test_a_placeholder_is_replaced_and_any_other_brace_is_text(template: str, rendered: str) -> None:
    assert render(template, "Bread is baked.", SCENARIO) == rendered


@each_row("value", ["{topic}", "{persona}", "{knowledge}", r"\1\g<0>", "{", '{"json": 1}'])
def test_what_a_value_contains_is_not_replaced_again(value: str) -> None:
    scenario = {"topic": value, "persona": value}
    assert render("{topic}|{persona}|{knowledge}", value, scenario) == f"{value}|{value}|{value}"


@given(before=texts, value=texts, after=texts)
def test_any_value_arrives_unchanged(before: str, value: str, after: str) -> None:
    template = f"{before.replace('{', '')}{{topic}}{after.replace('{', '')}"
    rendered = render(template, "", {"topic": value})
    assert rendered == before.replace("{", "") + value + after.replace("{", "")


def test_the_system_message_comes_first_and_the_user_message_last() -> None:
    assert build_messages(make_recipe(), SCENARIO) == [
        {"role": "system", "content": "Facts:\nBread is baked."},
        {"role": "user", "content": "Topic: rye\nPersona: a baker"},
    ]


def test_without_a_system_prompt_there_is_only_the_user_message() -> None:
    recipe = make_recipe(system=None, user="{knowledge}: {topic} {persona}")
    assert build_messages(recipe, SCENARIO) == [
        {"role": "user", "content": "Bread is baked.: rye a baker"},
    ]


@given(
    topic=texts,
    persona=texts,
    knowledge=texts,
    system=st.sampled_from([None, SYSTEM, "Say it to {persona}: {knowledge}", "constant"]),
    settings=settings_maps,
)
def test_a_payload_decodes_to_settings_and_messages(
    topic: str, persona: str, knowledge: str, system: str | None, settings: dict[str, JsonValue]
) -> None:
    recipe = make_recipe(system=system, knowledge=knowledge)
    scenario = {"topic": topic, "persona": persona}
    payload = b"".join(PayloadEncoder(recipe, settings).encode(scenario))
    assert msgspec.json.decode(payload) == {
        **settings,
        "stream": False,
        "messages": build_messages(recipe, scenario),
    }


def test_a_system_message_that_varies_is_rendered_for_each_scenario() -> None:
    encoder = PayloadEncoder(make_recipe(system="For {persona}."), SETTINGS)
    for persona in ("a baker", "a miller"):
        payload = msgspec.json.decode(b"".join(encoder.encode({"topic": "rye", "persona": persona})))
        assert payload["messages"][0] == {"role": "system", "content": f"For {persona}."}


@given(topic=texts, persona=texts, repeat=st.integers(0, 9))
def test_the_same_scenario_is_the_same_bytes(topic: str, persona: str, repeat: int) -> None:
    scenario = {"topic": topic, "persona": persona}
    encoder = PayloadEncoder(make_recipe(), {**SETTINGS, "seed": 5})
    once = encoder.encode(scenario, repeat=repeat)
    encoder.encode({"topic": "another", "persona": "in between"})
    assert encoder.encode(scenario, repeat=repeat) == once
    assert PayloadEncoder(make_recipe(), {**SETTINGS, "seed": 5}).encode(scenario, repeat=repeat) == once


@pytest.mark.parametrize("repeat", [0, 1, 7])
def test_a_seed_counts_the_requests_sent_before(repeat: int) -> None:
    payload = b"".join(PayloadEncoder(make_recipe(), {**SETTINGS, "seed": 40}).encode(SCENARIO, repeat=repeat))
    assert msgspec.json.decode(payload) == {
        **SETTINGS,
        "seed": 40 + repeat,
        "stream": False,
        "messages": build_messages(make_recipe(), SCENARIO),
    }


def test_without_a_seed_a_repeated_request_is_the_same() -> None:
    encoder = PayloadEncoder(make_recipe(), SETTINGS)
    assert encoder.encode(SCENARIO, repeat=3) == encoder.encode(SCENARIO)
    assert "seed" not in msgspec.json.decode(b"".join(encoder.encode(SCENARIO)))


def test_settings_may_not_turn_streaming_on() -> None:
    payload = b"".join(PayloadEncoder(make_recipe(), {**SETTINGS, "stream": True}).encode(SCENARIO))
    assert msgspec.json.decode(payload)["stream"] is False


@given(one=texts, other=texts)
def test_payloads_share_all_bytes_up_to_the_user_message(one: str, other: str) -> None:
    encoder = PayloadEncoder(make_recipe(), {**SETTINGS, "seed": 1})
    payloads = [
        b"".join(encoder.encode({"topic": topic, "persona": "p"}, repeat=i)) for i, topic in enumerate((one, other))
    ]
    constant = payloads[0].index(b'{"role":"user"')
    assert payloads[0][:constant] == payloads[1][:constant]
    assert b'Facts:\\nBread is baked."},' in payloads[0][:constant]


def test_a_mark_for_the_cache_ends_a_constant_system_message() -> None:
    payload = json.loads(b"".join(PayloadEncoder(make_recipe(), SETTINGS, marks_cache=True).encode(SCENARIO)))
    plain = json.loads(b"".join(PayloadEncoder(make_recipe(), SETTINGS).encode(SCENARIO)))
    text = plain["messages"][0]["content"]
    part = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    assert payload["messages"] == [{"role": "system", "content": [part]}, plain["messages"][1]]


@pytest.mark.parametrize("system", ["For {persona}.", None])
def test_what_is_not_constant_carries_no_mark(system: str | None) -> None:
    """Writing to a cache that is never read costs more than no cache."""
    marked = PayloadEncoder(make_recipe(system=system), SETTINGS, marks_cache=True)
    assert marked.encode(SCENARIO) == PayloadEncoder(make_recipe(system=system), SETTINGS).encode(SCENARIO)


def test_payloads_share_one_copy_of_what_is_constant() -> None:
    encoder = PayloadEncoder(make_recipe(), SETTINGS)
    one, other = (encoder.encode({"topic": topic, "persona": "p"}) for topic in ("rye", "wheat"))
    assert one[0] is other[0]
    assert b"Bread is baked." in one[0]
