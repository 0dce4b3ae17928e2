import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal

import pytest
from answer_rows import BAD, DATE, GOOD, Bad, Good, openrouter, said
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from quick import each_row

from asyncgen.answered import UnusedReply, Usage
from asyncgen.endpoint import answer
from asyncgen.endpoint.answer import classify_response
from asyncgen.endpoint.body import MAX_LABEL, MAX_WORDS, clean
from asyncgen.endpoint.retry_after import MAX_RETRY_AFTER, parse_retry_after
from asyncgen.errors import AsyncgenError, ContentFilteredError, NoAnswerError, RateLimitedError, RequestRejectedError

KEY = "sk-or-v1-0a1b2c3d4e5f60718293a4b5c6d7e8f9"
STATUSES = st.sampled_from([200, 204, 302, 400, 401, 402, 403, 404, 408, 429, 500, 503, 524]) | st.integers()
TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(["error", "length", "429"])
FIELDS = [
    *("availability", "choices", "code", "content", "cost", "detail", "error", "finish_reason", "headers", "id"),
    *("limit_source", "message", "metadata", "model", "prompt_tokens", "provider_specific_fields", "raw"),
    *("reasons", "refusal", "Retry-After", "retry_after", "type", "usage"),
    *(
        "arguments",
        "candidates",
        "completion_tokens",
        "cost_details",
        "data",
        "delta",
        "done",
        "eval_count",
        "function",
    ),
    *(
        "index",
        "input_tokens",
        "is_byok",
        "output",
        "parsed",
        "parts",
        "promptFeedback",
        "response",
        "result",
        "status",
    ),
    *("text", "thought", "tool_calls", "total_tokens", "upstream_inference_cost", "usageMetadata", "x_nanogpt_pricing"),
]
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=25,
)
ANSWERS = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.fixed_dictionaries({"content": LEAVES, "refusal": LEAVES}),
                    "finish_reason": LEAVES,
                }
            ),
            max_size=1,
        )
    },
    optional={"id": LEAVES, "model": LEAVES, "usage": BODIES, "error": BODIES},
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "X-RateLimit-Reset", "Date", "Location", "x-request-id"]),
    st.text() | st.integers().map(str) | st.sampled_from([DATE, "6m0s", "https://[", "//a@b/"]),
)


def classify_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> AsyncgenError:
    with pytest.raises(AsyncgenError) as caught:
        classify_response(status, headers or {}, body, host="api.example")
    return caught.value


@each_row("row", GOOD, ids=[row.id for row in GOOD])
def test_an_answer_is_read_in_every_shape_seen(row: Good) -> None:
    assert classify_response(row.status, row.headers, row.body) == row.completion


@each_row("row", BAD, ids=[row.id for row in BAD])
def test_an_error_becomes_its_one_leaf_and_what_may_have_been_paid_for_is_kept(row: Bad) -> None:
    error = classify_error(row.status, row.body, row.headers)
    assert type(error) is row.leaf
    assert getattr(error, "retry_after", None) == row.retry_after
    assert getattr(error, "maybe_billed", False) is row.maybe_billed
    assert str(error).startswith(f"api.example answered {row.status}")
    assert row.says in str(error)
    reply: UnusedReply | None = getattr(error, "reply", None)
    assert (reply and reply.text) == row.reply
    assert (reply.usage if reply else Usage()) == row.usage


def test_no_two_rows_have_the_same_name() -> None:
    names = [row.id for row in GOOD] + [row.id for row in BAD]
    assert len(names) == len(set(names))


# ---- what holds for any answer


def assert_fit_for_people(message: str) -> None:
    assert message.isprintable()
    assert len(message) < 2 * MAX_WORDS + 100


@given(STATUSES, HEADERS, st.binary())
def test_any_bytes_give_a_completion_or_one_of_our_errors(status: int, headers: Mapping[str, str], body: bytes) -> None:
    try:
        classify_response(status, headers, body)
    except AsyncgenError as error:
        assert_fit_for_people(str(error))


@given(STATUSES, HEADERS, BODIES | ANSWERS)
def test_any_json_gives_a_completion_or_one_of_our_errors(
    status: int, headers: Mapping[str, str], document: object
) -> None:
    try:
        completion = classify_response(status, headers, json.dumps(document).encode())
    except AsyncgenError as error:
        assert_fit_for_people(str(error))
        wait = getattr(error, "retry_after", None)
        assert wait is None or 0 <= wait <= MAX_RETRY_AFTER
    else:
        assert completion.text.strip()


