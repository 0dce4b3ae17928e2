"""A knowledge base as passages that read well alone, and their ranking by SQLite's full-text search.

A passage is a paragraph, a list item, or a part of a long one; it is quoted as it stands, without its Markdown.
Parsing and indexing a text of 30 KB takes milliseconds, so a `Library` is kept for as many requests as share it.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asyncgen.offline.brief import CONTROL

_LONG = 600  # characters: a longer paragraph is cut between sentences
_FEW = 12  # passages: a smaller knowledge base is cut into sentences, so that it lasts for a conversation
_SHORT = 40  # characters: a shorter one is no answer and joins its neighbour
_RANKED = 24
_RELEVANT = 0.3  # of the best passage's score: what is below shares a chance word with the query
_SEARCHES_KEPT = 4096
_TABLE = "CREATE VIRTUAL TABLE passage USING fts5(heading, chapter, text, tokenize='porter unicode61')"
_RANK = "SELECT rowid, bm25(passage, 3) FROM passage WHERE passage MATCH ? ORDER BY 2, 1 LIMIT ?"  # headings weigh more

_SOURCE = re.compile(r"Source: \S")  # whoever puts documents together says so below a heading
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)$")
_RULE = re.compile(r"(?:[-*_=]\s*){3,}$|\|?[\s:|-]+\|[\s:|-]*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!\bvs\.)\s+(?=[^\W_\d]|[\"'(\d])")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
WORD = re.compile(r"[^\W_]+(?:[-'+.][^\W_]+)*")

STOP_WORDS = frozenset(
    WORD.findall("""
    about above after again against all almost also am an and another any anyone anything are as ask at away be
    because been before being best better between bit but by came can cannot chat come could did different do does
    doing each else even ever every everything few first for form from get gets give goes going good got had has
    have he help her here him his how if in inside instead into is it its itself just keep kind know less let like
    little look lot made make makes many may me mean means might mind model models more most much must my near need
    never new next no nor not nothing now of off often oh ok okay old on once one only or other our out over own
    part people please put quite really right same say see she should simple since so some something sometimes
    still such take tell than that the their them then there these they thing things this those though through to
    today together too two under until up us use used uses very want wants was way we well were what when where
    whether which while who whom whose why will with within without wonder would yes yet you your yours yourself
    """)
)
_ENGLISH = ("the", "of", "and", "to", "is", "in", "that", "for", "it", "are", "with", "on", "as", "from", "by")
_ENGLISH_SHARE = 0.08  # of all words; German or French text has almost none of these
_NAME_MIN = 3  # passages that begin with a name before it counts as what all is about


@dataclass(frozen=True, slots=True)
class Passage:
    """`heading` is its section's own, `chapter` the one above it; either may be empty."""

    number: int
    heading: str
    chapter: str
    text: str


