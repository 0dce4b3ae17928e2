"""Works batches off: a look at every line, then the lines one after the other, from disk to disk.

Nothing of a batch is in memory but where its lines begin and, while they are checked, their names.
"""

import asyncio
import contextlib
import math
import random
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from asyncgen.offline.batch import Batch, BatchLine, Flaw, Status
from asyncgen.offline.batch_knobs import BatchFates, BatchKnobs, LineFault
from asyncgen.offline.engine import Engine, Style
from asyncgen.offline.files import FileStore
from asyncgen.offline.ledger import Books
from asyncgen.offline.protocol import Answer, BadRequestError, count_tokens, encode, read_request
from asyncgen.offline.refusal import Told

_MOST_LINES = 50_000
_KINDS = {  # of errors, by status
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permissions_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_MOST_FLAWS = 100  # that are told of one batch


class _Body(msgspec.Struct):
    model: str | None = None


_line_decoder = msgspec.json.Decoder(BatchLine)
_body_decoder = msgspec.json.Decoder(_Body)


class Worker:
    """What all batches share: the queue of tokens, the files, the books."""

    def __init__(self, engine: Engine, files: FileStore, knobs: BatchKnobs, books: Books) -> None:
        self._engine = engine
        self._files = files
        self._knobs = knobs
        self._books = books
        self._fates = BatchFates(knobs, engine.knobs.seed)
        self._queued_tokens = 0

    async def work_off(self, batch: Batch) -> None:
        tokens = await self._check(batch)
        if batch.flaws:
            self._end(batch, Status.FAILED)
            return
        self._queued_tokens += tokens
        try:
            if not batch.cancelling.is_set():
                batch.turn(Status.IN_PROGRESS)
            status = await self._run(batch)
        finally:
            self._queued_tokens -= tokens
        self._end(batch, status)

    async def _check(self, batch: Batch) -> int:
        """The tokens of all lines; what is wrong with them is the batch's flaws."""
        names: set[str] = set()
        tokens = offset = 0
        with batch.lines.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                batch.offsets.append(offset)
                offset += len(line)
                try:
                    tokens += self._check_line(batch, number, line, names)
                except _LineError as error:
                    batch.flaws.append(error.flaw)
                    if len(batch.flaws) == _MOST_FLAWS:
                        return 0
                await asyncio.sleep(0)
        if flaw := self._check_whole(batch, tokens):
            batch.flaws.append(flaw)
        if not batch.flaws:
            self._books.write(event="accepted", batch=batch.id, custom_ids=sorted(names))
        return tokens

    def _check_whole(self, batch: Batch, tokens: int) -> Flaw | None:
        limit = self._knobs.queued_tokens
        if not batch.offsets:
            return Flaw("empty_file", "The input file is empty.")
        if len(batch.offsets) > _MOST_LINES:
            return Flaw("too_many_tasks", f"The batch has more than {_MOST_LINES} requests.")
        if self._knobs.refuses(batch.model):
            return Flaw("model_not_found", f"The model {batch.model} takes no batches.", param="model")
        if limit is not None and self._queued_tokens + tokens > limit:
            message = f"Enqueued token limit reached for {batch.model}. Limit: {limit} enqueued tokens."
            return Flaw("token_limit_exceeded", message)
        return None

    def _check_line(self, batch: Batch, number: int, text: bytes, names: set[str]) -> int:
        """The tokens of a line. Raises _LineError."""
        try:
            line = _line_decoder.decode(text)
            if not batch.is_inline:
                _check_by_file(batch, line, number)
        except msgspec.ValidationError as error:
            raise _LineError("missing_required_parameter", str(error), number) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _LineError("invalid_json_line", "This line is not parseable as valid JSON.", number) from error
        if batch.is_inline:
            try:
                read_request(bytes(line.body))
            except BadRequestError as error:  # one body that cannot be answered ends the batch, as at OpenRouter
                message = f"Request {line.custom_id!r} (line {number}): {error}"
                raise _LineError("invalid_request", message, number) from error
        if line.custom_id in names:
            raise _LineError("duplicate_custom_id", f"The custom_id {line.custom_id!r} is taken.", number, "custom_id")
        names.add(line.custom_id)
        if self._fates.rejects(batch.number, number):
            raise _LineError("invalid_request", "The engine rejects this line on purpose.", number)
        return count_tokens(len(line.body))

    async def _run(self, batch: Batch) -> Status:
        """The status in which it ends."""
        order = list(range(len(batch.offsets)))
        if self._knobs.shuffled:
            random.Random(batch.number).shuffle(order)  # noqa: S311 - repeatable, not secret
        is_stuck = self._fates.draw("stuck", batch.number) < self._knobs.stuck
        clock = asyncio.get_running_loop().time
        begun, expired = clock(), False
        with batch.lines.open("rb") as lines, _Rows(batch, self._files) as rows:
            for done, place in enumerate(order):
                due = math.inf if is_stuck and done == len(order) // 2 else self._knobs.delay * done / len(order)
                await _wait(batch.cancelling, begun + due - clock())
                lines.seek(batch.offsets[place])
                line = _line_decoder.decode(lines.readline())
                fault = self._fates.draw_line(batch.number, place + 1)
                if batch.cancelling.is_set():
                    rows.put_error(batch.unrun_row(line.custom_id, "cancelled"))
                elif fault is LineFault.EXPIRED:
                    expired = True
                    rows.put_error(batch.unrun_row(line.custom_id, "expired"))
                elif fault is not LineFault.MISSING:
                    self._answer(batch, rows, line, fault)
            await _wait(batch.cancelling, begun + self._knobs.delay - clock())
        if batch.cancelling.is_set():
            return Status.CANCELLED
        return Status.EXPIRED if expired else Status.COMPLETED

    def _answer(self, batch: Batch, rows: "_Rows", line: BatchLine, fault: LineFault | None) -> None:
        knobs = self._knobs
        self._engine.ledger.lines += 1
        answer: Answer | Told
        if fault is LineFault.FAILED:
            kind = _KINDS.get(knobs.failed_status, "server_error")
            answer = Told.of(knobs.failed_status, "The engine fails this line on purpose.", kind)
        else:
            style = Style(batch.model if batch.is_inline else None, has_usage=fault is not LineFault.WITHOUT_USAGE)
            answer = self._engine.complete_line(bytes(line.body), style)
        entry = {"event": "line", "batch": batch.id, "custom_id": line.custom_id}
        if isinstance(answer, Told):
            batch.failed += 1
            self._books.write(**entry, status=answer.status, cost=0)
            rows.put_error(batch.answer_row(line.custom_id, answer.status, answer.body, is_string=knobs.string_bodies))
            return
        batch.completed += 1
        batch.tally.add(answer)
        used = {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens}
        self._books.write(**entry, status=200, cost=answer.cost or 0, **used)
        row = batch.answer_row(line.custom_id, 200, answer.body, is_string=knobs.string_bodies)
        rows.put(row, is_cut=fault is LineFault.UNREADABLE)

    def _end(self, batch: Batch, status: Status) -> None:
        batch.lines.unlink()
        if batch.is_inline:
            if batch.flaws:
                batch.error = batch.flaws[0].message
            elif status is Status.COMPLETED and batch.failed and not batch.completed:
                batch.error = "All requests of the batch failed."
        batch.turn(status)
        self._books.write(event="ended", batch=batch.id, status=status, cost=batch.tally.cost)


class _Rows:
    """Where the rows of a batch go: a file of answers and one of errors, or one list."""

    def __init__(self, batch: Batch, files: FileStore) -> None:
        self._batch = batch
        self._files = files
        self._output_path, self._error_path = files.new_path(), files.new_path()

    def __enter__(self) -> Self:
        self._output = self._output_path.open("wb")
        self._errors = self._output if self._batch.is_inline else self._error_path.open("wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._output.close()
        self._errors.close()
        batch = self._batch
        if kind is not None:
            return
        if batch.is_inline:
            batch.rows = self._output_path
            return
        batch.turn(Status.FINALIZING)
        batch.output_file_id = self._keep_file(self._output_path, "output")
        batch.error_file_id = self._keep_file(self._error_path, "error")

    def put(self, row: bytes, *, is_cut: bool = False) -> None:
        if is_cut:
            row = row[: len(row) // 2]
            row = encode(row.decode(errors="ignore")) if self._batch.is_inline else row  # in a list it is a value still
        self._write(self._output, row)

    def put_error(self, row: bytes) -> None:
        self._write(self._errors, row)

    def _write(self, target: BinaryIO, row: bytes) -> None:
        if self._batch.is_inline:
            target.write(b"," + row if target.tell() else row)
        else:
            target.write(row + b"\n")

    def _keep_file(self, path: Path, name: str) -> str | None:
        """Its id; None for one without a row, which is not kept."""
        if path.stat().st_size:
            filename = f"{self._batch.id}_{name}.jsonl"
            return self._files.add(path, filename, "batch_output", self._batch.keep_for).id
        path.unlink()
        return None


def _check_by_file(batch: Batch, line: BatchLine, number: int) -> None:
    """The first line's model is the batch's. Raises _LineError, msgspec.ValidationError."""
    model = _body_decoder.decode(line.body).model
    batch.model = batch.model or model
    if line.method != "POST":
        raise _LineError("missing_required_parameter", "'method' must be 'POST'.", number, "method")
    if line.url != batch.endpoint:
        message = f"The url {line.url!r} is not the batch's endpoint, {batch.endpoint!r}."
        raise _LineError("url_mismatch", message, number, "url")
    if model != batch.model:
        raise _LineError("model_mismatch", f"{model!r} is not {batch.model!r}, of line 1.", number, "body.model")


class _LineError(Exception):
    def __init__(self, code: str, message: str, line: int, param: str | None = None) -> None:
        super().__init__(message)
        self.flaw = Flaw(code, message, line, param)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """For the event, but no longer than that; others have their turn in any case."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            await event.wait()
