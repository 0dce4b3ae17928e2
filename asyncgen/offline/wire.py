"""Answers on the wire: JSON, an error as an exception, pages of lists, and the end of a connection."""

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web

from asyncgen.offline.protocol import encode, encode_error

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST instead of FIN
GATEWAY = "/api/"  # what is below it speaks as OpenRouter does
_PAGE, _LARGEST_PAGE = 20, 100


class ApiError(Exception):
    """What a call is told instead."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        *,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self._status = status
        self._message = message
        self._body = encode_error(status, message, kind, code=code, param=param)

    def respond(self, request: web.Request) -> web.Response:
        """In the words of OpenAI, or of OpenRouter."""
        if request.path.startswith(GATEWAY):
            return json_answer({"error": {"code": self._status, "message": self._message}}, self._status)
        return json_response(self._status, self._body)


def told(handler: Handler) -> Handler:
    """The handler, with its ApiErrors sent."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return error.respond(request)

    return handle


def json_response(status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def json_answer(document: object, status: int = HTTPStatus.OK) -> web.Response:
    return json_response(status, encode(document))


def html_answer(status: HTTPStatus) -> web.Response:
    """As an edge says it."""
    page = f"<html><head><title>{status} {status.phrase}</title></head><body><h1>{status.phrase}</h1></body></html>\r\n"
    return web.Response(status=status, text=page, content_type="text/html")


def reset(request: web.Request) -> None:
    """End the connection without an answer."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        request.transport.abort()


def read_page(request: web.Request, known: Sequence[dict[str, object]], *, repeats: bool = False) -> dict[str, object]:
    """The page of objects that the query asks for. Raises ApiError. `repeats`: always the first, and never the last."""
    limit = request.query.get("limit", str(_PAGE))
    if not limit.isdecimal() or not 1 <= int(limit) <= _LARGEST_PAGE:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"'limit' must be 1 to {_LARGEST_PAGE}, not {limit!r}", param="limit")
    start = 0
    if (after := request.query.get("after")) and not repeats:
        start = next((place for place, each in enumerate(known, 1) if each["id"] == after), 0)
        if not start:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"'after' names nothing here: {after!r}", param="after")
    page = known[start : start + int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": repeats or start + len(page) < len(known),
    }