class Library:
    """The passages of one knowledge base. Close it: the index is an SQLite connection.

    `name`: what it is about, which is the name that opens at least a tenth of its passages, if one does.
    """

    def __init__(self, knowledge: str) -> None:
        self.passages = _read_passages(knowledge, _LONG)
        if len(self.passages) < _FEW:
            self.passages = _read_passages(knowledge, 0)
        first = (word[0] for each in self.passages if (word := WORD.match(each.text)))
        names = Counter(word for word in first if word.casefold() not in STOP_WORDS)
        name, count = next(iter(names.most_common(1)), ("", 0))
        self.name = name if count >= max(_NAME_MIN, len(self.passages) / 10) else ""
        self.words = Counter(word.casefold() for each in self.passages for word in WORD.findall(each.text))
        self.is_english = sum(self.words[word] for word in _ENGLISH) >= _ENGLISH_SHARE * self.words.total()
        self._search = lru_cache(_SEARCHES_KEPT)(self._query)
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(_TABLE)
        self._index.executemany(
            "INSERT INTO passage(rowid, heading, chapter, text) VALUES (?, ?, ?, ?)",
            [(each.number, each.heading, each.chapter, each.text) for each in self.passages],
        )

    def close(self) -> None:
        self._index.close()

    def rank(self, query: str) -> tuple[Passage, ...]:
        """The passages that share words with the query, best first; none when no word that counts is shared."""
        return self._search(query)[1]

    def most_known(self, texts: Sequence[str]) -> str:
        """That of the texts which a passage fits best, for each of its words that count; "" when none does."""
        best = max(texts, key=lambda each: self._search(each)[0], default="")
        return best if self.rank(best) else ""

    def after(self, passage: Passage) -> Passage | None:
        """The next passage of the same section."""
        following = next(iter(self.passages[passage.number + 1 : passage.number + 2]), None)
        return following if following and following.heading == passage.heading else None

    def near(self, query: str) -> Sequence[Passage]:
        """All passages, from the best one for the query on and round again."""
        start = next((each.number for each in self.rank(query)), 0)
        return self.passages[start:] + self.passages[:start]

    def _query(self, query: str) -> tuple[float, tuple[Passage, ...]]:
        """How well the best passage fits for each word of the query, and the ranking."""
        words = keywords(query)
        match = " OR ".join(f'"{word}"' for word in words) or '""'
        rows = self._index.execute(_RANK, (match, _RANKED)).fetchall()
        best = rows[0][1] if rows else 0.0
        ranked = tuple(self.passages[number] for number, score in rows if score <= best * _RELEVANT)
        return -best / max(1, len(words)), ranked


def keywords(text: str) -> list[str]:
    """The words of a text that say what it is about, each once, in order."""
    words = (word.casefold() for word in WORD.findall(text))
    return list(dict.fromkeys(word for word in words if len(word) > 1 and word not in STOP_WORDS))


def split_sentences(text: str) -> list[str]:
    return _SENTENCE_END.split(text)


def _read_passages(knowledge: str, size: int) -> tuple[Passage, ...]:
    """A block too short to quote alone takes in the next one of its section, a block longer than `size` is cut."""
    passages: dict[str, Passage] = {}  # by text: quoted twice, it would be the same answer twice
    headings = [(0, ""), (0, "")]
    held = ""
    for level, text in (*_blocks(knowledge), (1, "")):
        if not level:
            held = f"{held}{'' if held[-1] in '.!?:;,' else ';'} {text}" if held and text else held or text
        if held and (level or (len(held) >= _SHORT and not held.endswith(":"))):
            for part in _cut(held, size):
                passages.setdefault(part, Passage(len(passages), headings[-1][1], headings[-2][1], part))
            held = ""
        if level:
            headings = [*(each for each in headings if each[0] < level), (level, text)]
    return tuple(passages.values())


def _blocks(knowledge: str) -> Iterator[tuple[int, str]]:
    """Headings as (level, title), paragraphs, list items and table rows as (0, text)."""
    lines: list[str] = []
    fenced = False
    for raw in [*CONTROL.sub(" ", knowledge).splitlines(), ""]:
        line = raw.strip().lstrip(">").strip()
        if line.startswith(("```", "~~~")):
            fenced = not fenced
            continue
        heading, item = (None, None) if fenced else (_HEADING.match(line), _ITEM.match(line))
        is_break = not line or heading or item or _RULE.match(line) or line.startswith("|")
        if is_break and lines:
            yield 0, _plain(" ".join(lines))
            lines = []
        if heading:
            yield len(heading[1]), _plain(heading[2])
        elif item:
            lines = [item[1]]
        elif line and not _RULE.match(line) and not _SOURCE.match(line):
            lines.append(", ".join(filter(None, map(str.strip, line.split("|")))) if line[0] == "|" else line)


def _plain(text: str) -> str:
    return _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text)).strip()


def _cut(block: str, size: int) -> Iterator[str]:
    part, *others = split_sentences(block)
    for sentence in others:
        if len(part) + len(sentence) >= size:
            yield part
            part = sentence
        else:
            part = f"{part} {sentence}"
    yield part
