r"""Phrases: what people say, written as data, and found without trying every phrase on every text.

    the [own | given] knowledge base        words; a group in brackets may be absent
    (say | states?) nothing                 one of the words in parentheses; the letter before ? may be absent
    according to my {pages}                 a named set of phrases
    i was * told,  from ** words,  turn #   any one word; up to three; a number in digits
    as an ai ... i cannot                   up to 60 characters of the same sentence between, with "...," a comma last
    ^ topic,  an ai .,  nanochat ,  help ?  note :  where a line or a sentence begins; where a clause ends; these marks
    the context !(window | of)              not followed by
    program*                                a word that begins so
    the guidelines & (reply | answer)       both in the same sentence, in any order; never within brackets

Texts are in lower case with typewriter apostrophes. Between two words stands a blank, a line break or a hyphen, with or
without a comma. An umlaut stands for its ASCII spelling too.

No phrase reaches beyond the mark that ends a sentence, so a phrase is tried on the stretches between two of them that
have a word of each of its parts, and side by side those that are so in it: nearly every stretch lacks some, and a
million conversations are read. It is compiled when it is first tried. No part repeats without a bound: what a text
repeats would be tried from each of its beginnings to the end.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, pairwise, product

from asyncgen.audit.reading.words import Sentences, part_stretches, split_stretches, split_words, stretch_spans

UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}

_PIECE = re.compile(r"\{[\w-]+\}|!\(|\.\.\.,?|[()\[\]|]|[^\s()\[\]|{}]+")
_CLOSING = {"(": ")", "[": "]", "!(": ")"}
_GAP = r",?[\s-]{1,2}"
_ANY_WORD = r"[\w'-]{1,40}"  # a hyphen may be in it and between two: a long chain could be parted in too many ways
_WORD_BEGIN = r"(?<!\w)"
_WORD_END = r"(?!'?\w)"
_AT_BEGIN = r"(?:^|(?<=[.!?:\"\n] )|(?<=[\"\n(\[]))"  # of a line or a sentence
_PAIR = b"%b %b".__mod__  # of two words side by side
_MOST_PAIRS = 200  # of the words that two parts may end and begin with
_FIRST = re.compile(r"(?:\(\?:(\w+)\)|(\w+))(?=,\?|\(\?|$)")  # the word that a pattern begins with


def plain(text: str) -> str:
    """A text as phrases are looked for in it; nearly always as long as it was."""
    return text.lower().replace("\u2019", "'")


@lru_cache(maxsize=64)
def lowered(text: str) -> str:
    """A text in lower case, with each character in its place."""
    lower = text.lower()
    return (
        lower if len(lower) == len(text) else "".join(low if len(low := each.lower()) == 1 else each for each in text)
    )


class Uncased:
    """A pattern in lower case, for texts in any: to ignore case takes `re` five times as long."""

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.pattern = pattern
        self._compiled = re.compile(pattern, flags)

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        return self._compiled.search(lowered(text), start, end)

    def match(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        return self._compiled.match(lowered(text), start, end)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return self._compiled.finditer(lowered(text))


class PlainText:
    """A text and its words, once for all that look for phrases in it.

    A term is a word, or two that stand side by side.
    """

    def __init__(self, content: str) -> None:
        self.text = plain(content)
        self._parted = part_stretches(self.text)
        self._stretches = split_stretches(self._parted)
        self.sentences: Sentences = list(chain.from_iterable(self._stretches))
        self.words: Sequence[bytes] = list(chain.from_iterable(self.sentences))
        self.vocabulary = frozenset(self.words)

    @cached_property
    def stretches(self) -> Sequence[frozenset[bytes]]:
        """The terms of each."""
        each_words = [list(chain.from_iterable(each)) for each in self._stretches]
        return [frozenset(chain(words, map(_PAIR, pairwise(words)))) for words in each_words]

    @cached_property
    def terms(self) -> frozenset[bytes]:
        return frozenset().union(*self.stretches)

    @cached_property
    def spans(self) -> Sequence[tuple[int, int]]:
        """Where each stretch stands."""
        return stretch_spans(self._parted)


class Phrase:
    """`source`: its regular expression. `needs`: the terms of its parts, the rarest first; a text has one of each.

    `beside`: what stands in the same stretch of a text as well. `asks`: whether it ends with a question mark.
    """

    def __init__(
        self, source: str, needs: Sequence[frozenset[bytes]], beside: Sequence[str] = (), *, asks: bool = False
    ) -> None:
        self.source = source
        self._asks = asks
        self.needs = needs
        self._beside = beside

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source, re.MULTILINE)

    @cached_property
    def _others(self) -> Sequence[re.Pattern[str]]:
        return [re.compile(each, re.MULTILINE) for each in self._beside]

    def search(self, text: str, start: int, end: int) -> re.Match[str] | None:
        """Its first place in a stretch."""
        if self._asks and text.find("?", start, end) < 0:
            return None
        found = self.pattern.search(text, start, end)
        return found if found and all(each.search(text, start, end) for each in self._others) else None

    def may_be_in(self, terms: AbstractSet[bytes]) -> bool:
        """Whether a text of these terms may hold it."""
        return not any(map(terms.isdisjoint, self.needs))


def _rarity(terms: frozenset[bytes]) -> int:
    """The length of the shortest: long words are rare, and two of them together."""
    return min(map(len, terms))


class Phrases:
    """Phrases in their order, by the rarest part of each."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.all = list(phrases)
        # Of each term the phrases of whose rarest part it is, with their other parts.
        self._by_term: dict[bytes, list[tuple[int, Sequence[frozenset[bytes]]]]] = {}
        for place, phrase in enumerate(self.all):
            entry = place, phrase.needs[1:]
            for term in phrase.needs[0]:
                self._by_term.setdefault(term, []).append(entry)
        self._terms = frozenset(self._by_term)

    def find(self, plain: PlainText, text: str | None = None) -> Iterator[re.Match[str]]:
        """The first place of each phrase, in the order of the phrases. `text`: what is left of it to be looked at."""
        if not (held := self._terms & plain.terms):
            return
        text = plain.text if text is None else text
        stretches: dict[int, list[int]] = {}  # that may hold each phrase
        for number, terms in enumerate(plain.stretches):
            for term in held & terms:
                for place, others in self._by_term[term]:
                    for other in others:
                        if terms.isdisjoint(other):
                            break  # as nearly always, and at the first one
                    else:
                        stretches.setdefault(place, []).append(number)
        for place in sorted(stretches):
            search = self.all[place].search
            found = (search(text, *plain.spans[number]) for number in stretches[place])
            if match := next(filter(None, found), None):
                yield match


