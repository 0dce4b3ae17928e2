import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.kept import encode_audit
from asyncgen.audit.workers import AHEAD, map_in_order
from asyncgen.conversation import Message, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.errors import ConfigError

LINES = 2_000  # worth two processes


def multiply(factor: int) -> Callable[[int], int]:
    return lambda number: factor * number


def end(_: object) -> Callable[[object], None]:
    return lambda _: os._exit(9)


def test_one_process_asks_nobody_else() -> None:
    assert list(map_in_order(multiply, [3], range(5), jobs=1)) == [0, 3, 6, 9, 12]


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks_and_few_tasks_are_under_way() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(40):
            taken.append(number)
            yield number

    results = []
    for result in map_in_order(multiply, [3], tasks(), jobs=2):
        results.append(result)
        assert len(taken) <= len(results) + 2 * AHEAD
    assert results == [3 * number for number in range(40)]


@pytest.mark.slow
def test_a_process_that_ends_is_told_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match="--jobs 1"):
        list(map_in_order(end, [None], range(3), jobs=2))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    with path.open("wb") as file:
        for number in range(LINES):
            answer = f"It took {number} hours and cost ${number % 70}. nanochat is happy to help, Ilse Varga said."
            talk = Message("user", f"What about {number}?"), Message("assistant", answer)
            file.write(encode_line(talk))
    return path


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
def test_an_audit_is_the_same_with_any_number_of_processes(output: Path) -> None:
    audits = [
        encode_audit(audit_dataset(Dataset.open(output, recipe="nanochat"), jobs=jobs)).partition(b'"notes"')[2]
        for jobs in (1, 2)
    ]
    assert audits[0] == audits[1]


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_process_and_no_file_behind(output: Path, kill: signal.Signals) -> None:
    with output.open("ab") as file:
        file.write(output.read_bytes() * 10)
    command = [sys.executable, "-m", "asyncgen", "audit", str(output), "--recipe", "nanochat", "--jobs", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True
    )
    while len(members(process.pid)) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    if kill == signal.SIGINT:
        os.killpg(process.pid, kill)  # as a terminal does
    else:
        process.send_signal(kill)
    _, err = process.communicate(timeout=200)
    if kill != signal.SIGKILL:  # of which a process that is just being started learns by what it does not get
        assert "Traceback" not in err
    assert process.returncode != 0
    assert not output.with_name(f"{output.name}.audit.json").exists()
    deadline = time.monotonic() + 20
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(process.pid) == []


def members(group: int) -> list[int]:
    """The processes of a group, as ps has them."""
    listed = subprocess.check_output(["ps", "-e", "-o", "pid=,pgid=,stat="], text=True)
    rows = [line.split() for line in listed.splitlines()]
    return [int(pid) for pid, of, stat in rows if int(of) == group and not stat.startswith("Z")]
