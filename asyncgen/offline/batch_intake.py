"""The body of a create, of either form, to a batch whose requests are on disk.

OpenAI's create looks at itself alone, and what is wrong with the file shows later. OpenRouter's looks at every request.
"""

import re
import time
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, TypeVar

import msgspec
from aiohttp import web

from asyncgen.offline.batch import WINDOW, Batch
from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.engine import PROVIDER
from asyncgen.offline.files import CHUNK, FileStore, check_size, read_expiry
from asyncgen.offline.splitter import SplitError, Splitter
from asyncgen.offline.wire import GATEWAY, ApiError

_ENDPOINT = "/v1/chat/completions"
_MOST_INLINE = 5_000
_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512  # of metadata
_ANTHROPIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

T = TypeVar("T")


class _ByFile(msgspec.Struct):
    """The body of OpenAI's create."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_after: dict[str, str | int] | None = None


class _Provider(msgspec.Struct, forbid_unknown_fields=True):
    only: list[str] | None = None
    allow_fallbacks: bool | None = None


class _Inline(msgspec.Struct):
    """What precedes the requests in OpenRouter's create; whatever else there is is dropped."""

    endpoint: str
    model: str
    provider: _Provider | None = None
    completion_window: str = WINDOW
    callback_url: str | None = None


class _Plugin(msgspec.Struct):
    id: str | None = None


class _Body(msgspec.Struct):
    """What is looked at at once."""

    model: str | None = None
    stream: bool = False
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    plugins: list[_Plugin] = msgspec.field(default_factory=list)
    response_format: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


class _Request(msgspec.Struct):
    custom_id: str
    body: _Body


class Intake:
    def __init__(self, files: FileStore, knobs: BatchKnobs) -> None:
        self._files = files
        self._knobs = knobs

    async def read(self, request: web.Request) -> Batch:
        """The batch that is asked for. Raises ApiError."""
        splitter, size = Splitter(), 0
        with self._files.receiving() as path:
            with path.open("wb") as target:
                requests = _InlineRequests(target, self._knobs)
                try:
                    async for chunk in request.content.iter_chunked(CHUNK):
                        size += len(chunk)
                        check_size(size, self._knobs)
                        for each in splitter.feed(chunk):
                            requests.take(splitter.head, each)
                    splitter.end()
                except SplitError as error:
                    raise _refused(str(error)) from error
            if not splitter.has_requests:
                if request.path.startswith(GATEWAY):
                    raise _refused("'endpoint', 'model' and then 'requests' are required", "requests")
                return self._read_by_file(splitter.head, path)
            if not requests.names:
                requests.begin(splitter.head)
                raise _refused("'requests' must not be empty", "requests")
            name = f"batch-{int(time.time())}-{token_hex(10)}"
            return Batch(name, path, _ENDPOINT, is_inline=True, model=requests.head.model)

    def _read_by_file(self, body: bytes, path: Path) -> Batch:
        create = _decode(body, _ByFile)
        if create.endpoint != _ENDPOINT:
            raise _refused(f"'endpoint' must be {_ENDPOINT!r} here, not {create.endpoint!r}", "endpoint")
        if create.completion_window != WINDOW:
            raise _refused(f"'completion_window' must be {WINDOW!r}", "completion_window")
        pairs = create.metadata or {}
        if len(pairs) > _MOST_PAIRS or any(
            len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE for key, value in pairs.items()
        ):
            limits = f"{_MOST_PAIRS} pairs of keys up to {_LONGEST_KEY} and values up to {_LONGEST_VALUE} characters"
            raise _refused(f"'metadata' has more than {limits}", "metadata")
        keep_for = read_expiry(create.output_expires_after or {}, "output_expires_after")
        stored = self._files.find(create.input_file_id)
        if time.time() - stored.created_at < self._knobs.late_files:
            raise self._files.unknown(stored.id)
        if stored.purpose != "batch":
            raise _refused(f"The purpose of {stored.id} is {stored.purpose!r}, not 'batch'", "input_file_id")
        path.unlink()
        path.hardlink_to(stored.path)  # the batch goes on without the file
        return Batch(
            f"batch_{token_hex(16)}",
            path,
            create.endpoint,
            input_file_id=stored.id,
            metadata=create.metadata,
            keep_for=keep_for,
        )


class _InlineRequests:
    """Puts the requests of one create on disk, a line each. All of it raises ApiError."""

    def __init__(self, target: BinaryIO, knobs: BatchKnobs) -> None:
        self.names: set[str] = set()
        self._target = target
        self._knobs = knobs
        self._response_format: bytes | None = None

    def begin(self, head: bytes) -> None:
        """What precedes the requests; what lacks there is taken as lacking."""
        self.head = _decode(head, _Inline)
        if self.head.endpoint != _ENDPOINT:
            raise _refused(f"'endpoint' must be {_ENDPOINT!r} here, not {self.head.endpoint!r}", "endpoint")
        if self.head.completion_window != WINDOW:
            raise _refused(f"'completion_window' must be {WINDOW!r}", "completion_window")
        model = self.head.model.removesuffix(":batch")
        if self._knobs.refuses(model):
            raise _refused(f"{model} does not have a :batch endpoint", "model")
        only = self.head.provider.only if self.head.provider else None
        if only is not None and PROVIDER not in map(str.casefold, only):
            raise ApiError(HTTPStatus.NOT_FOUND, f"None of these providers serves {model}: {', '.join(only)}")

    def take(self, head: bytes, text: bytes) -> None:
        if not self.names:
            self.begin(head)
        request = _decode(text, _Request)
        name, body = request.custom_id, request.body
        if len(self.names) == _MOST_INLINE:
            raise _refused(f"A batch takes at most {_MOST_INLINE} requests", "requests")
        if not name or name in self.names:
            raise _refused(f"'custom_id' must be unique and not empty, not {name!r}", "custom_id")
        if self.head.model.startswith("anthropic/") and not _ANTHROPIC_ID.fullmatch(name):
            raise _refused(f"'custom_id' must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not {name!r}", "custom_id")
        if body.model is not None and body.model != self.head.model:
            raise _refused(f"{name}: the model {body.model!r} is not the batch's, {self.head.model!r}", "model")
        self._check_body(name, body)
        self.names.add(name)
        text = text if b"\n" not in text and b"\r" not in text else msgspec.json.format(text, indent=-1)
        self._target.write(text + b"\n")

    def _check_body(self, name: str, body: _Body) -> None:
        limits = (body.max_tokens, body.max_completion_tokens)
        if body.stream:
            raise _refused(f"{name}: 'stream' is not taken in a batch", "stream")
        if any(limit is not None and limit < 1 for limit in limits):
            raise _refused(f"{name}: 'max_tokens' must be 1 or more", "max_tokens")
        if any(plugin.id == "web" for plugin in body.plugins):
            raise _refused(f"{name}: the plugin 'web' is not taken in a batch", "plugins")
        if self.head.model.startswith("google/"):
            response_format = bytes(body.response_format)
            if self._response_format not in (None, response_format):
                raise _refused(f"{name}: all requests must have the same 'response_format'", "response_format")
            self._response_format = response_format


def _refused(message: str, param: str | None = None) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param)


def _decode(body: bytes, kind: type[T]) -> T:
    """Raises ApiError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(str(error)) from error
