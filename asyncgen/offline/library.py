"""A knowledge base as passages that read well alone, and their ranking by SQLite's full-text search.

A passage is a paragraph, a list item, or a part of a long one; it is quoted as it stands, without its Markdown.
Parsing and indexing a text of 30 KB takes milliseconds, so a `Library` is kept for as many requests as share it.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LONG = 600  # characters: a longer paragraph is cut between sentences
_FEW = 12  # passages: a smaller knowledge base is cut into sentences, so that it lasts for a conversation
_SHORT = 40  # characters: a shorter one is no answer and joins its neighbour
_RANKED = 24
_RELEVANT = 0.3  # of the best passage's score: what is below shares a chance word with the query
_RANKINGS_KEPT = 1024

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$|^\s*\|?[\s:|-]+\|[\s:|-]*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!\bvs\.)\s+(?=[^\W_\d]|[\"'(\d])")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # no conversation may hold them
WORD = re.compile(r"[^\W_]+(?:[-'+.][^\W_]+)*")

STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
a about above across actually after again against ago all almost also am an and another any anybody anyone
anything are around as ask at away b back be became because been before began being best better between bit both
but by bye c came can can't cannot chat come comes could d day did didn't different do does doesn't doing don't
done down dude e each either else ever every everybody everything exactly f far few first for form from g gave
get gets getting give gives go goes going good got great h had has have having he her here hers him his how i
i'd i'll i'm if in inside instead into is isn't it it's its itself just k keep kind know l least less let let's
like little lol look lot m made make makes many may maybe me mean means mere might mind mine mistaken model
models more most much must my n near need never new next no nobody none nor not nothing now o of off often oh ok
okay old on once one only onto or other our out over own p part people perhaps please put q quick quite r rather
really right s said same say says see seen several she should simple since so some somebody someone something
sometimes soon start still such t take tell than that that's the their them then there these they thing things
this those though through till to today together too toward two u under until up upon us use used uses v very w
want wants was way we well were what what's when where whether which while who whom whose why will with within
without wonder would x y yes yet you you're your yours yourself z
""",
    )
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
    """The passages of one knowledge base. Close it: the index is an SQLite connection."""

    def __init__(self, knowledge: str) -> None:
        self.passages: tuple[Passage, ...] = tuple(_number(_split(knowledge), _LONG))
        if len(self.passages) < _FEW:
            self.passages = tuple(_number(_split(knowledge), 0))
        self.name = _find_name(self.passages)
        words = Counter(word.casefold() for each in self.passages for word in WORD.findall(each.text))
        self.vocabulary = frozenset(words)
        self.familiar = sorted(
            STOP_WORDS | {word for word, count in words.items() if count > 1 and word.upper() != word}
        )
        self.proper_nouns = frozenset(_find_proper_nouns(self.passages))
        self.is_english = sum(words[word] for word in _ENGLISH) >= _ENGLISH_SHARE * words.total()
        self._rankings: dict[str, tuple[Passage, ...]] = {}
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(
            "CREATE VIRTUAL TABLE passage USING fts5(heading, chapter, text, tokenize='porter unicode61')"
        )
        self._index.executemany(
            "INSERT INTO passage(rowid, heading, chapter, text) VALUES (?, ?, ?, ?)",
            [(each.number, each.heading, each.chapter, each.text) for each in self.passages],
        )

    @property
    def introduction(self) -> tuple[Passage, ...]:
        """Where it says what it is about: the section that begins "NAME is", otherwise how the text begins."""
        starts = tuple(f"{self.name} is {article} " for article in ("a", "an", "the")) if self.name else ()
        start = next((each for each in self.passages if each.text.startswith(starts)), None)
        if start is None:
            return self.passages[:2]
        return tuple(each for each in self.passages[start.number :] if each.heading == start.heading)[:3]

    @property
    def abilities(self) -> tuple[Passage, ...]:
        """The passages that begin with what it can do."""
        return tuple(each for each in self.passages if self.name and each.text.startswith(f"{self.name} can "))

    def close(self) -> None:
        self._index.close()

    def rank(self, query: str) -> tuple[Passage, ...]:
        """The passages that share words with the query, best first; none when no word that counts is shared."""
        ranking = self._rankings.get(query)
        if ranking is None:
            if len(self._rankings) >= _RANKINGS_KEPT:
                self._rankings.clear()
            ranking = self._rankings[query] = self._search(query)
        return ranking

    def fit(self, query: str) -> float:
        """How well the best passage fits a query, for each of its words that count; 0 when none is shared."""
        words = keywords(query)
        if not words:
            return 0.0
        row = self._index.execute(
            "SELECT bm25(passage, 3.0, 1.0, 1.0) AS score FROM passage WHERE passage MATCH ? ORDER BY score LIMIT 1",
            (" OR ".join(f'"{word}"' for word in words),),
        ).fetchone()
        return -float(row[0]) / len(words) if row else 0.0

    def _search(self, query: str) -> tuple[Passage, ...]:
        words = keywords(query)
        if not words:
            return ()
        rows = self._index.execute(
            "SELECT rowid, bm25(passage, 3.0, 1.0, 1.0) AS score FROM passage WHERE passage MATCH ? "
            "ORDER BY score, rowid LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), _RANKED),
        ).fetchall()
        return tuple(self.passages[number] for number, score in rows if score <= rows[0][1] * _RELEVANT)


