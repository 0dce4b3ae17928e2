import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

from asyncgen.conversation import Message, encode_line
from asyncgen.screen.chat import ROOM, Show, format_conversation
from asyncgen.screen.printer import Printer
from asyncgen.stop import Stop

LINE = encode_line((Message("user", "Why?"), Message("assistant", "so " * 30_000)))  # more than a pipe holds


class Run:
    """Makes conversations, one after another, and shows them to whoever reads `descriptor`."""

    def __init__(self, patience: float) -> None:
        self.descriptor, writer = os.pipe()
        self._stream = os.fdopen(writer, "w", encoding="utf-8")
        self._printer = Printer(self._stream)
        self.stop = Stop()
        self.show = Show(self.stop, self._printer, patience=patience)

    async def make(self, number: int) -> None:
        for _ in range(number):
            await self.show.room()
            self.show.show([LINE])

    def end(self) -> None:
        self._printer.drain()
        self._stream.close()


def test_nobody_who_reads_misses_anything() -> None:
    run = Run(patience=60.0)

    async def make_and_show() -> None:
        await run.make(2 * ROOM)
        await run.show.close()

    with ThreadPoolExecutor(1) as pool, os.fdopen(run.descriptor, "rb") as pipe:
        reading = pool.submit(pipe.read)
        asyncio.run(make_and_show())
        run.end()
        assert reading.result().count(b"user: ") == 2 * ROOM
    assert run.show.missed == 0


def test_who_stops_reading_holds_nothing_up_and_what_is_not_shown_is_counted() -> None:
    run = Run(patience=0.02)

    async def make_and_show() -> None:
        await run.make(3 * ROOM)
        await run.show.close()

    asyncio.run(make_and_show())
    assert run.show.missed == 3 * ROOM
    os.close(run.descriptor)
    run.end()


def test_a_stop_waits_for_no_reader() -> None:
    run = Run(patience=3600.0)

    async def make_and_stop() -> None:
        await run.make(ROOM)
        waiting = asyncio.create_task(run.make(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        run.stop.request()
        await waiting

    asyncio.run(make_and_stop())
    os.close(run.descriptor)
    run.end()


def test_what_a_model_has_written_moves_no_cursor() -> None:
    stream = StringIO()
    Show(Stop(), Printer(stream)).show([encode_line((Message("user", "\x1b[2J"), Message("assistant", "yes\tno")))])
    assert stream.getvalue() == "user: ?[2J\nassistant: yes\tno\n\n"
    assert format_conversation((Message("user", "a\nb"),)) == "user: a\nb"
