"""How near asyncgen comes to a client that does nothing, and how far simpler ones are, side by side.

The endpoint (`wire_server.py`) is a process of its own that sends the same bytes to everybody. The clients take turns,
several times over, and medians are compared, so that what else the machine does meets all of them. CPU is that of the
whole client process, kernel and threads included, without its start, which is measured apart with a single call.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from asyncgen.endpoint.settings import RESPONSE_FORMAT
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.prompt import PayloadEncoder
from asyncgen.recipe.scenario import Scenarios

HERE = Path(__file__).parent
PICTURE = HERE.parent / "pictures" / "speed.svg"
OPEN_FILES = 8192


@dataclass(frozen=True, slots=True)
class Client:
    """`share`: of the conversations asyncgen makes, so that slow ones take no longer. `python`: what runs it."""

    name: str
    script: str | None
    share: float
    python: Path = Path(sys.executable)

    def command(self, base_url: str, payload: Path, num: int, in_flight: int, folder: Path) -> list[str]:
        output = str(folder / f"{self.script}.jsonl")
        if self.script is not None:
            given = [] if self.script == "floor_client.py" else [output]
            return [str(self.python), str(HERE / self.script), base_url, str(payload), str(num), str(in_flight), *given]
        return [
            *(str(self.python), "-m", "asyncgen", "generate", "--quiet", "--no-adaptive", "--model", "m"),
            *("--base-url", base_url, "-n", str(num), "-c", str(in_flight), "-o", output),
        ]


FLOOR = Client("bare aiohttp + uvloop loop", "floor_client.py", 1.0)
ASYNCGEN = Client("asyncgen", None, 1.0)
OTHERS = (
    Client("threads + requests", "threads_client.py", 0.15),
    Client("AsyncOpenAI + gather", "openai_client.py", 0.1),
)


@dataclass(frozen=True, slots=True)
class Regime:
    """`num`: conversations made by asyncgen. Enough that the limit is the endpoint's latency, or the CPU."""

    latency: float
    in_flight: int
    num: int

    @property
    def name(self) -> str:
        return f"{self.latency * 1000:g} ms, {self.in_flight:,} in flight"

    @property
    def ceiling(self) -> float | None:
        """Conversations a second that the latency allows."""
        return self.in_flight / self.latency if self.latency else None


REGIMES = (Regime(0, 64, 20_000), Regime(0.2, 200, 10_000), Regime(0.2, 500, 20_000), Regime(0.5, 2_000, 30_000))
GROWTH = (2_000, 20_000, 200_000)
LONG = 1_000_000


@dataclass(frozen=True, slots=True)
class Use:
    """What one process took: seconds of wall and CPU time, and its peak memory in MB."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one client in one regime. `cpu`: seconds per 1,000 conversations; `start`: CPU seconds of one call."""

    regime: str
    client: str
    per_second: float
    cpu: float
    start: float
    memory: float
    cpu_ratio: float
    ceiling_share: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """asyncgen alone, without latency. `resume` and `status`: seconds to find that all is done."""

    num: int
    per_second: float
    cpu: float
    memory: float
    resume: float
    resume_memory: float
    status: float


@contextmanager
def served(latency: float) -> Iterator[str]:
    command = [sys.executable, str(HERE / "wire_server.py"), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("started without pipes")
        yield server.stdout.readline().strip()
        server.stdin.close()


def measure(command: Sequence[str]) -> Use:
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if process.stderr is None:
        raise RuntimeError("started without pipes")
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:3]} ended with {process.returncode}: {said.decode()[-2000:]}")
    divisor = 2**20 if sys.platform == "darwin" else 2**10
    return Use(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / divisor)