def keywords(text: str) -> list[str]:
    """The words of a text that say what it is about, each once, in order."""
    words = (word.casefold() for word in WORD.findall(text))
    return list(dict.fromkeys(word for word in words if word not in STOP_WORDS))


def split_sentences(text: str) -> list[str]:
    return _SENTENCE_END.split(text)


def _number(blocks: Iterator[tuple[Sequence[str], str]], size: int) -> Iterator[Passage]:
    seen: set[str] = set()
    for headings, block in blocks:
        heading = headings[-1] if headings else ""
        chapter = headings[-2] if len(headings) > 1 else ""
        for text in _cut(block, size):
            if text not in seen:  # quoted twice, it would be the same answer twice
                yield Passage(len(seen), heading, chapter, text)
                seen.add(text)


def _split(knowledge: str) -> Iterator[tuple[Sequence[str], str]]:
    """Each block of text with the headings above it; a block too short to quote alone takes in the next one."""
    headings: list[tuple[int, str]] = []
    held = ""
    for level, text in _blocks(knowledge):
        if level:
            if held:
                yield [title for _, title in headings], held
                held = ""
            headings = [each for each in headings if each[0] < level]
            headings.append((level, text))
        elif text:
            held = _append(held, text)
            if len(held) >= _SHORT and not held.endswith(":"):
                yield [title for _, title in headings], held
                held = ""
    if held:
        yield [title for _, title in headings], held


def _append(held: str, text: str) -> str:
    if not held:
        return text
    return f"{held} {text}" if held[-1] in ".!?:;," else f"{held}; {text}"


def _blocks(knowledge: str) -> Iterator[tuple[int, str]]:
    """Headings as (level, title), paragraphs, list items and table rows as (0, text)."""
    lines: list[str] = []
    fenced = False
    for raw in [*_CONTROL.sub(" ", knowledge).splitlines(), ""]:
        line = raw.strip().lstrip(">").strip()
        if _FENCE.match(line):
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
        elif line and not _RULE.match(line):
            lines.append(", ".join(filter(None, map(str.strip, line.split("|")))) if line[0] == "|" else line)


def _plain(text: str) -> str:
    return _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text)).strip()


def _cut(block: str, size: int) -> Iterator[str]:
    """The block whole if it is no longer than `size`, otherwise in parts of whole sentences."""
    part = ""
    for sentence in split_sentences(block):
        if part and len(part) + len(sentence) >= size:
            yield part
            part = ""
        part = f"{part} {sentence}" if part else sentence
    yield part


def _find_proper_nouns(passages: Sequence[Passage]) -> Iterator[str]:
    """Words that are capitalized inside sentences, where only names are."""
    for passage in passages:
        for sentence in split_sentences(passage.text):
            yield from (word for word in WORD.findall(sentence)[1:] if word[:1].isupper())


def _find_name(passages: Sequence[Passage]) -> str:
    """What the knowledge base is about: the name that opens at least a tenth of its passages."""
    first_words = Counter(word[0] for each in passages if (word := WORD.match(each.text)))
    names = ((name, count) for name, count in first_words.most_common() if name.casefold() not in STOP_WORDS)
    name, count = next(names, ("", 0))
    return name if count >= max(_NAME_MIN, len(passages) / 10) else ""
