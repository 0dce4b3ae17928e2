"""How much the lines repeat each other's words: openers, phrases, the share of what is new, compressibility.

One pass, bounded memory (see `counting` for the errors). A phrase is counted once for each conversation it stands in.
Runs of four words that the knowledge base has too are no style but the subject, and belong to no phrase.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, filterfalse, islice
from operator import and_, not_
from typing import TypeAlias
from zlib import crc32

from asyncgen.audit.measures.counting import DistinctCounter, HeavyHitters, TextSample
from asyncgen.audit.reading.phrases import PlainText
from asyncgen.audit.reading.words import Sentences, split_sentences, split_words
from asyncgen.audit.results import Counted, Distinct, DiversityResult, Openers, SideDiversity
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.recipe.scenario import Drawn

PHRASE_WORDS = 4
LONG_PHRASE_WORDS = 6
DISTINCT_WORDS = (1, 2, 3)
DISTINCT_SAMPLE = 100_000  # words
OPENER_BYTES = 200  # of a first message, to tell it by; it is recognised by all of it

TRACKED = 20_000  # counters of each kind
TRACKED_BY_VALUE = 4_000  # counters for a value of a dimension
DIMENSIONS = 2  # the first of those that draw one value
VALUES = 50  # of each, the first that come
LISTED = 20
LISTED_BY_VALUE = 5

MIN_REPEATS = 10  # lines; fewer are no habit
OPENER_SHARE = 0.01
MAX_OPENER_SHARE = 0.1
UNEVEN = 4
STOCK_SHARE = 0.05
SAME_RUN = 0.8

Phrase: TypeAlias = bytes  # its words and the blanks between: hashed once, where a tuple would be at every look
Opener: TypeAlias = tuple[int, bytes]  # its digest and its beginning


@dataclass(frozen=True, slots=True)
class Wording:
    """What one line adds. `opener`: the words of a first message of the user. Of each side its phrases, each once.

    `stock`: what answers begin sentences with, and their runs of six words. Phrases stand on a line each: one text is
    sent to another process in a fifth of the time of its pieces.
    """

    opener: bytes
    user: bytes
    assistant: bytes
    stock: bytes


class Wordings:
    """Reads subjects one by one. `knowledge`: what the answers were made from."""

    def __init__(self, knowledge: str = "") -> None:
        sentences = split_sentences(knowledge)
        short = (b" ".join(each) for each in sentences if len(each) < PHRASE_WORDS)
        # What the knowledge base says: its runs of four words, and its sentences of less.
        self._known = frozenset(chain(_runs(list(chain.from_iterable(sentences)), PHRASE_WORDS), short))

    def read(self, subject: Subject) -> Wording:
        conversation, plain = subject.record.conversation, subject.plain
        user, assistant = (
            [
                _Text(self._known, each)
                for each, message in zip(plain, conversation, strict=True)
                if message.role == role
            ]
            for role in ("user", "assistant")
        )
        return Wording(
            b" ".join(plain[0].words) if conversation[0].role == "user" else b"",
            *(
                b"\n".join(dict.fromkeys(chain.from_iterable(phrases)))
                for phrases in (
                    map(_Text.phrases, user),
                    map(_Text.phrases, assistant),
                    map(_Text.stock_phrases, assistant),
                )
            ),
        )


class Diversity:
    """Takes subjects one by one, each with its wording.

    Findings rest on counts that may be too low and never too high: at a million lines a phrase that is over the limit
    by less than half a percent of the lines may be missed, but none is flagged that is below it.
    """

    def __init__(self, *, tracked: int = TRACKED) -> None:
        self._lines = 0
        self._openers = _Openers(tracked)
        self._user = _Side(tracked)
        self._assistant = _Side(tracked)
        self._values = _Values()
        self._stock: HeavyHitters[Phrase] = HeavyHitters(tracked)

    def add(self, subject: Subject, wording: Wording) -> None:
        self._lines += 1
        record, answers = subject.record, wording.assistant.splitlines()
        self._openers.add(record.number, wording.opener)
        for role, side, phrases in (
            ("user", self._user, wording.user.splitlines()),
            ("assistant", self._assistant, answers),
        ):
            text = "\n".join([each.content for each in record.conversation if each.role == role])
            side.add(record.number, text, phrases)
        self._stock.add(wording.stock.splitlines())
        if subject.scenario is not None:
            self._values.add(subject.scenario, answers)

    def result(self) -> DiversityResult:
        return DiversityResult(
            lines=self._lines,
            openers=self._openers.describe(self._lines),
            roles={"user": self._user.describe(self._lines), "assistant": self._assistant.describe(self._lines)},
            by_value=self._values.describe(),
            stock=_list_phrases(self._find_stock(), self._lines, LISTED),
            stock_share=STOCK_SHARE,
        )

    def repeated_openers(self) -> Iterator[Finding]:
        """Every line that begins with an opener whose share is above the limit."""
        return self._openers.find_repeated(self._lines)

    def stock(self) -> frozenset[Phrase]:
        """The stock phrases seen so far, for a second pass.

        A phrase shows itself as stock only at the end, and keeping the lines of all that may become one has no bound.
        """
        return frozenset(phrase for phrase, _ in self._find_stock())

    def _find_stock(self) -> list[tuple[Phrase, int]]:
        least = max(MIN_REPEATS, STOCK_SHARE * self._lines)
        return [(phrase, lines) for phrase, lines in self._stock.most_common() if lines >= least]


class _Text:
    """One message: its words, and its runs of four that are not the knowledge base's."""

    __slots__ = ("_is_new", "_known", "_runs", "_sentences", "_words")

    def __init__(self, known: frozenset[Phrase], plain: PlainText) -> None:
        self._known = known
        self._sentences = plain.sentences
        self._words = plain.words
        self._runs = list(_runs(self._words, PHRASE_WORDS))
        self._is_new = list(map(not_, map(known.__contains__, self._runs)))

    def phrases(self) -> Iterable[Phrase]:
        return compress(self._runs, self._is_new)

    def stock_phrases(self) -> Iterable[Phrase]:
        """Beginnings of sentences, and runs of six words."""
        is_new = self._is_new
        for shift in range(1, LONG_PHRASE_WORDS - PHRASE_WORDS + 1):
            is_new = list(map(and_, is_new, self._is_new[shift:]))
        beginnings = filterfalse(self._known.__contains__, _beginnings(self._sentences))
        return chain(beginnings, map(b" ".join, compress(_windows(self._words, LONG_PHRASE_WORDS), is_new)))