def read_phrases(lines: Iterable[str], sets: Mapping[str, str], common: str = "") -> list[Phrase]:
    """Raises ValueError for what is no phrase, or has no word that a text must hold. `common`: words in any text."""
    commonest = frozenset(split_words(common))
    known: dict[str, _Part] = {}
    phrases = []
    for line in lines:
        for each in _Reader(line, sets, known).read_alternatives():
            needs = [need for part in (each, *each.beside) for need in part.needs]
            if not needs:
                raise ValueError(f"no word that a text must hold: {line}")
            needs.sort(key=lambda terms: (terms.isdisjoint(commonest), _rarity(terms)), reverse=True)
            phrases.append(Phrase(_whole(each), needs, list(map(_whole, each.beside)), asks=each.asks))
    return phrases


def _whole(part: "_Part") -> str:
    """Where a word begins. What begins with a literal is looked for many times as fast as what begins otherwise."""
    is_first = part.pattern.startswith(_AT_BEGIN)
    rest = part.pattern.removeprefix(_AT_BEGIN)
    if first := _FIRST.match(rest):
        word = first[1] or first[2]
        before = rf"(?:(?<=^{word})|(?<=[.!?:\"\n] {word})|(?<=[\"\n(\[]{word}))" if is_first else rf"(?<!\w{word})"
        return f"{word}{before}{rest[first.end() :]}{_WORD_END}"
    return f"{_WORD_BEGIN}{part.pattern}{_WORD_END}"


def either(phrases: Iterable[Phrase]) -> Uncased:
    """One of the phrases, in text that need not be in lower case; nothing where there are none."""
    # All begin where a word does: asked once for a place, and not once for each phrase.
    sources = "|".join(each.source.removeprefix(_WORD_BEGIN) for each in phrases)
    return Uncased(f"{_WORD_BEGIN}(?:{sources})" if sources else "(?!)", re.MULTILINE)


def literal_phrase(words: str) -> Phrase:
    """A phrase that means nothing but its words, however they are spaced."""
    source = r"\s+".join(map(re.escape, plain(words).split()))
    needs = sorted((frozenset([word]) for word in split_words(words)), key=_rarity, reverse=True)
    return Phrase(rf"{_WORD_BEGIN}{source}{_WORD_END}", needs)


@dataclass(frozen=True, slots=True)
class _Part:
    """`pattern`: without the gap before it. `needs`, `beside`: as a phrase's. A mark is no word and has no gap.

    `first`, `last`: the words that it may begin and end with; none where that may be any word.
    """

    pattern: str
    needs: tuple[frozenset[bytes], ...] = ()
    first: frozenset[bytes] = frozenset()
    last: frozenset[bytes] = frozenset()
    is_optional: bool = False
    is_mark: bool = False
    joint: str = _GAP  # what stands between it and the word before
    beside: tuple["_Part", ...] = ()
    asks: bool = False  # whether it ends with a question mark


