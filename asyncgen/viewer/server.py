"""`view`: a whole output in a browser, served on loopback to nobody else.

What is shown was written by models, and a browser runs what any site sends it. So the address holds a secret, without
which other users of the machine find nothing; a Host that is not this server's own is refused, because a foreign name
may be made to lead here; what changes something needs the token of the page; and the page may use nothing but its own
files. Output and journal are only read; marks and the audit go to files of their own.
"""

import asyncio
import contextlib
import secrets
import signal
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop
from aiohttp import web

from asyncgen import __version__
from asyncgen.errors import ConfigError, OutputError
from asyncgen.listening import HOST, listening
from asyncgen.output.paths import OutputPaths
from asyncgen.report.templates import templates
from asyncgen.runs.interrupt import SIGNALS
from asyncgen.threads import start_worker
from asyncgen.viewer.answers import (
    Marked,
    Page,
    ShownConversation,
    State,
    audit_command,
    show_conversation,
    show_options,
    show_state,
)
from asyncgen.viewer.auditor import Auditor
from asyncgen.viewer.catalogue import Catalogue
from asyncgen.viewer.selection import Selections, split_words
from asyncgen.viewer.store import Choice
from asyncgen.viewer.wire import (
    add_assets,
    add_headers,
    bad_request,
    json_response,
    read_body,
    read_number,
    refuse,
    refuse_changed,
)

PAGE_SIZE = 10
POLL = 1.0  # seconds between two looks at the files, and between two figures sent
HEARTBEAT = 15.0  # seconds of silence after which a stream says that it is there
PATIENCE = 1.0  # seconds until a search answers with what it has, and until the address is told
_SPAN = 30.0  # seconds over which the rate is taken
_MOST_BODY = 64 * 1024  # bytes
_MARKED_AT_ONCE = 1024  # lines between two pages
_TOKEN = "X-Token"  # noqa: S105 - a name

T = TypeVar("T")


def serve_view(output: Path, *, port: int) -> int:
    """Serve until told to end; the address is one line on stdout. Raises ConfigError when it cannot begin."""
    paths = OutputPaths.of(output)
    try:
        if not paths.output.is_file():
            paths.output.stat()
            raise ConfigError(f"{paths.output} is no ordinary file")
        with paths.output.open("rb"):
            catalogue = Catalogue(paths)
            until = time.monotonic() + PATIENCE
            while catalogue.advance() and len(catalogue) < PAGE_SIZE and time.monotonic() < until:
                pass  # so that whoever opens the address sees something
    except OSError as error:
        raise ConfigError(f"{error.filename or paths.output}: {error.strerror}") from error
    with contextlib.closing(catalogue):
        uvloop.run(_serve(Viewer(catalogue, audit_command(output), Auditor(output)), port))
    return 0


class _Mark(msgspec.Struct, forbid_unknown_fields=True):
    """What the page asks for. `generation`: of the file whose line it shows."""

    line: int
    generation: int
    dropped: bool


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    """What a person answers to a question about a line."""

    line: int
    generation: int
    question: str
    holds: bool


class _MarkAll(msgspec.Struct, forbid_unknown_fields=True):
    """The first `total` lines that fit, which is what the page has counted."""

    choice: Choice
    words: str
    total: int
    generation: int
    dropped: bool


class _Undo(msgspec.Struct, forbid_unknown_fields=True):
    undo: str


class _Change(msgspec.Struct, frozen=True):
    """The last one of many marks at once, and what it has changed."""

    name: str
    generation: int
    dropped: bool
    lines: "array[int]"


