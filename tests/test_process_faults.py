"""Real processes in bad surroundings: no room, no files, no terminal, and people who meddle with an output in use.

What is done to a run is done when the provider has seen so many requests or the output has so many lines, never after
a sleep.
"""

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, conversation
from test_process import JOURNAL, OUTPUT, TIMEOUT, finish, held, indices, lines, run, start, wait_for_text

pytestmark = pytest.mark.slow

LOCK = Path("data/nanochat.jsonl.lock")
REJECTS = Path("data/nanochat.jsonl.rejects")
FILLER = Path("data/filler")
NO_PRIVILEGE = "exec setpriv --bounding-set=-dac_override,-dac_read_search"  # so that permissions hold for root too


def start_by_shell(*flags: str, setup: str = "", launch: str = "exec", redirect: str = "") -> subprocess.Popen[str]:
    """A run in a shell's place, after `setup`."""
    command = shlex.join([sys.executable, "-m", "asyncgen", "generate", *flags])
    return subprocess.Popen(
        ["sh", "-c", f"{setup}\n{launch} {command} {redirect}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(has_come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not has_come():
        assert time.monotonic() < deadline, "what is waited for never came"
        time.sleep(0.002)


def wait_for_lines(number: int) -> None:
    wait_until(lambda: OUTPUT.exists() and OUTPUT.read_bytes().count(b"\n") >= number)


def assert_complete(number: int) -> None:
    """Each index once, by what the fake provider said."""
    conversations = lines()
    assert len(conversations) == len({json.dumps(each) for each in conversations}) == number
    assert set(indices("done")) == set(range(number))


def assert_one_sentence(shown: str, sentence: str) -> None:
    assert "Traceback" not in shown
    assert sum("Stopped:" in line and sentence in line for line in shown.splitlines()) == 1, shown


def held_from(number: int) -> Callable[[Call], Reply]:
    """Answers as many calls at once; later ones when the provider is released."""
    return lambda call: held(call) if call.number >= number else always_good(call)


# Open files


def test_no_more_requests_are_in_flight_than_files_may_be_open() -> None:
    with FakeProvider(held) as provider:
        flags = ("-n", "150", "-c", "256", "--no-adaptive", "--base-url", provider.base_url)
        process = start_by_shell(*flags, setup="ulimit -n 64")
        wait_for_text(process, "--concurrency 256: only 32 fit into the limit of open files (ulimit -n)")
        provider.wait_for_calls(33)
        provider.release()
        assert finish(process)[0] == 0
        assert provider.most_at_once == 32
        assert len(provider.calls) == 150, "none was sent twice, so none has failed"
    assert_complete(150)


def test_a_limit_of_open_files_that_may_be_raised_is_raised() -> None:
    with FakeProvider(held) as provider:
        flags = ("-n", "120", "-c", "100", "--no-adaptive", "--base-url", provider.base_url)
        process = start_by_shell(*flags, setup="ulimit -S -n 64")
        provider.wait_for_calls(101)
        provider.release()
        status, shown = finish(process)
        assert status == 0
        assert provider.most_at_once == 100
    assert "open files" not in shown


# Memory


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="another process can only be limited on Linux")
def test_a_run_that_gets_no_more_memory_ends_with_all_lines_whole() -> None:
    """The limit is set when the answers that need more than it are on their way."""
    blanks = b" " * 30_000_000

    def script(call: Call) -> Reply:
        reply = held_from(20)(call)
        return replace(reply, body=blanks + reply.body) if call.number in range(20, 28) else reply

    with FakeProvider(script) as provider:
        flags = ("-n", "60", "-c", "8", "--no-adaptive", "--grace", "5", "--base-url", provider.base_url)
        process = start(*flags, MALLOC_ARENA_MAX="1")  # each further one may hold 64 MB that are not used yet
        wait_for_lines(20)
        provider.wait_for_calls(28)
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 4_000_000
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))
        provider.release()
        status, shown = finish(process)
        assert status == 1
        assert_one_sentence(shown, "Stopped: an answer did not fit into memory; lower --concurrency")
        before = lines()
        assert len(before) >= 20
        assert run(*flags).returncode == 0
    assert lines()[: len(before)] == before
    assert_complete(60)


# No room