def compare(regime: Regime, clients: Sequence[Client], payload: Path, rounds: int) -> list[Figures]:
    """The floor first; every client's turn comes once a round."""
    uses: dict[str, list[tuple[Use, Use]]] = {client.name: [] for client in clients}
    with served(regime.latency) as base_url:
        for _ in range(rounds):
            for client in clients:
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    (folder / "one").mkdir()
                    start = measure(client.command(base_url, payload, 1, regime.in_flight, folder / "one"))
                    num = conversations(regime, client)
                    use = measure(client.command(base_url, payload, num, regime.in_flight, folder))
                uses[client.name].append((start, use))
    floor = marginal_cpu(uses[clients[0].name], regime.num)
    return [summarise(regime, client, uses[client.name], floor) for client in clients]


def conversations(regime: Regime, client: Client) -> int:
    return max(3 * regime.in_flight // 2, int(regime.num * client.share))


def marginal_cpu(uses: Sequence[tuple[Use, Use]], num: int) -> float:
    """CPU seconds per 1,000 conversations beyond the first."""
    return statistics.median((use.cpu - start.cpu) / (num - 1) * 1000 for start, use in uses)


def summarise(regime: Regime, client: Client, uses: Sequence[tuple[Use, Use]], floor: float) -> Figures:
    num = conversations(regime, client)
    cpu = marginal_cpu(uses, num)
    # The first answer takes one latency with a single call too, so what is left is the time of all others.
    per_second = statistics.median((num - 1) / (use.wall - start.wall) for start, use in uses)
    return Figures(
        regime=regime.name,
        client=client.name,
        per_second=per_second,
        cpu=cpu,
        start=statistics.median(start.cpu for start, _ in uses),
        memory=statistics.median(use.memory for _, use in uses),
        cpu_ratio=cpu / floor,
        ceiling_share=per_second / regime.ceiling if regime.ceiling else None,
    )


def grow(nums: Sequence[int], payload: Path) -> list[Growth]:
    figures = []
    with served(0) as base_url:
        for num in nums:
            with tempfile.TemporaryDirectory() as name:
                command = ASYNCGEN.command(base_url, payload, num, 64, Path(name))
                made, resumed = measure(command), measure(command)
                output = command[command.index("-o") + 1]
                seen = measure([sys.executable, "-m", "asyncgen", "status", output, "--json"])
            figures.append(
                Growth(
                    num=num,
                    per_second=num / made.wall,
                    cpu=made.cpu / num * 1000,
                    memory=made.memory,
                    resume=resumed.wall,
                    resume_memory=resumed.memory,
                    status=seen.wall,
                )
            )
    return figures


def time_starts(payload: Path, rounds: int) -> dict[str, float]:
    """Wall seconds of processes that do next to nothing, the best of several."""
    with served(0) as base_url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import aiohttp'": [sys.executable, "-c", "import aiohttp"],
            "asyncgen --help": [sys.executable, "-m", "asyncgen", "--help"],
            "bare loop, one call": FLOOR.command(base_url, payload, 1, 64, folder),
        }
        times = {shown: min(measure(command).wall for _ in range(rounds + 2)) for shown, command in commands.items()}
        runs = (ASYNCGEN.command(base_url, payload, 1, 64, folder / str(number)) for number in range(rounds + 2))
        return {**times, "asyncgen generate -n 1": min(measure(run).wall for run in runs)}


def write_payload(folder: Path) -> Path:
    """A request of the built-in recipe, byte for byte as asyncgen sends it."""
    recipe = load_recipe("nanochat")
    scenario = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None).draw(0)
    settings = {**recipe.request, "model": "m", "response_format": RESPONSE_FORMAT}
    path = folder / "payload.json"
    path.write_bytes(b"".join(PayloadEncoder(recipe, settings).encode(scenario)))
    return path


def show_figures(figures: Sequence[Figures]) -> Table:
    table = Table("", "client", "per second", "of the ceiling", "CPU s / 1,000", "x floor", "start, CPU s", "peak MB")
    for each in figures:
        table.add_row(
            each.regime,
            each.client,
            f"{each.per_second:,.0f}",
            "" if each.ceiling_share is None else f"{each.ceiling_share:.0%}",
            f"{each.cpu:.3f}",
            f"{each.cpu_ratio:.2f}",
            f"{each.start:.2f}",
            f"{each.memory:,.0f}",
        )
    return table


