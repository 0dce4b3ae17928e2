"""Where the system gives no further thread, as under a limit of memory or of processes: a sentence and no lost line."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_provider import FakeProvider
from quick import QUICK

import asyncgen
from asyncgen.command.main import main
from asyncgen.errors import OutOfMemoryError
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.process import run_server
from asyncgen.threads import start_thread, start_worker, thread_beside

OUTPUT = Path("x.jsonl")
Refuse = Callable[[str], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let no thread begin whose name begins so."""
    usual = threading.Thread.start

    def refuse(name: str) -> None:
        def start(thread: threading.Thread) -> None:
            if thread.name.startswith(name):
                raise RuntimeError("can't start new thread")
            usual(thread)

        monkeypatch.setattr(threading.Thread, "start", start)

    return refuse


def generate(provider: FakeProvider) -> int:
    return main(["generate", "-n", "10", "-o", str(OUTPUT), "--base-url", provider.base_url], QUICK)


def test_what_needs_a_thread_says_what_to_free_or_to_raise(refuse: Refuse) -> None:
    refuse("work")
    for start in (
        lambda: start_worker("work"),
        lambda: start_thread(threading.Thread(name="work")),
        thread_beside("work", threading.Event.set).__enter__,
    ):
        with pytest.raises(OutOfMemoryError, match=r"no further thread \(for work\): .*ulimit -v.*ulimit -u"):
            start()


@pytest.mark.parametrize("name", ["signals", "names and files", "writer"])
def test_a_run_without_a_thread_that_it_needs_ends_before_anything_is_sent(
    name: str, refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider() as provider:
        refuse(name)
        assert generate(provider) == 1
        assert provider.calls == []
    shown = capsys.readouterr().err
    assert shown.count(f"no further thread (for {name})") == 1
    assert "Traceback" not in shown


def test_a_run_without_a_thread_to_wait_for_others_ends_as_ever(refuse: Refuse) -> None:
    with FakeProvider() as provider:
        refuse("Thread-")
        assert generate(provider) == 0
    assert len(OUTPUT.read_bytes().splitlines()) == 10


def test_a_thread_beside_a_block_hears_no_signal_and_ends_with_it() -> None:
    seen: list[object] = []

    def work(ended: threading.Event) -> None:
        seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        seen.append(ended.wait(5))

    with pytest.raises(ZeroDivisionError), thread_beside("work", work):
        seen.append(1 / 0)
    held, has_ended = seen
    assert isinstance(held, set)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= held
    assert has_ended is True


def test_of_several_threads_all_are_there_or_none(refuse: Refuse) -> None:
    start_worker("some", threads=3).shutdown()
    refuse("some_2")
    with pytest.raises(OutOfMemoryError, match="for some"):
        start_worker("some", threads=3)


def test_a_run_without_a_thread_that_prints_says_what_it_has_to_say(
    refuse: Refuse, capfd: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider() as provider:
        refuse("printer")
        assert generate(provider) == 0
    shown = capfd.readouterr().err
    assert "written  10 / 10" in shown
    assert "Traceback" not in shown


def test_a_viewer_without_its_thread_says_so(refuse: Refuse, capsys: pytest.CaptureFixture[str]) -> None:
    OUTPUT.touch()
    refuse("catalogue")
    assert main(["view", str(OUTPUT)]) == 1
    assert "no further thread (for catalogue)" in capsys.readouterr().err


def test_a_caller_without_a_thread_for_the_run_is_told_and_may_try_again(refuse: Refuse) -> None:
    with FakeProvider() as provider:
        settings: dict[str, Any] = {"base_url": provider.base_url, "num": 3, "output": OUTPUT, "environment": {}}
        refuse("asyncgen")
        with pytest.raises(OutOfMemoryError, match="for asyncgen"):
            asyncgen.run("nanochat", **settings)
        refuse("nobody")
        assert asyncgen.run("nanochat", **settings).written == 3


def test_an_engine_without_the_thread_that_ends_it_does_not_begin(
    refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse("stdin")
    with pytest.raises(OutOfMemoryError, match="for stdin"):
        run_server(Knobs(), 0, exit_with_stdin=True)
    assert capsys.readouterr().out == ""