def test_a_file_that_may_not_grow_stops_the_run_with_all_lines_whole() -> None:
    with FakeProvider() as provider:
        flags = ("-n", "120", "-c", "8", "--base-url", provider.base_url)
        assert run("-n", "1", "-o", "other.jsonl", "--base-url", provider.base_url).returncode == 0
        header = Path("other.jsonl.journal").stat().st_size
        process = start_by_shell(*flags, setup=f"ulimit -f {(header + 20_000) // 512}")
        status, shown = finish(process)
        assert status == 1
        assert_one_sentence(shown, "File too large; conversations that could not be saved: ")
        assert len(provider.calls) < 120
        before = lines()
        assert before
        assert run(*flags).returncode == 0
        assert lines()[: len(before)] == before
    assert_complete(120)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """A file system of one megabyte at data/."""
    folder = OUTPUT.parent
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill_disk() -> None:
    with FILLER.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_waited_for_and_costs_nothing_when_room_comes_back() -> None:
    with FakeProvider(held_from(20)) as provider:
        process = start("-n", "100", "-c", "4", "--quiet", "--base-url", provider.base_url)
        wait_for_lines(20)
        fill_disk()
        provider.release()
        wait_for_text(process, "the disk is full")
        FILLER.unlink()
        assert finish(process)[0] == 0
        assert len(provider.calls) == 100
    assert_complete(100)
    assert len(indices("done")) == 100, "entries of a batch that was tried again are there once"


@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_is_full_from_the_beginning_is_found_before_the_first_call() -> None:
    fill_disk()
    with FakeProvider() as provider:
        done = run("-n", "5", "--base-url", provider.base_url)
        assert done.returncode == 1
        assert_one_sentence(done.stderr, "No space left on device")
        assert provider.calls == []
        FILLER.unlink()
        assert run("-n", "5", "--base-url", provider.base_url).returncode == 0
    assert_complete(5)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_cannot_be_written_is_found_before_the_first_call(is_there: bool) -> None:  # noqa: FBT001
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and setpriv, which takes that away, is not installed")
    folder = OUTPUT.parent
    if is_there:
        folder.mkdir()
    locked = folder if is_there else Path()
    locked.chmod(0o555)
    try:
        with FakeProvider() as provider:
            launch = NO_PRIVILEGE if os.geteuid() == 0 else "exec"
            status, shown = finish(start_by_shell("-n", "5", "--base-url", provider.base_url, launch=launch))
            assert provider.calls == []
    finally:
        locked.chmod(0o755)
    assert status == 2
    assert f"Permission denied: you may not write in {locked.absolute()}; choose another place" in shown
    assert len(shown.splitlines()) == 1
    assert not folder.exists() or list(folder.iterdir()) == []


# A disk, or a name look-up, that hangs

HOLD = Path("hold")
HELD = Path("held")  # is there once a sync waits for it
SLOW_DISK = """
import os, time
from asyncgen.command import main as cli
from asyncgen.output import append_file
from asyncgen.runs import interrupt
interrupt.LAST_WORDS = 30.0  # however busy the machine is
sync = getattr(os, append_file.SYNC)
def wait_and_sync(descriptor):
    while os.path.exists("hold"):
        open("held", "w").close()
        time.sleep(0.001)
    sync(descriptor)
setattr(os, append_file.SYNC, wait_and_sync)
cli.script()
"""
HANGING_LOOKUP = """
import asyncio, os
from aiohttp.resolver import ThreadedResolver
from asyncgen.command import main as cli
async def resolve(*_, **__):
    os.write(2, b"looks up\\n")
    await asyncio.get_running_loop().run_in_executor(None, os.read, os.pipe()[0], 1)
ThreadedResolver.resolve = resolve
cli.script()
"""


