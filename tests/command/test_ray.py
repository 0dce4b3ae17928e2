"""`asyncgen ray` as far as it comes without Ray; with it, tests/bench/ray_torture.py."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_ray import Ray, install

from asyncgen.command.interrupts import interrupts_counted
from asyncgen.command.main import main
from asyncgen.shards.child import Order
from asyncgen.shards.crew import End

Told = Callable[..., str]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Told:
    """What a line says that is refused, of a plan that is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["shards", "x", "-n", "5000", "--size", "2048", "--provider", "offline", "--rpm", "900"]) == 0

    def tell(*words: str) -> str:
        capfd.readouterr()
        assert main(["ray", *words]) == 2
        return capfd.readouterr().err

    return tell


def test_without_ray_it_says_what_to_install(told: Told) -> None:
    assert "pip install 'asyncgen[ray]'" in told("x", "--address", "auto")


def test_the_client_of_ray_is_refused_with_what_helps(told: Told) -> None:
    assert "run this on a node of the cluster" in told("x", "--address", "ray://head:10001")


def test_a_rate_is_not_given_to_more_shards_than_it_is_divided_by(told: Told) -> None:
    assert "--at-once 11: --rpm 900 was planned for 10 shards at a time" in told("x", "--at-once", "11")


def test_a_pool_needs_something_to_share_and_enough_of_it(told: Told) -> None:
    assert "--pool: --rpm 900 is too little for 451 shards at a time" in told("x", "--pool", "--at-once", "451")
    assert "pip install 'asyncgen[ray]'" in told("x", "--pool", "--at-once", "450")
    assert main(["shards", "z", "-n", "5000", "--size", "2048", "--provider", "offline"]) == 0
    assert "--pool: there is nothing to share" in told("z", "--pool")


def test_what_is_not_planned_is_told(told: Told) -> None:
    assert "y.shards has no plan" in told("y")


def test_shards_are_driven_to_their_end_and_what_comes_next_is_told(
    told: Told, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ray = Ray(None, End(0), End(0), End(3))
    install(ray, monkeypatch)
    assert main(["ray", "x", "--address", "auto", "--concurrency", "9", "--pool"]) == 3
    said = capfd.readouterr()
    assert "--address auto --concurrency 9 --pool" in said.err
    orders = [order for order, _ in ray.orders[1:] if isinstance(order, Order)]
    assert [order.words[-2:] for order in orders] == [("--concurrency=9", "--pooled")] * 3
    assert "merge x" in said.err
    assert (said.out, ray.is_on) == ("", False)


def test_signals_are_counted_and_then_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts_counted() as interrupts:
        assert interrupts() == 0
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert interrupts() == 2
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
