"""Calls about batches, and what a refusal of one means: whether there is a batch, is for whoever made it to know.

Their errors are read as those of live calls are, from status, names and words; here stands only what differs.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from math import inf
from pathlib import Path
from urllib.parse import quote

from asyncgen.endpoint.answer import Completion
from asyncgen.endpoint.batches.batch import Batch, BatchApi, is_queue_full, is_too_large
from asyncgen.endpoint.batches.object import read_batch
from asyncgen.endpoint.batches.rows import Row
from asyncgen.endpoint.batches.rules import GATEWAYS, BatchRules
from asyncgen.endpoint.body import JsonObject, decode_object, lowered
from asyncgen.endpoint.client import Client, Response
from asyncgen.endpoint.disk import FilePart
from asyncgen.endpoint.refusal import find_error
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    BatchQueueFullError,
    BatchTooLargeError,
    NoAnswerError,
    NoMoneyError,
    NotFoundError,
    NotRunError,
    NotYetError,
    RedirectedError,
    RejectedError,
    ServerError,
    TooLongError,
    TransientError,
    UncertainCreateError,
)
from asyncgen.recipe.recipe import JsonValue

PAGE = 100  # batches, the most that a list tells at once
LISTS = ("data", "batches", "results", "items")
LIVE_INSTEAD = "without --batch: the same run is made of live calls"
# A batch may have been made all the same: the answer came too late, or speaks of another one.
UNCERTAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, 499})
# So an edge refuses, in whatever form, before anybody reads what was sent.
REFUSED_BEFORE = frozenset({401, 403, 404, 405, 411, 413, 414, 415, 429})
NO_SUCH_CALL = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
# An input file is not known yet, or not ready: of all that may be wrong with one, the only thing that time mends.
_NO_FILE = re.compile(
    r"""
      no\ such\ file | file_not_found | (?:not|n't)\ find\ (?:\S+\ ){0,3}file
    | \bfile\b(?:\ \S+){0,4}\ (?:\w+n't|not)(?:\ \w+){0,2}\ (?:found|exist|ready|available|processed|visible)
    | \bfile\b(?:\ \S+){0,4}\ (?:being\ processed|pending)
    """,
    re.VERBOSE,
)
_NO_ROUTE = re.compile(
    r"^(?:404:? )?(?:page )?not found\.?$|invalid url|cannot (?:get|post) /|no route|"
    r"(?:unknown|no such|unrecognized) (?:request )?(?:endpoint|path|route|url)|/(?:files|batches|jobs)\b"
)
# How a refusal to cancel says that there is nothing left to be cancelled.
_HAS_ENDED = re.compile(
    r"(?:cannot|can not|can't|not) (?:be )?cancel|already|terminal|with status|has (?:ended|finished)"
)


class BatchCalls(BatchApi):
    """What the forms over HTTP have in common."""

    def __init__(self, client: Client, rules: BatchRules) -> None:
        self._client = client
        self._rules = rules
        self._paths = rules.paths
        self._gateway_fields: dict[str, JsonValue] = {}  # for whoever stands between
        self._is_there = False  # batches have answered here, so what says that there are none is a bad hour

    @property
    def rules(self) -> BatchRules:
        return self._rules

    async def get(self, batch_id: str) -> Batch:
        return self._batch_in(self._object_in(await self._call("GET", path_of(batch_id))))

    async def list_since(self, moment: float) -> AsyncIterator[Batch]:
        """Page by page to the end, or to a page of older ones where the newest come first.

        What is not in it is believed not to exist, and is paid for once more: so a list that is no list, or whose end
        cannot be reached, raises NoAnswerError.
        """
        query, pages = {self._rules.limit: str(PAGE)}, set[str]()
        while True:
            answer = await self._call("GET", "", query=query)
            document, items = self._object_in(answer), items_in(answer.body)
            listed = [batch for each in items or () if (batch := read_batch(each)) is not None]
            has_more = document.get("has_more")
            is_repeated = bool(listed) and listed[0].id in pages
            if items is None or (has_more is True and (is_repeated or not listed)):
                raise NoAnswerError(f"{self._client.where}: a list of batches whose end cannot be reached")
            if is_repeated or not listed:
                return
            pages.add(listed[0].id)
            for batch in listed:
                yield batch
            times = [batch.created_at if batch.created_at is not None else inf for batch in listed]
            is_newest_first = times[0] > times[-1] and times == sorted(times, reverse=True)
            cursors = {
                "after": "" if has_more is False else document.get("last_id") or listed[-1].id,
                "page": str(len(pages)),
                "pagination_token": document.get("pagination_token"),
            }
            cursor = cursors[self._rules.cursor]
            if not cursor or not isinstance(cursor, str) or (is_newest_first and times[0] < moment):
                return
            query[self._rules.cursor] = cursor

    async def cancel(self, batch_id: str) -> bool:
        if not self._rules.cancels:
            return False
        answer = await self._call("POST", f"{path_of(batch_id)}{self._rules.cancel}")
        if answer.status in NO_SUCH_CALL and self._is_no_route(answer):
            return False
        is_refused = answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
        has_ended = answer.status == HTTPStatus.CONFLICT or (
            is_refused and _HAS_ENDED.search(_words(self._refusal(answer)))
        )
        if not has_ended:
            self._object_in(answer)
        return True

    def classify(self, row: Row) -> Completion:
        if not row.has_run:
            raise NotRunError(f"its batch ended before it was run ({row.code})")
        return self._client.classify(row.status or HTTPStatus.OK, {}, row.body, said=", in a batch,")

    async def _create(self, body: Sequence[bytes | FilePart]) -> Batch:
        try:
            answer = await self._call("POST", "", body)
        except TransientError as error:
            if not error.maybe_billed:
                raise
            raise UncertainCreateError(f"{error}; it is not known whether there is a batch now") from None
        document = decode_object(answer.body) or {}
        batch = read_batch(document)
        is_error = bool(find_error(document, has_answer=True)) and "status" not in document  # with an id of its own
        if batch is not None and not is_error and answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._is_there = True
            return batch
        refusal = self._not_made(answer)
        # Whether it says that there is no batch, and is from whoever would have made one.
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            is_certain = answer.status in REFUSED_BEFORE or (bool(document) and answer.status not in UNCERTAIN)
        else:
            is_told = bool(document) and isinstance(refusal, NoMoneyError | AccessDeniedError)
            is_certain = is_told or isinstance(refusal, RedirectedError)
        if not is_certain:
            waits = getattr(refusal, "retry_after", None)
            raise UncertainCreateError(f"{refusal}; it is not known whether there is a batch now", retry_after=waits)
        if _NO_FILE.search(_words(refusal)):
            raise NotYetError(str(refusal), status=answer.status)
        raise refusal

    async def _call(
        self,
        method: str,
        tail: str,
        body: Sequence[bytes | FilePart] = (),
        *,
        query: Mapping[str, str] | None = None,
        to: Path | None = None,
    ) -> Response:
        """One call to where batches are; where they are not, one more to where they may be instead."""
        answer = await self._client.send(method, f"{self._paths[0]}{tail}", body, query=query, to=to)
        self._look_at(answer)
        if len(self._paths) == 1 or self._is_there or not self._is_no_route(answer):
            return answer
        other = await self._client.send(method, f"{self._paths[1]}{tail}", body, query=query, to=to)
        if self._is_no_route(other):
            return answer
        self._paths = self._paths[::-1]
        return other

    def _look_at(self, answer: Response) -> None:
        for header in GATEWAYS.keys() & lowered(answer.headers).keys():
            self._gateway_fields |= GATEWAYS[header]

    def _object_in(self, answer: Response) -> JsonObject:
        """The JSON of a good answer to what may be asked again. Raises an error that waits, or one that ends a run."""
        is_good = answer.status < HTTPStatus.MULTIPLE_CHOICES
        document = decode_object(answer.body)
        if is_good and document is not None:
            self._is_there = True
            return document
        error = self._refusal(answer)
        if answer.status == HTTPStatus.NOT_FOUND and (self._is_there or not self._is_no_route(answer)):
            raise NotYetError(str(error), status=answer.status)
        if isinstance(error, NotFoundError) and self._is_no_route(answer):
            raise self._no_batches(answer)
        if isinstance(error, RejectedError | BadReplyError):  # which would blame a request
            raise ServerError(str(error), status=answer.status)
        raise error

    def _batch_in(self, document: JsonObject) -> Batch:
        batch = read_batch(document)
        if batch is None:
            raise NoAnswerError(f"{self._client.where}: an answer that tells of no batch")
        return batch

    def _refusal(self, answer: Response) -> AsyncgenError:
        """What a live call would have made of that answer."""
        try:
            self._client.classify(answer.status, answer.headers, answer.body)
        except AsyncgenError as error:
            return error
        return NoAnswerError(f"{self._client.where} answered {answer.status} as a model does")

    def _not_made(self, answer: Response) -> AsyncgenError:
        """The error for a file or a batch that was not made."""
        error = self._refusal(answer)
        told = find_error(decode_object(answer.body) or {})  # with its code, where limits have their names
        words = " ".join(text.lower() for text in told.values() if isinstance(text, str)) or _words(error)
        retry_after = getattr(error, "retry_after", None)
        if is_queue_full(words):
            return BatchQueueFullError(str(error), retry_after=retry_after)
        if isinstance(error, TooLongError) or is_too_large(words):
            return BatchTooLargeError(str(error), retry_after=retry_after)
        if isinstance(error, NotFoundError) and self._is_no_route(answer):
            return self._no_batches(answer)
        if answer.status == HTTPStatus.FORBIDDEN and isinstance(error, RejectedError):
            return AccessDeniedError(f"{str(error).rstrip('.')}. Run {LIVE_INSTEAD}")
        return error

    def _no_batches(self, answer: Response) -> NotFoundError:
        return NotFoundError(
            f"{self._client.where} answered {answer.status} where batches would be; run {LIVE_INSTEAD}"
        )

    def _is_no_route(self, answer: Response) -> bool:
        """Whether nobody is there: a page, nothing at all, or a framework's own words."""
        if answer.status not in NO_SUCH_CALL:
            return False
        return not decode_object(answer.body) or _NO_ROUTE.search(_words(self._refusal(answer))) is not None


def path_of(batch_id: str) -> str:
    return f"/{quote(batch_id, safe='')}"


def items_in(body: bytes) -> list[JsonObject] | None:
    """The objects of a page of a list, in a field or bare; None where there is no list."""
    try:
        document: object = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict):
        document = next((value or [] for key in LISTS if isinstance(value := document.get(key, 0), list | None)), None)
    return [each for each in document if isinstance(each, dict)] if isinstance(document, list) else None


def _words(error: AsyncgenError) -> str:
    return error.refusal.text if error.refusal is not None else str(error).lower()