class Viewer:
    """Answers what a page asks, and follows the files meanwhile. The catalogue is only touched in the one thread."""

    def __init__(
        self,
        catalogue: Catalogue,
        command: str,
        auditor: Auditor | None = None,
        *,
        poll: float = POLL,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.key = secrets.token_urlsafe(16)
        self.token = secrets.token_urlsafe(32)
        self._catalogue = catalogue
        self._selections = Selections(catalogue)
        self._command = command
        self._auditor = auditor
        self._change: _Change | None = None
        self._poll = poll
        self._heartbeat = heartbeat
        self._thread = start_worker("catalogue")
        self._rate = _Rate()
        self._trouble = ""
        self._options = (0, show_options(catalogue, command))
        self._state = show_state(catalogue, 0, None)
        self.stop = asyncio.Event()
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[object] | None] = set()

    def create_app(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BODY, middlewares=[self.guard])
        root = f"/{self.key}"
        app.router.add_get(f"{root}/", self.send_page)
        app.router.add_get(f"{root}/lines", self.send_lines)
        app.router.add_get(f"{root}/options", self.send_options)
        app.router.add_get(f"{root}/events", self.send_events)
        app.router.add_post(f"{root}/marks", self.mark)
        app.router.add_post(f"{root}/labels", self.label)
        app.router.add_post(f"{root}/marks/all", self.mark_all)
        app.router.add_post(f"{root}/marks/undo", self.undo)
        add_assets(app.router, root)
        app.on_response_prepare.append(add_headers)
        app.cleanup_ctx.append(self.following)
        app.on_shutdown.append(self.end_streams)
        return app

    # ---- following the files

    async def following(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._follow(), name="follow")
        task.add_done_callback(lambda _: self.stop.set())  # who does not follow any more should not seem to
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if self._auditor is not None:
            await self._auditor.close()
        self._thread.shutdown(wait=True)
        self._catalogue.close()

    async def _follow(self) -> None:
        told = -self._poll
        while True:
            is_more = await self._work(self._advance)
            now = time.monotonic()
            if not is_more or now - told >= self._poll:
                if self._auditor is not None:
                    self._auditor.follow(self._catalogue, now)
                await self._work(self._refresh)
                async with self._news:
                    self._news.notify_all()
                told = now
            await asyncio.sleep(0 if is_more else self._poll)

    def _advance(self) -> bool:
        """What a file's owner can mend is told on the page until it is mended."""
        try:
            is_more = self._catalogue.advance()
        except OSError as error:
            self._trouble = f"{error.filename or self._catalogue.paths.output}: {error.strerror}"
            return False
        except ConfigError as error:
            self._trouble = str(error)
            return False
        self._trouble = ""
        return is_more

    def _refresh(self) -> None:
        number, options = self._options
        auditing = "" if self._auditor is None else self._auditor.said
        current = show_options(self._catalogue, self._command, auditing)
        if self._trouble:
            current = msgspec.structs.replace(current, notes=[self._trouble, *current.notes])
        if current != options:
            number += 1
        self._options = number, current
        rate = self._rate.after(time.monotonic(), self._catalogue)
        self._state = show_state(self._catalogue, number, rate)

    async def _work(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    # ---- answers

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        address = None if request.transport is None else request.transport.get_extra_info("sockname")
        port = address[1] if address else 0
        names = {f"{HOST}:{port}", f"localhost:{port}"}  # the Host headers of requests that mean this server
        if port == 80:  # noqa: PLR2004 - browsers leave it out
            names |= {HOST, "localhost"}
        if request.host not in names:
            return refuse(403, "This address is not the viewer's own.")
        if request.method not in {"GET", "HEAD"}:
            origins = {f"http://{name}" for name in names}
            token = request.headers.get(_TOKEN, "").encode(errors="surrogateescape")
            is_ours = secrets.compare_digest(token, self.token.encode())
            if not is_ours or request.headers.get("Origin") not in {None, *origins}:
                return refuse(403, "Only the viewer's own page may change anything.")
        try:
            return await handler(request)
        except (OutputError, ConfigError) as error:  # marks that cannot be written, or read
            return refuse(500, str(error))

    async def send_page(self, _: web.Request) -> web.Response:
        page = templates.get_template("view.html").render(
            title=self._catalogue.paths.output.name, token=self.token, version=__version__
        )
        return web.Response(text=page, content_type="text/html")

    async def send_options(self, _: web.Request) -> web.Response:
        return json_response(self._options[1])

    async def send_lines(self, request: web.Request) -> web.Response:
        """A page by the position of its first line among those that fit, or the page of a line among all.

        With words it may be less than there is: what was found within a second, and more if it is asked for again.
        """
        try:
            choice = msgspec.json.decode(request.query.get("choice", "{}"), type=Choice)
        except (ValueError, RecursionError) as error:
            raise bad_request(f"choice: {error}") from None
        words = split_words(request.query.get("words", ""))
        line = read_number(request, "line")
        start = read_number(request, "start") or 0
        if line is not None:
            choice, words, start = Choice(), [], max(line - 1, 0) // PAGE_SIZE * PAGE_SIZE
        is_counted = "total" in request.query  # a full page is not enough
        until = time.monotonic() + PATIENCE
        while True:
            page = await self._work(lambda: self._make_page(choice, words, start))
            is_full = len(page.conversations) == PAGE_SIZE and not is_counted
            if is_full or page.searched == page.lines or time.monotonic() >= until:
                return json_response(page)

    def _make_page(self, choice: Choice, words: Sequence[str], start: int) -> Page:
        catalogue, selection = self._catalogue, self._selections.go_on(choice, words)
        known = map(catalogue.store.get, selection.lines[start : start + PAGE_SIZE])
        return Page(
            generation=catalogue.generation,
            start=start,
            total=len(selection.lines),
            searched=selection.searched,
            lines=len(catalogue),
            conversations=[show_conversation(catalogue, each) for each in known],
        )

    async def mark(self, request: web.Request) -> web.Response:
        mark, catalogue = await read_body(request, _Mark), self._catalogue
        return await self._change_line(mark, lambda: catalogue.mark([mark.line], is_dropped=mark.dropped))

    async def label(self, request: web.Request) -> web.Response:
        label, catalogue = await read_body(request, _Label), self._catalogue

        def change() -> None:
            if (conversation := catalogue.read(catalogue.store.get(label.line))) is not None:
                catalogue.labelling.label(conversation, label.question, holds=label.holds)

        return await self._change_line(label, change)

    async def _change_line(self, asked: _Mark | _Label, change: Callable[[], object]) -> web.Response:
        """The line as it is shown after that."""
        catalogue = self._catalogue

        def work() -> ShownConversation | None:
            if asked.generation != catalogue.generation or not 0 < asked.line <= len(catalogue):
                return None
            change()
            return show_conversation(catalogue, catalogue.store.get(asked.line))

        shown = await self._work(work)
        return refuse_changed() if shown is None else json_response(shown)

    async def mark_all(self, request: web.Request) -> web.Response:
        asked = await read_body(request, _MarkAll)
        words, total = split_words(asked.words), max(asked.total, 0)
        while True:
            selection = await self._work(lambda: self._selections.go_on(asked.choice, words))
            if len(selection.lines) >= total or selection.searched == len(self._catalogue):
                return await self._change_marks(asked.generation, selection.lines[:total], dropped=asked.dropped)

    async def undo(self, request: web.Request) -> web.Response:
        asked, change = await read_body(request, _Undo), self._change
        if change is None or change.name != asked.undo:
            return refuse(409, "That cannot be undone any more; choose mark: dropped to see what is dropped.")
        return await self._change_marks(change.generation, change.lines, dropped=not change.dropped)

    async def _change_marks(self, generation: int, lines: "array[int]", *, dropped: bool) -> web.Response:
        """Slice by slice, so that pages are answered meanwhile; what was marked can be undone also after a failure."""
        change = self._change = _Change(secrets.token_urlsafe(8), generation, dropped, array("I"))
        for start in range(0, len(lines), _MARKED_AT_ONCE):
            part = lines[start : start + _MARKED_AT_ONCE]
            if not await self._work(partial(self._mark_part, change, part)):
                return refuse_changed()
        return json_response(Marked(changed=len(change.lines), undo=change.name))

    def _mark_part(self, change: _Change, lines: "array[int]") -> bool:
        """False when the file is not the one any more that was asked about."""
        if change.generation == self._catalogue.generation:
            change.lines.extend(self._catalogue.mark(lines, is_dropped=change.dropped))
        return change.generation == self._catalogue.generation

    async def send_events(self, request: web.Request) -> web.StreamResponse:
        """A state at once and whenever there is another; ends with its client or the server."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await response.prepare(request)
            sent: State | None = None
            while True:
                if self._state == sent:
                    await response.write(b": still here\n\n")
                else:
                    sent = self._state
                    await response.write(b"data: " + msgspec.json.encode(sent) + b"\n\n")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat), self._news:
                        while self._state == sent:
                            await self._news.wait()
        except ConnectionResetError:
            return response
        finally:
            self._tasks.discard(task)

    async def end_streams(self, _: web.Application) -> None:
        for task in filter(None, self._tasks):
            task.cancel()


class _Rate:
    """Conversations a minute over the last half minute of a file that has been read to its end."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._generation = 0

    def after(self, now: float, catalogue: Catalogue) -> float | None:
        if not catalogue.is_whole or catalogue.generation != self._generation:
            self._seen.clear()
            self._generation = catalogue.generation
            return None
        self._seen.append((now, len(catalogue)))
        while now - self._seen[0][0] > _SPAN:
            self._seen.popleft()
        (first, before), seconds = self._seen[0], now - self._seen[0][0]
        return round(60 * (len(catalogue) - before) / seconds, 1) if seconds and first else None


async def _serve(viewer: Viewer, port: int) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, viewer.stop.set)
    async with listening(viewer.create_app(), port) as address:
        print(f"{address}/{viewer.key}/", flush=True)  # noqa: T201 - what was asked for
        await viewer.stop.wait()
