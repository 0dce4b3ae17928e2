import json
from typing import Any

import pytest
from quick import each_row

from asyncgen.answered import Refusal
from asyncgen.endpoint.settings import RESPONSE_FORMAT
from asyncgen.endpoint.structure import INSTRUCTION, JSON_OBJECT, JSON_SCHEMA, PROMPT_ONLY, Form, Ladder, explain
from asyncgen.errors import (
    AsyncgenError,
    ConnectionFailedError,
    NotFoundError,
    RequestRejectedError,
    SameRejectionError,
    ServerError,
    TooLongError,
)
from asyncgen.recipe.recipe import Dimension, Group, JsonValue, Recipe, Rules

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


VAGUE = "Bad Request"


def body(form: Form) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(b"".join(form.encode({"topic": "apples"})))
    return decoded


def no(
    words: str, param: str = "", status: int = 400, kind: type[AsyncgenError] = RequestRejectedError
) -> AsyncgenError:
    error = kind(words)
    error.refusal = Refusal(status, param, words.lower())
    return error


class Steps:
    """A ladder, and what it has told."""

    def __init__(self, settings: dict[str, JsonValue], *optional: str) -> None:
        self.told: list[tuple[str, list[str]]] = []
        self.ladder = Ladder(RECIPE, settings, optional=frozenset(optional))
        self.ladder.on_step = self._note

    def _note(self, form: Form) -> None:
        self.told.append((form.step, sorted(form.without)))

    def refuse(self, words: str, param: str = "", status: int = 400) -> bool:
        return self.ladder.refused(self.ladder.take(), no(words, param, status))

    def answer(self) -> Form:
        form = self.ladder.take()
        self.ladder.answered(form)
        return form


def test_it_steps_from_a_schema_to_an_object_to_words() -> None:
    steps = Steps(SETTINGS)
    assert body(steps.ladder.take())["response_format"] == RESPONSE_FORMAT
    assert steps.refuse("no json_schema here")
    assert body(steps.ladder.take())["response_format"] == {"type": "json_object"}
    assert steps.refuse("response_format is unknown")
    assert "response_format" not in body(steps.ladder.take())
    assert steps.told == [], "nothing is believed before an answer"
    assert steps.answer().step == PROMPT_ONLY
    assert steps.told == [(PROMPT_ONLY, [])]


@each_row(
    "words",
    [
        "Unsupported service_tier: flex",
        "service_tier is not supported for this model",
        "Flex API is not supported for model: gemini-2.5-flash-lite.",
        "The flex tier is unavailable for this model",
        "Invalid value for 'service_tier': must be one of auto, default",
        "Priority processing is not available for your organization",
        'Unknown name "serviceTier"',
    ],
)
def test_a_service_tier_that_is_refused_is_not_left_out_but_stops_the_run(words: str) -> None:
    tier = "priority" if words.startswith("Priority") else "flex"
    steps = Steps({**SETTINGS, "service_tier": tier})
    with pytest.raises(SameRejectionError, match=f"service_tier is {tier}: leave --tier out, or choose a --model"):
        steps.refuse(words)


def test_a_service_tier_named_in_a_field_of_its_own_stops_the_run() -> None:
    steps = Steps({**SETTINGS, "service_tier": "flex"})
    with pytest.raises(SameRejectionError, match="leave --tier out"):
        steps.refuse("Bad value", "service_tier")


def test_a_service_tier_is_asked_for_though_an_earlier_run_went_without_one() -> None:
    steps = Steps({**SETTINGS, "service_tier": "flex"})
    steps.ladder.begin_at(JSON_OBJECT, frozenset({"service_tier"}))
    steps.ladder.refused(steps.ladder.take(), no("no json_schema"))
    assert body(steps.ladder.take())["service_tier"] == "flex"
    with pytest.raises(SameRejectionError, match="leave --tier out"):
        steps.refuse("Unsupported service_tier: flex")


def test_the_usual_service_tier_is_a_setting_like_any_other() -> None:
    steps = Steps({**SETTINGS, "service_tier": "auto"})
    assert steps.refuse("service_tier is not supported")
    assert "service_tier" not in body(steps.ladder.take())


