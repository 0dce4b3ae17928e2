"""Calls to an endpoint, most of them one POST for a completion: what knows aiohttp is here and in `connector`.

Every exception of aiohttp becomes one of ours here, without the object it came from: their reprs contain the request's
headers, and with them the key. Whether an answer is a completion is decided in `answer`, which has no socket. Whether a
call may be billed is not guessed from how it ended: it is noted where its bytes leave, in `_Body`.
"""

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter
from yarl import URL

from asyncgen import __version__
from asyncgen.endpoint.answer import Completion, classify_response
from asyncgen.endpoint.connector import Connector
from asyncgen.endpoint.disk import CHUNK, FilePart, append
from asyncgen.endpoint.presets import Endpoint
from asyncgen.endpoint.proxy import find_proxy
from asyncgen.errors import (
    NOT_SENT,
    AsyncgenError,
    ConfigError,
    ConnectionFailedError,
    FatalError,
    TimedOutError,
)
from asyncgen.timings import USUAL, Timings

JSON = "application/json"
MAX_BODY = 32 * 2**20  # bytes after decompression: a long conversation is 30 KB, a gzip bomb is gigabytes
MAX_DOWNLOAD = 2**32  # bytes into a file: the results of the largest batches are a tenth of it
MAX_HEADER = 64 * 2**10  # bytes of a line; the 8 KB of aiohttp would lose the answers of a gateway with a long policy
CONNECT_TIMEOUT = 30.0


