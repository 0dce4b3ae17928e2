"""What gives the prompt away, and how other assistants excuse themselves.

Speaking of prompts, contexts and documents of a language model is no leak, and calling oneself a language model no
disclaimer: the phrases (see `languages`) ask for the words that point at the writer's own prompt, or at a stock excuse.
What a user has brought up may be spoken of. Of a script or a passage that neither he nor the knowledge base has named,
no answer knows but from its prompt (`as-known`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from asyncgen.audit.reading import language
from asyncgen.audit.reading.facts import without_code
from asyncgen.audit.reading.phrases import Phrases, Uncased, either, literal_phrase, read_phrases
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import PHRASE_RULES, Finding, blank, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Conversation

_LEAK, _DISCLAIMER = PHRASE_RULES
# A place of a template that nobody has filled in: {topic}, [insert a fact], [DATE].
_UNFILLED = re.compile(
    r"(?<![\w$\"'`{}(\[=\\/])\{\{? ?[a-z]+(?:[_ ][a-z]+){0,3} ?\}?\}(?![\w\"'`}])"
    r"|\[(?:insert|topic|persona|placeholder)\b[^\]\n]{0,60}\](?![(\]])",
    re.IGNORECASE,
)
_UNFILLED_NAME = re.compile(
    r"\[(?:(?:YOUR[ _])?(?:DATE|NAME|PRICE|TIME|NUMBER|CITY|ADDRESS|COMPANY|TOPIC|FACT|DATUM|PREIS|ORT|UHRZEIT)"
    r"|(?:[A-Z]+_)*(?:PERSONA|SCENARIO|TOPIC)(?:_[A-Z]+)*)\](?![(\]])"
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_ENDING = re.compile(rb"(?<=...)(?:e?[sn]|e)$")
_QUOTED = re.compile(r'"[^"\n]{4,200}"')


class Leaks:
    """Looks for the phrases of both rules and for those that a recipe adds.

    A prompt leaks on either side, and only the assistant excuses itself, in its own words and not in quoted ones. A
    recipe's own phrases are found everywhere.
    """

    def __init__(self, own: Mapping[str, tuple[str, ...]], knowledge: str = "") -> None:
        self._knowledge = _spaced(knowledge)
        self._named = frozenset(map(_stem, split_words(knowledge)))
        self._own = {rule: list(map(literal_phrase, own.get(rule, ()))) for rule in PHRASE_RULES}
        self._literals = sorted(language.listed(_LEAK, "literals"))
        self._templates = language.any_phrase(_LEAK, "templates")

    def check(self, subject: Subject) -> Iterator[Finding]:
        number, conversation = subject.record.number, subject.record.conversation
        for rule in PHRASE_RULES:
            for position, (message, plain) in enumerate(zip(conversation, subject.plain, strict=True)):
                own = (each.pattern.search(plain.text) for each in self._own[rule] if each.may_be_in(plain.vocabulary))
                match = next(filter(None, own), None) or next(self._find_spoken(rule, subject, position), None)
                if match:
                    yield Finding(rule, number, position, excerpt(message.content, *match.span()))
        for position, message in enumerate(conversation):
            unfilled = _find_unfilled(message.content)
            if unfilled and not self._is_about_templates(conversation[: position + 1]):
                yield Finding(_LEAK, number, position, excerpt(message.content, *unfilled.span()))
            literal = next(filter(message.content.__contains__, self._literals), None)
            if literal and not ('"' in literal and self._is_about_templates(conversation[:position])):
                place = message.content.index(literal)
                yield Finding(_LEAK, number, position, excerpt(message.content, place, place + len(literal)))

    def _is_about_templates(self, conversation: Conversation) -> bool:
        """Whether the talk is of code or of what a template looks like."""
        return any(self._templates.search(each.content) for each in conversation)

    def _find_spoken(self, rule: str, subject: Subject, position: int) -> Iterator[re.Match[str]]:
        conversation, plain = subject.record.conversation, subject.plain[position]
        is_answer = conversation[position].role == "assistant"
        if phrases := _phrases().get((rule, is_answer)):
            may_quote = rule == _DISCLAIMER and '"' in plain.text
            for each in phrases.find(plain, _QUOTED.sub(blank, plain.text) if may_quote else None):
                if not self._may_be_said(each[0], conversation[:position]):
                    yield each
        if rule == _LEAK and is_answer:
            for each in _as_known().find(plain):
                if not self._is_named(_stem(split_words(each[0])[-1]), subject, position):
                    yield each

    def _is_named(self, noun: bytes, subject: Subject, position: int) -> bool:
        """Whether the knowledge base has the noun, or a user before, so that an answer may speak of it as known."""
        earlier = zip(subject.record.conversation[:position], subject.plain, strict=False)
        return noun in self._named or any(
            noun in map(_stem, plain.vocabulary) for message, plain in earlier if message.role == "user"
        )

    def _may_be_said(self, found: str, earlier: Conversation) -> bool:
        """Whether the knowledge base says so too, or a user brought up what the answer speaks of.

        He may have asked for the cutoff, or handed over the text.
        """
        if (words := split_words(found))[1:] and b" %b " % b" ".join(words) in self._knowledge:
            return True
        said = [each.content for each in earlier if each.role == "user"]
        return any(topic.search(found) and any(raises.search(each) for each in said) for topic, raises in _raised())


@lru_cache(maxsize=1)
def _phrases() -> Mapping[tuple[str, bool], Phrases]:
    """By the rule and whether the assistant speaks; a user has been told, and is supposed to do, many things."""
    on_either_side = list(language.phrases(_LEAK))
    return {
        (_LEAK, False): Phrases(on_either_side),
        (_LEAK, True): Phrases([*on_either_side, *language.phrases(_LEAK, "assistant")]),
        (_DISCLAIMER, True): Phrases(language.phrases(_DISCLAIMER)),
    }


@lru_cache(maxsize=1)
def _as_known() -> Phrases:
    return Phrases(language.phrases(_LEAK, "as-known"))


def _stem(word: bytes) -> bytes:
    """Without the ending of a plural or a genitive."""
    return _ENDING.sub(b"", word)


@lru_cache(maxsize=1)
def _raised() -> Sequence[tuple[Uncased, ...]]:
    """By topic: how an answer speaks of it, and how a user does."""
    return [
        tuple(either(read_phrases(topic[side], {})) for side in ("found", "said"))
        for table in language.tables("raised")
        for topic in table.values()
    ]


def _find_unfilled(text: str) -> re.Match[str] | None:
    found = _UNFILLED.search(without_code(text)) if "{" in text or "[" in text else None
    return found or (_UNFILLED_NAME.search(_CODE.sub(blank, text)) if "[" in text else None)


def _spaced(text: str) -> bytes:
    return b" %b " % b" ".join(split_words(text))
