"""How a run begins: its output locked and looked at, and every reason not to begin it told before anything is sent."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

from asyncgen import __version__
from asyncgen.conversation import XXH3
from asyncgen.denied import explain
from asyncgen.endpoint.proxy import find_proxy
from asyncgen.errors import ConfigError
from asyncgen.jobs.conversation import METADATA_KEYS, Conversations
from asyncgen.jobs.talk import Apart, TurnByTurn
from asyncgen.jobs.work import Job
from asyncgen.output.begin import Start, prepare
from asyncgen.output.journal import (
    ARRAYS,
    BATCHES_VERSION,
    GRADES,
    JUDGEMENTS,
    OBJECTS,
    RANGE_VERSION,
    VERSION,
    Header,
)
from asyncgen.output.lock import locked
from asyncgen.output.paths import OutputPaths
from asyncgen.output.swap import settle
from asyncgen.recipe.balanced import SAMPLING_VERSIONS
from asyncgen.recipe.recipe import MODEL
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.run import Run

OTHER_FILES = 32  # open beside the connections: streams, the output, the event loop, name lookups

# What goes on beside a run while it has its output: entered before that is looked at, it gives what is told the run.
Beside: TypeAlias = Callable[[OutputPaths, Callable[[str], None]], AbstractContextManager[Callable[[Run], None]]]


@contextmanager
def nothing_beside(_paths: OutputPaths, _say: Callable[[str], None]) -> Iterator[Callable[[Run], None]]:
    yield lambda _: None


@contextmanager
def opened(
    config: GenerateConfig,
    make_job: Callable[[GenerateConfig], Job],
    *,
    say: Callable[[str], None] = lambda _: None,
    beside: Beside = nothing_beside,
) -> Iterator[Run]:
    """A run that may begin; its output is locked meanwhile. Raises ConfigError for every reason not to begin it.

    `say`: told what is waited for while there is no run to say it.
    """
    paths = OutputPaths.of(config.output)
    job = make_job(config)
    find_proxy(config.plan.endpoint.base_url)  # an unusable one is refused before anything is written
    if config.batching is not None and config.batching.cancel and not paths.journal.exists():
        raise ConfigError(
            f"--cancel: no run has begun on {config.output}, so no batch of it is under way; check --output"
        )
    folder, notices = paths.output.parent, [*config.notices]
    if not folder.exists():
        notices.append(f"{folder} was not there: it is made")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--output: {folder} cannot be made: {explain(error)}") from error
    with ExitStack() as stack:
        doubts = stack.enter_context(locked(paths, patience=config.patience, say=say))
        settle(paths)
        follow = stack.enter_context(beside(paths, say))
        start = find_start(config, job)
        run = Run(_fit_to_open_files(replace(config, notices=[*notices, *doubts])), start, job)
        follow(run)
        yield run


def find_start(config: GenerateConfig, job: Job) -> Start:
    """On what its output holds. Writes nothing; raises ConfigError for every reason there not to begin."""
    return prepare(
        OutputPaths.of(config.output),
        make_header(config, job),
        append=config.append,
        overwrite=config.overwrite,
        allow_changed=config.allow_changed,
        collects=config.batching is not None,
        forget=config.forgotten,
        keys=config.plan.keys,
        is_part=config.is_part,
    )


def conversations(config: GenerateConfig) -> Conversations:
    """Raises ConfigError when the metadata of a line would have two values under one name."""
    recipe = config.plan.recipe
    names = {each.name for each in recipe.dimensions if not (recipe.models and each.name == MODEL)}
    if config.save_metadata and (taken := names & METADATA_KEYS):
        raise ConfigError(
            f"--save-metadata: rename the dimension {', '.join(sorted(taken))}: metadata has a key of that name"
        )
    scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=config.plan.seed)
    kinds = {None: Conversations, "apart": Apart, "turn by turn": TurnByTurn}
    kind = kinds[None if recipe.talk is None else recipe.talk.users]
    return kind(recipe, scenarios, config.plan.model, config.save_metadata)


def make_header(config: GenerateConfig, job: Job) -> Header:
    plan = config.plan
    return Header(
        version=RANGE_VERSION if plan.first else VERSION if config.batching is None else BATCHES_VERSION,
        asyncgen=__version__,
        started=f"{datetime.fromtimestamp(config.timings.clock(), UTC):%Y-%m-%dT%H:%M:%SZ}",
        num=plan.num,
        first=plan.first,
        provider=plan.endpoint.provider.name,
        base_url=plan.endpoint.base_url,
        recipe=plan.recipe.source,
        dimensions=plan.recipe.dimensions,
        sampling=SAMPLING_VERSIONS[plan.recipe.sampling],
        seed=plan.seed,
        request=dict(plan.settings),
        line_format=GRADES if job.kind == JUDGEMENTS else OBJECTS if config.save_metadata else ARRAYS,
        digests=dict(job.digests),
        kind=job.kind,
        models={seat: dict(settings) for seat, settings in plan.models.items()},
        line_hash=XXH3,
        variables=dict(plan.recipe.variables),
    )


def _fit_to_open_files(config: GenerateConfig) -> GenerateConfig:
    """No more connections than this process may have files open: the rest would fail, with nothing wrong outside."""
    wanted = config.plan.concurrency
    files = wanted + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return config
    allowed = files if hard == resource.RLIM_INFINITY else min(files, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # macOS has a limit of its own below the one that it tells
        allowed = soft
    possible = max(1, allowed - OTHER_FILES)
    if possible >= wanted:
        return config
    notice = f"--concurrency {wanted:,}: only {possible:,} fit into the limit of open files (ulimit -n)"
    return replace(config, plan=replace(config.plan, concurrency=possible), notices=(*config.notices, notice))
