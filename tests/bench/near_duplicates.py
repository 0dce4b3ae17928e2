"""What finding near-duplicates costs and finds: `near_duplicates.py [--lines 200000] [--words 100]`.

Texts are words drawn by Zipf's law, one in twenty a copy of an earlier text with some words replaced. They lie in a
file and are read back by offset, as an audit does.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, combinations
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from asyncgen.audit.measures.near_duplicates import LEVELS, THRESHOLD, NearDuplicates

VOCABULARY = [f"w{number}" for number in range(20_000)]
WEIGHTS = list(accumulate(1 / (rank + 10) for rank in range(len(VOCABULARY))))


def draw_text(random: Random, words: int) -> str:
    return " ".join(random.choices(VOCABULARY, cum_weights=WEIGHTS, k=max(3, round(random.gauss(words, words / 4)))))


def replace_words(random: Random, text: str, count: int) -> str:
    words = text.split()
    for place in random.sample(range(len(words)), min(count, len(words))):
        words[place] = f"other{random.randrange(1_000_000)}"
    return " ".join(words)


def draw_texts(random: Random, lines: int, words: int) -> Iterator[str]:
    recent: list[str] = []
    for number in range(lines):
        if number % 20 == 19:
            text = random.choice(recent)
            yield replace_words(random, text, random.randrange(1 + len(text.split()) // 20))
        else:
            text = draw_text(random, words)
            recent = [*recent[-99:], text]
            yield text


def draw_boilerplate(random: Random, lines: int, words: int) -> Iterator[str]:
    """Every other word is the same everywhere: every pair is a candidate and none is a duplicate."""
    common = draw_text(random, words // 2)
    for _ in range(lines):
        yield f"{common} {draw_text(random, words // 2)}"


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(name: str, texts: Iterator[str], table: Table, directory: Path) -> None:
    path = directory / "texts"
    offsets = []
    with path.open("wb") as file:
        for text in texts:
            offsets.append(file.tell())
            file.write(text.encode() + b"\n")
    reads = 0
    with path.open("rb") as source:

        def read(offset: int) -> str:
            nonlocal reads
            reads += 1
            source.seek(offset)
            return source.readline().decode()

        near = NearDuplicates(THRESHOLD, levels=LEVELS)
        before, started = peak_bytes(), time.process_time()
        for number, (offset, line) in enumerate(zip(offsets, source, strict=True), start=1):
            near.add(number, offset, line.decode())
        added, started_clusters = peak_bytes(), time.process_time()
        clusters = near.clusters(read)
        ended = time.process_time()
    lines = len(offsets)
    table.add_row(
        name,
        f"{lines:,}",
        f"{(started_clusters - started) / lines * 1e6:.0f}",
        f"{ended - started_clusters:.1f}",
        f"{reads / lines:.2f}",
        f"{(added - before) / lines:.0f}",
        f"{(peak_bytes() - before) / lines:.0f}",
        f"{len(clusters):,}",
        f"{sum(map(len, clusters)) - len(clusters):,}",
    )


def show_speed(console: Console, lines: int, words: int) -> None:
    table = Table(title=f"one side, {words} words a line, threshold {THRESHOLD}; seconds of one core")
    for column in ("texts", "lines", "us/add", "cluster s", "reads", "B/line", "at peak", "clusters", "repeats"):
        table.add_column(column, justify="left" if column == "texts" else "right")
    with tempfile.TemporaryDirectory() as directory:
        for name, count, texts in _corpora(lines, words):
            measure(name, texts(Random(1), count, words), table, Path(directory))
    console.print(table)


def _corpora(lines: int, words: int) -> Sequence[tuple[str, int, Callable[[Random, int, int], Iterator[str]]]]:
    return (
        ("ordinary", lines, draw_texts),
        ("all equal", lines // 10, lambda random, count, words: iter([draw_text(random, words)] * count)),
        ("boilerplate", lines // 10, draw_boilerplate),
    )


def show_recall(console: Console, words: int) -> None:
    random = Random(2)
    texts = [draw_text(random, words) for _ in range(1_000)]
    texts += [replace_words(random, text, 1 + random.randrange(max(1, words // 6))) for text in texts]
    near = NearDuplicates(THRESHOLD, levels=LEVELS)
    for number, text in enumerate(texts):
        near.add(number, number, text)
    cluster_of = {number: cluster[0] for cluster in near.clusters(texts.__getitem__) for number in cluster}
    found: dict[float, list[bool]] = {0.5: [], 0.55: [], 0.6: [], 0.7: [], 0.8: []}
    shingles = [frozenset(zip(text.split(), text.split()[1:], text.split()[2:], strict=False)) for text in texts]
    for one, other in combinations(range(len(texts)), 2):
        common = len(shingles[one] & shingles[other])
        similarity = common / (len(shingles[one]) + len(shingles[other]) - common)
        if similarity >= THRESHOLD:
            least = max(step for step in found if step <= similarity)
            found[least].append(one in cluster_of and cluster_of.get(other) == cluster_of[one])
    table = Table(title=f"recall on {len(texts):,} texts of {words} words against all pairs")
    for column in ("similarity from", "pairs", "found", "recall"):
        table.add_column(column, justify="right")
    for least, hits in found.items():
        table.add_row(f"{least}", f"{len(hits)}", f"{sum(hits)}", f"{sum(hits) / (len(hits) or 1):.4f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--words", type=int, default=100)
    flags = parser.parse_args()
    console = Console()
    show_speed(console, flags.lines, flags.words)  # first: a process's peak memory never falls again
    for words in (30, flags.words):
        show_recall(console, words)


if __name__ == "__main__":
    main()
