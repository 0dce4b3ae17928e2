"""What an audit does with a line takes time in proportion to its text, whatever the text is.

CPU time of a text is compared with that of one four times as long: four times as much is linear, sixteen quadratic.
"""

import random
import time
from collections.abc import Callable
from itertools import count

import pytest
from audited import conversation, write_output
from hypothesis import example, given
from hypothesis import strategies as st
from sweep import at_most

from asyncgen.audit.audit import _Pass
from asyncgen.audit.line_work import make_look
from asyncgen.conversation import Message
from asyncgen.data.dataset import Dataset, Record
from asyncgen.screen.bar import unseen

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]  # a tracer would be timed as well

SHORT = 8_000  # characters
GROWTH = 4
MOST = 9  # times the CPU time
LITTLE = 0.1  # seconds of the long text, below which figures are noise

PIECES = (
    *("\n", "\n ", " ", "\t", "a", "A", "_", "-", "5 ", "5,", "1.5 ", "5x", "e5", "0,000 ", "$5 and ", "5 to 6 ", "%"),
    *(
        "1. ",
        "1.\n",
        "- ",
        "# a\n",
        "# a\nx = 1\n",
        "a: ",
        "A: ",
        "Name ",
        "GPT-4 ",
        "May 5 ",
        "2024-01-01 ",
        "1h",
        "5 kB ",
    ),
    *(
        "`",
        "```",
        "|",
        "| a ",
        "**",
        "~~",
        "[",
        "![a](",
        "](",
        "(",
        '"',
        "\\",
        "{",
        "<",
        "<s> ",
        "</s>,",
        "<|im_end|> ",
    ),
    *("a@b.", "a.", "a.b ", "x/", "https://a.b/", "a+", "://", "eyJaaaaaaaaaaaa-", "password=", "api_", "sk-", "key: "),
    *("twenty ", "twenty-", "a hundred ", "as an AI ", "i ", "have ", "I'm not able ", "thanks ", "my parameters are "),
    *(
        "what are you made of ",
        "can you explain ",
        "User: ",
        "\nAssistant: ",
        "how many ",
        "how many? ",
        "the context ",
    ),
    *("story ", "a poem ", "suppose ", "about ", "é", "\u2019", "\x00", "\ud800", "\U0001f600", "don't ", "...", "? "),
)


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], float]:
    """How many seconds of CPU a text takes, said by both sides."""
    output = write_output(tmp_path_factory.mktemp("time") / "x.jsonl", [conversation(0)]).output
    audit = _Pass(Dataset.open(output, recipe="nanochat"), unseen, 1)
    look = make_look(audit._settings)
    numbers = count()

    def take(text: str) -> float:
        said = f"{text} {next(numbers)}"  # never the same one: what has been looked at is known
        begun = time.process_time()
        lines = [(Record(1, 0, (Message("user", said), Message("assistant", said)), None), None)]
        audit._take(lines, look(lines))
        return time.process_time() - begun

    return take


def grow(look: Callable[[str], float], make: Callable[[int], str]) -> float:
    """How much longer the longer text takes: the least of several measurements, because others use the machine too."""
    short, long = make(SHORT), make(SHORT * GROWTH)
    growth = float("inf")
    for _ in range(4):
        seconds = look(long)
        growth = min(growth, seconds / look(short) if seconds > LITTLE else 0.0)
        if growth < MOST:
            break
    return growth


@pytest.mark.parametrize("piece", PIECES)
def test_repeated_text_takes_time_in_proportion(look: Callable[[str], float], piece: str) -> None:
    assert grow(look, lambda size: piece * (size // len(piece))) < MOST
    assert grow(look, lambda size: "x" + piece * (size // len(piece)) + "y") < MOST


@pytest.mark.parametrize("end", ["| a |\n", "--|\n", "> a\n"])
@pytest.mark.parametrize("white", [" ", "```"])
def test_what_stands_behind_much_white_space_takes_time_in_proportion(
    look: Callable[[str], float], white: str, end: str
) -> None:
    assert grow(look, lambda size: white * (size // len(white)) + end * (size // len(end) // 4)) < MOST


def _different(size: int, pattern: str) -> str:
    rng = random.Random(1)
    return "".join(pattern.format(rng.randrange(10**6), chr(97 + rng.randrange(26))) for _ in range(size // 8))


@pytest.mark.parametrize(
    "pattern",
    [
        "{} ",
        "{}, ",
        "${} ",
        "{}%. ",
        "GPT-{} ",
        "N{} ",
        "X{1}{0} and ",
        "May 5, {}. ",
        "https://{}.com/{} ",
        "A{1}: {0} ",
    ],
)
def test_ever_other_facts_take_time_in_proportion(look: Callable[[str], float], pattern: str) -> None:
    assert grow(look, lambda size: _different(size, pattern)) < MOST
    assert grow(look, lambda size: _different(size, pattern) + "how many is that? Calculate 3 + 4.") < MOST


@at_most(40)
@example(pieces=["as an AI ", "twenty-"], other="May 5 ", in_turn=True)
@example(pieces=["a."], other="User: ", in_turn=True)
@example(pieces=["\\", "sk-"], other="| a ", in_turn=False)
@example(pieces=["as an AI ", "twenty-", "\t"], other="May 5 ", in_turn=False)
@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4),
    other=st.sampled_from(PIECES),
    in_turn=st.booleans(),
)
def test_any_mixture_takes_time_in_proportion(
    look: Callable[[str], float], pieces: list[str], other: str, *, in_turn: bool
) -> None:
    def make(size: int) -> str:
        if in_turn:
            return other + "".join(pieces) * (size // len("".join(pieces))) + other
        return other.join(piece * (size // len(pieces) // len(piece)) for piece in pieces)

    assert grow(look, make) < MOST