@given(
    st.lists(BODIES | st.just("[DONE]"), max_size=5), st.sampled_from([b"data: ", b"data:", b"", b"event: x\ndata: "])
)
def test_any_stream_gives_a_completion_or_one_of_our_errors(events: list[object], field: bytes) -> None:
    lines = [b"[DONE]" if event == "[DONE]" else json.dumps(event).encode() for event in events]
    body = b"\n\n".join(field + line for line in lines)
    try:
        completion = classify_response(200, {}, body)
    except AsyncgenError as error:
        assert_fit_for_people(str(error))
    else:
        assert completion.text.strip()


@each_row("key", ["result", "response", "output", "content", "parts", "text"])
def test_answers_in_answers_without_end_are_read_a_few_levels_deep(key: str) -> None:
    body = f'{{"{key}":' * 900 + '"x"' + "}" * 900
    for document in (body, f'{{"choices":[{{"message":{{"content":{body}}}}}]}}'):
        with suppress(AsyncgenError):
            assert classify_response(200, {}, document.encode()).text.strip()


@given(ANSWERS | BODIES)
def test_every_string_handed_on_can_be_written_as_utf_8(document: object) -> None:
    handed_on: list[str | None]
    try:
        completion = classify_response(200, {}, json.dumps(document).encode())
    except AsyncgenError as error:
        reply: UnusedReply | None = getattr(error, "reply", None)
        handed_on = [str(error), *((reply.text, reply.request_id) if reply else ())]
    else:
        handed_on = [completion.text, completion.finish_reason, completion.model, completion.request_id]
    for each in handed_on:
        (each or "").encode()


@given(
    st.sampled_from([200, 400, 401, 402, 403, 404, 429, 500, 503]),
    st.text(alphabet=" \n\t\x1b\u202e.,:'\"a") | st.sampled_from(["Bearer ", "key=", "api_key: ", "https://"]),
    st.sampled_from(["plain", "string", "message", "raw"]),
)
def test_a_key_in_a_servers_words_is_never_shown(status: int, before: str, place: str) -> None:
    words = f"{before} {KEY} was wrong"
    bodies: dict[str, object] = {
        "string": {"error": words},
        "message": {"error": {"message": words}},
        "raw": {"error": {"message": "x", "metadata": {"raw": words}}},
    }
    body = json.dumps(bodies[place]) if place in bodies else words
    message = str(classify_error(status, body.encode()))
    assert "[redacted]" in message
    assert KEY[3:] not in message


@pytest.mark.parametrize("lower", [False, True])
def test_header_names_may_have_any_case(*, lower: bool) -> None:
    headers = {"RETRY-AFTER": "5", "DATE": DATE}
    given_ = CIMultiDictProxy(CIMultiDict(headers)) if lower else headers
    assert parse_retry_after(given_, None) == 5.0


# ---- words


@each_row(
    ("text", "shown"),
    [
        ("line one\r\n\tline two", "line one line two"),
        ("\x1b]52;c;aGk=\x07 \x9b2J \u202egnp.exe\u2028", "]52;c;aGk= 2J gnp.exe"),
        ("[/x] [link=https://evil.example]", "[/x] [link=https://evil.example]"),
        ("Incorrect API key provided: sk-abc***wxyz.", "Incorrect API key provided: [redacted]"),
        ("Authorization: Bearer abcdef", "Authorization: [redacted]"),
        ("GET https://user:secret@host/v1?key=abc&x=1", "GET https://[redacted]host/v1?[redacted]&x=1"),
        ("AIzaSyA-1234567890_abcdefghijklmnopqrs", "[redacted]"),
        ("gsk_" + "a1" * 20, "[redacted]"),
        ("batch_" + "a1" * 16, "batch_" + "a1" * 16),
        ("a task-force learned google/gemini-3-flash-preview", "a task-force learned google/gemini-3-flash-preview"),
        ("max_tokens=100000 cannot be greater", "max_tokens=100000 cannot be greater"),
    ],
)
def test_words_of_a_server_become_one_harmless_line(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(min_value=10, max_value=400))
def test_cleaned_text_is_printable_and_within_its_limit(text: str, limit: int) -> None:
    cleaned = clean(text * 20, limit)
    assert cleaned.isprintable()
    assert len(cleaned) <= limit


def test_a_raw_body_kept_as_reply_holds_no_key() -> None:
    error = classify_error(200, b'{"usage":{"prompt_tokens":1},"echo":"Bearer ' + KEY.encode() + b'"}')
    assert isinstance(error, NoAnswerError)
    assert error.reply is not None
    assert KEY not in error.reply.text


def test_a_redirect_names_only_the_host() -> None:
    message = str(classify_error(302, b"", {"Location": f"https://u:{KEY}@evil.example/path?q=1"}))
    assert "to evil.example." in message
    assert KEY not in message
    assert "path" not in message


@pytest.mark.parametrize("location", ["/v1/", "", "https://[broken/"])
def test_a_redirect_without_a_host_is_still_one_sentence(location: str) -> None:
    assert "a redirect without naming another host" in str(classify_error(301, b"", {"location": location}))


