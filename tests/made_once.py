"""What tests share, because it takes longer to be made than most that is asked of it."""

import contextlib
import pickle
import tomllib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

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
from asyncgen.timings import Timings


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
