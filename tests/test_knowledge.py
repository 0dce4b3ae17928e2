"""The built-in knowledge base: its form, the source of every figure in it, and an answer for every topic.

A search stands in for the reader: if full-text search with a topic's own words does not bring up a passage
that answers it, neither the offline engine nor a model that skims will find one.
"""

import ast
import operator
import re
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
from quick import each_row

from asyncgen.recipe.load import load_recipe

KNOWLEDGE = Path(__file__).parent.parent / "knowledge" / "self_knowledge.md"
FIGURES = Path(__file__).parent / "knowledge_figures.toml"
TOPICS = Path(__file__).parent / "knowledge_topics.toml"
TEXT = KNOWLEDGE.read_text(encoding="utf-8")
LINES = TEXT.splitlines()

# --- form


def test_size_leaves_room_in_a_prompt() -> None:
    assert 18_000 <= KNOWLEDGE.stat().st_size <= 30_000


def test_every_byte_is_printable_ascii_or_a_newline() -> None:
    assert set(KNOWLEDGE.read_bytes()) <= {0x0A, *range(0x20, 0x7F)}


def test_lines_have_no_trailing_blanks_and_the_file_ends_with_one_newline() -> None:
    assert [line for line in LINES if line != line.rstrip()] == []
    assert TEXT.endswith("\n")
    assert not TEXT.endswith("\n\n")


def test_headings_are_unique_and_no_level_is_skipped() -> None:
    headings = [line for line in LINES if line.startswith("#")]
    names = [heading.lstrip("# ") for heading in headings]
    levels = [len(heading) - len(heading.lstrip("#")) for heading in headings]
    assert len(set(names)) == len(names)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_passages_read_as_plain_chat_text() -> None:
    assert re.findall(r"[`{}|<>]|\*\*|__", load_recipe("nanochat").knowledge) == []


# --- figures


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """Figures stated by one source. A bare small number carries the words that say what it counts."""

    name: str
    figures: list[str]


class Derived(msgspec.Struct, forbid_unknown_fields=True):
    """A figure computed from sourced ones; `nearest` is the step of rounding where digits do not show it."""

    figure: str
    arithmetic: str
    source: str
    nearest: str | None = None


class Ledger(msgspec.Struct, forbid_unknown_fields=True):
    source: list[Source]
    derived: list[Derived]

    def figures(self) -> list[str]:
        return [figure for each in self.source for figure in each.figures] + [each.figure for each in self.derived]


LEDGER = msgspec.convert(tomllib.loads(FIGURES.read_text(encoding="utf-8")), Ledger)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
SCALES = {"million": 10**6, "billion": 10**9}
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def occurrences(figure: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$.,]){re.escape(figure)}(?!\w|[.,]\d)")


def without_listed_figures(text: str, figures: list[str]) -> str:
    for figure in sorted(figures, key=len, reverse=True):
        text = occurrences(figure).sub("", text)
    return text


