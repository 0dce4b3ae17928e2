"""`third-person`: an answer speaks of the model as of somebody else ("nanochat is happy to help").

The project may have the model's name, and of it anybody may speak: the phrases ask for what only a speaker does or says
of itself, such as to know, to hope or to be glad. A name that the knowledge base hardly tells of is the model's alone,
and whatever is told of it is told of the model. To somebody who has spoken to the assistant, an answer in which nobody
says "I" may tell of neither; what the knowledge base tells of the project too may stand there, unless the question is
of nobody but the assistant ("who made you?"). What stands between quotation marks is somebody else's.
"""

import re
from collections.abc import Iterator
from itertools import chain

from asyncgen.audit.lints.role_confusion import find_assistant_name
from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrase, Phrases, PlainText, plain
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, blank, excerpt
from asyncgen.audit.subject import Subject

# "I, nanochat, cannot": a name beside who has it.
_OWN = re.compile(r"(?:\b(?:i|me|myself),|\bam|i'm|\bas|\bcalled|\bnamed|\bname is|\bich,|\bbin)\s$")
_OWN_REACH = 12  # characters
_HARDLY = 1  # times that a knowledge base names an assistant of which it does not tell
_TOLD_WORDS = 5  # of a statement, in its first characters
_TOLD_REACH = 80
_QUOTED = re.compile(
    r'"[^"\n]{1,300}"|[\u201e\u201c\u00ab\u00bb][^\u201c\u201d\u00ab\u00bb\n]{1,300}[\u201c\u201d\u00ab\u00bb]'
)


class ThirdPerson:
    """`system_prompt`: as the recipe writes it; the name in it is the assistant's."""

    def __init__(self, system_prompt: str | None, knowledge: str) -> None:
        rule, given = "third-person", find_assistant_name(system_prompt)
        name = plain(given or "")

        def read(*keys: str) -> Iterator[Phrase]:
            of_name = [key for key in keys if key.startswith(("named", "asked-", "unowned-"))]
            return chain.from_iterable(language.phrases(rule, key, name) for key in keys if name or key not in of_name)

        is_alone = given is not None and _is_alone(given, knowledge)
        self._phrases = Phrases(read("named", "phrases", *["named-one", "named-alone"] * is_alone))
        self._unowned = Phrases(read("unowned", "unowned-named"))
        self._told = Phrases(read("asked-named", "asked", *["asked-alone"] * is_alone))
        self._pronouns, self._asks, self._asks_who, self._for_others = (
            Phrases(read(key)) for key in ("pronouns", "asks", "asks-who", "for-others")
        )
        self._you, self._subjects = (language.words_listed(rule, key) for key in ("you", "subjects"))
        self._own = {code: language.words_listed(rule, "own", code) for code in (*language.LANGUAGES, None)}
        self._knowledge = b" %b " % b" ".join(split_words(knowledge))
        self._has_capital = name != given
        own = re.escape(name or chr(0))
        self._name = re.compile(rf"(?<!\w){own}(?!\w)")
        self._called = re.compile(rf"(?:^|^\w+ |, ?){own}(?=[,!?.]|$)", re.MULTILINE)
        before = "|".join(sorted(language.listed(rule, "no-subject")))
        self._no_subject = re.compile(rf"(?<!,\s)\b(?:{before})\s{own}(?!'?s\b)")

    def check(self, subject: Subject) -> Iterator[Finding]:
        for position, (message, read) in enumerate(zip(subject.record.conversation, subject.plain, strict=True)):
            if message.role != "assistant":
                continue
            text = _QUOTED.sub(blank, read.text) if '"' in read.text else read.text
            found = self._phrases.find(read, text)
            asked = subject.plain[position - 1] if position else None
            if self._own[subject.languages[position]].isdisjoint(read.vocabulary):
                found = chain(
                    found, self._unowned.find(read, text), self._find_told(asked, read, text) if asked else ()
                )
            for match in found:
                if not self._is_subject(message.content, text, match.start()):
                    continue
                if asked is None or next(self._for_others.find(asked), None) is None:
                    yield Finding(
                        "third-person", subject.record.number, position, excerpt(message.content, *match.span())
                    )
                break

    def _is_subject(self, content: str, text: str, place: int) -> bool:
        """Whether what is found there is told of somebody, and is neither beside an "I" nor behind an "of".

        A name in small letters, where it is not written so, is a word: a sprocket.
        """
        least = max(place - _OWN_REACH, 0)
        if _OWN.search(text, least, place):
            return False
        if (name := self._name.match(text, place)) is None:
            return True
        if self._has_capital and content[place : place + 1].islower():
            return False
        before = self._no_subject.search(text, least)
        return before is None or before.end() != name.end()

    def _find_told(self, asked: PlainText, read: PlainText, text: str) -> Iterator[re.Match[str]]:
        """What an answer without an "I" tells of the assistant to somebody who has spoken to it, and of nobody else."""
        told, pronouns = [*self._told.find(read, text)], [*self._pronouns.find(read, text)]
        if not (told or pronouns) or self._name.search(self._called.sub("", asked.text)):
            return  # or somebody speaks of the name, and not only to it
        asks_who = next(self._asks_who.find(asked), None) is not None
        is_topic = asks_who or next(self._asks.find(asked), None) is not None
        if not is_topic and (self._you.isdisjoint(asked.vocabulary) or not self._subjects.isdisjoint(asked.vocabulary)):
            return
        yield from (each for each in told if is_topic or not self._is_known(text, each))
        if asks_who:
            yield from (each for each in pronouns if each.start() == 0 or self._name.search(text, 0, each.start()))

    def _is_known(self, text: str, found: re.Match[str]) -> bool:
        """Whether the knowledge base tells it of what has the name too, such as the project."""
        words = split_words(text[found.start() : found.start() + _TOLD_REACH])[:_TOLD_WORDS]
        return b" %b " % b" ".join(words) in self._knowledge


def _is_alone(name: str, knowledge: str) -> bool:
    """Whether the knowledge base tells of nobody of that name, or that this is the assistant."""
    if len(re.findall(rf"\b{re.escape(name)}\b", knowledge)) <= _HARDLY:
        return True
    introduced = Phrases(language.phrases("third-person", "introduced", plain(name)))
    return next(introduced.find(PlainText(knowledge)), None) is not None
