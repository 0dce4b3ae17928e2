"""An assistant that tells of a life of its own: what it does, plans and owns, and whom the scenario casts.

What people do has no end, but what an assistant says that it does is soon listed: it knows, sees, answers. A verb that
is none of these is a sign, and so is what only a person owns, when it is done, a word by which the scenario tells of
the user, and that an answer is taken in. One sign alone is a figure of speech; a first answer may have been asked for.
Who speaks to a "you" tells of no life of his own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from operator import eq

from asyncgen.audit.lints.swapped_sides import Said
from asyncgen.audit.reading import language
from asyncgen.audit.reading.words import split_words
from asyncgen.recipe.scenario import Drawn

_RULE = "role-confusion"
_ADDRESSED, _POLITE, _JOINTLY_OWNED, _OWNING, _OWNED, _LIVED = (
    language.words_listed(_RULE, key)
    for key in ("addressed", "polite", "our", "owning", "owned-by-assistants", "lived")
)
_TAKEN_IN = frozenset().union(
    *(language.words_listed(_RULE, key) for key in ("reactions", "interjections", "taking-in"))
)
_DONE, _DONE_BY_BOTH, _DENIED = (language.words_listed(_RULE, key) for key in ("assistants-do", "both-do", "denied"))
_CONDITIONAL, _NO_DEEDS, _SUPPOSING = (
    language.words_listed(_RULE, key) for key in ("conditional", "no-deeds", "supposing")
)
# Where the verb stands behind "I", and where beside it or last.
_I, _BETWEEN, _IS, _HAS = (language.words_listed(_RULE, key, "en") for key in ("first-person", "between", "is", "has"))
_ICH, _MODAL, _SUBORDINATE = (
    language.words_listed(_RULE, key, "de") for key in ("first-person", "modal", "subordinate")
)
_OWNERS = _OWNING | _JOINTLY_OWNED
_PERSONAL = _I | _ICH | _OWNERS
_SPOKEN_TO = _ADDRESSED | _POLITE
_TO = b"to"
_CLAUSE_END = re.compile(r"[,:;]|\s[-\u2013\u2014]\s")
_MOST_BETWEEN = 6  # words between "I" and what is done
_REACH = 2  # words behind "my" within which it is told of what
_ENDINGS = (b"ed", b"d", b"ing", b"s", b"es")
_PARTICIPLES = (b"ed", b"en", b"ght")
_FEWEST_LETTERS = 4  # of a word of the scenario
_FEWEST_SHARED, _MOST_OTHER = 5, 2  # letters with which two words of the same begin, and that one has behind them
_SURE = 2  # signs that something is worth which assistants hardly say
_ENOUGH = 2
_ENOUGH_AT_FIRST = 3
_DIMENSIONS = tuple(sorted(language.listed(_RULE, "cast-dimensions") | language.listed(_RULE, "plan-dimensions")))


class OwnLife:
    def __init__(self, knowledge: str) -> None:
        self._known = frozenset(split_words(knowledge))

    def is_told(self, said: Sequence[Said], position: int, scenario: Mapping[str, Drawn] | None) -> bool:
        message = said[position]
        if message.role != "assistant" or not position or _PERSONAL.isdisjoint(message.plain.vocabulary):
            return False
        if message.is_to_you:  # as nearly all that an assistant says
            return False
        takes_in = message.words[0] in _TAKEN_IN and not said[position - 1].asks
        heard = said[position - 1].plain.vocabulary
        spans = zip(message.plain.stretches, message.plain.spans, strict=True)
        signs = [
            self._count_signs(sentence, scenario or {}, heard, takes_in=takes_in)
            for words, (start, end) in spans
            if not _PERSONAL.isdisjoint(words) and "?" not in message.text[start:end]
            for sentence in message.text[start:end].replace("i'm", "i am").split("\n")
        ]
        is_again = sum(map(bool, signs)) > 1
        return max(signs, default=0) + is_again >= (_ENOUGH_AT_FIRST if position == 1 else _ENOUGH)

    def _count_signs(
        self, sentence: str, scenario: Mapping[str, Drawn], heard: frozenset[bytes], *, takes_in: bool
    ) -> int:
        words = split_words(sentence)
        if not _SUPPOSING.isdisjoint(words):
            return 0
        behind = [(word, words[place + 1 : place + 1 + _REACH]) for place, word in enumerate(words) if word in _OWNERS]
        owned = any(
            word in _OWNING and _OWNED.isdisjoint(things) and self._known.isdisjoint(things) for word, things in behind
        )
        clauses = map(split_words, _CLAUSE_END.split(sentence))
        to_nobody = (clause for clause in clauses if _SPOKEN_TO.isdisjoint(clause))
        deeds = max((sign for clause in to_nobody for sign in _read_deeds(clause)), default=0)
        if not (behind or deeds):
            return 0
        cast = frozenset().union(*_words_of(scenario)) - self._known
        ours = [things[0] for word, things in behind if word in _JOINTLY_OWNED and things and _is_cast(things[0], cast)]
        signs = deeds + _SURE * owned + _SURE * bool(ours) + any(not _is_cast(each, heard) for each in ours)
        if deeds or owned:
            signs += (not _LIVED.isdisjoint(words)) + any(_is_cast(word, cast) for word in words) + takes_in
        return max(signs - (not _SPOKEN_TO.isdisjoint(words)), 0)


def _read_deeds(words: Sequence[bytes]) -> Iterator[int]:
    """How many signs of a person what a clause says that oneself does is worth: none, one if assistants do it, too."""
    for place, word in enumerate(words):
        read = _deed_behind if word in _I else _deed_beside if word in _ICH else None
        if read is None or (found := read(words, place)) is None:
            continue
        deed, between = found
        sign = 1 if _is_listed(deed, _DONE_BY_BOTH) else 0 if _is_listed(deed, _DONE) else _SURE
        yield 0 if not _DENIED.isdisjoint(between) else max(sign - (not _CONDITIONAL.isdisjoint(between)), 0)


def _deed_behind(words: Sequence[bytes], place: int) -> tuple[bytes, Sequence[bytes]] | None:
    """The verb after "I", and what stands between."""
    end = place + 1
    while end < len(words) and words[end] in _BETWEEN:
        end += 1
    if end == len(words) or end - place > _MOST_BETWEEN:
        return None
    deed, between = words[end], words[place:end]
    if not _IS.isdisjoint(between):
        is_verb = deed.endswith(b"ing")
    elif not _HAS.isdisjoint(between) and _TO not in between:
        is_verb = deed.endswith(_PARTICIPLES) or _is_listed(deed, _DONE_BY_BOTH)
    else:
        is_verb = deed.isalpha()
    return (deed, between) if is_verb else None


def _deed_beside(words: Sequence[bytes], place: int) -> tuple[bytes, Sequence[bytes]] | None:
    """The verb before or after "ich", or at the end of its clause, and the clause."""
    before, after = words[place - 1] if place else b"", words[place + 1] if place + 1 < len(words) else b""
    last = words[-2] if words[-1] in _MODAL and len(words) > 1 else words[-1]
    if before in _MODAL or after in _MODAL:
        deed = last if last.endswith((b"n", b"t")) else b""
    elif before in _SUBORDINATE:
        deed = last if last.endswith(b"e") else b""
    else:
        deed = next((each for each in (before, after) if each.endswith(b"e") and each not in _NO_DEEDS), b"")
    return (deed, words[max(place - 3, 0) : place + 8]) if deed else None


@lru_cache(maxsize=4096)
def _is_listed(word: bytes, listed: frozenset[bytes]) -> bool:
    """Whether the word, or that of which it is a form, is among them."""
    if word in listed:
        return True
    stems = [word[: -len(ending)] for ending in _ENDINGS if word.endswith(ending)]
    return any(stem in listed or stem + b"e" in listed or stem[:-1] in listed for stem in stems if len(stem) > 1)


def _words_of(scenario: Mapping[str, Drawn]) -> Iterator[frozenset[bytes]]:
    dimensions = (drawn for name, drawn in scenario.items() if _is_of_the_user(name))
    return (_cast_by(value) for drawn in dimensions for _, value in drawn)


@lru_cache(maxsize=256)
def _is_of_the_user(dimension: str) -> bool:
    return any(each in dimension.lower() for each in _DIMENSIONS)


@lru_cache(maxsize=4096)
def _cast_by(value: str) -> frozenset[bytes]:
    return frozenset(each for each in split_words(value) if len(each) >= _FEWEST_LETTERS or each.isdigit()) - (
        language.FREQUENT
    )


def _is_cast(word: bytes, cast: frozenset[bytes]) -> bool:
    """Whether it is one of these, or of the same stem, or a part of one: "blog" of a "blogger"."""
    return word in cast or (len(word) >= _FEWEST_LETTERS and any(_is_akin(word, each) for each in cast))


def _is_akin(word: bytes, other: bytes) -> bool:
    short, long = sorted((word, other), key=len)
    if len(short) < _FEWEST_LETTERS:
        return False
    shared = sum(1 for _ in takewhile(bool, map(eq, short, long)))
    return long.startswith(short) or long.endswith(short) or shared >= max(_FEWEST_SHARED, len(short) - _MOST_OTHER)
