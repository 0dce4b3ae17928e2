"""Batches as an endpoint tells of them, and the calls that a form of them offers.

A form knows how to ask and how to read what comes back. It keeps nothing, repeats nothing and decides nothing: when to
ask again, and whether a batch may be made once more, is for whoever keeps the books.
"""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from asyncgen.answered import Usage
from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.batches.rows import Row
from asyncgen.endpoint.batches.rules import BatchRules
from asyncgen.recipe.recipe import JsonValue

# Words for a batch with which something happens, or nothing any more: in lower case, letters alone.
GOING_ON = frozenset(
    {
        *("created", "creating", "pending", "queued", "scheduled", "submitted", "validating", "validated", "uploading"),
        *("inprogress", "progress", "running", "processing", "finalizing", "writingresults", "paused"),
        *("cancelling", "canceling", "cancellationrequested"),
    }
)
FAILED = frozenset({"failed", "failure", "error", "errored", "rejected", "invalid"})
COMPLETED = frozenset(
    {
        *("completed", "complete", "completedwitherrors", "partiallycompleted", "partiallysucceeded", "partialsuccess"),
        *("success", "succeeded", "finished", "done", "ended"),
    }
)
OVER = (
    FAILED
    | COMPLETED
    | {
        *("expired", "timeout", "timedout", "timeoutexceeded"),
        *("cancelled", "canceled", "aborted", "stopped", "terminated", "deleted"),
    }
)
# In the words for a batch that cannot be made now, and for one that never can; in lower case.
_QUEUE_FULL = re.compile(
    r"""
      token_limit_exceeded | batch_limit_exceeded | queue\ is\ full
    | (?:enqueued|queued|pending)[ _](?:\w+\ )?(?:token|request)
    | too[ _]many[ _](?:\w+\ )?(?:batch|job)
    | (?:maximum|max|limit)\D{0,40}(?:active|concurrent|pending|queued|unfinished|in[ -]progress)\ (?:batch|job)
    """,
    re.VERBOSE,
)
_TOO_LARGE = re.compile(
    r"""
      too[ _](?:large|big) | payload_too_large
    | too[ _]many[ _](?:\w+\ )?(?:line|row|task|item) | too[ _]many[ _]requests[ _]in
    | (?:exceed|more\ than|at\ most|maximum|max)[^.]{0,60}(?:requests|lines|rows|[0-9]\ ?[mg]i?b\b|bytes|file\ size)
    """,
    re.VERBOSE,
)
_RATE = re.compile(r"\b(?:per|a|each|/) ?(?:second|minute|min|hour|day)\b|\brate")


class BatchFault(msgspec.Struct, frozen=True):
    """One reason why a batch as a whole was not run; `line`: from 1, None where no line of its file is named."""

    code: str | None
    message: str
    line: int | None = None

    @property
    def is_queue_full(self) -> bool:
        """Nothing is wrong with the batch: too much of this account waits already."""
        return is_queue_full(f"{self.code or ''} {self.message}".lower())

    @property
    def is_too_large(self) -> bool:
        return not self.is_queue_full and is_too_large(f"{self.code or ''} {self.message}".lower())


class Batch(msgspec.Struct, frozen=True):
    """A batch as its endpoint tells of it.

    `status`: its word, as told. `total` and `finished` are for the eye alone: endpoints count wrongly. `label`: what it
    was made with, where the endpoint keeps that. `file_id`: of its requests. `files`: of its results, those there are.
    `usage`: of the whole batch. `faults`: why it was not run as a whole.
    """

    id: str
    status: str
    is_over: bool = False
    created_at: float | None = None
    model: str | None = None
    total: int | None = None
    finished: int | None = None
    label: str | None = None
    file_id: str | None = None
    files: tuple[str, ...] = ()
    usage: Usage = Usage()
    faults: tuple[BatchFault, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether it was refused as a whole, as far as its status tells."""
        return plain_word(self.status) in FAILED


class BatchApi(Protocol):
    """The calls of one form of batches. Each is one request, or one a page or file, and is never repeated here.

    All raise our errors and nothing else. A call that only reads or uploads may be repeated as often as one likes.
    """

    @property
    def rules(self) -> BatchRules: ...

    async def upload(self, requests: Path, name: str) -> str | None:  # noqa: ARG002 - of the forms that have files
        """The id of a file of request lines; None where `create` carries them. Raises BatchTooLargeError, too."""
        return None

    async def create(
        self, requests: Path, file_id: str | None, *, model: str, label: str, fields: Mapping[str, JsonValue]
    ) -> Batch:
        """One new batch, by one POST. `fields`: see `batch_fields`.

        Raises UncertainCreateError when there may be one all the same, and so may a CancelledError without NOT_SENT.
        After every other error there is none: BatchTooLargeError, BatchQueueFullError, NotYetError (the file is not
        known there yet), and what a live call raises.
        """
        ...

    async def get(self, batch_id: str) -> Batch:
        """Raises NotYetError for one that is not known there, and NotFoundError where there are no batches at all."""
        ...

    def list_since(self, moment: float) -> AsyncIterator[Batch]:
        """All that were made since a time of day and maybe some before, mostly the newest first."""
        ...

    async def fetch_rows(self, batch: Batch, to: Path) -> None:
        """Every result there is, a line each, in a file that is made anew; an empty one where there are none."""
        ...

    async def cancel(self, batch_id: str) -> bool:  # noqa: ARG002 - of the forms that have such a call
        """Whether it has been asked to end; False where there is no such call."""
        return False

    def classify(self, row: Row) -> Completion:
        """What a row holds, or one error leaf, raised, as of a live call; NotRunError where none was made."""
        ...


def plain_word(status: str) -> str:
    """A status as the tables have it, however it is spelt."""
    return re.sub(r"[^a-z]", "", status.lower().removeprefix("job_state_"))


def is_queue_full(text: str) -> bool:
    """Whether words in lower case speak of a queue that takes no more for now."""
    return _QUEUE_FULL.search(text) is not None


def is_too_large(text: str) -> bool:
    """Whether words in lower case speak of a batch that is too large whenever it comes, and of no rate."""
    return _TOO_LARGE.search(text) is not None and _RATE.search(text) is None
