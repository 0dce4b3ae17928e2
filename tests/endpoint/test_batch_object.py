from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.answered import Usage
from asyncgen.endpoint.batches.batch import Batch, BatchFault
from asyncgen.endpoint.batches.object import read_batch, read_time
from asyncgen.endpoint.body import decode_object

OPENAI: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "model": "gpt-5-mini-2025",
    "errors": None,
    "input_file_id": "file-in",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-out",
    "error_file_id": "file-err",
    "created_at": 1_711_471_533,
    "completed_at": 1_711_493_163,
    "request_counts": {"total": 100, "completed": 95, "failed": 5},
    "usage": {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 900},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1050,
    },
    "metadata": {"asyncgen": "k7f3q"},
}


def read(**changes: object) -> Batch:
    batch = read_batch({**OPENAI, **changes})
    assert batch is not None
    return batch


def test_all_that_openai_tells_is_read() -> None:
    assert read_batch(OPENAI) == Batch(
        id="batch_1",
        status="completed",
        is_over=True,
        created_at=1_711_471_533.0,
        model="gpt-5-mini-2025",
        total=100,
        finished=100,
        label="k7f3q",
        file_id="file-in",
        files=("file-out", "file-err"),
        usage=Usage(1000, 900, 50),
    )


def test_the_cost_of_a_whole_batch_is_exact() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.10000001, "is_byok": False}
    assert read(usage=usage).usage == Usage(10, None, 5, Decimal("0.10000001"))


@each_row(
    "status",
    [
        *("completed", "COMPLETED", "Completed", "SUCCESS", "succeeded", "TIMEOUT_EXCEEDED", "expired", "cancelled"),
        *("canceled", "CANCELLED", "FAILED", "failed", "JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "ended", "Timed Out"),
        *("completed_with_errors", "partially-completed"),
    ],
)
def test_an_end_is_known_in_any_spelling(status: str) -> None:
    batch = read(status=status)
    assert (batch.is_over, batch.status) == (True, status)
    assert batch.has_failed == ("fail" in status.lower())


@each_row(
    "status",
    [
        *("validating", "VALIDATING", "in_progress", "IN_PROGRESS", "PROGRESS", "finalizing", "cancelling", "QUEUED"),
        *("RUNNING", "CANCELLATION_REQUESTED", "JOB_STATE_PENDING", "canceling", "in-progress", "pending"),
    ],
)
def test_what_goes_on_is_not_over_whatever_files_and_times_it_tells(status: str) -> None:
    assert not read(status=status).is_over


def test_a_word_that_nobody_knows_is_an_end_where_the_time_of_one_is_told() -> None:
    assert read(status="parked").is_over
    assert not read(status="parked", completed_at=None).is_over


@pytest.mark.parametrize("absent", [None, "", "missing"])
def test_a_file_that_is_absent_in_any_way_is_none(absent: str | None) -> None:
    document = {key: value for key, value in OPENAI.items() if key != "output_file_id"}
    batch = read_batch(document if absent == "missing" else {**document, "output_file_id": absent})
    assert batch is not None
    assert batch.files == ("file-err",)


def test_what_openrouter_tells_is_read() -> None:
    batch = read_batch(
        {
            "id": "batch-1757600000-abcdefghij",
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "model": "google/gemini-3-flash-preview",
            "status": "completed",
            "created_at": 1_757_600_000,
            "finalized_at": 1_757_600_300,
            "request_counts": {"total": 3, "completed": 0, "failed": 3},
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0, "is_byok": False},
            "error": {"message": "All requests failed", "code": 400},
        }
    )
    assert batch is not None
    assert (batch.is_over, batch.has_failed, batch.label, batch.files) == (True, False, None, ())
    assert batch.faults == (BatchFault(None, "All requests failed"),)
    assert batch.usage.cost == 0


def test_what_together_tells_is_read() -> None:
    told = {
        "id": "0123",
        "status": "IN_PROGRESS",
        "progress": 75,
        "model_id": "meta-llama/M",
        "input_file_id": "in",
        "output_file_id": "out",
        "error_file_id": "",
        "created_at": "2024-01-15T14:30:00Z",
        "error": "<html>\x1b[31m",
    }
    batch = read_batch({"job": told, "warning": "w"})
    assert batch == read_batch(told)
    assert batch is not None
    assert (batch.model, batch.created_at, batch.files) == ("meta-llama/M", 1_705_329_000.0, ("out",))
    assert batch.faults[0].message == "<html> [31m"


def test_what_mistral_tells_is_read() -> None:
    batch = read_batch(
        {
            "id": "b",
            "status": "CANCELLED",
            "input_files": ["in"],
            "output_file": "out",
            "error_file": None,
            "total_requests": 8,
            "completed_requests": 8,
            "metadata": {"asyncgen": "k"},
            "errors": [{"message": "bad", "count": 2}],
        }
    )
    assert batch is not None
    assert (batch.is_over, batch.file_id, batch.files, batch.total, batch.finished) == (True, "in", ("out",), 8, 8)
    assert (batch.label, batch.faults) == ("k", (BatchFault(None, "bad"),))


