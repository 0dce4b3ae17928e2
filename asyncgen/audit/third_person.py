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
from asyncgen.audit.phrases import Phrase, Phrases, PlainText, plain
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

        def read(*keys: str) -> Iterator[Phrase]:
            of_name = [key for key in keys if key.startswith(("named", "asked-", "unowned-"))]
            return chain.from_iterable(
                language.phrases(rule, key, plain(name or "")) for key in keys if name or key not in of_name
            )

        is_alone = name is not None and len(re.findall(rf"\b{re.escape(name)}\b", knowledge)) <= _HARDLY
        self._phrases = Phrases(read("named", "phrases", *["named-one"] * is_alone))
        self._alone = Phrases(read(*["named-alone"] * is_alone))
        self._unowned = Phrases(read("unowned", "unowned-named"))
        self._asked = Phrases(read("asked-named", "asked", *["asked-alone"] * is_alone))
        self._you, self._subjects = map(_words, ("you", "subjects"))
        self._own = {code: _words("own", code) for code in (*language.LANGUAGES, None)}
        self._knowledge = b" %b " % b" ".join(split_words(knowledge))
        self._name = re.compile(rf"(?<!\w){re.escape(plain(name or chr(0)))}(?!\w)")
        self._called = re.compile(rf"(?:^|^\w+ |, ?){re.escape(plain(name or chr(0)))}(?=[,!?.]|$)", re.MULTILINE)

    def check(self, subject: Subject) -> Iterator[Finding]:
        for position, (message, read) in enumerate(zip(subject.record.conversation, subject.plain, strict=True)):
            if message.role != "assistant":
                continue
            text = _QUOTED.sub(blank, read.text)
            found = self._phrases.find(read, text)
            asked = subject.plain[position - 1] if position else None
            if asked is None or not self._names(asked):
                found = chain(found, self._alone.find(read, text))
            if self._own[subject.languages[position]].isdisjoint(read.vocabulary):
                found = chain(found, self._unowned.find(read, text))
                if asked and self._speaks_to(asked):
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
        return not self._names(asked)

    def _names(self, asked: PlainText) -> bool:
        """Whether somebody speaks of the name, and not only to it."""
        return self._name.search(self._called.sub("", asked.text)) is not None


def _words(key: str, code: str | None = None) -> frozenset[bytes]:
    """The words of one language, or of all: "im" is none of somebody's own in German."""
    listed = language.table_of(code, "third-person")[key] if code else language.listed("third-person", key)
    return frozenset(chain.from_iterable(map(split_words, listed)))
