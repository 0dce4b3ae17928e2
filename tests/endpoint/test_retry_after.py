from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.endpoint.retry_after import MAX_RETRY_AFTER, parse_retry_after, parse_told_wait

NOW = 1795324920.0  # 2026-11-22 05:22:00
DATE = {"Date": "Sun, 22 Nov 2026 05:22:00 GMT"}


@each_row(
    ("headers", "seconds"),
    [
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"RateLimit-Reset": "5", "RateLimit-Remaining": "0"}, 5.0),
        ({"RateLimit-Reset": "5", "RateLimit-Remaining": "1"}, None),
        ({"RateLimit": "limit=5, remaining=0, reset=7"}, 7.0),
        ({"RateLimit": "limit=5, remaining=3, reset=7"}, None),
        ({"RateLimit": '"default";r=0;t=8'}, 8.0),
        ({"anthropic-ratelimit-requests-remaining": "0",
          "anthropic-ratelimit-requests-reset": "2026-11-22T05:22:55Z"}, 55.0),
        ({"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "12.5"}, 12.5),
        ({"x-ratelimit-api_key-remaining-requests": "0", "x-ratelimit-api_key-reset-requests": "3s"}, 3.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1795324930500"}, 10.5),
        ({"reset_at": "2026-11-22 05:22:55 UTC"}, 55.0),
        ({"Retry-After": "2026-11-22T06:22:30+01:00"}, 30.0),
        ({"Retry-After": "2026-11-22T05:22:30.5"}, 30.5),
        ({"Retry-After": "2026-13-22T05:22:30Z"}, None),
    ],
)  # fmt: skip
def test_a_wait_is_read_from_any_header_that_is_in_use(headers: Mapping[str, str], seconds: float | None) -> None:
    assert parse_retry_after({**headers, **DATE}, None) == seconds
    assert parse_retry_after(headers, None, NOW) == seconds


def test_the_answers_own_date_goes_before_our_clock() -> None:
    assert parse_retry_after({"Retry-After": "Sun, 22 Nov 2026 05:22:10 GMT", **DATE}, None, NOW - 1000) == 10.0


@each_row(
    ("error", "seconds"),
    [
        ({"details": [{"@type": "x"}, {"retryDelay": "6s"}]}, 6.0),
        ({"details": [{"retryDelay": {"seconds": 6}}]}, 6.0),
        ({"details": [{"retryDelay": "0.25s"}]}, 0.25),
        ({"details": "none"}, None),
        ({"retry_after_ms": 250}, 0.25),
        ({"retryAfter": 4}, 4.0),
        ({"resets_in_seconds": 9}, 9.0),
        ({"metadata": {"resets_at": "2026-12-01T00:00:00Z"}}, None),
    ],
)
def test_a_wait_is_read_from_any_field_that_is_in_use(error: Mapping[str, object], seconds: float | None) -> None:
    assert parse_retry_after(DATE, error) == seconds


@each_row(
    ("text", "seconds"),
    [
        ("please retry in 6.2s.", 6.2),
        ("try again in 1m3.5s", 63.5),
        ("try again in 20ms. visit", 0.02),
        ("please retry after 43 seconds", 43.0),
        ("try again in 1 minute and 30 seconds", 90.0),
        ("wait 5 minutes", 300.0),
        ("the limit resets in 2h.", MAX_RETRY_AFTER),
        ("请在 30 秒后重试", 30.0),
        ("retry_delay { seconds: 6 }", 6.0),
        ('"retrydelay": "6s"', 6.0),
        ("try again later", None),
        ("10 requests per 60 seconds", None),
        ("try again in 3 messages", None),
    ],
)
def test_a_wait_is_read_from_words(text: str, seconds: float | None) -> None:
    assert parse_told_wait(text) == (None if seconds is None else pytest.approx(seconds))


NAMES = st.sampled_from(["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "ratelimit", "reset_at", "date"])
HINTS = st.text(alphabet="0123456789.smhTZ:-= ,;rt", max_size=70) | st.text(max_size=20)


@given(st.dictionaries(NAMES | st.text(max_size=30), HINTS), st.none() | st.floats(0, 4e9), st.text())
def test_any_hint_is_a_bounded_wait_or_none(headers: dict[str, str], now: float | None, text: str) -> None:
    for wait in (parse_retry_after(headers, None, now), parse_told_wait(text)):
        assert wait is None or 0 <= wait <= MAX_RETRY_AFTER


def test_a_header_with_an_endless_name_is_no_hint() -> None:
    assert parse_retry_after({"x-ratelimit-" * 5_000: "1"}, None) is None
