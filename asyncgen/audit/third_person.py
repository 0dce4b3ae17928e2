"""`third-person`: an answer speaks of the model as of somebody else ("nanochat is happy to help").

The project may have the model's name, and of it anybody may speak: the phrases ask for what only a speaker does or says
of itself, such as to know, to hope or to be glad. A name that the knowledge base hardly tells of is the model's alone,
and whatever is told of it is told of the model. To somebody who has spoken to the assistant, an answer in which nobody
says "I" may tell of neither. What stands between quotation marks is somebody else's.
"""

import re
from collections.abc import Iterator
from itertools import chain

from asyncgen.audit import language
from asyncgen.audit.phrases import Phrases, PlainText, plain
from asyncgen.audit.role_confusion import find_assistant_name
from asyncgen.audit.rules import Finding, Subject, blank, excerpt
from asyncgen.audit.words import split_words

# "I, nanochat, cannot": a name beside who has it.
_OWN = re.compile(r"(?:\b(?:i|me|myself),|\bam|i'm|\bas|\bcalled|\bnamed|\bname is|\bich,|\bbin)\s$")
_OWN_REACH = 12  # characters
_HARDLY = 1  # times that a knowledge base names an assistant of which it does not tell
_TOLD_WORDS = 5  # of a statement, in its first characters
_TOLD_REACH = 80
_QUOTED = re.compile(r'"[^"\n]{1,300}"')


class ThirdPerson:
    """`system_prompt`: as the recipe writes it; the name in it is the assistant's."""

    def __init__(self, system_prompt: str | None, knowledge: str) -> None:
        rule, name = "third-person", find_assistant_name(system_prompt)
        named = [] if name is None else [*language.phrases(rule, "named", plain(name))]
        if name and len(re.findall(rf"\b{re.escape(name)}\b", knowledge)) <= _HARDLY:
            named += language.phrases(rule, "named-alone", plain(name))
        self._phrases = Phrases([*named, *language.phrases(rule)])
        told = [] if name is None else language.phrases(rule, "asked-named", plain(name))
        self._asked = Phrases([*told, *language.phrases(rule, "asked")])
        self._you, self._own, self._subjects = map(_words, ("you", "own", "subjects"))
        self._knowledge = b" %b " % b" ".join(split_words(knowledge))
        self._name = re.compile(rf"(?<!\w){re.escape(plain(name or chr(0)))}(?!\w)")
        self._called = re.compile(rf"(?:^|^\w+ |, ?){re.escape(plain(name or chr(0)))}(?=[,!?.]|$)", re.MULTILINE)

    def check(self, subject: Subject) -> Iterator[Finding]:
        for position, (message, read) in enumerate(zip(subject.record.conversation, subject.plain, strict=True)):
            if message.role != "assistant":
                continue
            text = _QUOTED.sub(blank, read.text)
            found = self._phrases.find(read, text)
            if position and self._speaks_to(subject.plain[position - 1]) and self._own.isdisjoint(read.vocabulary):
                told = (each for each in self._asked.find(read, text) if not self._is_known(text, each))
                found = chain(found, told)
            for match in found:
                if not _OWN.search(text, max(match.start() - _OWN_REACH, 0), match.start()):
                    evidence = excerpt(message.content, *match.span())
                    yield Finding("third-person", subject.record.number, position, evidence)
                    break

    def _is_known(self, text: str, found: re.Match[str]) -> bool:
        """Whether the knowledge base tells it of what has the name too, such as the project."""
        words = split_words(text[found.start() : found.start() + _TOLD_REACH])[:_TOLD_WORDS]
        return b" %b " % b" ".join(words) in self._knowledge

    def _speaks_to(self, asked: PlainText) -> bool:
        """Whether somebody speaks to the assistant, and of nobody that an answer may tell of."""
        if self._you.isdisjoint(asked.vocabulary) or not self._subjects.isdisjoint(asked.vocabulary):
            return False
        return not self._name.search(self._called.sub("", asked.text))


def _words(key: str) -> frozenset[bytes]:
    return frozenset(chain.from_iterable(map(split_words, language.listed("third-person", key))))