class _Side:
    """What one role says."""

    def __init__(self, tracked: int) -> None:
        self._phrases: HeavyHitters[Phrase] = HeavyHitters(tracked)
        self._sample = TextSample()

    def add(self, number: int, text: str, phrases: Iterable[Phrase]) -> None:
        self._phrases.add(phrases)
        self._sample.add(number, text)

    def describe(self, lines: int) -> SideDiversity:
        words = list(islice(chain.from_iterable(map(split_words, self._sample.texts())), DISTINCT_SAMPLE + 1))
        is_cut = len(words) > DISTINCT_SAMPLE
        words = words[:DISTINCT_SAMPLE]
        return SideDiversity(
            is_exact=self._sample.is_whole and not is_cut,
            distinct=[
                Distinct(words=size, different=different, total=total, ratio=different / (total or 1))
                for size in DISTINCT_WORDS
                for different, total in [(len(set(_runs(words, size))), max(0, len(words) - size + 1))]
            ],
            compression=self._sample.compression_ratio(),
            error=self._phrases.error,
            phrases=_list_phrases(self._phrases.most_common(), lines, LISTED),
        )


class _Openers:
    """First messages, by all their words."""

    def __init__(self, tracked: int) -> None:
        self._counts: HeavyHitters[Opener] = HeavyHitters(tracked)
        self._distinct = DistinctCounter()
        self._numbers = array("I")
        self._digests = array("I")

    def add(self, number: int, words: bytes) -> None:
        if not words:
            return
        digest = crc32(words)
        self._counts.add([(digest, words[:OPENER_BYTES])])
        self._distinct.add([digest])
        self._numbers.append(number)
        self._digests.append(digest)

    def describe(self, lines: int) -> Openers:
        top = self._counts.most_common()
        return Openers(
            different=self._distinct.estimate,
            is_exact=self._distinct.is_exact,
            limit=_opener_limit([count for _, count in top], lines),
            error=self._counts.error,
            top=[_describe(words, count, lines) for (_, words), count in top[:LISTED]],
        )

    def find_repeated(self, lines: int) -> Iterator[Finding]:
        top = self._counts.most_common()
        least = max(MIN_REPEATS, _opener_limit([count for _, count in top], lines) * lines)
        repeated = {
            digest: f"{count / lines:.1%} of the lines begin with: {_decode(words)}"
            for (digest, words), count in top
            if count > least
        }
        for number, digest in zip(self._numbers, self._digests, strict=True):
            if digest in repeated:
                yield Finding("repeated-opener", number, 0, excerpt(repeated[digest]))


