"""Every test starts without keys, without a proxy and in an empty folder of its own."""

import atexit
import contextlib
import faulthandler
import gc
import os
import pickle
import signal
import sys
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from sweep import THOROUGH

from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.lints.role_confusion import RoleConfusion
from asyncgen.audit.lints.third_person import ThirdPerson
from asyncgen.command.commands import build_parser
from asyncgen.offline.author import Author
from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.server import create_app
from asyncgen.recipe.balanced import Balanced
from asyncgen.recipe.load import AS_GIVEN, BUILT_IN, AuditCheck, load_recipe
from asyncgen.recipe.recipe import Dimension, Recipe
from asyncgen.runs.interrupt import SIGNALS
from asyncgen.timings import Timings

VARIABLES = (
    *("OPENROUTER_API_KEY", "OPENAI_API_KEY", "ASYNCGEN_API_KEY", "ASYNCGEN_COMMAND"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)

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


def pytest_unconfigure() -> None:
    faulthandler.cancel_dump_traceback_later()


FOLDERS = count()


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder. pytest's own looks through all there are and links to the newest: longer than many a test."""
    folder = tmp_path_factory.getbasetemp() / f"test-{next(FOLDERS)}"
    folder.mkdir()
    return folder


@lru_cache(maxsize=64)
def load_built_in(name: str, variables: tuple[tuple[str, str], ...], check_audit: AuditCheck | None) -> Recipe:
    return load_recipe(name, variables=dict(variables), check_audit=check_audit)


def load_recipe_once(
    source: str,
    *,
    knowledge: Path | None = None,
    variables: Mapping[str, str] = AS_GIVEN,
    check_audit: AuditCheck | None = None,
) -> Recipe:
    if source in BUILT_IN and knowledge is None:
        return load_built_in(source, tuple(variables.items()), check_audit)
    return load_recipe(source, knowledge=knowledge, variables=variables, check_audit=check_audit)


class SharedAuthor(Author):
    """Of every engine; what is kept of a knowledge base changes nothing that is written."""

    def close(self) -> None:
        """The engines that come later write from it."""


@lru_cache(maxsize=16)
def read_grounding(knowledge: str, naming: tuple[str, ...]) -> bytes:
    return pickle.dumps(Grounding(knowledge, naming=naming))


def fresh_grounding(knowledge: str, naming: Iterable[str]) -> Grounding:
    """One that has counted nothing yet."""
    grounding: Grounding = pickle.loads(read_grounding(knowledge, tuple(naming)))
    return grounding


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """What takes longer than most that is asked of `main`: the parser of all commands, a built-in recipe, its blocks.

    So does what an audit and the offline engine read in a knowledge base. A plan measures the prompts of fewer
    indices, and says no other thing of them.
    """
    parser = build_parser()
    for command in parser.commands.values():
        assert command.actions, "made before a test has replaced something that they are made of"
    shared = lru_cache(maxsize=16)(Balanced)
    load = tomllib.loads
    parsed = lru_cache(maxsize=64)(lambda text: pickle.dumps(load(text)))
    author = SharedAuthor()

    def balanced(dimensions: Sequence[Dimension], seed: int | None, block_size: int) -> Balanced:
        return shared(tuple(dimensions), seed, block_size)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("asyncgen.command.main.build_parser", lambda: parser)
        patches.setattr("asyncgen.recipe.load.tomllib.loads", lambda text: pickle.loads(parsed(text)))
        patches.setattr("asyncgen.command.config.load_recipe", load_recipe_once)
        patches.setattr("asyncgen.data.dataset.load_recipe", load_recipe_once)
        patches.setattr("asyncgen.recipe.scenario.Balanced", balanced)
        patches.setattr("asyncgen.offline.engine.Author", lambda: author)
        patches.setattr("asyncgen.audit.line_work.Grounding", fresh_grounding)
        patches.setattr("asyncgen.audit.checks.RoleConfusion", lru_cache(maxsize=16)(RoleConfusion))
        patches.setattr("asyncgen.audit.checks.ThirdPerson", lru_cache(maxsize=16)(ThirdPerson))
        patches.setattr("asyncgen.screen.prompt_size.SAMPLE", 100)
        yield
    Author.close(author)


@pytest.fixture(scope="session", autouse=True)
def _engine_in_this_process() -> Iterator[None]:
    """A run's offline engine serves from the loop of the run: to start a process for it takes longer than most runs.

    That it is a process of its own, which ends with its parent, is held by runs/test_engine.py and test_process.py.
    """

    @contextlib.asynccontextmanager
    async def offline_engine(on_death: Callable[[], None], timings: Timings) -> AsyncIterator[str]:
        app = create_app(Knobs(batches=BatchKnobs()))
        async with TestServer(app, handler_cancellation=True) as server:
            yield f"http://{server.host}:{server.port}/v1"

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("asyncgen.runs.run.offline_engine", offline_engine)
        yield


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
