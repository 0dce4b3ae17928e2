"""How well the adaptive limit finds what an endpoint can take, in virtual time: one row for each kind of endpoint.

Holds: 90 % of the capacity used after warm-up, and at most 20 requests in 1,000 refused. Endpoints that refuse a share
at random hold when the ceiling is used all the same.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean

import msgspec
from rich.console import Console
from rich.table import Table
from simulation import (
    Bucket,
    Endpoint,
    Latency,
    Run,
    Slots,
    Window,
    constant,
    five,
    long_tail,
    share_endpoint,
    uniform,
)

from asyncgen.shards.levels import EVERY

USED = 0.9
REFUSED_PER_1000 = 20.0
HINTS = (0.0, 1.0)
LATENCIES: dict[str, Latency] = {"1 s": constant, "0.5 to 1.5 s": uniform, "long tail": long_tail}
SHARED_LATENCIES: dict[str, Latency] = {"0.5 to 1.5 s": uniform, "long tail": long_tail, "5 s": five}


@dataclass(frozen=True, slots=True)
class Row:
    """An endpoint, the ceiling, and how long the run and its warm-up are in seconds."""

    name: str
    make: Callable[[], Endpoint]
    seconds: float
    warm_up: float = 20.0
    ceiling: int = 256
    is_moody: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Means over the seeds. `refused_per_1000` after warm-up, `refused_at_all` over the whole run."""

    endpoint: str
    latency: str
    used: float
    refused_per_1000: float
    refused_at_all: float
    seconds_to_90: float
    holds: bool


def rows() -> list[Row]:
    return [*_slots(), *_rates(), *_drops(), *_moods()]


def _slots() -> Iterator[Row]:
    sizes = ((1, 400.0, 120.0, 256), (20, 200.0, 20.0, 256), (200, 120.0, 20.0, 256), (2000, 60.0, 20.0, 4000))
    for (capacity, seconds, warm_up, ceiling), hint in product(sizes, HINTS):
        make = partial(Slots, capacity, retry_after=hint)
        yield Row(f"{capacity:,} at once{_suffix(hint)}", make, seconds, warm_up, ceiling)


def _rates() -> Iterator[Row]:
    for rate in (10, 100):
        for burst in (rate, 3 if rate == 10 else 10):
            yield Row(f"{rate * 60:,} a minute, bucket of {burst}", partial(Bucket, rate, burst), 200, warm_up=40)
        for window in (60, 10):
            make = partial(Window, rate * window, window)
            yield Row(f"{rate * 60:,} a minute, windows of {window} s", make, 240, warm_up=60)


def _drops() -> Iterator[Row]:
    for hint in HINTS:
        make = partial(Slots, 200, retry_after=hint, changes=((60.0, 20), (120.0, 200)))
        yield Row(f"200, then 20, then 200{_suffix(hint)}", make, 240)


def _moods() -> Iterator[Row]:
    for share, hint in product((0.01, 0.1), HINTS):
        make = partial(Slots, 256, retry_after=hint, moody=share)
        yield Row(f"{share:.0%} refused at random{_suffix(hint)}", make, 180, warm_up=90, is_moody=True)
    for hint in HINTS:
        make = partial(Slots, 200, retry_after=hint, moody=0.1)
        yield Row(f"200 at once, 10% refused at random{_suffix(hint)}", make, 180, warm_up=90, is_moody=True)


def _suffix(hint: float) -> str:
    return f", Retry-After: {hint:g}" if hint else ""


def measure(row: Row, latency: str, seeds: Sequence[int]) -> Result:
    runs = [
        Run(row.make(), ceiling=row.ceiling, latency=LATENCIES[latency], seed=seed).go(row.seconds) for seed in seeds
    ]
    used = mean(run.share_used(row.warm_up) for run in runs)
    refused = mean(run.refused_per_1000(row.warm_up) for run in runs)
    return Result(
        endpoint=row.name,
        latency=latency,
        used=used,
        refused_per_1000=refused,
        refused_at_all=mean(run.refused_per_1000() for run in runs),
        seconds_to_90=mean(run.seconds_to_share(USED) for run in runs),
        holds=used >= USED and (refused <= REFUSED_PER_1000 or row.is_moody),
    )


