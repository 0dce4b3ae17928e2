"""In the place of Ray: tasks that end as they are told."""

import sys
from collections.abc import Callable
from itertools import count
from types import ModuleType, SimpleNamespace

import pytest

from asyncgen.shards import ray_cluster


class RayError(Exception):
    pass


class TaskCancelledError(RayError):
    pass


class LocalRayletDiedError(RayError):
    pass


class RayTaskError(RayError):
    cause = ModuleNotFoundError("a trace\nNo module named 'asyncgen'")


ERRORS = SimpleNamespace(
    RayError=RayError,
    TaskCancelledError=TaskCancelledError,
    LocalRayletDiedError=LocalRayletDiedError,
    RayTaskError=RayTaskError,
)


class Actor:
    """One whose methods have the next outcomes."""

    def __init__(self, ray: "Ray") -> None:
        self.begin = self.answer = SimpleNamespace(remote=ray._begin)


class Ray(ModuleType):
    """Its tasks and its actors end as they are told: with a value or an error. `orders`: what tasks were given."""

    exceptions = ERRORS

    def __init__(self, *outcomes: object) -> None:
        super().__init__("ray")
        self.outcomes = list(outcomes)
        self.cancelled: list[tuple[int, bool]] = []
        self.options: dict[str, object] = {}
        self.orders: list[tuple[object, ...]] = []
        self.is_on = True
        self._references = count()

    def remote(self, **options: object) -> Callable[[object], object]:
        self.options = options
        task = SimpleNamespace(options=lambda name: SimpleNamespace(remote=self._begin))
        return lambda what: SimpleNamespace(remote=lambda *_: Actor(self)) if isinstance(what, type) else task

    def _begin(self, *order: object) -> int:
        self.orders.append(order)
        return next(self._references)

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(get_node_id=lambda: "this one")

    def wait(self, references: list[int], *, num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return references[:num_returns], references[num_returns:]

    def get(self, reference: int, timeout: float | None = None) -> object:
        if isinstance(outcome := self.outcomes[reference], Exception):
            raise outcome
        return outcome

    def cancel(self, reference: int, *, force: bool) -> None:
        self.cancelled.append((reference, force))

    def nodes(self) -> list[dict[str, object]]:
        return [{"Alive": True}, {"Alive": False}, {"Alive": True}]

    def init(self, address: str, **options: object) -> None:
        if address == "nowhere":
            raise ConnectionError("no\ncluster")
        sys.stdout.write("a worker was lost")

    def shutdown(self) -> None:
        self.is_on = False


def install(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it had been installed; what is said to the real one by the environment is gone with the test."""
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.exceptions", ERRORS)
    affinity = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, *, soft: (node, soft))
    monkeypatch.setitem(sys.modules, "ray.util.scheduling_strategies", affinity)
    for name in ray_cluster._QUIET:
        monkeypatch.setenv(name, "0")
