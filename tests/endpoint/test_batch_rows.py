import asyncio
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from batch_script import KEY
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.command.pages import FOLDER
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.batches.files import FileBatches
from asyncgen.endpoint.batches.rows import Row, batch_fields, read_row, request_line
from asyncgen.endpoint.batches.rules import BY_HOST, MEGABYTE, OPENAI, OPENROUTER, BatchRules, rules_of
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import PROVIDERS, Endpoint, Provider
from asyncgen.endpoint.secret import Secret
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    ConfigError,
    ContentFilteredError,
    NoAnswerError,
    NoMoneyError,
    NotRunError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
    TooLongError,
)

ANSWER: dict[str, Any] = {
    "id": "gen-batch-1",
    "model": "google/m:batch",
    "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "cost": 0.00031},
}


async def _client() -> Client:
    return Client(Endpoint(Provider("custom", ""), "http://127.0.0.1:9/v1", Secret(KEY)), connections=1, timeout=1)


BATCHES = FileBatches(asyncio.run(_client()), OPENAI)


def row_of(**fields: object) -> Row:
    row = read_row(msgspec.json.encode({"id": "batch_req_1", "custom_id": "k-1-1", **fields}))
    assert row is not None
    assert row.custom_id == "k-1-1"
    return row


def answered(**response: object) -> Completion:
    return BATCHES.classify(row_of(response=response, error=None))


# ---- out


def test_a_line_is_the_live_request_without_what_a_batch_does_not_take() -> None:
    payload = (
        b'{"model":"m","temperature":0.10,"stream":false,"messages":[',
        b'{"role":"user","content":"a\\nb"}',
        b"]}",
    )
    line = request_line("k-1-1", payload, OPENAI)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b'"temperature":0.10' in line  # to the byte
    assert msgspec.json.decode(line) == {
        "custom_id": "k-1-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "temperature": 0.1, "messages": [{"role": "user", "content": "a\nb"}]},
    }


@pytest.mark.parametrize("rules", [OPENAI, OPENROUTER], ids=["openai", "openrouter"])
def test_a_batch_is_a_service_tier_by_itself(rules: BatchRules) -> None:
    line = request_line("k", (b'{"model":"m","service_tier":"flex","messages":[]}',), rules)
    assert msgspec.json.decode(line)["body"] == {"model": "m", "messages": []}
    assert batch_fields({"model": "m", "service_tier": "flex"}, rules) == {}