def test_below_the_first_step_the_prompt_asks_for_json_in_words() -> None:
    steps = Steps(SETTINGS)
    assert body(steps.ladder.take())["messages"][-1]["content"] == "About apples"
    steps.refuse("no json_schema")
    assert body(steps.ladder.take())["messages"][-1]["content"] == f"About apples{INSTRUCTION}"
    assert "json" in INSTRUCTION.lower(), "some servers insist on the word"


def test_a_step_without_a_reason_is_believed_when_the_higher_one_is_refused_again() -> None:
    steps = Steps(SETTINGS)
    assert steps.refuse(VAGUE)
    assert steps.answer().step == JSON_OBJECT
    assert steps.told == []
    again = steps.ladder.take()
    assert again.step == JSON_SCHEMA
    assert steps.answer().step == JSON_OBJECT, "one call asks for it"
    assert steps.told == []
    assert not steps.ladder.settled.is_set()
    assert steps.ladder.refused(again, no(VAGUE))
    assert steps.told == [(JSON_OBJECT, [])]
    assert steps.answer().step == JSON_OBJECT


def test_a_step_without_a_reason_is_taken_back_when_the_higher_one_is_answered() -> None:
    steps = Steps(SETTINGS)
    steps.refuse(VAGUE)
    steps.answer()
    assert steps.answer().step == JSON_SCHEMA
    assert steps.answer().step == JSON_SCHEMA
    assert steps.told == []


def test_a_higher_form_that_gets_no_answer_is_asked_for_once_more() -> None:
    steps = Steps(SETTINGS)
    steps.refuse(VAGUE)
    steps.answer()
    steps.ladder.failed(steps.ladder.take(), ConnectionFailedError("reset"))
    assert steps.ladder.take().step == JSON_SCHEMA


def test_a_refusal_from_before_a_lower_form_was_answered_is_no_second_one() -> None:
    steps = Steps(SETTINGS)
    early = steps.ladder.take()
    steps.refuse(VAGUE)
    steps.answer()
    assert steps.ladder.refused(early, no(VAGUE))
    assert steps.told == []
    assert steps.answer().step == JSON_SCHEMA
    assert steps.answer().step == JSON_SCHEMA


def test_an_answer_to_a_form_in_between_is_no_proof_either() -> None:
    steps = Steps(SETTINGS)
    steps.refuse(VAGUE)
    early = steps.ladder.take()
    steps.refuse(VAGUE)
    steps.ladder.answered(early)
    assert steps.ladder.form.step == JSON_OBJECT
    assert steps.told == []
    assert steps.answer().step == JSON_SCHEMA


def test_what_no_step_cures_is_asked_for_whole_again_and_not_guessed_at_twice() -> None:
    steps = Steps({**SETTINGS, "session_id": "s"}, "session_id")
    before = body(steps.ladder.take())
    assert [steps.refuse(VAGUE) for _ in range(4)] == [True, True, False, False]
    assert body(steps.ladder.take()) == before
    steps.answer()
    assert steps.told == []


def test_a_server_that_is_starting_may_fail_as_often_as_it_likes() -> None:
    steps = Steps(SETTINGS)
    for _ in range(25):
        steps.ladder.failed(steps.ladder.take(), no("Internal Server Error", status=500, kind=ServerError))
    for _ in range(3):
        steps.answer()
    assert steps.answer().step == JSON_SCHEMA
    assert steps.told == []


def test_once_an_answer_has_come_no_refusal_steps() -> None:
    steps = Steps(SETTINGS)
    steps.answer()
    assert not steps.refuse("no json_schema")
    assert steps.answer().step == JSON_SCHEMA


WISHES: dict[str, JsonValue] = {
    **SETTINGS,
    "max_tokens": 8192,
    "temperature": 0.7,
    "top_p": 0.9,
    "seed": 7,
    "stop": ["x"],
    "reasoning": {"effort": "low"},
    "session_id": "s",
    "provider": {"require_parameters": True, "sort": "price"},
}


