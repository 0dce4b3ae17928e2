"""What `view` reads of a request and how it answers: JSON, refusals with their reason, the files of its page."""

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from asyncgen.report.templates import read_page_file
from asyncgen.text import one_line

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ASSETS = {"style.css": "text/css", "conversation.js": "text/javascript", "view.js": "text/javascript"}

T = TypeVar("T")


# ---- what is read of a request


def read_number(request: web.Request, name: str) -> int | None:
    given = request.query.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(sys.maxsize)) - 1):
        raise bad_request(f"{name}: expected a whole number")
    return int(given)


async def read_body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (ValueError, RecursionError) as error:
        raise bad_request(str(error)) from None


# ---- what is sent


def json_response(value: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def refuse(status: int, reason: str) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode({"error": one_line(reason)}), content_type="application/json"
    )


def refuse_changed() -> web.Response:
    return refuse(409, "The file has changed; load the page again.")


def bad_request(reason: str) -> web.HTTPBadRequest:
    body = msgspec.json.encode({"error": one_line(reason)}).decode()
    return web.HTTPBadRequest(text=body, content_type="application/json")


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def add_assets(router: web.UrlDispatcher, root: str) -> None:
    """The files that the page loads, below `root`."""
    for name, kind in _ASSETS.items():
        router.add_get(f"{root}/{name}", _asset(read_page_file(name), kind))


def _asset(content: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def send(_: web.Request) -> web.Response:
        return web.Response(text=content, content_type=kind)

    return send
