"""`third-person`: an answer speaks of the model as of somebody else ("nanochat is happy to help").

The project may have the model's name, and of it anybody may speak: the phrases ask for what only a speaker does or says
of itself, such as to know, to hope or to be glad. A name that the knowledge base hardly tells of is the model's alone,
and whatever is told of it is told of the model. What stands between quotation marks is somebody else's.
"""

import re
from collections.abc import Iterator

from asyncgen.audit import language
from asyncgen.audit.phrases import Phrases, plain
from asyncgen.audit.role_confusion import find_assistant_name
from asyncgen.audit.rules import Finding, Subject, blank, excerpt

# "I, nanochat, cannot": a name beside who has it.
_OWN = re.compile(r"(?:\b(?:i|me|myself),|\bam|i'm|\bas|\bcalled|\bnamed|\bname is|\bich,|\bbin)\s$")
_OWN_REACH = 12  # characters
_HARDLY = 1  # times that a knowledge base names an assistant of which it does not tell
_QUOTED = re.compile(r'"[^"\n]{1,300}"')


class ThirdPerson:
    """`system_prompt`: as the recipe writes it; the name in it is the assistant's."""

    def __init__(self, system_prompt: str | None, knowledge: str) -> None:
        rule, name = "third-person", find_assistant_name(system_prompt)
        named = [] if name is None else [*language.phrases(rule, "named", plain(name))]
        if name and len(re.findall(rf"\b{re.escape(name)}\b", knowledge)) <= _HARDLY:
            named += language.phrases(rule, "named-alone", plain(name))
        self._phrases = Phrases([*named, *language.phrases(rule)])

    def check(self, subject: Subject) -> Iterator[Finding]:
        for position, (message, read) in enumerate(zip(subject.record.conversation, subject.plain, strict=True)):
            if message.role != "assistant":
                continue
            text = _QUOTED.sub(blank, read.text)
            for found in self._phrases.find(read, text):
                if not _OWN.search(text, max(found.start() - _OWN_REACH, 0), found.start()):
                    evidence = excerpt(message.content, *found.span())
                    yield Finding("third-person", subject.record.number, position, evidence)
                    break