def test_openrouter_gets_no_routing_and_no_session_with_a_line() -> None:
    payload = (b'{"model":"m","provider":{"require_parameters":true},"session_id":"s","stream":false,"messages":[]}',)
    assert msgspec.json.decode(request_line("k", payload, OPENROUTER)) == {
        "custom_id": "k",
        "body": {"model": "m", "messages": []},
    }


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers(-(2**63), 2**63 - 1) | st.none()))
def test_a_request_comes_back_from_its_line(custom_id: str, body: dict[str, Any]) -> None:
    line = request_line(custom_id, (msgspec.json.encode(body),), OPENAI)
    assert line.count(b"\n") == 1
    expected = {key: value for key, value in body.items() if key not in ("stream", "service_tier")}
    assert msgspec.json.decode(line)["body"] == expected
    assert msgspec.json.decode(line)["custom_id"] == custom_id


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"model": "m", "temperature": 1}, {}),
        ({"provider": {"require_parameters": True}, "session_id": "s"}, {}),
        ({"provider": {"require_parameters": True, "only": ["a"]}}, {"provider": {"only": ["a"]}}),
    ],
)
def test_what_a_batch_takes_as_a_whole_is_told_apart(settings: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    assert batch_fields(settings, OPENROUTER) == fields
    assert batch_fields(settings, OPENAI) == {}


@pytest.mark.parametrize("settings", [{"provider": {"order": ["a"]}}, {"provider": {"only": ["a"], "order": ["a"]}}])
def test_a_setting_that_nothing_of_a_batch_takes_is_refused_and_not_dropped(settings: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"--param provider\.order=null, or run without --batch"):
        batch_fields(settings, OPENROUTER)


# ---- in


@each_row(
    "fields",
    [
        {"response": {"status_code": 200, "request_id": "r", "body": ANSWER}, "error": None},
        {"response": {"status_code": 200, "request_id": None, "body": ANSWER}},
        {"response": {"status_code": 200, "body": msgspec.json.encode(ANSWER).decode()}},
        {"response": {"status_code": 0, "body": ANSWER}, "error": None},
        {"response": {"body": ANSWER}},
        {"response": ANSWER},
        {"response": msgspec.json.encode({"status_code": 200, "body": ANSWER}).decode()},
        {"batch_result": {"response": {"chat_get_completion": ANSWER}}},
        {"response": {"status_code": 200, "body": ANSWER}, "error": {"message": "beside a paid answer"}},
    ],
)
def test_an_answer_is_found_wherever_it_stands(fields: dict[str, object]) -> None:
    completion = BATCHES.classify(row_of(**fields))
    assert (completion.text, completion.request_id, completion.model) == ("hello", "gen-batch-1", "google/m:batch")
    assert str(completion.usage.cost) == "0.00031"


def test_xai_names_the_request_by_another_word() -> None:
    row = read_row(
        msgspec.json.encode({"batch_request_id": "k", "batch_result": {"response": {"chat_get_completion": ANSWER}}})
    )
    assert row is not None
    assert (row.custom_id, BATCHES.classify(row).text) == ("k", "hello")


@each_row("code", ["batch_expired", "batch_cancelled", "request_expired", "Expired", "canceled"])
def test_a_request_that_its_batch_did_not_come_to_is_no_failure(code: str) -> None:
    row = row_of(response=None, error={"code": code, "message": "This request was not executed"})
    assert not row.has_run
    with pytest.raises(NotRunError):
        BATCHES.classify(row)


@each_row(
    ("fields", "kind"),
    [
        ({"response": {"status_code": 400, "body": {"error": {"message": "bad", "param": "n"}}}}, RequestRejectedError),
        ({"response": {"status_code": 400, "body": '{"error":{"message":"bad"}}'}}, RequestRejectedError),
        ({"response": {"status_code": 400, "body": "plain words"}}, RequestRejectedError),
        ({"response": {"status_code": 400, "body": None}, "error": {"message": "bad"}}, RequestRejectedError),
        ({"response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, RateLimitedError),
        ({"response": {"status_code": 500, "body": {}}}, ServerError),
        ({"response": {"status_code": 502, "body": "<html>"}}, ServerError),
        ({"response": {"status_code": 401, "body": {"error": {"message": f"bad key {KEY}"}}}}, AccessDeniedError),
        ({"response": {"status_code": 402, "body": {"error": {"message": "no credit"}}}}, NoMoneyError),
        ({"response": None, "error": {"message": "Insufficient credits", "type": "x"}}, NoMoneyError),
        ({"response": None, "error": {"type": "request_failed", "message": "upstream"}}, NoAnswerError),
        ({"error": {"type": "request_failed", "message": "upstream"}}, NoAnswerError),
        ({"error": "words"}, NoAnswerError),
        ({"error_message": "words"}, NoAnswerError),
        ({"response": None, "error": {"code": "content_filter", "message": "x"}}, ContentFilteredError),
        ({"response": None, "error": {"code": "context_length_exceeded", "message": "x"}}, TooLongError),
        ({"response": {"status_code": 200, "body": {}}}, NoAnswerError),
        ({"response": {"status_code": 200, "body": None}, "error": None}, NoAnswerError),
        ({"response": {"status_code": 200, "body": ""}}, NoAnswerError),
        ({"response": {"status_code": 0, "body": {}}}, NoAnswerError),
        ({"response": {"status_code": 302, "body": {}}}, NoAnswerError),
        ({"response": {"status_code": "200", "body": {}}}, NoAnswerError),
        ({"response": None, "error": None}, NoAnswerError),
        ({}, NoAnswerError),
    ],
)  # fmt: skip
def test_a_row_without_an_answer_is_the_leaf_of_a_live_call(
    fields: dict[str, object], kind: type[AsyncgenError]
) -> None:
    with pytest.raises(AsyncgenError) as caught:
        BATCHES.classify(row_of(**fields))
    assert type(caught.value) is kind
    assert KEY not in str(caught.value)
    assert "in a batch" in str(caught.value)


@each_row(
    "line",
    [
        *(
            b"",
            b"\n",
            b"{}",
            b"[]",
            b"null",
            b"7",
            b'{"custom_id":""}',
            b'{"custom_id":7}',
            b'{"custom_id":"a"',
            b"\xff",
        ),
        *(b'{"response":{"status_code":200,"body":{}}}', b"<html></html>", b"[" * 100_000),
    ],
)
def test_a_line_that_names_no_request_is_no_row(line: bytes) -> None:
    assert read_row(line) is None


def test_an_answer_with_odd_numbers_and_half_characters_is_read() -> None:
    odd = json.dumps({**ANSWER, "created": 10**400, "system_fingerprint": "\ud800"}).encode()
    row = read_row(b'{"custom_id":"k","response":{"status_code":200,"body":%s}}' % odd)
    assert row is not None
    assert BATCHES.classify(row).text == "hello"


def test_a_body_nested_too_deep_is_no_answer() -> None:
    row = read_row(b'{"custom_id":"k","response":{"status_code":200,"body":%s}}' % (b"[" * 900 + b"]" * 900))
    if row is not None:
        classified(row)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["response", "body", "error", "status_code", "choices", "message", "code", "batch_result"])
            | st.text(),
            inner,
            max_size=6,
        )
    ),
)