class Response(NamedTuple):
    """An answer of any status; its body is empty where it went into a file."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """A session with one endpoint; use as an async context manager.

    `connections` must not be below the number of requests in flight: a request that waits for a connection does so
    inside its own deadline. `timeout`: seconds from sending a request to the end of its answer.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connections: int,
        timeout: float,
        max_body: int = MAX_BODY,
        timings: Timings = USUAL,
    ) -> None:
        self._endpoint = endpoint
        self.where = endpoint.where
        self._url = URL(endpoint.url("/chat/completions"))  # parsed once, not with each request
        self._connections = connections
        self._timeout = timeout
        # Connecting ends well before the deadline, so that whatever swallows connections is told soon.
        self._usual_timeout = aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout / 2))
        self._max_body = max_body
        self._timings = timings
        self._proxy = find_proxy(endpoint.base_url)
        self._redactor = endpoint.redactor()
        self._key_advice = endpoint.key_advice
        self._has_answered = False
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=Connector(self._connections),
            headers={
                "content-type": JSON,
                "user-agent": f"asyncgen/{__version__}",
                **self._endpoint.sent_headers(),
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def complete(self, payload: Sequence[bytes]) -> Completion:
        """Send one request, its body given in parts, and classify its answer.

        Raises one of our own errors for everything but a completion. A CancelledError or MemoryError that comes before
        the request has left carries NOT_SENT.
        """
        answer = await self._call("POST", self._url, _Body(payload, JSON), self._usual_timeout)
        return self.classify(answer.status, answer.headers, answer.body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        parts, size = [], 0
        while part := await response.content.readany():
            size += len(part)
            if size > self._max_body:
                told = f"{self.where}: an answer of more than {self._max_body:,} bytes"
                raise ConnectionFailedError(told, maybe_billed=True)
            parts.append(part)
        return b"".join(parts)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes, *, said: str = "") -> Completion:
        """The completion in an answer, however it came, or one error leaf; `said`: how it came, for messages.

        What a model wrote stays as it came; of all else that is said or kept, a run's own secrets are taken out.
        """
        host = f"{self.where}{said}"
        if status < HTTPStatus.MULTIPLE_CHOICES:
            try:
                answer = classify_response(status, headers, body, host=host)
            except AsyncgenError:  # which would quote the answer: it is read once more below
                pass
            else:
                self._key_advice = ""  # who has answered wants none
                redact = self._redactor.redact_text
                labels = (
                    f"{answer.finish_reason} {answer.model} {answer.request_id}"  # the server's words, and journalled
                )
                if redact(labels) == labels:  # as nearly always, and then it is quicker than to make it anew
                    return answer
                return msgspec.structs.replace(
                    answer,
                    finish_reason=answer.finish_reason and redact(answer.finish_reason),
                    model=answer.model and redact(answer.model),
                    request_id=answer.request_id and redact(answer.request_id),
                )
        return classify_response(
            status,
            self._redactor.redact_headers(headers),
            self._redactor.redact(body),
            host=host,
            now=self._timings.clock(),
            key_advice=self._key_advice,
        )

    async def get(self, path: str) -> bytes | None:
        """The body of a good answer to GET; None for everything else, which is no reason to stop a run."""
        try:
            answer = await self.send("GET", path, timeout=self._timings.page)
        except AsyncgenError:
            return None
        return answer.body if answer.status == HTTPStatus.OK else None

    async def send(
        self,
        method: str,
        path: str,
        body: Sequence[bytes | FilePart] = (),
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        to: Path | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - aiohttp's own
    ) -> Response:
        """One call and its answer without the run's own secrets; `to`: a file, at whose end a good one's body is put.

        Raises one of our own errors where no answer came; `maybe_billed` says that the request had left by then. A
        body with files, or an answer into one, has hours, as long as every megabyte moves within the usual time.
        """
        parts = [part for part in body if isinstance(part, bytes)]
        has_files = len(parts) < len(body)
        whole = self._timings.transfer if to is not None or has_files else timeout or self._timeout
        answer = await self._call(
            method,
            URL(self._endpoint.url(path)).update_query(query or {}),
            _FileBody(body, content_type, self._timeout) if has_files else _Body(parts, content_type),
            aiohttp.ClientTimeout(total=whole, connect=min(CONNECT_TIMEOUT, whole / 2), sock_read=self._timeout),
            content_type=content_type,
            to=to,
        )
        headers = self._redactor.redact_headers(answer.headers)
        return Response(answer.status, headers, self._redactor.redact(answer.body))

    async def _call(
        self,
        method: str,
        url: URL,
        sending: "_Body",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
        *,
        content_type: str = JSON,
        to: Path | None = None,
    ) -> Response:
        """One request, and its answer as it came. Raises what `complete` and `send` do."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        failure: BaseException
        try:
            async with self._session.request(
                method,
                url,
                data=None if sending.has_left else sending,
                headers=None if content_type == JSON else {"content-type": content_type},
                proxy=self._proxy,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                if not sending.has_left:
                    response.close()
                    raise ConnectionFailedError(f"{self.where}: an answer that came before its request was sent")
                if to is None or response.status != HTTPStatus.OK:
                    body = await self._read(response)
                else:
                    body = b""
                    await self._save(response, to)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error.__cause__, MemoryError):
                failure = MemoryError() if sending.has_left else MemoryError(NOT_SENT)
            else:
                seconds, has_answered = timeout.total or 0.0, self._has_answered
                failure = translate(error, self.where, seconds, has_left=sending.has_left, has_answered=has_answered)
        except (asyncio.CancelledError, MemoryError) as error:
            if sending.has_left:
                raise
            failure = type(error)(NOT_SENT)
        else:
            self._has_answered = True
            return Response(response.status, response.headers, body)
        raise failure  # out here, because inside the handler theirs would be its context, key and all

    def redact(self, data: bytes) -> bytes:
        """Without the run's own secrets."""
        return self._redactor.redact(data)

    async def _save(self, response: aiohttp.ClientResponse, to: Path) -> None:
        size = 0
        while part := await response.content.readany():
            size += len(part)
            if size > MAX_DOWNLOAD:
                raise ConnectionFailedError(f"{self.where}: an answer of more than {MAX_DOWNLOAD:,} bytes")
            await asyncio.to_thread(append, to, part)


class _Body(aiohttp.Payload):
    """A body whose parts are joined only while it is written; `has_left`: whether that has begun, or it is empty.

    Joined before, each request in flight would hold a copy of the prompt until its answer comes: 60 of 190 MB with
    2,000 in flight and the built-in recipe. The headers wait for the body, so nothing of a request leaves before.
    """

    def __init__(self, parts: Sequence[bytes], content_type: str) -> None:
        super().__init__(parts, content_type=content_type)
        self._parts = parts
        self.has_left = not parts

    @property
    def size(self) -> int:
        return sum(map(len, self._parts))

    @property
    def autoclose(self) -> bool:
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._parts).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        _refuse_when_answered(writer)
        data = b"".join(self._parts)
        self.has_left = True
        await writer.write(data)


class _FileBody(_Body):
    """Of a file among the parts a chunk at a time is in memory, and has `patience` seconds to leave."""

    def __init__(self, parts: Sequence[bytes | FilePart], content_type: str, patience: float) -> None:
        super().__init__([part for part in parts if isinstance(part, bytes)], content_type)
        self._all = parts
        self._patience = patience
        self.has_left = False

    @property
    def size(self) -> int:
        return super().size + sum(part.size for part in self._all if isinstance(part, FilePart))

    async def write(self, writer: AbstractStreamWriter) -> None:
        _refuse_when_answered(writer)
        for part in self._all:
            async for data in _chunks(part):
                self.has_left = True
                async with asyncio.timeout(self._patience):
                    await writer.write(data)


