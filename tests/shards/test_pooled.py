"""A shard whose money and pace come over standard input: the run itself, with a pool at the other end, or nobody."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from asyncgen.command.main import main
from asyncgen.pacing.rates import Rates
from asyncgen.shards import pool, pooled
from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.pool import KeptPool, PoolTerms
from asyncgen.shards.status import report_on

RATE = 600_000
LINE = ("generate", "--shard", "0/1", "-o", "x", "--pooled", "--quiet")


@pytest.fixture(autouse=True)
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pooled, "EVERY", 0.005)
    monkeypatch.setattr(pool, "TERM", 0.0)  # nobody has to be waited for
    price = ("--price-in", "1", "--price-out", "1", "--budget", "9", "--rpm", str(RATE))
    assert main(["shards", "x", "-n", "40", "--size", "2048", "--provider", "offline", *price]) == 0


@contextmanager
def asked(answer: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """Standard input is a socket; the end of it comes with None."""
    ours, theirs = socket.socketpair()
    usual = os.dup(0)
    os.dup2(theirs.fileno(), 0)

    def answer_all() -> None:
        with contextlib.suppress(OSError), ours, ours.makefile("rb") as lines:  # until the run has ended
            for line in lines:
                if (told := answer(line)) is None:
                    return
                ours.sendall(told + b"\n")

    thread = threading.Thread(target=answer_all)
    thread.start()
    try:
        yield
    finally:
        os.dup2(usual, 0)
        os.close(usual)
        theirs.close()
        thread.join()


def terms(budget: str) -> PoolTerms:
    return PoolTerms(Decimal(budget), Rates(requests=RATE), at_once=4)


def test_a_shard_is_made_with_what_the_pool_allows_and_gives_the_rest_back() -> None:
    kept = KeptPool(Path("x"), terms("9"))
    with asked(kept.answer):
        assert main(LINE) == 0
    folder = ShardFolder(Path("x"))
    cost = report_on(folder, folder.read_plan(), now=0).cost_usd
    (held,) = kept._read().shards.values()
    assert (str(held.money), held.run) == (bytes(cost or b"").decode(), None)


def test_what_is_not_enough_is_used_to_less_than_a_call_and_ends_the_shard(capfd: pytest.CaptureFixture[str]) -> None:
    with asked(KeptPool(Path("x"), terms("0.3")).answer):
        assert main([*LINE, "--budget", "0.3"]) == 1
    assert "the budget of $0.3000 is used up by all that share it" in (said := capfd.readouterr().err)
    assert "--budget 0.60" in said


def test_a_run_whose_pool_is_gone_ends_as_one_that_is_to_be_gone_on_with(capfd: pytest.CaptureFixture[str]) -> None:
    with asked(lambda _: None):
        assert main(LINE) == 4
    assert "the pool of money and pace does not answer any more" in capfd.readouterr().err


def test_without_anybody_to_ask_nothing_is_made(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(LINE) == 2
    assert "--pooled: nobody is there to ask over standard input" in capfd.readouterr().err
