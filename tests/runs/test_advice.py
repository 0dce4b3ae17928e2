"""What a person is told to do about a failure: rows of a table."""

from quick import each_row

from asyncgen.answered import UnusedReply
from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    ConnectionFailedError,
    ContentFilteredError,
    GaveUpError,
    NoAnswerError,
    RateLimitedError,
    RequestRejectedError,
    TimedOutError,
)
from asyncgen.runs.advice import with_advice


@each_row(
    ("error", "advice"),
    [
        (ConnectionFailedError("no connection"), "is the server running"),
        (ConnectionFailedError("openrouter.ai: name not found"), "is this machine online?"),
        (TimedOutError("late", maybe_billed=True), "--timeout"),
        (NoAnswerError("no answer"), "/v1"),
        (NoAnswerError("page", reply=UnusedReply("\n<!doctype html><p>Welcome")), "/v1"),
        (NoAnswerError("cut off", reply=UnusedReply("data: {"), maybe_billed=True), "log"),
        (NoAnswerError("blank", reply=UnusedReply("?")), ""),
        (RequestRejectedError("403: a page", status=403), "kept out"),
        (RequestRejectedError("no such model", status=400), "--model"),
        (ContentFilteredError("no", status=400), "prompts"),
        (GaveUpError("not-json", "asked 4 times"), ""),
        (RateLimitedError("spent", retry_after=600.0), "; it asks for a wait of 10 min"),
        (RateLimitedError("spent", retry_after=3600.0), "; it asks for a wait of an hour or more"),
    ],
)
def test_a_failure_is_told_with_what_to_do(error: AsyncgenError, advice: str) -> None:
    assert with_advice(error).startswith(str(error))
    assert advice in with_advice(error)


def test_whose_replies_were_of_no_use_is_sent_to_look_at_them() -> None:
    error = GaveUpError("not-json", "asked 4 times")
    error.__cause__ = BadReplyError("not-json", "the reply is not JSON")
    assert ".rejects" in with_advice(error)


def test_a_page_at_an_address_that_has_answered_is_no_matter_of_the_address() -> None:
    page = NoAnswerError("a page", reply=UnusedReply("<html>"))
    assert with_advice(page, has_worked=True) == "a page"
    given_up = GaveUpError("no-answer", "given up after 9 attempts: a page")
    given_up.__cause__ = page
    assert with_advice(given_up) == str(given_up)


def test_a_message_that_names_a_flag_gets_no_second_advice() -> None:
    assert with_advice(RequestRejectedError("use --param x=1", status=400)) == "use --param x=1"


def test_where_no_key_was_sent_nothing_is_said_of_what_the_key_may_do() -> None:
    told = "Forbidden. No key was sent: put it into ASYNCGEN_API_KEY"
    assert with_advice(RequestRejectedError(told, status=403)) == told
