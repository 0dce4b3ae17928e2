"""What Ray says of tasks, as what is to be done with their shards; in its place stands something that only says so."""

import sys
from decimal import Decimal

import pytest
from fake_ray import LocalRayletDiedError, Ray, RayError, RayTaskError, TaskCancelledError, install
from quick import each_row

from asyncgen.pacing.rates import Rates
from asyncgen.shards import ray_cluster
from asyncgen.shards.child import Order
from asyncgen.shards.crew import End
from asyncgen.shards.pool import PoolTerms
from asyncgen.shards.ray_cluster import EngineError, RayCluster, connected, make_pooled_shard

ORDER = Order("1.0", ("generate",), ".", "the line")


def test_tasks_are_given_back_for_as_long_as_workers_are_lost() -> None:
    ray = Ray()
    RayCluster(ray)
    assert ray.options == {"num_cpus": 1, "max_retries": -1}


GOES_ON, STOPS = True, False


@each_row(
    ("outcome", "then", "words"),
    [
        (End(0), STOPS, ""),
        (TaskCancelledError(), GOES_ON, ""),
        (RayError(), GOES_ON, "Ray lost it: RayError"),
        (LocalRayletDiedError(), STOPS, "the Ray of this machine has died; the same line goes on"),
        (RayTaskError(), STOPS, "Ray could not run it: No module named 'asyncgen'; is the same asyncgen installed"),
    ],
)
def test_what_has_become_of_a_task_says_what_to_do_with_its_shard(outcome: object, then: object, words: str) -> None:
    cluster = RayCluster(Ray(outcome))
    cluster.start(7, ORDER)
    ((number, end),) = cluster.wait(0)
    assert (number, end.is_to_go_on) == (7, then)
    assert words in end.words
    assert cluster.wait(0) == []


def test_all_that_is_under_way_is_cancelled() -> None:
    ray = Ray(End(0), End(0))
    cluster = RayCluster(ray)
    for number in (3, 5):
        cluster.start(number, ORDER)
    cluster.cancel()
    cluster.cancel(at_once=True)
    assert ray.cancelled == [(0, False), (1, False), (0, True), (1, True)]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    ray = Ray()
    install(ray, monkeypatch)
    return ray


def test_a_cluster_is_left_in_the_end_and_prints_nothing_where_results_are_printed(
    ray: Ray, capsys: pytest.CaptureFixture[str]
) -> None:
    with connected("auto") as cluster:
        sys.stdout.write("another one was lost")
        assert cluster.count_nodes() == (2, 1)
    assert not ray.is_on
    assert capsys.readouterr().out == ""


TERMS = PoolTerms(Decimal(9), Rates(), 8)


def test_a_pool_is_an_actor_that_is_begun_again_here_and_tasks_ask_it(
    ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray.outcomes = [None, End(0), b"so much", RayError()]
    with connected("auto", "s3://there/x", TERMS) as cluster:
        cluster.start(7, ORDER)
        assert cluster.wait(0) == [(7, End(0))]
    order, pool = ray.orders[1]
    monkeypatch.setattr(ray_cluster, "make_shard", lambda _, answer: [answer(b"how much?"), answer(b"")])
    assert make_pooled_shard(order, pool) == [b"so much", b""]  # type: ignore[comparison-overlap, arg-type]


def test_a_pool_that_cannot_be_begun_is_one_sentence(ray: Ray) -> None:
    ray.outcomes = [RayTaskError()]
    with pytest.raises(EngineError, match=r"^--pool: No module named 'asyncgen'$"):
        connected("auto", "s3://there/x", TERMS).__enter__()


def test_a_cluster_that_cannot_be_reached_is_one_sentence(ray: Ray) -> None:
    with pytest.raises(EngineError, match=r"^--address nowhere: no Ray cluster can be reached there: no cluster$"):
        connected("nowhere").__enter__()
