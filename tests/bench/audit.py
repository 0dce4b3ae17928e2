"""What an audit costs a line: `audit.py [--lines 2000] [--jobs 1,2]`.

The lines are some 2,700 bytes long, told in the words of the built-in knowledge base, and every one has something to
find: invented figures and names, claims of the user, a sum, a leak, a token or a broken end. What is done here, by the
process that asks, is what more processes do not make faster. Where others use the machine, CPU tells more than the
clock.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from rich.console import Console
from rich.table import Table

from asyncgen.audit.audit import audit_dataset
from asyncgen.conversation import Message, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.recipe.load import load_recipe

BYTES = 2_700
QUESTIONS = (
    "How does that work?",
    "I read that you have {n} billion parameters, is that so?",
    "Tell me more, please. I have {n} dollars.",
    "You were made in {n}, right?",
)
FINDINGS = (
    "It took {n} hours on {m} GPUs.",
    "That was shown by {name} in March 20{m}.",
    "Together that is ${n}.{m}.",
    "As an AI language model, I cannot say more.",
    "According to the knowledge base it is so.",
    "nanochat is happy to help with that.",
    "It is **very** cheap, <b>really</b>.",
    "Write to {name} at host dot org.",
    "I generate {n} tokens per second.",
    "The user nods.",
)
NAMES = ("Ilse Varga", "Tom Okafor", "Mira Lindqvist", "Paolo Brenner")


def write_lines(path: Path, count: int) -> None:
    sentences = re.split(r"(?<=\.)\s+", re.sub(r"(?m)^#.*$", "", load_recipe("nanochat").knowledge))
    with path.open("wb") as file:
        for number in range(count):
            file.write(encode_line(tuple(_messages(random.Random(number), sentences))))


def _messages(chance: random.Random, sentences: list[str]) -> list[Message]:
    messages: list[Message] = []
    size = 0
    while size < BYTES:
        question = _fill(chance, chance.choice(QUESTIONS))
        said = [*chance.sample(sentences, 9), _fill(chance, chance.choice(FINDINGS))]
        chance.shuffle(said)
        answer = " ".join(said)
        messages += [Message("user", question), Message("assistant", answer)]
        size += len(question) + len(answer) + 70
    return messages


def _fill(chance: random.Random, template: str) -> str:
    return template.format(n=chance.randrange(13, 990), m=chance.randrange(13, 99), name=chance.choice(NAMES))


def process_time(who: int) -> float:
    """Seconds of CPU; of children those that have ended."""
    usage = getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000)
    parser.add_argument("--jobs", default="1,2")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lines.jsonl")
        write_lines(path, flags.lines)
        table = Table(
            title=f"{flags.lines:,} lines of {path.stat().st_size / flags.lines:,.0f} bytes, all with findings"
        )
        for column in ("processes", "s by the clock", "CPU ms a line", "of it here"):
            table.add_column(column, justify="right")
        dataset = Dataset.open(path, recipe="nanochat")
        audit_dataset(dataset)  # compiles what is compiled when it is first used
        for jobs in map(int, flags.jobs.split(",")):
            began, here, there = time.perf_counter(), process_time(RUSAGE_SELF), process_time(RUSAGE_CHILDREN)
            audit_dataset(dataset, jobs=jobs)
            seconds = time.perf_counter() - began
            here, there = process_time(RUSAGE_SELF) - here, process_time(RUSAGE_CHILDREN) - there
            milliseconds = [f"{1000 * each / flags.lines:.2f}" for each in (here + there, here)]
            table.add_row(str(jobs), f"{seconds:.1f}", *milliseconds)
        Console(file=sys.stdout, width=100).print(table)


if __name__ == "__main__":
    main()
