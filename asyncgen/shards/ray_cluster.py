"""Shards as tasks of a Ray cluster: the one module that knows Ray, of which it uses tasks, and an actor for a pool.

Nothing of value is in the cluster. A task says which command line to run in which folder, and is repeated by Ray for as
long as workers and nodes are lost; what is made, and what it has cost, is in the files of its shard. No key travels:
what a task or its environment is given can be read by all who see the cluster.
"""

import contextlib
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from asyncgen.errors import ConfigError, FatalError
from asyncgen.shards.child import Order, make_shard
from asyncgen.shards.crew import INTERRUPTED, STOPPED, End
from asyncgen.shards.pool import KeptPool, PoolTerms

LOCAL = "local"  # address of a cluster of this machine alone, which ends with its driver
CLIENT = "ray://"
ANSWER = 5.0  # seconds that the pool gets to answer, while it may have to be begun again
# Read by Ray when it is loaded. It would send figures about its use elsewhere, and, under `uv run`, upload the working
# folder with any .env in it.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


class EngineError(FatalError):
    """The cluster cannot be had."""

    reason = "engine"


def make_pooled_shard(order: Order, pool: Any) -> End:
    """`pool`: the actor. In a task, where Ray is."""
    ray = _load()

    def answer(line: bytes) -> bytes:
        try:
            told: bytes = ray.get(pool.answer.remote(line), timeout=ANSWER)
        except ray.exceptions.RayError:
            return b""
        return told

    return make_shard(order, answer)


class RayCluster:
    """`ray`: the library, which is loaded when a cluster is asked for. `pool`: of money and pace, an actor."""

    def __init__(self, ray: Any, pool: Any = None) -> None:
        self._ray = ray
        self._arguments = () if pool is None else (pool,)
        self._task = ray.remote(num_cpus=1, max_retries=-1)(make_shard if pool is None else make_pooled_shard)
        self._numbers: dict[Any, int] = {}

    def start(self, number: int, order: Order) -> None:
        reference = self._task.options(name=f"shard {number}").remote(order, *self._arguments)
        self._numbers[reference] = number

    def wait(self, seconds: float) -> Sequence[tuple[int, End]]:
        """Those that have ended, once there are any or the time is over."""
        references = list(self._numbers)
        if not references:
            time.sleep(seconds)
            return []
        self._ray.wait(references, num_returns=1, timeout=seconds)
        ended, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return [(self._numbers.pop(reference), self._end(reference)) for reference in ended]

    def _end(self, reference: Any) -> End:
        errors = self._ray.exceptions
        try:
            end: End = self._ray.get(reference)
        except errors.TaskCancelledError:
            return End(INTERRUPTED)
        except errors.RayTaskError as error:
            reason = str(error.cause or error).strip().splitlines()[-1:]
            return End(
                STOPPED, f"Ray could not run it: {''.join(reason)}; is the same asyncgen installed on every node?"
            )
        except errors.LocalRayletDiedError:
            return End(STOPPED, "the Ray of this machine has died; the same line goes on when it is there again")
        except errors.RayError as error:
            return End(-1, f"Ray lost it: {type(error).__name__}")
        return end

    def cancel(self, *, at_once: bool = False) -> None:
        """Let all drain; `at_once`: as if their workers were lost."""
        for reference in self._numbers:
            self._ray.cancel(reference, force=at_once)

    def count_nodes(self) -> tuple[int, int]:
        """How many there are, and how many were lost."""
        alive = [node["Alive"] for node in self._ray.nodes()]
        return sum(alive), len(alive) - sum(alive)


@contextlib.contextmanager
def connected(address: str, output: Path | str = "", terms: PoolTerms | None = None) -> Iterator[RayCluster]:
    """A cluster, with a pool where there are `terms` of one, for the shards of `output`.

    Raises ConfigError without Ray, or for an address of a kind that will not do; EngineError without a cluster.
    """
    if address.startswith(CLIENT):
        raise ConfigError(
            f"--address {address}: over {CLIENT} the folder would be another machine's; run this on a node of the "
            "cluster, with --address auto"
        )
    ray = _load()
    # Where it prints, a page each time, what its own log has too: that a worker or a node was lost.
    with Path(os.devnull).open("w", encoding="utf-8") as unread, contextlib.redirect_stdout(unread):
        try:
            options = {"include_dashboard": False} if address == LOCAL else {}
            with warnings.catch_warnings(action="ignore"):
                ray.init(address, log_to_driver=False, logging_level="ERROR", **options)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise EngineError(f"--address {address}: no Ray cluster can be reached there: {reason}") from error
        try:
            yield RayCluster(ray, None if terms is None else _begin_pool(ray, output, terms))
        finally:
            ray.shutdown()


def _begin_pool(ray: Any, output: Path | str, terms: PoolTerms) -> Any:
    """On this node, for shards are here, and it ends with this process."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415 - an extra

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    pool = ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(KeptPool).remote(output, terms)
    try:
        ray.get(pool.begin.remote())
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
        raise EngineError(f"--pool: {reason}") from error
    return pool


def _load() -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray.exceptions  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(f"ray: {error}; pip install 'asyncgen[ray]', on every node") from None
    return ray
