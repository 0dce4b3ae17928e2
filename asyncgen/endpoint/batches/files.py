"""Batches of files: one of requests is uploaded, a batch is made of it, and its results are files again."""

import asyncio
import json
import os
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import msgspec

from asyncgen.endpoint.batches.batch import COMPLETED, Batch, plain_word
from asyncgen.endpoint.batches.calls import BatchCalls, items_in, path_of
from asyncgen.endpoint.batches.object import opaque_id
from asyncgen.endpoint.batches.rules import FILE, LABELLED, MODEL, NAME
from asyncgen.endpoint.body import decode_object, lowered
from asyncgen.endpoint.disk import append, file_part, name_whole, on_disk, part_of
from asyncgen.errors import ConnectionFailedError, NoAnswerError, NotYetError
from asyncgen.recipe.recipe import JsonValue

ROWS_A_PAGE = "100"
LENGTH_HEADERS = frozenset({"content-length", "transfer-encoding"})


class FileBatches(BatchCalls):
    """Files + Batches as OpenAI has them, with the deviations that the rules name."""

    async def upload(self, requests: Path, name: str) -> str | None:
        boundary = secrets.token_hex(16)
        fields = {key: name if value == NAME else value for key, value in self._rules.upload.items()}
        head = "".join(
            f'--{boundary}\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        )
        head += (
            f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
            "content-type: application/jsonl\r\n\r\n"
        )
        answer = await self._client.send(
            "POST",
            f"{self._rules.files}{self._rules.upload_tail}",
            [head.encode(), file_part(requests), f"\r\n--{boundary}--\r\n".encode()],
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        self._look_at(answer)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._not_made(answer)
        file_id = opaque_id((decode_object(answer.body) or {}).get("id"))
        if file_id is None:
            raise NoAnswerError(f"{self._client.where}: a file was uploaded, and its id is not told")
        return file_id

    async def create(
        self, requests: Path, file_id: str | None, *, model: str, label: str, fields: Mapping[str, JsonValue]
    ) -> Batch:
        del requests
        told = {FILE: file_id or "", MODEL: model, LABELLED: label}
        asked = {**fields, **_fill(self._rules.create, told), **self._gateway_fields}
        return await self._create([msgspec.json.encode(asked)])

    async def fetch_rows(self, batch: Batch, to: Path) -> None:
        """Whatever the status is: what an ended batch has done was paid for."""
        if plain_word(batch.status) in COMPLETED and not (batch.files or self._rules.results) and batch.total != 0:
            raise NotYetError(f"{self._client.where}: a batch is {batch.status}, and its results are not told yet")
        part = part_of(to)
        await asyncio.to_thread(append, part, b"", anew=True)
        if self._rules.results:
            await self._fetch_pages(batch, part)
        for file_id in batch.files:
            path, begin = f"{self._rules.files}{path_of(file_id)}", file_part(part).size
            answer = await self._client.send("GET", f"{path}/content", to=part)
            if answer.status != HTTPStatus.OK:
                self._object_in(answer)
                raise NoAnswerError(f"{self._client.where} answered {answer.status} without a file")
            if lowered(answer.headers).keys().isdisjoint(LENGTH_HEADERS):  # then only the file's size tells of a cut
                told = decode_object((await self._client.send("GET", path)).body) or {}
                size = told.get("bytes")
                if isinstance(size, int) and size > file_part(part).size - begin:
                    raise ConnectionFailedError(f"{self._client.where}: a file broke off")
            await asyncio.to_thread(_end_line, part)
        await asyncio.to_thread(name_whole, part, to)

    async def _fetch_pages(self, batch: Batch, to: Path) -> None:
        query, seen = {"limit": ROWS_A_PAGE}, set[str]()
        while True:
            answer = await self._call("GET", f"{path_of(batch.id)}{self._rules.results}", query=query)
            document, items = self._object_in(answer), items_in(answer.body)
            token = document.get(self._rules.cursor)
            if items is None or token in seen:
                raise NoAnswerError(f"{self._client.where}: results whose end cannot be reached")
            rows = "".join(f"{json.dumps(each)}\n" for each in items).encode()  # halves of characters and all
            await asyncio.to_thread(append, to, rows)
            if not isinstance(token, str) or not token:
                return
            seen.add(token)
            query[self._rules.cursor] = token


def _fill(template: Mapping[str, JsonValue], words: Mapping[str, str]) -> dict[str, JsonValue]:
    """The template with each word in its place."""

    def fill(value: JsonValue) -> JsonValue:
        match value:
            case str():
                return words.get(value, value)
            case list():
                return [fill(each) for each in value]
            case dict():
                return _fill(value, words)
            case _:
                return value

    return {key: fill(value) for key, value in template.items()}


def _end_line(path: Path) -> None:
    """Some files lack their last newline, and another one follows."""
    with on_disk(path), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        last = file.read()
    if last not in (b"", b"\n"):
        append(path, b"\n")