@each_row(
    ("state", "more", "status", "is_over"),
    [
        ({"num_requests": 0, "num_pending": 0}, {}, "in_progress", False),
        ({"num_requests": 4, "num_pending": 1}, {}, "in_progress", False),
        ({"num_requests": 4, "num_pending": 0, "num_success": 3, "num_error": 1}, {}, "completed", True),
        ({"num_requests": 4, "num_pending": 2}, {"cancel_time": "2026-01-01T00:00:00Z"}, "cancelling", False),
        ({"num_requests": 4, "num_pending": 0}, {"cancel_by_xai_message": "too old"}, "cancelled", True),
    ],
)
def test_xai_tells_by_counts(state: dict[str, int], more: dict[str, str], status: str, *, is_over: bool) -> None:
    batch = read_batch({"batch_id": "b", "name": "k", "state": state, **more})
    assert batch is not None
    assert (batch.id, batch.label, batch.status, batch.is_over) == ("b", "k", status, is_over)


def test_the_line_that_spoils_a_batch_is_named() -> None:
    errors = {"object": "list", "data": [{"code": "invalid_json_line", "line": 3, "message": "no JSON", "param": None}]}
    batch = read(status="failed", errors=errors)
    assert batch.faults == (BatchFault("invalid_json_line", "no JSON", 3),)
    assert batch.has_failed


@each_row(
    ("code", "message", "is_full", "is_large"),
    [
        ("token_limit_exceeded", "Enqueued token limit reached for m in organization o. Limit: 90,000", True, False),
        (None, "Enqueued token limit reached", True, False),
        ("batch_limit_exceeded", "at most 10 unfinished", True, False),
        (None, "Maximum number of active batches reached", True, False),
        (None, "This exceeds the maximum of 30,000,000,000 queued tokens for the model", True, False),
        (None, "You have reached the maximum number of pending requests", True, False),
        ("too_many_tasks", "The number of tasks exceeds 50000", False, True),
        (None, "The batch has more than 50,000 requests", False, True),
        (None, "File size exceeds 200MB", False, True),
        ("invalid_json_line", "line 3 is no JSON", False, False),
        ("model_not_found", "no such model", False, False),
        (None, "There are too many requests in the batch", False, True),
        (None, "Too many requests", False, False),
        ("rate_limit_exceeded", "Rate limit exceeded: at most 60 requests", False, False),
        (None, "You may make a maximum of 2,000 requests per hour", False, False),
        ("url_mismatch", "all lines must have the URL of the batch", False, False),
    ],
)
def test_a_full_queue_and_a_file_too_large_are_told_from_bad_lines(
    code: str | None, message: str, *, is_full: bool, is_large: bool
) -> None:
    fault = BatchFault(code, message)
    assert (fault.is_queue_full, fault.is_too_large) == (is_full, is_large)


@each_row(
    ("value", "time"),
    [
        (1_700_000_000, 1.7e9),
        (1_700_000_000.5, 1_700_000_000.5),
        (1_700_000_000_000, 1.7e9),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14T22:13:20", 1.7e9),
        ("yesterday", None),
        (True, None),
        (0, None),
        (None, None),
        (1e300, None),
        (-5, None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_is_read_from_seconds_milliseconds_and_iso(value: object, time: float | None) -> None:
    assert read_time(value) == time


@each_row("bad", [None, 7, "", ".", "..", "a\nb", "x" * 3000, ["b"]])
def test_an_id_that_cannot_stand_in_an_address_is_none(bad: object) -> None:
    assert read_batch({**OPENAI, "id": bad}) is None


def test_an_id_that_a_proxy_has_wrapped_is_kept_to_the_letter() -> None:
    wrapped = "bGl0ZWxsbV9wcm94eTphcHBsaWNhdGlvbi9vY3RldC1zdHJlYW07dW5pZmllZF9pZA" * 8
    assert read(id=wrapped, output_file_id=wrapped).files[0] == read(id=wrapped).id == wrapped


FIELDS = [*OPENAI, "job", "batch_id", "state", "error", "input_files", "output_file", "name", "data", "results"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["completed", "b", "\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_object_is_a_batch_that_can_be_written_or_none(document: dict[str, Any]) -> None:
    batch = read_batch({"id": "b", **document})
    if batch is not None:
        assert msgspec.json.decode(msgspec.json.encode(batch), type=Batch) == batch
        assert batch.status.isprintable()


@given(st.binary())
def test_any_bytes_are_a_batch_or_none(data: bytes) -> None:
    assert read_batch(decode_object(data) or {}) is None