def start_program(program: str, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, "generate", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def hanging_disk(*flags: str) -> Iterator[tuple[FakeProvider, subprocess.Popen[str]]]:
    """A run whose disk hangs, with all answers in that may wait for it."""

    def script(call: Call) -> Reply:
        if call.number == 20:
            HOLD.touch()
        return always_good(call)

    with FakeProvider(script) as provider:
        process = start_program(SLOW_DISK, *flags, "--base-url", provider.base_url)
        provider.wait_for_calls(21)
        wait_until(lambda: HELD.exists() and len(provider.calls) == len(indices("done")) + 8)
        try:
            yield provider, process
        finally:
            HOLD.unlink(missing_ok=True)


def test_the_second_ctrl_c_loses_nothing_that_waits_for_a_slow_disk() -> None:
    flags = ("-n", "100", "-c", "8", "--no-adaptive")
    with hanging_disk(*flags) as (provider, process):
        for said in ("Stopping", "Cancelling"):
            process.send_signal(signal.SIGINT)
            wait_for_text(process, said)
        assert len(provider.calls) == len(indices("done")) + 8, "--concurrency wait behind the batch being written"
        HOLD.unlink()
        status, shown = finish(process)
        assert status == 130
        assert "Interrupted" in shown
        assert len(lines()) + len(indices("lost")) == len(provider.calls)
        made = len(lines())
        assert run(*flags, "--base-url", provider.base_url).returncode == 0
        assert len(provider.calls) == 100 + len(indices("lost"))
        assert made >= 20
    assert_complete(100)


def test_the_third_ctrl_c_ends_a_run_whose_disk_hangs() -> None:
    flags = ("-n", "100", "-c", "8", "--no-adaptive")
    with hanging_disk(*flags) as (provider, process):
        for said in ("Stopping", "Cancelling", "Ended at once"):
            process.send_signal(signal.SIGINT)
            wait_for_text(process, said)
        status, _ = finish(process)
        assert status == 130
        HOLD.unlink()
        assert run(*flags, "--base-url", provider.base_url).returncode == 0
    assert_complete(100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_signal_is_ignored_while_a_name_look_up_hangs(number: signal.Signals) -> None:
    """The second one cancels the call; the loop cannot be closed then, for it waits for its threads."""
    process = start_program(HANGING_LOOKUP, "-n", "5", "--base-url", "https://there.example/v1", "--model", "m")
    wait_for_text(process, "looks up")
    for said in ("Stopping", "Interrupted"):
        process.send_signal(number)
        wait_for_text(process, said)
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(0.01)
    assert finish(process)[0] == 130


# Someone meddles with the files of a run


@pytest.mark.parametrize("name", [JOURNAL, REJECTS], ids=lambda path: path.suffix)
@pytest.mark.parametrize("moves", [True, False])
def test_a_side_file_that_goes_away_in_mid_run_costs_nothing(name: Path, moves: bool) -> None:  # noqa: FBT001
    away = Path("away")

    def script(call: Call) -> Reply:
        reply = held_from(20)(call)
        return reply if call.number % 7 else replace(completion("I would rather not"), hold=reply.hold)

    with FakeProvider(script) as provider:
        flags = ("-n", "60", "-c", "4", "--base-url", provider.base_url)
        process = start(*flags)
        provider.wait_for_calls(24)
        wait_until(lambda: name.exists() and len(lines()) >= 16)
        name.rename(away)
        if not moves:
            away.unlink()
        provider.release()
        status, shown = finish(process)
        assert status == 1
        assert_one_sentence(shown, f"{name.name}: gone while it was being written: ")
        if moves:
            away.rename(name)
        assert run(*flags).returncode == 0
        assert len(provider.calls) == len(indices("done")) + len(indices("rejected")), "nothing is paid for twice"
        assert len(REJECTS.read_bytes().splitlines()) == len(indices("rejected"))
    assert_complete(60)
    assert len(indices("done")) == 60


def delete() -> None:
    OUTPUT.unlink()


def replace_by_a_copy() -> None:
    copy = shutil.copy(OUTPUT, "copy")
    OUTPUT.write_bytes(b"")
    Path(copy).replace(OUTPUT)


def cut_inside_a_line() -> None:
    os.truncate(OUTPUT, OUTPUT.stat().st_size // 2)


@pytest.mark.parametrize(
    ("meddle", "sentence"),
    [
        (delete, "gone while it was being written"),
        (replace_by_a_copy, "changed by someone else while it was being written"),
        (cut_inside_a_line, "changed by someone else while it was being written"),
    ],
)
def test_an_output_that_someone_changes_is_left_to_them(meddle: Callable[[], None], sentence: str) -> None:
    with FakeProvider(held_from(20)) as provider:
        flags = ("-n", "60", "-c", "4", "--base-url", provider.base_url)
        process = start(*flags)
        wait_for_lines(20)
        before = OUTPUT.read_bytes()
        meddle()
        after = OUTPUT.read_bytes() if OUTPUT.exists() else None
        provider.release()
        status, shown = finish(process)
        assert status == 1
        assert_one_sentence(shown, sentence)
        assert (OUTPUT.read_bytes() if OUTPUT.exists() else None) == after, "nothing was written behind their back"
        kept = [json.loads(line) for line in REJECTS.read_bytes().splitlines()]
        assert {reject["reason"] for reject in kept} == {"no-output"}
        assert {reject["index"] for reject in kept} <= set(indices("done"))
        assert len(kept) == len(indices("done")) - 20, "whatever is paid for is somewhere"
        if after is None:
            OUTPUT.write_bytes(before + "".join(f"{reject['text']}\n" for reject in kept).encode())
        assert run(*flags).returncode == 0
    assert_complete(60)
    assert after is not None or len(indices("done")) == 60, "what was put back is not made again"


def test_a_lock_that_is_deleted_under_a_run_lets_another_one_in_and_no_line_is_harmed() -> None:
    """The first one finds that the files have grown, and leaves them alone."""
    flags = ("-n", "60", "-c", "4", "--base-url")
    with FakeProvider(held) as provider, FakeProvider() as other:
        first = start(*flags, provider.base_url)
        wait_for_lines(1)
        LOCK.unlink()
        assert run(*flags, other.base_url).returncode == 0
        provider.release()
        status, shown = finish(first)
        assert status == 1
        assert_one_sentence(shown, "changed by someone else while it was being written")
        assert_complete(60)
        assert run(*flags, other.base_url).returncode == 0, "the journal is whole too"


def test_the_lock_of_a_run_that_was_killed_is_free() -> None:
    with FakeProvider(held) as provider:
        flags = ("-n", "30", "-c", "4", "--base-url", provider.base_url)
        process = start(*flags)
        provider.wait_for_calls(5)
        process.kill()
        finish(process)
        assert LOCK.read_text().startswith(f"process {process.pid} ")
        provider.release()
        assert run(*flags).returncode == 0
    assert_complete(30)


# Signals and streams


def test_a_run_that_is_stopped_and_continued_goes_on() -> None:
    with FakeProvider(held) as provider:
        process = start("-n", "40", "-c", "8", "--base-url", provider.base_url)
        provider.wait_for_calls(9)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        provider.release()
        process.send_signal(signal.SIGCONT)
        assert finish(process)[0] == 0
        assert len(provider.calls) == 40
    assert_complete(40)


def test_a_run_that_sleeps_through_its_answers_asks_again() -> None:
    """As a laptop does whose lid is closed: the deadlines of the calls under way are over when it wakes up."""
    with FakeProvider(held) as provider:
        process = start("-n", "40", "-c", "8", "--timeout", "1", "--base-url", provider.base_url)
        provider.wait_for_calls(9)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        provider.release()
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
        assert finish(process)[0] == 0
        assert len(provider.calls) == 40 + len(indices("lost")), "a call is answered or noted as lost"
    assert_complete(40)


def test_a_broken_pipe_signal_is_no_reason_to_stop() -> None:
    with FakeProvider(held) as provider:
        process = start("-n", "40", "-c", "8", "--base-url", provider.base_url)
        provider.wait_for_calls(9)
        process.send_signal(signal.SIGPIPE)
        provider.release()
        assert finish(process)[0] == 0
    assert_complete(40)


def test_a_reader_of_the_conversations_who_leaves_does_not_stop_the_run() -> None:
    with FakeProvider(held) as provider:
        process = start("-n", "60", "-c", "8", "--show", "--base-url", provider.base_url)
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().startswith("user: ")
            process.stdout.close()
            provider.release()
            shown = process.stderr.read()
        assert process.returncode == 0
    assert "Traceback" not in shown
    assert_complete(60)


def test_a_reader_of_the_conversations_who_stops_reading_holds_up_neither_the_run_nor_ctrl_c() -> None:
    long = "word " * 4_000  # each fills a quarter of the pipe
    with FakeProvider(lambda call: conversation(f"{call.number} {long}")) as provider:
        process = start("-n", "60", "-c", "8", "--show", "--base-url", provider.base_url)
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            wait_for_lines(60)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)  # two of one kind may arrive as one
            shown = process.stderr.read()
        assert process.returncode == 130
    assert "written  60 / 60" in shown
    assert_complete(60)


@pytest.mark.parametrize("closed", [(1,), (1, 2)])
def test_streams_that_were_never_open_stop_nothing_and_nothing_is_printed_into_a_file(closed: Sequence[int]) -> None:
    redirect = " ".join(f"{descriptor}>&-" for descriptor in closed)
    with FakeProvider() as provider:
        process = start_by_shell("-n", "40", "-c", "8", "--show", "--base-url", provider.base_url, redirect=redirect)
        status, shown = finish(process)
    assert status == 0
    assert "Traceback" not in shown
    assert_complete(40)
    assert all(json.loads(line)["type"] for line in JOURNAL.read_text().splitlines())


@pytest.mark.parametrize("calls", [0, 1, 9])
def test_whoever_hammers_on_ctrl_c_sees_no_traceback(calls: int) -> None:
    with FakeProvider(held) as provider:
        flags = ("-n", "40", "-c", "8", "--base-url", provider.base_url)
        process = start(*flags)
        wait_until(LOCK.exists)
        provider.wait_for_calls(calls)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.001)
        status, shown = finish(process)
        assert status == 130
        assert "Traceback" not in shown
        assert not OUTPUT.exists() or len(lines()) <= 1
        provider.release()
        assert run(*flags).returncode == 0
    assert_complete(40)
