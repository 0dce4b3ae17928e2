"""The JSON by which an endpoint tells of a batch, in every spelling that is met, as a Batch; pure.

What an id is, is the endpoint's business: it is kept as it came, and sent back. All else is cleaned.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from asyncgen.endpoint.batches.batch import GOING_ON, OVER, Batch, BatchFault, plain_word
from asyncgen.endpoint.batches.rules import LABEL
from asyncgen.endpoint.body import JsonObject, Path, at, clean, label, object_of
from asyncgen.endpoint.usage import read_usage

MAX_ID = 2000  # characters: proxies wrap ids in others
MAX_COUNT = 10**9  # of requests; more is damage
MAX_FAULTS = 100  # of a batch: more of them say the same
LATEST = 4_102_444_800.0  # the year 2100, in seconds; a larger time is in milliseconds, or damage
WRAPPERS = ("job", "batch", "data")
IDS = ("id", "batch_id")
STATUSES = ("status", "state")
CREATED = ("created_at", "create_time")
MODELS = ("model", "model_id")
INPUTS: tuple[Path, ...] = (("input_file_id",), ("input_files", 0), ("input_file",))
OUTPUTS: tuple[Path, ...] = (("output_file_id",), ("error_file_id",), ("output_file",), ("error_file",))
LABELS: tuple[Path, ...] = (("metadata", LABEL), ("name",))
TOTALS: tuple[Path, ...] = (("request_counts", "total"), ("total_requests",), ("state", "num_requests"), ("total",))
# Each a way to count what is done with.
FINISHED: tuple[tuple[Path, ...], ...] = (
    (("request_counts", "completed"), ("request_counts", "failed")),
    (("completed_requests",),),
    (("state", "num_success"), ("state", "num_error"), ("state", "num_cancelled")),
)
ENDS = ("completed_at", "failed_at", "expired_at", "cancelled_at", "finalized_at")
REASONS = ("errors", "error", "error_message", "cancel_by_xai_message")
CODES = ("code", "type", "error_type")
MESSAGES = ("message", "msg", "detail", "error")


def read_batch(document: JsonObject) -> Batch | None:
    """What is told of one batch; None where nothing is that could be asked for again."""
    if not any(opaque_id(document.get(key)) for key in IDS):
        document = next((inner for key in WRAPPERS if (inner := object_of(document.get(key)))), {})
    batch_id = next((found for key in IDS if (found := opaque_id(document.get(key)))), None)
    if batch_id is None:
        return None
    status = _read_status(document)
    word = plain_word(status)
    has_end = any(read_time(document.get(key)) is not None for key in ENDS)
    counts = [[_count(at(document, path)) for path in way] for way in FINISHED]
    return Batch(
        id=batch_id,
        status=status,
        is_over=word in OVER or (has_end and word not in GOING_ON),  # a word that no table has
        created_at=next((time for key in CREATED if (time := read_time(document.get(key))) is not None), None),
        model=next((name for key in MODELS if (name := label(document.get(key)))), None),
        total=next((count for path in TOTALS if (count := _count(at(document, path))) is not None), None),
        finished=next((sum(filter(None, way)) for way in counts if way[0] is not None), None),
        label=next((text for path in LABELS if (text := label(at(document, path)))), None),
        file_id=next((found for path in INPUTS if (found := opaque_id(at(document, path)))), None),
        files=tuple(dict.fromkeys(found for path in OUTPUTS if (found := opaque_id(at(document, path))))),
        usage=read_usage({"usage": object_of(document.get("usage"))}, {}, has_text=False),
        faults=tuple(islice(_read_faults(document), MAX_FAULTS)),
    )


def opaque_id(value: object) -> str | None:
    """An id as it came, if it can stand in an address."""
    is_usable = isinstance(value, str) and 0 < len(value) <= MAX_ID and value.isprintable() and value.strip(".")
    return value if is_usable and isinstance(value, str) else None


def read_time(value: object) -> float | None:
    """A time of day in seconds since 1970, from a number or from ISO 8601."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
            value = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1000 * LATEST:
        return None
    return float(value if value < LATEST else value / 1000)


def _read_status(document: JsonObject) -> str:
    status = next((text for key in STATUSES if (text := label(document.get(key)))), None)
    if status is not None:
        return status
    counts = object_of(document.get("state"))  # of xAI, which has no word for it
    waiting, total = _count(counts.get("num_pending")), _count(counts.get("num_requests"))
    is_cancelled = bool(document.get("cancel_time") or document.get("cancel_by_xai_message"))
    if waiting == 0 and total:
        return "cancelled" if is_cancelled else "completed"
    return "cancelling" if is_cancelled else "in_progress"


def _read_faults(document: JsonObject) -> Iterator[BatchFault]:
    for key in REASONS:
        found = document.get(key)
        data = object_of(found).get("data")
        for each in data if isinstance(data, list) else found if isinstance(found, list) else [found]:
            error = object_of(each)
            texts = (each, *(error.get(name) for name in MESSAGES))
            message = next((words for text in texts if isinstance(text, str) and (words := clean(text))), None)
            code = next((name for name in map(error.get, CODES) if isinstance(name, str) and name), None)
            if message or code:
                line = error.get("line")
                yield BatchFault(
                    label(code), message or "", line if type(line) is int and 0 < line < MAX_COUNT else None
                )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None