def _opener_limit(counts: Iterable[int], lines: int) -> float:
    """The share of the lines above which an opener is repeated, 1 % to 10 %.

    A recipe that offers n openers has each in 1/n of the lines. The sum of squared shares (Simpson 1949), the chance
    that two lines have the same one, is 1/n too where they are used evenly, and next to nothing where all differ: an
    opener stands out with four times that much.
    """
    chance = sum(count * count for count in counts) / (lines * lines or 1)
    return max(OPENER_SHARE, min(MAX_OPENER_SHARE, UNEVEN * chance))


class _Values:
    """The assistant's phrases by value, for the first dimensions that draw one."""

    def __init__(self) -> None:
        self._phrases: dict[tuple[str, str], HeavyHitters[Phrase]] = {}
        self._lines: dict[tuple[str, str], int] = {}
        self._sizes: dict[str, int] = {}

    def add(self, scenario: Mapping[str, Drawn], phrases: Iterable[Phrase]) -> None:
        singles = [(name, drawn[0]) for name, drawn in scenario.items() if len(drawn) == 1]
        for name, (group, value) in singles[:DIMENSIONS]:
            key = (name, group or value)
            if key not in self._phrases:
                if self._sizes.get(name, 0) >= VALUES:
                    continue
                self._sizes[name] = self._sizes.get(name, 0) + 1
                self._phrases[key] = HeavyHitters(TRACKED_BY_VALUE)
                self._lines[key] = 0
            self._phrases[key].add(phrases)
            self._lines[key] += 1

    def describe(self) -> dict[str, dict[str, list[Counted]]]:
        described: dict[str, dict[str, list[Counted]]] = {}
        for (name, value), counter in self._phrases.items():
            listed = _list_phrases(counter.most_common(), self._lines[name, value], LISTED_BY_VALUE)
            described.setdefault(name, {})[value] = listed
        return described


class StockCheck:
    def __init__(self, stock: frozenset[Phrase]) -> None:
        self._stock = stock

    def check(self, subject: Subject) -> Iterator[Finding]:
        """The first stock phrase of each answer."""
        for position, message in enumerate(subject.record.conversation):
            if message.role == "assistant":
                sentences = split_sentences(message.content)
                runs = _runs(list(chain.from_iterable(sentences)), LONG_PHRASE_WORDS)
                if found := next(filter(self._stock.__contains__, chain(_beginnings(sentences), runs)), None):
                    yield Finding("stock-phrase", subject.record.number, position, excerpt(_decode(found)))


def _beginnings(sentences: Sentences) -> Iterator[Phrase]:
    for sentence in sentences:
        if len(sentence) > 1:  # "Yes." is an answer, and "2." the number of a list's item
            yield b" ".join(sentence[:PHRASE_WORDS])


def _runs(words: Sequence[bytes], size: int) -> Iterable[Phrase]:
    return map(b" ".join, _windows(words, size))


def _windows(words: Sequence[bytes], size: int) -> Iterable[tuple[bytes, ...]]:
    return zip(*[words[start:] for start in range(size)], strict=False)


def _list_phrases(counted: Iterable[tuple[Phrase, int]], lines: int, limit: int) -> list[Counted]:
    """The most frequent phrases, without those that are the same longer one shifted by a word."""
    listed: list[Counted] = []
    neighbours: dict[tuple[bool, bytes], int] = {}
    for phrase, count in counted:
        if len(listed) == limit or count == 1:
            break
        begun, ended = phrase.rpartition(b" ")[0], phrase.partition(b" ")[2]
        covered = max(neighbours.get((False, begun), 0), neighbours.get((True, ended), 0))
        if not covered or count < SAME_RUN * covered:
            listed.append(_describe(phrase, count, lines))
        neighbours.setdefault((False, ended), count)
        neighbours.setdefault((True, begun), count)
    return listed


def _describe(words: bytes, count: int, lines: int) -> Counted:
    return Counted(text=_decode(words), lines=count, share=count / lines)


def _decode(words: bytes) -> str:
    return words.decode("utf-8", "replace")
