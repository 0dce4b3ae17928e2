"""What a refusal means, by name, by word and by status; and what a run then does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, error, page
from quick import QUICK, each_row

from asyncgen.command.main import main
from asyncgen.endpoint.answer import classify_response
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    ContentFilteredError,
    NoAnswerError,
    NoMoneyError,
    NotFoundError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
    TooLongError,
)
from asyncgen.pacing.concurrency import START

OUTPUT = Path("data/nanochat.jsonl")


def leaf(status: int, body: object, **options: Any) -> AsyncgenError:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    with pytest.raises(AsyncgenError) as caught:
        classify_response(status, {}, raw, host="api.example", **options)
    return caught.value


def told(message: str, **fields: object) -> dict[str, object]:
    return {"error": {"message": message, **fields}}


NO_MONEY = [
    (400, told("Your credit balance is too low to access the Anthropic API.", type="invalid_request_error")),
    (400, told("You have reached your specified API usage limits. You will regain access on 2026-12-01.")),
    (400, {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."}),
    (402, told("Insufficient Balance", type="unknown_error")),
    (403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}),
    (403, {"error": {"code": "AccountOverdueError", "message": "the account has an overdue balance"}}),
    (403, told("Your newly created team doesn't have any credits yet.")),
    (403, told("This API method requires billing to be enabled.", status="PERMISSION_DENIED")),
    (403, told("x", details=[{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "BILLING_DISABLED"}])),
    (403, {"message": "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be"}),
    (403, told("预扣费额度失败, 用户剩余额度: ＄0.01", type="new_api_error", code="insufficient_user_quota")),
    (412, told("Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay")),
    (429, told("您的账户已欠费，请充值后重试", code="1113")),
    (429, told("余额不足或无可用资源包,请充值。", code="1113")),
    (429, told("Your account org-1 is not active", type="exceeded_current_quota_error")),
    (429, told("You exceeded your current quota, please check your plan and billing details.", code=None)),
    (429, told("litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota")),
    (429, told("Your team has either used all available credits or reached its monthly spending limit.")),
    (429, told("Your prepayment credits are depleted.")),
    (429, told("Provider returned error", metadata={"raw": '{"error":{"message":"x","code":"insufficient_quota"}}'})),
    (500, told("Upstream: insufficient balance")),
    (400, told("Ihr Guthaben ist aufgebraucht.")),
    (400, told("Crédit insuffisant sur votre compte")),
    (403, told("Saldo insuficiente")),
    (200, {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
    (200, told("Insufficient credits", code=402)),
    (410, told("Your credits are exhausted")),
    (403, told("Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys")),
    (429, told("Your account is not active, please check your billing details on our website.")),
    (429, told("Monthly quota exceeded")),
    (429, told("No credits left")),
    (403, told("Your free trial has ended")),
    (400, {"error": {"error": {"message": "Insufficient credits"}}}),
    (403, {"Response": {"Error": {"Code": "FailedOperation.ServiceStopArrears", "Message": "x"}}}),
]

DENIED = [
    (400, told("API key not valid. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT")),
    (400, told("x", details=[{"reason": "API_KEY_INVALID"}])),
    (403, told("Your API key was reported as leaked. Please use another API key.")),
    (403, told("This API key has been revoked")),
    (403, told("Key has expired")),
    (403, told("The security token included in the request is invalid")),
    (429, told("无效的令牌")),
    (500, told("Incorrect API key provided: [redacted]")),
    (410, told("Your key has been deactivated")),
    (412, told("The api key is disabled")),
    (400, {"code": "InvalidApiKey", "message": "x"}),
    (200, {"errors": [{"code": 10000, "message": "Authentication failed"}]}),
    (401, b"Unauthorized"),
    (400, told("Organization has been restricted. Please reach out to support.", code="blocked_api_access")),
    (400, told("User location is not supported for the API use.", status="FAILED_PRECONDITION")),
    (403, told("Country, region, or territory not supported", code="unsupported_country_region_territory")),
    (451, told("Unavailable for legal reasons in your country")),
    (403, told("Your account has been suspended")),
    (403, told("该账户已被封禁")),
    (429, told("Your account is deactivated")),
]

GONE = [
    (400, told("The model `llama-2` has been decommissioned and is no longer supported.", code="model_decommissioned")),
    (400, told("Model Not Exist", type="invalid_request_error")),
    (403, told("The model `m` is blocked at the organization level.", code="model_permission_blocked_org")),
    (400, told("openrouter/x is not a valid model ID")),
    (403, told("Project `p` does not have access to model `gpt-9`", code="model_not_found")),
    (404, told("models/gemini-1 is not found for API version v1beta, or is not supported for generateContent.")),
    (404, told('model "llama9" not found, try pulling it first')),
    (410, told("Gone")),
    (429, told("The model x has been deprecated")),
    (500, told("模型 x 不存在")),
    (200, {"error": "model 'x' not found"}),
    (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}),
]

WAITS = [
    (429, told("You exceeded your current quota, check your plan and billing details. Please retry in 6.2s."), 6.2),
    (429, told("Quota exceeded for metric 'Requests' and limit 'Requests per minute'", status="RESOURCE_EXHAUSTED"),
     None),
    (429, [told("x", code=429, details=[{"@type": "google.rpc.QuotaFailure"}, {"retryDelay": "6s"}])], 6.0),
    (429, told("Rate limit reached for gpt-4o on tokens per min. Please try again in 1m3.5s. Visit"), 63.5),
    (429, told("Rate limit reached. Please try again in 20ms."), 0.02),
    (429, told("Requests have exceeded call rate limit. Please retry after 43 seconds."), 43.0),
    (429, told("您的账户已达到速率限制，请在 30 秒后重试"), 30.0),
    (429, told("VertexAIException - retry_delay {\n  seconds: 6\n}"), 6.0),
    (429, told("Provider returned error",
               metadata={"raw": '{"error":{"code":429,"details":[{"retryDelay":"7s"}]}}'}), 7.0),
    (429, {"title": "Error 1015", "detail": "You are being rate limited", "retry_after": 30}, 30.0),
    (429, told("Rate limit exceeded for api_key: abc. Limit type: requests."), None),
    (503, told("The model is currently not available, please try again later"), None),
    (503, told("Model x is overloaded. Please try again later."), None),
    (403, told("slow", code="rate_limit_exceeded"), None),
]  # fmt: skip

ONE_INDEX = [
    (400, told("Your input was flagged: 'my account has been suspended, insufficient balance'", code="content_filter"),
     ContentFilteredError),
    (403, told("x", metadata={"flagged_input": "余额不足", "reasons": ["insufficient balance"]}), ContentFilteredError),
    (403, told("Your input has been blocked by our content policy"), ContentFilteredError),
    (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted",
                       "input": {"messages": "insufficient balance"}}]}, RequestRejectedError),
    (400, told("The model's context window is too small; the model does not exist in another size"), TooLongError),
    (400, told("This model does not support the parameter temperature; value not available"), RequestRejectedError),
    (403, b"<html><title>Attention Required! | Cloudflare</title>", RequestRejectedError),
    (500, told("billing service unavailable"), ServerError),
    (400, told("invalid token at position 3"), RequestRejectedError),
    (400, {"request": {"messages": ["insufficient balance", "the model does not exist"]}}, RequestRejectedError),
]  # fmt: skip


@each_row(("status", "body"), NO_MONEY)
def test_no_money_is_known_under_any_status_and_in_any_words(status: int, body: object) -> None:
    error = leaf(status, body)
    assert isinstance(error, NoMoneyError)
    assert "run the same command again" in str(error)


@each_row(("status", "body"), DENIED)
def test_a_key_or_an_account_that_is_shut_out_ends_the_run(status: int, body: object) -> None:
    assert isinstance(leaf(status, body), AccessDeniedError)


@each_row(("status", "body"), GONE)
def test_a_model_that_is_gone_ends_the_run(status: int, body: object) -> None:
    error = leaf(status, body)
    assert isinstance(error, NotFoundError)
    assert "--model" in str(error)


@each_row(("status", "body", "wait"), WAITS)
def test_a_limit_of_speed_is_only_waited_for(status: int, body: object, wait: float | None) -> None:
    error = leaf(status, body)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == (None if wait is None else pytest.approx(wait))


@each_row(("status", "body", "kind"), ONE_INDEX)
def test_what_may_concern_one_index_alone_ends_no_run(status: int, body: object, kind: type[AsyncgenError]) -> None:
    assert type(leaf(status, body)) is kind


@each_row(
    ("status", "body"),
    [
        (200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        (404, {"detail": "Not Found"}),
        (404, b"404 page not found"),
        (404, b"<html><head><title>404 Not Found</title></head></html>"),
        (404, told("Invalid URL (POST /chat/completions)")),
        (405, {"detail": "Method Not Allowed"}),
        (404, b"<pre>Cannot POST /chat/completions</pre>"),
    ],
)
def test_a_wrong_path_is_known_and_v1_is_named(status: int, body: object) -> None:
    error = leaf(status, body)
    assert isinstance(error, NotFoundError)
    assert "--base-url" in str(error)
    assert "/v1" in str(error)


def test_a_key_that_was_not_sent_is_named_with_its_variable() -> None:
    advice = "No key was sent: put it into ASYNCGEN_API_KEY"
    assert advice in str(leaf(401, b"", key_advice=advice))
    assert advice in str(leaf(403, b"", key_advice=advice))
    assert "Check the key" in str(leaf(401, b""))


def test_a_date_without_one_to_compare_is_compared_with_the_clock_that_is_given() -> None:
    headers = {"Retry-After": "Sun, 22 Nov 2026 05:22:10 GMT"}
    with pytest.raises(RateLimitedError) as caught:
        classify_response(429, headers, b"", now=1795324920.0)
    assert caught.value.retry_after == 10.0


@each_row(
    "body",
    [
        told("Failed to generate JSON. Please adjust your prompt.", code="json_validate_failed", failed_generation=""),
        told("litellm.JSONSchemaValidationError: model=m, returned an invalid response"),
        told("Failed to validate JSON"),
    ],
)
@each_row("status", [200, 400, 500])
def test_what_the_endpoint_could_not_validate_is_a_bad_reply(status: int, body: object) -> None:
    error = leaf(status, body)
    assert isinstance(error, BadReplyError)
    assert error.reply is not None
    assert error.reply.text


@pytest.mark.parametrize(
    "body",
    [
        told("x", code="json_validate_failed", failed_generation="half"),
        told("Provider returned error",
             metadata={"raw": '{"error":{"code":"json_validate_failed","failed_generation":"half"}}'}),
        told('GroqException - {"error":{"code":"json_validate_failed","failed_generation":"half"}}'),
    ],
)  # fmt: skip
def test_what_the_model_wrote_and_the_endpoint_refused_is_read_as_its_reply(body: object) -> None:
    assert classify_response(400, {}, json.dumps(body).encode()).text == "half"


@pytest.mark.parametrize("said", [{"msg": "success"}, {"message": "ok"}, {"base_resp": {"status_msg": "success"}}])
def test_words_beside_an_answer_are_no_error(said: dict[str, object]) -> None:
    body = {"code": 200, **said, "data": {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}}
    assert classify_response(200, {}, json.dumps(body).encode()).text == "hi"


def test_an_error_without_words_in_a_200_stays_a_transport_fault() -> None:
    assert isinstance(leaf(200, {"error": {"code": None}}), NoAnswerError)


# ---- whole runs


def generate(provider: FakeProvider, *flags: str) -> int:
    return main(["generate", "--base-url", provider.base_url, "--model", "m", "-c", "8", *flags], QUICK)


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in Path(f"{OUTPUT}.journal").read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def only_when(is_taken: Callable[[dict[str, Any]], bool], otherwise: Reply) -> Callable[[Call], Reply]:
    return lambda call: always_good(call) if is_taken(call.body) else otherwise


def test_a_balance_that_ends_in_mid_run_stops_it_and_fails_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    spent = error(400, "Your credit balance is too low to access the API.")
    with FakeProvider(lambda call: always_good(call) if call.number < 12 else spent) as provider:
        assert generate(provider, "-n", "200") == 1
    assert entries("failed") == []
    assert len(provider.calls) < 30
    assert "credit balance is too low" in capsys.readouterr().err


def test_settings_that_are_not_taken_cost_a_call_each_and_are_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    def script(call: Call) -> Reply:
        if "max_tokens" in call.body:
            text = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return Reply(400, json.dumps(told(text, param="max_tokens", code="unsupported_parameter")).encode())
        if "temperature" in call.body:
            return error(400, "Unsupported value: 'temperature' does not support 0.5 with this model.")
        return always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "20", "--temperature", "0.5") == 0
        assert len(provider.calls) == 22
        last = provider.calls[-1].body
        assert last["max_completion_tokens"] == 8192
        assert last["response_format"]["type"] == "json_schema"
        shown = capsys.readouterr().err
        assert "takes no temperature; going on without it" in shown
        assert shown.count("takes no max_tokens") == 1
        assert "going on with json_object" not in shown
        assert generate(provider, "-n", "30", "--temperature", "0.5") == 0
        assert len(provider.calls) == 33
    assert [entry["without"] for entry in entries("stepped")] == [["max_tokens", "temperature"]]


def test_a_limit_over_the_context_stops_after_a_call_and_names_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    text = "max_tokens is too large. The maximum context length is 8192 and your request has 6300 input tokens"
    with FakeProvider(only_when(lambda body: body["max_tokens"] <= 1800, error(400, text))) as provider:
        assert generate(provider, "-n", "20") == 1
        assert len(provider.calls) == 1
        shown = " ".join(capsys.readouterr().err.split())
        assert (
            "the endpoint's limit is 8,192, of which the prompt takes 6,300: lower it with --param max_tokens=N"
            in shown
        )
        assert entries("failed") == []
        assert generate(provider, "-n", "20", "--param", "max_tokens=1800", "--allow-changed") == 0


def test_a_server_that_starts_late_keeps_its_schema() -> None:
    with FakeProvider(lambda call: Reply(500, b"oh") if call.number < 2 else always_good(call)) as provider:
        assert generate(provider, "-n", "20") == 0
    assert all(call.body["response_format"]["type"] == "json_schema" for call in provider.calls)
    assert entries("stepped") == []


@pytest.mark.parametrize("failures", [3, 5, 7, 10])
def test_a_server_that_starts_very_late_has_its_schema_back_at_once(failures: int) -> None:
    with FakeProvider(lambda call: Reply(500, b"oh") if call.number < failures else always_good(call)) as provider:
        assert generate(provider, "-n", "40") == 0
    kinds = [call.body.get("response_format", {}).get("type") for call in provider.calls]
    assert len(kinds) == 40 + failures
    assert kinds[failures:].count("json_schema") >= 40 - START, "one is made with less, and what is asked beside it"
    assert entries("stepped") == []


def test_an_unknown_model_that_is_mended_keeps_its_schema() -> None:
    model = [error(400, "Server is pinned to 'a'; requested 'b'.")]
    with FakeProvider(lambda call: model[0] if model else always_good(call)) as provider:
        assert generate(provider, "-n", "20") == 1
        assert len(provider.calls) == 1
        model.clear()
        assert generate(provider, "-n", "20") == 0
    assert all(call.body["response_format"]["type"] == "json_schema" for call in provider.calls)


def test_a_gateway_with_one_provider_that_knows_no_schema_costs_a_reask_and_no_index() -> None:
    def script(call: Call) -> Reply:
        is_refused = call.number % 5 == 3
        return error(400, "response_format json_schema is not supported") if is_refused else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "30", "--reasks", "19") == 0
    assert {entry["reason"] for entry in entries("rejected")} == {"unvalidated"}


def test_a_reply_that_the_endpoint_could_not_validate_is_kept_and_asked_again() -> None:
    def script(call: Call) -> Reply:
        failed = told("Failed to validate JSON", code="json_validate_failed", failed_generation='{"messages": [')
        return Reply(400, json.dumps(failed).encode()) if call.number % 4 == 0 else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "20", "--reasks", "19") == 0
    assert entries("failed") == []
    kept = [json.loads(line)["text"] for line in Path(f"{OUTPUT}.rejects").read_text().splitlines()]
    assert set(kept) == {'{"messages": ['}


def test_a_wrong_path_stops_at_the_first_call(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = page({"error": "Unexpected endpoint or method. (POST /chat/completions)"})
    with FakeProvider(lambda _: wrong) as provider:
        assert generate(provider, "-n", "20") == 1
    assert len(provider.calls) == 1
    assert "/v1" in capsys.readouterr().err


def test_a_gateway_that_wants_a_key_hears_of_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with FakeProvider(lambda _: error(401, "no")) as provider:
        assert generate(provider, "-n", "20") == 1
    assert "put it into ASYNCGEN_API_KEY" in capsys.readouterr().err


def test_an_answer_to_less_is_no_proof_while_replies_are_bad() -> None:
    """A form is proved by an answer, whatever the model has written in it."""
    with FakeProvider(
        lambda call: completion("prose") if call.number == 1 else only_when(
            lambda body: body["response_format"]["type"] == "json_object", error(400, "json_schema is unknown")
        )(call)
    ) as provider:  # fmt: skip
        assert generate(provider, "-n", "5") == 0
    assert [entry["step"] for entry in entries("stepped")] == ["json_object"]