def classified(row: Row) -> None:
    try:
        completion = BATCHES.classify(row)
    except AsyncgenError as error:
        str(error).encode()
    else:
        assert completion.text.strip()


@given(st.binary())
def test_any_bytes_are_a_row_or_none(line: bytes) -> None:
    row = read_row(line)
    assert row is None or row.custom_id


@given(JSON, JSON)
def test_any_row_is_a_completion_or_one_of_our_errors(response: object, error: object) -> None:
    line = json.dumps({"custom_id": "k", "response": response, "error": error}).encode()
    row = read_row(line)
    assert row is not None
    classified(row)


# ---- rules


def endpoint(url: str, preset: str = "custom") -> Endpoint:
    return Endpoint(PROVIDERS.get(preset, Provider(preset, "")), url)


@each_row(
    ("url", "expected"),
    [
        ("https://api.openai.com/v1", {"form": "files", "max_bytes": 200_000_000, "max_requests": 50_000}),
        ("https://eu.api.openai.com/v1", {"has_label": True, "cancels": True}),
        (
            "https://openrouter.ai/api/v1",
            {"form": "inline", "max_requests": 5_000, "cancels": False, "has_label": False},
        ),
        ("https://mine.openai.azure.com/openai/v1", {"max_requests": 100_000, "paths": ("/batches",)}),
        ("https://mine.openai.azure.com/openai/v1?api-version=preview", {"line": OPENAI.line}),
        (
            "https://mine.openai.azure.com/openai/deployments/d?api-version=2025-04-01",
            {"paths": ("/../../batches",), "files": "/../../files"},
        ),
        ("https://api.groq.com/openai/v1", {"max_bytes": 100_000_000}),
        ("https://api.together.xyz/v1", {"line": {}, "has_label": False, "upload_tail": "/upload"}),
        ("https://api.deepinfra.com/v1/openai", {"form": "files", "create": OPENAI.create}),
        ("https://api.parasail.io/v1", {"max_bytes": 500_000_000}),
        ("https://api.mistral.ai/v1", {"paths": ("/batch/jobs",), "max_requests": 1_000_000}),
        ("https://api.x.ai/v1", {"results": "/results", "cancel": ":cancel"}),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", {"form": "files"}),
        ("http://127.0.0.1:4000/v1", {"form": "files"}),
    ],
)
def test_rules_are_found_by_the_host_of_an_address(url: str, expected: dict[str, object]) -> None:
    rules = rules_of(endpoint(url))
    assert {name: getattr(rules, name) for name in expected} == expected


def test_a_preset_that_is_named_brings_its_rules_to_another_address() -> None:
    assert rules_of(endpoint("http://127.0.0.1:8000/v1", "openrouter")) is OPENROUTER
    assert rules_of(endpoint("https://api.groq.com/openai/v1", "openrouter")).form == "files"


@each_row(
    ("url", "preset", "words"),
    [
        ("http://127.0.0.1:11434/v1", "ollama", "Ollama has no batches"),
        ("http://127.0.0.1:8080/v1", "llamacpp", "llama.cpp has no batches"),
        ("http://127.0.0.1:8000/v1", "vllm", "--batch-files DIR"),
        ("https://api.fireworks.ai/inference/v1", "custom", "Fireworks takes data sets"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "custom", "Gemini takes files by calls of its own"),
        ("https://us-central1-aiplatform.googleapis.com/v1/x", "custom", "Vertex AI"),
        ("https://api.anthropic.com/v1", "custom", "Anthropic"),
    ],
)
def test_where_batches_are_not_spoken_one_sentence_says_what_is_possible(url: str, preset: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules_of(endpoint(url, preset))
    assert words in str(caught.value)
    assert "without --batch, the same run is made of live calls" in str(caught.value)


def test_each_host_with_rules_of_its_own_is_on_the_page_of_endpoints() -> None:
    page = (FOLDER / "endpoints.md").read_text().partition("\n## Batches\n")[2].partition("\n## ")[0]
    assert [host for host in BY_HOST if f"`{host}`" not in page] == []
    for host, rules in BY_HOST.items():
        if not isinstance(rules, str):
            (row,) = [row for row in page.splitlines() if row.startswith("|") and f"`{host}`" in row]
            assert f"| {rules.max_requests:,}, {rules.max_bytes // MEGABYTE} |" in row
