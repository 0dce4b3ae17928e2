"""Two hosts and a folder that both see, where a lock holds on the host that has it and nowhere else.

The hosts are name spaces of this machine; the lock is one that takes itself for granted, as NFS has it with
`local_lock`. What keeps the runs apart is the lease alone.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good

UNSHARE = ("unshare", "--user", "--map-root-user", "--uts")
OUTPUT = Path("data/nanochat.jsonl")
TIMEOUT = 60
NUM = 6

ASYNCGEN = """
import fcntl
from asyncgen.command import main as cli
from asyncgen.output import lease
fcntl.flock = lambda *_: None
lease.BEAT, lease.LOOKS = 0.2, 3
cli.script()
"""


def can_have_hosts() -> bool:
    try:
        return subprocess.run([*UNSHARE, "hostname", "any"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_have_hosts(), reason="no name spaces here")]


def held(call: Call) -> Reply:
    """The first call, on which all others wait, is answered at once; the others when the provider is released."""
    return replace(always_good(call), hold=call.number > 0)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(held) as provider:
        yield provider


def start(host: str, provider: FakeProvider) -> subprocess.Popen[str]:
    words = ("generate", "-n", str(NUM), "-c", "4", "--base-url", provider.base_url, "--quiet")
    return subprocess.Popen(
        [*UNSHARE, "sh", "-c", 'hostname "$0" && exec "$@"', host, sys.executable, "-c", ASYNCGEN, *words],
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, shown = process.communicate(timeout=TIMEOUT)
    return process.returncode, shown


def indices() -> list[int]:
    """Of the conversations that are lines."""
    journal = OUTPUT.with_name(f"{OUTPUT.name}.journal").read_text().splitlines()
    done = [entry["index"] for entry in map(json.loads, journal) if entry["type"] == "done"]
    assert len(OUTPUT.read_text().splitlines()) == len(done)
    return sorted(done)


def test_a_run_on_another_host_is_left_alone_while_it_lives_and_gone_on_with_when_it_is_dead(
    provider: FakeProvider,
) -> None:
    first = start("node1", provider)
    provider.wait_for_calls(4)
    status, shown = finish(start("node2", provider))
    assert status == 2
    assert f"is being written by process {first.pid} on node1" in shown
    first.kill()
    first.communicate()
    provider.release()
    status, shown = finish(start("node2", provider))
    assert status == 0
    assert f"was left by process {first.pid} on node1" in shown
    assert indices() == list(range(NUM))


def test_a_run_that_comes_back_from_a_host_out_of_sight_writes_nothing_more(provider: FakeProvider) -> None:
    first = start("node1", provider)
    provider.wait_for_calls(4)
    first.send_signal(signal.SIGSTOP)
    provider.release()
    assert finish(start("node2", provider))[0] == 0
    first.send_signal(signal.SIGCONT)
    status, shown = finish(first)
    assert status == 1
    assert "changed by someone else" in shown
    assert indices() == list(range(NUM))
