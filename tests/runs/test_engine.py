import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

import aiohttp
import pytest
import uvloop

from asyncgen.errors import FatalError
from asyncgen.runs.engine import offline_engine
from asyncgen.timings import Timings


def run(scenario: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario)


def test_the_engine_lives_as_long_as_the_block_whatever_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    noting = tmp_path / "python"
    noting.write_text(f'#!/bin/sh\necho $$ > pid\n{sys.executable} "$@"\necho $? > status\n')
    noting.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(noting))

    def read(name: str) -> bytes:
        return (tmp_path / name).read_bytes()

    async def scenario() -> None:
        async with (
            offline_engine(lambda: None) as base_url,
            aiohttp.request("POST", f"{base_url}/chat/completions", data=b"no request") as response,
        ):
            assert response.status == 400
            async with aiohttp.request("GET", f"{base_url}/batches") as listed:
                assert listed.status == 200
            process = int(read("pid"))
            assert os.getsid(process) == process != os.getsid(0)
        assert read("status") == b"0\n"

    run(scenario())


def test_an_engine_that_cannot_be_started_is_a_fault_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")

    async def scenario() -> None:
        with pytest.raises(FatalError, match="the offline engine did not start: No such file or directory"):
            async with offline_engine(lambda: None):
                pytest.fail("it has no address")

    run(scenario())


@pytest.mark.parametrize("does", ["exit 3", "exec sleep 600"])
def test_an_engine_that_says_nothing_is_a_fault_of_the_run(
    does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "python"
    silent.write_text(f"#!/bin/sh\n{does}\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))

    async def scenario() -> None:
        with pytest.raises(FatalError, match="the offline engine did not start"):
            async with offline_engine(lambda: None, Timings(engine_start=0.2, engine_end=0.05)):
                pytest.fail("it has no address")

    run(scenario())


def test_an_engine_that_does_not_end_with_its_pipe_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = tmp_path / "python"
    deaf.write_text("#!/bin/sh\necho http://127.0.0.1:1/v1\nexec sleep 600\n")
    deaf.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(deaf))

    async def scenario() -> None:
        async with offline_engine(lambda: None, Timings(engine_end=0.05)) as base_url:
            assert base_url == "http://127.0.0.1:1/v1"

    run(scenario())


def test_an_engine_that_ends_by_itself_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        died = asyncio.Event()
        async with offline_engine(died.set) as base_url, aiohttp.ClientSession() as session:
            async with session.get(f"{base_url}/models") as response:
                assert response.status == 200
            for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():  # noqa: ASYNC240
                os.kill(int(child), signal.SIGKILL)
            await asyncio.wait_for(died.wait(), 30)

    run(scenario())