# ---- numbers from outside


@each_row(
    ("cost", "text"),
    [
        ("0.1", "0.1"),
        ("3e-07", "0.0000003"),
        ("0.00241", "0.00241"),
        ("2", "2"),
        ("0.0", "0"),
        ('"0.0150"', "0.0150"),
        ('"1e-3"', "0.001"),
        ("-0.1", None),
        ("true", None),
        ("1e300", None),
        ("1e-300", None),
        ('"1e-999999999"', None),
        ('"sNaN"', None),
        ('"Infinity"', None),
        ('"free"', None),
        ("NaN", None),
        ("null", None),
        ("[0.1]", None),
        ("9" * 400, None),
        ('"0.' + "1" * 400 + '"', None),
    ],
)
def test_a_cost_is_exact_decimal_text_or_unknown(cost: str, text: str | None) -> None:
    body = said("x", usage={"cost": "COST"}).replace(b'"COST"', cost.encode())
    found = classify_response(200, {}, body).usage.cost
    assert (None if found is None else format(found, "f")) == text


@each_row(
    ("count", "tokens"),
    [
        ("7", 7),
        ("0", 0),
        ("7.0", 7),
        ("7.5", None),
        ("-1", None),
        ("true", None),
        ('"7"', None),
        ("null", None),
        ("{}", None),
        ("1e999", None),
        ("9" * 30, None),
    ],
)
def test_a_token_count_is_a_whole_number_or_unknown(count: str, tokens: int | None) -> None:
    body = said("", usage={"completion_tokens": "COUNT", "cost": 1}).replace(b'"COUNT"', count.encode())
    reply: UnusedReply = getattr(classify_error(200, body), "reply")  # noqa: B009
    assert reply.usage.completion_tokens == tokens


# ---- waits


@each_row(
    ("hint", "seconds"),
    [
        ("1", 1.0),
        ("30", 30.0),
        ("0", 0.0),
        (" 5 ", 5.0),
        ("0.25", 0.25),
        ("3600", 3600.0),
        ("86400", 3600.0),
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("1h2m3.5s", 3600.0),
        ("2m3.5s", 123.5),
        ("Sun, 22 Nov 2026 05:22:10 GMT", 10.0),
        ("Sun, 22 Nov 2026 05:21:00 GMT", 0.0),
        ("Mon, 22 Nov 2027 05:22:00 GMT", 3600.0),
        ("1795324930", 10.0),
        ("1795324930500", 10.5),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("1_0", None),
        ("٣", None),
        ("9" * 400, None),
        ("1s" * 100, None),
        ("soon", None),
        ("", None),
        ("Sun, 99 Nov 2026 05:22:10 GMT", None),
    ],
)
def test_a_wait_is_read_in_every_form_and_bounded(hint: str, seconds: float | None) -> None:
    assert parse_retry_after({"Retry-After": hint, "Date": DATE}, None) == seconds


@each_row(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "20", "retry-after": "1"}, 0.02),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "-1", "llm_provider-retry-after": "2"}, 2.0),
        ({"llm_provider-retry-after": "2", "x-ratelimit-reset": "3"}, 2.0),
        ({"x-ratelimit-reset": "3", "x-ratelimit-remaining": "0"}, 3.0),
        ({"x-ratelimit-reset": "3", "x-ratelimit-remaining": "1"}, None),
        ({"retry-after": "4", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "9s"}, 4.0),
        ({"x-ratelimit-remaining-tokens": "1", "x-ratelimit-reset-tokens": "9s"}, None),
        ({"x-ratelimit-reset-tokens": "9s"}, None),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "9s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1m",
            },
            60.0,
        ),
        ({"retry-after": "Sun, 22 Nov 2026 05:22:10 GMT"}, None),
        ({"x-ratelimit-reset": "1795324930500"}, None),
        ({}, None),
    ],
)
def test_the_most_explicit_hint_wins(headers: Mapping[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, None) == seconds


@each_row(
    ("error", "seconds"),
    [
        ({"metadata": {"headers": {"Retry-After": "7"}}}, 7.0),
        ({"metadata": {"headers": {"retry-after": 7}}}, 7.0),
        ({"metadata": {"headers": {"retry-after-ms": 1500}}}, 1.5),
        ({"metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795324930500"}}}, 10.5),
        ({"metadata": {"headers": {"X-RateLimit-Remaining": [], "X-RateLimit-Reset": "9"}}}, None),
        ({"metadata": {"retry_after": 8.5}}, 8.5),
        ({"availability": {"retry_after": 9}}, 9.0),
        ({"retry_after": True}, None),
        ({"retry_after": 10**400}, None),
        ({"retry_after": float("nan")}, None),
        ({"metadata": "text", "availability": []}, None),
        (None, None),
    ],
)
def test_hints_inside_the_error_count(error: Mapping[str, object] | None, seconds: float | None) -> None:
    assert parse_retry_after({"date": DATE}, error) == seconds