def _refuse_when_answered(writer: AbstractStreamWriter) -> None:
    """Raises OSError where something has arrived by the time a request is written."""
    protocol = writer.protocol if isinstance(writer, StreamWriter) else None
    if isinstance(protocol, ResponseHandler) and protocol.should_close:
        raise ConnectionAbortedError(errno.ECONNABORTED, "something had arrived unasked")


async def _chunks(part: bytes | FilePart) -> AsyncIterator[bytes]:
    if isinstance(part, bytes):
        yield part
        return
    with part.path.open("rb") as file:
        for begin in range(0, part.size, CHUNK):
            data = await asyncio.to_thread(file.read, min(CHUNK, part.size - begin))
            if begin + len(data) < min(begin + CHUNK, part.size):
                raise OSError(errno.EIO, "a file has become shorter while it was sent")
            yield data if part.line_end == b"\n" else data.replace(b"\n", part.line_end)


# The verifier's codes for a chain whose end is not known here, as opposed to a certificate that is wrong itself.
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
_CA_ADVICE = "; if a company vouches for it, set SSL_CERT_FILE to a file that holds the company's CA certificate"

# The first row that fits decides: aiohttp's classes overlap, so the special ones stand first.
_TRANSLATIONS: tuple[tuple[type[Exception], type[AsyncgenError], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, FatalError, "its certificate is not trusted ({reason}){ca_advice}"),
    (aiohttp.ClientConnectorSSLError, FatalError, "no TLS connection ({reason}); is the address http or https?"),
    (aiohttp.ClientProxyConnectionError, ConnectionFailedError, "the proxy cannot be reached ({reason})"),
    (aiohttp.ClientHttpProxyError, FatalError, "the proxy refused to connect ({reason}); check HTTPS_PROXY"),
    (aiohttp.ClientConnectorDNSError, ConnectionFailedError, "name not found"),
    (aiohttp.ClientConnectorError, ConnectionFailedError, "no connection ({reason})"),
    (aiohttp.InvalidURL, ConfigError, "not an address a request can be sent to"),
    (TimeoutError, TimedOutError, "no answer within {timeout:g} s"),
    (aiohttp.ClientPayloadError, ConnectionFailedError, "the answer broke off"),
    (aiohttp.ClientResponseError, ConnectionFailedError, "the answer is not HTTP as it should be"),
    (aiohttp.ServerDisconnectedError, ConnectionFailedError, "closed the connection without an answer"),
    (aiohttp.ClientError, ConnectionFailedError, "the connection broke ({reason})"),
    (OSError, ConnectionFailedError, "the connection broke ({reason})"),
    (Exception, ConfigError, "the request cannot be sent ({reason})"),
)


def translate(
    error: Exception, where: str, timeout: float, *, has_left: bool, has_answered: bool = False
) -> AsyncgenError:
    """Ours for theirs. A call may have been billed once its request `has_left`.

    `has_answered`: this address has answered before, so what speaks of a wrong setup otherwise is one bad connection.
    """
    if isinstance(error, TimeoutError) and not has_left:
        return ConnectionFailedError(f"{where}: no connection in time")
    _, ours, text = next(row for row in _TRANSLATIONS if isinstance(error, row[0]))
    is_passing = has_answered
    match error:  # a proxy or an edge may have a bad hour
        case aiohttp.ClientHttpProxyError(status=int() as status):
            is_passing |= status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason="TLSV1_ALERT_INTERNAL_ERROR")):
            is_passing = True
    if ours is FatalError and is_passing:
        ours, text = ConnectionFailedError, "no connection ({reason})"
    code = getattr(getattr(error, "certificate_error", None), "verify_code", None)
    ca_advice = _CA_ADVICE if code in _UNKNOWN_ISSUER else ""
    message = f"{where}: {text.format(reason=_reason(error), timeout=timeout, ca_advice=ca_advice)}"
    return ours(message, maybe_billed=has_left) if issubclass(ours, ConnectionFailedError) else ours(message)


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError(
            certificate_error=ssl.SSLCertVerificationError(verify_message=str() as reason)
        ):
            return reason
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason=str() as reason)):
            return reason.replace("_", " ").lower()
        case aiohttp.ClientResponseError():
            return f"status {error.status}"
        case OSError(errno=int() as number) if number > 0 and not isinstance(error, ssl.SSLError):
            return os.strerror(number)
        case aiohttp.ClientConnectorError():
            return type(error.os_error).__name__
        case _:
            return type(error).__name__
