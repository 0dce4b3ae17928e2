import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from asyncgen.screen.printer import Printer

LONG = "x" * 1_000_000  # more than a pipe holds


@contextlib.contextmanager
def pipe() -> Iterator[tuple[TextIO, TextIO]]:
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as source, os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield source, stream


def test_who_prints_does_not_wait_for_who_reads() -> None:
    with pipe() as (reader, stream):
        printer = Printer(stream)
        printer.write(LONG)
        printer.write("the end\n")
        assert printer.backlog == 2
        assert reader.readline() == f"{LONG}the end\n"
        printer.drain()
        assert printer.backlog == printer.lost == 0


def test_what_was_in_the_buffer_of_the_stream_comes_first() -> None:
    with pipe() as (reader, stream):
        stream.write("first, ")
        printer = Printer(stream)
        printer.write("second\n")
        assert reader.readline() == "first, second\n"
        printer.drain()


def test_a_text_is_made_where_it_is_written() -> None:
    with pipe() as (reader, stream):
        printer = Printer(stream)
        printer.print(lambda: f"{threading.current_thread().name}\n")
        assert reader.readline() == "printer\n"
        printer.drain()


def test_a_reader_who_leaves_makes_the_stream_silent_and_what_he_misses_is_counted() -> None:
    with contextlib.suppress(BrokenPipeError), pipe() as (reader, stream):
        printer = Printer(stream)
        printer.write(LONG)
        printer.write("never\n")
        reader.close()
        printer.drain()
        printer.write("nor this\n")
        assert printer.lost == 3


def test_what_is_forgotten_is_counted_as_lost() -> None:
    with pipe() as (reader, stream):
        printer = Printer(stream)
        for _ in range(3):
            printer.write(LONG)
        printer.forget()
        assert printer.lost == 3
        stream.flush()
        assert len(reader.read(len(LONG))) == len(LONG)
        printer.drain()


def test_waiting_ends_when_something_is_taken_when_somebody_wakes_and_when_patience_ends() -> None:
    async def wait() -> list[bool]:
        while await printer.moved(0.05):  # the pipe takes some
            continue
        moved = []
        asyncio.get_running_loop().call_soon(printer.wake)
        moved.append(await printer.moved())
        asyncio.get_running_loop().call_soon(reader.read, len(LONG))
        moved.append(await printer.moved())
        while printer.backlog:
            await printer.moved()
        return [*moved, await printer.moved()]

    with pipe() as (reader, stream):
        printer = Printer(stream)
        printer.write(LONG)
        assert asyncio.run(wait()) == [True, True, True]


def test_a_stream_that_somebody_made_non_blocking_loses_nothing() -> None:
    with pipe() as (reader, stream):
        os.set_blocking(stream.fileno(), False)
        printer = Printer(stream)
        printer.write(f"{LONG}\n")
        assert reader.readline() == f"{LONG}\n"
        printer.drain()


def test_a_stream_in_memory_is_written_at_once() -> None:
    stream = io.StringIO()
    Printer(stream).write("naïve ━")
    assert stream.getvalue() == "naïve ━"


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO(), encoding="ascii")])
def test_no_stream_and_no_characters_are_no_reason_to_raise(stream: TextIO | None) -> None:
    printer = Printer(stream)
    printer.write("naïve ━")
    printer.flush()
    assert not printer.isatty()
    assert printer.lost == (stream is None)


class NoThread(threading.Thread):
    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_a_text_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Thread", NoThread)
    with pipe() as (reader, stream):
        printer = Printer(stream)
        printer.write("one\n")
        printer.write("two\n")
        assert printer.backlog == printer.lost == 0
        assert [reader.readline() for _ in range(2)] == ["one\n", "two\n"]


@pytest.mark.parametrize("thread", [NoThread, threading.Thread])
def test_a_text_for_which_there_is_no_memory_is_lost_and_the_next_one_is_written(
    thread: type[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_text() -> str:
        raise MemoryError

    monkeypatch.setattr(threading, "Thread", thread)
    with pipe() as (reader, stream):
        printer = Printer(stream)
        printer.print(make_text)
        printer.write("next\n")
        assert reader.readline() == "next\n"
        printer.drain()
        assert printer.lost == 1