class _Reader:
    """Reads one line of phrases; its sets are read where they are named."""

    def __init__(self, line: str, sets: Mapping[str, str], known: dict[str, _Part]) -> None:
        self._line = line
        self._sets = sets
        self._known = known  # the sets that have been read
        self._pieces = iter(_PIECE.findall(line))

    def read_alternatives(self, end: str | None = None) -> list[_Part]:
        sequences, sides, parts = list[_Part](), list[_Part](), list[_Part]()
        while (piece := next(self._pieces, None)) != end:
            if piece is None or piece in _CLOSING.values():
                raise ValueError(f"brackets that do not fit: {self._line}")
            if piece == "|":
                sequences.append(_together([*sides, _sequence(parts)]))
                sides, parts = [], []
            elif piece == "&":
                sides.append(_sequence(parts))
                parts = []
            elif piece in _CLOSING:
                choice = _choice(self.read_alternatives(_CLOSING[piece]), is_optional=piece == "[")
                is_none = piece == "!("
                parts.append(_Part(f"(?!{_GAP}{choice.pattern}{_WORD_END})", is_mark=True) if is_none else choice)
            elif piece.startswith("{"):
                if piece not in self._known:
                    reader = _Reader(self._sets[piece[1:-1]], self._sets, self._known)
                    self._known[piece] = _choice(reader.read_alternatives())
                parts.append(self._known[piece])
            else:
                parts.append(_SIGNS.get(piece) or _word(piece))
        return [*sequences, _together([*sides, _sequence(parts)])]


def _together(sides: Sequence[_Part]) -> _Part:
    first, *others = sides
    return replace(first, beside=tuple(others)) if others else first


def _sequence(parts: Sequence[_Part]) -> _Part:
    pattern, has_word, joint = "", False, _GAP
    needs: list[frozenset[bytes]] = []
    last = frozenset[bytes]()  # of what stands right before the next part
    for part in parts:
        if part.joint != _GAP:
            joint, last = part.joint, frozenset()
        elif part.is_mark:
            pattern += part.pattern
        elif part.is_optional:
            pattern += f"(?:{joint}{part.pattern})?" if has_word else f"(?:{part.pattern}{joint})?"
            last = _any_of([last, part.last])
        else:
            pattern += f"{joint}{part.pattern}" if has_word else part.pattern
            needs += part.needs
            if 0 < len(last) * len(part.first) <= _MOST_PAIRS:
                needs.append(frozenset(map(_PAIR, product(last, part.first))))
            has_word, joint, last = True, _GAP, part.last
    begins = next((part for part in parts if not part.is_mark), None)
    first = begins.first if begins and not begins.is_optional else frozenset()
    return _Part(pattern, tuple(needs), first, last, asks=bool(parts) and parts[-1].asks)


def _choice(alternatives: Sequence[_Part], *, is_optional: bool = False) -> _Part:
    """One of the alternatives; a text has the rarest part of one of them."""
    needs: tuple[frozenset[bytes], ...] = ()
    if len(alternatives) == 1:
        needs = alternatives[0].needs
    elif all(each.needs for each in alternatives):
        needs = (frozenset().union(*(max(each.needs, key=_rarity) for each in alternatives)),)
    pattern = "|".join(each.pattern for each in alternatives)
    first, last = _any_of([each.first for each in alternatives]), _any_of([each.last for each in alternatives])
    asks = not is_optional and all(each.asks for each in alternatives)
    return _Part(f"(?:{pattern})", () if is_optional else needs, first, last, is_optional, asks=asks)


def _any_of(words: Sequence[frozenset[bytes]]) -> frozenset[bytes]:
    return frozenset().union(*words) if all(words) else frozenset()


@lru_cache(maxsize=8192)  # most phrases are made of the same words
def _word(written: str) -> _Part:
    """The word in all its spellings."""
    pattern = "".join(_LETTERS.get(each) or re.escape(each) for each in written)
    letters = re.findall(r".\??", written)
    choices = [(each[0], "") if each.endswith("?") else (each, UMLAUTS.get(each, each)) for each in letters]
    spellings = [split_words("".join(each)) for each in product(*map(dict.fromkeys, choices))]
    if "*" in written or not all(spellings):
        return _Part(pattern)
    first, last = (frozenset(words[place] for words in spellings) for place in (0, -1))
    return _Part(pattern, (frozenset(chain.from_iterable(spellings)),), first, last)


_LETTERS = {"?": "?", "*": r"\w{0,30}", **{each: f"(?:{each}|{plain})" for each, plain in UMLAUTS.items()}}
_SIGNS = {
    "*": _Part(_ANY_WORD),
    "#": _Part(r"\d+"),
    "**": _Part(rf"{_ANY_WORD}(?:{_GAP}{_ANY_WORD}){{0,2}}", is_optional=True),
    "...": _Part("", joint=r"(?!\w)[^.!?\n]{0,60}?(?<!\w)"),
    "...,": _Part("", joint=r"(?!\w)[^.!?\n]{0,60}?, ?"),
    "^": _Part(_AT_BEGIN, is_mark=True),
    ".": _Part(r"(?=[.,;:!?\")\]\n]|$)", is_mark=True),
    ",": _Part(",", is_mark=True),
    "?": _Part(r" ?\?", is_mark=True, asks=True),
    ":": _Part(r" ?:", is_mark=True),
}