def test_a_header_goes_before_its_copy_in_the_error() -> None:
    assert parse_retry_after({"Retry-After": "1"}, {"metadata": {"headers": {"Retry-After": "2"}}}) == 1.0


# ---- what decides


def test_moderation_is_seen_in_words_alone() -> None:
    error = classify_error(400, b'{"error":{"message":"The prompt violates our Content Policy."}}')
    assert isinstance(error, ContentFilteredError)
    assert error.status == 400


def test_the_status_decides_over_the_bodys_code_outside_a_200() -> None:
    error = classify_error(400, openrouter(429, "bad request"))
    assert isinstance(error, RequestRejectedError)
    assert error.status == 400


def test_an_overload_code_makes_a_500_a_rate_limit() -> None:
    body = b'{"error":{"message":"x","code":"server_is_overloaded"}}'
    assert isinstance(classify_error(500, body), RateLimitedError)


def test_a_kept_reply_names_its_request() -> None:
    error = classify_error(200, said("", id=None, usage={"prompt_tokens": 1}), {"X-Request-Id": "req-9"})
    assert isinstance(error, NoAnswerError)
    assert error.reply is not None
    assert error.reply.request_id == "req-9"


def test_labels_for_the_journal_are_short_and_printable() -> None:
    completion = classify_response(200, {}, said("x", model="a\x1b[2Jb", id="r" * 10_000))
    assert completion.model == "a [2Jb"
    assert len(completion.request_id or "") == MAX_LABEL


PLAIN_PARTS: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.fixed_dictionaries(
                        {"content": st.one_of(st.text(max_size=8), st.none(), st.just(" \n"))},
                        optional={
                            "refusal": st.sampled_from([None, "", "no"]),
                            "provider_specific_fields": st.sampled_from([None, {}]),
                        },
                    )
                },
                optional={
                    "finish_reason": st.sampled_from([None, "stop", "length", "content_filter", "error", 3]),
                    "error": st.sampled_from([None, {}, {"code": 502}]),
                    "native_finish_reason": st.sampled_from([None, "STOP", "MAX_TOKENS", "SAFETY", "OTHER"]),
                },
            ),
            max_size=2,
        )
    },
    optional={
        "error": st.sampled_from([None, "", {"message": "no"}]),
        "model": st.one_of(st.none(), st.text(max_size=5), st.just(4)),
        "id": st.one_of(st.none(), st.text(max_size=5)),
        "usage": st.one_of(
            st.none(),
            st.just([]),
            st.fixed_dictionaries(
                {},
                optional={
                    "prompt_tokens": st.sampled_from([0, 7, -1, 2.0, 2.5, True, 2**60, "7", None]),
                    "completion_tokens": st.sampled_from([0, 7, None]),
                    "total_tokens": st.sampled_from([7, 14, 20, None]),
                    "is_byok": st.sampled_from([True, False, None, 1]),
                    "cost_details": st.sampled_from([None, {}, {"upstream_inference_cost": 0.5}]),
                    "cost_usd": st.sampled_from([None, 0.75]),
                    "cost": st.one_of(st.none(), st.floats(), st.integers(), st.sampled_from(["0.1", "x", True])),
                    "prompt_tokens_details": st.sampled_from(
                        [None, {}, {"cached_tokens": 3}, {"cached_tokens": None}, 1]
                    ),
                    "prompt_cache_hit_tokens": st.sampled_from([None, 5, -5]),
                },
            ),
        ),
    },
)


def test_an_ordinary_answer_is_read_the_short_way() -> None:
    body = said("hi", usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "cost": 0.25})
    short = answer._read_plain_answer(body, {})
    assert short == answer.Completion("hi", "stop", "m", "gen-1", Usage(9, None, 2, Decimal("0.25")))


@given(
    PLAIN_PARTS,
    st.sampled_from([{}, {"X-LiteLLM-Response-Cost": "0.125"}, {"x-openrouter-cache-status": "HIT"}]),
)
def test_the_short_way_of_reading_an_answer_finds_what_the_patient_one_finds(
    document: dict[str, object], headers: dict[str, str]
) -> None:
    headers = {"x-request-id": "r1", **headers}
    short = answer._read_plain_answer(json.dumps(document).encode(), headers)
    if short is not None:
        patient = answer._read_answer(document, headers)
        assert patient.is_good()
        assert short == answer.Completion(
            patient.text, patient.finish_reason, patient.model, patient.request_id, patient.usage
        )
