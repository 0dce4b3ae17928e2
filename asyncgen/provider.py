"""One POST to a chat-completions endpoint, and a GET of what it tells about itself: the only place that knows aiohttp.

Every exception of aiohttp becomes one of ours here, without the object it came from: their reprs contain the request's
headers, and with them the key. Whether an answer is a completion is decided in `answer`, which has no socket.
"""

import os
import ssl
import time
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from asyncgen import __version__
from asyncgen.answer import Completion, classify_response
from asyncgen.endpoint import Endpoint, is_loopback
from asyncgen.errors import AsyncgenError, ConfigError, ConnectionFailedError, FatalError, TimedOutError

MAX_BODY = 32 * 2**20  # bytes after decompression: a long conversation is 30 KB, a gzip bomb is gigabytes
MAX_HEADER = 64 * 2**10  # bytes of a line; the 8 KB of aiohttp would lose the answers of a gateway with a long policy
CONNECT_TIMEOUT = 30.0
GET_TIMEOUT = 5.0  # seconds; what is asked for by GET can be done without
KEEP_ALIVE = 4.0  # below the 5 s after which uvicorn and llama.cpp close an idle connection without a word


class Client:
    """A session with one endpoint; use as an async context manager.

    `connections` must not be below the number of requests in flight: a request that waits for a connection does so
    inside its own deadline. `timeout`: seconds from sending a request to the end of its answer.
    """

    def __init__(self, endpoint: Endpoint, *, connections: int, timeout: float) -> None:
        self._endpoint = endpoint
        self._host = endpoint.host
        self._url = URL(f"{endpoint.base_url}/chat/completions")  # parsed once, not with each request
        self._connections = connections
        self._timeout = timeout
        self._proxy = find_proxy(endpoint.base_url)
        self._redactor = endpoint.redactor()
        self._missing_key = endpoint.missing_key
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE),
            # Connecting ends well before the deadline, or a call that never left would count as perhaps billed.
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=min(CONNECT_TIMEOUT, self._timeout / 2)),
            headers=self._headers(),
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

    def _headers(self) -> dict[str, str]:
        """In lower case, so that a recipe's header replaces ours instead of being sent beside it."""
        headers = {"content-type": "application/json", "user-agent": f"asyncgen/{__version__}"}
        if self._endpoint.key is not None:
            headers["authorization"] = f"Bearer {self._endpoint.key.reveal()}"
        return headers | {name.lower(): secret.reveal() for name, secret in self._endpoint.headers.items()}

    async def complete(self, payload: Sequence[bytes]) -> Completion:
        """Send one request, its body given in parts, and classify its answer.

        Raises one of our own errors for everything but a completion.
        """
        if self._session is None:
            raise RuntimeError("the client is not open")
        host = self._host
        try:
            async with self._session.post(
                self._url, data=_Body(payload), proxy=self._proxy, allow_redirects=False
            ) as response:
                body = await _read(response, host)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = translate(error, host, self._timeout)
        else:
            headers = self._redactor.redact_headers(response.headers)
            return classify_response(
                response.status,
                headers,
                self._redactor.redact(body),
                host=host,
                now=time.time(),
                missing_key=self._missing_key,
            )
        raise failure  # out here, because inside the handler theirs would be its context, key and all

    async def get(self, path: str) -> bytes | None:
        """The body of a good answer to GET; None for everything else, which is no reason to stop a run."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        try:
            async with self._session.get(
                f"{self._endpoint.base_url}{path}",
                proxy=self._proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=GET_TIMEOUT),
            ) as response:
                body = await _read(response, self._host)
                return body if response.status == HTTPStatus.OK else None
        except (aiohttp.ClientError, OSError, ValueError, ConnectionFailedError):
            return None


class _Body(aiohttp.Payload):
    """A body whose parts are joined only while it is written.

    Joined before, each request in flight would hold a copy of the prompt until its answer comes: 60 of 190 MB with
    2,000 in flight and the built-in recipe.
    """

    def __init__(self, parts: Sequence[bytes]) -> None:
        super().__init__(parts, content_type="application/json")
        self._parts = parts

    @property
    def size(self) -> int:
        return sum(map(len, self._parts))

    @property
    def autoclose(self) -> bool:
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._parts).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await writer.write(b"".join(self._parts))


async def _read(response: aiohttp.ClientResponse, host: str) -> bytes:
    parts, size = [], 0
    while part := await response.content.readany():
        size += len(part)
        if size > MAX_BODY:
            raise ConnectionFailedError(f"{host}: an answer of more than {MAX_BODY:,} bytes", maybe_billed=True)
        parts.append(part)
    return b"".join(parts)


def find_proxy(base_url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for this address. Raises ConfigError.

    Looked up here because aiohttp's own way (`trust_env`) would also send credentials found in ~/.netrc.
    """
    parts = urlsplit(base_url)
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy is None or proxy.startswith(("http://", "https://")):
        return proxy
    if "://" in proxy:
        raise ConfigError(
            f"{parts.scheme.upper()}_PROXY: expected http://HOST:PORT, other kinds of proxy cannot be used"
        )
    return f"http://{proxy}"


_unsent = ConnectionFailedError
_sent = partial(ConnectionFailedError, maybe_billed=True)
_late = partial(TimedOutError, maybe_billed=True)

# The first row that fits decides: aiohttp's classes overlap, so the special ones stand first.
_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[str], AsyncgenError], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, FatalError, "its certificate is not trusted ({reason})"),
    (aiohttp.ClientConnectorSSLError, FatalError, "no TLS connection ({reason}); is the address http or https?"),
    (aiohttp.ClientProxyConnectionError, _unsent, "the proxy cannot be reached ({reason})"),
    (aiohttp.ClientHttpProxyError, FatalError, "the proxy refused to connect ({reason}); check HTTPS_PROXY"),
    (aiohttp.ClientConnectorDNSError, _unsent, "name not found"),
    (aiohttp.ClientConnectorError, _unsent, "no connection ({reason})"),
    (aiohttp.ConnectionTimeoutError, _unsent, "no connection in time"),
    (aiohttp.InvalidURL, ConfigError, "not an address a request can be sent to"),
    (TimeoutError, _late, "no answer within {timeout:g} s"),
    (aiohttp.ClientPayloadError, _sent, "the answer broke off"),
    (aiohttp.ClientResponseError, _sent, "the answer is not HTTP as it should be"),
    (aiohttp.ServerDisconnectedError, _sent, "closed the connection without an answer"),
    (aiohttp.ClientError, _sent, "the connection broke ({reason})"),
    (OSError, _sent, "the connection broke ({reason})"),
)


def translate(error: Exception, host: str, timeout: float) -> AsyncgenError:
    """Ours for theirs. Whether a call may have been billed depends on whether it can have been sent."""
    if _may_pass(error):
        return ConnectionFailedError(f"{host}: no connection ({_reason(error)})")
    for kind, ours, text in _TRANSLATIONS:
        if isinstance(error, kind):
            return ours(f"{host}: {text.format(reason=_reason(error), timeout=timeout)}")
    return ConfigError(f"{host}: the request cannot be sent ({type(error).__name__})")


def _may_pass(error: Exception) -> bool:
    """Whether a refused connection comes from a proxy or an edge that has a bad hour."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason="TLSV1_ALERT_INTERNAL_ERROR")):
            return True
        case _:
            return False


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
