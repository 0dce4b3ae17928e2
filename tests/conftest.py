"""Every test starts without keys, without a proxy and in an empty folder of its own."""

import atexit
import faulthandler
import gc
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from stat import S_IMODE

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from sweep import THOROUGH

from asyncgen.runs.interrupt import SIGNALS

VARIABLES = (
    *("OPENROUTER_API_KEY", "OPENAI_API_KEY", "ASYNCGEN_API_KEY", "ASYNCGEN_COMMAND"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)

# Most tests write, and wait for a disk to say that it has written. Where there is room, that is in memory.
IN_MEMORY, ROOM = Path("/dev/shm"), 2**31  # bytes; all tests together, the slow ones too, write some 0.4 GB
if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
    os.environ.setdefault("TMPDIR", str(IN_MEMORY))

# Modules are compiled once, and not in every worker and in each of the processes that tests start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

gc.disable()  # until all tests are collected: nothing that is made by then is garbage
atexit.register(gc.freeze)  # nor is it looked for once more when pytest has looked

# Machines are noisy: an example that is slow once has found no fault. Few examples keep `make test` under a minute.
settings.register_profile("quick", deadline=None, max_examples=7)
settings.register_profile("thorough", deadline=None, max_examples=THOROUGH)
settings.load_profile("quick")
# Each test is in a folder of its own: there, a failure would not be known to the next run, and Unicode be read anew.
set_hypothesis_home_dir(Path(__file__).parents[1] / ".hypothesis")


@pytest.hookimpl(wrapper=True, trylast=True)  # inside that of pytest-cov, whose workers go on with another tracer
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What is not measured is not traced."""
    if not item.get_closest_marker("no_cover"):
        return (yield)
    here, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(in_threads)


def pytest_collection_finish() -> None:
    """What thousands of tests are made of outlives them: to look through it for garbage takes a tenth of the time.

    Python's own threshold of 700 is for programs that are short of memory.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(200_000, 10, 1000)


class Watchdog:
    """Ends with its stacks what goes on after its limit, because a loop of uvloop swallows what pytest-timeout raises.

    It is set anew now and then: that takes a thread, and for each test would take as long as many a test.
    """

    LIMIT, SET_FOR = 90.0, 20.0  # seconds: of a test, and of the tests until it is set again

    def __init__(self) -> None:
        self._stderr = os.dup(2)  # before what tests write there is captured
        self._until = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if item.get_closest_marker("timeout"):  # it has a limit of its own
            faulthandler.cancel_dump_traceback_later()
            self._until = 0.0
        elif time.monotonic() > self._until:
            self._until = time.monotonic() + self.SET_FOR
            faulthandler.dump_traceback_later(self.LIMIT + self.SET_FOR, exit=True, file=self._stderr)
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Watchdog())
    runs_tests = hasattr(config, "workerinput") or config.getoption("dist", "no") == "no"
    # Who runs no tests does not wait for two others that do, unless it measures: what is run by being imported, they
    # measure too late.
    if runs_tests or config.pluginmanager.hasplugin("_cov"):
        config.pluginmanager.import_plugin("made_once")


def pytest_unconfigure() -> None:
    faulthandler.cancel_dump_traceback_later()


FOLDERS = count()
LEFT_EMPTY: list[Path] = []
FOLDER_MODE = 0o700


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, which may be one that a test before has left so: to make and remove it takes longer than many.

    pytest's own looks through all there are and links to the newest, which takes longer still.
    """
    if LEFT_EMPTY:
        folder = LEFT_EMPTY.pop()
    else:
        folder = tmp_path_factory.getbasetemp() / f"test-{next(FOLDERS)}"
        folder.mkdir(mode=FOLDER_MODE)
    yield folder
    with suppress(OSError):
        if not any(folder.iterdir()) and S_IMODE(folder.stat().st_mode) == FOLDER_MODE:
            LEFT_EMPTY.append(folder)


@pytest.fixture(scope="session", autouse=True)
def _no_variables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        for variable in VARIABLES:
            patches.delenv(variable, raising=False)
        yield


@pytest.fixture(autouse=True)
def _folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _handlers_restored() -> Iterator[None]:
    """Signals have their handlers back when the test is over, and reach this thread again."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    for number, handler in before.items():
        signal.signal(number, handler)
