"""A line of a batch's requests out, a line of its results in; pure.

Results come in any order, from any gateway: the answer as it would have come live, as text that holds it, without the
status around it, or an error in its place. Only what cannot be assigned to a request is no row.
"""

import json
from collections.abc import Mapping, Sequence

import msgspec

from asyncgen.endpoint.batches.rules import BatchRules
from asyncgen.endpoint.body import JsonObject, decode_object, label, object_of
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import JsonValue

IDS = ("custom_id", "batch_request_id")
# From a row to the answer in it, and how many steps that may be.
INNER = ("response", "batch_result", "result", "chat_get_completion", "body")
DEEPEST = 5
STATUS = "status_code"
OK, REDIRECT, BAD_REQUEST, NO_STATUS = 200, 300, 400, 600
ERRORS = ("error", "error_message")
CODES = ("code", "type")
# Words for a request that was not run, because its batch had ended: in lower case, letters alone.
NOT_RUN = frozenset(
    f"{prefix}{word}" for prefix in ("batch", "request", "") for word in ("expired", "cancelled", "canceled")
)

_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Row(msgspec.Struct, frozen=True):
    """One result. `status`: of the answer, None where there was none; `body`: of the answer, or why there was none.

    `code`: the word for that, where there is one. What a row means is told by `BatchApi.classify`.
    """

    custom_id: str
    status: int | None
    body: bytes
    code: str | None = None

    @property
    def has_run(self) -> bool:
        """False for a request that its batch did not come to."""
        return self.status is not None or "".join(filter(str.isalpha, self.code or "")).lower() not in NOT_RUN


def request_line(custom_id: str, payload: Sequence[bytes], rules: BatchRules) -> bytes:
    """A live request as a line of a batch's file, its newline last."""
    fields = _fields_decoder.decode(b"".join(payload))
    body = {key: value for key, value in fields.items() if key not in rules.strips}
    return msgspec.json.encode({"custom_id": custom_id, **rules.line, "body": body}) + b"\n"


def read_row(line: bytes) -> Row | None:
    """What a line of results says; None for one that cannot be read or names no request."""
    row = decode_object(line) or {}
    custom_id = next((name for key in IDS if isinstance(name := row.get(key), str) and name), None)
    if custom_id is None:
        return None
    status, answer = _find_answer(row)
    body = object_of(answer)
    error = next((found for place in (body, row) for key in ERRORS if (found := place.get(key))), None)
    try:
        if not error or body.get("choices") or (answer and status is not None and status >= BAD_REQUEST):
            return Row(
                custom_id, status, answer.encode(errors="replace") if isinstance(answer, str) else _encode(answer)
            )
        code = next((name for key in CODES if (name := label(object_of(error).get(key)))), None)
        return Row(custom_id, status if status and status >= BAD_REQUEST else None, _encode({"error": error}), code)
    except RecursionError:
        return None


def batch_fields(settings: Mapping[str, JsonValue], rules: BatchRules) -> dict[str, JsonValue]:
    """The settings that a batch takes as a whole. Raises ConfigError for one that nothing of it takes."""
    fields: dict[str, JsonValue] = {}
    for key in sorted(rules.strips & settings.keys()):
        value = settings[key]
        names = {f"{key}.{name}" for name in value} if isinstance(value, dict) else {key}
        if refused := sorted(names - rules.carries - rules.drops):
            raise ConfigError(
                f"--batch: batches here do not take {refused[0]}; leave it out with --param {refused[0]}=null, "
                "or run without --batch"
            )
        if isinstance(value, dict) and names & rules.carries:
            fields[key] = {name: inner for name, inner in value.items() if f"{key}.{name}" in rules.carries}
    return fields


def _find_answer(row: JsonObject) -> tuple[int | None, JsonObject | str]:
    """The status, if it is one of an answer, and what is innermost on the way to that; {} for nothing."""
    status, inner = None, row
    for _ in range(DEEPEST):
        step = next((found for key in INNER if (found := inner.get(key))), None)
        if isinstance(step, str):
            parsed = decode_object(step.encode(errors="replace"))
            if not parsed:
                return status, step
            step = parsed
        if "choices" in inner or not isinstance(step, dict):
            break
        inner = step
        if STATUS in inner:
            code = inner[STATUS]
            status = code if type(code) is int and (OK <= code < REDIRECT or BAD_REQUEST <= code < NO_STATUS) else None
    return status, {} if inner is row or STATUS in inner else inner


def _encode(value: object) -> bytes:
    """Also what the standard library's reader has let in: huge numbers and halves of characters."""
    try:
        return msgspec.json.encode(value)
    except (ValueError, OverflowError):
        return json.dumps(value).encode()