def as_table(results: Sequence[Result]) -> Table:
    table = Table("endpoint", "answers take", "used", "429 per 1,000", "from the start", "90 % after", "holds")
    for column in table.columns[2:]:
        column.justify = "right"
    for result in results:
        table.add_row(
            result.endpoint,
            result.latency,
            f"{result.used:.1%}",
            f"{result.refused_per_1000:.1f}",
            f"{result.refused_at_all:.1f}",
            f"{result.seconds_to_90:.1f} s",
            "yes" if result.holds else "no",
        )
    return table


RUNS, SHARED = 8, 400
ROUNDS, WARM_UP_ROUNDS = 200, 60  # of answers: five seconds take five times as long as one
GATHERING = "together", "one joins late", "one leaves", "one has a ceiling of 20"


def share(gathering: str, latency: str, hint: float, seed: int, *, is_told: bool) -> tuple[str, ...]:
    """Eight runs at an endpoint of 400 places, begun two seconds apart: a row of the second table.

    `is_told`: whether they are shards of one plan, which tell each other their levels.

    Shares are counted from the end of the warm-up, or behind the change as many rounds later; who is at its own ceiling
    or gone is left out.
    """
    answer = 5.0 if latency == "5 s" else 1.0
    warm_up, end = WARM_UP_ROUNDS * answer, (WARM_UP_ROUNDS + ROUNDS) * answer
    spans = [(2.0 * each, end) for each in range(RUNS)]
    counted = range(RUNS)
    if gathering == "one joins late":
        spans[-1] = (warm_up, end)
        warm_up *= 2
    elif gathering == "one leaves":
        spans[-1] = (spans[-1][0], warm_up)
        warm_up *= 2
        counted = range(RUNS - 1)
    elif gathering == "one has a ceiling of 20":
        counted = range(RUNS - 1)
    ceilings = [256] * len(counted) + [20 if gathering.endswith("20") else 256] * (RUNS - len(counted))
    endpoint = Slots(SHARED, retry_after=hint)
    told_every = EVERY if is_told else math.inf
    runs = share_endpoint(
        endpoint, spans, ceiling=ceilings, latency=SHARED_LATENCIES[latency], seed=seed, told_every=told_every
    )
    answers = [runs[each].answers_per_second(warm_up, end) for each in counted]
    refused = mean(runs[each].refused_per_1000(warm_up) for each in counted)
    fair = mean(answers)
    return (
        gathering + _suffix(hint),
        "shards" if is_told else "strangers",
        latency,
        str(seed),
        f"{endpoint.share_used(warm_up, end):.0%}",
        f"{min(answers) / fair:.2f} to {max(answers) / fair:.2f}",
        f"{refused:.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each row (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    arguments = parser.parse_args()
    pairs = list(product(rows(), LATENCIES))
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(partial(measure, seeds=range(arguments.seeds)), *zip(*pairs, strict=True)))
        cases = [
            *product(GATHERING[:1], SHARED_LATENCIES, HINTS, range(arguments.seeds)),
            *product(GATHERING[1:], SHARED_LATENCIES, HINTS, (0,)),
        ]
        shared = [
            row
            for is_told in (True, False)
            for row in pool.map(partial(share, is_told=is_told), *zip(*cases, strict=True))
        ]
    Console(width=140).print(as_table(results))
    table = Table(
        *("runs", "of", "answers take", "seed", "used", "shares, of the fair one", "refused of 1,000"),
        title=f"{RUNS} runs at {SHARED} places",
    )
    for row in shared:
        table.add_row(*row)
    Console(width=140).print(table)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))


if __name__ == "__main__":
    main()
