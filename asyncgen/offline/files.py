"""OpenAI's Files: uploads and results of batches, on disk in a folder that goes with the engine."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from aiohttp import BodyPartReader, web

from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.wire import ApiError, json_answer, read_page

CHUNK = 256 * 1024  # bytes read at once
_EXPIRY = ("anchor", "seconds")
_SHORTEST, _LONGEST = 3_600, 2_592_000  # seconds that a file may be kept
_KEPT = 30 * 24 * 3_600
_MOST_FIELD = 1_000  # bytes of a form's field that is no file


@dataclass(frozen=True, slots=True)
class StoredFile:
    id: str
    path: Path
    size: int
    created_at: float
    expires_at: int
    filename: str
    purpose: str

    def describe(self) -> dict[str, object]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": int(self.created_at),
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class FileStore:
    """The files there are, by id in order of creation, and a folder for all that is put on disk. Close it."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._files: dict[str, StoredFile] = {}

    def close(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def new_path(self) -> Path:
        """The folder is made with the first one: who makes no batch needs no room for it."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="asyncgen-offline-"))
        return self._folder / token_hex(12)

    @contextlib.contextmanager
    def receiving(self) -> Iterator[Path]:
        """A new path for what the block writes; of a block that fails nothing stays."""
        path = self.new_path()
        try:
            yield path
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def add(self, path: Path, filename: str, purpose: str, keep_for: int | None) -> StoredFile:
        now = time.time()
        stored = StoredFile(
            f"file-{path.name}", path, path.stat().st_size, now, int(now) + (keep_for or _KEPT), filename, purpose
        )
        self._files[stored.id] = stored
        return stored

    def find(self, file_id: str) -> StoredFile:
        """Raises ApiError."""
        if file_id not in self._files:
            raise self.unknown(file_id)
        return self._files[file_id]

    def unknown(self, file_id: str) -> ApiError:
        return ApiError(HTTPStatus.NOT_FOUND, f"No such File object: {file_id}", code="file_not_found", param="id")

    def delete(self, stored: StoredFile) -> None:
        """Whoever reads it goes on."""
        del self._files[stored.id]
        stored.path.unlink(missing_ok=True)

    def newest_first(self) -> Iterator[StoredFile]:
        return reversed(self._files.values())


class FileRoutes:
    """The calls of Files."""

    def __init__(self, files: FileStore, knobs: BatchKnobs) -> None:
        self._files = files
        self._knobs = knobs

    async def upload(self, request: web.Request) -> web.StreamResponse:
        with self._files.receiving() as path:
            with path.open("wb") as target:
                fields = await self._read_form(request, target)
            expiry = {name: fields[f"expires_after[{name}]"] for name in _EXPIRY if f"expires_after[{name}]" in fields}
            keep_for = read_expiry(expiry, "expires_after")
            stored = self._files.add(path, fields["filename"], fields["purpose"], keep_for)
        return json_answer(stored.describe())

    async def show(self, request: web.Request) -> web.StreamResponse:
        return json_answer(self._named(request).describe())

    async def download(self, request: web.Request) -> web.StreamResponse:
        stored = self._named(request)
        gone_after = self._knobs.gone_after
        if stored.purpose != "batch" and gone_after is not None and time.time() - stored.created_at >= gone_after:
            raise self._files.unknown(stored.id)
        return web.FileResponse(stored.path, headers={"Content-Type": "application/octet-stream"})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        stored = self._named(request)
        self._files.delete(stored)
        return json_answer({"id": stored.id, "object": "file", "deleted": True})

    async def list_all(self, request: web.Request) -> web.StreamResponse:
        purpose = request.query.get("purpose")
        known = [each.describe() for each in self._files.newest_first() if purpose in (None, each.purpose)]
        return json_answer(read_page(request, known))

    def _named(self, request: web.Request) -> StoredFile:
        return self._files.find(request.match_info["id"])

    async def _read_form(self, request: web.Request, target: BinaryIO) -> dict[str, str]:
        """The fields, the file's name among them; its bytes go to the target."""
        try:
            form = await request.multipart()
            fields: dict[str, str] = {}
            size = 0
            async for part in form:
                if not isinstance(part, BodyPartReader):
                    raise ApiError(HTTPStatus.BAD_REQUEST, "A form within a form is not understood.")
                if part.name != "file":
                    fields[part.name or ""] = (await part.read_chunk(_MOST_FIELD)).decode(errors="replace")
                    continue
                fields["filename"] = part.filename or ""
                while chunk := await part.read_chunk(CHUNK):
                    size += len(chunk)
                    check_size(size, self._knobs)
                    target.write(part.decode(chunk))
        except (ValueError, AssertionError, RuntimeError) as error:  # aiohttp's, of what is no form
            raise ApiError(HTTPStatus.BAD_REQUEST, f"Expected multipart/form-data: {error}") from error
        if "filename" not in fields:
            raise ApiError(HTTPStatus.BAD_REQUEST, "'file' is a required property", param="file")
        if fields.get("purpose") != "batch":
            raise ApiError(HTTPStatus.BAD_REQUEST, "'purpose' must be 'batch' here", param="purpose")
        if not fields["filename"].endswith(".jsonl"):
            message = f"Invalid file format for Batch API: {fields['filename']!r}. Must be .jsonl"
            raise ApiError(HTTPStatus.BAD_REQUEST, message, param="file")
        return fields


def check_size(size: int, knobs: BatchKnobs) -> None:
    """Raises ApiError for more bytes than are taken."""
    if size > knobs.max_bytes:
        message = f"The requests are too large: at most {knobs.max_bytes} bytes are taken."
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, code="payload_too_large")


def read_expiry(expiry: Mapping[str, str | int], param: str) -> int | None:
    """Seconds to keep a file; None where nothing is said. Raises ApiError."""
    if not expiry:
        return None
    seconds = str(expiry.get("seconds", ""))
    if expiry.get("anchor") != "created_at" or not seconds.isdecimal() or not _SHORTEST <= int(seconds) <= _LONGEST:
        message = f"{param!r} needs the anchor 'created_at' and {_SHORTEST} to {_LONGEST} seconds"
        raise ApiError(HTTPStatus.BAD_REQUEST, message, param=param)
    return int(seconds)
