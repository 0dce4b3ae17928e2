"""A batch and the bytes it is told in: OpenAI's object and rows, OpenRouter's object and rows."""

import asyncio
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from secrets import token_hex

import msgspec

from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.engine import PROVIDER
from asyncgen.offline.protocol import Answer, encode

WINDOW = "24h"
_WINDOW_SECONDS = 24 * 3_600


class Status(StrEnum):
    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED})
_STAMPED = (*Status,)[1:]  # in the order of OpenAI's object; one has no time of its own before it is created


class BatchLine(msgspec.Struct):
    """A request of either form as it is in a file; `body` as a live call has it."""

    custom_id: str
    body: msgspec.Raw
    method: str | None = None
    url: str | None = None


class Flaw(msgspec.Struct, frozen=True):
    """Why a batch was not run; `line` from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


@dataclass(slots=True)
class BatchUsage:
    """What the answered lines used."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)

    def add(self, answer: Answer) -> None:
        self.prompt_tokens += answer.prompt_tokens
        self.cached_tokens += answer.cached_tokens
        self.completion_tokens += answer.completion_tokens
        self.cost += answer.cost or Decimal(0)


@dataclass(slots=True, eq=False)
class Batch:
    """One batch. `number`: from 0, by creation. `lines`: its requests, on disk, found by `offsets`.

    `rows`: inline results on disk, as they stand in the list of them.
    """

    id: str
    lines: Path
    endpoint: str
    is_inline: bool = False
    number: int = 0
    model: str | None = None
    input_file_id: str | None = None
    metadata: Mapping[str, str] | None = None
    keep_for: int | None = None
    created_at: float = field(default_factory=time.time)
    status: Status = Status.VALIDATING
    stamps: dict[Status, int] = field(default_factory=dict)
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    completed: int = 0
    failed: int = 0
    tally: BatchUsage = field(default_factory=BatchUsage)
    flaws: list[Flaw] = field(default_factory=list)
    error: str | None = None
    rows: Path | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    cancelling: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    def turn(self, status: Status) -> None:
        self.status = status
        self.stamps[status] = int(time.time())

    def describe(self, knobs: BatchKnobs) -> dict[str, object]:
        """The object as it is told, without results."""
        counts = {"total": len(self.offsets), "completed": self.completed, "failed": self.failed}
        counts = dict.fromkeys(counts, 0) if knobs.wrong_counts else counts
        return self._describe_inline(counts) if self.is_inline else self._describe_files(counts, knobs)

    def _describe_files(self, counts: Mapping[str, int], knobs: BatchKnobs) -> dict[str, object]:
        tally = self.tally
        files = {"output_file_id": self.output_file_id, "error_file_id": self.error_file_id}
        if knobs.absent_ids == "missing":
            files = {name: file_id for name, file_id in files.items() if file_id}
        elif knobs.absent_ids == "empty":
            files = {name: file_id or "" for name, file_id in files.items()}
        usage = {
            "input_tokens": tally.prompt_tokens,
            "input_tokens_details": {"cached_tokens": tally.cached_tokens},
            "output_tokens": tally.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tally.prompt_tokens + tally.completion_tokens,
        }
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": {"object": "list", "data": self.flaws} if self.flaws else None,
            "input_file_id": self.input_file_id,
            "completion_window": WINDOW,
            "status": self.status,
            **files,
            "created_at": int(self.created_at),
            "expires_at": int(self.created_at) + _WINDOW_SECONDS,
            **{f"{status}_at": self.stamps.get(status) for status in _STAMPED},
            "request_counts": counts,
            "usage": usage if self.is_over and self.status is not Status.FAILED else None,
            "metadata": None if knobs.no_metadata else self.metadata,
        }

    def _describe_inline(self, counts: Mapping[str, int]) -> dict[str, object]:
        tally = self.tally
        usage = {
            "prompt_tokens": tally.prompt_tokens,
            "completion_tokens": tally.completion_tokens,
            "total_tokens": tally.prompt_tokens + tally.completion_tokens,
            "cost": tally.cost,
            "is_byok": False,
        }
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "provider": PROVIDER,
            "completion_window": WINDOW,
            "status": self.status,
            "created_at": int(self.created_at),
            "expires_at": int(self.created_at) + _WINDOW_SECONDS,
            "finalized_at": self.stamps.get(self.status) if self.is_over else None,
            "request_counts": counts,
            "usage": usage if self.is_over else None,
            "results": None,
            "error": {"message": self.error} if self.error else None,
        }

    def answer_row(self, custom_id: str, status: int, body: bytes, *, is_string: bool) -> bytes:
        """The row of a line that was answered, with whatever status."""
        if self.is_inline and status != 200:  # noqa: PLR2004 - OK
            told = msgspec.json.decode(body, type=_ErrorBody)
            failed = {"type": told.error.type, "message": told.detail or told.error.message, "param": told.error.param}
            return encode({"id": f"{PROVIDER}-{custom_id}", "custom_id": custom_id, "response": None, "error": failed})
        shown = body.decode() if is_string else msgspec.Raw(body)
        request_id = None if self.is_inline else token_hex(16)
        response = {"status_code": status, "request_id": request_id, "body": shown}
        return encode({"id": f"batch_req_{token_hex(12)}", "custom_id": custom_id, "response": response, "error": None})

    def unrun_row(self, custom_id: str, reason: str) -> bytes:
        """The row of a line that was not run."""
        error = {"code": f"batch_{reason}", "message": f"This request was not run before the batch {_ENDS[reason]}."}
        return encode({"id": f"batch_req_{token_hex(12)}", "custom_id": custom_id, "response": None, "error": error})


_ENDS = {"expired": "expired", "cancelled": "was cancelled"}


class _Error(msgspec.Struct):
    message: str = ""
    type: str | None = None
    param: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)
    detail: str | None = None
