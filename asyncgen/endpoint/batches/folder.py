"""Batches of a folder, for programs and clusters without a server: request files out, result files in.

`LABEL.requests.jsonl` is a batch from the moment it is there, and it is there whole or not at all. Its results are in
`LABEL.results.jsonl`, or in several files whose names begin so. It is over when they have a line for each request, or
when a file `LABEL.done` says that no more will come. vLLM's run-batch reads and writes such files.
"""

import asyncio
import glob
import os
import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from asyncgen.endpoint.answer import Completion, classify_response
from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.rows import Row
from asyncgen.endpoint.batches.rules import FOLDER, BatchRules
from asyncgen.endpoint.body import at, decode_object
from asyncgen.endpoint.disk import OWNER_ONLY, name_whole, on_disk, part_of
from asyncgen.errors import NotRunError, NotYetError
from asyncgen.recipe.recipe import JsonValue

REQUESTS, RESULTS, DONE = ".requests.jsonl", ".results", ".done"


class FolderBatches(BatchApi):
    """A batch's id is its label. Nothing is sent, so nothing here costs and all may be repeated.

    `say` is told once what somebody has to do for a batch to run, also of one that an earlier run has written.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._say = say
        self._told: set[str] = set()

    @property
    def rules(self) -> BatchRules:
        return FOLDER

    async def create(
        self, requests: Path, file_id: str | None, *, model: str, label: str, fields: Mapping[str, JsonValue]
    ) -> Batch:
        del file_id, model, fields
        target = self._folder / f"{label}{REQUESTS}"
        with on_disk(target):
            await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(_join, [requests], target)
        return await self.get(label)

    async def get(self, batch_id: str) -> Batch:
        batch = await asyncio.to_thread(self._read, batch_id)
        if not (batch.is_over or batch.finished or batch_id in self._told):
            self._told.add(batch_id)
            self._say(f"a batch waits for its results: {await asyncio.to_thread(self._name_command, batch_id)}")
        return batch

    async def list_since(self, moment: float) -> AsyncIterator[Batch]:
        with on_disk(self._folder):
            paths = await asyncio.to_thread(list, self._folder.glob(f"*{REQUESTS}"))
        for label in sorted(path.name.removesuffix(REQUESTS) for path in paths):
            batch = await asyncio.to_thread(self._read, label)
            if batch.created_at is None or batch.created_at >= moment:
                yield batch

    async def fetch_rows(self, batch: Batch, to: Path) -> None:
        await asyncio.to_thread(_join, self._results_of(batch.id), to)

    def classify(self, row: Row) -> Completion:
        if not row.has_run:
            raise NotRunError(f"its batch ended before it was run ({row.code})")
        return classify_response(row.status or HTTPStatus.OK, {}, row.body, host="a result file")

    def _name_command(self, label: str) -> str:
        requests, results = self._folder / f"{label}{REQUESTS}", self._folder / f"{label}{RESULTS}.jsonl"
        with on_disk(self._folder), requests.open("rb") as file:
            model = str(at(decode_object(file.readline()), ("body", "model")))
        return shlex.join(["vllm", "run-batch", "-i", str(requests), "-o", str(results), "--model", model])

    def _results_of(self, label: str) -> list[Path]:
        """A file with another ending is one that somebody is still copying."""
        with on_disk(self._folder):
            return sorted(self._folder.glob(f"{glob.escape(label)}{RESULTS}*.jsonl"))

    def _read(self, label: str) -> Batch:
        requests = self._folder / f"{label}{REQUESTS}"
        with on_disk(self._folder):
            if not requests.exists():
                raise NotYetError(f"{requests} is not there; leave it in its place until it has its results")
            created_at = requests.stat().st_mtime
            total, finished = _count_lines(requests), sum(map(_count_lines, self._results_of(label)))
            is_over = finished >= total or (self._folder / f"{label}{DONE}").exists()
        status = "completed" if is_over else "in_progress" if finished else "waiting"
        return Batch(label, status, is_over=is_over, created_at=created_at, total=total, finished=finished, label=label)


def _join(sources: list[Path], to: Path) -> None:
    """Under its name only when it is whole, for whoever watches the folder."""
    part = part_of(to)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with on_disk(to), os.fdopen(os.open(part, flags, OWNER_ONLY), "wb") as whole:
        for source in sources:
            with source.open("rb") as lines:
                whole.writelines(line if line.endswith(b"\n") else line + b"\n" for line in lines)
    name_whole(part, to)


def _count_lines(path: Path) -> int:
    """Whole lines, and a last one that lacks only its newline."""
    count, tail = 0, b""
    with path.open("rb") as file:
        for line in file:
            count, tail = count + 1, line
    is_whole = tail.endswith(b"\n") or decode_object(tail) is not None
    return count if is_whole or not count else count - 1
