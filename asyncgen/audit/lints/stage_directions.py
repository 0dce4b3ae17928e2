"""What gives prompt and scenario away in their own words: a piece of them, and a dimension by its name.

A value of a scenario directs (a persona, a tone, how it unfolds), tells what the user is after, or is there to be said
(a topic, facts, an agreed answer). Which, the name of its dimension tells; one that tells nothing directs. The names
are data, in `languages`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain

from asyncgen.audit.lints.word_runs import WordRuns, runs_of
from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrases, PlainText, plain
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.recipe.recipe import PLACEHOLDER
from asyncgen.recipe.scenario import Drawn

_RULE = "prompt-leak"
_PROMPT_RUN = 8  # words of the prompt in a row that nobody writes by chance
_VALUE_RUN = 6  # words of a value in a row
_LONGEST_VALUE = 600  # characters; what is longer, or has several lines, is a passage of the knowledge base
_SAID, _SOUGHT, _STAGED = (language.listed(_RULE, key) for key in ("said", "sought", "staged"))  # names of dimensions
_POINTS, _SEEKS = (language.words_listed(_RULE, key) for key in ("points", "seeks"))
_SIDES = language.words_listed("role-confusion", "labels")
_SHORTEST_WORD = 3  # letters of one that says something
_STEM = 3  # letters that two forms of a word share
_FEWEST_TELLING = 2  # words that name a role
_LONGEST_NAMED = 3  # words of a value in front of the name of its dimension: "formal register"
_FIRST_WORDS = 3  # of a value behind the name of its dimension
_AFTER_LABEL = 80  # characters in which a value follows


def _choice(key: str) -> str:
    return language.choice(language.listed(_RULE, key))


# "... believes that it was made in 1998, and insists on it", "... and the answer is: "In 1999."", "in these words: No."
_REPORTED = re.compile(
    rf'["„“«]([^"”“»]+)|\b((?:{_choice("reports")})\s.*?)(?=[,;.:]\s|$)|\b(?:{_choice("quotes")}):(.+)',
    re.IGNORECASE | re.DOTALL,
)
_PARTS = re.compile(rf"[,;:(]|\s(?:{_choice('relative')})\s", re.IGNORECASE)  # of what a role is called
_ARTICLE = re.compile(rf"^(?:{_choice('articles')})\s", re.IGNORECASE)
_PLAYS = re.compile(rf"\b(?:{_choice('plays')})\s(?:(?:{_choice('articles')})\s)?(\w+)")


class StageDirections:
    """Finds eight words in a row of the prompt that the knowledge base lacks, and what directs in a scenario.

    Of a value that directs six words in a row, and of a role what it is called, where the user has not said so of
    himself; of any value the name of its dimension, as a label or as what asks for something. A dimension with several
    values shows examples, and what a value says that somebody is to say, ask or believe is there to be said.
    """

    def __init__(self, system_prompt: str | None, knowledge: str = "") -> None:
        self._prompt = WordRuns(PLACEHOLDER.split(system_prompt or "")[::2], _PROMPT_RUN, without=knowledge)
        self._known = frozenset(_stems(split_words(knowledge)))

    def check(self, subject: Subject) -> Iterator[Finding]:
        directions = [_read_direction(*each) for each in (subject.scenario or {}).items()]
        said: list[Sequence[bytes]] = []  # by the user
        for position, (message, read) in enumerate(zip(subject.record.conversation, subject.plain, strict=True)):
            pieces = [self._prompt.find(read.words)]
            if directions:
                stems = None if message.role == "user" else frozenset(_stems(chain.from_iterable(said)))
                text = b" %b " % b" ".join(read.words)
                pieces += [each.find(read, text, stems, self._known) for each in directions]
            if message.role == "user":
                said.append(read.words)
            for piece in filter(None, pieces):
                yield Finding(_RULE, subject.record.number, position, excerpt(piece.decode("utf-8", "replace")))


class _Direction:
    """One dimension of a scenario and its value; None for several, or a passage."""

    def __init__(self, name: str, value: str | None) -> None:
        self._name = plain(re.sub(r"[\W_]+", " ", name)).strip()
        self._pointed_at = Phrases(language.phrases(_RULE, "pointed-at", self._name) if self._name else [])
        self._label = re.compile(rf"(?:^|(?<=[.!?*] )|(?<=[\n(\[*])){re.escape(self._name)}\** ?:", re.MULTILINE)
        words, value = frozenset(self._name.split()), value or ""
        self._told = frozenset(_telling(split_words(value)))
        directs = words.isdisjoint(_SAID)
        runs = _runs_that_direct(value)
        self._runs = runs if directs else [run for run in runs if not _SIDES.isdisjoint(run.split())]
        self._is_sought = not words.isdisjoint(_SOUGHT)
        self._seeks = int(bool(runs) and runs[0].split()[0] in _SEEKS)  # "wants to know ...", and no "to know ..."
        self._called = _called(value) if directs and not words.isdisjoint(_STAGED) else ()
        own = "|".join(re.escape(each) for each in (self._name, *words) if each not in language.FREQUENT_WORDS)
        self._beside = _name_beside_value(self._name, own, value) if own else None

    def find(
        self, read: PlainText, text: bytes, said: AbstractSet[bytes] | None, known: AbstractSet[bytes]
    ) -> bytes | None:
        """The first piece of it that a message has.

        `text`: its words with blanks around them. `said`: stems of what the user has said; None: he speaks. `known`:
        those of the knowledge base.
        """
        if named := self._find_named(read):
            return named.encode()
        for run in self._runs[: self._seeks] if said is None and self._is_sought else self._runs:
            if run in text and not _was_said(run.split(), said):
                return run
        for called in self._called:
            if b" %b " % called not in text:
                continue
            first = called.split()[0].decode()
            is_played = said is None and any(each[1] == first for each in _PLAYS.finditer(read.text))
            if is_played or (said is not None and not _was_said(called.split(), said | known)):
                return called
        return None

    def _find_named(self, read: PlainText) -> str | None:
        if self._name and self._name in read.text:
            if label := self._label.search(read.text):
                behind = split_words(read.text[label.end() : label.end() + _AFTER_LABEL])
                if " " in self._name or not self._told.isdisjoint(behind):
                    return label[0]
            if pointed := next(self._pointed_at.find(read), None):
                return pointed[0]
        if self._beside and (found := self._beside.search(read.text)):
            place = next(number for number, span in enumerate(read.spans) if found.start() < span[1])
            if not found.groupdict().get("called") or not read.stretches[place].isdisjoint(_POINTS):
                return found[0]
        return None


@lru_cache(maxsize=4096)
def _read_direction(name: str, drawn: Drawn) -> _Direction:
    value = drawn[0][1] if len(drawn) == 1 else ""
    is_one = len(drawn) == 1 and "\n" not in value and len(value) <= _LONGEST_VALUE
    return _Direction(name, value if is_one else None)


def _name_beside_value(name: str, words: str, value: str) -> re.Pattern[str] | None:
    """Finds "My mood is irritated", "the goal to find a cheap one", "(formal)"; as `called` "a formal register".

    `words`: of the name, as a choice.
    """
    shapes = [rf"[(\[]{re.escape(name)}[)\]]"] if name else []
    first = plain(value).split()[:_FIRST_WORDS]
    if re.fullmatch(r"[\w'-]+(?: [\w'-]+)*", " ".join(first)):
        begins, whole = re.escape(" ".join(first)), re.escape(plain(value))
        shapes.append(rf"\b{re.escape(name)}(?: is| was|,)? {begins}\b")
        shapes += [rf"[(\[*]{whole}[)\]*]"] if len(first) < _FIRST_WORDS else []
        is_short = len(value.split()) <= _LONGEST_NAMED
        shapes += [rf"\b(?P<called>{whole}) (?:\w+ )?(?:{words})\b"] if is_short else []
    return re.compile("|".join(shapes)) if shapes else None


def _runs_that_direct(value: str) -> Sequence[bytes]:
    reported = {
        run
        for parts in _REPORTED.findall(value)
        for run in runs_of(split_words(next(filter(None, parts), "")), _VALUE_RUN)
    }
    return tuple(b" ".join(run) for run in runs_of(split_words(value), _VALUE_RUN) if run not in reported)


def _called(value: str) -> Sequence[bytes]:
    """What says enough to be told from any other: "distrustful former tax inspector"."""
    parts = [_ARTICLE.sub("", each.strip()) for each in (value, *_PARTS.split(value))]
    words = [split_words(each) for each in dict.fromkeys(parts)]
    return tuple(b" ".join(each) for each in words if len(list(_telling(each))) >= _FEWEST_TELLING)


def _telling(words: Iterable[bytes]) -> Iterator[bytes]:
    return (each for each in words if len(each) >= _SHORTEST_WORD and each not in language.FREQUENT)


def _stems(words: Iterable[bytes]) -> Iterator[bytes]:
    return (each[:_STEM] for each in words)


def _was_said(words: Iterable[bytes], said: Collection[bytes] | None) -> bool:
    return said is not None and all(stem in said for stem in _stems(_telling(words)))
