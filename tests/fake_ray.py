"""In the place of Ray: tasks that end as they are told."""

import sys
from collections.abc import Callable
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


class Ray(ModuleType):
    """Its tasks end as they are told: with a value or an error."""

    exceptions = ERRORS

    def __init__(self, *outcomes: object) -> None:
        super().__init__("ray")
        self.outcomes = list(outcomes)
        self.cancelled: list[tuple[int, bool]] = []
        self.options: dict[str, object] = {}
        self.is_on = True

    def remote(self, **options: object) -> Callable[[object], object]:
        self.options = options
        references = iter(range(len(self.outcomes)))
        task = SimpleNamespace(options=lambda name: SimpleNamespace(remote=lambda order: next(references)))
        return lambda function: task

    def wait(self, references: list[int], *, num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return references[:num_returns], references[num_returns:]

    def get(self, reference: int) -> object:
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
    for name in ray_cluster._QUIET:
        monkeypatch.setenv(name, "0")