def evaluate(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.BinOp(left, symbol, right):
            return OPERATORS[type(symbol)](evaluate(left), evaluate(right))
    raise ValueError(ast.unparse(node))


def stated_value(figure: str) -> tuple[Decimal, Decimal]:
    """The number in a figure such as "1.38 billion", and the value of its last digit."""
    found = NUMBER.search(figure)
    assert found is not None
    number = Decimal(found[0].replace(",", ""))
    scale = next((factor for word, factor in SCALES.items() if word in figure), 1)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return number * scale, Decimal(1).scaleb(exponent) * scale


def rounded(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step


def test_every_figure_in_the_text_has_a_source() -> None:
    left = without_listed_figures(TEXT, LEDGER.figures())
    assert [line for line in left.splitlines() if re.search(r"\d", line)] == []


def test_no_listed_figure_is_stale() -> None:
    assert [figure for figure in LEDGER.figures() if not occurrences(figure).search(TEXT)] == []


def test_figures_are_listed_once_and_say_what_they_count() -> None:
    figures = LEDGER.figures()
    assert sorted(figures) == sorted(set(figures))
    assert [figure for figure in figures if re.fullmatch(r"\d{1,4}", figure) or not re.search(r"\d", figure)] == []


def test_a_figure_without_a_source_is_noticed() -> None:
    changed = TEXT.replace("0.256525", "0.256526").replace("3.04 hours on", "3.14 hours on")
    left = without_listed_figures(changed, LEDGER.figures())
    assert re.findall(r"0\.256526|3\.14", left) == ["0.256526", "3.14"]


@each_row("derived", LEDGER.derived)
def test_a_derived_figure_is_what_its_arithmetic_gives(derived: Derived) -> None:
    value = Decimal(repr(evaluate(ast.parse(derived.arithmetic, mode="eval").body)))
    stated, last_digit = stated_value(derived.figure)
    step = last_digit if derived.nearest is None else Decimal(derived.nearest)
    assert rounded(value, step) == stated


# --- topics


@dataclass(frozen=True, slots=True)
class Passage:
    headings: str
    text: str


def split_passages(text: str) -> list[Passage]:
    passages, path = [], [""] * 3
    for block in re.split(r"\n(?=- )|\n\n", text.strip()):
        if heading := re.fullmatch(r"(#+) (.+)", block):
            level = len(heading[1])
            path[level - 1 :] = [heading[2]] + [""] * (3 - level)
        else:
            passages.append(Passage(" ".join(path[1:]).strip(), block.removeprefix("- ")))
    return passages


PASSAGES = split_passages(TEXT)
TOP = 3
COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and at by each for from had has have how in into is it its no not of on only or other out says "
        "than that the them they to today what when where whether which who why with nanochat",
    )
)

ANSWERS = {
    topic: answer
    for group in tomllib.loads(TOPICS.read_text(encoding="utf-8")).values()
    for topic, answer in group.items()
}


def search(passages: list[Passage], topic: str) -> list[Passage]:
    """The best passages for a topic: any of its content words in text or headings, ranked by BM25."""
    words = sorted(set(re.findall(r"\w+", topic.lower())) - COMMON_WORDS)
    with closing(sqlite3.connect(":memory:")) as index:
        index.execute("CREATE VIRTUAL TABLE passage USING fts5(headings, text, tokenize = 'porter')")
        rows = [(each.headings, each.text) for each in passages]
        index.executemany("INSERT INTO passage VALUES (?, ?)", rows)
        query = " OR ".join(f'"{word}"' for word in words)
        found = index.execute("SELECT * FROM passage WHERE passage MATCH ? ORDER BY rank LIMIT ?", (query, TOP))
        return [Passage(*row) for row in found]


def test_the_table_of_answers_covers_the_topics_of_the_recipe() -> None:
    recipe = load_recipe("nanochat", knowledge=KNOWLEDGE)
    dimension = next(each for each in recipe.dimensions if each.name == "topic")
    assert {topic for group in dimension.groups for topic in group.values} ^ set(ANSWERS) == set()
    assert len(ANSWERS) == 58


def test_the_recipe_reads_this_knowledge_base() -> None:
    whole = [line for line in TEXT.rstrip("\n").split("\n") if "{" not in line]
    assert [line for line in load_recipe("nanochat").knowledge.split("\n") if line in whole] == whole


@each_row("topic", ANSWERS)
def test_a_search_for_the_topic_finds_an_answer(topic: str) -> None:
    found = search(PASSAGES, topic)
    assert any(re.search(ANSWERS[topic], each.text) for each in found), found


@each_row("topic", ANSWERS)
def test_an_answer_is_particular_to_its_topic(topic: str) -> None:
    answering = [each for each in PASSAGES if re.search(ANSWERS[topic], each.text)]
    assert 1 <= len(answering) <= 3


def test_passages_are_short_and_whole() -> None:
    texts = [each.text for each in PASSAGES]
    assert len(set(texts)) == len(texts)
    assert [text for text in texts if not 40 <= len(text) <= 500 or not text.endswith(".")] == []