def show_growth(growth: Sequence[Growth]) -> Table:
    table = Table("conversations", "per second", "CPU s / 1,000", "peak MB", "resume s", "resume MB", "status s")
    for each in growth:
        table.add_row(
            f"{each.num:,}",
            f"{each.per_second:,.0f}",
            f"{each.cpu:.3f}",
            f"{each.memory:.0f}",
            f"{each.resume:.1f}",
            f"{each.resume_memory:.0f}",
            f"{each.status:.1f}",
        )
    return table


def find_peers(environment: Path, payload: Path, console: Console) -> list[Client]:
    """Those that can make a conversation here: some fetch a tokenizer from the network first."""
    python = environment / "bin" / "python"
    peers = []
    for name, script in (("litellm", "litellm_client.py"), ("bespokelabs-curator", "curator_client.py")):
        peer = Client(name, script, 0.05, python)
        with served(0) as base_url, tempfile.TemporaryDirectory() as folder:
            try:
                measure(peer.command(base_url, payload, 1, 1, Path(folder)))
            except (OSError, RuntimeError) as error:
                console.print(f"{name} is left out: {str(error).strip().splitlines()[-1]}", markup=False)
            else:
                peers.append(peer)
    return peers


def draw(figures: Sequence[Figures]) -> str:
    """Bars of CPU time for the first regime."""
    shown = [each for each in figures if each.regime == figures[0].regime]
    most = max(each.cpu for each in shown)
    height = 44 + 32 * len(shown)
    bars = []
    for number, each in enumerate(shown):
        top = 36 + 32 * number
        width = 330 * each.cpu / most
        colour = "#1a7f37" if each.client == ASYNCGEN.name else "#8c959f"
        bars.append(
            f'<text x="216" y="{top + 17}" text-anchor="end">{each.client}</text>'
            f'<rect x="226" y="{top}" width="{width:.0f}" height="24" rx="3" fill="{colour}"/>'
            f'<text x="{234 + width:.0f}" y="{top + 17}">{each.cpu:.2f} s ({each.cpu_ratio:.1f} x)</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 {height}" font-family="sans-serif" font-size="14" '
        f'fill="#1f2328"><rect width="700" height="{height}" fill="#ffffff"/>'
        f'<text x="16" y="22">CPU seconds per 1,000 conversations, {shown[0].regime}</text>'
        f"{''.join(bars)}</svg>\n"
    )


def describe_machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def allow_open_files() -> None:
    """Thousands of connections: more than a shell usually allows. What is started here inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each client")
    parser.add_argument("--long", action="store_true", help="grow to a million conversations")
    parser.add_argument("--peers", type=Path, help="a virtual environment with litellm and bespokelabs-curator")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--picture", action="store_true", help="draw the plot of the page on speed")
    given = parser.parse_args()
    allow_open_files()
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        payload = write_payload(Path(name))
        peers = find_peers(given.peers, payload, console) if given.peers else []
        clients = (FLOOR, ASYNCGEN, *OTHERS, *peers)
        starts = time_starts(payload, given.rounds)
        figures = [each for regime in REGIMES for each in compare(regime, clients, payload, given.rounds)]
        growth = grow((*GROWTH, LONG) if given.long else GROWTH, payload)
    console.print(describe_machine(), show_figures(figures), show_growth(growth), sep="\n")
    console.print(*(f"{seconds:.2f} s  {command}" for command, seconds in starts.items()), sep="\n")
    if given.json:
        found = {
            "machine": describe_machine(),
            "clients": [asdict(each) for each in figures],
            "growth": [asdict(each) for each in growth],
            "starts": starts,
        }
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.picture:
        PICTURE.write_text(draw(figures))


if __name__ == "__main__":
    main()