@each_row(
    ("words", "param", "gone"),
    [
        ("Unsupported parameter: 'temperature' is not supported with this model.", "temperature", {"temperature"}),
        ("Unsupported value: 'temperature' does not support 0.7. Only the default (1) value is supported.", "",
         {"temperature"}),
        ("Unexpected fields in the request: {'provider', 'temperature'}", "", {"provider", "temperature"}),
        ("property 'session_id' is unsupported", "", {"session_id"}),
        ("provider: Extra inputs are not permitted", "provider", {"provider"}),
        ("Extra inputs are not permitted", "body.seed", {"seed"}),
        ('Invalid JSON payload received. Unknown name "session_id": Cannot find field.', "", {"session_id"}),
        ('json: unknown field "provider"', "", {"provider"}),
        ("Unrecognized request arguments supplied: provider, session_id", "", {"provider", "session_id"}),
        ("Model grok does not support parameter topP.", "", {"top_p"}),
        ("Argument not supported on this model: stop", "", {"stop"}),
        ("`temperature` is deprecated for this model.", "", {"temperature"}),
        ("openai does not support parameters: ['seed'], for model=m. Supported parameters: temperature, top_p", "",
         {"seed"}),
        ("模型不支持参数 'temperature'", "", {"temperature"}),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_taken_is_left_out_and_nothing_else(words: str, param: str, gone: set[str]) -> None:
    steps = Steps(WISHES, "session_id", "provider")
    assert steps.refuse(words, param)
    sent = body(steps.ladder.take())
    assert WISHES.keys() - sent.keys() == gone
    assert sent["response_format"] == RESPONSE_FORMAT
    steps.answer()
    assert steps.told == [(JSON_SCHEMA, sorted(gone))]


@pytest.mark.parametrize(
    ("old", "new"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
def test_the_limit_of_an_answer_is_asked_for_under_its_other_name(old: str, new: str) -> None:
    steps = Steps({**SETTINGS, old: 512})
    assert steps.refuse(f"Unsupported parameter: '{old}' is not supported with this model. Use '{new}' instead.", old)
    sent = body(steps.ladder.take())
    assert (sent.get(old), sent[new]) == (None, 512)
    with pytest.raises(SameRejectionError, match=f"--param {new}=N"):
        steps.refuse(f"Unsupported parameter: '{new}'", new)


@each_row(
    ("words", "param", "flag"),
    [
        ("max_tokens is too large: 8192. This model supports at most 4096 completion tokens", "max_tokens",
         "max_tokens is 8192, the endpoint's limit is 4,096: lower it with --param max_tokens=N"),
        ("max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens", "", "--param max_tokens=N"),
        ("temperature must be between 0 and 1", "", "temperature is 0.7: change it with --temperature"),
        ("Invalid value for 'top_p'", "top_p", "--param top_p=VALUE, or leave it out with --param top_p=null"),
        ("nothing for you", "model", "Check --model"),
    ],
)  # fmt: skip
def test_what_only_the_user_can_change_stops_the_run_and_names_the_flag(words: str, param: str, flag: str) -> None:
    steps = Steps(WISHES, "session_id", "provider")
    with pytest.raises(SameRejectionError) as caught:
        steps.refuse(words, param)
    assert words in str(caught.value)
    assert flag in str(caught.value)


def test_a_limit_over_a_small_context_is_named_with_both_numbers() -> None:
    words = "'max_tokens' is too large. The maximum context length is 8192 tokens and your request has 300 input tokens"
    ladder = Ladder(RECIPE, WISHES)
    with pytest.raises(
        SameRejectionError, match="is 8192, the endpoint's limit is 8,192, of which the prompt takes 300"
    ):
        ladder.refused(ladder.take(), no(words, kind=TooLongError))


def test_a_prompt_that_is_too_long_by_itself_is_no_matter_of_the_answers_limit() -> None:
    words = "maximum context length is 2048 tokens. You requested 6062 (6012 in the messages, 50 in the completion)"
    ladder = Ladder(RECIPE, WISHES)
    assert not ladder.refused(ladder.take(), no(words, kind=TooLongError))
    with pytest.raises(SameRejectionError, match="raise the server's context, or shorten the knowledge"):
        ladder.refused(ladder.take(), no(words, kind=TooLongError))


def test_two_refusals_of_the_messages_are_not_taken_for_one_of_the_schema() -> None:
    steps = Steps(SETTINGS)
    assert not steps.refuse("messages: roles must alternate", "messages")
    with pytest.raises(SameRejectionError, match="plan --index 0"):
        steps.refuse("messages: roles must alternate", "messages")


def test_a_router_without_anybody_is_asked_for_less_and_then_believed() -> None:
    words = "No endpoints found that can handle the requested parameters."
    steps = Steps(WISHES, "provider")
    seen = []
    while steps.ladder.refused(steps.ladder.take(), no(words, status=404, kind=NotFoundError)):
        sent = body(steps.ladder.take())
        seen.append((sent.get("response_format", {}).get("type"), sent["provider"]))
    assert seen == [
        (JSON_SCHEMA, {"sort": "price"}), (JSON_OBJECT, {"sort": "price"}), (None, {"sort": "price"}),
    ]  # fmt: skip


@pytest.mark.parametrize("words", ["No endpoints found for a/b.", "No endpoints found matching your data policy"])
def test_another_404_is_nobodys_step(words: str) -> None:
    ladder = Ladder(RECIPE, WISHES)
    assert not ladder.refused(ladder.take(), no(words, status=404, kind=NotFoundError))


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_later_run_asks_for_everything_once_and_keeps_what_works(*, is_refused: bool) -> None:
    steps = Steps(WISHES)
    steps.ladder.begin_at(JSON_OBJECT, frozenset({"temperature"}))
    first = steps.ladder.take()
    assert first.step == JSON_SCHEMA
    if is_refused:
        assert steps.ladder.refused(first, no(VAGUE))
    else:
        steps.ladder.answered(first)
    assert steps.answer().step == (JSON_OBJECT if is_refused else JSON_SCHEMA)
    assert steps.answer().step == (JSON_OBJECT if is_refused else JSON_SCHEMA)
    assert steps.told == ([] if is_refused else [(JSON_SCHEMA, [])])


@pytest.mark.parametrize("step", [JSON_SCHEMA, JSON_OBJECT, PROMPT_ONLY])
def test_a_run_can_begin_at_the_step_an_earlier_one_found(step: str) -> None:
    ladder = Ladder(RECIPE, SETTINGS)
    ladder.begin_at(step, frozenset())
    assert ladder.form.step == step


def test_a_format_of_the_users_own_is_only_ever_left_out() -> None:
    own: JsonValue = {"type": "json_schema", "json_schema": {"name": "own", "schema": {}}}
    steps = Steps({"model": "m", "response_format": own})
    assert steps.refuse("no json_schema")
    assert steps.answer().step == PROMPT_ONLY


def test_without_a_format_there_is_nothing_to_leave_out() -> None:
    assert not Steps({"model": "m"}).refuse(VAGUE)


@each_row(
    ("words", "is_about_format"),
    [
        ("This response_format type is unavailable now", True),
        ("Grammar error: Unimplemented keys", True),
        ("JSON schema error at #: unrecognized type", True),
        ("This model does not support JSON mode", True),
        ("Internal Server Error", False),
        ("maximum context length is 2048 tokens", False),
    ],
)
def test_it_knows_what_a_refusal_is_about(words: str, is_about_format: bool) -> None:  # noqa: FBT001
    ladder = Ladder(RECIPE, SETTINGS)
    assert ladder.is_about_format(ladder.form, no(words, status=500, kind=ServerError)) is is_about_format


def test_what_a_run_goes_on_with_is_said() -> None:
    steps = Steps({**SETTINGS, "max_tokens": 9, "temperature": 1})
    steps.refuse("Unsupported parameters: max_tokens, temperature")
    assert explain(steps.ladder.form, SETTINGS, "host") == (
        "host takes no max_tokens; going on with max_completion_tokens; host takes no temperature; going on without it"
    )


def test_what_is_ignored_is_asked_for_in_words_once() -> None:
    steps = Steps(SETTINGS)
    before = steps.answer()
    assert steps.ladder.ask_in_words()
    assert not steps.ladder.ask_in_words()
    assert body(steps.ladder.take())["messages"][-1]["content"] == f"About apples{INSTRUCTION}"
    steps.ladder.answered(before)
    assert body(steps.ladder.take())["messages"][-1]["content"] == f"About apples{INSTRUCTION}"
    assert steps.answer().step == JSON_SCHEMA
    assert steps.told == []


def test_nothing_is_said_twice_at_a_lower_step() -> None:
    steps = Steps(SETTINGS)
    steps.refuse("no response_format")
    assert not steps.ladder.ask_in_words()
