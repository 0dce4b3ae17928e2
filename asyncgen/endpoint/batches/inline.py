"""Batches whose requests are in the call that makes them, and whose results are in the call that asks for them.

That is OpenRouter's form. Its results may be as large as a file, so they go to disk first, and are read there without
being copied: a page of memory at a time.
"""

import asyncio
import json
import mmap
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

import msgspec

from asyncgen.endpoint.batches.batch import COMPLETED, Batch, plain_word
from asyncgen.endpoint.batches.calls import BatchCalls, path_of
from asyncgen.endpoint.batches.rules import MODEL, BatchRules
from asyncgen.endpoint.body import JsonObject, decode_object
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.disk import append, file_part, name_whole, on_disk, part_of
from asyncgen.errors import NoAnswerError, NotYetError
from asyncgen.recipe.recipe import JsonValue

RESULTS = "results"
ROWS_AT_ONCE = 100  # in memory, some 10 KB each
MAX_ODD = 64 * 2**20  # bytes of a document that only the standard library's reader takes, which needs it in memory
Buffer: TypeAlias = bytes | memoryview
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows_decoder = msgspec.json.Decoder(list[msgspec.Raw] | None)


class InlineBatches(BatchCalls):
    """One POST with all requests, one GET with all results.

    `scratch`: a file in which an answer lies while it is read.
    """

    def __init__(self, client: Client, rules: BatchRules, scratch: Path) -> None:
        super().__init__(client, rules)
        self._scratch = scratch

    async def create(
        self, requests: Path, file_id: str | None, *, model: str, label: str, fields: Mapping[str, JsonValue]
    ) -> Batch:
        """What a stream is read for comes before the requests: a server that reads as it arrives asks for that."""
        del file_id, label
        told = {key: model if value == MODEL else value for key, value in self._rules.create.items()}
        head = msgspec.json.encode({**told, **fields})[:-1] + b',"requests":['
        return await self._create([head, file_part(requests, b",", but=1), b"]}"])

    async def get(self, batch_id: str) -> Batch:
        try:
            fields, _ = await self._fetch(batch_id, self._scratch)
        finally:
            with on_disk(self._scratch):
                await asyncio.to_thread(self._scratch.unlink, missing_ok=True)
        return self._batch_in(fields)

    async def fetch_rows(self, batch: Batch, to: Path) -> None:
        """Only a completed batch has any."""
        whole = part_of(to.with_name(f"{to.name}.json"))
        try:
            fields, rows = await self._fetch(batch.id, whole)
            told = self._batch_in(fields)
            if rows is None and plain_word(told.status) in COMPLETED:
                raise NotYetError(f"{self._client.where}: a batch is {told.status}, and its results are not told yet")
            await asyncio.to_thread(_store_rows, rows or (), to)
        finally:
            with on_disk(whole):
                await asyncio.to_thread(whole.unlink, missing_ok=True)

    async def _fetch(self, batch_id: str, to: Path) -> tuple[JsonObject, Sequence[Buffer] | None]:
        """What is told of a batch but its results, and these, which stay in the file."""
        await asyncio.to_thread(append, to, b"", anew=True)
        answer = await self._call("GET", path_of(batch_id), to=to)
        if answer.status != HTTPStatus.OK:
            self._object_in(answer)
            raise NoAnswerError(f"{self._client.where} answered {answer.status} without a batch")
        read = await asyncio.to_thread(_read_document, to)
        if read is None:
            raise NoAnswerError(f"{self._client.where}: an answer that is no JSON, where a batch was asked for")
        self._is_there = True
        fields, rows = read
        return decode_object(self._client.redact(fields)) or {}, rows


def _read_document(path: Path) -> tuple[bytes, Sequence[Buffer] | None] | None:
    try:
        with on_disk(path), path.open("rb") as file:
            fields = _fields_decoder.decode(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        rows = _rows_decoder.decode(fields.pop(RESULTS, b"null"))
    except (ValueError, RecursionError):
        document = None if path.stat().st_size > MAX_ODD else decode_object(path.read_bytes())
        if document is None:
            return None
        odd = document.get(RESULTS)
        told = json.dumps({key: value for key, value in document.items() if key != RESULTS}).encode()
        return told, [json.dumps(row).encode() for row in odd] if isinstance(odd, list) else None
    return msgspec.json.encode(fields), rows and [memoryview(row) for row in rows]


def _store_rows(rows: Sequence[Buffer], to: Path) -> None:
    """A line each: between the parts of a JSON document there may be line breaks, inside a text there are none."""
    part = part_of(to)
    append(part, b"", anew=True)
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        some = (bytes(row).replace(b"\n", b" ").replace(b"\r", b" ") for row in rows[begin : begin + ROWS_AT_ONCE])
        append(part, b"".join(row + b"\n" for row in some))
    name_whole(part, to)
